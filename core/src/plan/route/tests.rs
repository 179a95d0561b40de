#![expect(clippy::needless_pass_by_value, reason = "json! makes values that nobody else needs")]

use serde_json::json;

use super::*;
use crate::{
    api::names,
    plan::{
        PlanError,
        fixture::{self, object, service},
    },
};

fn class() -> Value {
    json!({"expose": {"domain": "staging.test", "ingressClassName": "nginx"}})
}

fn routed(objects: &[Object], spec: Value, class: Value) -> (Vec<Object>, Vec<String>, Log) {
    let (request, capture) = (fixture::request(spec, class), fixture::capture());
    let context = Context::new(&request, &capture).unwrap();
    let mut log = Log::default();
    let objects = route(objects.to_vec(), &context, &mut log);
    let urls = urls(&objects, &context);
    (objects, urls, log)
}

fn asked(expose: Value, class: Value, clones: &[Object]) -> Result<Vec<Object>, PlanError> {
    let (request, capture) =
        (fixture::request(json!({"expose": expose}), class), fixture::capture());
    exposed(clones, &Context::new(&request, &capture).unwrap())
}

fn ingress(name: &str, spec: Value) -> Object {
    object("networking.k8s.io/v1", "Ingress", name, json!({"spec": spec}))
}

fn rule(host: &str, path: &str, service: &str) -> Value {
    let mut rule = json!({"http": {"paths": [
        {"path": path, "pathType": "Prefix", "backend": backend(service)}
    ]}});
    if !host.is_empty() {
        rule["host"] = json!(host);
    }
    rule
}

fn backend(service: &str) -> Value {
    json!({"service": {"name": service, "port": {"number": 80}}})
}

fn hosts(route: &Object) -> Vec<&str> {
    let rules = route.get("/spec/rules").unwrap().as_array().unwrap();
    rules.iter().map(|rule| rule["host"].as_str().unwrap_or("none")).collect()
}

fn host(service: &str) -> String {
    format!("{service}-pr-7-{}.staging.test", names::host_hash("uid-7"))
}

#[test]
fn routes_stay_behind_with_their_reason() {
    let web = ingress("web", json!({"rules": [rule("shop.example.com", "/", "web")]}));
    let gateway = object("gateway.networking.k8s.io/v1", "HTTPRoute", "web", json!({"spec": {}}));
    for (object, spec, class, reason) in [
        (&web, json!({}), json!({}), "no-domain"),
        (&web, json!({"expose": [{"service": "web"}]}), class(), "exposed-by-spec"),
        (&gateway, json!({}), class(), "no-gateway"),
    ] {
        let (objects, urls, log) = routed(std::slice::from_ref(object), spec, class);
        assert_eq!((objects, urls), (vec![], vec![]));
        assert_eq!(log.left_behind[0].reason, reason);
    }
}

#[test]
fn every_source_host_gets_one_preview_host() {
    let (objects, urls, _) = routed(
        &[
            ingress(
                "a",
                json!({"rules": [
                    rule("shop.example.com", "/", "web"),
                    rule("*.shop.example.com", "/", "web"),
                    rule("", "/", "api"),
                ]}),
            ),
            ingress("b", json!({"rules": [rule("shop.example.com", "/cart", "cart")]})),
        ],
        json!({}),
        class(),
    );
    let second = host("web").replacen(".staging", "-2.staging", 1);
    assert_eq!(hosts(&objects[0]), [second.as_str(), &host("web"), &host("api")]);
    assert_eq!(hosts(&objects[1]), [second.as_str()]);
    assert_eq!(urls.len(), 3);
}

#[test]
fn what_belongs_to_production_is_taken_off() {
    let mut web = ingress(
        "web",
        json!({
            "ingressClassName": "production",
            "tls": [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}],
            "rules": [rule("shop.example.com", "/", "web")],
        }),
    );
    let nginx = "nginx.ingress.kubernetes.io";
    web.set(
        "/metadata/annotations",
        json!({
            "kubernetes.io/ingress.class": "production",
            "cert-manager.io/cluster-issuer": "letsencrypt",
            "alb.ingress.kubernetes.io/group.name": "production",
            "external-dns.alpha.kubernetes.io/hostname": "shop.example.com",
            format!("{nginx}/auth-url"): "https://login.example.com",
            format!("{nginx}/configuration-snippet"): "proxy_pass http://evil;",
            format!("{nginx}/rewrite-target"): "https://shop.example.com/",
            format!("{nginx}/proxy-body-size"): "8m",
            format!("{nginx}/use-regex"): "true",
        }),
    );
    let (objects, _, log) = routed(&[web], json!({}), class());
    assert_eq!(
        objects[0].get("/metadata/annotations"),
        Some(
            &json!({format!("{nginx}/proxy-body-size"): "8m", format!("{nginx}/use-regex"): "true"})
        )
    );
    assert_eq!(objects[0].text("/spec/ingressClassName"), "nginx");
    assert_eq!(objects[0].get("/spec/tls"), None);
    // Every change is noted: host, class, tls, and the seven annotations.
    assert_eq!(log.changes.len(), 10);
}

#[test]
fn a_default_backend_answers_for_hosts_of_its_own_and_no_others() {
    let path = |service| json!({"path": "/", "pathType": "Prefix", "backend": backend(service)});
    let (objects, ..) = routed(
        &[
            ingress("alone", json!({"defaultBackend": backend("catch")})),
            ingress(
                "rooted",
                json!({
                    "defaultBackend": backend("rest"),
                    "rules": [rule("a.example.com", "/", "web"), rule("b.example.com", "/b", "web")],
                }),
            ),
        ],
        json!({}),
        class(),
    );
    assert_eq!(
        objects[0].get("/spec"),
        Some(&json!({
            "ingressClassName": "nginx",
            "rules": [{"host": host("catch"), "http": {"paths": [path("catch")]}}],
        }))
    );
    let paths =
        |at: usize| objects[1].get(&format!("/spec/rules/{at}/http/paths")).unwrap().clone();
    assert_eq!(paths(0), json!([path("web")]));
    assert_eq!(paths(1)[1], path("rest"));
    assert_eq!(objects[1].get("/spec/defaultBackend"), None);
}

#[test]
fn a_route_does_not_lead_out_through_a_service_that_is_another_name() {
    let outside = |name, host| {
        object(
            "v1",
            "Service",
            name,
            json!({"spec": {"type": "ExternalName", "externalName": host}}),
        )
    };
    let (objects, _, log) = routed(
        &[
            outside("legacy", "legacy.example.com"),
            outside("own", "web.stg-pr-7-abcde.svc.cluster.local"),
            ingress("all", json!({"rules": [rule("a.example.com", "/", "legacy")]})),
            ingress(
                "some",
                json!({"rules": [
                    rule("a.example.com", "/a", "legacy"), rule("b.example.com", "/", "own"),
                ]}),
            ),
        ],
        json!({}),
        class(),
    );
    assert_eq!(log.left_behind[0].object, "Ingress.networking.k8s.io/all");
    assert_eq!(log.left_behind[0].reason, "outside-backend");
    assert_eq!(hosts(objects.last().unwrap()), [host("own")]);
}

/// A host that only the environment of these tests may choose.
fn own(label: &str) -> String {
    let request = fixture::request(json!({}), json!({}));
    format!("{label}-{}.staging.test", names::host_hash(&request.environment.uid))
}

#[test]
fn a_service_that_is_asked_for_gets_a_route() {
    let mut class = class();
    class["expose"]["scheme"] = json!("https");
    class["expose"]["port"] = json!(8443);
    let expose = json!([
        {"service": "web"},
        {"service": "web", "port": 80, "host": own("shop")},
    ]);
    let made = asked(expose, class.clone(), &[service("web")]).unwrap();
    assert_eq!(made[0].name(), "kulisse-expose-web");
    assert_eq!(hosts(&made[0]), [host("web")]);
    assert_eq!(made[0].text("/spec/ingressClassName"), "nginx");
    assert_eq!(made[0].text("/metadata/namespace"), "stg-pr-7-abcde");
    assert_ne!(made[1].name(), made[0].name());

    let (_, urls, _) = routed(&made, json!({}), json!({}));
    assert_eq!(urls, [] as [&str; 0]);
    let (request, capture) = (fixture::request(json!({}), class), fixture::capture());
    let urls = super::urls(&made, &Context::new(&request, &capture).unwrap());
    assert_eq!(
        urls,
        [format!("https://{}:8443", host("web")), format!("https://{}:8443", own("shop"))]
    );
}

#[test]
fn what_cannot_be_exposed_is_refused_by_the_name_of_its_field() {
    let external = object("v1", "Service", "ext", json!({"spec": {"type": "ExternalName"}}));
    for (entry, class, field, why) in [
        (json!({"service": "web"}), json!({}), "spec.expose", "expose.domain"),
        (json!({"service": "gone"}), class(), "spec.expose[0].service", "there are ext, web"),
        (json!({"service": "ext"}), class(), "spec.expose[0].service", "elsewhere"),
        (json!({"service": "web", "port": 81}), class(), "spec.expose[0].port", "it has 80"),
        (
            json!({"service": "web", "host": "shop.staging.test"}),
            class(),
            "spec.expose[0].host",
            "could be somebody else's",
        ),
        (
            json!({"service": "web", "host": "shop.example.com"}),
            class(),
            "spec.expose[0].host",
            "directly below staging.test",
        ),
        (
            json!({"service": "web", "host": "a.b.staging.test"}),
            class(),
            "spec.expose[0].host",
            "does not lie directly below staging.test",
        ),
        (
            json!({"service": "web", "host": "evilstaging.test"}),
            class(),
            "spec.expose[0].host",
            "directly below",
        ),
    ] {
        match asked(json!([entry]), class, &[service("web"), external.clone()]) {
            Err(PlanError::InvalidSpec { field: got, why: said }) => {
                assert_eq!(got, field);
                assert!(said.contains(why), "{said}");
            }
            other => panic!("{entry}: {other:?}"),
        }
    }
}
