//! Real applications by other people, in the folder that `KULISSE_CORPUS` names: one folder each,
//! with the manifests of one namespace. None may be left with a reference to its source. With
//! `KULISSE_CORPUS_OUT`, what is planned is written into that folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use common::{capture, objects, plain_request, unmoved::said_to_have_moved, yaml_documents};
use kulisse_core::{
    api::{identity::NamespaceName, names, staging_plan::Severity},
    plan::{Plan, object::Object, plan},
};
use serde_json::{Value, json};

#[test]
fn no_application_keeps_a_reference_to_its_source() {
    for folder in folders() {
        one(&folder);
    }
}

/// An application is cloned into a namespace whose name is a common word, and from there: what leads
/// back is found in the same places as before, and nowhere else.
#[test]
fn a_namespace_with_a_common_name_is_found_where_it_is_meant() {
    let mut wrong = Vec::new();
    for folder in folders() {
        let (source, all) = application(&folder);
        // Whoever speaks of such a namespace already means another one, and tells nothing.
        let text: String = all.iter().map(|it| it.value().to_string()).collect();
        let names = ["prod", "default", "app", "web", "main"];
        for name in names.into_iter().filter(|it| !text.contains(&format!(".{it}.svc"))) {
            let mut request = plain_request(&source);
            request.target = NamespaceName::parse(name).unwrap();
            let first = plan(&request, &capture(&source, all.clone())).unwrap();
            let clones = first.clones.iter().map(|it| it.object.clone());
            let clones: Vec<Object> =
                clones.filter(|it| it.label(names::FENCE_LABEL).is_none()).collect();
            let second = plan(&plain_request(name), &capture(name, clones)).unwrap();
            let (meant, found) = (relocated(&first), relocated(&second));
            for it in found.difference(&meant) {
                wrong.push(format!("{}, as {name}: {it:?} is none", folder.display()));
            }
            for it in meant.difference(&found) {
                wrong.push(format!("{}, as {name}: {it:?} is lost", folder.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_application_drifts_while_it_stays_as_it_is() {
    for folder in folders() {
        let (source, all) = application(&folder);
        let drift = said_to_have_moved(&plain_request(&source), &all);
        assert!(drift.is_empty(), "{}: {drift:#?}", folder.display());
    }
}

/// Objects and fields that a plan relocates. Subjects of bindings are numbered anew when others go.
fn relocated(plan: &Plan) -> BTreeSet<(&str, &str)> {
    let rules = ["own-namespace", "service-host"];
    let changes = plan.changes.iter().filter(|it| rules.contains(&it.rule.as_str()));
    changes
        .map(|it| (it.object.as_str(), it.path.as_str()))
        .filter(|(_, path)| !path.starts_with("/subjects/"))
        .collect()
}

/// The applications; none if there are none to test with.
fn folders() -> Vec<PathBuf> {
    let Some(corpus) = env::var_os("KULISSE_CORPUS") else {
        // Not by `eprintln!`: what a test that passes prints with it is heard by nobody.
        let _ = io::stderr().write_all(b"skipped: KULISSE_CORPUS is not set\n");
        return Vec::new();
    };
    let mut folders: Vec<_> = fs::read_dir(&corpus)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.join("00-namespace.yaml").is_file())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no application in KULISSE_CORPUS");
    folders
}

/// The namespace of an application, and its objects.
fn application(folder: &Path) -> (String, Vec<Object>) {
    let namespace = objects(&documents(&folder.join("00-namespace.yaml"))).remove(0);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .filter(|it| !it.ends_with("00-namespace.yaml"))
        .collect();
    files.sort();
    let all = files.iter().flat_map(|it| objects(&documents(it))).collect();
    (namespace.name().to_owned(), all)
}

fn one(folder: &Path) {
    let (source, all) = application(folder);
    let read = all.len();
    let plan = plan(&plain_request(&source), &capture(&source, all)).unwrap();

    let name = folder.file_name().unwrap().to_str().unwrap();
    println!(
        "{name}: {read} objects, {} clones, {} left behind, {} changes, {} findings",
        plan.clones.len(),
        plan.left_behind.len(),
        plan.changes.len(),
        plan.findings.len()
    );
    for finding in &plan.findings {
        println!(
            "  {:?} {} {} {}: {}",
            finding.severity, finding.kind, finding.object, finding.path, finding.why
        );
    }
    if env::var_os("VERBOSE").is_some() {
        for it in &plan.left_behind {
            println!("  left {} {}: {}", it.object, it.reason, it.why);
        }
        for it in &plan.changes {
            println!("  {} {} {:?} -> {:?} {}", it.object, it.path, it.from, it.to, it.rule);
        }
    }
    // For `kubectl apply --dry-run=server`: an API server has the last word.
    if let Some(out) = env::var_os("KULISSE_CORPUS_OUT") {
        let items: Vec<&Value> = std::iter::once(&plan.namespace)
            .chain(plan.clones.iter().map(|it| &it.object))
            .map(Object::value)
            .collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        fs::write(Path::new(&out).join(format!("{name}.json")), list.to_string()).unwrap();
    }
    assert!(
        plan.blocking().all(|it| it.kind != "residual-reference"),
        "{name} refers to its source"
    );
    for clone in &plan.clones {
        let text = clone.object.value().to_string();
        for form in [format!(".{source}.svc"), format!("serviceaccount:{source}:")] {
            let rest = text.replace("kubernetes.default.svc", "");
            assert!(!rest.contains(&form), "{name}: {} holds {form}", clone.object.key());
        }
        assert_ne!(clone.object.get("/metadata/namespace"), Some(&Value::from(source.as_str())));
    }
}

fn documents(file: &Path) -> Vec<Value> {
    yaml_documents(&fs::read_to_string(file).unwrap())
}

/// What is found in each application, by kind, as `docs/figures/findings.md` has it. `BLESS=1`
/// rewrites its table. What a person is to read is short: nowhere more than a screen.
#[test]
fn findings_are_few_and_the_figures_say_how_many() {
    let folders = folders();
    if folders.is_empty() {
        return;
    }
    let mut table = String::from("| application | objects | warn | inform | what |\n");
    table += "|---|--:|--:|--:|---|\n";
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for folder in folders {
        let (source, all) = application(&folder);
        let objects = all.len();
        let plan = plan(&plain_request(&source), &capture(&source, all)).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(plan.findings.len() <= 15, "{name}: nobody reads {} findings", plan.findings.len());
        let mut here: BTreeMap<&str, usize> = BTreeMap::new();
        for it in &plan.findings {
            *here.entry(&it.kind).or_default() += 1;
            *kinds.entry(it.kind.clone()).or_default() += 1;
        }
        let what: Vec<String> =
            here.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let of = |severity| plan.findings.iter().filter(|it| it.severity == severity).count();
        let (warn, inform) = (of(Severity::Warns), of(Severity::Informs));
        let what = what.join(", ");
        writeln!(table, "| {name} | {objects} | {warn} | {inform} | {what} |").unwrap();
    }
    let all: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("{table}\n{}", all.join(", "));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/figures/findings.md");
    let recorded = fs::read_to_string(&page).unwrap();
    let (before, rest) = recorded.split_once("| application |").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let made = format!("{before}{table}\n{after}");
    if env::var_os("BLESS").is_some_and(|it| it == "1") {
        fs::write(&page, made).unwrap();
    } else {
        assert_eq!(made, recorded, "BLESS=1 rewrites it");
    }
}
