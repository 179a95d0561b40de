//! Numbers of requests, from the API server's own log.

use std::{collections::BTreeMap, fmt::Write, sync::Arc, time::Instant};

use serde_json::json;

use crate::{
    support::{audit, wait::s},
    world::{APPLICATION, World},
};

/// An application of forty objects.
fn forty() -> String {
    let mut text = String::new();
    for n in 0..10 {
        let _ = write!(
            text,
            "
---
apiVersion: v1
kind: ConfigMap
metadata: {{ name: c-{n}, namespace: '{{ns}}' }}
data: {{ URL: 'http://s-{n}.{{ns}}.svc:80' }}
---
apiVersion: v1
kind: Service
metadata: {{ name: s-{n}, namespace: '{{ns}}' }}
spec: {{ selector: {{ app: d-{n} }}, ports: [{{ port: 80 }}] }}
---
apiVersion: v1
kind: Secret
metadata: {{ name: p-{n}, namespace: '{{ns}}' }}
stringData: {{ password: canary-Tq7vXz3LpW9s-{n} }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: d-{n}, namespace: '{{ns}}' }}
spec:
  replicas: 0
  selector: {{ matchLabels: {{ app: d-{n} }} }}
  template:
    metadata: {{ labels: {{ app: d-{n} }} }}
    spec:
      containers:
        - name: c
          image: registry.example.com/d:{n}
          envFrom: [{{ configMapRef: {{ name: c-{n} }} }}, {{ secretRef: {{ name: p-{n} }} }}]
"
        );
    }
    text
}

pub async fn forty_objects_take_few_requests(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    world.clear().await;
    let place = world.source("forty", &forty()).await;
    let mark = audit::mark(world.audit_log());
    let started = Instant::now();
    let it = place.environment("pr-1", json!({})).await;
    let status = it.ready(s(60)).await;
    let took = started.elapsed();
    let objects = status.plan.expect("a plan").objects as usize;
    assert!(objects >= 40, "only {objects} clones");
    let target = it.target().await;
    let requests = audit::of_operator(world.audit_log(), mark);
    // Reads of the source, discovery, watches, and what environments share are counted apart.
    let counted: Vec<_> = requests
        .iter()
        .filter(|it| it.namespace != place.source && !it.follows() && !it.resource.is_empty())
        // Fresh rights take a moment to hold: how often is asked until then is the server's doing.
        .filter(|it| it.code != 403)
        .filter(|it| !(it.resource == "namespaces" && it.name == place.source))
        // Where the Kubernetes API listens and what we may do in targets, asked now and then for all.
        .filter(|it| !(it.resource == "endpointslices" && it.namespace == "default"))
        .filter(|it| it.resource != "clusterroles")
        // Read for the source: what its accounts may do in the whole cluster.
        .filter(|it| it.resource != "clusterrolebindings")
        // Which classes the cluster has, read once a minute for all.
        .filter(|it| {
            let classes = ["storageclasses", "priorityclasses", "ingressclasses"];
            !classes.contains(&it.resource.as_str())
        })
        .collect();
    // Progress is told for every second that it takes: how many that are is the machine's doing.
    let told = counted.iter().filter(|it| it.resource == "stagingenvironments/status").count();
    let progress = told.saturating_sub(2);
    assert!(progress as u64 <= took.as_secs(), "{told} times the status was told in {took:?}");
    let needed = counted.len() - progress;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for it in &counted {
        let place = if it.namespace == target { "target" } else { "" };
        *kinds.entry(format!("{} {} {place} {}", it.verb, it.resource, it.code)).or_default() += 1;
    }
    println!(
        "figure: {needed} requests for {objects} clones and fence (N + {}), and {progress} of progress; Ready after {:.2} s; {} reads of the source",
        needed.saturating_sub(objects),
        took.as_secs_f64(),
        requests.iter().filter(|it| it.namespace == place.source).count(),
    );
    it.remove().await;
    assert!(needed <= objects + 8, "{needed} requests, N = {objects}: {kinds:#?}");
}

pub async fn environments_at_rest_cost_no_request(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    world.clear().await;
    let place = world.source("rest", APPLICATION).await;
    let mut all = Vec::new();
    for name in ["pr-1", "pr-2", "pr-3"] {
        all.push(place.environment(name, json!({})).await);
    }
    for it in &all {
        it.ready(s(60)).await;
    }
    // What follows a change of status.
    tokio::time::sleep(s(5)).await;
    let mark = audit::mark(world.audit_log());
    tokio::time::sleep(s(60)).await;
    let requests = audit::of_operator(world.audit_log(), mark);
    let asked: Vec<String> =
        requests.iter().filter(|it| !it.follows()).map(audit::Request::line).collect();
    for it in &all {
        it.delete().await;
    }
    for it in &all {
        it.gone(s(60)).await;
    }
    assert!(asked.is_empty(), "{} requests in a minute: {asked:#?}", asked.len());
}
