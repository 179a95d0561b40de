//! What an overlay brings along, and what of it arrives in a clone. It is tried by whoever may create
//! environments, and nobody else.
#![expect(clippy::too_many_lines, reason = "tables")]

use std::sync::Arc;

use kulisse_core::api::{condition::ConditionType::Applied, names};
use serde_json::{Value, json};

use crate::{
    asking::told,
    overstepped::{ROUTE, class},
    support::{tools::yaml, wait::s},
    world::{APPLICATION, World},
};

/// Workloads that no fence holds: what of their Pods' spec.
const UNFENCED: [(&str, &str); 8] = [
    ("host-network", "hostNetwork: true"),
    ("host-pid", "hostPID: true"),
    ("host-path", "volumes: [{ name: v, hostPath: { path: / } }]"),
    ("nfs", "volumes: [{ name: v, nfs: { server: 10.2.0.9, path: / } }]"),
    ("csi", "volumes: [{ name: v, csi: { driver: smb.csi.k8s.io } }]"),
    ("git", "volumes: [{ name: v, gitRepo: { repository: 'https://git.internal/x' } }]"),
    ("sysctl", "securityContext: { sysctls: [{ name: kernel.msgmax, value: '1' }] }"),
    ("unconfined", "securityContext: { seccompProfile: { type: Unconfined } }"),
];

/// What must be in the target: what was tried, kind, name, pointer, value. Null: it is not there; an
/// empty pointer means the whole object.
fn found(uid: &str, hash: &str) -> Vec<(String, &'static str, String, String, Value)> {
    const POLICY: &str = "networking.k8s.io/v1 NetworkPolicy";
    const BINDING: &str = "rbac.authorization.k8s.io/v1 RoleBinding";
    const INGRESS: &str = "networking.k8s.io/v1 Ingress";
    const DEPLOYMENT: &str = "apps/v1 Deployment";
    let pod = "/spec/template/spec";
    let mut rows = vec![
        (
            "rights in the whole cluster",
            "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
            "tried",
            String::new(),
            Value::Null,
        ),
        ("a namespace of its own", "v1 Namespace", "tried", String::new(), Value::Null),
        (
            "an environment in an environment",
            "kulisse.dev/v1alpha1 StagingEnvironment",
            "tried",
            String::new(),
            Value::Null,
        ),
        (
            "consent to clone the clone",
            "kulisse.dev/v1alpha1 StagingGrant",
            "tried",
            String::new(),
            Value::Null,
        ),
        ("a policy that opens every address", POLICY, "tried", "/spec/egress".into(), Value::Null),
        (
            "a policy in the place of the fence's",
            POLICY,
            "kulisse-default-deny",
            "/spec/egress".into(),
            Value::Null,
        ),
        (
            "a binding in the place of the operator's",
            BINDING,
            "kulisse-rights",
            "/subjects/0/namespace".into(),
            json!("kulisse"),
        ),
        ("rights for people and foreign accounts", BINDING, "tried", String::new(), Value::Null),
        (
            "a Role with every right",
            "rbac.authorization.k8s.io/v1 Role",
            "tried",
            "/rules".into(),
            Value::Null,
        ),
        (
            "production's identity in the cloud",
            "v1 ServiceAccount",
            "tried",
            "/metadata/annotations".into(),
            Value::Null,
        ),
        ("a token of an account that never ends", "v1 Secret", "tried", String::new(), Value::Null),
        (
            "production's host",
            INGRESS,
            "tried",
            "/spec/rules/0/host".into(),
            json!(format!("api-pr-1-{hash}.tried.example.org")),
        ),
        (
            "a piece of the ingress controller's configuration",
            INGRESS,
            "tried",
            "/metadata/annotations".into(),
            Value::Null,
        ),
        ("a route out of the target", INGRESS, "out", String::new(), Value::Null),
        (
            "an address of production",
            "v1 Service",
            "tried",
            "/spec/externalIPs".into(),
            Value::Null,
        ),
        ("a load balancer", "v1 Service", "tried", "/spec/type".into(), json!("ClusterIP")),
        (
            "addresses of production's Pods",
            "v1 Endpoints",
            "production",
            String::new(),
            Value::Null,
        ),
        (
            "an owner elsewhere",
            "v1 ConfigMap",
            "tried",
            "/metadata/ownerReferences".into(),
            Value::Null,
        ),
        (
            "a finalizer that nobody takes off",
            "v1 ConfigMap",
            "tried",
            "/metadata/finalizers".into(),
            Value::Null,
        ),
        (
            "another environment's mark",
            "v1 ConfigMap",
            "tried",
            "/metadata/labels/kulisse.dev~1environment-uid".into(),
            json!(uid),
        ),
        (
            "a delivery tool's mark",
            "v1 ConfigMap",
            "tried",
            "/metadata/labels/argocd.argoproj.io~1instance".into(),
            Value::Null,
        ),
        (
            "production's volume",
            "v1 PersistentVolumeClaim",
            "tried",
            "/spec/volumeName".into(),
            Value::Null,
        ),
        (
            "the data of a claim",
            "v1 PersistentVolumeClaim",
            "tried",
            "/spec/dataSource".into(),
            Value::Null,
        ),
        (
            "the label of a task's Pods",
            DEPLOYMENT,
            "tried",
            "/spec/template/metadata/labels".into(),
            json!({ "app": "tried" }),
        ),
        (
            "a second network",
            DEPLOYMENT,
            "tried",
            "/spec/template/metadata/annotations".into(),
            Value::Null,
        ),
        ("a node of its choice", DEPLOYMENT, "tried", format!("{pod}/nodeName"), Value::Null),
        (
            "a place before production's Pods",
            DEPLOYMENT,
            "tried",
            format!("{pod}/priorityClassName"),
            Value::Null,
        ),
        (
            "nodes that are kept free",
            DEPLOYMENT,
            "tried",
            format!("{pod}/tolerations"),
            Value::Null,
        ),
        (
            "a name server of its own",
            DEPLOYMENT,
            "tried",
            format!("{pod}/dnsConfig/nameservers"),
            Value::Null,
        ),
        (
            "a port of the node",
            DEPLOYMENT,
            "tried",
            format!("{pod}/containers/0/ports/0/hostPort"),
            Value::Null,
        ),
        (
            "a request by the node",
            DEPLOYMENT,
            "tried",
            format!("{pod}/containers/0/lifecycle"),
            Value::Null,
        ),
        ("a schedule of its own", "batch/v1 CronJob", "tried", "/spec/suspend".into(), json!(true)),
    ];
    rows.extend(
        UNFENCED.iter().map(|(name, _)| (*name, DEPLOYMENT, *name, String::new(), Value::Null)),
    );
    rows.into_iter()
        .map(|(what, kind, name, path, value)| {
            (what.to_owned(), kind, name.to_owned(), path, value)
        })
        .collect()
}

pub async fn what_a_spec_brings_along_gets_nowhere(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("brings", &format!("{APPLICATION}{ROUTE}")).await;
    world.class("brings", &class()).await;
    let mut brought = yaml(&include_str!("brought.yaml").replace("{ns}", &place.source));
    for (name, spec) in UNFENCED {
        let text = format!(
            "{{ apiVersion: apps/v1, kind: Deployment, metadata: {{ name: {name} }}, spec: {{ selector: {{ matchLabels: {{ app: {name} }} }}, \
             template: {{ metadata: {{ labels: {{ app: {name} }} }}, spec: {{ {spec}, containers: [{{ name: c, image: x }}] }} }} }} }}"
        );
        brought.extend(yaml(&text));
    }
    let spec = json!({ "className": "brings", "overlay": { "inline": brought } });
    let it = place.environment("pr-1", spec).await;
    it.until(Applied, "True", "", s(90)).await;
    let (target, uid) = (it.target().await, it.uid().await);
    let hash = names::host_hash(&uid);
    let mut wrong = Vec::new();
    let rows = found(&uid, &hash);
    for (what, kind, name, path, expected) in &rows {
        let object = objects.find(kind, &target, name).await;
        if object.is_none() && !path.is_empty() {
            wrong.push(format!("{what}: there is no {kind} {name}"));
        }
        let there = object.map(|it| serde_json::to_value(it).expect("JSON"));
        let value = there.as_ref().and_then(|it| it.pointer(path)).cloned().unwrap_or_default();
        // Fields that the server writes as empty are not there.
        let empty = |it: &Value| *it == json!([]) || *it == json!({});
        let as_expected = value == *expected || (expected.is_null() && empty(&value));
        told("an overlay", what, if as_expected { "stays behind or is cut" } else { "nothing" });
        if !as_expected {
            wrong.push(format!("{what}: {kind} {name}{path} is {value}"));
        }
    }
    it.remove().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!(
        "figure: {} things that an overlay brought along, 0 got into a clone as they were",
        rows.len()
    );
}
