//! The API server with the proxy in front, and clients of it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{AsyncBufReadExt, StreamExt};
use hyper::{Method, Request};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kube_faults::{
    plan::Signal,
    proxy::{Doing, Options, Proxy, Sent, Victim},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::Api;

/// Longer than anything takes that is not meant to take for ever.
pub const SOON: Duration = Duration::from_secs(5);
pub const CONFIGMAPS: &str = "/api/v1/namespaces/shop/configmaps";
pub const WATCH: &str = "/api/v1/namespaces/shop/configmaps?watch=true";

/// Counts how often it was ended and started.
#[derive(Default)]
pub struct Counting {
    pub ended: AtomicUsize,
    pub started: AtomicUsize,
    /// How long it takes to send a signal that it may tidy up after, and as long again to do so.
    pub slow: AtomicU64,
}

impl Victim for Counting {
    fn end(&self, _: Signal) -> Doing<'_> {
        Box::pin(async {
            self.ended.fetch_add(1, Ordering::SeqCst);
        })
    }

    fn start(&self) -> Doing<'_> {
        Box::pin(async {
            self.started.fetch_add(1, Ordering::SeqCst);
        })
    }

    fn end_and_say(&self, signal: Signal, sent: Sent) -> Doing<'_> {
        Box::pin(async move {
            let slow = Duration::from_millis(self.slow.load(Ordering::SeqCst));
            sleep(slow).await;
            sent();
            sleep(slow).await;
            self.end(signal).await;
        })
    }
}

/// An API server with the proxy in front, and clients of it.
pub struct Scene {
    pub api: Api,
    pub proxy: Proxy,
    pub victim: Arc<Counting>,
    pub log: PathBuf,
}

impl Scene {
    pub async fn new(name: &str, plan: &str) -> Self {
        Self::with(name, plan, &json!({ "token": "a-token" }), |_| {}).await
    }

    pub async fn with(
        name: &str,
        plan: &str,
        user: &Value,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let api = Api::start().await;
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.log"));
        let mut options = Options {
            kubeconfig: api.kubeconfig(name, user),
            context: None,
            listen: "127.0.0.1:0".parse().expect("an address"),
            certificate: None,
            log: Some(log.clone()),
        };
        change(&mut options);
        let victim = Arc::new(Counting::default());
        let proxy =
            Proxy::start(&options, victim.clone()).await.unwrap_or_else(|it| panic!("{it}"));
        proxy.begin(plan.parse().unwrap_or_else(|error| panic!("{error}")));
        Self { api, proxy, victim, log }
    }

    pub async fn client(&self) -> Client {
        client(self.proxy.kubeconfig()).await
    }

    /// POSTs a ConfigMap.
    pub async fn create(&self, name: &str) -> Result<String, kube::Error> {
        create(&self.client().await, name).await
    }

    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).expect("a log");
        text.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect()
    }
}

pub async fn client(kubeconfig: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .expect("a configuration");
    config.default_retry = false;
    Client::try_from(config).expect("a client")
}

pub fn post(name: &str) -> Request<Vec<u8>> {
    let body = json!({ "metadata": { "name": name } }).to_string().into_bytes();
    Request::builder()
        .method(Method::POST)
        .uri(CONFIGMAPS)
        .header("content-type", "application/json")
        .body(body)
        .expect("a request")
}

pub async fn create(client: &Client, name: &str) -> Result<String, kube::Error> {
    let asked = client.request_text(post(name));
    timeout(SOON, asked).await.expect("an answer")
}

pub async fn get(client: &Client, path: &str) -> Result<String, kube::Error> {
    let request = Request::get(path).body(Vec::new()).expect("a request");
    timeout(SOON, client.request_text(request)).await.expect("an answer")
}

pub fn code(answer: &Result<String, kube::Error>) -> u16 {
    match answer {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}

/// All causes of an error.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// What a watch says until it ends or is silent, as `ADDED a`.
pub async fn watched(client: &Client) -> (Vec<String>, bool) {
    let request = Request::get(WATCH).body(Vec::new()).expect("a request");
    let lines = client.request_stream(request).await.expect("a watch").lines();
    let mut lines = Box::pin(lines);
    let mut said = Vec::new();
    loop {
        match timeout(Duration::from_millis(600), lines.next()).await {
            Err(_) => return (said, false),
            Ok(None | Some(Err(_))) => return (said, true),
            Ok(Some(Ok(line))) => {
                let event: Value = serde_json::from_str(&line).expect("JSON");
                let of = event["type"].as_str().unwrap_or_default();
                let about = event["object"]["metadata"]["name"].as_str();
                let about =
                    about.map_or_else(|| event["object"]["code"].to_string(), str::to_owned);
                said.push(format!("{of} {about}"));
            }
        }
    }
}

pub async fn watch_under(name: &str, plan: &str) -> (Vec<String>, bool, Scene) {
    let scene = Scene::new(name, plan).await;
    let (said, ended) = watched(&scene.client().await).await;
    (said, ended, scene)
}
