//! A target of which one workload is not let sleep at first.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    life::{ENVIRONMENTS, NAME, begun, environment, targets, while_one_works},
    server::{controllers::named, store::text},
};

fn annotate(cluster: &Cluster, key: &str) {
    let uri = format!("{ENVIRONMENTS}/{NAME}");
    let annotations = json!({ "metadata": { "annotations": { key: "1" } } });
    let merge = "application/merge-patch+json";
    let (code, it) = cluster.ask(http::Method::PATCH, &uri, merge, &annotations);
    assert_eq!(code, 200, "{it}");
}

/// How many Pods the workloads of all targets ask for, by name.
fn replicas(cluster: &Cluster) -> Vec<(String, Value)> {
    let targets = targets(cluster);
    let store = cluster.store();
    let of = |kind: &str| -> Vec<(String, Value)> {
        let found = targets.iter().flat_map(|target| store.of(named(kind), target));
        found.map(|it| (text(it, "name").to_owned(), it["spec"]["replicas"].clone())).collect()
    };
    ["Deployment", "StatefulSet"].into_iter().flat_map(of).collect()
}

#[test]
fn a_workload_that_is_not_let_sleep_is_asked_again_and_the_others_wake_with_it() {
    // The first writes are those of its making.
    for (refused, night) in (1..=4).flat_map(|it| [(it, 120_000), (it, 300)]) {
        let plan = format!("write deployments.apps named web no-dry-run #{refused}: status 422");
        let cluster = Cluster::new(begun(), plan.parse().expect("a plan"), 1);
        while_one_works(&cluster, async {
            cluster.ask(http::Method::POST, ENVIRONMENTS, "application/json", &environment());
            sleep(Duration::from_mins(3)).await;
            let awake = replicas(&cluster);
            assert!(awake.iter().any(|(_, count)| *count == 1), "{refused}: {awake:?}");
            annotate(&cluster, "kulisse.dev/sleep");
            sleep(Duration::from_millis(night)).await;
            let asleep = replicas(&cluster);
            let sleeps = asleep.iter().all(|(_, count)| *count == 0);
            assert!(sleeps || night < 1_000, "{refused}: {asleep:?}");
            annotate(&cluster, "kulisse.dev/wake");
            sleep(Duration::from_mins(2)).await;
            assert_eq!(replicas(&cluster), awake, "{refused}, after {night} ms");
        });
    }
}
