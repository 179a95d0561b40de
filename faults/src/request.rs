//! What a request asks of the API server: taken from its method, its path and its query, as the
//! server itself does it.

mod protobuf;
#[cfg(test)]
mod tests;

use std::fmt;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The verb of a request, in the words of RBAC, and `apply` for server-side apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// One object; any other path that is read.
    Get,
    /// Objects of one kind.
    List,
    /// Changes to objects of one kind, as a stream.
    Watch,
    /// A new object.
    Create,
    /// A whole object.
    Update,
    /// A part of an object.
    Patch,
    /// Server-side apply.
    Apply,
    /// One object goes.
    Delete,
    /// Objects of one kind go.
    DeleteCollection,
    /// A stream to a Pod, a Service or a node: `exec`, `attach`, `portforward`, `proxy`.
    Connect,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Get,
        Self::List,
        Self::Watch,
        Self::Create,
        Self::Update,
        Self::Patch,
        Self::Apply,
        Self::Delete,
        Self::DeleteCollection,
        Self::Connect,
    ];

    /// As it is written in plans and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Apply => "apply",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Connect => "connect",
        }
    }

    /// Whether such a request may change objects.
    pub fn writes(self) -> bool {
        match self {
            Self::Create
            | Self::Update
            | Self::Patch
            | Self::Apply
            | Self::Delete
            | Self::DeleteCollection => true,
            Self::Get | Self::List | Self::Watch | Self::Connect => false,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a request asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be done.
    pub verb: Verb,
    /// With which objects; none for discovery, health, metrics and other paths.
    pub resource: Option<Resource>,
    /// In which namespace. None for what has none, for lists and watches over all namespaces, and
    /// for Namespaces themselves.
    pub namespace: Option<String>,
    /// Of which object. Also where a list or a watch asks for one name by its field selector, and
    /// after [`Request::read_body`] for a `create`.
    pub name: Option<String>,
    /// Whether nothing is to be kept.
    pub dry_run: bool,
    /// The path, decoded, without its query.
    pub path: String,
}

/// A kind of objects, as paths name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// `v1`, `v1beta1`.
    pub version: String,
    /// The plural: `configmaps`.
    pub plural: String,
    /// `status`, `scale`, `log`.
    pub subresource: Option<String>,
}

impl fmt::Display for Resource {
    /// `configmaps`, `deployments.apps/scale`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if let Some(subresource) = &self.subresource {
            write!(f, "/{subresource}")?;
        }
        Ok(())
    }
}

impl Request {
    /// From the method, the path with its query (`/api/v1/pods?watch=true`), and the type of the
    /// content, by which server-side apply is told from other patches.
    pub fn new(method: &str, uri: &str, content_type: Option<&str>) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let segments: Vec<String> =
            path.split('/').filter(|it| !it.is_empty()).map(decoded).collect();
        let query = Query::new(query);
        let mut request = Self {
            verb: plain(method),
            resource: None,
            namespace: None,
            name: None,
            dry_run: query.has("dryRun", |it| it == "All"),
            path: decoded(path),
        };
        if let Some(address) = Address::new(&segments) {
            let verb = address.verb(method, content_type, &query);
            let selected = || query.get("fieldSelector").and_then(selected_name);
            request.verb = verb;
            request.name = match verb {
                Verb::List | Verb::Watch | Verb::DeleteCollection => address.name.or_else(selected),
                _ => address.name,
            };
            request.namespace = address.namespace;
            request.resource = Some(address.resource);
        }
        request
    }

    /// Completes it by what only its body says: the name of an object that is created, and the
    /// `dryRun` of the options of a deletion. Bodies that are neither JSON nor Kubernetes' protobuf say
    /// nothing.
    pub fn read_body(&mut self, body: &[u8]) {
        let of_interest = match self.verb {
            Verb::Create => self.resource.is_some() && self.name.is_none(),
            Verb::Delete | Verb::DeleteCollection => !self.dry_run,
            _ => false,
        };
        if !of_interest {
            return;
        }
        if let Some(object) = protobuf::object(body) {
            if self.verb == Verb::Create {
                self.name = protobuf::name(object);
            } else {
                self.dry_run = protobuf::is_dry_run(object);
            }
            return;
        }
        if body.first() != Some(&b'{') {
            return;
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
        if self.verb == Verb::Create {
            self.name = body["metadata"]["name"].as_str().map(str::to_owned);
        } else {
            self.dry_run =
                body["dryRun"].as_array().is_some_and(|it| it.iter().any(|it| it == "All"));
        }
    }

    /// Whether it may change something that is kept.
    pub fn writes(&self) -> bool {
        self.resource.is_some() && self.verb.writes() && !self.dry_run
    }
}

impl fmt::Display for Request {
    /// As a plan would match it: `create secrets in shop named web`, `get path /healthz`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(resource) = &self.resource else {
            return write!(f, "{} path {}", self.verb, self.path);
        };
        write!(f, "{} {resource}", self.verb)?;
        if let Some(namespace) = &self.namespace {
            write!(f, " in {namespace}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " named {name}")?;
        }
        if self.dry_run { f.write_str(" dry-run") } else { Ok(()) }
    }
}

/// What is meant by a path below `/api/v1` or `/apis/GROUP/VERSION`.
struct Address {
    resource: Resource,
    namespace: Option<String>,
    name: Option<String>,
    /// `/api/v1/watch/…`, an old form that servers still know.
    watch: bool,
}

impl Address {
    fn new(segments: &[String]) -> Option<Self> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, version, mut rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let mut watch = false;
        if let ["watch", below @ ..] = rest {
            (watch, rest) = (true, below);
        }
        // `status` and `finalize` are parts of the Namespace; anything else is what is in it.
        let namespace = match rest {
            ["namespaces", _, "status" | "finalize"] => None,
            ["namespaces", name, below @ ..] if !below.is_empty() => {
                rest = below;
                Some((*name).to_owned())
            }
            _ => None,
        };
        let (plural, rest) = rest.split_first()?;
        let name = rest.first().map(|it| (*it).to_owned());
        let subresource = rest.get(1).map(|it| (*it).to_owned());
        let resource = Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: (*plural).to_owned(),
            subresource,
        };
        Some(Self { resource, namespace, name, watch })
    }

    fn verb(&self, method: &str, content_type: Option<&str>, query: &Query) -> Verb {
        let stream = ["exec", "attach", "portforward", "proxy"];
        if self.resource.subresource.as_deref().is_some_and(|it| stream.contains(&it)) {
            return Verb::Connect;
        }
        let apply = content_type.is_some_and(|it| it.starts_with("application/apply-patch+"));
        match (plain(method), &self.name) {
            (Verb::Get, _) if self.watch => Verb::Watch,
            (Verb::Get, None) if query.has("watch", |it| !matches!(it, "false" | "0")) => {
                Verb::Watch
            }
            (Verb::Get, None) => Verb::List,
            (Verb::Delete, None) => Verb::DeleteCollection,
            (Verb::Patch, _) if apply => Verb::Apply,
            (verb, _) => verb,
        }
    }
}

/// The verb of a method alone.
fn plain(method: &str) -> Verb {
    match method {
        "POST" => Verb::Create,
        "PUT" => Verb::Update,
        "PATCH" => Verb::Patch,
        "DELETE" => Verb::Delete,
        _ => Verb::Get,
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `metadata.name=web` among the fields that are asked for.
fn selected_name(selector: &str) -> Option<String> {
    let mut terms = selector.split(',').filter_map(|it| it.split_once('='));
    let (_, value) = terms.find(|(field, _)| *field == "metadata.name")?;
    Some(value.trim_start_matches('=').to_owned())
}

/// The parameters of a request, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// From what stands behind the question mark.
    pub fn new(text: &str) -> Self {
        // In queries, and only there, a plus is a space.
        let decoded = |it: &str| decoded(&it.replace('+', " "));
        let pairs = text.split('&').filter(|it| !it.is_empty());
        let pairs = pairs.map(|it| it.split_once('=').unwrap_or((it, "")));
        Self(pairs.map(|(key, value)| (decoded(key), decoded(value))).collect())
    }

    /// What a parameter says, if it is given.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == key).map(|(_, value)| value.as_str())
    }

    fn has(&self, key: &str, fits: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|(it, value)| it == key && fits(value))
    }
}
