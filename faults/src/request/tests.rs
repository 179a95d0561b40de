//! What is understood of requests, as the API server understands it.

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
        ("POST", "/apis/apps/v1/namespaces/shop/deployments", "create deployments.apps in shop"),
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
        ("DELETE", "/apis/batch/v1/namespaces/shop/jobs", "deletecollection jobs.batch in shop"),
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
    assert_eq!(named(b"{"), None);
}

/// `field: bytes`, as protobuf writes it.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 127 {
        field.push(u8::try_from(length & 127).expect("seven bits") | 128);
        length >>= 7;
    }
    field.push(u8::try_from(length).expect("seven bits"));
    field.extend_from_slice(content);
    field
}

/// `k8s`, and the envelope with an object in it.
fn enveloped(object: &[u8]) -> Vec<u8> {
    let of = [field(1, b"v1"), field(2, b"Secret")].concat();
    [b"k8s\0".to_vec(), field(1, &of), field(2, object), field(3, b""), field(4, b"")].concat()
}

#[test]
fn an_object_that_is_created_as_protobuf_is_named_by_its_body_too() {
    let named = |body: &[u8]| {
        let mut it = Request::new("POST", "/api/v1/namespaces/shop/secrets", None);
        it.read_body(body);
        it.name
    };
    // A number, eight and four bytes stand before it, and more than 127 bytes behind.
    let other = [[9 << 3, 200, 1].as_slice(), &[10 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
    let other = [other, vec![11 << 3 | 5, 1, 2, 3, 4]].concat();
    let metadata = [other, field(1, b"web"), field(5, &[b'u'; 300])].concat();
    assert_eq!(named(&enveloped(&field(1, &metadata))).as_deref(), Some("web"));
    assert_eq!(named(&enveloped(&field(1, &field(2, b"web-")))), None, "the server makes one");
    assert_eq!(named(&enveloped(&field(1, &[field(1, b""), field(2, b"web-")].concat()))), None);
    let whole = enveloped(&field(1, &field(1, b"web")));
    for end in 0..whole.len() {
        // What breaks off says nothing, or what it has said.
        assert!(named(&whole[..end]).is_none_or(|it| it == "web"), "{end}");
    }
    assert_eq!(named(&[b"k8s\0".as_slice(), &[255; 20]].concat()), None);
}

#[test]
fn a_dry_run_of_a_deletion_is_known_from_options_in_protobuf_too() {
    let delete = |options: &[u8]| {
        let mut it = Request::new("DELETE", "/api/v1/namespaces/shop", None);
        it.read_body(&enveloped(options));
        it.dry_run
    };
    assert!(delete(&[field(4, b"Background"), field(5, b"All")].concat()));
    assert!(!delete(&field(4, b"All")));
    assert!(!delete(b""));
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
