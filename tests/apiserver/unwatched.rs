//! Workloads and Jobs that the operator may not watch in the whole cluster.

use std::{collections::BTreeMap, sync::Arc};

use kulisse_core::api::condition::ConditionType::{InSync, Ready, SmokePassed, WorkloadsReady};
use serde_json::{Value, json};

use crate::{
    support::{
        audit, pods,
        wait::{eventually, s},
    },
    world::{APPLICATION, World},
};

const ROLE: &str = "rbac.authorization.k8s.io/v1 ClusterRole";

/// Gives the operator these rights in the whole cluster.
async fn allow(world: &World, rules: Value) {
    world.objects().merge(ROLE, "", "kulisse-operator", json!({ "rules": rules })).await;
}

pub async fn without_the_watch_of_workloads_an_environment_at_rest_costs_few_requests(
    world: Arc<World>,
) {
    let (world, _turn) = world.alone().await;
    world.clear().await;
    let objects = world.objects();
    let place = world.source("unwatched", APPLICATION).await;
    let role = objects.get(ROLE, "", "kulisse-operator").await;
    let given = role.data["rules"].clone();
    // As the chart has it with `workloadWatch.enabled=false`.
    let mut fewer = given.clone();
    let groups = |rule: &Value| {
        rule["apiGroups"] == json!(["apps"]) || rule["apiGroups"] == json!(["batch"])
    };
    fewer.as_array_mut().expect("rules").retain(|it| !groups(it));
    world.operator.stop();
    allow(world, fewer).await;
    let mark = audit::mark(world.audit_log());
    world.operator.start_with(&[("KULISSE_WORKLOAD_WATCH", "false")]).await;

    let smoke = json!([{ "name": "up", "run": { "image": "registry.example.com/check:1" } }]);
    let spec = json!({ "drift": { "interval": "20s" }, "smoke": smoke });
    let it = place.environment("pr-1", spec).await;
    let target = it.target().await;
    it.until(SmokePassed, "False", "Running", s(40)).await;
    eventually("the smoke's Pod ends", s(20), || async {
        let ended = pods::end(objects, &target, "Succeeded").await;
        if ended == 1 { Ok(()) } else { Err(format!("{ended}")) }
    })
    .await;
    it.ready(s(20)).await;
    // What follows a change of status.
    tokio::time::sleep(s(3)).await;
    let rested = audit::mark(world.audit_log());
    tokio::time::sleep(s(60)).await;
    let asked = audit::of_operator(world.audit_log(), rested);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for it in asked.iter().filter(|it| it.within(&target) || it.namespace == place.requests) {
        *kinds.entry(format!("{} {}", it.verb, it.resource)).or_default() += 1;
    }
    let count: usize = kinds.values().sum();

    // Nobody tells the operator; it looks.
    let scaled = json!({ "spec": { "replicas": 1 } });
    objects.merge("apps/v1 Deployment", &target, "web", scaled).await;
    it.until(WorkloadsReady, "False", "", s(30)).await;
    it.until(InSync, "False", "EnvironmentChanged", s(30)).await;
    let scaled = json!({ "spec": { "replicas": 0 } });
    objects.merge("apps/v1 Deployment", &target, "web", scaled).await;
    it.until(Ready, "True", "", s(30)).await;
    it.remove().await;

    let all = audit::of_operator(world.audit_log(), mark);
    world.operator.stop();
    allow(world, given).await;
    world.operator.start().await;

    println!(
        "figure: {count} requests in three drift intervals at rest without the watch: {kinds:?}"
    );
    // An interval may begin just before the minute.
    assert!((6..=12).contains(&count), "{kinds:?}");
    let everywhere: Vec<String> = all
        .iter()
        .filter(|it| it.namespace.is_empty() && matches!(it.group.as_str(), "apps" | "batch"))
        .map(audit::Request::line)
        .collect();
    assert!(everywhere.is_empty(), "{everywhere:#?}");
}
