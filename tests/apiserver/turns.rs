//! Places: how many environments there may be at a time.

use std::sync::Arc;

use futures::future::join_all;
use kulisse_core::api::condition::ConditionType::{Expired, Granted, Stalled};
use serde_json::json;

use crate::{
    support::{
        environment::Environment,
        wait::{s, steadily},
    },
    world::{APPLICATION, World},
};

/// A class with few places.
async fn small(world: &World, name: &str, limits: &str) {
    world
        .objects()
        .apply(&format!(
            "apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: {{ name: {name} }}
spec: {{ boundary: {{ probe: Never }}, limits: {{ {limits} }} }}
"
        ))
        .await;
}

async fn position(it: &Environment<'_>, wanted: u32) {
    it.until_that(&format!("it is number {wanted}"), s(30), |environment| {
        let queue = environment.status.as_ref()?.queue.as_ref()?;
        (queue.position == wanted).then_some(())
    })
    .await;
}

pub async fn only_as_many_environments_as_the_class_allows_are_there_at_a_time(world: Arc<World>) {
    let place = world.source("places", APPLICATION).await;
    small(&world, "two-places", "maxEnvironments: 2").await;
    let class = json!({ "className": "two-places" });
    let first = place.environment("pr-1", class.clone()).await;
    let second = place.environment("pr-2", class.clone()).await;
    first.ready(s(45)).await;
    second.ready(s(45)).await;
    let third = place.environment("pr-3", class.clone()).await;
    let message = third.until(Granted, "False", "Queued", s(30)).await;
    assert!(message.contains("number 1"), "{message}");
    let fourth = place.environment("pr-4", class).await;
    position(&fourth, 2).await;
    // A cap that is lowered takes nobody's place.
    small(&world, "two-places", "maxEnvironments: 1").await;
    steadily("nobody loses a place", s(5), || async {
        let kept = [first.status(), second.status()];
        let kept = join_all(kept).await;
        let gone = kept.iter().find(|it| it.namespaces.len() != 1);
        gone.map_or(Ok(()), |it| Err(format!("{:?}", it.conditions)))
    })
    .await;
    position(&third, 1).await;
    small(&world, "two-places", "maxEnvironments: 2").await;

    first.remove().await;
    third.ready(s(45)).await;
    assert!(third.status().await.queue.is_none());
    fourth.until(Granted, "False", "Queued", s(10)).await;
    // One that has expired stays, and its place is free at once.
    third.patch(json!({ "lifecycle": { "ttl": "30s" } })).await;
    third.until(Expired, "True", "Expired", s(60)).await;
    fourth.until(Granted, "True", "Granted", s(10)).await;
    fourth.ready(s(45)).await;
    for it in [&second, &third, &fourth] {
        it.remove().await;
    }
}

pub async fn who_waits_too_long_for_a_place_is_told_and_may_try_again(world: Arc<World>) {
    let place = world.source("patience", APPLICATION).await;
    small(&world, "one-place", "maxPerNamespace: 1").await;
    let first = place.environment("pr-1", json!({ "className": "one-place" })).await;
    first.ready(s(45)).await;
    let lifecycle = json!({ "ttl": "1h", "queueTimeout": "3s" });
    let spec = json!({ "className": "one-place", "lifecycle": lifecycle });
    let second = place.environment("pr-2", spec).await;
    second.until(Stalled, "True", "TimedOut", s(40)).await;
    first.remove().await;
    second.annotate(kulisse_core::api::names::RETRY_ANNOTATION, Some("1")).await;
    second.ready(s(45)).await;
    second.remove().await;
}
