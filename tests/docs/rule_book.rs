//! The rule book and what shows it belong together.

use std::{collections::BTreeSet, fs};

use super::{read, root};

/// A row of the rule book.
struct Row<'t> {
    section: &'t str,
    what: &'t str,
    /// Folders of `tests/golden`, or `file::test`.
    cases: Vec<&'t str>,
}

fn rows(text: &str) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for section in text.split("\n## ").skip(1) {
        let (title, body) = section.split_once('\n').unwrap_or((section, ""));
        let table = body.lines().filter(|line| line.starts_with("| ")).skip(1);
        for line in table {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert_eq!(cells.len(), 4, "«{title}»: a row has four cells: {line}");
            // In code quotes: every second piece.
            let cases = cells[3].split('`').skip(1).step_by(2).collect();
            rows.push(Row { section: title, what: cells[0], cases });
        }
    }
    rows
}

fn is_there(case: &str) -> bool {
    match case.split_once("::") {
        Some((file, test)) => fs::read_to_string(root().join(file))
            .is_ok_and(|text| text.contains(&format!("fn {test}("))),
        None => root().join("tests/golden").join(case).join("source.yaml").is_file(),
    }
}

#[test]
fn every_row_has_a_case_and_every_case_a_row() {
    let text = read("docs/reference/rule-book.md");
    let rows = rows(&text);
    for row in &rows {
        println!("{} · {} · {}", row.section, row.what, row.cases.join(", "));
    }
    let without: Vec<&str> =
        rows.iter().filter(|row| row.cases.is_empty()).map(|row| row.what).collect();
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| row.cases.iter().copied()).collect();
    let missing: Vec<&str> = named.iter().copied().filter(|case| !is_there(case)).collect();
    let folders = fs::read_dir(root().join("tests/golden")).expect("golden cases").flatten();
    let golden = folders.filter(|it| it.path().is_dir());
    let golden = golden.map(|it| it.file_name().to_string_lossy().into_owned());
    let unnamed: BTreeSet<String> = golden.filter(|it| !named.contains(it.as_str())).collect();
    println!("{} rows, {} cases", rows.len(), named.len());
    assert!(rows.len() > 150, "the table is read as a whole");
    assert!(
        without.is_empty() && missing.is_empty() && unnamed.is_empty(),
        "rows without a case: {without:#?}\ncases that do not exist: {missing:#?}\ngolden cases in no row: {unnamed:#?}"
    );
}
