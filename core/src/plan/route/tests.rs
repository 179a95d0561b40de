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

fn http_route(name: &str, spec: Value) -> Object {
    object("gateway.networking.k8s.io/v1", "HTTPRoute", name, json!({"spec": spec}))
}

fn external(name: &str, host: &str) -> Object {
    let spec = json!({"type": "ExternalName", "externalName": host});
    object("v1", "Service", name, json!({"spec": spec}))
}

#[test]
fn what_leads_people_to_the_target_is_a_route_of_previews() {
    let within = json!({"parentRefs": [{"kind": "Service"}], "hostnames": ["a.test"],
        "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]});
    let mut outward = within.clone();
    outward["parentRefs"] = json!([{"kind": "Gateway"}]);
    let rules = json!({"rules": [rule("a.test", "/", "web"), rule("a.test", "/b", "web")]});
    let port = json!({"number": 80});
    for (object, expected) in [
        (ingress("web", rules), vec![("web".to_owned(), port.clone()); 2]),
        (http_route("web", outward), vec![("web".to_owned(), port)]),
        (http_route("web", within), vec![]),
        (service("web"), vec![]),
    ] {
        assert_eq!(is_exposure(&object), !expected.is_empty(), "{}", object.key());
        assert_eq!(super::hosts(&object).len(), usize::from(!expected.is_empty()));
        assert_eq!(backends(&object), expected);
    }
}

#[test]
fn a_class_with_a_gateway_takes_its_routes_and_no_ingress() {
    let gateway = json!({"namespace": "infra", "name": "public"});
    let class = json!({"expose": {"domain": "staging.test", "gatewayRef": gateway}});
    let to = json!([{"backendRefs": [{"name": "web", "port": 80}]}]);
    let (objects, urls, log) = routed(
        &[
            http_route("out", json!({"hostnames": ["shop.example.com"], "rules": to})),
            http_route("within", json!({"parentRefs": [{"kind": "Service", "name": "web"}]})),
            http_route(
                "foreign",
                json!({"parentRefs": [{"kind": "Service", "name": "web", "namespace": "far"}]}),
            ),
            ingress("web", json!({"rules": [rule("shop.example.com", "/", "web")]})),
        ],
        json!({}),
        class,
    );
    let names: Vec<&str> = objects.iter().map(Object::name).collect();
    assert_eq!(names, ["within", "out"]);
    assert_eq!(objects[1].get("/spec/hostnames"), Some(&json!([host("web")])));
    assert_eq!(urls, [format!("http://{}", host("web"))]);
    let mut left: Vec<_> = log.left_behind.iter().map(|it| (&*it.object, &*it.reason)).collect();
    left.sort_unstable();
    assert_eq!(
        left,
        [
            ("HTTPRoute.gateway.networking.k8s.io/foreign", "foreign-route"),
            ("Ingress.networking.k8s.io/web", "no-ingress-class"),
        ]
    );
}

#[test]
fn the_port_of_a_scheme_is_not_written() {
    for (scheme, port, expected) in [
        ("http", json!(80), "http://a.test"),
        ("https", json!(443), "https://a.test"),
        ("http", json!(443), "http://a.test:443"),
        ("https", json!(80), "https://a.test:80"),
        ("https", Value::Null, "https://a.test"),
    ] {
        let mut class = class();
        class["expose"]["scheme"] = json!(scheme);
        class["expose"]["port"] = port;
        let (request, capture) = (fixture::request(json!({}), class), fixture::capture());
        let context = Context::new(&request, &capture).unwrap();
        let rules = json!({"rules": [rule("a.test", "/", "web")]});
        // Two routes of one host have one URL.
        let urls = urls(&[ingress("a", rules.clone()), ingress("b", rules)], &context);
        assert_eq!(urls, [expected]);
    }
}

#[test]
fn the_certificate_of_the_class_is_on_every_ingress() {
    let mut class = class();
    class["expose"]["tlsSecretRef"] = json!({"name": "wildcard"});
    let rules = json!({"rules": [rule("a.example.com", "/", "web")]});
    let (objects, ..) = routed(&[ingress("web", rules)], json!({}), class.clone());
    assert_eq!(
        objects[0].get("/spec/tls"),
        Some(&json!([{"hosts": [host("web")], "secretName": names::TLS_SECRET}]))
    );
    let (request, capture) = (fixture::request(json!({}), class), fixture::capture());
    let context = Context::new(&request, &capture).unwrap();
    let (secret, recipe) = certificate(&objects, &context).unwrap();
    assert_eq!((secret.name(), secret.text("/type")), (names::TLS_SECRET, "kubernetes.io/tls"));
    let keys: Vec<&str> = recipe.keys.keys().map(String::as_str).collect();
    assert_eq!(keys, ["tls.crt", "tls.key"]);
    // Without a route that uses it, it is not copied.
    let foreign = ingress("web", json!({"tls": [{"secretName": "other"}]}));
    assert!(certificate(&[foreign, service("web")], &context).is_none());
}

#[test]
fn a_service_is_inside_if_it_is_another_name_for_one_of_the_target() {
    let request = fixture::request(json!({}), class());
    for (name, leads) in [
        ("web.stg-pr-7-abcde.svc", false),
        ("web.stg-pr-7-abcde.svc.", false),
        ("web.stg-pr-7-abcde.svc.cluster.local", false),
        ("web.stg-pr-7-abcde.svcs", true),
        ("a.web.stg-pr-7-abcde.svc", true),
        ("web.shop.svc", true),
        ("www.example.com", true),
    ] {
        let route = ingress("web", json!({"rules": [rule("a.test", "/", "other")]}));
        let out = leads_out(&[external("other", name), route], &request);
        let why = "Ingress.networking.k8s.io/web would lead to Service/other, ";
        assert_eq!(out.as_deref().map(|it| it.starts_with(why)), leads.then_some(true), "{name}");
    }
    let route = ingress("web", json!({"rules": [rule("a.test", "/", "web")]}));
    assert_eq!(leads_out(&[external("other", "www.example.com"), route], &request), None);
    // The type alone makes it another name.
    let mut web = service("web");
    web.set("/spec/externalName", json!("www.example.com"));
    let route = ingress("web", json!({"rules": [rule("a.test", "/", "web")]}));
    assert_eq!(leads_out(&[web, route], &request), None);
}

#[test]
fn a_route_that_stays_behind_is_missed_where_its_services_could_be_exposed() {
    let to = json!([{"backendRefs": [{"name": "web", "port": 80}, {"name": "gone", "port": 80}]}]);
    let expose = json!({"expose": [{"service": "web"}]});
    for (services, spec, class, expected) in [
        (vec![service("web")], json!({}), class(), true),
        (vec![], json!({}), class(), false),
        (vec![service("web")], expose, class(), false),
        (vec![service("web")], json!({}), json!({}), false),
    ] {
        let (request, mut capture) = (fixture::request(spec, class), fixture::capture());
        capture.objects = services;
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        missed(&http_route("web", json!({ "rules": to })), "why", &context, &mut log);
        assert_eq!(log.findings.len(), usize::from(expected));
        if expected {
            assert_eq!(log.findings[0].settle, "spec:\n  expose:\n    - service: web\n");
        }
    }
}

#[test]
fn an_ingress_without_a_way_inside_stays_behind() {
    let by_itself = |host: &str| {
        let port = json!({"name": "use-annotation"});
        let backend = json!({"service": {"name": "redirect", "port": port}});
        json!({"host": host, "http": {"paths": [{"path": "/", "backend": backend}]}})
    };
    let out = |host: &str| rule(host, "/", "legacy");
    for (name, spec, stays) in [
        ("out", json!({"rules": [out("a.test")]}), false),
        ("alone", json!({"rules": [by_itself("a.test")]}), false),
        ("both", json!({"rules": [out("a.test"), by_itself("b.test")]}), false),
        ("some", json!({"rules": [out("a.test"), rule("b.test", "/", "web")]}), true),
        ("rest", json!({"rules": [out("a.test")], "defaultBackend": backend("web")}), true),
        ("none", json!({"rules": [], "defaultBackend": backend("legacy")}), false),
        ("empty", json!({"rules": []}), true),
    ] {
        let clones = [external("legacy", "www.example.com"), ingress(name, spec)];
        let (objects, _, log) = routed(&clones, json!({}), class());
        assert_eq!(objects.len(), if stays { 2 } else { 1 }, "{name}");
        assert_eq!(log.left_behind.is_empty(), stays, "{name}");
    }
}

#[test]
fn a_path_outside_is_left_out_beside_others() {
    let mut both = rule("a.example.com", "/", "legacy");
    let paths = json!([{"path": "/a", "backend": backend("legacy")},
        {"path": "/b", "backend": backend("web")}, {"path": "/c"}]);
    both["http"]["paths"] = paths.clone();
    let clones = [external("legacy", "www.example.com"), ingress("web", json!({"rules": [both]}))];
    let (objects, ..) = routed(&clones, json!({}), class());
    assert_eq!(objects[1].get("/spec/rules/0/http/paths"), Some(&json!([paths[1], paths[2]])));
}

#[test]
fn a_default_backend_is_added_where_no_path_answers_for_the_rest() {
    let with = |mut path: Value| {
        path["backend"] = backend("web");
        json!({"rules": [{"host": "a.example.com", "http": {"paths": [path]}}],
            "defaultBackend": backend("web")})
    };
    for (path, added) in [
        (json!({"path": "/", "pathType": "Prefix"}), false),
        (json!({"pathType": "Prefix"}), false),
        (json!({"path": "/", "pathType": "Exact"}), true),
        (json!({"path": "/a", "pathType": "Prefix"}), true),
    ] {
        let clones = [ingress("a", with(path.clone())), ingress("b", with(path.clone()))];
        let (objects, ..) = routed(&clones, json!({}), class());
        let paths: Vec<usize> =
            objects.iter().map(|it| it.expand("/spec/rules/0/http/paths/*").len()).collect();
        assert_eq!(paths, [1 + usize::from(added), 1], "{path}");
        // No host is made for a default backend beside rules.
        assert_eq!(hosts(&objects[0]), [host("web")], "{path}");
    }
}

#[test]
fn a_service_is_exposed_at_the_port_that_is_asked_for_or_its_first() {
    let mut web = service("web");
    web.set("/spec/ports", json!([{"port": 8080}, {"port": 80}]));
    for (entry, port) in
        [(json!({"service": "web"}), 8080), (json!({"service": "web", "port": 80}), 80)]
    {
        let made = asked(json!([entry]), class(), &[service("api"), web.clone()]).unwrap();
        assert_eq!(backends(&made[0]), [("web".to_owned(), json!({"number": port}))]);
    }
    let entry = json!({"service": "web", "host": own("shop")});
    match asked(json!([entry, entry]), class(), &[web]) {
        Err(PlanError::InvalidSpec { field, why }) => {
            assert_eq!(field, "spec.expose[1].host");
            assert!(why.ends_with("is asked for twice"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}
