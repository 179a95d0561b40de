//! A cloned HTTPRoute or GRPCRoute: the class's Gateway as parent, preview hosts in place of
//! production's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    api::class::GatewayRef,
    plan::{
        context::Context,
        log::{Log, Rule},
        object::Object,
        request::Request,
    },
};

const HOST: Rule = Rule {
    name: "preview-host",
    why: "the host is production's; each gets one preview host below the class's domain",
};
const PARENT: Rule =
    Rule { name: "route-parent", why: "the StagingClass says which Gateway serves previews" };
const FOREIGN_PARENT: Rule = Rule {
    name: "route-parent",
    why: "it would change the traffic of a Service outside the target",
};
const OUTSIDE: Rule = Rule {
    name: "outside-backend",
    why: "it lies outside the target, and the Gateway, which stands outside the fence, would lead there",
};
const EXTENSION: Rule = Rule {
    name: "route-filter",
    why: "it refers to an object of a controller's own, which stays behind",
};
const REDIRECT: Rule =
    Rule { name: "route-redirect", why: "the redirect would lead out of the target" };

/// The host of a route without one: it stands for every host of its listener.
const ANY: &str = "";
/// Where backends stand.
const BACKENDS: &str = "/spec/rules/*/backendRefs/*";
/// Where filters stand.
const FILTERS: [&str; 2] = ["/spec/rules/*/filters/*", "/spec/rules/*/backendRefs/*/filters/*"];

/// Whether a route is for traffic among Services only: all its parents are Services.
pub(super) fn is_within(route: &Object) -> bool {
    let parents = route.expand("/spec/parentRefs/*");
    !parents.is_empty() && parents.iter().all(|it| route.text(&format!("{it}/kind")) == "Service")
}

/// Takes from a route among Services the parents in other namespaces. False if none is left: it is
/// then noted as left behind.
pub(super) fn own_parents(route: &mut Object, context: &Context, log: &mut Log) -> bool {
    for parent in route.expand("/spec/parentRefs/*").iter().rev() {
        if !is_home(route, parent, context.target()) {
            log.remove(route, parent, &FOREIGN_PARENT);
        }
    }
    let inside = stay_inside(route, &BTreeSet::new(), context.request, log);
    let left = inside && !route.expand("/spec/parentRefs/*").is_empty();
    if !left {
        log.leave(
            &route.key(),
            "foreign-route",
            "it is about traffic of Services outside the target",
        );
    }
    left
}

/// Removes the ways to what lies outside: other namespaces, what is no Service, and Services in
/// `outside`. False if nothing else was there.
pub(super) fn stay_inside(
    route: &mut Object,
    outside: &BTreeSet<String>,
    request: &Request,
    log: &mut Log,
) -> bool {
    let leads_out = |route: &Object, backend: &str| {
        let text = |field: &str| route.text(&format!("{backend}/{field}"));
        !is_home(route, backend, request.target.as_str())
            || !["", "Service"].contains(&text("kind"))
            || outside.contains(text("name"))
    };
    for filters in FILTERS {
        for filter in route.expand(filters).iter().rev() {
            let mirror = format!("{filter}/requestMirror/backendRef");
            if route.get(&mirror).is_some() && leads_out(route, &mirror) {
                log.remove(route, filter, &OUTSIDE);
            } else if route.text(&format!("{filter}/type")) == "ExtensionRef" {
                log.remove(route, filter, &EXTENSION);
            }
        }
    }
    // From the end, so that what is still to be looked at keeps its place.
    let rules = route.expand("/spec/rules/*");
    for rule in rules.iter().rev() {
        let backends = route.expand(&format!("{rule}/backendRefs/*"));
        let out: Vec<&String> = backends.iter().filter(|it| leads_out(route, it)).collect();
        if !out.is_empty() && out.len() == backends.len() {
            // It would answer with an error where another rule may fit.
            log.remove(route, rule, &OUTSIDE);
            continue;
        }
        for backend in out.iter().rev() {
            log.remove(route, backend, &OUTSIDE);
        }
    }
    rules.is_empty() || !route.expand("/spec/rules/*").is_empty()
}

/// Whether a reference is to something in the target.
fn is_home(route: &Object, reference: &str, target: &str) -> bool {
    ["", target].contains(&route.text(&format!("{reference}/namespace")))
}

/// The Service that each source host leads to first.
pub(super) fn first(routes: &[&Object]) -> BTreeMap<String, String> {
    let mut first = BTreeMap::new();
    for route in routes {
        let backend = route.expand(BACKENDS).into_iter().next();
        let service = backend.map_or("", |it| route.text(&format!("{it}/name")));
        // A host that leads to nothing, such as a redirect, is called as its route is.
        let name = if service.is_empty() { route.name() } else { service };
        for host in hostnames(route) {
            first.entry(host).or_insert_with(|| name.to_owned());
        }
    }
    first
}

fn hostnames(route: &Object) -> Vec<String> {
    let hosts = route.expand("/spec/hostnames/*");
    if hosts.is_empty() {
        return vec![ANY.to_owned()];
    }
    hosts.iter().map(|path| route.text(path).to_owned()).collect()
}

/// Gives a route the class's Gateway and the preview hosts.
pub(super) fn preview(
    route: &mut Object,
    hosts: &BTreeMap<String, String>,
    gateway: &GatewayRef,
    log: &mut Log,
) {
    log.set(route, "/spec/parentRefs", json!([parent(gateway)]), &PARENT);
    let mut previews: Vec<&String> =
        hostnames(route).iter().filter_map(|it| hosts.get(it)).collect();
    previews.dedup();
    log.set(route, "/spec/hostnames", json!(previews), &HOST);
    for rule in route.expand("/spec/rules/*").iter().rev() {
        for filter in route.expand(&format!("{rule}/filters/*")).iter().rev() {
            redirect(route, rule, filter, hosts, log);
        }
    }
}

/// A redirect to a source host leads to its preview; one to another host would leave the target.
fn redirect(
    route: &mut Object,
    rule: &str,
    filter: &str,
    hosts: &BTreeMap<String, String>,
    log: &mut Log,
) {
    let path = format!("{filter}/requestRedirect/hostname");
    if route.get(&path).is_none() {
        return;
    }
    if let Some(host) = hosts.get(route.text(&path)) {
        log.set(route, &path, json!(host), &HOST);
        return;
    }
    // Without a host it stays where it is: if it says nothing else, it would go round in circles.
    let elsewhere = ["scheme", "port", "path"]
        .iter()
        .any(|field| route.get(&format!("{filter}/requestRedirect/{field}")).is_some());
    let alone = route.expand(&format!("{rule}/backendRefs/*")).is_empty()
        && route.expand(&format!("{rule}/filters/*")).len() == 1;
    let what = match (elsewhere, alone) {
        (true, _) => path.as_str(),
        (false, true) => rule,
        (false, false) => filter,
    };
    log.remove(route, what, &REDIRECT);
}

/// The class's Gateway, as a route names its parent.
pub(super) fn parent(gateway: &GatewayRef) -> Value {
    let mut parent = json!({
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "namespace": gateway.namespace,
        "name": gateway.name,
    });
    if let Some(section) = &gateway.section_name {
        parent["sectionName"] = json!(section);
    }
    parent
}

/// Services that a route leads to, and the port of each.
pub(super) fn backends(route: &Object) -> Vec<(String, Value)> {
    let port = |backend: &str| route.get(&format!("{backend}/port")).cloned();
    route
        .expand(BACKENDS)
        .iter()
        .filter_map(|it| {
            let name = route.text(&format!("{it}/name")).to_owned();
            Some((name, json!({ "number": port(it)? })))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{self, object};

    fn route(name: &str, spec: &Value) -> Object {
        object("gateway.networking.k8s.io/v1", "HTTPRoute", name, json!({ "spec": spec }))
    }

    /// What is left of some rules inside, where Service `legacy` lies outside.
    fn inside(rules: &Value) -> (bool, Option<Value>) {
        let mut route = route("web", &json!({ "rules": rules }));
        let outside = BTreeSet::from(["legacy".to_owned()]);
        let request = fixture::request(json!({}), json!({}));
        let inside = stay_inside(&mut route, &outside, &request, &mut Log::default());
        (inside, route.get("/spec/rules").cloned())
    }

    #[test]
    fn backends_outside_are_left_out_and_rules_that_lead_nowhere_else() {
        let answers = json!({"filters": [{"type": "RequestRedirect"}]});
        let rules = json!([
            {"backendRefs": [{"name": "legacy"}, {"name": "web"}, {"name": "a", "namespace": "far"}]},
            {"backendRefs": [{"name": "legacy"}, {"name": "web", "namespace": "far"}]},
            {"backendRefs": [
                {"name": "web", "namespace": "stg-pr-7-abcde"},
                {"name": "web", "kind": "Bucket"},
                {"name": "web", "kind": "Service"},
            ]},
            answers,
        ]);
        let left = json!([
            {"backendRefs": [{"name": "web"}]},
            {"backendRefs": [
                {"name": "web", "namespace": "stg-pr-7-abcde"}, {"name": "web", "kind": "Service"}
            ]},
            answers,
        ]);
        assert_eq!(inside(&rules), (true, Some(left)));
    }

    #[test]
    fn a_route_stays_that_leads_somewhere_inside_or_never_led_anywhere() {
        for (rules, expected) in [
            (json!([]), true),
            (json!([{}]), true),
            (json!([{"backendRefs": [{"name": "web"}]}]), true),
            (json!([{"backendRefs": [{"name": "legacy"}]}]), false),
        ] {
            assert_eq!(inside(&rules).0, expected, "{rules}");
        }
    }

    #[test]
    fn filters_that_lead_outside_are_left_out() {
        let mirror = |service: &str| json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": service}}});
        let (extension, rewrite) = (json!({"type": "ExtensionRef"}), json!({"type": "URLRewrite"}));
        let rules = json!([{
            "filters": [mirror("legacy"), mirror("web"), extension, rewrite],
            "backendRefs": [{"name": "web", "filters": [extension, rewrite, mirror("legacy")]}],
        }]);
        let left = json!([{
            "filters": [mirror("web"), rewrite],
            "backendRefs": [{"name": "web", "filters": [rewrite]}],
        }]);
        assert_eq!(inside(&rules), (true, Some(left)));
    }

    #[test]
    fn a_route_among_services_keeps_the_parents_of_the_target() {
        let home = json!({"kind": "Service", "name": "web"});
        let far = json!({"kind": "Service", "name": "web", "namespace": "far"});
        let out = json!([{"backendRefs": [{"name": "web", "namespace": "far"}]}]);
        let (request, capture) = (fixture::request(json!({}), json!({})), fixture::capture());
        let context = Context::new(&request, &capture).unwrap();
        for (parents, rules, expected) in [
            (json!([far, home, far]), json!([]), true),
            (json!([far]), json!([]), false),
            (json!([home]), out, false),
        ] {
            let mut route = route("web", &json!({"parentRefs": parents, "rules": rules}));
            let mut log = Log::default();
            assert_eq!(own_parents(&mut route, &context, &mut log), expected, "{parents}");
            let left: Vec<&str> = log.left_behind.iter().map(|it| it.reason.as_str()).collect();
            if expected {
                assert_eq!(route.get("/spec/parentRefs"), Some(&json!([home])));
                assert!(left.is_empty(), "{left:?}");
            } else {
                assert_eq!(left, ["foreign-route"]);
            }
        }
    }

    #[test]
    fn only_a_route_whose_parents_are_all_services_is_within() {
        let (service, gateway) = (json!({"kind": "Service"}), json!({"kind": "Gateway"}));
        for (parents, expected) in [
            (json!([]), false),
            (json!([service]), true),
            (json!([gateway]), false),
            (json!([{}]), false),
            (json!([service, gateway]), false),
        ] {
            let route = route("web", &json!({ "parentRefs": parents }));
            assert_eq!(is_within(&route), expected, "{parents}");
        }
    }

    #[test]
    fn a_host_is_called_as_the_service_it_leads_to_first() {
        let to = |service: &str| json!([{}, {"backendRefs": [{"name": service}, {"name": "x"}]}]);
        let (a, b) = (
            route("a", &json!({"hostnames": ["one.test", "two.test"], "rules": to("web")})),
            route("b", &json!({"hostnames": ["two.test", "three.test"]})),
        );
        let c = route("c", &json!({"rules": to("api")}));
        let own = |host: &str, service: &str| (host.to_owned(), service.to_owned());
        assert_eq!(
            first(&[&a, &b, &c]),
            BTreeMap::from([
                own("one.test", "web"),
                own("two.test", "web"),
                own("three.test", "b"),
                own("", "api"),
            ])
        );
    }

    #[test]
    fn a_redirect_leads_to_a_preview_or_stays() {
        let to = |redirect: Value| json!({ "requestRedirect": redirect });
        let rewrite = json!({"type": "URLRewrite"});
        let rules = json!([
            {"filters": [to(json!({"hostname": "www.acme.com"}))]},
            {"filters": [to(json!({"hostname": "a.com", "port": 80}))]},
            {"filters": [to(json!({"hostname": "a.com", "scheme": "https"}))]},
            // It would go round in circles.
            {"filters": [to(json!({"hostname": "a.com"}))]},
            {"filters": [to(json!({"hostname": "a.com"})), rewrite]},
            {"filters": [to(json!({"hostname": "a.com"}))], "backendRefs": [{"name": "web"}]},
            {"filters": [to(json!({"path": {}}))]},
        ]);
        let mut route = route(
            "web",
            &json!({
                "hostnames": ["www.acme.com", "WWW.acme.com", "gone.acme.com"], "rules": rules,
            }),
        );
        let preview_host = "web.staging.test".to_owned();
        let hosts = BTreeMap::from([
            ("www.acme.com".to_owned(), preview_host.clone()),
            ("WWW.acme.com".to_owned(), preview_host),
        ]);
        let gateway = GatewayRef {
            namespace: "infra".to_owned(),
            name: "public".to_owned(),
            section_name: Some("https".to_owned()),
        };
        preview(&mut route, &hosts, &gateway, &mut Log::default());
        assert_eq!(
            route.get("/spec/rules"),
            Some(&json!([
                {"filters": [to(json!({"hostname": "web.staging.test"}))]},
                {"filters": [to(json!({"port": 80}))]},
                {"filters": [to(json!({"scheme": "https"}))]},
                {"filters": [rewrite]},
                {"filters": [], "backendRefs": [{"name": "web"}]},
                {"filters": [to(json!({"path": {}}))]},
            ]))
        );
        assert_eq!(route.get("/spec/hostnames"), Some(&json!(["web.staging.test"])));
        assert_eq!(
            route.get("/spec/parentRefs"),
            Some(&json!([{
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "namespace": "infra",
                "name": "public",
                "sectionName": "https",
            }]))
        );
    }
}
