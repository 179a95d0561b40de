//! Another namespace takes over while people look at the URL.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kulisse_core::api::condition::ConditionType::{InSync, Ready, Seeded, SmokePassed};
use serde_json::json;

use crate::{
    support::{
        environment::{granted_source, namespace_gone},
        wait::s,
    },
    world::{Small, World, get},
};

/// Between two requests to the URL.
const PAUSE: Duration = Duration::from_millis(40);

/// A store that shows what it holds.
const SHELF: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: edition, namespace: '{ns}' }
data: { number: '1' }
---
apiVersion: v1
kind: Service
metadata: { name: shelf, namespace: '{ns}' }
spec: { selector: { app: shelf }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: shelf, namespace: '{ns}' }
spec:
  serviceName: shelf
  selector: { matchLabels: { app: shelf } }
  template:
    metadata: { labels: { app: shelf } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: shelf
          image: docker.io/library/nginx:1.27
          readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 }
          volumeMounts: [{ name: data, mountPath: /usr/share/nginx/html }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
";

/// What a person at the URL has seen.
#[derive(Default)]
struct Watched {
    answers: u32,
    /// The longest time without an answer, from the last one before a failure to the next.
    gap: Duration,
    /// The longest that one answer took, which is the machine's doing as well.
    slowest: Duration,
    failures: Vec<String>,
    pages: Vec<String>,
}

/// Asks for the page again and again, until it is told to stop.
fn watch(ingress: &str, host: &str, stop: &AtomicBool) -> Watched {
    let (mut seen, mut last, mut failing) = (Watched::default(), Instant::now(), false);
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = get(ingress, host, "/").unwrap_or_else(|error| error.to_string());
        let first = answer.lines().next().unwrap_or_default().to_owned();
        if first.contains(" 200 ") {
            if failing {
                seen.gap = seen.gap.max(last.elapsed());
            }
            seen.slowest = seen.slowest.max(asked.elapsed());
            (last, failing) = (Instant::now(), false);
            seen.answers += 1;
            let page = answer.lines().last().unwrap_or_default().to_owned();
            if seen.pages.last() != Some(&page) {
                seen.pages.push(page);
            }
        } else {
            failing = true;
            seen.failures.push(first);
        }
        std::thread::sleep(PAUSE);
    }
    seen
}

pub async fn an_environment_is_rebuilt_while_its_url_is_asked_all_the_time(world: Arc<World>) {
    let (source, requests) = ("src-shelf".to_owned(), "req-shelf".to_owned());
    granted_source(world.objects(), &source, &requests).await;
    world.objects().apply(&SHELF.replace("{ns}", &source)).await;
    let place = Small { world: &world, source, requests };
    let fill = json!({
        "template": { "spec": {
            "restartPolicy": "Never",
            "containers": [{
                "name": "fill", "image": "docker.io/library/busybox:1.36",
                "command": ["sh", "-c", "echo edition $EDITION in $KULISSE_NAMESPACE >/data/index.html"],
                "env": [{ "name": "EDITION", "valueFrom": { "configMapKeyRef": { "name": "edition", "key": "number" } } }],
                "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
            }],
            "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data-shelf-0" } }],
        } },
    });
    let spec = json!({
        "expose": [{ "service": "shelf" }],
        "drift": { "interval": "10s", "action": "Rebuild" },
        "seed": [{ "name": "fill", "job": fill }],
        "smoke": [{ "name": "page", "http": { "service": "shelf", "expect": { "bodyContains": "edition" } } }],
    });
    let it = place.environment("pr-1", spec).await;
    let first = it.ready(s(180)).await;
    let old = it.target().await;
    let url = first.url.clone().expect("a URL");
    let host = url.trim_start_matches("http://").split([':', '/']).next().unwrap_or_default();
    assert!(world.page(host, "/").await.contains(&format!("edition 1 in {old}")));

    let stop = Arc::new(AtomicBool::new(false));
    let watcher = tokio::task::spawn_blocking({
        let (ingress, host, stop) =
            (world.cluster.ingress.clone(), host.to_owned(), Arc::clone(&stop));
        move || watch(&ingress, &host, &stop)
    });
    let more = json!({ "data": { "number": "2" } });
    world.objects().merge("v1 ConfigMap", &place.source, "edition", more).await;
    let serving = it
        .until_that("another one serves", s(180), |environment| {
            let status = environment.status.as_ref()?;
            let name = status.serving()?.name.clone();
            (name != old).then_some(name)
        })
        .await;
    let status = it
        .until_that("the old one is gone", s(120), |environment| {
            let status = environment.status.clone()?;
            status.rebuild.is_none().then_some(status)
        })
        .await;
    stop.store(true, Ordering::Relaxed);
    let seen = watcher.await.expect("the requests");
    let told = status.drift.as_ref().and_then(|it| it.rebuilt.clone()).expect("it is told");
    println!(
        "figure: {} answers, {} failures; longest without an answer {} ms; slowest answer {} ms; told: {} ms",
        seen.answers,
        seen.failures.len(),
        seen.gap.as_millis(),
        seen.slowest.as_millis(),
        told.gap_milliseconds
    );
    assert!(seen.gap < s(5), "{:?}: {:?}", seen.gap, seen.failures);
    assert!(seen.answers > 100, "it was asked all the time: {}", seen.answers);
    let pages = [format!("edition 1 in {old}"), format!("edition 2 in {serving}")];
    assert_eq!(seen.pages, pages, "first the one, then the other");
    assert_eq!(status.url.as_deref(), Some(url.as_str()));
    namespace_gone(world.objects(), &old, s(5)).await;
    for kind in [Ready, Seeded, SmokePassed, InSync] {
        it.until(kind, "True", "", s(30)).await;
    }
    it.remove().await;
}
