//! The documents say what the code says.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test says what must not happen by panicking"
)]

mod rule_book;
mod words;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kulisse_core::api::{condition::Reason, crds::crds, phase::Phase};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// First cells of a document's tables that hold one thing in code quotes.
fn first_cells(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(cell, _)| cell.to_owned())
        .collect()
}

#[test]
fn every_reason_is_explained_and_no_other() {
    explained("\n## Reasons\n", Reason::ALL.iter().map(|it| (it.as_str(), it.meaning())));
}

#[test]
fn every_phase_is_explained_and_no_other() {
    explained("\n## Phases\n", Phase::ALL.iter().map(|it| (it.as_str(), it.meaning())));
}

/// A section has a table of words, what they mean, and what to do: of these, in this order.
fn explained(section: &str, words: impl Iterator<Item = (&'static str, &'static str)>) {
    let text = read("docs/reference/conditions.md");
    let table = text.split(section).nth(1).expect("a section");
    let table = table.split("\n## ").next().expect("a section");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect())
        .collect();
    let unhelpful: Vec<&Vec<&str>> =
        rows.iter().filter(|row| row.len() != 3 || row[2].trim().is_empty()).collect();
    assert!(unhelpful.is_empty(), "without what to do: {unhelpful:?}");
    let told: Vec<(&str, &str)> =
        rows.iter().map(|row| (row[0].trim_end_matches('`'), row[1])).collect();
    let meant: Vec<(&str, &str)> = words.map(|(word, means)| (word, means.trim())).collect();
    assert_eq!(told, meant, "docs/reference/conditions.md: {section}");
}

#[test]
fn every_field_of_a_spec_is_in_its_reference_and_no_other() {
    for crd in crds() {
        let kind = crd.spec.names.kind.to_lowercase();
        let text = read(&format!("docs/reference/{kind}.md"));
        let told: BTreeSet<String> =
            first_cells(&text).into_iter().filter(|cell| cell.starts_with("spec.")).collect();
        let mut real = BTreeSet::new();
        for version in &crd.spec.versions {
            let schema = version.schema.as_ref().and_then(|it| it.open_api_v3_schema.as_ref());
            let spec = schema.and_then(|it| it.properties.as_ref()?.get("spec"));
            fields(spec.expect("a spec"), "spec", &mut real);
        }
        let missing: Vec<&String> = real.difference(&told).collect();
        let extra: Vec<&String> = told.difference(&real).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{kind}: missing {missing:?}, extra {extra:?}"
        );
    }
}

/// Paths of all fields; `[]` stands for an entry of a list.
fn fields(schema: &JSONSchemaProps, path: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        found.insert(path.clone());
        fields(property, &path, found);
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &property.items {
            fields(items, &format!("{path}[]"), found);
        }
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut dead = Vec::new();
    for path in documents() {
        let text = fs::read_to_string(&path).expect("a readable document");
        let here = path.parent().expect("a folder");
        for link in links(&text) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !here.join(file).exists() {
                dead.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let hidden = name.to_string_lossy().starts_with('.');
            if path.is_dir() && !hidden && name != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// Targets of links that stay within the repository.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| {
            !link.contains("://") && !link.starts_with('#') && !link.starts_with("mailto:")
        })
        .collect()
}
