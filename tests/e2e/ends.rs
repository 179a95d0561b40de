//! The end of environments that hold Pods and volumes.

use std::sync::Arc;

use kube::ResourceExt;
use kulisse_core::api::{
    condition::ConditionType::{Expired, Suspended},
    names,
    status::TaskState,
};
use serde_json::json;

use crate::{
    support::wait::{eventually, s},
    world::{World, is, record},
};

/// No namespace, no stored plan, no volume, no other object of the cluster.
async fn nothing_is_left(world: &World, uid: &str, target: &str) {
    let objects = world.objects();
    assert!(objects.find("v1 Namespace", "", target).await.is_none(), "namespace {target} is left");
    let plans = objects.names("v1 Secret", "kulisse").await;
    assert!(!plans.iter().any(|it| it.contains(uid)), "stored plans are left: {plans:?}");
    for namespace in objects.list("v1 Namespace", "").await {
        let label = namespace.labels().get(names::ENVIRONMENT_UID_LABEL);
        assert!(label.map(String::as_str) != Some(uid), "{} is left", namespace.name_any());
    }
    for name in objects.everything(None).await.into_keys() {
        let known = name.starts_with("PersistentVolume.") || world.before.contains(&name);
        assert!(known || !name.contains(target), "{name} is left");
    }
    eventually("its volumes are gone", s(30), || async {
        let volumes = objects.list("v1 PersistentVolume", "").await;
        let left: Vec<String> = volumes
            .iter()
            .filter(|it| it.data["spec"]["claimRef"]["namespace"] == target)
            .map(ResourceExt::name_any)
            .collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}

pub async fn an_environment_with_volumes_expires_and_leaves_nothing(world: Arc<World>) {
    let place = world.small("expiry").await;
    let it = place.environment("pr-1", json!({})).await;
    let late = it.ready(s(120)).await.expires_at;
    let (uid, target) = (it.uid().await, it.target().await);
    let volumes = world.objects().list("v1 PersistentVolume", "").await;
    assert!(volumes.iter().any(|it| it.data["spec"]["claimRef"]["namespace"] == target));
    // However long it took to get ready: it has an end in it.
    it.patch(json!({ "lifecycle": { "ttl": "60s" } })).await;
    let ends = it
        .until_that("its end is told", s(30), |it| {
            let ends = it.status.as_ref()?.expires_at.clone();
            ends.filter(|_| it.status.as_ref().is_some_and(|it| it.expires_at != late))
        })
        .await;
    it.until(Expired, "True", "Expired", s(120)).await;
    assert_eq!(it.status().await.expires_at, Some(ends));
    nothing_is_left(&world, &uid, &target).await;
    record(&it, "expired", |it| is(it, Expired, "True")).await;
    it.remove().await;
}

/// It hears the signal to stop, and goes on.
const STUBBORN: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: stubborn, namespace: {ns} }
spec:
  selector: { matchLabels: { app: stubborn } }
  template:
    metadata: { labels: { app: stubborn } }
    spec:
      terminationGracePeriodSeconds: 20
      containers:
        - name: stubborn
          image: docker.io/library/busybox:1.36
          command: [sh, -c, 'trap : TERM; while :; do sleep 1; done']
          resources: { requests: { cpu: 5m, memory: 8Mi }, limits: { memory: 32Mi } }
";

pub async fn an_end_does_what_it_was_asked_to_and_waits_for_a_pod_that_ignores_the_signal(
    world: Arc<World>,
) {
    let place = world.small("stubborn").await;
    world.objects().apply(&STUBBORN.replace("{ns}", &place.source)).await;
    let wait = ["-n", &place.source, "rollout", "status", "deployment/stubborn", "--timeout=480s"];
    world.kubectl(&wait).await.ok("the source runs");
    // It asks what is still there: nothing may have gone before it.
    let ask = ["wget", "-qO-", "-T", "5", "http://web"];
    let run = json!({ "image": "docker.io/library/busybox:1.36", "command": ask });
    let spec = json!({ "preDelete": [{ "name": "farewell", "run": run }] });
    let it = place.environment("pr-1", spec).await;
    it.ready(s(120)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    it.patch(json!({ "lifecycle": { "ttl": "30s" } })).await;
    let begun = std::time::Instant::now();
    it.until(Expired, "True", "Expired", s(150)).await;
    println!(
        "figure: an end with a task and a Pod that ignores SIGTERM for 20 s: {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let last = it.status().await.pre_delete;
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].state, TaskState::Passed, "{}", last[0].message);
    nothing_is_left(&world, &uid, &target).await;
    it.remove().await;
}

pub async fn an_expired_environment_is_deleted_where_it_says_so(world: Arc<World>) {
    let place = world.small("vanish").await;
    let lifecycle = json!({ "lifecycle": { "ttl": "90s", "onExpiry": "Delete" } });
    let it = place.environment("pr-1", lifecycle).await;
    let (uid, target) = (it.uid().await, it.target().await);
    it.gone(s(150)).await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn volumes_that_stay_are_named(world: Arc<World>) {
    let place = world.small("kept").await;
    let objects = world.objects();
    objects
        .apply(
            "apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: kept }
spec: { storage: { className: retain } }
",
        )
        .await;
    let it = place.environment("pr-1", json!({ "className": "kept" })).await;
    it.ready(s(120)).await;
    let target = it.target().await;
    it.patch(json!({ "lifecycle": { "ttl": "30s" } })).await;
    it.until(Expired, "True", "Expired", s(150)).await;
    let kept = it.status().await.kept_volumes;
    assert_eq!(kept.len(), 1, "{kept:?}");
    let volume = objects.get("v1 PersistentVolume", "", &kept[0]).await;
    assert_eq!(volume.data["spec"]["claimRef"]["namespace"], target);
    objects.delete("v1 PersistentVolume", "", &kept[0]).await;
    it.remove().await;
}

pub async fn a_suspended_environment_says_so(world: Arc<World>) {
    world.clone_of_the_shop().await;
    let shop = world.shop();
    shop.patch(json!({ "suspend": true })).await;
    shop.until(Suspended, "True", "Suspended", s(20)).await;
    record(&shop, "suspended", |it| is(it, Suspended, "True")).await;
    shop.patch(json!({ "suspend": false })).await;
    shop.ready(s(60)).await;
}

pub async fn deleting_the_clone_of_the_shop_leaves_nothing(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let shop = world.shop();
    let uid = shop.uid().await;
    shop.delete().await;
    eventually("its deletion is on the way", s(20), || async {
        let namespace = world.objects().find("v1 Namespace", "", &target).await;
        let leaving = namespace.is_none_or(|it| it.metadata.deletion_timestamp.is_some());
        if leaving { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    record(&shop, "deleting", |it| it.metadata.deletion_timestamp.is_some()).await;
    shop.gone(s(120)).await;
    nothing_is_left(&world, &uid, &target).await;
    let plan =
        world.objects().find("kulisse.dev/v1alpha1 StagingPlan", "previews", "pr-1234").await;
    assert!(plan.is_none(), "its report is left");
}
