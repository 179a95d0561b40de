//! An environment that goes without a word, in the middle of its making. An API server that is asked to
//! delete it and to put our finalizer on it at the same time does both, and the finalizer is lost.

use std::time::Duration;

use kube_faults::plan::Plan;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    life::{ENVIRONMENTS, NAME, TEAM, begun, environment, targets, while_one_works},
    server::{controllers::named, store::text},
};

/// What is there by now.
type Moment = fn(&Cluster) -> bool;

fn is_claimed(cluster: &Cluster) -> bool {
    let store = cluster.store();
    let it = store.get(named("StagingEnvironment"), TEAM, NAME);
    it.is_some_and(|it| !it["metadata"]["finalizers"].is_null())
}

fn is_stored(cluster: &Cluster) -> bool {
    plans(cluster) > 0
}

fn has_target(cluster: &Cluster) -> bool {
    !targets(cluster).is_empty()
}

fn plans(cluster: &Cluster) -> usize {
    let store = cluster.store();
    let all = store.of(named("Secret"), "kulisse");
    all.filter(|it| text(it, "name").starts_with("plan-")).count()
}

/// It comes as far as that.
async fn come(cluster: &Cluster, has_come: Moment) {
    cluster.ask(http::Method::POST, ENVIRONMENTS, "application/json", &environment());
    let mut changed = cluster.store().changed.subscribe();
    while !has_come(cluster) {
        let _ = changed.changed().await;
    }
}

/// It goes past its finalizer.
fn go(cluster: &Cluster) {
    let it = format!("{ENVIRONMENTS}/{NAME}");
    cluster.ask(http::Method::DELETE, &it, "application/json", &Value::Null);
    let without = json!({ "metadata": { "finalizers": null } });
    cluster.ask(http::Method::PATCH, &it, "application/merge-patch+json", &without);
}

#[test]
fn an_environment_is_not_told_what_became_of_an_earlier_one_of_its_name() {
    // What is said of the first one is on its way while the second one takes its place.
    let late = "write stagingenvironments.kulisse.dev/status #1: hold 8s";
    let cluster = Cluster::new(begun(), late.parse().expect("a plan"), 1);
    while_one_works(&cluster, async {
        come(&cluster, has_target).await;
        sleep(Duration::from_secs(1)).await;
        go(&cluster);
        let mut second = environment();
        second["spec"]["suspend"] = json!(true);
        let post = http::Method::POST;
        let (code, second) = cluster.ask(post, ENVIRONMENTS, "application/json", &second);
        assert_eq!(code, 201, "{second}");
        sleep(Duration::from_mins(2)).await;
    });
    assert!(cluster.struck(), "the status was not late");
    let store = cluster.store();
    let events = store.events.iter().filter(|it| it.kind.kind == "StagingEnvironment");
    let uid = |it: &crate::server::store::Event| text(&it.after, "uid").to_owned();
    let last = events.clone().next_back().map(uid).expect("an environment");
    for it in events.filter(|it| uid(it) == last) {
        let told = it.after["status"]["namespaces"].as_array().is_some_and(|it| !it.is_empty());
        assert!(!told, "{}", it.after["status"]["namespaces"]);
    }
    drop(store);
    assert_eq!(targets(&cluster), [""; 0], "the first one's namespace is left");
}

#[test]
fn an_environment_that_vanishes_while_it_is_made_leaves_nothing() {
    let moments: [(&str, Moment); 3] =
        [("claimed", is_claimed), ("stored", is_stored), ("made", has_target)];
    for (moment, has_come) in moments {
        let cluster = Cluster::new(begun(), Plan::nothing(), 1);
        while_one_works(&cluster, async {
            come(&cluster, has_come).await;
            go(&cluster);
            sleep(Duration::from_mins(2)).await;
        });
        let there = cluster.store().get(named("StagingEnvironment"), TEAM, NAME).is_some();
        assert!(!there, "{moment}: it is still there");
        assert_eq!(
            (targets(&cluster).len(), plans(&cluster)),
            (0, 0),
            "{moment}: namespaces, plans"
        );
    }
}

#[test]
fn a_namespace_that_is_held_keeps_no_other_from_going() {
    let cluster = Cluster::new(begun(), Plan::nothing(), 1);
    let mut held = Vec::new();
    while_one_works(&cluster, async {
        come(&cluster, has_target).await;
        held = targets(&cluster);
        let path = format!("/api/v1/namespaces/{}", held[0]);
        let finalizers = json!({ "metadata": { "finalizers": ["example.com/held"] } });
        cluster.ask(http::Method::PATCH, &path, "application/merge-patch+json", &finalizers);
        go(&cluster);
        sleep(Duration::from_secs(30)).await;
        come(&cluster, |cluster| targets(cluster).len() > 1).await;
        go(&cluster);
        sleep(Duration::from_mins(2)).await;
    });
    assert_eq!(targets(&cluster), held);
}
