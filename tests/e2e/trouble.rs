//! Bad input ends in the right condition, with a sentence that says what to do.

use std::sync::Arc;

use kulisse_core::api::condition::ConditionType::{
    Ready, Seeded, SmokePassed, Stalled, WorkloadsReady,
};
use serde_json::json;

use crate::{
    cli::kulisse,
    support::{environment::Environment, wait::s},
    world::{World, is, record},
};

/// Another environment of the same source comes up meanwhile.
async fn others_go_on(other: &Environment<'_>) {
    other.ready(s(120)).await;
}

pub async fn an_image_that_cannot_be_pulled_is_named(world: Arc<World>) {
    let place = world.small("unpulled").await;
    let images = json!([{ "name": "docker.io/library/nginx", "newTag": "no-such-tag" }]);
    let it = place.environment("pr-1", json!({ "images": &images })).await;
    let told = it.until(WorkloadsReady, "False", "ImagePullFailed", s(90)).await;
    assert!(told.contains("no-such-tag") && told.contains("web"), "{told}");
    it.until(Ready, "False", "ImagePullFailed", s(10)).await;
    // For a while it may mend itself; then a person is called.
    it.until(Stalled, "True", "ImagePullFailed", s(120)).await;
    record(&it, "stuck", |it| is(it, Stalled, "True")).await;
    // Mended, it comes up.
    it.patch(json!({ "images": null })).await;
    it.ready(s(90)).await;
    // That the former Pod serves on makes nothing ready.
    it.patch(json!({ "images": images })).await;
    it.until(Ready, "False", "ImagePullFailed", s(90)).await;
    it.patch(json!({ "images": null })).await;
    it.ready(s(90)).await;
    it.remove().await;
}

pub async fn a_seed_that_fails_is_kept_and_says_its_last_words(world: Arc<World>) {
    let place = world.small("bad-seed").await;
    let run = |words: &str| {
        json!({ "image": "docker.io/library/busybox:1.36",
            "command": ["sh", "-c", format!("echo {words} >&2; exit 3")] })
    };
    let seed = json!([{ "name": "rows", "retries": 1, "run": run("table orders is missing") }]);
    let it = place.environment("pr-1", json!({ "seed": seed })).await;
    let told = it.until(Seeded, "False", "Failed", s(120)).await;
    assert!(told.contains("rows") && told.contains("table orders is missing"), "{told}");
    it.until(Ready, "False", "Failed", s(10)).await;
    it.until(Stalled, "True", "Failed", s(10)).await;
    let status = it.status().await;
    assert_eq!(status.seed[0].attempts, 2, "it was tried once more");
    let target = it.target().await;
    let web = world.objects().get("apps/v1 Deployment", &target, "web").await;
    assert_eq!(web.data["spec"]["replicas"], 0, "nothing starts on top of missing data");
    record(&it, "seed-failed", |it| is(it, Stalled, "True")).await;
    // Other content is tried again.
    let mended = json!({ "image": "docker.io/library/busybox:1.36", "command": ["true"] });
    it.patch(json!({ "seed": [{ "name": "rows", "run": mended }] })).await;
    it.ready(s(120)).await;
    it.remove().await;
}

pub async fn a_smoke_that_fails_is_kept_and_says_what_was_answered(world: Arc<World>) {
    let place = world.small("bad-smoke").await;
    let http = json!({ "service": "web", "path": "/no-such-page", "within": "45s" });
    let fine = json!({ "service": "web", "path": "/", "within": "30s" });
    let smoke = json!([{ "name": "checkout", "http": http }, { "name": "front", "http": fine }]);
    let it = place.environment("pr-1", json!({ "smoke": smoke })).await;
    let told = it.until(SmokePassed, "False", "Failed", s(120)).await;
    assert!(told.contains("checkout") && told.contains("404"), "{told}");
    it.until(Stalled, "True", "Failed", s(30)).await;
    it.until(WorkloadsReady, "True", "", s(5)).await;
    let status = it.status().await;
    let front = status.smoke.iter().find(|it| it.name == "front").expect("the other smoke");
    assert_eq!(format!("{:?}", front.state), "Passed", "every smoke has its say");
    record(&it, "smoke-failed", |it| is(it, Stalled, "True")).await;
    others_go_on(&place.environment("pr-2", json!({})).await).await;
    let verdict = kulisse(&world, &["wait", "pr-1", "-n", &place.requests]);
    assert_eq!(verdict.code, 3, "the answer is no: {}", verdict.err);
    assert!(verdict.err.contains("checkout"), "{}", verdict.err);
    let watched = kulisse(&world, &["status", "-w", "pr-1", "-n", &place.requests]);
    assert_eq!(watched.code, 3, "{}", watched.out);
    Environment::of(world.objects(), &place.requests, "pr-2").delete().await;
    it.remove().await;
}

pub async fn names_at_their_longest_work(world: Arc<World>) {
    let place = world.small("long").await;
    let long = "w".repeat(63);
    let text = format!("
apiVersion: v1
kind: Service
metadata: {{ name: {long}, namespace: {ns} }}
spec: {{ selector: {{ app: web }}, ports: [{{ name: http, port: 80 }}] }}
---
apiVersion: batch/v1
kind: CronJob
metadata: {{ name: {job}, namespace: {ns} }}
spec:
  schedule: '0 0 1 1 *'
  jobTemplate: {{ spec: {{ template: {{ spec: {{ restartPolicy: Never, containers: [{{ name: c, image: 'docker.io/library/busybox:1.36' }}] }} }} }} }}
", ns = place.source, job = "j".repeat(52));
    world.objects().apply(&text).await;
    let spec = json!({
        "expose": [{ "service": long }],
        "seed": [{ "name": "s".repeat(30), "run": { "image": "docker.io/library/busybox:1.36", "command": ["true"] } }],
        "smoke": [{ "name": "t".repeat(30), "http": { "service": long } }],
    });
    let it = place.environment(&"e".repeat(40), spec).await;
    let status = it.ready(s(150)).await;
    let host = status.url.expect("a URL");
    let host = host.trim_start_matches("http://");
    assert!(host.split('.').all(|label| label.len() <= 63), "{host}");
    world.page(host.split([':', '/']).next().unwrap_or_default(), "/").await;
    it.remove().await;
}
