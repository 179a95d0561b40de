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
        // What is too long here leaves its room to what follows.
        *room = rest.unwrap_or(*room);
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

    fn finding(severity: Severity, kind: &str) -> Finding {
        Finding {
            severity,
            object: "Service/web".into(),
            path: "/spec".into(),
            kind: kind.into(),
            why: "why".into(),
            settle: "settle".into(),
        }
    }

    #[test]
    fn of_findings_alike_fifty_are_kept_and_the_first_says_how_many_more_there_are() {
        let mut findings = vec![finding(Severity::Informs, "many")];
        findings.extend(vec![finding(Severity::Warns, "many"); 53]);
        findings.extend(vec![finding(Severity::Warns, "some"); 50]);
        let (kept, left_out) = without_repetition(&findings);
        assert_eq!((kept.len(), left_out), (101, 3));
        let told: Vec<(usize, &str)> = kept
            .iter()
            .enumerate()
            .filter(|(_, it)| it.why != "why")
            .map(|(at, it)| (at, it.why.as_str()))
            .collect();
        assert_eq!(told, [(1, "why (and 3 more of this kind)")]);
    }

    #[test]
    fn a_list_has_as_many_entries_as_there_is_room_for_with_their_commas() {
        for (room, fits) in [(0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (14, 2), (15, 3), (99, 3)] {
            let (mut rest, mut left_out) = (room, 0);
            let kept = first(vec!["aa", "bb", "cc"], &mut rest, &mut left_out);
            assert_eq!((kept.len(), left_out as usize), (fits, 3 - fits), "{room}");
        }
    }

    #[test]
    fn texts_of_a_finding_are_cut_to_what_the_definition_allows() {
        let long = |length: usize| "é".repeat(length);
        let whole = Finding {
            path: long(2048),
            why: long(512),
            settle: long(2048),
            ..finding(Severity::Warns, "kind")
        };
        assert_eq!(clipped(&whole), whole);
        let cut = clipped(&Finding {
            path: long(2049),
            why: long(513),
            settle: long(2049),
            ..finding(Severity::Warns, "kind")
        });
        for (text, most) in [(cut.path, 2048), (cut.why, 512), (cut.settle, 2048)] {
            assert_eq!(text, format!("{}…", long(most - 1)));
        }
    }
}
