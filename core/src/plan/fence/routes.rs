//! The way from the ingress controller, or the Gateway, to the Services behind routes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Opening, policy};
use crate::{
    api::{
        class::{ClassExpose, Peer},
        identity::{MAX_LABEL, digest_word, fit},
        names::NAMESPACE_NAME_LABEL,
        staging_plan::Severity,
    },
    plan::{log::Log, object::Object, ours, request::Request, route},
};

pub(super) fn policies(clones: &[Object], request: &Request, log: &mut Log) -> Vec<Object> {
    let routes: Vec<&Object> =
        clones.iter().filter(|clone| !route::backends(clone).is_empty()).collect();
    let Some(expose) = &request.class.expose else { return Vec::new() };
    if expose.from.is_empty() {
        for route in routes {
            closed(log, route);
        }
        return Vec::new();
    }
    // Ports by Service: two routes to one Service are one policy.
    let mut backends: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (service, port) in routes.into_iter().flat_map(route::backends) {
        let ports = backends.entry(service).or_default();
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    clones
        .iter()
        .filter(|clone| ours::is(clone, "", "Service"))
        .filter_map(|service| open(service, backends.get(service.name())?, expose, request))
        .collect()
}

/// Opens the Pods of `service` on the ports that `ports` (`{number}` or `{name}`) lead to. `None` if
/// it selects no Pods, or has no such port.
fn open(
    service: &Object,
    ports: &[Value],
    expose: &ClassExpose,
    request: &Request,
) -> Option<Object> {
    let labels = service.get("/spec/selector")?.as_object().filter(|labels| !labels.is_empty())?;
    let known = service.get("/spec/ports")?.as_array()?;
    let mut targets: Vec<Value> = Vec::new();
    for wanted in ports {
        let meant = |port: &&Value| {
            (wanted.get("number").is_some() && port.get("port") == wanted.get("number"))
                || (wanted.get("name").is_some() && port.get("name") == wanted.get("name"))
        };
        let protocol = |port: &Value| port.get("protocol").cloned().unwrap_or_else(|| json!("TCP"));
        // One number may be two ports, for HTTP/3: routes go by the other one.
        let found = known.iter().filter(meant).min_by_key(|it| protocol(it) != "TCP");
        let Some(port) = found else { continue };
        let target = json!({
            "protocol": protocol(port),
            "port": port.get("targetPort").or_else(|| port.get("port")),
        });
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    if targets.is_empty() {
        return None;
    }
    let source = request.spec.source.namespace.as_str();
    let from: Vec<Value> = expose.from.iter().map(|it| peer(it, source)).collect();
    let mut name = format!("kulisse-routes-{}", service.name());
    if name.len() > MAX_LABEL {
        name = fit(&format!("{name}-{}", digest_word(&[service.name()], 6)), MAX_LABEL, 7);
    }
    let opening =
        Opening { ingress: Some(json!([{"from": from, "ports": targets}])), egress: None };
    Some(policy(request, &name, &json!({"matchLabels": labels}), opening))
}

/// A peer of the class, which never covers the source, whatever its selector says.
fn peer(peer: &Peer, source: &str) -> Value {
    let mut namespaces = json!(peer.namespace_selector);
    let not_source = json!({"key": NAMESPACE_NAME_LABEL, "operator": "NotIn", "values": [source]});
    match namespaces.get_mut("matchExpressions").and_then(Value::as_array_mut) {
        Some(expressions) => expressions.push(not_source),
        None => namespaces["matchExpressions"] = json!([not_source]),
    }
    let mut whole = json!({"namespaceSelector": namespaces});
    if let Some(pods) = &peer.pod_selector {
        whole["podSelector"] = json!(pods);
    }
    whole
}

fn closed(log: &mut Log, route: &Object) {
    log.find(
        Severity::Informs,
        &route.key(),
        "/spec",
        "route-closed",
        "the class does not say where route traffic comes from, so that the fence lets none in and the route will not answer",
        "# in the StagingClass, with the namespace of the ingress controller\nspec:\n  expose:\n    from:\n    - namespaceSelector:\n        matchLabels:\n          kubernetes.io/metadata.name: ingress-nginx\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{object, request, service};

    fn ingress() -> Object {
        object(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            json!({"spec": {"rules": [{
                "host": "web.staging.test",
                "http": {"paths": [
                    {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
                    {"path": "/a", "pathType": "Prefix", "backend": {"service": {"name": "api", "port": {"name": "http"}}}},
                    {"path": "/b", "pathType": "Prefix", "backend": {"service": {"name": "gone", "port": {"number": 80}}}},
                ]},
            }]}}),
        )
    }

    fn class(from: &Value) -> Value {
        json!({"expose": {"domain": "staging.test", "ingressClassName": "nginx", "from": from}})
    }

    #[test]
    fn the_ingress_controller_reaches_the_pods_behind_routes_on_their_own_ports() {
        let api = object(
            "v1",
            "Service",
            "api",
            json!({"spec": {
                "selector": {"app": "api"},
                "ports": [
                    {"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"},
                    {"name": "admin", "port": 81},
                ],
            }}),
        );
        let from = json!([{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}},
            "podSelector": {"matchLabels": {"app": "nginx"}},
        }]);
        let request = request(json!({}), class(&from));
        let made = policies(&[ingress(), api, service("web")], &request, &mut Log::default());

        let seen: Vec<_> = made
            .iter()
            .map(|it| {
                (
                    it.name(),
                    it.get("/spec/podSelector/matchLabels/app").unwrap().clone(),
                    it.get("/spec/ingress/0/ports").unwrap().clone(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("kulisse-routes-api", json!("api"), json!([{"protocol": "TCP", "port": "web"}])),
                ("kulisse-routes-web", json!("web"), json!([{"protocol": "TCP", "port": 8080}])),
            ]
        );
        assert_eq!(
            made[0].get("/spec/ingress/0/from"),
            Some(&json!([{
                "namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": "ingress"},
                    "matchExpressions": [
                        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop"]},
                    ],
                },
                "podSelector": {"matchLabels": {"app": "nginx"}},
            }]))
        );
    }

    #[test]
    fn a_class_that_does_not_say_where_traffic_comes_from_opens_nothing_and_says_so() {
        let mut log = Log::default();
        let request = request(json!({}), class(&json!([])));
        assert_eq!(policies(&[ingress(), service("web")], &request, &mut log), []);
        assert_eq!(log.findings[0].kind, "route-closed");
        assert_eq!(log.findings[0].severity, Severity::Informs);
    }

    fn from_ingress() -> Value {
        class(&json!([{"namespaceSelector": {"matchLabels": {"team": "ingress"}}}]))
    }

    /// The ports that are opened for routes to these ports of Service `web`.
    fn opened(routes: &[Value], ports: &Value) -> Option<Value> {
        let backend = |port: &Value| json!({"backend": {"service": {"name": "web", "port": port}}});
        let paths: Vec<Value> = routes.iter().map(backend).collect();
        let route = object(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            json!({"spec": {"rules": [{"http": {"paths": paths}}]}}),
        );
        let service = json!({"spec": {"selector": {"app": "web"}, "ports": ports}});
        let clones = [route, object("v1", "Service", "web", service)];
        let made = policies(&clones, &request(json!({}), from_ingress()), &mut Log::default());
        made.first().and_then(|it| it.get("/spec/ingress/0/ports")).cloned()
    }

    #[test]
    fn only_the_ports_that_routes_lead_to_are_opened_each_once() {
        let ports = json!([
            {"name": "http", "port": 80, "targetPort": 8080},
            {"name": "admin", "port": 81, "targetPort": 8081},
            {"name": "alias", "port": 82, "targetPort": 8080},
            {"name": "plain", "port": 83, "protocol": "UDP"},
        ]);
        let tcp = |port: u16| json!({"protocol": "TCP", "port": port});
        for (routes, expected) in [
            (vec![json!({"number": 81})], Some(json!([tcp(8081)]))),
            (vec![json!({"name": "admin"})], Some(json!([tcp(8081)]))),
            (vec![json!({"number": 83})], Some(json!([{"protocol": "UDP", "port": 83}]))),
            (
                vec![json!({"number": 80}), json!({"number": 80}), json!({"number": 82})],
                Some(json!([tcp(8080)])),
            ),
            (vec![json!({"number": 99})], None),
            (vec![json!({"name": "gone"})], None),
        ] {
            assert_eq!(opened(&routes, &ports), expected, "{routes:?}");
        }
        let unnamed = json!([{"port": 80}, {"port": 81}]);
        assert_eq!(opened(&[json!({"number": 81})], &unnamed), Some(json!([tcp(81)])));
    }

    #[test]
    fn the_name_of_a_policy_is_no_longer_than_a_label() {
        let called = |length: usize| {
            let name = "a".repeat(length);
            let route = object(
                "networking.k8s.io/v1",
                "Ingress",
                "web",
                json!({"spec": {"rules": [{"http": {"paths": [
                    {"backend": {"service": {"name": name, "port": {"number": 80}}}}
                ]}}]}}),
            );
            let clones = [route, service(&name)];
            let made = policies(&clones, &request(json!({}), from_ingress()), &mut Log::default());
            (made[0].name().to_owned(), format!("kulisse-routes-{name}"))
        };
        let (made, whole) = called(48);
        assert_eq!((made.len(), made), (MAX_LABEL, whole));
        let (made, whole) = called(49);
        assert!(made.len() <= MAX_LABEL && made != whole, "{made}");
    }
}
