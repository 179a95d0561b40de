//! What is told of a plan while the target still holds another one.

use crate::api::status::PlanSummary;

/// Most of what is listed of a plan's Secrets.
pub const SECRETS: usize = 64;
/// Most of what is listed of the kinds of custom resources.
pub const KINDS: usize = 32;

/// A plan's summary, with what its target may still hold of the one before: production's own
/// credentials, references to it, volumes that stay, and kinds that are to be cleaned up after.
pub fn beside(plan: PlanSummary, before: &PlanSummary) -> PlanSummary {
    PlanSummary {
        copied: both(&before.copied, &plan.copied, SECRETS),
        warned: plan.warned.max(before.warned),
        retained: plan.retained.max(before.retained),
        custom_kinds: both(&before.custom_kinds, &plan.custom_kinds, KINDS),
        ..plan
    }
}

fn both(before: &[String], now: &[String], most: usize) -> Vec<String> {
    let mut all = before.to_vec();
    all.extend(now.iter().filter(|it| !before.contains(it)).cloned());
    all.truncate(most);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(digest: &str, copied: &[&str], warned: u32, kinds: &[&str]) -> PlanSummary {
        let owned = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect();
        PlanSummary {
            name: "pr-1".into(),
            digest: digest.into(),
            generation: 1,
            objects: 1,
            changes: 0,
            left_behind: 0,
            findings: 0,
            copied: owned(copied),
            warned,
            retained: 0,
            custom_kinds: owned(kinds),
        }
    }

    #[test]
    fn a_credential_that_a_new_plan_leaves_out_is_told_until_that_is_applied() {
        let held = summary("a", &["payment"], 2, &["example.com/v1 Widget"]);
        let told = beside(summary("b", &["mail"], 0, &[]), &held);
        assert_eq!(told.digest, "b", "the digest is what a person approves");
        assert_eq!(told.copied, ["payment", "mail"]);
        assert_eq!(told.warned, 2);
        assert_eq!(told.custom_kinds, ["example.com/v1 Widget"]);
    }

    #[test]
    fn what_both_have_is_told_once() {
        let held = summary("a", &["payment"], 0, &[]);
        assert_eq!(beside(summary("b", &["payment"], 1, &[]), &held).copied, ["payment"]);
    }
}
