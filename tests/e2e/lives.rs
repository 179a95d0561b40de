//! Sleep, and what else holds an environment up although nothing is wrong with it: with Pods and
//! volumes.

use std::sync::Arc;

use kube::ResourceExt;
use kulisse_core::api::{
    condition::ConditionType::{Asleep, Granted, Planned},
    names,
};
use serde_json::json;

use crate::{
    support::wait::{eventually, s},
    world::{World, is, record},
};

async fn pods(world: &World, target: &str) -> Vec<String> {
    let all = world.objects().list("v1 Pod", target).await.into_iter();
    let mine = all.filter(|it| !it.labels().contains_key("batch.kubernetes.io/job-name"));
    mine.map(|it| it.name_any()).collect()
}

async fn no_pod_is_left(world: &World, target: &str) {
    eventually("its Pods are gone", s(60), || async {
        let left = pods(world, target).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}

pub async fn an_environment_that_slept_wakes_with_its_data_and_stores_first(world: Arc<World>) {
    let place = world.small("asleep").await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(120)).await;
    let target = it.target().await;
    let write = ["sh", "-c", "echo kept > /data/note"];
    world.exec(&target, "store-0", &write).await.ok("a note in the store");
    let claims = world.objects().names("v1 PersistentVolumeClaim", &target).await;

    it.annotate(names::SLEEP_ANNOTATION, Some("1")).await;
    it.until(Asleep, "True", "Asleep", s(60)).await;
    no_pod_is_left(&world, &target).await;
    assert_eq!(world.objects().names("v1 PersistentVolumeClaim", &target).await, claims);
    record(&it, "asleep", |it| is(it, Asleep, "True")).await;

    it.annotate(names::WAKE_ANNOTATION, Some("1")).await;
    it.ready(s(120)).await;
    let note = world.exec(&target, "store-0", &["cat", "/data/note"]).await;
    assert_eq!(note.ok("the note").trim(), "kept");
    // The web server was made only when the store was ready.
    let all = world.objects().list("v1 Pod", &target).await;
    let of = |prefix: &str| all.iter().find(|it| it.name_any().starts_with(prefix)).expect("a Pod");
    let ready = of("store").data["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = ready.iter().find(|it| it["type"] == "Ready").expect("Ready")["lastTransitionTime"]
        .as_str()
        .and_then(|it| it.parse::<jiff::Timestamp>().ok())
        .expect("a time");
    let made = of("web").creation_timestamp().expect("a time").0;
    assert!(made >= ready, "the web server was made at {made}, the store was ready at {ready}");
    it.remove().await;
}

pub async fn a_clone_whose_grant_is_withdrawn_stands_still(world: Arc<World>) {
    let place = world.small("frozen").await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(120)).await;
    let target = it.target().await;
    let grant = format!("from-{}", place.requests);
    world.objects().delete("kulisse.dev/v1alpha1 StagingGrant", &place.source, &grant).await;
    it.until(Granted, "False", "GrantWithdrawn", s(60)).await;
    no_pod_is_left(&world, &target).await;
    record(&it, "frozen", |it| is(it, Granted, "False")).await;
    it.remove().await;
}

pub async fn a_plan_that_waits_for_a_person_makes_nothing(world: Arc<World>) {
    let place = world.small("approval").await;
    let it = place.environment("pr-1", json!({ "mode": "Plan" })).await;
    it.until(Planned, "False", "AwaitingApproval", s(60)).await;
    record(&it, "awaiting-approval", |it| is(it, Planned, "False")).await;
    let status = it.status().await;
    assert!(status.namespaces.is_empty());
    it.annotate(names::APPROVE_ANNOTATION, status.plan.as_ref().map(|it| it.digest.as_str())).await;
    it.ready(s(120)).await;
    it.remove().await;
}

pub async fn a_target_that_somebody_deletes_is_seeded_and_fenced_anew(world: Arc<World>) {
    let place = world.small("renewed").await;
    let run = json!({ "image": "docker.io/library/busybox:1.36", "command": ["true"] });
    let it = place.environment("pr-1", json!({ "seed": [{ "name": "rows", "run": run }] })).await;
    it.ready(s(120)).await;
    // Another plan, which leaves most of the target as it is.
    it.patch(json!({ "env": [{ "set": [{ "name": "PUSHED", "value": "1" }] }] })).await;
    it.ready(s(60)).await;
    let before = it.target().await;
    let policies = "networking.k8s.io/v1 NetworkPolicy";
    let fence = world.objects().names(policies, &before).await;
    let arguments = ["delete", "namespace", &before, "--wait=false"];
    world.kubectl(&arguments).await.ok("somebody deletes the namespace");

    let after = it
        .until_that("another target", s(120), |it| {
            let now = it.status.as_ref()?.namespaces.first()?.name.clone();
            (now != before).then_some(now)
        })
        .await;
    it.ready(s(120)).await;
    let jobs = world.objects().names("batch/v1 Job", &after).await;
    assert!(jobs.iter().any(|it| it.starts_with("seed-rows")), "no seed ran: {jobs:?}");
    assert_eq!(world.objects().names(policies, &after).await, fence);
    it.remove().await;
}
