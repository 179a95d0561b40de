//! What a request asks of the API server: taken from its method, its path and its query, as the
//! server itself does it.

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
    /// `dryRun` of the options of a deletion. Bodies that are not JSON say nothing.
    pub fn read_body(&mut self, body: &[u8]) {
        let of_interest = match self.verb {
            Verb::Create => self.resource.is_some() && self.name.is_none(),
            Verb::Delete | Verb::DeleteCollection => !self.dry_run,
            _ => false,
        };
        if !of_interest || body.first() != Some(&b'{') {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(method: &str, uri: &str) -> String {
        Request::new(method, uri, None).to_string()
    }

    #[test]
    fn paths_of_objects_are_read_as_the_server_reads_them() {
        let table = [
            ("GET", "/api/v1/namespaces/shop/pods/web-0", "get pods in shop named web-0"),
            ("GET", "/api/v1/namespaces/shop/pods", "list pods in shop"),
            ("GET", "/api/v1/pods", "list pods"),
            ("GET", "/api/v1/namespaces", "list namespaces"),
            ("GET", "/api/v1/namespaces/shop", "get namespaces named shop"),
            ("PUT", "/api/v1/namespaces/shop/finalize", "update namespaces/finalize named shop"),
            ("PATCH", "/api/v1/namespaces/shop/status", "patch namespaces/status named shop"),
            (
                "POST",
                "/apis/apps/v1/namespaces/shop/deployments",
                "create deployments.apps in shop",
            ),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/shop/deployments/web/scale",
                "patch deployments.apps/scale in shop named web",
            ),
            (
                "DELETE",
                "/apis/batch/v1/namespaces/shop/jobs/seed",
                "delete jobs.batch in shop named seed",
            ),
            (
                "DELETE",
                "/apis/batch/v1/namespaces/shop/jobs",
                "deletecollection jobs.batch in shop",
            ),
            (
                "POST",
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                "create selfsubjectaccessreviews.authorization.k8s.io",
            ),
            (
                "POST",
                "/api/v1/namespaces/shop/serviceaccounts/web/token",
                "create serviceaccounts/token in shop named web",
            ),
            (
                "POST",
                "/api/v1/namespaces/shop/pods/web-0/eviction",
                "create pods/eviction in shop named web-0",
            ),
            ("GET", "/api/v1/namespaces/shop/pods/web-0/log", "get pods/log in shop named web-0"),
            (
                "POST",
                "/api/v1/namespaces/shop/pods/web-0/exec?command=sh",
                "connect pods/exec in shop named web-0",
            ),
            ("GET", "/api/v1/nodes/one/proxy/metrics/cadvisor", "connect nodes/proxy named one"),
            (
                "GET",
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
                "get clusterroles.rbac.authorization.k8s.io named system:node",
            ),
        ];
        for (method, uri, expected) in table {
            assert_eq!(shown(method, uri), expected, "{method} {uri}");
        }
    }

    #[test]
    fn watches_are_told_from_lists() {
        let table = [
            ("/api/v1/pods?watch=true", "watch pods"),
            ("/api/v1/pods?allowWatchBookmarks=true&watch=1&timeoutSeconds=60", "watch pods"),
            ("/api/v1/pods?watch", "watch pods"),
            ("/api/v1/pods?watch=false", "list pods"),
            ("/api/v1/pods?watch=0", "list pods"),
            ("/api/v1/namespaces/shop/pods/web-0?watch=true", "get pods in shop named web-0"),
            ("/api/v1/watch/namespaces/shop/pods", "watch pods in shop"),
            ("/apis/apps/v1/watch/deployments", "watch deployments.apps"),
            (
                "/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dweb-0&watch=true",
                "watch pods in shop named web-0",
            ),
            (
                "/api/v1/pods?fieldSelector=spec.nodeName%3Done,metadata.name==web",
                "list pods named web",
            ),
            ("/api/v1/pods?fieldSelector=spec.nodeName%3Done", "list pods"),
        ];
        for (uri, expected) in table {
            assert_eq!(shown("GET", uri), expected, "{uri}");
        }
    }

    #[test]
    fn paths_that_are_no_objects_stay_paths() {
        for path in [
            "/",
            "/api",
            "/api/v1",
            "/apis",
            "/apis/apps",
            "/apis/apps/v1",
            "/healthz",
            "/livez",
            "/readyz",
            "/metrics",
            "/version",
            "/openapi/v2",
            "/openapi/v3/apis/apps/v1",
        ] {
            let it = Request::new("GET", path, None);
            assert_eq!(it.resource, None, "{path}");
            assert_eq!(it.to_string(), format!("get path {path}"));
            assert!(!it.writes());
        }
    }

    #[test]
    fn applying_is_told_from_other_patches_by_the_type_of_the_content() {
        let uri = "/api/v1/namespaces/shop/configmaps/web?fieldManager=us&force=true";
        for (content, verb) in [
            ("application/apply-patch+yaml", Verb::Apply),
            ("application/apply-patch+cbor", Verb::Apply),
            ("application/merge-patch+json", Verb::Patch),
            ("application/json-patch+json", Verb::Patch),
            ("application/strategic-merge-patch+json", Verb::Patch),
        ] {
            assert_eq!(Request::new("PATCH", uri, Some(content)).verb, verb, "{content}");
        }
    }

    #[test]
    fn dry_runs_are_known_by_the_query_or_the_options_of_a_deletion() {
        assert!(Request::new("POST", "/api/v1/namespaces?dryRun=All", None).dry_run);
        assert!(!Request::new("POST", "/api/v1/namespaces?dryRun=", None).dry_run);
        let delete = |body: &[u8]| {
            let mut it = Request::new("DELETE", "/api/v1/namespaces/shop", None);
            it.read_body(body);
            it.dry_run
        };
        assert!(delete(br#"{"dryRun":["All"]}"#));
        assert!(!delete(br#"{"preconditions":{"uid":"1"}}"#));
        assert!(!delete(b""));
    }

    #[test]
    fn an_object_that_is_created_is_named_by_its_body() {
        let named = |body: &[u8]| {
            let mut it = Request::new("POST", "/api/v1/namespaces", None);
            it.read_body(body);
            it.name
        };
        assert_eq!(named(br#"{"metadata":{"name":"shop"}}"#).as_deref(), Some("shop"));
        assert_eq!(named(br#"{"metadata":{"generateName":"shop-"}}"#), None);
        assert_eq!(named(b"k8s\0protobuf"), None);
        assert_eq!(named(b"{"), None);
    }

    #[test]
    fn only_what_is_kept_counts_as_a_write() {
        for (method, uri, writes) in [
            ("POST", "/api/v1/namespaces", true),
            ("POST", "/api/v1/namespaces?dryRun=All", false),
            ("GET", "/api/v1/namespaces", false),
            ("POST", "/api/v1/namespaces/shop/pods/web-0/exec", false),
            ("POST", "/somewhere", false),
        ] {
            assert_eq!(Request::new(method, uri, None).writes(), writes, "{method} {uri}");
        }
    }
}
