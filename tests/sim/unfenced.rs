//! The policies that fence the operator's own account are gone. Whoever has consented has nothing to do
//! with that, and nothing is created until they are back.

use std::time::Duration;

use kube_faults::plan::Plan;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    cluster::Cluster,
    life::{ENVIRONMENTS, NAME, TEAM, begun, environment, while_one_works},
    server::{
        controllers::named,
        store::{By, Store, text},
    },
};

const GRANT: &str = "/apis/kulisse.dev/v1alpha1/namespaces/shop/staginggrants";

async fn until(cluster: &Cluster, what: &str, holds: impl Fn(&Value) -> bool) {
    let waited = timeout(Duration::from_mins(8), async {
        let mut changed = cluster.store().changed.subscribe();
        while !holds(&status(&cluster.store())) {
            let _ = changed.changed().await;
        }
    });
    assert!(waited.await.is_ok(), "not {what}: {}", status(&cluster.store()));
}

fn status(store: &Store) -> Value {
    let it = store.get(named("StagingEnvironment"), TEAM, NAME);
    it.map(|it| it["status"].clone()).unwrap_or_default()
}

fn is_ready(status: &Value) -> bool {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.any(|it| it["type"] == "Ready" && it["status"] == "True")
}

fn is_frozen(status: &Value) -> bool {
    status["withdrawn"]["frozen"] == true
}

/// What the operator has created or changed in targets since that version.
fn written(store: &Store, since: u64) -> Vec<String> {
    let events = store.events.iter().filter(|it| it.version > since && it.by == By::Operator);
    let inside = events.filter(|it| text(&it.after, "namespace").starts_with("stg-"));
    inside.map(|it| format!("{} {}", it.kind.kind, text(&it.after, "name"))).collect()
}

fn asked_for(cluster: &Cluster) {
    let mut it = environment();
    it["spec"]["lifecycle"]["ttl"] = json!("2h");
    let (code, answer) = cluster.ask(http::Method::POST, ENVIRONMENTS, "application/json", &it);
    assert_eq!(code, 201, "{answer}");
}

fn withdraw(cluster: &Cluster) {
    let grant = format!("{GRANT}/from-team");
    let (code, answer) =
        cluster.ask(http::Method::DELETE, &grant, "application/json", &Value::Null);
    assert_eq!(code, 200, "{answer}");
}

#[test]
fn what_was_frozen_is_not_thawed_because_the_policies_are_gone() {
    let cluster = Cluster::new(begun(), Plan::nothing(), 1);
    while_one_works(&cluster, async {
        asked_for(&cluster);
        until(&cluster, "ready", is_ready).await;
        withdraw(&cluster);
        until(&cluster, "frozen", is_frozen).await;
    });
    cluster.store().policies = false;
    let since = cluster.store().version;
    while_one_works(&cluster, async {
        sleep(Duration::from_mins(2)).await;
        assert_eq!(written(&cluster.store(), since), Vec::<String>::new());
        let status = status(&cluster.store());
        assert!(is_frozen(&status), "{status}");
    });
}

#[test]
fn without_the_policies_what_lives_is_frozen_and_not_thawed() {
    let cluster = Cluster::new(begun(), Plan::nothing(), 1);
    while_one_works(&cluster, async {
        asked_for(&cluster);
        until(&cluster, "ready", is_ready).await;
    });
    cluster.store().policies = false;
    while_one_works(&cluster, async {
        withdraw(&cluster);
        until(&cluster, "frozen", is_frozen).await;
        let since = cluster.store().version;
        let grant = json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingGrant",
            "metadata": { "name": "again", "namespace": "shop" }, "spec": { "from": [{ "namespace": TEAM }] } });
        cluster.ask(http::Method::POST, GRANT, "application/json", &grant);
        until(&cluster, "refused", |it| it["phase"] == "FencePolicyMissing").await;
        sleep(Duration::from_mins(1)).await;
        assert_eq!(written(&cluster.store(), since), Vec::<String>::new());
        cluster.store().policies = true;
        until(&cluster, "thawed", is_ready).await;
    });
}
