//! Preview hosts: cloned and made routes, as the API server holds them.

use std::sync::Arc;

use kube::ResourceExt;
use kulisse_core::api::condition::ConditionType::{Planned, Ready};
use serde_json::{Value, json};

use crate::{
    support::wait::{eventually, s},
    world::World,
};

const INGRESS: &str = "networking.k8s.io/v1 Ingress";
const ROUTE: &str = "gateway.networking.k8s.io/v1 HTTPRoute";
const POLICY: &str = "networking.k8s.io/v1 NetworkPolicy";

/// Two Services and what leads to them.
const ROUTED: &str = "
apiVersion: v1
kind: Service
metadata: { name: web, namespace: '{ns}' }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: api, namespace: '{ns}' }
spec: { selector: { app: api }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: '{ns}' }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: 'registry.example.com/web:1', env: [{ name: SELF, value: 'https://shop.example.com/' }] }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  namespace: '{ns}'
  annotations:
    nginx.ingress.kubernetes.io/proxy-body-size: 8m
    cert-manager.io/cluster-issuer: production
    external-dns.alpha.kubernetes.io/hostname: shop.example.com
spec:
  ingressClassName: production
  tls: [{ hosts: [shop.example.com], secretName: shop-tls }]
  rules:
    - host: shop.example.com
      http:
        paths:
          - { path: /, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }
          - { path: /api, pathType: Prefix, backend: { service: { name: api, port: { number: 8080 } } } }
";

fn from_ingress() -> Value {
    json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "ingress" } } }])
}

pub async fn an_ingress_arrives_with_a_preview_host_the_classs_certificate_and_annotations(
    world: Arc<World>,
) {
    let objects = world.objects();
    let place = world.source("ingress", ROUTED).await;
    let expose = json!({
        "domain": "tls.example.org", "ingressClassName": "previews", "scheme": "https", "port": 8443,
        "tlsSecretRef": { "name": "wildcard" }, "from": from_ingress(),
        "annotations": { "nginx.ingress.kubernetes.io/auth-url": "https://login.example.org/check" },
    });
    world.class("with-tls", &json!({ "expose": expose })).await;
    let certificate = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "wildcard", "namespace": "kulisse" },
        "type": "kubernetes.io/tls",
        "stringData": { "tls.crt": "a certificate", "tls.key": "canary-Tq7vXz3LpW9s-key" },
    });
    objects.try_apply(&certificate, false).await.expect("a Secret");
    let it = place.environment("pr-1", json!({ "className": "with-tls" })).await;
    let status = it.ready(s(60)).await;
    let target = it.target().await;
    let url = status.url.expect("a URL");
    let host = url.trim_start_matches("https://").trim_end_matches(":8443");
    assert!(url.starts_with("https://web-pr-1-") && url.contains(".tls.example.org:8443"), "{url}");

    let ingress = objects.get(INGRESS, &target, "shop").await;
    let spec = &ingress.data["spec"];
    assert_eq!(spec["ingressClassName"], "previews");
    assert_eq!(spec["rules"][0]["host"], host);
    assert_eq!(spec["rules"][0]["http"]["paths"].as_array().map(Vec::len), Some(2));
    assert_eq!(spec["tls"], json!([{ "hosts": [host], "secretName": "kulisse-tls" }]));
    let annotations: Vec<&str> = ingress.annotations().keys().map(String::as_str).collect();
    let expected =
        ["nginx.ingress.kubernetes.io/auth-url", "nginx.ingress.kubernetes.io/proxy-body-size"];
    assert_eq!(annotations, expected);
    let secret = objects.get("v1 Secret", &target, "kulisse-tls").await;
    assert_eq!(secret.data["type"], "kubernetes.io/tls");
    let given = objects.get("v1 Secret", "kulisse", "wildcard").await;
    assert!(secret.data["data"] == given.data["data"], "the class's certificate is in the target");
    // The ingress controller reaches the Pods behind it, on their own ports.
    let policy = objects.get(POLICY, &target, "kulisse-routes-web").await;
    assert_eq!(
        policy.data["spec"]["ingress"][0]["ports"],
        json!([{ "port": 8080, "protocol": "TCP" }])
    );
    // Or a Service alone, under a host of one's own choice.
    let label = host.split('.').next().unwrap_or_default();
    let hash = label.rsplit('-').next().unwrap_or_default();
    let chosen = format!("my-api-{hash}.tls.example.org");
    it.patch(json!({ "expose": [{ "service": "api", "host": chosen }] })).await;
    let status = it.ready(s(45)).await;
    assert_eq!(status.urls, [format!("https://{chosen}:8443")]);
    let made = objects.get(INGRESS, &target, "kulisse-expose-api").await;
    assert_eq!(made.data["spec"]["rules"][0]["host"], chosen);
    assert_eq!(made.data["spec"]["tls"][0]["secretName"], "kulisse-tls");
    // Another host that waits for a person: the URL is where the routes are.
    let other = format!("your-api-{hash}.tls.example.org");
    let expose = json!([{ "service": "api", "host": other }]);
    it.patch(json!({ "mode": "Plan", "expose": expose })).await;
    it.until(Ready, "False", "AwaitingApproval", s(30)).await;
    assert_eq!(it.status().await.urls, [format!("https://{chosen}:8443")]);
    it.patch(json!({ "mode": "Apply" })).await;
    assert_eq!(it.ready(s(45)).await.urls, [format!("https://{other}:8443")]);
    it.remove().await;
}

pub async fn routes_of_the_gateway_api_attach_to_the_gateway_of_the_class(world: Arc<World>) {
    let route = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop, namespace: '{ns}' }
spec:
  parentRefs: [{ name: public, namespace: gateways, sectionName: shop }]
  hostnames: [shop.example.com, www.shop.example.com]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /api } }]
      backendRefs: [{ name: api, port: 8080 }, { name: web, namespace: elsewhere, port: 80 }]
    - backendRefs: [{ name: web, namespace: '{ns}', port: 80 }]
";
    // Whatever is being deleted meanwhile would have to do with a kind that comes and goes.
    let (world, _turn) = world.alone().await;
    let objects = world.objects();
    let place = world.source("gateway", ROUTED).await;
    let expose = json!({
        "domain": "gw.example.org", "scheme": "https", "from": from_ingress(),
        "gatewayRef": { "namespace": "gateways", "name": "previews", "sectionName": "https" },
    });
    world.class("through-a-gateway", &json!({ "expose": expose })).await;
    let spec = json!({ "className": "through-a-gateway" });
    let before = place.environment("before", spec.clone()).await;
    assert!(before.ready(s(60)).await.urls.is_empty(), "an Ingress is no route of a Gateway");
    before.delete().await;
    // Installed while the operator runs, as platform teams do; the next environment has its routes.
    objects.apply(include_str!("gateway.yaml")).await;
    objects.apply(&route.replace("{ns}", &place.source)).await;
    let it = place.environment("pr-1", spec).await;
    let status = it.ready(s(60)).await;
    assert_eq!(status.urls.len(), 2, "{:?}", status.urls);
    let target = it.target().await;
    let found = objects.get(ROUTE, &target, "shop").await;
    let spec = &found.data["spec"];
    let parent = &spec["parentRefs"];
    assert_eq!(parent.as_array().map(Vec::len), Some(1));
    let named = (&parent[0]["namespace"], &parent[0]["name"], &parent[0]["sectionName"]);
    assert_eq!(named, (&json!("gateways"), &json!("previews"), &json!("https")));
    let hosts: Vec<&str> =
        spec["hostnames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(
        hosts.len() == 2 && hosts.iter().all(|it| it.ends_with(".gw.example.org")),
        "{hosts:?}"
    );
    assert_eq!(spec["rules"][0]["backendRefs"].as_array().map(Vec::len), Some(1));
    let home = &spec["rules"][1]["backendRefs"][0]["namespace"];
    assert!(home.is_null() || *home == json!(target), "{home}");
    // Production's Ingress would be served by another way than the class's.
    assert!(objects.find(INGRESS, &target, "shop").await.is_none());
    let plan = objects.get("kulisse.dev/v1alpha1 StagingPlan", &place.requests, "pr-1").await;
    assert!(plan.data["spec"]["leftBehind"].to_string().contains("Ingress.networking.k8s.io/shop"));
    // What the environment itself exposes takes the place of production's routes.
    it.patch(json!({ "expose": [{ "service": "api" }] })).await;
    assert_eq!(it.ready(s(45)).await.urls.len(), 1);
    let made = objects.get(ROUTE, &target, "kulisse-expose-api").await;
    assert_eq!(made.data["spec"]["rules"][0]["backendRefs"][0]["port"], 8080);
    assert!(objects.find(ROUTE, &target, "shop").await.is_none());
    it.remove().await;
    let definition = "apiextensions.k8s.io/v1 CustomResourceDefinition";
    objects.delete(definition, "", "httproutes.gateway.networking.k8s.io").await;
}

pub async fn a_host_that_another_environment_has_is_not_taken(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("hosts", ROUTED).await;
    let expose = json!({ "domain": "taken.example.org", "ingressClassName": "previews",
        "hostTemplate": "{service}", "from": from_ingress() });
    world.class("without-hash", &json!({ "expose": expose })).await;
    let spec = json!({ "className": "without-hash" });
    let first = place.environment("first", spec.clone()).await;
    let url = first.ready(s(60)).await.url.expect("a URL");
    assert_eq!(url, "http://web.taken.example.org");
    let second = place.environment("second", spec).await;
    let told = second.until(Planned, "False", "HostTaken", s(30)).await;
    assert!(told.contains("web.taken.example.org") && told.contains("environment first"), "{told}");
    second.until(Ready, "False", "HostTaken", s(5)).await;
    assert!(second.status().await.namespaces.is_empty(), "nothing is made");
    assert_eq!(second.status().await.url, None, "it has no such URL");
    first.ready(s(5)).await;
    // The host is free once the other one is gone; a change of the spec has it looked at at once.
    first.remove().await;
    second.patch(json!({ "pullRequest": { "number": 2 } })).await;
    assert_eq!(second.ready(s(60)).await.url, Some(url));
    eventually("its Ingress is there", s(5), || async {
        let found = objects.find(INGRESS, &second.target().await, "shop").await;
        found.map(|_| ()).ok_or_else(|| "it is not".to_owned())
    })
    .await;
    second.remove().await;
}
