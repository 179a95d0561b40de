//! Whatever a watch is sent, it ends up with what there is.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::Response;
use kube::{
    ResourceExt,
    runtime::reflector::{self, ObjectRef},
};
use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::*;
use crate::readable::Readable;

/// What there is at the end, by name and version.
const TRUTH: [(&str, &str); 2] = [("pr-1", "901"), ("pr-2", "902")];

fn environment(name: &str, version: &str) -> Value {
    json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": name, "namespace": "previews", "uid": format!("uid-of-{name}"),
            "resourceVersion": version, "generation": 1 },
        "spec": { "source": { "namespace": "shop" } },
    })
}

/// Values that somebody's JSON could have where another one belongs.
fn odd(random: &mut fastrand::Rng) -> Value {
    let all = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("\u{0}\u{feff}"),
        json!([]),
        json!({}),
        json!([[[[{ "a": [] }]]]]),
        json!("x".repeat(5_000)),
        json!(true),
    ];
    random.choice(all).unwrap_or_default()
}

/// Puts something odd at a place anywhere in an object, or takes away what is there.
fn spoil(value: &mut Value, random: &mut fastrand::Rng) {
    let inner = match value {
        Value::Object(map) if !map.is_empty() => {
            let at = random.usize(..map.len());
            if random.u8(..8) == 0 {
                let key = map.keys().nth(at).cloned().unwrap_or_default();
                map.remove(&key);
                return;
            }
            map.values_mut().nth(at)
        }
        Value::Array(list) if !list.is_empty() => {
            let at = random.usize(..list.len());
            list.get_mut(at)
        }
        _ => None,
    };
    match inner {
        Some(inner) if random.u8(..4) != 0 => spoil(inner, random),
        _ => *value = odd(random),
    }
}

/// A line of a watch: as the API server sends them, or not.
fn frame(random: &mut fastrand::Rng) -> Vec<u8> {
    let kind = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "added", ""];
    let kind = random.choice(kind).unwrap_or_default();
    let name = random.choice(["pr-1", "pr-2", "pr-3", ""]).unwrap_or_default();
    let mut object = if kind == "ERROR" {
        let code = random.choice([410, 500, 429, 200, 0]).unwrap_or_default();
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
            "reason": "Expired", "message": "too old" })
    } else {
        environment(name, &random.u32(..2_000).to_string())
    };
    if random.bool() {
        spoil(&mut object, random);
    }
    let mut text = json!({ "type": kind, "object": object }).to_string().into_bytes();
    match random.u8(..10) {
        0 => text.truncate(random.usize(..text.len())),
        1 => {
            let at = random.usize(..text.len());
            text[at] = random.u8(..);
        }
        2 => text = vec![b'{'; 3_000],
        3 => text.clear(),
        _ => {}
    }
    text.push(b'\n');
    text
}

/// An API server whose lists are true and whose watches send anything at all.
fn server(seed: u64) -> Client {
    let mut random = fastrand::Rng::with_seed(seed);
    let service = tower::service_fn(move |request: Request<Body>| {
        let body = if request.uri().query().unwrap_or_default().contains("watch=") {
            (0..random.usize(..12)).flat_map(|_| frame(&mut random)).collect()
        } else {
            let items: Vec<Value> = TRUTH.iter().map(|it| environment(it.0, it.1)).collect();
            json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironmentList",
                "metadata": { "resourceVersion": "1000" }, "items": items })
            .to_string()
            .into_bytes()
        };
        async move { Ok::<_, Infallible>(Response::new(Body::from(body))) }
    });
    Client::new(service, "previews")
}

/// The seeds of `make test`, or as many as are asked for: `FRAMES=100000`.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("FRAMES").ok().and_then(|it| it.parse().ok());
    0..asked.unwrap_or(40)
}

#[tokio::test(start_paused = true)]
async fn whatever_a_watch_is_sent_a_list_puts_it_right() {
    for seed in seeds() {
        let (store, writer) = reflector::store::<Readable>();
        let stream = follow(server(seed), watcher::Config::default()).reflect(writer);
        futures::pin_mut!(stream);
        let (mut lists, mut errors) = (0, 0);
        let until = Instant::now() + 3 * LISTED;
        while let Ok(event) = timeout_at(until, stream.next()).await {
            let Some(event) = event else { panic!("FRAMES: seed {seed}: the watch has ended") };
            match event {
                Ok(Event::InitDone) => {
                    lists += 1;
                    for (name, version) in TRUTH {
                        let found = store.get(&ObjectRef::new(name).within("previews"));
                        let found = found.and_then(|it| it.resource_version());
                        assert_eq!(found.as_deref(), Some(version), "FRAMES: seed {seed}: {name}");
                    }
                    assert_eq!(store.state().len(), TRUTH.len(), "FRAMES: seed {seed}");
                }
                Ok(_) => {}
                Err(_) => errors += 1,
            }
        }
        // However often it was lied to, it asked again, and not without a pause.
        assert!(lists >= 3, "FRAMES: seed {seed}: {lists} lists");
        assert!(errors < 2_000, "FRAMES: seed {seed}: {errors} errors in {LISTED:?} three times");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_always_ended_at_once_is_not_begun_again_as_often() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&begun);
    let service = tower::service_fn(move |request: Request<Body>| {
        let watches = request.uri().query().unwrap_or_default().contains("watch=true");
        let body = if watches {
            counter.fetch_add(1, Ordering::Relaxed);
            String::new()
        } else {
            json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironmentList",
                "metadata": { "resourceVersion": "1000" }, "items": [] })
            .to_string()
        };
        async move { Ok::<_, Infallible>(Response::new(Body::from(body.into_bytes()))) }
    });
    let client = Client::new(service, "previews");
    let stream = follow::<Readable>(client, watcher::Config::default());
    futures::pin_mut!(stream);
    let until = Instant::now() + Duration::from_mins(1);
    while timeout_at(until, stream.next()).await.is_ok() {}
    let begun = begun.load(Ordering::Relaxed);
    assert!((50..=61).contains(&begun), "{begun} times in a minute");
}
