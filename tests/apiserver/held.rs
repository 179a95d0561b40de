//! Deletions that something holds up: what it is stands in the status, with what to type.

use std::sync::Arc;

use kulisse_core::api::condition::{
    ConditionType::{Reconciling, Stalled, TeardownBlocked},
    is_true,
};
use serde_json::json;

use crate::{
    ends::nothing_is_left,
    support::{
        environment::Environment,
        wait::{eventually, s},
    },
    world::{APPLICATION, World},
};

/// Runs the command of kubectl's with that verb that a message tells people to type.
fn type_what_is_told(world: &World, message: &str, verb: &str) {
    let mut told =
        message.split('«').filter_map(|it| it.split('»').next()?.strip_prefix("kubectl "));
    let command = told.find(|it| it.split(' ').any(|word| word == verb)).expect("a command");
    let words: Vec<&str> = command.split_whitespace().map(|it| it.trim_matches('\'')).collect();
    world.cluster.kubectl(&words).ok(command);
}

/// Deletes an environment and waits until something is said to hold it up.
async fn held(it: &Environment<'_>) -> String {
    it.delete().await;
    let message = it.until(TeardownBlocked, "True", "TeardownBlocked", s(110)).await;
    let status = it.status().await;
    assert!(is_true(&status.conditions, Reconciling) && !is_true(&status.conditions, Stalled));
    let named = status.teardown.expect("a teardown").blocked_by;
    assert_eq!(named.join("; "), message);
    message
}

pub async fn a_finalizer_of_somebody_else_is_named_with_what_takes_it_off(world: Arc<World>) {
    let place = world.source("held", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let held_up = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "hold", "namespace": target, "finalizers": ["example.com/hold"] } });
    world.objects().try_create(&held_up, false).await.expect("a ConfigMap");
    let message = held(&it).await;
    assert!(
        message.contains("ConfigMap hold waits for its finalizer example.com/hold"),
        "{message}"
    );
    let events = it.events().await;
    assert!(events.contains("TeardownBlocked") && events.contains("example.com/hold"), "{events}");
    let there = world.objects().get("v1 ConfigMap", &target, "hold").await;
    assert_eq!(there.metadata.finalizers.as_deref(), Some(&["example.com/hold".to_owned()][..]));
    type_what_is_told(&world, &message, "patch");
    it.gone(s(60)).await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn a_finalizer_of_the_namespace_itself_is_named(world: Arc<World>) {
    let place = world.source("held-itself", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let finalizers = json!({ "metadata": { "finalizers": ["example.com/hold"] } });
    world.objects().merge("v1 Namespace", "", &target, finalizers).await;
    let message = held(&it).await;
    assert!(message.contains(&format!("Namespace {target} waits for its finalizer")), "{message}");
    type_what_is_told(&world, &message, "patch");
    it.gone(s(60)).await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn an_api_that_does_not_answer_is_named(world: Arc<World>) {
    // It holds up every namespace of its cluster.
    let world = world.twin();
    let _turn = world.turn.lock().await;
    let objects = world.objects();
    let service = json!({ "namespace": "default", "name": "nowhere" });
    let dead = json!({ "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": { "name": "v1.dead.example.com" },
        "spec": { "group": "dead.example.com", "version": "v1", "service": service,
            "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true } });
    objects.try_apply(&dead, false).await.expect("an APIService");
    // That it is there keeps nobody from cloning.
    let place = world.source("dead-api", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(60)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let message = held(&it).await;
    assert!(message.contains("the API dead.example.com/v1 does not answer"), "{message}");
    type_what_is_told(world, &message, "delete");
    // The namespace controller looks again in its own time.
    it.gone(s(150)).await;
    nothing_is_left(world, &uid, &target).await;
    eventually("the APIService is gone", s(20), || async {
        let kind = "apiregistration.k8s.io/v1 APIService";
        match objects.find(kind, "", "v1.dead.example.com").await {
            None => Ok(()),
            Some(_) => Err("it is there".to_owned()),
        }
    })
    .await;
}
