//! One folder of `tests/golden` per rule of the planner: `source.yaml`, `environment.yaml`, maybe
//! `class.yaml` and `grant.yaml`, and what becomes of them: `expected.yaml` (the clones, without the
//! fence) and `report.yaml` (what changed, what stays behind, what was found); where there is a
//! `fence.yaml`, also the fence, and where there is a `digest`, that of the whole plan: another machine
//! comes to it as well. `BLESS=1` rewrites what comes out, `CASE=name` runs one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{collections::BTreeMap, env, fs, path::Path};

use common::{Case, golden_folder, yaml_documents, yaml_text};
use kulisse_core::{
    api::names,
    plan::{Plan, plan},
    secrets::{Part, Place, PlannedKey, PlannedSecret, PlannedValue},
};
use serde_json::{Value, json};

#[test]
fn every_case_comes_out_as_recorded() {
    let bless = env::var_os("BLESS").is_some_and(|it| it == "1");
    let only = env::var("CASE").ok();
    let mut wrong = Vec::new();
    let mut cases = 0;
    let mut folders: Vec<_> =
        fs::read_dir(golden_folder()).unwrap().map(|it| it.unwrap().path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|it| it.is_dir()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        if only.as_deref().is_some_and(|it| it != name) {
            continue;
        }
        cases += 1;
        let case = Case::read(folder);
        let plan = plan(&case.request, &case.capture()).unwrap();
        compare(folder, "expected.yaml", &expected(&plan), bless, &mut wrong);
        compare(folder, "report.yaml", &report(&plan), bless, &mut wrong);
        if folder.join("fence.yaml").exists() {
            compare(folder, "fence.yaml", &fence(&plan), bless, &mut wrong);
        }
        if folder.join("digest").exists() {
            compare(folder, "digest", &format!("{}\n", plan.digest), bless, &mut wrong);
        }
    }
    assert!(cases > 0, "no golden case was found");
    assert!(wrong.is_empty(), "{}\nBLESS=1 rewrites them", wrong.join("\n"));
}

fn compare(folder: &Path, file: &str, made: &str, bless: bool, wrong: &mut Vec<String>) {
    let path = folder.join(file);
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    if recorded == made {
        return;
    }
    if bless {
        fs::write(&path, made).unwrap();
        return;
    }
    let differs = made.lines().zip(recorded.lines()).find(|(made, recorded)| made != recorded);
    let (made, recorded) = differs.unwrap_or(("(one of them goes on)", ""));
    wrong.push(format!("{}:\n  recorded: {recorded}\n  made:     {made}", path.display()));
}

/// What stands in the target before any workload, in the order of its names.
fn fence(plan: &Plan) -> String {
    let mut policies: Vec<_> = plan
        .clones
        .iter()
        .map(|it| &it.object)
        .filter(|it| it.label(names::FENCE_LABEL).is_some())
        .collect();
    policies.sort_by_key(|it| it.key());
    let documents: Vec<String> =
        policies.into_iter().map(|it| yaml_text(&json!({it.name(): it.get("/spec")}))).collect();
    documents.concat()
}

/// The clones in their order, the fence left out: it has cases of its own.
fn expected(plan: &Plan) -> String {
    let clones = plan.clones.iter().filter(|it| it.object.label(names::FENCE_LABEL).is_none());
    let documents: Vec<String> = clones
        .map(|clone| format!("# {:?}\n{}", clone.wave, yaml_text(clone.object.value())))
        .collect();
    if documents.is_empty() { "# Nothing.\n".to_owned() } else { documents.join("---\n") }
}

fn report(plan: &Plan) -> String {
    let fenced = |object: &str| {
        plan.clones.iter().any(|it| {
            it.object.label(names::FENCE_LABEL).is_some() && it.object.key().to_string() == object
        })
    };
    let changes: Vec<_> = plan.changes.iter().filter(|it| !fenced(&it.object)).collect();
    let mut report = json!({
        "changes": changes,
        "leftBehind": plan.left_behind,
        "findings": plan.findings,
        "secrets": recipes(&plan.secrets),
        "settings": recipes(&plan.settings),
        "tasks": plan.tasks,
        "urls": plan.urls,
    });
    let lists = report.as_object_mut().unwrap();
    lists.retain(|_, value| {
        !value.as_array().is_some_and(Vec::is_empty)
            && !value.as_object().is_some_and(serde_json::Map::is_empty)
    });
    if lists.is_empty() { "{}\n".to_owned() } else { yaml_text(&report) }
}

type Recipes<'a> = BTreeMap<&'a String, BTreeMap<&'a String, Vec<String>>>;

fn recipes(planned: &BTreeMap<String, PlannedSecret>) -> Recipes<'_> {
    let recipes = planned.iter().map(|(name, secret)| {
        (name, secret.keys.iter().map(|(key, value)| (key, recipe(value))).collect())
    });
    recipes.collect()
}

/// A recipe without values: what is kept is told by its length.
fn recipe(value: &PlannedValue) -> Vec<String> {
    let parts = match value {
        PlannedValue::Parts(parts) => parts,
        PlannedValue::Keys(parts) => return parts.iter().map(key).collect(),
        PlannedValue::From(Place { origin, secret, key }) => {
            return vec![format!("{secret}, key {key} ({origin:?})")];
        }
        PlannedValue::Template(parts) => return parts.iter().map(|it| format!("{it:?}")).collect(),
    };
    parts.iter().map(piece).collect()
}

fn piece(part: &Part) -> String {
    match part {
        Part::Text(text) => format!("text of {}", text.len()),
        Part::Base64(inner) => {
            format!("base64 of {}", inner.iter().map(piece).collect::<Vec<_>>().join(" and "))
        }
        Part::Credential { length, alphabet, encoding, .. } => {
            format!("credential of {length}, {alphabet:?}, {encoding:?}")
        }
    }
}

fn key(part: &PlannedKey) -> String {
    match part {
        PlannedKey::Text(text) => format!("text of {}", text.len()),
        PlannedKey::Authority { from } => format!("authority from {from}"),
        PlannedKey::PrivateKey { key, form } => {
            format!(
                "private key of {}, {form:?}",
                if key.is_some() { "its own" } else { "the authority" }
            )
        }
        PlannedKey::PublicKey { .. } => "public key".to_owned(),
        PlannedKey::Certificate(leaf) => {
            let subject: Vec<&str> = leaf.subject.iter().map(|it| it.value.as_str()).collect();
            format!("certificate of {subject:?} for {:?}", leaf.names)
        }
    }
}

/// What is written is read back as the same value: a golden file can be trusted.
#[test]
fn yaml_reads_back_as_it_was_written() {
    let value: Value = json!({"a": "yes", "b": "0644", "c": "x: y\n  z\n", "d": [], "e": {},
        "f": null, "g": 1.5, "h": "1e3", "i": "# no", "j": ""});
    assert_eq!(yaml_documents(&yaml_text(&value)), vec![value]);
}
