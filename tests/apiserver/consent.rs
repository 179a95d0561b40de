//! Who may clone what.

use std::sync::Arc;

use kulisse_core::api::condition::ConditionType::{Granted, Planned, Ready, Stalled};
use serde_json::json;

use crate::{
    support::{
        environment::{Environment, grant, readable},
        objects::Objects,
        wait::{s, steadily},
    },
    world::{APPLICATION, World},
};

/// No namespace, no stored plan, no binding: nothing was made for it.
pub async fn nothing_was_created(environment: &Environment<'_>) {
    let uid = environment.uid().await;
    let objects = environment.objects;
    steadily("nothing is created", s(2), || async {
        for kind in ["v1 Namespace", "v1 Secret"] {
            let found = labelled(objects, kind, &uid).await;
            if !found.is_empty() {
                return Err(format!("{kind} {found:?}"));
            }
        }
        Ok(())
    })
    .await;
    assert!(environment.status().await.namespaces.is_empty());
}

async fn labelled(objects: &Objects, kind: &str, uid: &str) -> Vec<String> {
    let all = objects.list(kind, "kulisse").await;
    let mine = all.into_iter().filter(|it| {
        it.metadata.labels.as_ref().is_some_and(|it| it.values().any(|value| value == uid))
    });
    mine.filter_map(|it| it.metadata.name).collect()
}

pub async fn without_a_grant_nothing_is_created_and_with_one_it_goes_on(world: Arc<World>) {
    let place = world.place("ungranted");
    let objects = world.objects();
    objects.namespace(&place.source).await;
    objects.namespace(&place.requests).await;
    objects.apply(&readable(&place.source)).await;
    objects.apply(&APPLICATION.replace("{ns}", &place.source)).await;
    let it = place.environment("pr-1", json!({})).await;
    let told = it.until(Granted, "False", "SourceNotGranted", s(15)).await;
    assert!(told.contains("kulisse grant src-ungranted --from req-ungranted"), "{told}");
    it.until(Ready, "False", "SourceNotGranted", s(15)).await;
    it.until(Stalled, "True", "SourceNotGranted", s(15)).await;
    nothing_was_created(&it).await;
    // A grant to somebody else changes nothing.
    objects.apply(&grant(&place.source, "somebody-else")).await;
    it.until(Granted, "False", "SourceNotGranted", s(15)).await;
    nothing_was_created(&it).await;
    objects.apply(&grant(&place.source, &place.requests)).await;
    it.ready(s(45)).await;
    it.until(Granted, "True", "", s(5)).await;
    it.remove().await;
}

pub async fn a_source_that_does_not_exist_is_named(world: Arc<World>) {
    let place = world.place("nowhere");
    world.objects().namespace(&place.requests).await;
    let it = place.environment("pr-1", json!({})).await;
    // Without a namespace there is no grant in it; either answer says what to do.
    let told = it
        .until_that("its source is said to be missing", s(15), |it| {
            let status = it.status.as_ref()?;
            let granted = status.conditions.iter().find(|it| it.type_ == "Granted")?;
            (granted.status == "False").then(|| (granted.reason.clone(), granted.message.clone()))
        })
        .await;
    // Who asks must not learn which namespaces there are: one that is not granted and one that is
    // not there are told alike.
    assert_eq!(told.0, "SourceNotGranted", "{}", told.1);
    assert!(told.1.contains("does not exist or holds no StagingGrant"), "{}", told.1);
    assert!(told.1.contains("src-nowhere"), "{}", told.1);
    nothing_was_created(&it).await;
    it.remove().await;
}

pub async fn a_source_that_may_not_be_read_is_named_with_the_command_that_helps(world: Arc<World>) {
    let place = world.place("unreadable");
    let objects = world.objects();
    objects.namespace(&place.source).await;
    objects.namespace(&place.requests).await;
    objects.apply(&grant(&place.source, &place.requests)).await;
    objects.apply(&APPLICATION.replace("{ns}", &place.source)).await;
    let it = place.environment("pr-1", json!({})).await;
    let told = it.until(Ready, "False", "SourceNotReadable", s(15)).await;
    assert!(told.contains("kulisse grant src-unreadable"), "{told}");
    it.until(Granted, "False", "SourceNotReadable", s(5)).await;
    nothing_was_created(&it).await;
    objects.apply(&readable(&place.source)).await;
    it.ready(s(90)).await;
    it.remove().await;
}

pub async fn a_class_that_does_not_exist_is_named(world: Arc<World>) {
    let place = world.source("classless", APPLICATION).await;
    let it = place.environment("pr-1", json!({ "className": "appears-later" })).await;
    let told = it.until(Granted, "False", "ClassNotFound", s(15)).await;
    assert!(told.contains("appears-later"), "{told}");
    nothing_was_created(&it).await;
    world
        .objects()
        .apply(
            "
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: appears-later }
spec: { boundary: { probe: Never } }
",
        )
        .await;
    it.ready(s(45)).await;
    it.remove().await;
}

pub async fn a_class_that_forbids_the_source_is_obeyed(world: Arc<World>) {
    world
        .objects()
        .apply(
            "
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: other-sources }
spec: { boundary: { probe: Never }, allowedSources: [shop-*] }
",
        )
        .await;
    let place = world.source("forbidden", APPLICATION).await;
    let it = place.environment("pr-1", json!({ "className": "other-sources" })).await;
    let told = it.until(Granted, "False", "NotAllowedByClass", s(15)).await;
    assert!(told.contains("StagingClass other-sources: spec.source.namespace"), "{told}");
    assert!(told.contains("shop-*"), "{told}");
    nothing_was_created(&it).await;
    it.remove().await;
}

pub async fn a_class_that_forbids_the_request_namespace_is_obeyed(world: Arc<World>) {
    world
        .objects()
        .apply(
            "
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: other-requesters }
spec:
  boundary: { probe: Never }
  requestFrom: { matchLabels: { team: nobody } }
",
        )
        .await;
    let place = world.source("stranger", APPLICATION).await;
    let it = place.environment("pr-1", json!({ "className": "other-requesters" })).await;
    let told = it.until(Granted, "False", "NotAllowedByClass", s(15)).await;
    assert!(told.contains("req-stranger"), "{told}");
    nothing_was_created(&it).await;
    it.remove().await;
}

pub async fn an_environment_cannot_clone_the_namespace_it_stands_in(world: Arc<World>) {
    let place = world.source("itself", APPLICATION).await;
    // Consent to itself does not help.
    world.objects().apply(&grant(&place.source, &place.source)).await;
    let spec = place.spec(&json!({}));
    let it = Environment::apply(world.objects(), &place.source, "pr-1", spec).await;
    it.until(Granted, "False", "InvalidSpec", s(15)).await;
    nothing_was_created(&it).await;
    it.remove().await;
    world.sources.lock().expect("a set").remove(&place.source);
}

pub async fn a_plan_larger_than_the_class_allows_is_refused(world: Arc<World>) {
    world
        .objects()
        .apply(
            "
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: tiny }
spec: { boundary: { probe: Never }, limits: { maxObjects: 3 } }
",
        )
        .await;
    let place = world.source("large", APPLICATION).await;
    let it = place.environment("pr-1", json!({ "className": "tiny" })).await;
    let told = it.until(Planned, "False", "TooLarge", s(15)).await;
    assert!(told.contains('3'), "{told}");
    nothing_was_created(&it).await;
    it.remove().await;
}
