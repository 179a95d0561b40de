//! What leads back, and what becomes of it: refused, or said where the class allows that. The probe's
//! Pod does not run here; its last words are put into its mouth.

use std::sync::Arc;

use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use kulisse_core::api::condition::ConditionType::{
    Applied, BoundaryClean, Granted, Planned, Ready, Stalled,
};
use serde_json::{Value, json};

use crate::{
    support::{
        environment::Environment,
        objects::gvk,
        wait::{eventually, s},
    },
    world::{APPLICATION, World},
};

/// The probe's Pod of an environment.
pub async fn probe(it: &Environment<'_>) -> String {
    let target = it.target().await;
    eventually("the probe's Pod is made", s(45), || async {
        let pods = it.objects.list("v1 Pod", &target).await;
        let probe = pods.iter().find(|it| it.labels().contains_key("kulisse.dev/probe"));
        probe.map(ResourceExt::name_any).ok_or_else(|| "there is none".to_owned())
    })
    .await
}

/// Ends the probe's Pod with an answer.
pub async fn answers(it: &Environment<'_>, pod: &str, answer: &Value) {
    let ended = json!({ "exitCode": 0, "reason": "Completed", "message": answer.to_string() });
    let status = json!({ "status": { "phase": "Succeeded", "containerStatuses": [{
        "name": "probe", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "terminated": ended },
    }] } });
    let api = it.objects.api(&gvk("v1 Pod"), &it.target().await).await;
    let params = PatchParams::default();
    api.patch_status(pod, &params, &Patch::Merge(status)).await.expect("a status");
}

const OPEN: &str =
    r#"{ "open": ["Service/api of production"], "tried": 3, "control": "Silent", "dns": true }"#;

fn open() -> Value {
    serde_json::from_str(OPEN).expect("JSON")
}

pub async fn a_boundary_that_is_open_stops_an_environment_unless_it_only_warns(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("warned", APPLICATION).await;
    let enforced = place.environment("enforced", json!({ "className": "warns" })).await;
    enforced.until(Granted, "False", "ClassNotFound", s(20)).await;
    world.class("warns", &json!({ "boundary": { "probe": "Always" } })).await;
    // Asked for and not allowed: nothing is made.
    let warn = json!({ "className": "warns", "boundary": { "mode": "Warn" } });
    let warned = place.environment("warned", warn).await;
    let told = warned.until(Planned, "False", "InvalidSpec", s(20)).await;
    assert!(told.contains("Warn") && told.contains("allowWarn"), "{told}");
    assert!(warned.status().await.namespaces.is_empty());
    world.class("warns", &json!({ "boundary": { "probe": "Always", "allowWarn": true } })).await;

    answers(&enforced, &probe(&enforced).await, &open()).await;
    let told = enforced.until(BoundaryClean, "False", "EgressNotEnforced", s(30)).await;
    assert!(told.contains("Service/api of production"), "{told}");
    enforced.until(Ready, "False", "EgressNotEnforced", s(5)).await;
    enforced.until(Stalled, "True", "EgressNotEnforced", s(5)).await;
    let target = enforced.target().await;
    assert!(objects.names("apps/v1 Deployment", &target).await.is_empty(), "nothing starts");

    answers(&warned, &probe(&warned).await, &open()).await;
    let status = warned.ready(s(45)).await;
    let told = warned.until(BoundaryClean, "False", "EgressNotEnforced", s(5)).await;
    assert!(told.contains("Service/api of production"), "{told}");
    warned.until(Applied, "True", "", s(5)).await;
    let stalled = status.conditions.iter().any(|it| it.type_ == "Stalled" && it.status == "True");
    assert!(!stalled, "nobody is called");
    let target = warned.target().await;
    assert_eq!(objects.names("apps/v1 Deployment", &target).await.len(), 2);

    // Back to Enforce: what was let through is held against it, and workloads are not torn down.
    warned.patch(json!({ "boundary": { "mode": "Enforce" } })).await;
    warned.until(Ready, "False", "EgressNotEnforced", s(45)).await;
    warned.until(Stalled, "True", "", s(5)).await;
    enforced.remove().await;
    warned.remove().await;
}

pub async fn a_reference_to_production_stops_a_plan_unless_it_only_warns(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("led-back", APPLICATION).await;
    world
        .class(
            "warns-of-references",
            &json!({ "boundary": { "probe": "Never", "allowWarn": true } }),
        )
        .await;
    // A patch is the last word, and looked at again.
    let patch = "
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { API: 'http://api.src-led-back.svc.cluster.local:8080' }
";
    let spec = json!({ "className": "warns-of-references", "patches": [{ "patch": patch }] });
    let it = place.environment("pr-1", spec).await;
    let told = it.until(BoundaryClean, "False", "ProductionReference", s(30)).await;
    assert!(told.contains("ConfigMap/settings") && told.contains("/data/API"), "{told}");
    it.until(Ready, "False", "ProductionReference", s(5)).await;
    assert!(it.status().await.namespaces.is_empty(), "nothing is made");
    it.patch(json!({ "boundary": { "mode": "Warn" } })).await;
    let status = it.ready(s(45)).await;
    assert_eq!(status.plan.expect("a plan").warned, 1);
    it.until(BoundaryClean, "False", "ProductionReference", s(5)).await;
    let settings = objects.get("v1 ConfigMap", &it.target().await, "settings").await;
    assert!(settings.data["data"]["API"].to_string().contains("api.src-led-back.svc"));
    it.remove().await;
}

pub async fn openings_are_accepted_by_the_server_as_they_are_planned(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("opened", APPLICATION).await;
    let block =
        |cidr: &str, except: &[&str]| json!({ "ipBlock": { "cidr": cidr, "except": except } });
    let boundary = json!({
        "probe": "Never",
        "publicEgress": { "ports": [{ "port": 443 }, { "port": 8000, "endPort": 8100 }, { "protocol": "UDP", "port": 443 }],
            "except": ["198.51.100.0/24", "2600:1f00::/24", "203.0.113.7"] },
        "allow": [
            { "to": [block("203.0.113.0/24", &["203.0.113.64/26"]), block("2001:db8::/32", &[])], "ports": [{ "port": 1, "endPort": 9000 }] },
            { "to": [{ "namespaceSelector": { "matchLabels": { "team": "mocks" } } }] },
        ],
        "dns": [{ "to": [block("169.254.20.10/32", &[])], "ports": [{ "protocol": "UDP", "port": 53 }] },
            { "to": [{ "namespaceSelector": {}, "podSelector": { "matchLabels": { "dns": "yes" } } }] }],
    });
    world.class("opens", &json!({ "boundary": boundary })).await;
    let run = json!({ "image": "registry.example.com/seed:1" });
    let spec = json!({
        "className": "opens",
        "hosts": [{ "host": "pay.example.net", "action": "Allow" }],
        "egress": [
            { "to": [block("203.0.113.0/25", &[])], "ports": [{ "port": 5432 }] },
            { "to": [{ "namespaceSelector": { "matchExpressions": [{ "key": "team", "operator": "In", "values": ["mocks"] }] },
                "podSelector": { "matchLabels": { "app": "mock" } } }] },
        ],
        "smoke": [{ "name": "far", "run": run, "egress": [{ "to": [block("2001:db8:1::/48", &[])], "ports": [{ "port": 22 }] }] }],
    });
    let it = place.environment("pr-1", spec).await;
    it.until(Planned, "True", "", s(30)).await;
    it.until(Applied, "True", "", s(45)).await;
    let target = it.target().await;
    let policies = objects.names("networking.k8s.io/v1 NetworkPolicy", &target).await;
    for name in ["kulisse-public", "kulisse-egress"] {
        assert!(policies.iter().any(|it| it == name), "{name} is not in {policies:?}");
    }
    assert!(policies.iter().any(|it| it.starts_with("kulisse-task-far")), "{policies:?}");
    let policy = objects.get("networking.k8s.io/v1 NetworkPolicy", &target, "kulisse-egress").await;
    let text = policy.data["spec"]["egress"].to_string();
    assert!(text.contains("203.0.113.64/26"), "what the class excepts stays closed: {text}");
    assert!(text.contains("NotIn") && text.contains("src-opened"), "never the source: {text}");

    // More than the class allows, and what is production's, is refused.
    for (egress, says) in [
        (json!([{ "to": [block("192.0.2.0/24", &[])] }]), "the class allows none of it"),
        (json!([{ "to": [{ "namespaceSelector": {} }] }]), "src-opened"),
        (json!([{ "to": [block("169.254.0.0/16", &[])] }]), "credentials"),
    ] {
        it.patch(json!({ "egress": egress })).await;
        let told = it.until(Planned, "False", "InvalidSpec", s(30)).await;
        assert!(told.contains("spec.egress[0].to[0]") && told.contains(says), "{told}");
    }
    it.remove().await;
}
