//! What the simulated API server is held against: answers of a real one.

use std::{sync::Arc, time::Duration};

use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use http::{Request, header};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    support::exchanges::{self, Exchange, Run, all},
    world::World,
};

pub async fn the_exchanges_that_the_simulator_is_held_against_are_those_of_the_server(
    world: Arc<World>,
) {
    let client = &world.objects().client;
    let (mut run, mut found) = (Run::default(), Vec::new());
    let recorded = all();
    for it in &recorded {
        let (code, answer) = until(client, it, &run).await;
        found.push(run.took(it, code, &answer));
    }
    if std::env::var_os("BLESS").is_some() {
        let text = serde_saphyr::to_string(&found).expect("YAML");
        std::fs::write(exchanges::file(), text).expect("written");
        return;
    }
    let pairs = recorded.iter().zip(&found);
    let wrong: Vec<String> =
        pairs.filter_map(|(recorded, found)| exchanges::difference(recorded, found)).collect();
    assert!(wrong.is_empty(), "{}\nBLESS=1 records them anew", wrong.join("\n"));
    println!("figure: {} exchanges are as recorded", found.len());
}

async fn until(client: &Client, it: &Exchange, run: &Run) -> (u16, Value) {
    for _ in 0..240 {
        let answer = ask(client, it, run).await;
        if it.until.is_none_or(|code| code == answer.0) {
            return answer;
        }
        sleep(Duration::from_millis(500)).await;
    }
    panic!("{}: never {:?}", it.shows, it.until);
}

async fn ask(client: &Client, it: &Exchange, run: &Run) -> (u16, Value) {
    let asked = run.filled(&it.ask);
    let (method, uri) = asked.split_once(' ').expect("a method and a path");
    let body =
        if it.body.is_null() { Vec::new() } else { run.filled_in(&it.body).to_string().into() };
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header(header::CONTENT_TYPE, it.content.as_deref().unwrap_or("application/json"))
        .header(header::ACCEPT, it.accept.as_deref().unwrap_or("application/json"))
        .body(body)
        .expect("a request");
    if let Some(count) = it.events {
        let lines = client.request_stream(request).await.expect("a watch").lines();
        let events: Vec<String> = lines.take(count).try_collect().await.expect("events");
        let events = events.iter().map(|it| serde_json::from_str(it).expect("an event"));
        return (200, Value::Array(events.collect()));
    }
    let answer = client.send(request.map(Body::from)).await.expect("an answer");
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    let body = serde_json::from_slice(&bytes);
    (code, body.unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))))
}
