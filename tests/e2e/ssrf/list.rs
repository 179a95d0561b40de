//! The URLs that HTTP tasks are given, by the names of these tasks, each with what the task is to say.
//!
//! `{name}` is a fact about production ([`crate::ways::Facts`]); `{it}` is the task's own name, by which
//! a beacon knows whose request it got.

use Control::{Answered, Beacon, Nobody, OnNode};

/// Who shows that a URL leads to what it says, and not to a dead address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// A Pod of production, which must find production's beacon there, by redirects if need be.
    Beacon,
    /// A Pod of production, which must get an HTTP answer there.
    Answered,
    /// A Pod in the node's network, which must get an HTTP answer there.
    OnNode,
    /// Nobody: what it leads to is not there, or no other program asks so.
    Nobody,
}

/// A task: its name, its URL, who tries the same elsewhere, what it says.
pub type Task = (&'static str, &'static str, Control, &'static str);

/// The URL names the clone by the time it is planned: its own beacon answers.
pub const PASSED: &str = "";
/// What the fence leaves of a request: packets are dropped, whoever they are for.
pub const SILENT: &str = "no answer within ";
/// Nothing listens in the task's own network, and no Service without endpoints takes a connection.
pub const CLOSED: &str = "Connection refused";

/// A Service with endpoints that are written by hand.
pub const ENDPOINTS: &str = include_str!("endpoints.yaml");

/// All that is asked for as a smoke.
pub const SMOKES: &[Task] = &[
    // Names of production: where the URL is rewritten, it is the clone's beacon that answers.
    ("short-name", "http://beacon/{it}", Beacon, PASSED),
    ("namespace", "http://beacon.{ns}/{it}", Beacon, PASSED),
    ("svc", "http://beacon.{ns}.svc/{it}", Beacon, PASSED),
    ("fqdn", "http://beacon.{ns}.svc.cluster.local/{it}", Beacon, PASSED),
    ("trailing-dot", "http://beacon.{ns}.svc.cluster.local./{it}", Beacon, PASSED),
    ("headless-service", "http://beacon-pods.{ns}.svc:8080/{it}", Beacon, PASSED),
    ("pod-hostname", "http://beacon-0.beacon-pods.{ns}.svc:8080/{it}", Beacon, PASSED),
    ("external-name", "http://beacon-alias/{it}", Beacon, PASSED),
    ("capitals", "http://BEACON.{NS}.SVC.CLUSTER.LOCAL/{it}", Beacon, PASSED),
    // Cluster DNS makes an address of such a name in whatever namespace.
    ("pod-ip-name", "http://{dashed}.{ns}.pod.cluster.local:8080/{it}", Beacon, SILENT),
    ("percent-encoded", "http://beacon%2E{ns}%2Esvc/{it}", Beacon, "not a URL"),
    // Addresses of production, and other spellings of them.
    ("cluster-ip", "http://{service}/{it}", Beacon, SILENT),
    ("pod-ip", "http://{pod}:8080/{it}", Beacon, SILENT),
    ("pod-ip-decimal", "http://{decimal}:8080/{it}", Beacon, SILENT),
    ("pod-ip-hex", "http://{hex}:8080/{it}", Beacon, SILENT),
    ("pod-ip-octal", "http://{octal}:8080/{it}", Beacon, SILENT),
    ("pod-ip-three-parts", "http://{three}:8080/{it}", Beacon, SILENT),
    ("ipv4-mapped", "http://[::ffff:{pod}]:8080/{it}", Beacon, SILENT),
    ("ipv4-mapped-hex", "http://[::ffff:{mapped}]:8080/{it}", Beacon, SILENT),
    ("userinfo", "http://beacon@{pod}:8080/{it}", Beacon, SILENT),
    ("fragment", "http://{pod}:8080/{it}#@beacon/", Beacon, SILENT),
    ("node-port", "http://{node}:{nodePort}/{it}", Beacon, SILENT),
    ("external-ip", "http://198.51.100.17/{it}", Beacon, SILENT),
    ("load-balancer", "http://198.51.100.18/{it}", Beacon, SILENT),
    ("ingress-host", "http://ingress.ingress.svc.cluster.local/{it}", Beacon, SILENT),
    ("ingress-cluster-ip", "http://{ingress}/{it}", Answered, SILENT),
    ("crlf", "http://beacon/ HTTP/1.1\r\nHost: {pod}\r\n\r\n", Nobody, "not a URL"),
    // Endpoints written by hand stay behind, in production as in an overlay.
    ("endpoints-captured", "http://captured/{it}", Beacon, CLOSED),
    ("endpoints-laid-over", "http://laid-over/{it}", Nobody, CLOSED),
    // Open redirects: the clone's beacon sends whoever asks elsewhere.
    ("redirect", "http://beacon/redirect/302/http://{pod}:8080/{it}", Beacon, "status 302"),
    ("redirect-no-scheme", "http://beacon/redirect/307///{pod}:8080/{it}", Beacon, "status 307"),
    ("redirect-path", "http://beacon/redirect/301//{it}", Beacon, "status 301"),
    (
        "redirect-metadata",
        "http://beacon/redirect/308/http://169.254.169.254/",
        Answered,
        "status 308",
    ),
    ("redirect-api", "http://beacon/redirect/303/https://{api}/version", Answered, "status 303"),
    // What is nobody's application.
    ("api", "https://kubernetes.default.svc/version", Answered, SILENT),
    ("api-endpoint", "https://{apiEndpoint}/version", Answered, SILENT),
    ("metadata", "http://169.254.169.254/", Answered, SILENT),
    ("metadata-decimal", "http://2852039166/", Answered, SILENT),
    ("metadata-ipv4-mapped", "http://[::ffff:a9fe:a9fe]/", Answered, SILENT),
    ("kubelet", "https://{node}:10250/pods", Answered, SILENT),
    ("operator-pod", "http://{operatorPod}:8080/metrics", Answered, SILENT),
    ("operator-service", "http://kulisse.kulisse.svc:{operatorPort}/metrics", Answered, SILENT),
    ("elsewhere", "http://elsewhere/", Answered, SILENT),
    // The kubelet's health on the node's own loopback: a task's loopback is its own.
    ("localhost", "http://localhost:10248/healthz", OnNode, CLOSED),
    ("loopback", "http://127.0.0.1:10248/healthz", OnNode, CLOSED),
    ("loopback-decimal", "http://2130706433:10248/healthz", OnNode, CLOSED),
    ("loopback-ipv4-mapped", "http://[::ffff:127.0.0.1]:10248/healthz", OnNode, CLOSED),
    ("unspecified", "http://0.0.0.0:10248/healthz", OnNode, CLOSED),
];

/// The same by a seed: the first passes, so that the second is tried.
pub const SEEDS: &[Task] = &[
    ("seed-fqdn", "http://beacon.{ns}.svc.cluster.local/{it}", Beacon, PASSED),
    ("seed-pod-ip", "http://{pod}:8080/{it}", Beacon, SILENT),
];

/// The same when an environment ends.
pub const AT_THE_END: &Task = &("end-pod-ip", "http://{pod}:8080/{it}", Beacon, SILENT);

/// What is asked for once an administrator, or nobody but the operator, has made the way in the target.
pub const BY_HAND: &[Task] = &[
    ("endpoints-by-hand", "http://by-hand/{it}", Beacon, SILENT),
    ("external-name-by-hand", "http://detour/{it}", Beacon, SILENT),
];

/// What is refused when it is asked for: the task's `http`, and what the answer speaks of.
pub const REFUSED: &[(&str, &str)] = &[
    (r#"{ "url": "file:///etc/passwd" }"#, "url"),
    (r#"{ "url": "ftp://{pod}/" }"#, "url"),
    (r#"{ "url": "gopher://{pod}:8080/_GET%20/" }"#, "url"),
    (r#"{ "url": "//{pod}:8080/" }"#, "url"),
    (r#"{ "url": "HTTP://{pod}:8080/" }"#, "url"),
    (r#"{ "url": " http://{pod}:8080/" }"#, "url"),
    (r#"{ "service": "beacon", "path": "@{pod}:8080/" }"#, "path"),
    (r#"{ "service": "beacon", "url": "http://{pod}:8080/" }"#, "http has either url, or service"),
];

/// What blocks the plan: a Service that is not the target's own, or is more than a name.
pub const BLOCKED: &[&str] =
    &["beacon.{ns}", "kubernetes.default", "{pod}", "beacon/@{pod}", "nobody"];
