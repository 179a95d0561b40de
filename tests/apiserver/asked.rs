//! What people ask of a living environment, by annotation.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use kulisse_core::api::{
    condition::{
        ConditionType::{Asleep, Expired, Planned, Ready, Seeded},
        find,
    },
    environment::StagingEnvironment,
    names,
    request::Verb,
    status::StagingEnvironmentStatus,
};
use serde_json::{Value, json};

use crate::{
    support::{
        environment::Environment,
        objects::Objects,
        pods,
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, World},
};

fn end(status: &StagingEnvironmentStatus) -> Timestamp {
    status.expires_at.as_ref().expect("there is an end").0
}

fn start(status: &StagingEnvironmentStatus) -> Timestamp {
    status.started_at.as_ref().expect("the clock has started").0
}

#[expect(clippy::disallowed_methods, reason = "a person asks by the clock on the wall")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn in_seconds(seconds: i64) -> String {
    let at = now() + SignedDuration::from_secs(seconds);
    Timestamp::from_second(at.as_second()).expect("a time").to_string()
}

async fn ends_at(it: &Environment<'_>, wanted: Timestamp) {
    it.until_that(&format!("it ends at {wanted}"), s(15), |environment| {
        (end(environment.status.as_ref()?) == wanted).then_some(())
    })
    .await;
}

pub async fn an_extension_holds_whatever_becomes_of_its_annotation(world: Arc<World>) {
    let place = world.source("extended", APPLICATION).await;
    let it = place.environment("pr-1", json!({ "lifecycle": { "ttl": "60s" } })).await;
    let started = start(&it.ready(s(25)).await);

    let later = in_seconds(3600);
    it.annotate(names::EXTEND_ANNOTATION, Some(&later)).await;
    ends_at(&it, later.parse().expect("a time")).await;

    // A GitOps tool applies what it knows, by its own name and by force: the annotation goes.
    let known = json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": "pr-1", "namespace": place.requests, "annotations": {} },
        "spec": place.spec(&json!({ "lifecycle": { "ttl": "60s" } })),
    });
    let api: Api<StagingEnvironment> =
        Api::namespaced(world.objects().client.clone(), &place.requests);
    let manager = PatchParams::apply("a-gitops-tool").force();
    api.patch("pr-1", &manager, &Patch::Apply(&known)).await.expect("an apply");
    it.annotate(names::EXTEND_ANNOTATION, None).await;
    steadily("it lives on", s(65), || async {
        let status = it.status().await;
        let ready = find(&status.conditions, Ready).is_some_and(|it| it.status == "True");
        if ready && status.incarnation.map(|it| it.0) == Some(1) {
            Ok(())
        } else {
            Err("no".into())
        }
    })
    .await;

    // The class has the last word.
    it.annotate(names::EXTEND_ANNOTATION, Some(&in_seconds(400 * 3600))).await;
    ends_at(&it, started + SignedDuration::from_hours(100)).await;
    it.remove().await;
}

pub async fn an_environment_that_was_cut_short_stays_gone_until_it_is_asked_back(
    world: Arc<World>,
) {
    let place = world.source("shortened", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    it.annotate(names::EXTEND_ANNOTATION, Some(&in_seconds(20))).await;
    it.until(Expired, "True", "Expired", s(60)).await;
    steadily("it stays gone", s(3), || async {
        let status = it.status().await;
        if status.namespaces.is_empty() { Ok(()) } else { Err("it is back".to_owned()) }
    })
    .await;
    it.annotate(names::EXTEND_ANNOTATION, Some(&in_seconds(3600))).await;
    let status = it.ready(s(60)).await;
    assert_eq!(status.incarnation.map(|it| it.0), Some(2), "another life");
    it.remove().await;
}

pub async fn what_cannot_be_done_is_refused_in_the_status_and_an_event(world: Arc<World>) {
    let place = world.source("unasked", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    let before = end(&it.ready(s(45)).await);
    it.annotate(names::EXTEND_ANNOTATION, Some("24h")).await;
    it.annotate(names::RESEED_ANNOTATION, Some("now")).await;
    let refused = it
        .until_that("both are refused", s(15), |environment| {
            let requests = environment.status.as_ref()?.requests.clone();
            (requests.len() == 2).then_some(requests)
        })
        .await;
    assert!(refused.iter().all(|it| !it.refused.is_empty()), "{refused:?}");
    assert_eq!(end(&it.status().await), before);
    eventually("an Event says so", s(10), || async {
        let events = it.events().await;
        let said = events.contains("RequestRefused: annotation kulisse.dev/reseed");
        if said { Ok(()) } else { Err(events) }
    })
    .await;
    it.remove().await;
}

pub async fn a_plan_waits_until_exactly_its_digest_is_approved(world: Arc<World>) {
    let place = world.source("approved", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({ "mode": "Plan" })).await;
    it.until(Planned, "False", "AwaitingApproval", s(30)).await;
    let digest = |status: StagingEnvironmentStatus| status.plan.expect("a plan").digest;
    let first = digest(it.status().await);
    it.annotate(names::APPROVE_ANNOTATION, Some("0000")).await;
    steadily("nothing is made", s(3), || async {
        let status = it.status().await;
        if status.namespaces.is_empty() { Ok(()) } else { Err("a target".to_owned()) }
    })
    .await;
    it.annotate(names::APPROVE_ANNOTATION, Some(&first)).await;
    it.ready(s(45)).await;
    let target = it.target().await;

    // Another plan asks again, and what runs goes on as it is.
    let images = json!([{ "name": "registry.example.com/web", "newTag": "pr-1" }]);
    it.patch(json!({ "images": images })).await;
    it.until(Planned, "False", "AwaitingApproval", s(30)).await;
    let image = || async {
        let web = objects.get("apps/v1 Deployment", &target, "web").await;
        web.data["spec"]["template"]["spec"]["containers"][0]["image"].clone()
    };
    assert_eq!(image().await, "registry.example.com/web:1");
    let second = digest(it.status().await);
    assert_ne!(first, second);
    it.annotate(names::APPROVE_ANNOTATION, Some(&second)).await;
    it.ready(s(45)).await;
    assert_eq!(image().await, "registry.example.com/web:pr-1");
    it.remove().await;
}

/// Replicas of a Deployment as they are wanted.
async fn replicas(objects: &Objects, target: &str, name: &str) -> Option<i64> {
    let it = objects.find("apps/v1 Deployment", target, name).await?;
    it.data["spec"]["replicas"].as_i64()
}

async fn runs(objects: &Objects, target: &str, name: &str, wanted: i64) {
    eventually(&format!("{name} has {wanted} replicas"), s(30), || async {
        let now = replicas(objects, target, name).await;
        if now == Some(wanted) { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
}

/// A clone in which one workload has a replica, which never comes up here.
fn one_replica() -> Value {
    json!({ "overrides": [{ "target": { "kind": "Deployment", "name": "web" }, "replicas": 1 }] })
}

pub async fn an_environment_sleeps_and_wakes_as_asked(world: Arc<World>) {
    let place = world.source("asleep", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({ "scale": one_replica() })).await;
    let target = it.target().await;
    runs(objects, &target, "web", 1).await;
    it.annotate(names::SLEEP_ANNOTATION, Some("1")).await;
    it.until(Asleep, "True", "Asleep", s(30)).await;
    assert_eq!(replicas(objects, &target, "web").await, Some(0));
    // Nothing is forgotten meanwhile: a push is planned, and nobody is woken by it.
    it.patch(json!({ "images": [{ "name": "registry.example.com/web", "newTag": "pr-1" }] })).await;
    it.until(Asleep, "True", "Asleep", s(30)).await;
    assert_eq!(replicas(objects, &target, "web").await, Some(0));
    it.annotate(names::WAKE_ANNOTATION, Some("1")).await;
    runs(objects, &target, "web", 1).await;
    let web = objects.get("apps/v1 Deployment", &target, "web").await;
    let image = &web.data["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, "registry.example.com/web:pr-1");
    it.until_that("it is not asleep", s(20), |environment| {
        let status = environment.status.as_ref()?;
        find(&status.conditions, Asleep).is_none().then_some(())
    })
    .await;
    it.remove().await;
}

pub async fn an_environment_sleeps_by_its_windows(world: Arc<World>) {
    let place = world.source("nights", APPLICATION).await;
    let objects = world.objects();
    // A window that begins with the minute after the next, on the clocks of a place far from here.
    let zone = jiff::tz::TimeZone::get("Asia/Kathmandu").expect("a zone");
    let soon = now() + SignedDuration::from_secs(120);
    let from = soon.to_zoned(zone.clone()).strftime("%H:%M").to_string();
    let to = (soon + SignedDuration::from_mins(2)).to_zoned(zone).strftime("%H:%M").to_string();
    let lifecycle = json!({ "ttl": "3h",
        "sleep": [{ "from": from, "to": to, "timeZone": "Asia/Kathmandu" }] });
    let spec = json!({ "scale": one_replica(), "lifecycle": lifecycle });
    let it = place.environment("pr-1", spec).await;
    let target = it.target().await;
    runs(objects, &target, "web", 1).await;
    let message = it.until(Asleep, "True", "Asleep", s(150)).await;
    assert!(message.contains("until 20"), "{message}");
    let left = replicas(objects, &target, "web").await;
    assert_eq!(left, Some(0), "{message}; it is {}: {:#?}", now(), it.status().await);
    eventually("it wakes by itself", s(150), || async {
        let now = replicas(objects, &target, "web").await;
        if now == Some(1) { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    it.remove().await;
}

/// Waits for a Pod of a task, and lets it end.
pub async fn one_pod_ends(objects: &Objects, target: &str, phase: &str) {
    eventually("a task's Pod ends", s(30), || async {
        let done = pods::end(objects, target, phase).await;
        if done > 0 { Ok(()) } else { Err("there is none".to_owned()) }
    })
    .await;
}

pub async fn failed_tasks_and_seeds_run_again_when_asked(world: Arc<World>) {
    let place = world.source("again", APPLICATION).await;
    let objects = world.objects();
    let seed = json!([{ "name": "rows", "run": { "image": "registry.example.com/seed:1" } }]);
    let it = place.environment("pr-1", json!({ "seed": seed })).await;
    let target = it.target().await;
    one_pod_ends(objects, &target, "Failed").await;
    it.until(Seeded, "False", "Failed", s(30)).await;
    it.annotate(names::RETRY_ANNOTATION, Some("1")).await;
    one_pod_ends(objects, &target, "Succeeded").await;
    let status = it.ready(s(30)).await;
    assert_eq!(status.seed[0].attempts, 2);

    it.annotate(names::RESEED_ANNOTATION, Some("1")).await;
    one_pod_ends(objects, &target, "Succeeded").await;
    it.until_that("the seed ran a third time", s(30), |environment| {
        let status = environment.status.as_ref()?;
        let ready = find(&status.conditions, Ready).is_some_and(|it| it.status == "True");
        (status.seed[0].attempts == 3 && ready).then_some(())
    })
    .await;
    assert_eq!(objects.names("batch/v1 Job", &target).await.len(), 3);
    let asked: Vec<Verb> = it.status().await.requests.iter().map(|it| it.verb).collect();
    assert_eq!(asked, [Verb::Retry, Verb::Reseed]);
    it.remove().await;
}
