//! Real applications by other people, in the folder that `KULISSE_CORPUS` names: one folder each,
//! with the manifests of one namespace. None may be left with a reference to its source.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{env, fs, path::Path};

use common::{capture, objects, plain_request, yaml_documents};
use kulisse_core::plan::{object::Object, plan};
use serde_json::Value;

#[test]
fn no_application_keeps_a_reference_to_its_source() {
    let Some(corpus) = env::var_os("KULISSE_CORPUS") else {
        eprintln!("skipped: KULISSE_CORPUS is not set");
        return;
    };
    let mut folders: Vec<_> = fs::read_dir(&corpus)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.join("00-namespace.yaml").is_file())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no application in KULISSE_CORPUS");
    for folder in folders {
        one(&folder);
    }
}

fn one(folder: &Path) {
    let namespace = objects(&documents(&folder.join("00-namespace.yaml"))).remove(0);
    let source = namespace.name().to_owned();
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .filter(|it| !it.ends_with("00-namespace.yaml"))
        .collect();
    files.sort();
    let all: Vec<Object> = files.iter().flat_map(|it| objects(&documents(it))).collect();
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
