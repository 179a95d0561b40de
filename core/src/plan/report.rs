//! A plan as a StagingPlan: what fits into one object, and how much did not.
//!
//! etcd takes 1.5 MiB. A huge source has more to tell, so that lists are cut: findings last, since
//! they are what a person has to look at, and many of one kind first.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;

use super::Plan;
use crate::api::{
    drift::Drifted,
    staging_plan::{Finding, Severity, StagingPlanSpec, Truncated},
};

/// Bytes of all lists together, as JSON. What `kubectl` and the API server add fits beside it.
const BYTES: usize = 1_000_000;
/// Entries of a list.
const LISTED: usize = 3000;
/// Findings of one kind and severity.
const ALIKE: usize = 50;

/// The report of a plan for a generation of its environment, and of how production has moved on since,
/// as far as it fits.
pub fn fitting(plan: &Plan, generation: i64, drift: &[Drifted]) -> StagingPlanSpec {
    let mut report = plan.report(generation);
    let mut room = BYTES;
    let mut cut = Truncated::default();
    let (findings, alike) = without_repetition(&plan.findings);
    report.findings = first(findings, &mut room, &mut cut.findings);
    cut.findings = cut.findings.saturating_add(alike);
    report.drift = first(drift.to_vec(), &mut room, &mut cut.drift);
    report.left_behind = first(report.left_behind, &mut room, &mut cut.left_behind);
    report.clones = first(report.clones, &mut room, &mut cut.clones);
    report.changes = first(report.changes, &mut room, &mut cut.changes);
    report.truncated = (cut != Truncated::default()).then_some(cut);
    report
}

/// The first entries, as many as there is room for; the others are counted.
fn first<T: Serialize>(list: Vec<T>, room: &mut usize, left_out: &mut u32) -> Vec<T> {
    let whole = list.len();
    let fits = |entry: &T| {
        let bytes = serde_json::to_string(entry).map_or(usize::MAX, |it| it.len() + 1);
        let rest = room.checked_sub(bytes);
        *room = rest.unwrap_or_default();
        rest.is_some()
    };
    let kept: Vec<T> = list.into_iter().take(LISTED).take_while(fits).collect();
    *left_out = u32::try_from(whole - kept.len()).unwrap_or(u32::MAX);
    kept
}

/// The findings, of each kind only some; the first of these says how many more there are.
fn without_repetition(findings: &[Finding]) -> (Vec<Finding>, u32) {
    let mut kept: Vec<Finding> = Vec::new();
    let mut left_out = 0;
    let mut seen: BTreeMap<(Severity, &str), usize> = BTreeMap::new();
    for finding in findings {
        let count = seen.entry((finding.severity, finding.kind.as_str())).or_default();
        *count += 1;
        if *count <= ALIKE {
            kept.push(clipped(finding));
        } else {
            left_out += 1;
        }
    }
    for ((severity, kind), count) in seen {
        let first = kept.iter_mut().find(|it| it.severity == severity && it.kind == kind);
        if let Some(first) = first.filter(|_| count > ALIKE) {
            let more = count - ALIKE;
            first.why = clip(&first.why, 400);
            let _ = write!(first.why, " (and {more} more of this kind)");
        }
    }
    (kept, left_out)
}

/// Within what the definition allows.
fn clipped(finding: &Finding) -> Finding {
    Finding {
        path: clip(&finding.path, 2048),
        why: clip(&finding.why, 512),
        settle: clip(&finding.settle, 2048),
        ..finding.clone()
    }
}

fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::staging_plan::{Change, LeftBehind},
        plan::{fixture, plan},
    };

    fn huge() -> Plan {
        let mut huge = plan(&fixture::request(json!({}), json!({})), &fixture::capture()).unwrap();
        for at in 0..20_000 {
            let object = format!("Deployment.apps/a-rather-long-name-of-a-workload-{at}");
            let why = "a sentence that takes up some room in the report, as they do".to_owned();
            huge.changes.push(Change {
                object: object.clone(),
                path: "/spec/template/spec/containers/0/image".into(),
                from: Some("x".repeat(400)),
                to: Some("y".repeat(400)),
                rule: "rule".into(),
                why: why.clone(),
            });
            huge.left_behind.push(LeftBehind {
                object: object.clone(),
                reason: "reason".into(),
                why: why.clone(),
            });
            huge.findings.push(Finding {
                severity: Severity::Warns,
                object,
                path: "/spec".into(),
                kind: format!("kind-{}", at % 30),
                why: "w".repeat(600),
                settle: "s".repeat(400),
            });
        }
        huge
    }

    #[test]
    fn the_report_of_a_huge_source_fits_into_one_object_and_counts_what_it_leaves_out() {
        let report = fitting(&huge(), 1, &[]);
        assert!(serde_json::to_string(&report).unwrap().len() < 1_100_000);
        let cut = report.truncated.unwrap();
        assert_eq!(report.changes.len() + cut.changes as usize, 20_000);
        assert_eq!(report.left_behind.len() + cut.left_behind as usize, 20_000);
        assert_eq!(report.findings.len() + cut.findings as usize, 20_000);
        assert!(report.findings.iter().all(|it| it.why.chars().count() <= 512));
        assert!(report.findings.iter().any(|it| it.why.ends_with("more of this kind)")));
    }

    #[test]
    fn a_report_that_fits_is_whole() {
        let plan = plan(&fixture::request(json!({}), json!({})), &fixture::capture()).unwrap();
        assert_eq!(fitting(&plan, 1, &[]), plan.report(1));
    }
}
