//! A request, as the API server understands it.

use http::{header, request::Parts};
pub use kube_faults::request::Verb;
use kube_faults::request::{Query, Request as Heard};
use serde_json::Value;

use super::{
    kinds::{self, Kind},
    refusal::Refusal,
};

/// A request for objects.
#[derive(Clone, Debug)]
pub struct Ask {
    pub verb: Verb,
    pub kind: &'static Kind,
    /// Empty for what is in no namespace, and for all of them.
    pub namespace: String,
    /// Empty for a collection.
    pub name: String,
    /// Empty, or `status`.
    pub sub: String,
    /// Nothing is to be changed after all.
    pub dry: bool,
    pub query: Query,
    /// `application/merge-patch+json` and the like.
    pub content: String,
    /// Only metadata is wanted.
    pub partial: bool,
    pub manager: String,
    /// It is the operator's account that asks, and nobody with all rights.
    pub operator: bool,
    pub body: Value,
}

/// What a URL leads to.
pub enum Target {
    Objects(Box<Ask>),
    /// A document that tells what there is.
    Document(Value),
}

impl Ask {
    /// A parameter of the URL.
    pub fn asks(&self, key: &str) -> &str {
        self.query.get(key).unwrap_or_default()
    }
}

/// What is said of a request in plans.
pub fn heard(parts: &Parts, body: &[u8]) -> Heard {
    let content = text(parts, header::CONTENT_TYPE);
    let uri = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    let mut heard = Heard::new(parts.method.as_str(), uri, Some(content));
    heard.read_body(body);
    heard
}

/// Understands a request.
pub fn understand(heard: &Heard, parts: &Parts, body: &[u8]) -> Result<Target, Refusal> {
    let accept = text(parts, header::ACCEPT);
    let Some(resource) = &heard.resource else {
        return document(&heard.path, accept).map(Target::Document).ok_or_else(Refusal::no_path);
    };
    let kind = kinds::of_resource(&resource.group, &resource.version, &resource.plural);
    let kind = kind.ok_or_else(Refusal::no_path)?;
    let sub = resource.subresource.as_deref().unwrap_or_default();
    if !(matches!(sub, "" | "log") || sub == "status" && kind.status) {
        return Err(Refusal::no_path());
    }
    // Of a collection, a name is only what is selected.
    let one = match heard.verb {
        Verb::List | Verb::Watch | Verb::Create | Verb::DeleteCollection => false,
        Verb::Get | Verb::Update | Verb::Patch | Verb::Apply | Verb::Delete | Verb::Connect => true,
    };
    let name = heard.name.as_deref().filter(|_| one).unwrap_or_default();
    let named = parts.uri.path().trim_end_matches('/').rsplit('/').next() != Some(kind.plural);
    if one && name.is_empty() || heard.verb == Verb::Create && named {
        return Err(Refusal::no_such_method());
    }
    let query = Query::new(parts.uri.query().unwrap_or_default());
    let body = match body {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes).map_err(|it| Refusal::bad(&it.to_string()))?,
    };
    let agent = text(parts, header::USER_AGENT).split('/').next().unwrap_or_default();
    let manager = query.get("fieldManager").unwrap_or(agent);
    Ok(Target::Objects(Box::new(Ask {
        verb: heard.verb,
        kind,
        namespace: heard.namespace.clone().unwrap_or_default(),
        name: name.to_owned(),
        sub: sub.to_owned(),
        dry: heard.dry_run,
        content: text(parts, header::CONTENT_TYPE).to_owned(),
        partial: accept.contains("PartialObjectMetadata"),
        manager: if manager.is_empty() { "unknown".to_owned() } else { manager.to_owned() },
        operator: false,
        query,
        body,
    })))
}

/// What tells which kinds there are.
fn document(path: &str, accept: &str) -> Option<Value> {
    let path: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
    match path.as_slice() {
        [root @ ("api" | "apis")] => {
            let core = *root == "api";
            let aggregated = accept.contains("apidiscovery.k8s.io");
            Some(if aggregated { kinds::aggregated(core) } else { kinds::plain(core) })
        }
        ["api", version] => kinds::resources("", version),
        ["apis", group, version] => kinds::resources(group, version),
        _ => None,
    }
}

fn text(parts: &Parts, name: header::HeaderName) -> &str {
    parts.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
}
