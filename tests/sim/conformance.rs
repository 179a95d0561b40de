//! The simulated API server answers as a real one did: `conformance.yaml`, which is recorded and compared
//! by `tests/apiserver`.

use std::time::Duration;

use futures::StreamExt;
use kube_faults::plan::Plan;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    exchanges::{Exchange, Run, all, difference},
    life::within,
    server::store::Store,
};

#[test]
fn what_a_real_api_server_was_recorded_to_answer_the_simulated_one_answers() {
    let mut store = Store::new("2026-03-01T09:00:00Z".parse().expect("a time"));
    // No server remembers its beginnings.
    store.plant(
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" } }),
    );
    store.compact();
    let cluster = Cluster::new(store, Plan::nothing(), 1);
    let recorded = all();
    let mut wrong = Vec::new();
    within(&cluster, async {
        tokio::spawn(cluster.clone().control());
        let mut run = Run::default();
        for it in &recorded {
            let (code, answer) = until(&cluster, it, &run).await;
            let found = run.took(it, code, &answer);
            wrong.extend(difference(it, &found));
        }
    });
    assert!(recorded.len() > 100);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recorded.len(), wrong.join("\n"));
}

async fn until(cluster: &Cluster, it: &Exchange, run: &Run) -> (u16, Value) {
    let mut answer = ask(cluster, it, run).await;
    for _ in 0..60 {
        if it.until.is_none_or(|code| code == answer.0) {
            break;
        }
        sleep(Duration::from_millis(500)).await;
        answer = ask(cluster, it, run).await;
    }
    answer
}

async fn ask(cluster: &Cluster, it: &Exchange, run: &Run) -> (u16, Value) {
    let asked = run.filled(&it.ask);
    let (method, uri) = asked.split_once(' ').expect("a method and a path");
    let content = it.content.as_deref().unwrap_or("application/json");
    let accept = it.accept.as_deref().unwrap_or("application/json");
    let method = method.parse().expect("a method");
    let body = run.filled_in(&it.body);
    let Some(count) = it.events else {
        return cluster.ask_for(method, uri, (content, accept), &body);
    };
    let events = cluster.watch(uri).take(count);
    let events = events.map(|it| serde_json::from_str(&it.line).expect("an event"));
    (200, Value::Array(events.collect().await))
}
