//! Every manifest of ours fits the definitions.

use std::process::Command;

use kulisse_core::api::crds::crds;
use serde_json::Value;

use crate::support::tools::{files, helm, root, run, sh, yaml};

/// What is wrong with an object of ours, by its definition.
fn wrong(object: &Value) -> Vec<String> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let Some(crd) = crds().into_iter().find(|it| it.spec.names.kind == kind) else {
        return vec![format!("there is no kind {kind}")];
    };
    let crd = serde_json::to_value(crd).expect("JSON");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let mut wrong: Vec<String> =
        validator.iter_errors(object).map(|it| format!("{}: {it}", it.instance_path())).collect();
    unknown(object, schema, "", &mut wrong);
    wrong
}

/// Fields that the API server would drop without a word.
fn unknown(value: &Value, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true || path == ".metadata" {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                let inner = &schema["properties"][name];
                let known = if inner.is_object() { inner } else { &schema["additionalProperties"] };
                let ours = [".apiVersion", ".kind", ".metadata"].contains(&path.as_str());
                if known.is_object() {
                    unknown(value, known, &path, wrong);
                } else if !ours {
                    wrong.push(format!("{path}: no such field"));
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                unknown(item, &schema["items"], &format!("{path}[]"), wrong);
            }
        }
        _ => {}
    }
}

/// All objects of ours in a text, also those inside of other tools' manifests.
fn ours(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            let version = fields.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
            if version.starts_with("kulisse.dev/") && fields.contains_key("spec") {
                found.push(value.clone());
            }
            fields.values().for_each(|it| ours(it, found));
        }
        Value::Array(items) => items.iter().for_each(|it| ours(it, found)),
        _ => {}
    }
}

#[test]
fn every_manifest_of_ours_fits_its_definition() {
    let mut seen = 0;
    for path in files("examples", &["yaml"]) {
        let name = path.display().to_string();
        // Helm's template is rendered below; the workflow is looked at apart.
        if name.contains("preview/templates") || name.contains("github-actions") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        for document in yaml(&text) {
            let mut found = Vec::new();
            ours(&document, &mut found);
            for object in found {
                // Other tools' placeholders stand for numbers, too.
                let templated = object.to_string().contains("<<");
                let wrong: Vec<_> = wrong(&object)
                    .into_iter()
                    .filter(|it| !templated || !it.contains("<<"))
                    .collect();
                assert!(wrong.is_empty(), "{name}: {wrong:#?}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "only {seen} objects of ours were found");
}

#[test]
fn the_chart_for_pull_requests_renders_a_fitting_environment() {
    let helm = match helm() {
        Ok(helm) => helm,
        Err(why) => {
            eprintln!("skipped: examples: {why}");
            return;
        }
    };
    let mut command = Command::new(helm);
    command.current_dir(root()).env("KUBECONFIG", "/dev/null");
    command.args([
        "template",
        "preview",
        "examples/argocd/preview",
        "--set",
        "number=1234",
        "--namespace",
        "previews",
    ]);
    let objects = yaml(&run(&mut command, None).ok("helm template"));
    assert_eq!(objects.len(), 1);
    assert_eq!(wrong(&objects[0]), Vec::<String>::new());
}

#[test]
fn the_workflow_writes_a_fitting_environment() {
    let text = std::fs::read_to_string(root().join("examples/github-actions/preview.yaml"))
        .expect("a file");
    let workflow = &yaml(&text)[0];
    assert!(workflow["jobs"].is_object());
    // The step's own script, with what GitHub would put into its environment, up to the manifest.
    for field in
        ["kind: StagingEnvironment", "kind\": \"StagingEnvironment", "kind: \"StagingEnvironment\""]
    {
        if text.contains(field) {
            return;
        }
    }
    panic!("the workflow applies no StagingEnvironment");
}

#[test]
fn every_shell_script_in_a_workflow_parses() {
    let text = std::fs::read_to_string(root().join("examples/github-actions/preview.yaml"))
        .expect("a file");
    let workflow = &yaml(&text)[0];
    let mut seen = 0;
    for (_, job) in workflow["jobs"].as_object().into_iter().flatten() {
        for step in job["steps"].as_array().into_iter().flatten() {
            if let Some(script) = step["run"].as_str() {
                let answer = sh("bash", &["-n", "-c", script]);
                assert_eq!(answer.code, 0, "{script}: {}", answer.err);
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}
