//! Tasks of the end, and Jobs that do not stay.

use std::sync::Arc;

use kulisse_core::api::{
    condition::ConditionType::{Expired, Planned, Reconciling, Seeded, SmokePassed},
    names,
    status::TaskState,
};
use serde_json::json;

use crate::{
    asked::one_pod_ends,
    ends::nothing_is_left,
    support::{
        objects::Objects,
        pods,
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, World},
};

const JOB: &str = "batch/v1 Job";

/// Waits for a Job whose name begins so.
async fn job(objects: &Objects, target: &str, beginning: &str) -> String {
    eventually(&format!("there is a Job {beginning}"), s(30), || async {
        let all = objects.names(JOB, target).await;
        all.iter().find(|it| it.starts_with(beginning)).cloned().ok_or_else(|| format!("{all:?}"))
    })
    .await
}

pub async fn what_is_done_at_the_end_is_done_before_anything_goes(world: Arc<World>) {
    let place = world.source("last", APPLICATION).await;
    let objects = world.objects();
    let run = json!({ "image": "registry.example.com/cleanup:1" });
    let last =
        json!([{ "name": "account", "run": run, "retries": 1 }, { "name": "hook", "run": run }]);
    let it = place.environment("pr-1", json!({ "preDelete": last })).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    it.delete().await;
    let first = job(objects, &target, "predelete-account-").await;
    let message = it.until(Reconciling, "True", "", s(10)).await;
    assert!(message.contains("preDelete account"), "{message}");
    steadily("all is there", s(2), || async {
        let namespace = objects.get("v1 Namespace", "", &target).await;
        let web = objects.find("apps/v1 Deployment", &target, "web").await;
        if namespace.metadata.deletion_timestamp.is_none() && web.is_some() {
            Ok(())
        } else {
            Err("it is going".to_owned())
        }
    })
    .await;
    // It fails, is repeated, and passes; the other one fails.
    one_pod_ends(objects, &target, "Failed").await;
    eventually("it is repeated", s(30), || async {
        let all = objects.names(JOB, &target).await;
        let again = all.iter().any(|it| it.starts_with("predelete-account-") && *it != first);
        if again { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    one_pod_ends(objects, &target, "Succeeded").await;
    job(objects, &target, "predelete-hook-").await;
    one_pod_ends(objects, &target, "Failed").await;
    it.gone(s(60)).await;
    let events = it.events().await;
    assert!(events.contains("preDelete hook") && events.contains("goes on without it"), "{events}");
    assert!(!events.contains("preDelete account"), "{events}");
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn an_end_waits_for_no_task_longer_than_it_may_take(world: Arc<World>) {
    let place = world.source("last-late", APPLICATION).await;
    let run = json!({ "image": "registry.example.com/cleanup:1" });
    let last = json!([{ "name": "slow", "run": run, "timeout": "5s" }]);
    let spec = json!({ "preDelete": last, "lifecycle": { "ttl": "60s" } });
    let it = place.environment("pr-1", spec).await;
    it.ready(s(50)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    it.until(Expired, "True", "Expired", s(120)).await;
    let told = it.status().await.pre_delete;
    assert_eq!((told[0].name.as_str(), told[0].state), ("slow", TaskState::TimedOut), "{told:?}");
    nothing_is_left(&world, &uid, &target).await;
    it.remove().await;
}

pub async fn a_task_whose_pod_is_refused_says_so(world: Arc<World>) {
    let place = world.source("last-refused", APPLICATION).await;
    let run = json!({ "image": "registry.example.com/cleanup:1" });
    let last = json!([{ "name": "refused", "run": run, "timeout": "5s" }]);
    let it = place.environment("pr-1", json!({ "preDelete": last })).await;
    it.ready(s(45)).await;
    let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": { "name": "nobody", "namespace": it.target().await }, "spec": { "hard": { "pods": "0" } } });
    world.objects().try_create(&quota, false).await.expect("a quota");
    it.remove().await;
    let events = it.events().await;
    assert!(events.contains("preDelete refused") && events.contains("exceeded quota"), "{events}");
}

pub async fn a_job_of_the_source_that_fails_as_a_seed_is_repeated_when_asked(world: Arc<World>) {
    const MIGRATE: &str = "---
apiVersion: batch/v1
kind: Job
metadata: { name: migrate, namespace: '{ns}' }
spec:
  backoffLimit: 0
  suspend: true
  template: { spec: { restartPolicy: Never, containers: [{ name: migrate, image: 'registry.example.com/api:1' }] } }
";
    let place = world.source("own-job", &format!("{APPLICATION}{MIGRATE}")).await;
    let objects = world.objects();
    let seed = json!([{ "name": "migrate", "fromJob": "migrate" }]);
    let it = place.environment("pr-1", json!({ "seed": seed })).await;
    let target = it.target().await;
    one_pod_ends(objects, &target, "Failed").await;
    let told = it.until(Seeded, "False", "Failed", s(30)).await;
    assert!(told.contains("seed migrate"), "{told}");
    let first = objects.get(JOB, &target, "migrate").await.metadata.uid;
    it.annotate(names::RETRY_ANNOTATION, Some("1")).await;
    eventually("it runs again, under its name", s(40), || async {
        match objects.find(JOB, &target, "migrate").await {
            Some(job) if job.metadata.uid != first => Ok(()),
            other => Err(format!("{:?}", other.map(|it| it.metadata.uid))),
        }
    })
    .await;
    one_pod_ends(objects, &target, "Succeeded").await;
    let status = it.ready(s(45)).await;
    assert_eq!((status.seed[0].attempts, status.seed[0].state), (2, TaskState::Passed));
    it.remove().await;
}

pub async fn jobs_of_smokes_of_earlier_plans_do_not_stay(world: Arc<World>) {
    let place = world.source("smokes", APPLICATION).await;
    let objects = world.objects();
    let smoke = json!([{ "name": "up", "run": { "image": "registry.example.com/check:1" } }]);
    let it = place.environment("pr-1", json!({ "smoke": smoke })).await;
    let target = it.target().await;
    let first = job(objects, &target, "smoke-up-").await;
    one_pod_ends(objects, &target, "Succeeded").await;
    it.ready(s(30)).await;
    it.patch(json!({ "images": [{ "name": "registry.example.com/web", "newTag": "2" }] })).await;
    eventually("the smoke of the new plan takes its place", s(30), || async {
        let all = objects.names(JOB, &target).await;
        if all.len() == 1 && all[0] != first { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    pods::end(objects, &target, "Succeeded").await;
    it.remove().await;
}

pub async fn smokes_run_side_by_side_and_a_quota_that_fits_the_plan_has_room_for_them(
    world: Arc<World>,
) {
    let objects = world.objects();
    let place = world.source("beside", APPLICATION).await;
    let hard = |pods: &str| json!({ "quota": { "hard": { "pods": pods } } });
    world.class("beside", &hard("0")).await;
    let smoke =
        |name: &str| json!({ "name": name, "run": { "image": "registry.example.com/check:1" } });
    let smokes = ["a", "b", "c", "d", "e"].map(smoke);
    let it = place.environment("pr-1", json!({ "className": "beside", "smoke": smokes })).await;
    // Four at a time, and there is no workload with a Pod.
    let told = it.until(Planned, "False", "TooLarge", s(20)).await;
    assert!(told.contains("pods 4"), "{told}");
    world.class("beside", &hard("4")).await;
    let target = it.target().await;
    let jobs = |count: usize| {
        let target = target.clone();
        async move {
            eventually(&format!("{count} smokes were started"), s(30), || async {
                let all = objects.names(JOB, &target).await;
                if all.len() == count { Ok(()) } else { Err(format!("{all:?}")) }
            })
            .await;
        }
    };
    jobs(4).await;
    eventually("all four have a Pod", s(20), || async {
        let pods = objects.names("v1 Pod", &target).await;
        if pods.len() == 4 { Ok(()) } else { Err(format!("{pods:?}")) }
    })
    .await;
    pods::end(objects, &target, "Succeeded").await;
    jobs(5).await;
    one_pod_ends(objects, &target, "Failed").await;
    let told = it.until(SmokePassed, "False", "Failed", s(30)).await;
    assert!(told.contains("smoke e"), "{told}");
    it.remove().await;
}
