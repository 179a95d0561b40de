//! Every word of a plan is explained.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{first_cells, read, root};

/// The words of that field in the reports of all golden cases.
fn told(list: &str, field: &str) -> BTreeSet<String> {
    let cases = fs::read_dir(root().join("tests/golden")).expect("golden cases");
    let reports = cases.map(|it| it.expect("a case").path().join("report.yaml"));
    let mut found = BTreeSet::new();
    for report in reports.filter(|it| it.exists()) {
        let text = fs::read_to_string(&report).expect("a report");
        let report: Value = serde_saphyr::from_str(&text).expect("YAML");
        let entries = report[list].as_array().into_iter().flatten();
        found.extend(entries.filter_map(|it| it[field].as_str()).map(ToOwned::to_owned));
    }
    assert!(found.len() > 20, "{list}: {found:?}");
    found
}

/// Whether that text stands in quotes in a file of the planner.
fn is_in_code(word: &str, folder: &Path) -> bool {
    let quoted = format!("\"{word}\"");
    fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return is_in_code(word, &path);
        }
        fs::read_to_string(&path).expect("a file").contains(&quoted)
    })
}

#[test]
fn every_word_of_a_plan_is_explained_and_no_other() {
    let text = read("docs/reference/words.md");
    let section = |title: &str| {
        let rest = text.split(&format!("\n## {title}\n")).nth(1).expect("a section");
        first_cells(rest.split("\n## ").next().expect("a section"))
    };
    let left = section("What stays behind");
    let mut findings = section("Findings");
    let rules = section("Rules");
    let planner = root().join("core/src/plan");
    for word in findings.iter().chain(&left).chain(&rules) {
        assert!(is_in_code(word, &planner), "no plan says {word}");
    }
    // Why a workload stays behind is told as a finding, too.
    findings.extend(left.iter().cloned());
    for (explained, list, field) in [
        (&findings, "findings", "kind"),
        (&left, "leftBehind", "reason"),
        (&rules, "changes", "rule"),
    ] {
        let missing: Vec<String> = told(list, field).difference(explained).cloned().collect();
        assert!(missing.is_empty(), "docs/reference/words.md: {list}: {missing:?}");
    }
}
