//! What attempts send.
#![expect(clippy::needless_pass_by_value, reason = "values that nobody else needs")]

use serde_json::{Value, json};

use crate::attempts::EDITOR;

pub fn open() -> Value {
    json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "open" },
        "spec": { "podSelector": {}, "egress": [{}], "policyTypes": ["Egress"] } })
}

pub fn binding(role: &str) -> Value {
    json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": "mine" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": EDITOR }] })
}

/// A Job that makes Pods, which bear that label.
pub fn job(label: &str) -> Value {
    let template = json!({ "metadata": { "labels": { label: "rows" } },
        "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": "x" }] } });
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "mine" }, "spec": { "template": template } })
}

/// A Pod with more in its spec.
pub fn pod(more: Value) -> Value {
    let mut spec = json!({ "containers": [{ "name": "c", "image": "registry.example.com/c:1" }] });
    for (key, value) in more.as_object().expect("fields") {
        spec[key] = value.clone();
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "mine" }, "spec": spec })
}

pub fn of_a_task() -> Value {
    let mut pod = pod(json!({}));
    pod["metadata"]["labels"] = json!({ "kulisse.dev/task": "rows" });
    pod
}

/// A Pod of a container with more in it.
pub fn asking(more: Value) -> Value {
    let mut pod = pod(json!({}));
    for (key, value) in more.as_object().expect("fields") {
        pod["spec"]["containers"][0][key] = value.clone();
    }
    pod
}

pub fn on_network(annotation: &str) -> Value {
    let mut pod = pod(json!({}));
    pod["metadata"]["annotations"] = json!({ annotation: "kube-system/production" });
    pod
}

pub fn volume(kind: &str, of: Value) -> Value {
    pod(json!({ "volumes": [{ "name": "v", kind: of }] }))
}

pub fn service(spec: Value) -> Value {
    let mut spec = spec;
    spec["ports"] = json!([{ "port": 80 }]);
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "mine" }, "spec": spec })
}
