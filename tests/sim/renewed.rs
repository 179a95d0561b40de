//! A target that somebody deletes: the environment begins another life in another namespace.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use kube_faults::plan::Plan;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    life::{ENVIRONMENTS, NAME, TTL, begun, environment, targets, while_one_works},
    server::store::text,
};

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

/// What is in the only target: kinds with names, and Jobs that ever were.
fn contents(cluster: &Cluster) -> (String, BTreeSet<String>) {
    let [target] = <[String; 1]>::try_from(targets(cluster)).expect("one target");
    let store = cluster.store();
    let of = |it: &Value| format!("{} {}", it["kind"].as_str().unwrap_or(""), text(it, "name"));
    let there = store.all().filter(|(at, it)| {
        at.2 == target && !matches!(it["kind"].as_str(), Some("Pod" | "Event" | "Job"))
    });
    let mut all: BTreeSet<String> = there.map(|(_, it)| of(it)).collect();
    let jobs = store.events.iter().filter(|it| it.kind.kind == "Job" && !it.gone);
    let jobs = jobs.filter(|it| text(&it.after, "namespace") == target);
    // What they are called ends with what they run and in which life.
    let task = |name: &str| name.split('-').take(2).collect::<Vec<_>>().join("-");
    all.extend(jobs.map(|it| format!("Job {}", task(text(&it.after, "name")))));
    (target, all)
}

fn change(cluster: &Cluster, patch: &Value) {
    let it = format!("{ENVIRONMENTS}/{NAME}");
    let (code, said) = cluster.ask(Method::PATCH, &it, MERGE, patch);
    assert_eq!(code, 200, "{said}");
}

fn delete(cluster: &Cluster, namespace: &str) {
    let path = format!("/api/v1/namespaces/{namespace}");
    cluster.ask(Method::DELETE, &path, JSON, &Value::Null);
}

#[test]
fn what_is_built_anew_is_seeded_and_fenced_anew() {
    // After the first plan, and after another one that has left most of it as it was.
    for pushes in [0, 1] {
        let cluster = Cluster::new(begun(), Plan::nothing(), 1);
        while_one_works(&cluster, async {
            cluster.ask(Method::POST, ENVIRONMENTS, JSON, &environment());
            sleep(Duration::from_mins(1)).await;
            for at in 0..pushes {
                let env = json!([{ "set": [{ "name": "PUSH", "value": at.to_string() }] }]);
                change(&cluster, &json!({ "spec": { "env": env } }));
                sleep(Duration::from_mins(1)).await;
            }
            let (before, expected) = contents(&cluster);
            delete(&cluster, &before);
            sleep(Duration::from_mins(2)).await;
            let (after, found) = contents(&cluster);
            assert_ne!(after, before, "a name is never used again");
            let missing: Vec<_> = expected.difference(&found).collect();
            assert!(missing.is_empty(), "after {pushes} pushes: without {missing:?}");
        });
    }
}

#[test]
fn a_namespace_that_somebody_deletes_goes_although_its_environment_is_suspended() {
    let cluster = Cluster::new(begun(), Plan::nothing(), 1);
    while_one_works(&cluster, async {
        cluster.ask(Method::POST, ENVIRONMENTS, JSON, &environment());
        sleep(Duration::from_mins(1)).await;
        change(&cluster, &json!({ "spec": { "suspend": true } }));
        sleep(Duration::from_secs(5)).await;
        delete(&cluster, &contents(&cluster).0);
        sleep(Duration::from_mins(1)).await;
        assert_eq!(targets(&cluster), [""; 0], "our finalizer holds it, or it was built anew");
        change(&cluster, &json!({ "spec": { "suspend": false } }));
        sleep(Duration::from_mins(1)).await;
        assert_eq!(targets(&cluster).len(), 1);
    });
}

#[test]
fn what_cannot_be_read_any_more_ends_when_it_was_told_to() {
    let cluster = Cluster::new(begun(), Plan::nothing(), 1);
    while_one_works(&cluster, async {
        cluster.ask(Method::POST, ENVIRONMENTS, JSON, &environment());
        sleep(Duration::from_mins(1)).await;
        // Of a version that knew other durations.
        change(&cluster, &json!({ "spec": { "lifecycle": { "ttl": "3 days" } } }));
        sleep(Duration::from_secs(30)).await;
        assert_eq!(targets(&cluster).len(), 1, "it goes on until then");
        sleep(TTL + Duration::from_mins(5)).await;
        assert_eq!(targets(&cluster), [""; 0], "it has not ended, or has come back");
    });
}
