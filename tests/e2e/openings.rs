//! What an environment opens in its fence: the public internet for a host that is allowed, and single
//! places for single tasks. The internet is an address of the node's here, which no private range holds.

use std::sync::Arc;

use kulisse_core::api::condition::ConditionType::{BoundaryClean, Ready};
use serde_json::json;

use crate::{
    support::{
        environment::Environment,
        wait::{eventually, s},
    },
    world::World,
};

/// For documentation, and like all public addresses to whoever goes by private ranges.
const PUBLIC: &str = "203.0.113.10";

/// Somebody on the internet, who listens on two ports of every address of the node; and a mock in a
/// namespace of its own.
const OUTSIDE: &str = "
apiVersion: v1
kind: Namespace
metadata: { name: internet }
---
apiVersion: v1
kind: Pod
metadata: { name: shop, namespace: internet }
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers:
    - name: shop
      image: docker.io/library/busybox:1.36
      command: [sh, -c, 'ip address add 203.0.113.10/32 dev lo; busybox httpd -p 8643 -h /etc; exec busybox httpd -f -p 8644 -h /etc']
      securityContext: { privileged: true }
      readinessProbe: { tcpSocket: { port: 8643 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Namespace
metadata: { name: mocks, labels: { team: mocks } }
---
apiVersion: v1
kind: Pod
metadata: { name: mock, namespace: mocks, labels: { app: mock } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: mock
      image: docker.io/library/busybox:1.36
      command: [busybox, httpd, -f, -p, '8643', -h, /etc]
      readinessProbe: { tcpSocket: { port: 8643 }, periodSeconds: 1 }
---
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: opens }
spec:
  boundary:
    publicEgress: { ports: [{ port: 8643 }] }
    allow:
      - to: [{ namespaceSelector: { matchLabels: { team: mocks } } }]
        ports: [{ port: 8643 }]
";

/// Whether a Pod of a target reaches a place.
async fn reaches(world: &World, it: &Environment<'_>, place: &str) -> bool {
    let url = format!("http://{place}/hostname");
    let ask = ["curl", "-s", "-o", "/dev/null", "--max-time", "3", &url];
    world.exec(&it.target().await, "store-0", &ask).await.code == 0
}

pub async fn what_is_opened_is_open_and_nothing_else(world: Arc<World>) {
    let objects = world.objects();
    objects.apply(OUTSIDE).await;
    for (namespace, pod) in [("internet", "shop"), ("mocks", "mock")] {
        let pod = format!("pod/{pod}");
        let wait = ["-n", namespace, "wait", "--for=condition=Ready", &pod, "--timeout=480s"];
        world.kubectl(&wait).await.ok("it runs");
    }
    let address = async |namespace: &str, pod: &str, at: &str| {
        let pod = objects.get("v1 Pod", namespace, pod).await;
        pod.data["status"][at].as_str().expect("an address").to_owned()
    };
    let node = address("internet", "shop", "hostIP").await;
    let mock = address("mocks", "mock", "podIP").await;
    let internet = format!("{PUBLIC}:8643");
    let (private, elsewhere) = (format!("{node}:8643"), format!("{mock}:8643"));
    let another_port = format!("{PUBLIC}:8644");
    let places = [&internet, &private, &elsewhere, &another_port];

    let place = world.small("openings").await;
    // Without a fence all of it answers: what follows shows the fence and not a dead address.
    for at in places {
        eventually(&format!("{at} answers production"), s(30), || async {
            let url = format!("http://{at}/hostname");
            let ask = ["curl", "-s", "-o", "/dev/null", "--max-time", "3", &url];
            let answer = world.exec(&place.source, "store-0", &ask).await;
            if answer.code == 0 { Ok(()) } else { Err(answer.err) }
        })
        .await;
    }
    let closed = place.environment("closed", json!({ "className": "opens" })).await;
    let peer = json!({ "namespaceSelector": { "matchLabels": { "team": "mocks" } },
        "podSelector": { "matchLabels": { "app": "mock" } } });
    let run = json!({ "image": "docker.io/curlimages/curl:8.10.1",
        "command": ["curl", "-sf", "--max-time", "5", format!("http://{elsewhere}/hostname")] });
    let smoke = json!([
        { "name": "mock", "timeout": "1m", "retries": 2, "run": run, "egress": [{ "to": [peer] }] },
    ]);
    let spec = json!({ "className": "opens", "smoke": smoke,
        "hosts": [{ "host": "pay.example.net", "action": "Allow" }] });
    let open = place.environment("open", spec).await;
    for it in [&closed, &open] {
        it.until(Ready, "True", "", s(180)).await;
        it.until(BoundaryClean, "True", "Probed", s(5)).await;
    }
    for at in places {
        assert!(!reaches(&world, &closed, at).await, "{at} is reached, and nothing is opened");
    }
    assert!(reaches(&world, &open, &internet).await, "{internet} is public, and a host is allowed");
    for at in [&private, &elsewhere, &another_port] {
        assert!(
            !reaches(&world, &open, at).await,
            "{at} is reached, and is not public or not allowed"
        );
    }
    // For every Pod, and as soon as it is asked for.
    open.patch(json!({ "hosts": null, "egress": [{ "to": [{ "namespaceSelector": { "matchLabels": { "team": "mocks" } } }] }] }))
        .await;
    open.until(Ready, "True", "", s(90)).await;
    eventually("the opening is another one", s(20), || async {
        let seen =
            (reaches(&world, &open, &elsewhere).await, reaches(&world, &open, &internet).await);
        if seen == (true, false) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    closed.remove().await;
    open.remove().await;
    for namespace in ["internet", "mocks"] {
        objects.delete("v1 Namespace", "", namespace).await;
    }
}
