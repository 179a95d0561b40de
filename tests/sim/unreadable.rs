//! Environments that this version cannot read, and that are to go.

use std::time::Duration;

use http::Method;
use kube_faults::plan::Plan;
use kulisse_core::secrets::OperatorKey;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    life::{ENVIRONMENTS, Life, Stage, TEAM},
    server::{controllers::named, store::text},
};

/// As many as there are environments that are worked on at the same time.
const MANY: usize = 16;
/// Longer than anybody waits for a namespace at one go.
const LONG: Duration = Duration::from_mins(15);
/// Where each of them has what keeps its target.
const HELD: &str = "held";

fn name(at: usize) -> String {
    format!("old-{at}")
}

fn target(at: usize) -> String {
    format!("stg-old-{at}")
}

/// One that is being deleted, with its target, in which something of somebody else's has to be let go.
fn begin(life: &Life, at: usize) {
    let name = name(at);
    let it = format!("{ENVIRONMENTS}/{name}");
    let whole = |more: Value| {
        json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": more, "spec": { "source": { "namespace": 7 } } })
    };
    let asked = whole(json!({ "name": name, "namespace": TEAM }));
    let (_, made) = life.cluster.ask(Method::POST, ENVIRONMENTS, "application/json", &asked);
    let claimed = whole(json!({ "name": name, "finalizers": ["kulisse.dev/teardown"] }));
    let own = format!("{it}?fieldManager=kulisse-status&force=true");
    life.cluster.ask(Method::PATCH, &own, "application/apply-patch+yaml", &claimed);
    life.cluster.ask(Method::DELETE, &it, "application/json", &Value::Null);
    let mut store = life.cluster.store();
    let uid = text(&made, "uid");
    // As in stage.yaml.
    let key = OperatorKey::from_bytes(&[1; OperatorKey::LENGTH]).expect("a key");
    let proof = key.proof(&["target", uid, &target(at), "1"]);
    store.plant(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": target(at),
        "labels": { "kulisse.dev/environment-uid": uid, "kulisse.dev/environment": name,
            "kulisse.dev/request-namespace": TEAM },
        "annotations": { "kulisse.dev/proof": proof, "kulisse.dev/incarnation": "1" } } }));
    store.plant(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": HELD,
        "namespace": target(at), "finalizers": ["example.com/hold"] } }));
    store.plant(json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "kulisse-rights", "namespace": target(at),
            "finalizers": ["kulisse.dev/rights"] } }));
}

/// How many environments and targets of them there are.
fn there(life: &Life) -> (usize, usize) {
    let store = life.cluster.store();
    let count = |kind, space, name: fn(usize) -> String| {
        (0..MANY).filter(|at| store.get(named(kind), space, &name(*at)).is_some()).count()
    };
    (count("StagingEnvironment", TEAM, name), count("Namespace", "", target))
}

#[test]
fn an_unreadable_environment_stays_as_long_as_its_target_does_and_keeps_nobody_waiting() {
    let mut life = Life::begin(Plan::nothing(), 1);
    (0..MANY).for_each(|at| begin(&life, at));
    let lives = async |life: &Life| {
        sleep(Duration::from_secs(10)).await;
        life.ask_for(&json!({ "lifecycle": { "ttl": "1h" } }));
        let ready = life.until_up("the readable one is ready", |it| it.is("Ready", "True")).await;
        sleep(LONG).await;
        assert_eq!(there(life), (MANY, MANY));
        ready?;
        let free = json!({ "metadata": { "finalizers": Value::Null } });
        for at in 0..MANY {
            let uri = format!("/api/v1/namespaces/{}/configmaps/{HELD}", target(at));
            life.cluster.ask(Method::PATCH, &uri, "application/merge-patch+json", &free);
        }
        life.until_up("all of them are gone", |it| there(it) == (0, 0)).await
    };
    life.with_operators(async |life| {
        life.wrong.extend(lives(life).await.err());
        life.stage = Stage::Done;
    });
    assert!(life.wrong.is_empty(), "{:?}", life.wrong);
}
