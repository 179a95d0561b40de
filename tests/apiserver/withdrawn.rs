//! Consent that is taken back, and sources that go.

use std::sync::Arc;

use kulisse_core::api::condition::ConditionType::{Granted, Ready};
use serde_json::json;

use crate::{
    support::{
        environment::{grant, namespace_gone},
        wait::{eventually, s},
    },
    world::{APPLICATION, World, agent, agent_runs, one_agent},
};

const GRANT: &str = "kulisse.dev/v1alpha1 StagingGrant";

pub async fn a_grant_that_is_withdrawn_freezes_at_once_and_one_that_is_back_goes_on(
    world: Arc<World>,
) {
    let place = world.source("withdrawn", APPLICATION).await;
    let objects = world.objects();
    let agent = agent();
    let mut once = agent["spec"]["template"].clone();
    once["spec"]["restartPolicy"] = json!("Never");
    let nightly = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "nightly" },
        "spec": { "schedule": "0 3 31 2 *", "jobTemplate": { "spec": { "template": once } } },
    });
    let remove = |kind: &str, name: &str, path: &str| {
        let operation = format!("[{{ op: remove, path: {path} }}]");
        json!({ "patch": operation, "target": { "kind": kind, "name": name } })
    };
    // Its plan says nothing of what a freeze sets.
    let spec = json!({
        "overlay": { "inline": [agent, nightly] },
        "patches": [
            remove("Deployment", "web", "/spec/replicas"),
            remove("CronJob", "nightly", "/spec/suspend"),
        ],
        "scale": { "overrides": [
            { "target": { "kind": "Deployment", "name": "web" }, "replicas": 1 },
            one_agent(),
        ] },
        "access": [{ "subject": { "kind": "User", "name": "dev@example.com" } }],
    });
    let it = place.environment("pr-1", spec).await;
    let target = it.target().await;
    let state = || async {
        let web = objects.find("apps/v1 Deployment", &target, "web").await;
        let nightly = objects.find("batch/v1 CronJob", &target, "nightly").await;
        let rights = objects.find(
            "rbac.authorization.k8s.io/v1 RoleBinding",
            &target,
            "kulisse-view-access",
        );
        (
            web.and_then(|it| it.data["spec"]["replicas"].as_i64()),
            agent_runs(objects, &target).await,
            nightly.map(|it| it.data["spec"]["suspend"] == false),
            rights.await.is_some(),
        )
    };
    let (runs, frozen) =
        ((Some(1), Some(true), Some(true), true), (Some(0), Some(false), Some(false), false));
    let runs_by_now = |what: &'static str| {
        let state = &state;
        async move {
            eventually(what, s(45), || async {
                let now = state().await;
                if now == runs { Ok(()) } else { Err(format!("{now:?}")) }
            })
            .await;
        }
    };
    runs_by_now("it runs").await;
    // A second plan, in which this workload is as it was: it comes back all the same.
    it.patch(json!({ "images": [{ "name": "registry.example.com/api", "newTag": "pr-1" }] })).await;
    eventually("the second plan is applied", s(30), || async {
        let api = objects.get("apps/v1 Deployment", &target, "api").await;
        let image = api.data["spec"]["template"]["spec"]["containers"][0]["image"].clone();
        if image == "registry.example.com/api:pr-1" { Ok(()) } else { Err(image.to_string()) }
    })
    .await;

    let name = format!("from-{}", place.requests);
    objects.delete(GRANT, &place.source, &name).await;
    let message = it.until(Granted, "False", "GrantWithdrawn", s(30)).await;
    assert!(message.contains("kulisse grant"), "{message}");
    it.until(Ready, "False", "GrantWithdrawn", s(30)).await;
    assert_eq!(state().await, frozen, "frozen");

    objects.apply(&grant(&place.source, &place.requests)).await;
    it.until(Granted, "True", "Granted", s(30)).await;
    runs_by_now("it runs again").await;
    let status = it.status().await;
    assert_eq!(status.incarnation.map(|it| it.0), Some(1), "the same life");
    assert!(status.withdrawn.is_none());
    it.remove().await;
}

pub async fn a_target_whose_grant_stays_away_goes_when_the_grace_is_over(world: Arc<World>) {
    let place = world.source("no-return", APPLICATION).await;
    let objects = world.objects();
    objects
        .apply(
            "apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: short-grace }
spec: { boundary: { probe: Never }, withdrawalGrace: 4s }
",
        )
        .await;
    let it = place.environment("pr-1", json!({ "className": "short-grace" })).await;
    it.ready(s(45)).await;
    let target = it.target().await;
    objects.delete(GRANT, &place.source, &format!("from-{}", place.requests)).await;
    namespace_gone(objects, &target, s(60)).await;
    it.until(Granted, "False", "SourceNotGranted", s(30)).await;
    let uid = it.uid().await;
    let plans = objects.names("v1 Secret", "kulisse").await;
    assert!(!plans.iter().any(|it| it.contains(&uid)), "a stored plan is left");
    // Granted again, it begins another life.
    objects.apply(&grant(&place.source, &place.requests)).await;
    let status = it.ready(s(45)).await;
    assert_eq!(status.incarnation.map(|it| it.0), Some(2));
    it.remove().await;
}

pub async fn a_source_that_is_deleted_takes_its_clones_along(world: Arc<World>) {
    let place = world.source("source-gone", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    world.objects().delete("v1 Namespace", "", &place.source).await;
    let message = it.until(Granted, "False", "SourceGone", s(40)).await;
    assert!(message.contains("the target is frozen"), "{message}");
    it.remove().await;
}
