//! What comes in between while an environment is rebuilt.

use std::sync::Arc;

use kulisse_core::api::{
    condition::{
        ConditionType::{Asleep, Expired, Granted, InSync, Ready},
        is_true,
    },
    names,
    status::{StagingEnvironmentStatus, TargetRole},
};
use serde_json::json;

use crate::{
    clones::{changed, settled},
    ends::nothing_is_left,
    rebuild::{built, image, move_on, of, rebuilt, rebuilt_with_agent, source, until, until_gone},
    support::{
        environment::{grant, namespace_gone, shown},
        pods,
        wait::{eventually, s, steadily},
    },
    world::{World, agent_runs},
};

const DEPLOYMENT: &str = "apps/v1 Deployment";

fn serves(name: &str) -> impl Fn(&StagingEnvironmentStatus) -> bool {
    move |status| status.serving().is_some_and(|it| it.name == name) && status.rebuild.is_none()
}

pub async fn an_environment_that_expires_during_a_rebuild_takes_both_namespaces_along(
    world: Arc<World>,
) {
    let place = source(&world, "rebuild-expires").await;
    let it = rebuilt(&place, "pr-1").await;
    let (uid, old) = (it.uid().await, it.target().await);
    move_on(&place, "registry.example.com/api:2").await;
    let new = built(&it).await;
    it.patch(json!({ "lifecycle": { "ttl": "30s" } })).await;
    let expired = |status: &StagingEnvironmentStatus| {
        is_true(&status.conditions, Expired) && status.namespaces.is_empty()
    };
    let status = until(&it, "it expires", "Succeeded", expired).await;
    assert!(status.rebuild.is_none(), "{}", shown(&status));
    for target in [&old, &new] {
        namespace_gone(it.objects, target, s(30)).await;
        nothing_is_left(&world, &uid, target).await;
    }
    it.remove().await;
}

pub async fn an_environment_that_falls_asleep_during_a_rebuild_has_no_pods_and_goes_on_when_awake(
    world: Arc<World>,
) {
    let place = source(&world, "rebuild-sleeps").await;
    let objects = world.objects();
    let it = rebuilt_with_agent(&place, "pr-1").await;
    let old = it.target().await;
    assert_eq!(agent_runs(objects, &old).await, Some(true));
    move_on(&place, "registry.example.com/api:2").await;
    let new = built(&it).await;
    it.annotate(names::SLEEP_ANNOTATION, Some("1")).await;
    eventually("nothing runs in either", s(60), || async {
        let mut running = Vec::new();
        for target in [&old, &new] {
            pods::end(objects, target, "Succeeded").await;
            if agent_runs(objects, target).await != Some(false) {
                running.push(format!("{target}/agent"));
            }
            for workload in objects.list(DEPLOYMENT, target).await {
                if workload.data["spec"]["replicas"] != 0 {
                    running
                        .push(format!("{target}/{}", workload.metadata.name.unwrap_or_default()));
                }
            }
        }
        let status = it.status().await;
        if running.is_empty() && is_true(&status.conditions, Asleep) {
            return Ok(());
        }
        Err(format!("{running:?} {}", shown(&status)))
    })
    .await;
    it.annotate(names::WAKE_ANNOTATION, Some("1")).await;
    let status = until(&it, "the new one serves", "Succeeded", serves(&new)).await;
    assert!(!is_true(&status.conditions, Asleep), "{}", shown(&status));
    assert_eq!(agent_runs(objects, &new).await, Some(true), "it is awake");
    it.delete().await;
    until_gone(&it, &[&new]).await;
}

pub async fn an_environment_that_is_suspended_during_a_rebuild_stands_still_until_it_is_resumed(
    world: Arc<World>,
) {
    let place = source(&world, "rebuild-suspended").await;
    let objects = world.objects();
    let it = rebuilt(&place, "pr-1").await;
    let old = it.target().await;
    move_on(&place, "registry.example.com/api:2").await;
    let new = built(&it).await;
    it.patch(json!({ "suspend": true })).await;
    it.until(Ready, "False", "Suspended", s(20)).await;
    let before = (settled(objects, &old).await, settled(objects, &new).await);
    pods::end(objects, &new, "Succeeded").await;
    steadily("nothing moves in either", s(12), || async {
        let moved = [
            changed(&before.0, &settled(objects, &old).await),
            changed(&before.1, &settled(objects, &new).await),
        ];
        // The Job of the seed ends by itself.
        let moved: Vec<_> = moved.into_iter().flatten().filter(|it| !it.contains("Job")).collect();
        if moved.is_empty() { Ok(()) } else { Err(format!("{moved:?}")) }
    })
    .await;
    let role = of(&it.status().await, TargetRole::Building);
    assert_eq!(role.as_ref(), Some(&new), "it is kept");
    it.patch(json!({ "suspend": false })).await;
    until(&it, "the new one serves", "Succeeded", serves(&new)).await;
    it.delete().await;
    until_gone(&it, &[&new]).await;
}

pub async fn a_grant_that_is_withdrawn_during_a_rebuild_ends_what_is_built_and_freezes_what_serves(
    world: Arc<World>,
) {
    let place = source(&world, "rebuild-withdrawn").await;
    let objects = world.objects();
    let it = rebuilt_with_agent(&place, "pr-1").await;
    let old = it.target().await;
    assert_eq!(agent_runs(objects, &old).await, Some(true));
    move_on(&place, "registry.example.com/api:2").await;
    let new = built(&it).await;
    let name = format!("from-{}", place.requests);
    objects.delete("kulisse.dev/v1alpha1 StagingGrant", &place.source, &name).await;
    it.until(Granted, "False", "GrantWithdrawn", s(30)).await;
    namespace_gone(objects, &new, s(60)).await;
    assert_eq!(agent_runs(objects, &old).await, Some(false), "what serves is kept without Pods");
    objects.apply(&grant(&place.source, &place.requests)).await;
    // Back, it follows production: planned anew where it is, or rebuilt once more.
    let follows = |status: &StagingEnvironmentStatus| {
        is_true(&status.conditions, Ready) && is_true(&status.conditions, InSync)
    };
    let status = until(&it, "it serves again, and follows", "Succeeded", follows).await;
    let serving = status.serving().expect("it serves").name.clone();
    assert_eq!(image(&world, &serving).await, "registry.example.com/api:2");
    assert_eq!(agent_runs(objects, &serving).await, Some(true), "it runs again");
    it.delete().await;
    until_gone(&it, &[&old, &serving]).await;
}
