//! The end of an environment: on time, and nothing left.

use std::{collections::BTreeSet, sync::Arc};

use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams},
};
use kulisse_core::api::{
    condition::{
        ConditionType::{Expired, Stalled},
        is_true,
    },
    environment::StagingEnvironment,
    names,
};
use serde_json::json;

use crate::{
    support::{
        audit,
        environment::{Environment, namespace_gone, shown},
        objects::gvk,
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, World},
};

/// No namespace, no stored plan, no object of the whole cluster is left.
pub async fn nothing_is_left(world: &World, uid: &str, target: &str) {
    let left = left(world, uid, target).await;
    assert!(left.is_empty(), "{left:?}");
}

/// What is left of an environment that is gone: namespaces, stored plans, objects of the whole cluster.
pub async fn left(world: &World, uid: &str, target: &str) -> BTreeSet<String> {
    let objects = world.objects();
    let plans = objects.names("v1 Secret", "kulisse").await.into_iter();
    let mut left: BTreeSet<String> = plans.filter(|it| it.contains(uid)).collect();
    for namespace in objects.list("v1 Namespace", "").await {
        let label = namespace.labels().get(names::ENVIRONMENT_UID_LABEL);
        if label.map(String::as_str) == Some(uid) {
            left.insert(format!("Namespace. {}", namespace.name_any()));
        }
    }
    let others = objects.everything(None).await.into_keys();
    left.extend(others.filter(|it| it.contains(target) && !world.before.contains(it)));
    left
}

pub async fn an_environment_expires_on_time_and_leaves_nothing_but_its_object(world: Arc<World>) {
    let place = world.source("expiry", APPLICATION).await;
    let mark = audit::mark(world.audit_log());
    let it = place.environment("pr-1", json!({ "lifecycle": { "ttl": "90s" } })).await;
    let status = it.ready(s(25)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let started = status.started_at.expect("the clock has started").0;
    let ends = status.expires_at.expect("there is an end").0;
    assert_eq!((ends - started).total(jiff::Unit::Second).ok(), Some(90.0));
    let objects = world.objects();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "somebodys" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
        "subjects": [{ "kind": "ServiceAccount", "name": "default", "namespace": target }],
    });
    objects.try_create(&binding, false).await.expect("rights for an account of the clone");
    it.until(Expired, "True", "Expired", s(150)).await;
    nothing_is_left(&world, &uid, &target).await;
    eventually("rights that are left are named", s(10), || async {
        let told = it.events().await;
        if told.contains("somebodys") { Ok(()) } else { Err(told) }
    })
    .await;
    objects.delete("rbac.authorization.k8s.io/v1 ClusterRoleBinding", "", "somebodys").await;
    let plan = objects.find("kulisse.dev/v1alpha1 StagingPlan", &place.requests, "pr-1").await;
    assert!(plan.is_some(), "what it was can still be read");
    // By the server's clock: never early, and hardly late.
    let requests = audit::of_operator(world.audit_log(), mark);
    let deletion = requests
        .iter()
        .find(|it| it.verb == "delete" && it.resource == "namespaces" && it.name == target)
        .expect("the namespace was deleted");
    assert!(deletion.at >= ends, "deleted at {}, its time was up at {ends}", deletion.at);
    let late = (deletion.at - ends).total(jiff::Unit::Second).unwrap_or_default();
    println!("expired {late:.2} s after its time was up");
    assert!(late < 30.0, "deleted {late} s late");
    it.remove().await;
}

pub async fn an_expired_environment_is_deleted_where_it_says_so(world: Arc<World>) {
    let place = world.source("vanish", APPLICATION).await;
    let lifecycle = json!({ "lifecycle": { "ttl": "60s", "onExpiry": "Delete" } });
    let it = place.environment("pr-1", lifecycle).await;
    it.ready(s(25)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    it.gone(s(120)).await;
    nothing_is_left(&world, &uid, &target).await;
    let kind = "kulisse.dev/v1alpha1 StagingPlan";
    eventually("its StagingPlan goes with it", s(20), || async {
        match world.objects().find(kind, &place.requests, "pr-1").await {
            None => Ok(()),
            Some(_) => Err("it is there".to_owned()),
        }
    })
    .await;
}

pub async fn deleting_a_ready_environment_leaves_nothing(world: Arc<World>) {
    let place = world.source("deletion", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let mark = audit::mark(world.audit_log());
    it.remove().await;
    nothing_is_left(&world, &uid, &target).await;
    let asked = audit::of_operator(world.audit_log(), mark);
    let wiped = asked.iter().filter(|it| it.verb == "deletecollection" && it.within(&target));
    let mut wiped: Vec<&str> = wiped.map(|it| it.resource.as_str()).collect();
    wiped.sort_unstable();
    assert_eq!(wiped, ["deployments", "ingresses"], "only what it may have held");
}

pub async fn a_namespace_that_takes_its_time_to_go_is_waited_for(world: Arc<World>) {
    let place = world.source("slow", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    // It goes on saying that the operator's rights are in it when these are long gone.
    let remains = "object.status.?conditions.orValue([]).exists(it, it.type == 'NamespaceContentRemaining' && it.status == 'True')";
    let resources = ["namespaces/status", "namespaces/finalize"];
    let policy = world
        .deny(
            &place.requests,
            &resources,
            &format!("request.subResource == 'finalize' || !({remains})"),
        )
        .await;
    let api = world.objects().api(&gvk("v1 Namespace"), "").await;
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "status": { "conditions": [] } }));
    eventually("nothing is finished there", s(30), || async {
        match api.patch_status(&target, &params, &patch).await {
            Err(error) if error.to_string().contains("denied by a test") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    it.delete().await;
    eventually("the operator's rights are gone", s(45), || async {
        let kind = "rbac.authorization.k8s.io/v1 RoleBinding";
        match world.objects().find(kind, &target, names::RIGHTS_BINDING).await {
            None => Ok(()),
            Some(it) => Err(format!("{:?}", it.metadata)),
        }
    })
    .await;
    let looks = std::sync::atomic::AtomicU32::new(1);
    steadily("nobody is called", s(5), || async {
        // Whatever wakes the operator, it looks again.
        let look = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        it.patch(json!({ "pullRequest": { "number": look } })).await;
        let status = it.status().await;
        let stalled = is_true(&status.conditions, Stalled);
        if stalled { Err(shown(&status)) } else { Ok(()) }
    })
    .await;
    world.allow(&policy).await;
    it.gone(s(90)).await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn an_environment_that_cannot_be_read_says_so_and_is_ended_all_the_same(
    world: Arc<World>,
) {
    let place = world.source("strange", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    // The definition takes any number here, the operator's type does not.
    let resource = ApiResource::erase::<StagingEnvironment>(&());
    let client = world.objects().client.clone();
    let api: Api<DynamicObject> = Api::namespaced_with(client, &place.requests, &resource);
    it.patch_status(json!({ "workloads": { "ready": 5_000_000_000_u64 } })).await;
    eventually("an Event says so", s(20), || async {
        let events = world.objects().list("v1 Event", &place.requests).await;
        let said = events.iter().any(|it| {
            it.data["reason"] == "InvalidSpec"
                && it.data["message"].as_str().is_some_and(|it| {
                    it.contains("cannot read") && it.contains("status.workloads.ready: ")
                })
        });
        if said { Ok(()) } else { Err("no such Event".to_owned()) }
    })
    .await;
    api.delete("pr-1", &DeleteParams::default()).await.expect("a deletion");
    eventually("it is gone", s(45), || async {
        match api.get_metadata_opt("pr-1").await.expect("an answer") {
            None => Ok(()),
            Some(_) => Err("it is there".to_owned()),
        }
    })
    .await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn an_environment_deleted_while_it_is_created_leaves_nothing(world: Arc<World>) {
    let place = world.source("early", APPLICATION).await;
    // At once, and in the midst of it: as soon as it is claimed, stored, made.
    let mut all: Vec<(Environment, String)> = Vec::new();
    for moment in ["now", "claimed", "planned", "made"] {
        let it = place.environment(moment, json!({})).await;
        let uid = it.uid().await;
        let objects = world.objects();
        eventually(&format!("the moment «{moment}» has come"), s(30), || async {
            let Some(now) = it.find().await else { return Err("it is gone".to_owned()) };
            let come = match moment {
                "now" => true,
                "claimed" => !now.finalizers().is_empty(),
                "planned" => {
                    objects.names("v1 Secret", "kulisse").await.iter().any(|it| it.contains(&uid))
                }
                _ => objects
                    .list("v1 Namespace", "")
                    .await
                    .iter()
                    .any(|it| it.labels().get(names::ENVIRONMENT_UID_LABEL) == Some(&uid)),
            };
            if come { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
        it.delete().await;
        all.push((it, uid));
    }
    for (it, uid) in all {
        it.gone(s(60)).await;
        let incarnation = kulisse_core::api::identity::Incarnation(1);
        let target = names::target_namespace("stg", &it.name, &uid, incarnation);
        namespace_gone(world.objects(), target.as_str(), s(20)).await;
        nothing_is_left(&world, &uid, target.as_str()).await;
    }
}

pub async fn an_environment_that_came_with_our_finalizer_goes_all_the_same(world: Arc<World>) {
    let place = world.source("restored", APPLICATION).await;
    // As a backup has it: in the API server's books the finalizer is whoever's who restored it.
    let object = json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": "pr-1", "namespace": place.requests,
            "finalizers": [names::TEARDOWN_FINALIZER] },
        "spec": place.spec(&json!({})),
    });
    world.objects().try_create(&object, false).await.expect("an environment");
    let it = Environment::of(world.objects(), &place.requests, "pr-1");
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    it.remove().await;
    nothing_is_left(&world, &uid, &target).await;
}
