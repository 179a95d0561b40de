//! Flux's health check, as its kustomize-controller evaluates it: the expressions in CEL over the fields
//! of the object, and the first of inProgress, failed and current that is true.

use kube_cel::cel::{Context, Program, Value as CelValue};
use serde_json::{Value, json};

use crate::{
    health::{EXPECTED, recorded},
    support::tools::{root, yaml},
};

fn expressions() -> Value {
    let path = root().join("examples/flux/kustomization.yaml");
    let text = std::fs::read_to_string(path).expect("a file");
    let mut all = yaml(&text).into_iter().filter(|it| it["kind"] == "Kustomization");
    let check = all.next().expect("a Kustomization")["spec"]["healthCheckExprs"][0].clone();
    assert_eq!(
        (&check["apiVersion"], &check["kind"]),
        (&json!("kulisse.dev/v1alpha1"), &json!("StagingEnvironment"))
    );
    check
}

/// Which of the expressions counts.
fn health(object: &Value) -> &'static str {
    let check = expressions();
    let mut context = Context::default();
    for (name, field) in object.as_object().expect("an object") {
        context.add_variable(name.as_str(), field).expect("a variable");
    }
    let holds = |which: &&str| {
        let text = check[*which].as_str().expect("an expression");
        let program = Program::compile(text).expect("CEL");
        match program.execute(&context) {
            Ok(CelValue::Bool(holds)) => holds,
            other => panic!("{which}: {other:?}"),
        }
    };
    ["inProgress", "failed", "current"].into_iter().find(holds).unwrap_or("none")
}

/// What Flux makes of what Argo CD shows: it has no word for what rests on purpose, and takes it as it
/// should be; what waits for a person to approve it holds up what comes after it.
fn expected(name: &str, shown: &str) -> &'static str {
    match (name, shown) {
        ("awaiting-approval", _) | (_, "Degraded") => "failed",
        (_, "Healthy" | "Suspended") => "current",
        (_, "Progressing") => "inProgress",
        (_, other) => panic!("{name} is {other}"),
    }
}

#[test]
fn recorded_statuses_have_the_health_that_flux_needs() {
    for (name, shown) in EXPECTED {
        assert_eq!(health(&recorded(name)), expected(name, shown), "{name}");
    }
}

#[test]
fn what_nobody_has_looked_at_is_in_progress() {
    let mut object = recorded("ready");
    object["metadata"]["generation"] = 99.into();
    assert_eq!(health(&object), "inProgress", "the status is of an older generation");
    object["status"] = json!({ "observedGeneration": -1 });
    assert_eq!(health(&object), "inProgress", "the status is the definition's default");
}
