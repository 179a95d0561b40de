//! The audit log, with the times of both ends of every request.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;

use crate::support::audit;

/// A finished request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asked.
    pub user: String,
    /// With which program.
    pub agent: String,
    /// `get`, `create`, …
    pub verb: String,
    /// `pods`, `stagingenvironments/status`; empty for what is no resource.
    pub resource: String,
    /// Namespace; empty for what has none.
    pub namespace: String,
    /// Name; empty for lists.
    pub name: String,
    /// Path without query.
    pub path: String,
    /// HTTP status.
    pub code: u64,
    /// When it was received.
    pub from: Timestamp,
    /// When it was answered.
    pub to: Timestamp,
}

impl Request {
    /// Whether the server did it.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether it made or changed something.
    pub fn wrote(&self) -> bool {
        self.succeeded() && !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    /// Whether it is about a namespace or what is in it.
    pub fn within(&self, namespace: &str) -> bool {
        self.namespace == namespace || (self.resource == "namespaces" && self.name == namespace)
    }
}

/// All requests that were answered since `mark`, by the time they were received. Watches are left
/// out: they are not answered, but go on.
pub fn since(log: &Path, mark: u64) -> Vec<Request> {
    let mut file = File::open(log).expect("the audit log");
    file.seek(SeekFrom::Start(mark)).expect("the audit log");
    let mut requests: Vec<Request> = BufReader::new(file)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
        .filter(|it| it["stage"] == "ResponseComplete" && it["verb"] != "watch")
        .map(|it| request(&it))
        .collect();
    requests.sort_by_key(|it| it.from);
    requests
}

fn request(event: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = |value: &Value| text(value).parse().unwrap_or_default();
    let about = &event["objectRef"];
    let mut resource = text(&about["resource"]);
    if let Some(sub) = about["subresource"].as_str() {
        resource = format!("{resource}/{sub}");
    }
    let uri = text(&event["requestURI"]);
    Request {
        user: text(&event["user"]["username"]),
        agent: text(&event["userAgent"]),
        verb: text(&event["verb"]),
        resource,
        // Of a namespace itself, the log says that it is in itself.
        namespace: text(&about["namespace"]),
        name: text(&about["name"]),
        path: uri.split('?').next().unwrap_or_default().to_owned(),
        code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        from: time(&event["requestReceivedTimestamp"]),
        to: time(&event["stageTimestamp"]),
    }
}

/// Waits until nobody writes: controllers have work of their own with what was made or deleted.
pub async fn quiet(log: &Path) {
    for _ in 0..60 {
        let mark = audit::mark(log);
        tokio::time::sleep(Duration::from_millis(400)).await;
        if since(log, mark).iter().filter(|it| it.wrote()).count() <= 1 {
            return;
        }
    }
}

/// Milliseconds between two times.
pub fn ms(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1000.0
}
