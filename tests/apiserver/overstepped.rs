//! What environments ask for in their spec and may not have: by patches, tasks, access and openings.
//! All of it is tried by whoever may create environments, and nobody else.
#![expect(clippy::too_many_lines, reason = "a table")]

use std::sync::Arc;

use kulisse_core::api::condition::ConditionType::Planned;
use serde_json::{Value, json};

use crate::{
    asking::told,
    support::{environment::Environment, wait::s},
    world::{APPLICATION, World},
};

/// A route, so that there is something to lead astray.
pub const ROUTE: &str = "
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: api, namespace: '{ns}' }
spec:
  rules: [{ host: shop.example.com, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: api, port: { number: 8080 } } } }] } }]
";

/// What allows as much as a class can.
pub fn class() -> Value {
    let everywhere =
        json!([{ "to": [{ "namespaceSelector": {} }, { "ipBlock": { "cidr": "0.0.0.0/0" } }] }]);
    json!({
        "access": { "maxRole": "View" },
        "boundary": { "probe": "Never", "allow": everywhere },
        "expose": { "domain": "tried.example.org", "ingressClassName": "previews",
            "from": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "ingress" } } }] },
    })
}

/// What is asked for, and a piece of what is said to it.
fn asked(source: &str) -> Vec<(&'static str, Value, &'static str)> {
    let patch = |kind: &str, name: &str, patch: Value| json!({ "patches": [{ "target": { "kind": kind, "name": name }, "patch": patch.to_string() }] });
    let web = |of: Value| patch("Deployment", "web", of);
    let pod = |of: Value| web(json!({ "spec": { "template": { "spec": of } } }));
    let service = |of: Value| patch("Service", "api", json!({ "spec": of }));
    let add = |path: &str, value: Value| json!([{ "op": "add", "path": path, "value": value }]);
    let task = |of: Value| {
        let mut spec = json!({ "containers": [{ "name": "c", "image": "x" }] });
        for (key, value) in of.as_object().expect("fields") {
            spec[key] = value.clone();
        }
        json!({ "smoke": [{ "name": "tried", "job": { "template": { "spec": spec } } }] })
    };
    let access = |kind: &str, name: &str, role: &str| json!({ "access": [{ "subject": { "kind": kind, "name": name }, "role": role }] });
    let egress = |to: Value| json!({ "egress": [{ "to": [to], "ports": [{ "port": 80 }] }] });
    let range = |cidr: &str| egress(json!({ "ipBlock": { "cidr": cidr } }));
    let container = |of: Value| json!({ "containers": [of] });
    let privileged =
        json!({ "name": "web", "image": "x", "securityContext": { "privileged": true } });
    let host_port =
        json!({ "name": "c", "image": "x", "ports": [{ "containerPort": 80, "hostPort": 80 }] });
    let route = |path: &str, value: &str| {
        patch("Ingress", "api", json!([{ "op": "add", "path": path, "value": value }]))
    };
    let snippet = json!({ "nginx.ingress.kubernetes.io/configuration-snippet": "x" });
    let rule = json!({ "apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["create"] });
    let me = json!({ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "me" });
    vec![
        ("a patch: the node's network", pod(json!({ "hostNetwork": true })), "network of its node"),
        (
            "a patch: the node's files",
            pod(json!({ "volumes": [{ "name": "v", "hostPath": { "path": "/" } }] })),
            "directory of its node",
        ),
        (
            "a patch: production's share",
            pod(
                json!({ "volumes": [{ "name": "v", "nfs": { "server": "10.2.0.9", "path": "/" } }] }),
            ),
            "volume of type nfs",
        ),
        ("a patch: a privileged container", pod(container(privileged)), "privileged"),
        ("a patch: a node of its choice", pod(json!({ "nodeName": "control-plane" })), "nodeName"),
        (
            "a patch: a place before production's Pods",
            pod(json!({ "priorityClassName": "system-cluster-critical" })),
            "priorityClassName",
        ),
        (
            "a patch: the label of a task's Pods",
            web(
                json!({ "spec": { "template": { "metadata": { "labels": { "kulisse.dev/task": "x" } } } } }),
            ),
            "does not touch labels",
        ),
        (
            "a patch: a second network",
            web(
                json!({ "spec": { "template": { "metadata": { "annotations": { "k8s.v1.cni.cncf.io/networks": "x" } } } } }),
            ),
            "cni.cncf.io",
        ),
        (
            "a patch: another namespace",
            patch("Deployment", "web", add("/metadata/namespace", json!(source))),
            "does not change group",
        ),
        (
            "a patch: a finalizer",
            web(json!({ "metadata": { "finalizers": ["example.com/stays"] } })),
            "/metadata/finalizers",
        ),
        (
            "a patch: an owner elsewhere",
            web(
                json!({ "metadata": { "ownerReferences": [{ "apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x" }] } }),
            ),
            "/metadata/ownerReferences",
        ),
        (
            "a patch: production's addresses",
            service(json!({ "externalIPs": ["10.1.0.7"] })),
            "externalIPs",
        ),
        (
            "a patch: a route out of the target",
            service(json!({ "type": "ExternalName", "externalName": "db.other-team.svc" })),
            "outside the target",
        ),
        (
            "a patch: production's host",
            route("/spec/rules/0/host", "shop.example.com"),
            "hosts are the class's",
        ),
        (
            "a patch: every host",
            patch("Ingress", "api", json!([{ "op": "remove", "path": "/spec/rules/0/host" }])),
            "hosts are the class's",
        ),
        (
            "a patch: the ingress controller's configuration",
            patch("Ingress", "api", json!({ "metadata": { "annotations": snippet } })),
            "hosts are the class's",
        ),
        (
            "a patch: a right to open the fence",
            patch("Role", "api", add("/rules/-", rule)),
            "/rules",
        ),
        (
            "a patch: rights for a person",
            patch("RoleBinding", "api", add("/subjects/-", me)),
            "/subjects",
        ),
        (
            "a patch: of the fence",
            patch("NetworkPolicy", "kulisse-default-deny", json!({ "spec": { "egress": [{}] } })),
            "the fence cannot be patched",
        ),
        (
            "a patch: a Secret's values",
            patch("Secret", "database", json!({ "stringData": { "password": "x" } })),
            "no secret",
        ),
        (
            "a patch: production's identity in the cloud",
            patch(
                "ServiceAccount",
                "api",
                json!({ "metadata": { "annotations": { "eks.amazonaws.com/role-arn": "x" } } }),
            ),
            "eks.amazonaws.com",
        ),
        (
            "an overlay: an object for another namespace",
            json!({ "overlay": { "inline": [{ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x", "namespace": "kube-system" } }] } }),
            "kube-system",
        ),
        (
            "an overlay: a Secret's values",
            json!({ "overlay": { "inline": [{ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "x" }, "stringData": { "a": "b" } }] } }),
            "no secret",
        ),
        ("a task: the node's network", task(json!({ "hostNetwork": true })), "node's own network"),
        ("a task: the node's processes", task(json!({ "hostPID": true })), "hostPID"),
        (
            "a task: the node's files",
            task(json!({ "volumes": [{ "name": "v", "hostPath": { "path": "/" } }] })),
            "past the fence",
        ),
        (
            "a task: production's share",
            task(json!({ "volumes": [{ "name": "v", "nfs": { "server": "x", "path": "/" } }] })),
            "past the fence",
        ),
        (
            "a task: a privileged container",
            task(container(
                json!({ "name": "c", "image": "x", "securityContext": { "privileged": true } }),
            )),
            "privileged",
        ),
        ("a task: a port of the node", task(container(host_port)), "port of the node"),
        ("a task: a node of its choice", task(json!({ "nodeName": "x" })), "nodes"),
        (
            "a task: a place before production's Pods",
            task(json!({ "priorityClassName": "system-node-critical" })),
            "nodes",
        ),
        (
            "a task: an account that is no clone",
            task(json!({ "serviceAccountName": "kulisse" })),
            "no ServiceAccount",
        ),
        (
            "access: everybody without an account",
            access("Group", "system:unauthenticated", "View"),
            "everybody",
        ),
        (
            "access: everybody with an account",
            access("Group", "system:authenticated", "View"),
            "everybody",
        ),
        (
            "access: more than the class gives",
            access("User", "me", "Edit"),
            "more than the class gives",
        ),
        (
            "an opening: production",
            egress(
                json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": source } } }),
            ),
            "source namespace",
        ),
        (
            "an opening: every namespace",
            egress(json!({ "namespaceSelector": {} })),
            "source namespace",
        ),
        ("an opening: the metadata address", range("169.254.169.254/32"), "credentials"),
        ("an opening: half of all addresses", range("128.0.0.0/1"), "credentials"),
        ("an opening: everything", range("0.0.0.0/0"), "smaller range"),
        (
            "an opening: the internet for a host",
            json!({ "hosts": [{ "host": "pay.example.net", "action": "Allow" }] }),
            "publicEgress",
        ),
        ("a boundary that only warns", json!({ "boundary": { "mode": "Warn" } }), "allowWarn"),
    ]
}

pub async fn what_a_spec_may_not_ask_for_is_refused(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("asks", &format!("{APPLICATION}{ROUTE}")).await;
    world.class("asks", &class()).await;
    let rows = asked(&place.source);
    let mut all = Vec::new();
    for (at, (_, more, _)) in rows.iter().enumerate() {
        let mut spec = place.spec(more);
        spec["className"] = json!("asks");
        all.push(Environment::apply(objects, &place.requests, &format!("pr-{at}"), spec).await);
    }
    let mut wrong = Vec::new();
    for (it, (what, _, says)) in all.iter().zip(&rows) {
        let said = it.until(Planned, "False", "", s(60)).await;
        told("a spec", what, &said);
        if !said.contains(says) {
            wrong.push(format!("{what}: {said}"));
        }
        if !it.status().await.namespaces.is_empty() {
            wrong.push(format!("{what}: something was made"));
        }
        it.delete().await;
    }
    for it in &all {
        it.gone(s(60)).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("figure: {} things that a spec may not ask for, 0 made anything", rows.len());
}
