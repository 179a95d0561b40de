//! What the probe has found counts for what was tried: by that Pod, at that address.

use std::{net::TcpListener, thread, time::Duration};

use kube_faults::plan::Plan;
use kulisse::run::Operator;
use kulisse_core::plan::probe::Place;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    cluster::Cluster,
    life::{NAME, TEAM, begun, environment, while_this_works},
    server::{
        controllers::named,
        store::{Store, text},
    },
};

/// An address at which nothing answers, until somebody listens there.
fn dead() -> Place {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    Place { host: "127.0.0.1".to_owned(), port: listener.local_addr().expect("an address").port() }
}

/// Somebody does something while an operator works, with another control than the usual one if that is
/// said.
fn while_one_works(cluster: &Cluster, control: Option<&Place>, doing: impl Future<Output = ()>) {
    let settle = |operator: &mut Operator| {
        if let Some(control) = control {
            operator.settings.probe_control = Some(control.clone());
        }
    };
    while_this_works(cluster, settle, doing);
}

async fn until(cluster: &Cluster, what: &str, holds: impl Fn(&Store) -> bool) {
    let waited = timeout(Duration::from_mins(8), async {
        let mut changed = cluster.store().changed.subscribe();
        while !holds(&cluster.store()) {
            let _ = changed.changed().await;
        }
    });
    assert!(waited.await.is_ok(), "not {what}: {}", verdict(&cluster.store()));
}

/// What is recorded of the probe.
fn verdict(store: &Store) -> String {
    let it = store.get(named("StagingEnvironment"), TEAM, NAME);
    let target = it.map(|it| it["status"]["namespaces"][0].clone()).unwrap_or_default();
    target["probe"].as_str().unwrap_or_default().to_owned()
}

/// All Pods of the probe that there ever were: what each is called, and where.
fn pods(store: &Store) -> Vec<(String, String)> {
    let made = store.events.iter().filter(|it| it.kind.kind == "Pod" && it.before.is_none());
    let probes = made.filter(|it| !it.after["metadata"]["labels"]["kulisse.dev/probe"].is_null());
    let named = |key: &str, it: &Value| text(it, key).to_owned();
    probes.map(|it| (named("namespace", &it.after), named("name", &it.after))).collect()
}

fn asked_for(cluster: &Cluster) {
    let uri = format!("/apis/kulisse.dev/v1alpha1/namespaces/{TEAM}/stagingenvironments");
    let (code, it) = cluster.ask(http::Method::POST, &uri, "application/json", &environment());
    assert_eq!(code, 201, "{it}");
}

#[test]
fn a_probe_that_is_repeated_is_not_judged_by_the_words_of_the_last_one() {
    let cluster = Cluster::new(begun(), Plan::nothing(), 1);
    let control = dead();
    while_one_works(&cluster, Some(&control), async {
        asked_for(&cluster);
        until(&cluster, "inconclusive", |it| verdict(it) == "Inconclusive").await;
        let (namespace, pod) = pods(&cluster.store())[0].clone();
        let uri = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
        let held = |by: Value| {
            let body = json!({ "metadata": { "finalizers": by } });
            let (code, it) =
                cluster.ask(http::Method::PATCH, &uri, "application/merge-patch+json", &body);
            assert_eq!(code, 200, "{it}");
        };
        held(json!(["example.com/kept"]));
        let listener = TcpListener::bind(("127.0.0.1", control.port)).expect("the port");
        thread::spawn(move || listener.incoming().for_each(drop));
        sleep(Duration::from_secs(330)).await;
        assert_eq!(verdict(&cluster.store()), "Unknown", "before the last one is gone");
        assert_eq!(pods(&cluster.store()).len(), 1);
        held(Value::Null);
        until(&cluster, "closed", |it| verdict(it) == "Closed").await;
    });
    assert_eq!(pods(&cluster.store()).len(), 2);
}

#[test]
fn that_another_address_was_silent_shows_nothing_and_is_tried_again() {
    let cluster = Cluster::new(begun(), Plan::nothing(), 1);
    while_one_works(&cluster, Some(&dead()), async {
        asked_for(&cluster);
        until(&cluster, "probed", |it| !pods(it).is_empty()).await;
    });
    // Another operator takes over, and its own address answers.
    while_one_works(&cluster, None, async {
        let from = cluster.store().now();
        until(&cluster, "closed", |it| verdict(it) == "Closed").await;
        let took = cluster.store().now().duration_since(from);
        assert!(took.as_secs() < 60, "{took}");
    });
    assert_eq!(pods(&cluster.store()).len(), 2);
}
