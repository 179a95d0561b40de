//! What is known of what failed.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::api::{Patch, PatchParams};
use kulisse_core::api::{condition::ConditionType::SmokePassed, evidence::Evidence, names};
use serde_json::{Value, json};

use crate::{
    asked::one_pod_ends,
    support::{
        audit,
        objects::gvk,
        wait::{eventually, s},
    },
    world::{APPLICATION, Place, World},
};

async fn told(place: &Place<'_>) -> Vec<Evidence> {
    let plan =
        place.world.objects().get("kulisse.dev/v1alpha1 StagingPlan", &place.requests, "pr-1");
    serde_json::from_value(plan.await.data["spec"]["evidence"].clone()).unwrap_or_default()
}

/// A Warning about a Pod.
fn warning(target: &str, pod: &str, message: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": "warned", "namespace": target },
        "involvedObject": { "kind": "Pod", "name": pod, "namespace": target }, "type": "Warning",
        "reason": "FailedMount", "message": message, "count": 3 })
}

pub async fn of_a_failed_smoke_the_plan_holds_states_and_events_and_no_credential(
    world: Arc<World>,
) {
    let place = world.source("evidence", APPLICATION).await;
    let objects = world.objects();
    let smoke = json!([{ "name": "up", "run": { "image": "registry.example.com/check:1" } }]);
    let it = place.environment("pr-1", json!({ "smoke": smoke })).await;
    let target = it.target().await;
    let pod = eventually("the smoke has a Pod", s(30), || async {
        objects.names("v1 Pod", &target).await.pop().ok_or_else(|| "none".to_owned())
    })
    .await;
    // What was invented for the environment, as an application may print it.
    let secret = objects.get("v1 Secret", &target, "database").await;
    let password = secret.data["data"]["password"].as_str().expect("a password");
    let password = STANDARD.decode(password).expect("base64");
    let password = String::from_utf8(password).expect("text");
    let words = format!("cannot log in as shop with {password}");
    objects.try_create(&warning(&target, &pod, &words), false).await.expect("an Event");
    let ended = json!({ "phase": "Failed", "containerStatuses": [{
        "name": "task", "image": "registry.example.com/check:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "terminated": { "exitCode": 3, "reason": "Error", "message": words } } }] });
    let api = objects.api(&gvk("v1 Pod"), &target).await;
    let patch = Patch::Merge(json!({ "status": ended }));
    api.patch_status(&pod, &PatchParams::default(), &patch).await.expect("a status");
    it.until(SmokePassed, "False", "Failed", s(30)).await;
    let found = eventually("the plan says so", s(10), || async {
        let found = told(&place).await;
        if found.len() == 1 { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await;
    let text = serde_json::to_string(&found).expect("JSON");
    assert!(!text.contains(&password), "{text}");
    let first = &found[0];
    assert_eq!((first.subject.as_str(), first.pod.as_deref()), ("smoke up", Some(pod.as_str())));
    assert_eq!(first.containers[0].exit_code, Some(3));
    assert!(first.events.iter().any(|it| it.reason == "FailedMount" && it.count == 3), "{text}");
    assert_eq!(it.status().await.evidence.map(|it| it.entries), Some(1));

    // It is looked at once.
    let mark = audit::mark(world.audit_log());
    it.annotate("example.com/note", Some("1")).await;
    tokio::time::sleep(s(3)).await;
    let asked = audit::of_operator(world.audit_log(), mark);
    let asked: Vec<String> =
        asked.iter().filter(|it| it.within(&target)).map(audit::Request::line).collect();
    assert!(asked.is_empty(), "{asked:#?}");

    it.annotate(names::RETRY_ANNOTATION, Some("1")).await;
    one_pod_ends(objects, &target, "Succeeded").await;
    let status = it.ready(s(30)).await;
    assert_eq!(status.evidence, None);
    assert_eq!(told(&place).await, []);
    it.remove().await;
}
