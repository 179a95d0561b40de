//! The yardsticks: whoever else could bring the very same objects into a new namespace.

use std::{collections::BTreeSet, fs, path::PathBuf};

use futures::{StreamExt, stream};
use kube::Client;
use serde_json::{Value, json};

use crate::{
    log::Request,
    support::{cluster::Cluster, tools::run},
};

/// A namespace and what is in it, ready to be sent once more under another name.
pub struct Copy {
    /// The namespace they were read from.
    original: String,
    /// Where each is POSTed, and what: the namespace first, the others in the order in which the
    /// operator made them.
    parts: Vec<(String, String)>,
}

impl Copy {
    /// Reads what those requests have made.
    pub async fn of(client: &Client, original: &str, made: &[&Request]) -> Self {
        let namespaces = "/api/v1/namespaces".to_owned();
        let mut places = vec![(namespaces, original.to_owned())];
        places.extend(made.iter().map(|it| (it.path().to_owned(), it.name.clone())));
        let mut parts = Vec::new();
        for (path, name) in places {
            let get = http::Request::get(format!("{path}/{name}")).body(Vec::new());
            let answer = client.request_text(get.expect("a request")).await;
            let object = answer.unwrap_or_else(|error| panic!("GET {path}/{name}: {error}"));
            let object = serde_json::from_str(&object).expect("an object");
            parts.push((path, stripped(object).to_string()));
        }
        Self { original: original.to_owned(), parts }
    }

    /// How many objects, the namespace included.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// The parts for a namespace of that name.
    fn under(&self, name: &str) -> Vec<(String, String)> {
        let renamed = |text: &str| text.replace(&self.original, name);
        self.parts.iter().map(|(path, object)| (renamed(path), renamed(object))).collect()
    }

    /// POSTs them, that many at a time.
    pub async fn post(&self, client: &Client, name: &str, at_once: usize) {
        let mut parts = self.under(name).into_iter();
        if let Some((path, object)) = parts.next() {
            post(client, path, object).await;
        }
        stream::iter(parts)
            .for_each_concurrent(at_once, |(path, object)| post(client, path, object))
            .await;
    }

    /// Writes them to a file for kubectl.
    pub fn file(&self, cluster: &Cluster, name: &str) -> PathBuf {
        let items: Vec<Value> = self
            .under(name)
            .iter()
            .map(|(_, object)| serde_json::from_str(object).expect("an object"))
            .collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        let file = cluster.state.join(format!("{name}.json"));
        fs::write(&file, list.to_string()).expect("a file");
        file
    }
}

async fn post(client: &Client, path: String, object: String) {
    let request = http::Request::post(&path)
        .header("content-type", "application/json")
        .body(object.into_bytes())
        .expect("a request");
    if let Err(error) = client.request_text(request).await {
        panic!("POST {path}: {error}");
    }
}

/// Runs `kubectl` with its caches where they are kept from run to run, as on somebody's machine.
pub fn kubectl(cluster: &Cluster, arguments: &[&str], file: &PathBuf) {
    let mut command = cluster.command(arguments);
    command.arg("--filename").arg(file).arg("--cache-dir").arg(cluster.state.join("kubectl-cache"));
    run(&mut command, None).ok("kubectl");
}

/// An object without what the server filled in, and without the label by which the operator would
/// take it for its own.
fn stripped(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    let kept = BTreeSet::from(["name", "namespace", "labels", "annotations"]);
    if let Some(map) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        map.retain(|key, _| kept.contains(key.as_str()));
        if let Some(annotations) = map.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !key.starts_with("deployment.kubernetes.io/"));
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        for field in ["clusterIP", "clusterIPs", "finalizers"] {
            spec.remove(field);
        }
    }
    let text = object.to_string().replace("kulisse.dev/", "figures.dev/");
    serde_json::from_str(&text).expect("an object")
}
