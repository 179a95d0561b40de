//! What clients of the proxy see of answers that do not end: watches, and logs that are followed.
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it fails")]

mod api;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt};
use hyper::Request;
use kube::client::Body;
use tokio::time::timeout;

use api::{
    EVENTS,
    scene::{SOON, Scene, WATCH, watch_under, watched},
};

const LOG: &str = "/api/v1/namespaces/shop/pods/web-0/log?follow=true";

/// What an answer says until it ends, or as much as this; and how it ended, if it did.
async fn read(scene: &Scene, path: &str, most: usize) -> (String, Option<Result<(), String>>) {
    let client = scene.client().await;
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = timeout(SOON, client.send(request)).await.expect("a head").expect("an answer");
    let mut body = http_body_util::BodyDataStream::new(answer.into_body());
    let mut said = String::new();
    while said.len() < most {
        match timeout(SOON, body.try_next()).await.expect("no silence") {
            Ok(Some(data)) => said.push_str(&String::from_utf8_lossy(&data)),
            Ok(None) => return (said, Some(Ok(()))),
            Err(why) => return (said, Some(Err(why.to_string()))),
        }
    }
    (said, None)
}

/// Asks for a watch as clients of the core types do, and reads two lines of it.
async fn accepting(scene: &Scene, accepts: &[&str]) -> (String, String) {
    let client = scene.client().await;
    let mut request = Request::get(WATCH);
    for it in accepts {
        request = request.header("accept", *it);
    }
    let request = request.body(Body::empty()).expect("a request");
    let answer = client.send(request).await.expect("an answer");
    let of = answer.headers()["content-type"].to_str().expect("text").to_owned();
    let mut body = http_body_util::BodyDataStream::new(answer.into_body());
    timeout(SOON, body.next()).await.expect("an event").expect("an event").expect("an event");
    (of, scene.api.asked().pop().expect("a request"))
}

#[tokio::test]
async fn a_watch_whose_client_prefers_protobuf_and_takes_anything_is_json() {
    let protobuf = "application/vnd.kubernetes.protobuf";
    let anything = format!("{protobuf}, */*");
    let table: [(&[&str], &str); 5] = [
        (&[&anything], "accepts application/json"),
        (&[protobuf], "accepts application/json"),
        (&[], "accepts application/json"),
        (&[protobuf, "application/json"], "accepts application/json"),
        (
            &[protobuf, "application/json;as=Table;v=v1;g=meta.k8s.io, application/json"],
            "accepts application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        ),
    ];
    for (accepts, expected) in table {
        let scene = Scene::new("anything", "watch configmaps event #1: duplicate").await;
        let (of, asked) = accepting(&scene, accepts).await;
        assert_eq!(asked.replace(", ", ","), expected, "{accepts:?}");
        assert_eq!(of, "application/json", "{accepts:?}");
        assert!(scene.proxy.complete(), "{accepts:?}: the event was not understood");
    }
}

#[tokio::test]
async fn a_watch_that_drips_says_all_of_its_events_slowly() {
    let plan = "watch configmaps #1: drip 1ms; watch configmaps event #2: drop";
    let (said, ended, scene) = watch_under("drips", plan).await;
    assert_eq!((said.len(), ended), (3, false), "{said:?}");
    assert!(scene.proxy.complete());
    assert_eq!(scene.proxy.seen().len(), 1 + EVENTS.len(), "events are counted");
}

#[tokio::test]
async fn a_watch_that_is_truncated_breaks_off_in_the_middle_of_its_first_line() {
    let plan = "watch configmaps #1: truncate; watch configmaps event #1: drop";
    let scene = Scene::new("truncated-watch", plan).await;
    let (said, ended) = read(&scene, WATCH, 1000).await;
    assert!(said.starts_with('{') && !said.contains('\n') && said.len() > 20, "{said}");
    assert!(ended.is_some_and(|it| it.is_err()), "it does not end as if it were whole");
    assert!(scene.proxy.complete());
    assert_eq!(watched(&scene.client().await).await.0.len(), EVENTS.len(), "the next one is whole");
}

#[tokio::test]
async fn a_log_that_is_followed_drips_and_breaks_off() {
    let scene = Scene::new("log-drips", "get pods/log #1: drip 1ms").await;
    let started = Instant::now();
    let (said, ended) = read(&scene, LOG, 50).await;
    assert_eq!((said.len(), ended), (50, None));
    assert!(started.elapsed() >= Duration::from_millis(50), "{:?}", started.elapsed());
    let scene = Scene::new("log-breaks", "get pods/log #1: truncate").await;
    let (said, ended) = read(&scene, LOG, 10_000).await;
    assert!(said.starts_with('{'), "{said}");
    assert!(ended.is_some_and(|it| it.is_err()), "{said}");
    assert!(scene.proxy.complete());
}

#[tokio::test]
async fn whoever_watches_is_killed_once_it_has_the_first_event() {
    let scene = Scene::new("kill-watch", "watch configmaps #1: kill-answered").await;
    let (said, _) = read(&scene, WATCH, 20).await;
    assert!(said.contains("ADDED"), "{said}");
    let started = Instant::now();
    while scene.victim.ended.load(Ordering::SeqCst) == 0 {
        assert!(started.elapsed() < SOON, "nobody was killed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(scene.proxy.complete());
}
