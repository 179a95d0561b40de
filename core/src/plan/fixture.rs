//! Requests and objects for the tests of the passes.
#![expect(clippy::needless_pass_by_value, reason = "json! makes values that nobody else needs")]

use serde_json::{Value, json};

use super::{capture::Capture, object::Object, request::Request};

/// A request of environment `pr-7` in `previews` for `shop`, cloned into `stg-pr-7-abcde`. `spec`
/// and `class` are laid over the smallest ones there are.
pub(super) fn request(spec: Value, class: Value) -> Request {
    let mut whole = json!({"source": {"namespace": "shop"}});
    if let (Some(whole), Value::Object(spec)) = (whole.as_object_mut(), spec) {
        whole.extend(spec);
    }
    serde_json::from_value(json!({
        "environment": {"name": "pr-7", "namespace": "previews", "uid": "uid-7"},
        "spec": whole,
        "class": class,
        "incarnation": 1,
        "target": "stg-pr-7-abcde",
        "cluster": {
            "apiEndpoints": [
                {"address": "10.0.0.1", "port": 6443}, {"address": "fd00::1", "port": 6443}
            ],
            "operator": {"namespace": "kulisse", "name": "operator"},
        },
    }))
    .unwrap()
}

/// A source that holds nothing.
pub(super) fn capture() -> Capture {
    Capture {
        namespace: "shop".to_owned().try_into().unwrap(),
        captured_at: jiff::Timestamp::UNIX_EPOCH,
        artifact: None,
        objects: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        secrets_readable: true,
        running_images: std::collections::BTreeMap::new(),
        addresses: Vec::new(),
        unreadable: Vec::new(),
        mark: String::new(),
    }
}

/// An object.
pub(super) fn object(api_version: &str, kind: &str, name: &str, rest: Value) -> Object {
    Object::made(api_version, kind, name, rest)
}

/// A Deployment whose Pods have these labels and this spec.
pub(super) fn deployment(name: &str, labels: Value, pod: Value) -> Object {
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    object("apps/v1", "Deployment", name, json!({"spec": {"template": template}}))
}

/// A NetworkPolicy with this spec.
pub(super) fn policy(name: &str, spec: Value) -> Object {
    object("networking.k8s.io/v1", "NetworkPolicy", name, json!({"spec": spec}))
}

/// A Service of the Pods labelled `app=<name>`, from port 80 to 8080.
pub(super) fn service(name: &str) -> Object {
    object(
        "v1",
        "Service",
        name,
        json!({"spec": {
            "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]
        }}),
    )
}
