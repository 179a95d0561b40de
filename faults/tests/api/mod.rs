//! A small API server: it keeps a list of what it was asked, and its watches say the same four things.
#![allow(dead_code, reason = "each test binary uses another part of it")]

pub mod scene;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What each watch says: names and types.
pub const EVENTS: [(&str, &str); 4] =
    [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")];

/// How long the answer takes about what is called `slow`.
pub const SLOW: Duration = Duration::from_millis(400);

/// The API server.
pub struct Api {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    /// Watches that are open.
    pub watches: Arc<AtomicUsize>,
}

/// ConfigMaps by their names.
type Store = Arc<Mutex<BTreeMap<String, Value>>>;

impl Api {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let watches: Arc<AtomicUsize> = Arc::default();
        let (list, open, store) = (asked.clone(), watches.clone(), Store::default());
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.expect("a connection");
                let all = (list.clone(), open.clone(), store.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let (list, open, store) = all.clone();
                        async move { Ok::<_, Infallible>(answer(&list, open, &store, request).await) }
                    });
                    let serving =
                        http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
                    let _ = serving.with_upgrades().await;
                });
            }
        });
        Self { address, asked, watches }
    }

    /// What it was asked, as `POST /path {body}`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("a list").clone()
    }

    /// How often it was asked what begins like this.
    pub fn count(&self, start: &str) -> usize {
        self.asked().iter().filter(|it| it.starts_with(start)).count()
    }

    /// A kubeconfig for it, with these settings of its user.
    pub fn kubeconfig(&self, name: &str, user: &serde_json::Value) -> PathBuf {
        let file = json!({
            "current-context": "it",
            "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
            "clusters": [{ "name": "it", "cluster": { "server": format!("http://{}", self.address) } }],
            "users": [{ "name": "it", "user": user }],
        });
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.kubeconfig"));
        std::fs::write(&path, file.to_string()).expect("a file");
        path
    }
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

async fn answer(
    asked: &Mutex<Vec<String>>,
    open: Arc<AtomicUsize>,
    store: &Store,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let method = request.method().clone();
    let uri = request.uri().to_string();
    let token = request.headers().get(header::AUTHORIZATION).cloned();
    let accept = request.headers().get_all(header::ACCEPT).iter();
    let accept: Vec<_> = accept.map(|it| it.to_str().expect("text")).collect();
    let accept = (!accept.is_empty()).then(|| accept.join(" and "));
    let upgrade = request.headers().contains_key(header::UPGRADE);
    let line = format!("{} {uri}", request.method());
    if upgrade {
        asked.lock().expect("a list").push(line);
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgraded.await.expect("an upgrade"));
            let mut said = [0; 4];
            stream.read_exact(&mut said).await.expect("four bytes");
            said.reverse();
            stream.write_all(&said).await.expect("to be heard");
        });
        let mut response = Response::new(whole(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(header::CONNECTION, "Upgrade".parse().expect("a value"));
        response.headers_mut().insert(header::UPGRADE, "reverse".parse().expect("a value"));
        return response;
    }
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    asked.lock().expect("a list").push(format!("{line} {body}").trim_end().to_owned());
    // As API servers do it: of what is accepted, the first that they can give.
    let protobuf = accept.as_ref().is_some_and(|it| it.contains("protobuf"));
    let stubborn = uri.contains("stubborn") || protobuf && uri.contains("watch=true");
    if body.contains("\"slow\"") {
        tokio::time::sleep(SLOW).await;
    }
    let (code, mut response) = if uri.contains("watch=true") || uri.contains("follow=true") {
        asked.lock().expect("a list").push(format!("accepts {}", accept.unwrap_or_default()));
        (200, Response::new(watch(open)))
    } else if uri == "/whoami" {
        let token = token.map(|it| it.to_str().expect("text").to_owned());
        (200, Response::new(whole(&json!({ "token": token, "accept": accept }).to_string())))
    } else {
        let (code, object) = stored(&mut store.lock().expect("a store"), &method, &uri, &body);
        (code, Response::new(whole(&object.to_string())))
    };
    *response.status_mut() = StatusCode::from_u16(code).expect("a code");
    let of = if stubborn { "application/vnd.kubernetes.protobuf" } else { "application/json" };
    response.headers_mut().insert(header::CONTENT_TYPE, of.parse().expect("a value"));
    response
}

/// Lists, creates and deletes ConfigMaps. Whoever gives a name twice is told so, but for `a` and
/// `slow`, which are made as often as they are asked for.
fn stored(
    store: &mut BTreeMap<String, Value>,
    method: &Method,
    uri: &str,
    body: &str,
) -> (u16, Value) {
    let path = uri.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let failed = |code: u16| (code, json!({ "kind": "Status", "status": "Failure", "code": code }));
    match *method {
        Method::POST => {
            let mut object: Value = serde_json::from_str(body).unwrap_or_default();
            let prefix = object["metadata"]["generateName"].as_str().map(str::to_owned);
            let name = match prefix {
                Some(prefix) => format!("{prefix}{}", store.len()),
                None => object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            };
            if !matches!(name.as_str(), "a" | "slow") && store.contains_key(&name) {
                return failed(409);
            }
            object["kind"] = "ConfigMap".into();
            object["apiVersion"] = "v1".into();
            object["metadata"]["name"] = name.as_str().into();
            store.insert(name, object.clone());
            (201, object)
        }
        Method::DELETE => store.remove(&name).map_or_else(|| failed(404), |it| (200, it)),
        _ => {
            let items: Vec<&Value> = store.values().collect();
            let list = json!({ "kind": "ConfigMapList", "apiVersion": "v1", "metadata": {}, "items": items });
            (200, list)
        }
    }
}

fn whole(text: &str) -> Body {
    Full::new(Bytes::from(text.to_owned())).boxed_unsync()
}

/// The four events, one after the other, and then silence.
fn watch(open: Arc<AtomicUsize>) -> Body {
    struct Open(Arc<AtomicUsize>);
    impl Drop for Open {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    open.fetch_add(1, Ordering::SeqCst);
    let open = Open(open);
    let events = stream::unfold((0, open), |(at, open)| async move {
        let Some((of, name)) = EVENTS.get(at) else { return std::future::pending().await };
        tokio::time::sleep(Duration::from_millis(10)).await;
        let object = json!({
            "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": { "name": name, "resourceVersion": at.to_string() },
        });
        let line = format!("{}\n", json!({ "type": of, "object": object }));
        Some((Ok(Frame::data(Bytes::from(line))), (at + 1, open)))
    });
    StreamBody::new(events).boxed_unsync()
}
