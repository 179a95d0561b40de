//! What holds whatever a text says: the planner never panics, comes to the same plan whatever the
//! order, and finds nothing more to do in what it has made. Inputs are kept in `fuzz/corpus`.

#![allow(dead_code, reason = "each fuzzer uses one of them")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use kulisse_core::{
    api::{
        environment::StagingEnvironmentSpec,
        identity::{Incarnation, NamespaceName},
    },
    plan::{
        Plan,
        capture::{Capture, Reading, assemble},
        manifests::{self, Manifests},
        object::Object,
        plan,
        request::{Cluster, Identity, Request},
    },
    secrets::{OpenSecret, OperatorKey, SecretBytes},
};
use serde_json::{Value, json};

const SOURCE: &str = "shop";

/// An environment and, after the first `---`, the manifests of its source.
pub fn manifests(text: &str) {
    let (environment, source) = text.split_once("\n---\n").unwrap_or(("", text));
    let given = |text: &str| Manifests { from: "fuzz".to_owned(), text: text.to_owned() };
    let environment = manifests::parse(&given(environment)).unwrap_or_default();
    let spec = environment.first().and_then(|it| it.get("/spec")).cloned();
    let read = |backwards: bool| {
        let mut reading = manifests::reading(
            &namespace(SOURCE),
            "2026-11-01T08:00:00Z".parse().unwrap(),
            &[given(source)],
        )
        .ok()?;
        if backwards {
            reading.objects.reverse();
        }
        Some(captured(reading))
    };
    if let (Some(one), Some(other)) = (read(false), read(true)) {
        holds(&request(spec), &one, &other);
    }
}

/// The name of a file and, from the second line on, what it holds: as a setting, as a Secret, and as
/// what a container is told.
pub fn file(text: &str) {
    let (name, held) = text.split_once('\n').unwrap_or(("file", text));
    let object = |version: &str, kind: &str, name: &str, rest: Value| {
        Object::made(version, kind, name, rest)
    };
    let service = |name: &str| {
        object(
            "v1",
            "Service",
            name,
            json!({"spec": {"selector": {"app": name}, "ports": [{"port": 80}]}}),
        )
    };
    let pod = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{
        "name": "web", "image": "web:1", "args": held.lines().take(8).collect::<Vec<_>>(),
        "env": [{"name": name, "value": held}],
        "envFrom": [{"configMapRef": {"name": "file"}}, {"secretRef": {"name": "file"}}],
    }]}});
    let objects = |held: &str| {
        vec![
            service("web"),
            service("db"),
            object("v1", "ConfigMap", "file", json!({"data": {name: held}})),
            object("v1", "Secret", "file", json!({"type": "Opaque"})),
            object(
                "apps/v1",
                "Deployment",
                "web",
                json!({"spec": {"selector": {"matchLabels": {"app": "web"}}, "template": pod}}),
            ),
        ]
    };
    let read = |objects: Vec<Object>| {
        let data = [(name.to_owned(), SecretBytes::new(held.as_bytes().to_vec()))].into();
        let secret = OpenSecret { name: "file".to_owned(), kind: "Opaque".to_owned(), data };
        captured(reading(SOURCE, objects, vec![secret]))
    };
    let request = request(None);
    let backwards = objects(held).into_iter().rev().collect();
    holds(&request, &read(objects(held)), &read(backwards));

    let rewritten = |held: &str| {
        let plan = plan(&request, &read(objects(held))).ok()?;
        let object =
            plan.clones.into_iter().find(|it| it.object.key().to_string() == "ConfigMap/file")?;
        Some(object.object.value()["data"][name].as_str()?.to_owned())
    };
    if let Some(once) = rewritten(held) {
        assert_eq!(rewritten(&once).as_ref(), Some(&once), "rewritten twice");
    }
}

fn holds(request: &Request, one: &Capture, other: &Capture) {
    let made = plan(request, one);
    assert_eq!(made, plan(request, other), "the order counts");
    // A patch is the last word, whatever it says.
    if let (Ok(made), true) = (made, request.spec.patches.is_empty()) {
        settled(request, &made);
    }
}

/// Planned once more, from the target into itself, the clones stay as they are.
fn settled(request: &Request, first: &Plan) {
    let mut request = request.clone();
    request.spec =
        serde_json::from_value(json!({"source": {"namespace": request.target}})).unwrap();
    request.spec.scale.profile = kulisse_core::api::environment::ScaleProfile::Full;
    let clones = first.clones.iter().map(|it| it.object.clone());
    let objects: Vec<Object> =
        clones.filter(|it| it.label(kulisse_core::api::names::FENCE_LABEL).is_none()).collect();
    let again = captured(reading(request.target.as_str(), objects, Vec::new()));
    let Ok(second) = plan(&request, &again) else { return };
    let cut = [
        "policy-confined",
        "policy-peer",
        "role-cut",
        "role-wildcard",
        "cronjob-asleep",
        "node-port",
        "placement",
    ];
    for it in &second.changes {
        assert!(!cut.contains(&it.rule.as_str()), "changed again: {it:?}");
    }
}

fn captured(reading: Reading) -> Capture {
    assemble(reading, &OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap())
}

fn reading(source: &str, objects: Vec<Object>, secrets: Vec<OpenSecret>) -> Reading {
    Reading {
        namespace: namespace(source),
        captured_at: "2026-11-01T08:00:00Z".parse().unwrap(),
        objects,
        secrets: Some(secrets),
        unreadable: Vec::new(),
    }
}

fn namespace(name: &str) -> NamespaceName {
    NamespaceName::parse(name).unwrap()
}

/// What is asked for, of a source that is always called the same.
fn request(spec: Option<Value>) -> Request {
    let plain = || serde_json::from_value(json!({"source": {"namespace": SOURCE}})).unwrap();
    let spec = spec.and_then(|it| serde_json::from_value::<StagingEnvironmentSpec>(it).ok());
    let mut spec = spec.unwrap_or_else(plain);
    SOURCE.clone_into(&mut spec.source.namespace);
    Request {
        environment: Identity {
            name: "pr-1".to_owned(),
            namespace: namespace("previews"),
            uid: "0b7f6a3e-5a52-4c7e-9a8e-000000000001".to_owned(),
        },
        spec,
        class: serde_json::from_value(json!({
            "boundary": {"allowWarn": true},
            "expose": {"domain": "preview.example.com", "ingressClassName": "nginx"},
        }))
        .unwrap(),
        granted_secrets: Vec::new(),
        overlay: Vec::new(),
        incarnation: Incarnation(1),
        target: namespace("stg-pr-1"),
        cluster: Cluster::default(),
    }
}
