//! Production moves on; environments say so.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use kube::ResourceExt;
use kulisse_core::api::{
    condition::{
        ConditionType::{InSync, Ready, Seeded},
        is_true,
    },
    drift::{Became, DriftSummary, Drifted},
    staging_plan::StagingPlan,
    status::StagingEnvironmentStatus,
};
use serde_json::{Value, json};

use crate::{
    clones::{changed, settled},
    support::{
        audit,
        environment::{Environment, readable, shown},
        pods,
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, Place, World},
};

/// As often as production may be looked at.
fn often() -> Value {
    json!({ "drift": { "interval": "10s" } })
}

async fn set_image(place: &Place<'_>, image: &str) {
    let (objects, kind) = (place.world.objects(), "apps/v1 Deployment");
    let mut spec = objects.get(kind, &place.source, "api").await.data["spec"].clone();
    spec["template"]["spec"]["containers"][0]["image"] = json!(image);
    objects.merge(kind, &place.source, "api", json!({ "spec": spec })).await;
}

/// What the status says of it, and what the report does.
async fn told(it: &Environment<'_>, place: &Place<'_>) -> (DriftSummary, Vec<Drifted>) {
    let summary = it.status().await.drift.unwrap_or_default();
    let kind = "kulisse.dev/v1alpha1 StagingPlan";
    let plan = place.world.objects().get(kind, &place.requests, &it.name).await;
    let plan: StagingPlan =
        serde_json::from_value(serde_json::to_value(plan).expect("JSON")).expect("a StagingPlan");
    (summary, plan.spec.drift)
}

pub async fn production_that_moved_on_is_named_by_object_and_path(world: Arc<World>) {
    let place = world.source("drift", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", often()).await;
    it.ready(s(45)).await;
    it.until(InSync, "True", "InSync", s(5)).await;
    let target = it.target().await;
    let before = settled(objects, &target).await;

    // Rotated credentials, and what only a controller counts, are no drift.
    let rotated = json!({ "stringData": { "password": "canary-Tq7vXz3LpW9s-2-and-longer",
        "url": "postgres://shop:canary-Tq7vXz3LpW9s-2-and-longer@db.src-drift.svc:5432/shop" } });
    objects.merge("v1 Secret", &place.source, "database", rotated).await;
    let compared = it.status().await.drift.expect("it was compared").compared;
    let seen = it
        .until_that("it was compared with the rotated Secret", s(40), |environment| {
            let drift = environment.status.clone().and_then(|it| it.drift).unwrap_or_default();
            (drift.compared != compared).then_some(drift)
        })
        .await;
    assert!(seen.source.is_empty(), "{seen:?}");

    set_image(&place, "registry.example.com/api:2").await;
    let more = json!({ "data": { "NEW": "1" } });
    objects.merge("v1 ConfigMap", &place.source, "settings", more).await;
    objects.delete("v1 Service", &place.source, "api").await;
    let said = it.until(InSync, "False", "SourceChanged", s(40)).await;
    // What was changed between two lists of one look is seen by the next one.
    it.until_that("all three are named", s(30), |environment| {
        let drift = environment.status.clone().and_then(|it| it.drift).unwrap_or_default();
        (drift.source.count() == 3).then_some(())
    })
    .await;
    assert!(said.contains("production has moved on"), "{said}");
    let (summary, report) = told(&it, &place).await;
    let one = |object: &str, what, paths: &[&str]| Drifted {
        object: object.to_owned(),
        what,
        paths: paths.iter().map(|it| (*it).to_owned()).collect(),
    };
    let expected = [
        one("ConfigMap/settings", Became::Changed, &["/data/NEW"]),
        one("Service/api", Became::Went, &[]),
        one("Deployment.apps/api", Became::Changed, &["/spec/template/spec/containers/0/image"]),
    ];
    assert_eq!(summary.source.objects, expected);
    assert_eq!(report, expected);
    let status = it.status().await;
    assert!(is_true(&status.conditions, Ready), "it can be used as before");
    let moved = changed(&before, &settled(objects, &target).await);
    assert!(moved.is_empty(), "nothing in the target was touched: {moved:?}");
    world.operator.counts("kulisse_environments_drifted").await;
    assert!(it.events().await.contains("SourceChanged"));

    // Back as it was.
    objects.apply(&APPLICATION.replace("{ns}", &place.source)).await;
    objects
        .merge("v1 ConfigMap", &place.source, "settings", json!({ "data": { "NEW": null } }))
        .await;
    set_image(&place, "registry.example.com/api:1").await;
    it.until(InSync, "True", "InSync", s(60)).await;
    assert!(told(&it, &place).await.1.is_empty());
    it.remove().await;
}

pub async fn environments_of_one_source_share_what_is_read_of_it(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    world.clear().await;
    let place = world.source("followed", APPLICATION).await;
    let mut all = Vec::new();
    for name in ["pr-1", "pr-2", "pr-3"] {
        all.push(place.environment(name, often()).await);
    }
    for it in &all {
        it.ready(s(60)).await;
    }
    // The first look reads all of it.
    tokio::time::sleep(s(15)).await;
    let mark = audit::mark(world.audit_log());
    tokio::time::sleep(s(35)).await;
    let still = audit::of_operator(world.audit_log(), mark);
    let still: Vec<_> = still.iter().filter(|it| !it.follows()).collect();
    let lists = |requests: &[&audit::Request], resource: &str| {
        let mine = requests.iter().filter(|it| it.verb == "list" && it.namespace == place.source);
        mine.filter(|it| it.resource == resource).count()
    };
    let looks = lists(&still, "configmaps");
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for it in still.iter().filter(|it| !it.within(&place.source) && !it.resource.is_empty()) {
        *others.entry(it.line()).or_default() += 1;
    }
    println!(
        "figure: {} requests in 35 s for three environments of one source that is looked at every 10 s: {looks} looks of {} requests; {} of environments",
        still.len(),
        still.len() / looks.max(1),
        others.values().sum::<usize>()
    );
    assert!((2..=4).contains(&looks), "{looks} looks in 35 s");
    assert_eq!(lists(&still, "replicasets"), 0, "nothing was captured");
    let gets = |requests: &[&audit::Request]| {
        let mine = requests.iter().filter(|it| it.verb == "get" && it.namespace == place.source);
        mine.filter(|it| it.resource != "namespaces").count()
    };
    assert_eq!(gets(&still), 0, "no object was read");

    let mark = audit::mark(world.audit_log());
    set_image(&place, "registry.example.com/api:2").await;
    for it in &all {
        it.until(InSync, "False", "SourceChanged", s(40)).await;
    }
    let moved = audit::of_operator(world.audit_log(), mark);
    let moved: Vec<_> = moved.iter().collect();
    // Of ReplicaSets a look wants to know nothing.
    let captures = lists(&moved, "replicasets");
    let read = gets(&moved);
    println!("figure: {captures} capture and {read} objects read for three environments");
    for it in &all {
        it.delete().await;
    }
    for it in &all {
        it.gone(s(60)).await;
    }
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(captures, 1, "one for all of them");
    assert_eq!(read, 1, "the object that changed");
}

/// The Jobs of tasks in a target.
async fn jobs(place: &Place<'_>, target: &str) -> Vec<String> {
    let mut names = place.world.objects().names("batch/v1 Job", target).await;
    names.sort();
    names
}

pub async fn an_environment_follows_production_in_place_where_it_is_asked_to(world: Arc<World>) {
    let place = world.source("resync", APPLICATION).await;
    let objects = world.objects();
    let spec = json!({
        "drift": { "interval": "10s", "action": "Resync" },
        "seed": [{ "name": "rows", "when": "AfterWorkloads", "run": { "image": "registry.example.com/seed:1" } }],
    });
    let it = place.environment("pr-1", spec).await;
    let target = it.target().await;
    eventually("the seed has passed", s(40), || async {
        pods::end(objects, &target, "Succeeded").await;
        let passed = is_true(&it.status().await.conditions, Seeded);
        if passed { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    it.ready(s(45)).await;
    let (before, ran) = (settled(objects, &target).await, jobs(&place, &target).await);
    assert_eq!(ran.len(), 1);
    let password = objects.get("v1 Secret", &target, "database").await.data["data"].clone();

    // Asleep, nothing is followed.
    it.annotate("kulisse.dev/sleep", Some("1")).await;
    it.until(Ready, "False", "Asleep", s(20)).await;
    set_image(&place, "registry.example.com/api:2").await;
    tokio::time::sleep(s(15)).await;
    let image = || async {
        let api = objects.get("apps/v1 Deployment", &target, "api").await;
        let image = &api.data["spec"]["template"]["spec"]["containers"][0]["image"];
        image.as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(image().await, "registry.example.com/api:1");
    it.annotate("kulisse.dev/wake", Some("1")).await;
    eventually("the clone runs what production does", s(60), || async {
        let image = image().await;
        if image == "registry.example.com/api:2" { Ok(()) } else { Err(image) }
    })
    .await;
    // The status follows what was applied.
    it.until_that("it says that it has followed", s(20), |environment| {
        let drift = environment.status.clone()?.drift?;
        (drift.resynced_at.is_some() && drift.source.is_empty()).then_some(())
    })
    .await;
    it.ready(s(30)).await;
    it.until(InSync, "True", "InSync", s(20)).await;
    let moved = changed(&before, &settled(objects, &target).await);
    let workloads =
        BTreeSet::from(["Deployment.apps api".to_owned(), "Deployment.apps web".to_owned()]);
    assert!(moved.is_subset(&workloads), "slept, woke, and one has another image: {moved:?}");
    let now = objects.get("v1 Secret", &target, "database").await.data["data"].clone();
    assert_eq!(now, password, "what is there wins");
    assert_eq!(jobs(&place, &target).await, ran, "the seed did not run again");
    it.remove().await;
}

pub async fn a_plan_that_follows_production_waits_for_approval(world: Arc<World>) {
    let place = world.source("resync-asks", APPLICATION).await;
    let objects = world.objects();
    let spec = json!({ "drift": { "interval": "10s", "action": "Resync" }, "mode": "Plan" });
    let it = place.environment("pr-1", spec).await;
    it.until(Ready, "False", "AwaitingApproval", s(40)).await;
    let digest = || async { it.status().await.plan.expect("a plan").digest };
    let first = digest().await;
    it.annotate("kulisse.dev/approve", Some(&first)).await;
    it.ready(s(45)).await;
    let target = it.target().await;
    let before = settled(objects, &target).await;
    set_image(&place, "registry.example.com/api:2").await;
    it.until(Ready, "False", "AwaitingApproval", s(40)).await;
    let second = digest().await;
    assert_ne!(first, second);
    assert!(changed(&before, &settled(objects, &target).await).is_empty(), "it is only asked");
    it.annotate("kulisse.dev/approve", Some(&second)).await;
    it.ready(s(30)).await;
    let moved = changed(&before, &settled(objects, &target).await);
    assert_eq!(moved, BTreeSet::from(["Deployment.apps api".to_owned()]));
    it.remove().await;
}

pub async fn production_that_cannot_be_followed_is_said_and_changes_nothing(world: Arc<World>) {
    let place = world.source("outgrown", APPLICATION).await;
    let objects = world.objects();
    world.class("outgrown", &json!({ "limits": { "maxObjects": 40 } })).await;
    let spec =
        json!({ "className": "outgrown", "drift": { "interval": "10s", "action": "Resync" } });
    let it = place.environment("pr-1", spec).await;
    it.ready(s(45)).await;
    let target = it.target().await;
    let before = settled(objects, &target).await;
    // Suspended, it follows nothing: not the first of these, either.
    it.patch(json!({ "suspend": true })).await;
    it.until(Ready, "False", "Suspended", s(20)).await;
    for at in 0..40 {
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": format!("more-{at}"), "namespace": place.source } });
        objects.try_apply(&map, false).await.expect("a ConfigMap");
    }
    it.patch(json!({ "suspend": false })).await;
    let held_back = it
        .until_that("it says what holds it back", s(40), |environment| {
            let drift = environment.status.clone()?.drift?;
            (!drift.held_back.is_empty()).then_some(drift.held_back)
        })
        .await;
    assert!(held_back.contains("maxObjects"), "{held_back}");
    let said = it.until(InSync, "False", "SourceChanged", s(5)).await;
    assert!(said.contains("maxObjects"), "{said}");
    assert!(is_true(&it.status().await.conditions, Ready), "it can be used as before");
    let moved = changed(&before, &settled(objects, &target).await);
    assert!(moved.is_empty(), "{moved:?}");
    it.remove().await;
}

pub async fn what_somebody_changes_in_an_environment_is_named_and_put_back_where_asked(
    world: Arc<World>,
) {
    let place = world.source("touched", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", often()).await;
    it.ready(s(45)).await;
    let target = it.target().await;
    let deployment = "apps/v1 Deployment";
    let written = settled(objects, &target).await;
    let drift = |status: StagingEnvironmentStatus| status.drift.unwrap_or_default();
    let inspected = drift(it.status().await).inspected;
    assert!(!inspected.is_empty(), "what the operator wrote is as planned");

    // As `kubectl rollout restart` does it: nobody planned that field.
    let restart = json!({ "spec": { "template": { "metadata": { "annotations": {
        "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z" } } } } });
    objects.merge(deployment, &target, "web", restart).await;
    let now = it
        .until_that("it was compared with the restarted one", s(20), |environment| {
            let drift = environment.status.clone()?.drift?;
            (drift.inspected != inspected).then_some(drift)
        })
        .await;
    assert!(now.target.is_empty(), "{now:?}");
    it.until(InSync, "True", "InSync", s(5)).await;

    // By hand: a field that was planned, one that was not, and a workload that is gone.
    let more = json!({ "data": { "WORD": "mine", "MORE": "1" } });
    objects.merge("v1 ConfigMap", &target, "settings", more).await;
    let mut spec = objects.get(deployment, &target, "api").await.data["spec"].clone();
    spec["template"]["spec"]["containers"][0]["image"] = json!("registry.example.com/api:mine");
    objects.merge(deployment, &target, "api", json!({ "spec": spec })).await;
    let said = it.until(InSync, "False", "EnvironmentChanged", s(20)).await;
    assert!(said.contains("Deployment.apps/api/spec/template/spec/containers/0/image"), "{said}");
    let one = |object: &str, what, paths: &[&str]| Drifted {
        object: object.to_owned(),
        what,
        paths: paths.iter().map(|it| (*it).to_owned()).collect(),
    };
    let image = "/spec/template/spec/containers/0/image";
    let expected = [
        one("ConfigMap/settings", Became::Changed, &["/data/WORD"]),
        one("Deployment.apps/api", Became::Changed, &[image]),
    ];
    assert_eq!(drift(it.status().await).target.objects, expected);
    let edited = async || {
        let kind = "kulisse.dev/v1alpha1 StagingPlan";
        let plan = objects.get(kind, &place.requests, "pr-1").await;
        let edited = plan.data["spec"]["edited"].clone();
        serde_json::from_value::<Vec<Drifted>>(edited).unwrap_or_default()
    };
    assert_eq!(edited().await, expected);
    // Its Pods are replaced, and then it can be used as before.
    it.ready(s(30)).await;
    objects.delete(deployment, &target, "web").await;
    it.until_that("the workload that is gone is named", s(20), |environment| {
        let went = environment.status.clone()?.drift?.target.went;
        (went == 1).then_some(())
    })
    .await;
    assert!(objects.find(deployment, &target, "web").await.is_none(), "it is only said");
    assert!(it.events().await.contains("EnvironmentChanged"));
    let went = r#"kulisse_drifted_objects{side="target",what="went"}"#;
    world.operator.counts(went).await;

    it.patch(json!({ "drift": { "interval": "10s", "action": "Resync" } })).await;
    it.until_that("it was put back", s(60), |environment| {
        let drift = environment.status.clone()?.drift?;
        (drift.resynced_at.is_some() && drift.target.is_empty()).then_some(())
    })
    .await;
    it.ready(s(45)).await;
    it.until(InSync, "True", "InSync", s(20)).await;
    let api = objects.get(deployment, &target, "api").await;
    let containers = &api.data["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0]["image"], "registry.example.com/api:1");
    let settings = objects.get("v1 ConfigMap", &target, "settings").await;
    assert_eq!(settings.data["data"]["MORE"], "1", "what nobody planned is not taken away");
    assert_ne!(settings.data["data"]["WORD"], "mine");
    let there = settled(objects, &target).await;
    assert_eq!(there.len(), written.len());
    assert_eq!(edited().await, []);

    // As `kubectl set env` does it: a value beside which the planned reference cannot stand.
    let mut spec = objects.get(deployment, &target, "api").await.data["spec"].clone();
    let env = "/template/spec/containers/0/env";
    let planned = spec.pointer(env).cloned().unwrap_or_default();
    spec["template"]["spec"]["containers"][0]["env"][1] =
        json!({ "name": "PASSWORD", "value": "mine" });
    objects.merge(deployment, &target, "api", json!({ "spec": spec })).await;
    eventually("the reference was put back", s(60), || async {
        let api = objects.get(deployment, &target, "api").await;
        let now = api.data["spec"].pointer(env).cloned().unwrap_or_default();
        if now == planned { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    eventually("a later plan can take fields away", s(20), || async {
        let api = objects.get(deployment, &target, "api").await;
        let ours = api.metadata.managed_fields.into_iter().flatten();
        let ours = ours.filter(|it| it.manager.as_deref() == Some("kulisse"));
        let operations: Vec<_> = ours.filter_map(|it| it.operation).collect();
        if operations == ["Apply"] { Ok(()) } else { Err(operations.join(" ")) }
    })
    .await;
    it.until(InSync, "True", "InSync", s(20)).await;
    it.remove().await;
}

pub async fn production_that_cannot_be_looked_at_is_said_until_it_can(world: Arc<World>) {
    let place = world.source("blind", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", often()).await;
    it.ready(s(45)).await;
    it.until(InSync, "True", "InSync", s(10)).await;
    for binding in ["kulisse-source-reader", "kulisse-source-secrets"] {
        let kind = "rbac.authorization.k8s.io/v1 RoleBinding";
        objects.delete(kind, &place.source, binding).await;
    }
    let said = it.until(InSync, "Unknown", "SourceNotReadable", s(60)).await;
    assert!(said.contains("kulisse grant src-blind"), "{said}");
    assert!(is_true(&it.status().await.conditions, Ready), "it can be used as before");
    objects.apply(&readable(&place.source)).await;
    it.until(InSync, "True", "InSync", s(40)).await;
    it.remove().await;
}

pub async fn a_workload_of_somebodys_own_with_our_labels_disturbs_nobody(world: Arc<World>) {
    let place = world.source("copied", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({})).await;
    let before = it.ready(s(45)).await;
    let target = it.target().await;
    let said = |it: &StagingEnvironmentStatus| (it.conditions.clone(), it.workloads.clone());
    // A copy, as `kubectl get -o yaml` and `kubectl create` make one. No Pod of it ever comes up.
    let api = objects.get("apps/v1 Deployment", &target, "api").await;
    let mut spec = api.data["spec"].clone();
    spec["replicas"] = json!(1);
    let copy = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec,
        "metadata": { "name": "copy", "namespace": target, "labels": api.metadata.labels },
    });
    objects.try_create(&copy, false).await.expect("a Deployment");
    let versions = Mutex::new(BTreeSet::new());
    steadily("what is said of it is as it was", s(6), || async {
        let now = it.get().await;
        versions.lock().expect("a lock").extend(now.resource_version());
        let now = now.status.unwrap_or_default();
        if said(&now) == said(&before) { Ok(()) } else { Err(shown(&now)) }
    })
    .await;
    let versions = versions.into_inner().expect("a lock");
    assert!(versions.len() <= 2, "it is written again and again: {versions:?}");
    it.remove().await;
}
