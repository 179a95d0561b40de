//! How a clone differs from production, for people: pure text from a plan's report.

mod failed;
mod group;
mod markdown;
mod stream;
mod summary;

pub use self::{
    markdown::markdown,
    stream::{KEPT, policy, stream},
    summary::{Room, summary},
};

use kulisse_core::api::staging_plan::{Severity, StagingPlanSpec};

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub struct Parity<'a> {
    /// The environment's name.
    pub name: &'a str,
    /// The report.
    pub plan: &'a StagingPlanSpec,
    /// Preview URLs.
    pub urls: &'a [String],
}

/// Characters of a digest that tell plans apart for people.
const SHORT: usize = 12;

impl<'a> Parity<'a> {
    /// The first characters of the digest.
    fn digest(self) -> &'a str {
        self.plan.digest.get(..SHORT).unwrap_or(&self.plan.digest)
    }

    /// How many findings there are of each severity.
    fn findings(self) -> String {
        let said =
            [(Severity::Blocks, "block"), (Severity::Warns, "warn"), (Severity::Informs, "inform")];
        let counts = said.into_iter().filter_map(|(severity, word)| {
            let count = self.plan.findings.iter().filter(|it| it.severity == severity).count();
            let ending = if count == 1 { "s" } else { "" };
            (count > 0).then(|| format!("{count} {word}{ending}"))
        });
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// `1 field`, `2 fields`.
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {}", plural(one)) }
}

/// The plural of a kind or a noun.
fn plural(one: &str) -> String {
    match one.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if one.ends_with('s') && !one.ends_with("ss") => one.to_owned(),
        _ if one.ends_with(['s', 'x']) => format!("{one}es"),
        _ => format!("{one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_plural() {
        for (one, many) in [
            ("NetworkPolicy", "NetworkPolicies"),
            ("Ingress", "Ingresses"),
            ("Gateway", "Gateways"),
            ("Endpoints", "Endpoints"),
            ("Secret", "Secrets"),
        ] {
            assert_eq!(plural(one), many);
        }
    }
}
