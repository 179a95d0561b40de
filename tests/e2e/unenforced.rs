//! A cluster whose network takes NetworkPolicies and does nothing about them.

use std::sync::Arc;

use kube::ResourceExt;
use kulisse_core::api::condition::ConditionType::{BoundaryClean, Ready, Stalled};
use serde_json::json;

use crate::{
    support::{
        environment::{Environment, granted_source, roles_filled},
        objects::Objects,
        tools,
        wait::s,
    },
    world::{SMALL, World, install, is, node, record},
};

/// With a class that allows it and `mode: Warn`, it starts; what can be reached is said for as long as it
/// lives.
async fn a_class_may_let_it_start_all_the_same(objects: &Objects) {
    let class = json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingClass",
        "metadata": { "name": "warns" }, "spec": { "boundary": { "allowWarn": true } } });
    objects.try_apply(&class, false).await.expect("a class");
    let spec = json!({ "source": { "namespace": "src-open" }, "className": "warns",
        "boundary": { "mode": "Warn" }, "lifecycle": { "ttl": "1h" } });
    let it = Environment::apply(objects, "req-open", "pr-2", spec).await;
    let status = it.ready(s(180)).await;
    assert_eq!(status.workloads.expect("workloads").ready, 2);
    let told = it.until(BoundaryClean, "False", "EgressNotEnforced", s(5)).await;
    assert!(told.contains("web"), "it names what was reached: {told}");
    it.remove().await;
}

pub async fn where_network_policy_is_not_enforced_no_workload_starts(_: Arc<World>) {
    let cluster = tokio::task::spawn_blocking(|| {
        let cluster = node("unenforced", &["--no-network-policy"]);
        let cluster = cluster.unwrap_or_else(|why| panic!("{why}"));
        install(&cluster, &tools::helm().expect("helm"), "info");
        cluster
    })
    .await
    .expect("a cluster");
    let objects = &cluster.objects;
    roles_filled(&cluster).await;
    granted_source(objects, "src-open", "req-open").await;
    objects.apply(&SMALL.replace("{ns}", "src-open")).await;
    let wait = ["-n", "src-open", "rollout", "status", "deployment/web", "--timeout=480s"];
    tokio::task::block_in_place(|| cluster.kubectl(&wait)).ok("the source runs");
    let spec = json!({ "source": { "namespace": "src-open" }, "lifecycle": { "ttl": "1h" } });
    let it = Environment::apply(objects, "req-open", "pr-1", spec).await;
    let told = it.until(BoundaryClean, "False", "EgressNotEnforced", s(120)).await;
    assert!(told.contains("web"), "it names what was reached: {told}");
    it.until(Ready, "False", "EgressNotEnforced", s(5)).await;
    it.until(Stalled, "True", "EgressNotEnforced", s(5)).await;
    record(&it, "stalled", |it| is(it, Stalled, "True")).await;
    let target = it.target().await;
    for kind in ["apps/v1 Deployment", "apps/v1 StatefulSet", "v1 Secret", "v1 ConfigMap"] {
        let names = objects.names(kind, &target).await;
        let names: Vec<_> = names.into_iter().filter(|it| it != "kube-root-ca.crt").collect();
        assert!(names.is_empty(), "{kind}: {names:?}");
    }
    for pod in objects.list("v1 Pod", &target).await {
        assert!(pod.labels().contains_key("kulisse.dev/probe"), "{} runs", pod.name_any());
    }
    it.remove().await;
    a_class_may_let_it_start_all_the_same(objects).await;
    tokio::task::block_in_place(|| cluster.stop());
}
