//! What an environment makes of production, or has instead of it: overlay, manifests, variables,
//! patches, as the API server holds them.

use std::sync::Arc;

use kube::ResourceExt;
use kulisse_core::api::condition::ConditionType::{Granted, Planned, Ready};
use serde_json::{Value, json};

use crate::{
    support::{
        environment::Environment,
        objects::Objects,
        wait::{s, steadily},
    },
    world::{APPLICATION, Place, World},
};

const DEPLOYMENT: &str = "apps/v1 Deployment";

/// Lets the operator read in a request namespace, as the chart's `requestNamespaces` does.
pub async fn may_read(place: &Place<'_>) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "kulisse-request-reader", "namespace": place.requests },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kulisse-request-reader" },
        "subjects": [{ "kind": "ServiceAccount", "name": "kulisse", "namespace": "kulisse" }],
    });
    place.world.objects().try_apply(&binding, false).await.expect("a RoleBinding");
}

/// A ConfigMap of the request namespace with manifests, usable or not.
async fn texts(place: &Place<'_>, name: &str, usable: bool, data: &[(&str, &str)]) {
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, text)| ((*key).to_owned(), json!(text))).collect();
    let labels = if usable { json!({ "kulisse.dev/usable": "true" }) } else { json!({}) };
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": { "name": name, "namespace": place.requests, "labels": labels } });
    place.world.objects().try_apply(&object, false).await.expect("a ConfigMap");
}

async fn container(objects: &Objects, target: &str, deployment: &str) -> Value {
    let it = objects.get(DEPLOYMENT, target, deployment).await;
    it.data["spec"]["template"]["spec"]["containers"][0].clone()
}

const MOCK: &str = "
apiVersion: v1
kind: Service
metadata: { name: mock }
spec: { selector: { app: mock }, ports: [{ port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: mock }
spec:
  replicas: 0
  selector: { matchLabels: { app: mock } }
  template:
    metadata: { labels: { app: mock } }
    spec:
      containers:
        - { name: mock, image: 'registry.example.com/mock:1', env: [{ name: API, value: 'http://api.{ns}.svc:8080' }] }
";

pub async fn an_overlay_adds_and_replaces_and_is_read_again_with_the_spec(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("overlaid", APPLICATION).await;
    may_read(&place).await;
    texts(&place, "mocks", true, &[("mock.yaml", &MOCK.replace("{ns}", &place.source))]).await;
    let settings = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" },
        "data": { "API": "http://api.src-overlaid.svc.cluster.local:9090" } });
    let overlay =
        json!({ "inline": [settings], "configMapRef": [{ "name": "mocks", "key": "mock.yaml" }] });
    let it = place.environment("pr-1", json!({ "overlay": overlay })).await;
    it.ready(s(60)).await;
    let target = it.target().await;
    let found = objects.get("v1 ConfigMap", &target, "settings").await;
    // Whole: nothing of production's is merged into it; relocated as everything is.
    assert_eq!(
        found.data["data"],
        json!({ "API": format!("http://api.{target}.svc.cluster.local:9090") })
    );
    let mock = container(objects, &target, "mock").await;
    assert_eq!(mock["env"][0]["value"], format!("http://api.{target}.svc:8080"));
    assert!(objects.find("v1 Service", &target, "mock").await.is_some());

    // A change of the ConfigMap alone changes nothing.
    let changed = MOCK.replace("{ns}", &place.source).replace("mock:1", "mock:2");
    texts(&place, "mocks", true, &[("mock.yaml", &changed)]).await;
    steadily("it is not read", s(3), || async {
        let image = container(objects, &target, "mock").await["image"].clone();
        if image == "registry.example.com/mock:1" { Ok(()) } else { Err(image.to_string()) }
    })
    .await;
    // With the next commit it is read.
    it.patch(json!({ "pullRequest": { "commit": "2" } })).await;
    it.ready(s(45)).await;
    assert_eq!(container(objects, &target, "mock").await["image"], "registry.example.com/mock:2");

    // What the overlay no longer has goes, and what it replaced is production's again.
    it.patch(json!({ "overlay": null })).await;
    it.ready(s(45)).await;
    assert!(objects.find(DEPLOYMENT, &target, "mock").await.is_none());
    assert!(objects.find("v1 Service", &target, "mock").await.is_none());
    let found = objects.get("v1 ConfigMap", &target, "settings").await;
    assert_eq!(found.data["data"]["WORD"], "src-overlaid");
    it.remove().await;
}

pub async fn manifests_that_cannot_be_used_are_named(world: Arc<World>) {
    let place = world.source("unusable", APPLICATION).await;
    let refers = |name: &str, key: Option<&str>| json!({ "overlay": { "configMapRef": [{ "name": name, "key": key }] } });
    // Nobody lets the operator read there.
    let nothing_is_made =
        async |it: &Environment<'_>| assert!(it.status().await.namespaces.is_empty());
    let it = place.environment("pr-1", refers("mocks", None)).await;
    let told = it.until(Planned, "False", "InvalidManifest", s(30)).await;
    assert!(told.contains("mocks") && told.contains("requestNamespaces"), "{told}");
    may_read(&place).await;
    texts(&place, "private", false, &[("a", MOCK)]).await;
    texts(&place, "broken", true, &[("a.yaml", "kind: [")]).await;
    texts(
        &place,
        "elsewhere",
        true,
        &[("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: other }")],
    )
    .await;
    for (name, key, says) in [
        ("private", None, "kulisse.dev/usable"),
        ("broken", None, "a.yaml"),
        ("broken", Some("b.yaml"), "it has a.yaml"),
        ("elsewhere", None, "other"),
    ] {
        it.patch(refers(name, key)).await;
        let told = it.until(Planned, "False", "InvalidManifest", s(30)).await;
        assert!(told.contains(says) && told.contains(name), "{name}: {told}");
        nothing_is_made(&it).await;
    }
    it.patch(json!({ "overlay": null })).await;
    it.ready(s(60)).await;
    it.remove().await;
}

pub async fn an_environment_is_made_of_manifests_alone_where_the_class_says_so(world: Arc<World>) {
    let objects = world.objects();
    // A namespace that is not there at all: nothing is read in it, and nobody has to consent.
    let place = world.place("rendered");
    objects.namespace(&place.requests).await;
    may_read(&place).await;
    let text = APPLICATION.replace("{ns}", &place.source);
    texts(&place, "rendered", true, &[("all.yaml", &text)]).await;
    world.class("rendered", &json!({ "manifests": "Refuse" })).await;
    let source = json!({ "namespace": place.source, "manifests": { "configMapRef": [{ "name": "rendered" }] } });
    let it = place.environment("pr-1", json!({ "className": "rendered", "source": source })).await;
    let told = it.until(Granted, "False", "NotAllowedByClass", s(20)).await;
    assert!(told.contains("manifests"), "{told}");
    world.class("rendered", &json!({ "manifests": "Allow" })).await;
    it.ready(s(60)).await;
    let target = it.target().await;
    let settings = objects.get("v1 ConfigMap", &target, "settings").await;
    assert_eq!(settings.data["data"]["API"], format!("http://api.{target}.svc.cluster.local:8080"));
    let secret = objects.get("v1 Secret", &target, "database").await;
    let leaks = crate::support::leaks::leaks(objects, &[&target]).await;
    assert!(leaks.is_empty(), "a secret value of the manifests is in {leaks:?}");
    assert!(secret.data["data"]["password"].is_string());
    let image = container(objects, &target, "web").await["image"].clone();
    assert_eq!(image, "registry.example.com/web:1", "as written");
    // Read again when the commit moves on, and not before.
    texts(&place, "rendered", true, &[("all.yaml", &text.replace("web:1", "web:2"))]).await;
    it.patch(json!({ "pullRequest": { "number": 3 } })).await;
    it.ready(s(45)).await;
    assert_eq!(container(objects, &target, "web").await["image"], "registry.example.com/web:1");
    it.patch(json!({ "pullRequest": { "commit": "b" } })).await;
    it.ready(s(45)).await;
    assert_eq!(container(objects, &target, "web").await["image"], "registry.example.com/web:2");
    it.remove().await;
    // A person's own, with values in it that nobody else may show.
    objects.delete("v1 ConfigMap", &place.requests, "rendered").await;
    world.sources.lock().expect("a set").remove(&place.source);
}

pub async fn variables_and_patches_are_in_what_is_applied(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("patched", APPLICATION).await;
    let env = json!([
        { "unset": ["PASSWORD"], "target": { "name": "api" } },
        { "set": [
            { "name": "LOG_LEVEL", "value": "debug" },
            { "name": "PEER", "value": "http://api.src-patched.svc:8080" },
            { "name": "WORD", "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "WORD" } } },
        ] },
    ]);
    let merge = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  template:
    spec:
      containers:
        - name: web
          resources: { limits: { memory: 1Gi } }
          ports: [{ containerPort: 8080, name: http }]
";
    let operations = "
- { op: add, path: /metadata/labels/team, value: red }
- { op: replace, path: /spec/ports/0/port, value: 9090 }
";
    let patches = json!([
        { "patch": merge },
        { "patch": operations, "target": { "kind": "Service", "name": "a*" } },
        { "patch": "$patch: delete", "target": { "kind": "RoleBinding", "name": "api" } },
    ]);
    let it = place.environment("pr-1", json!({ "env": env, "patches": patches })).await;
    it.ready(s(60)).await;
    let target = it.target().await;
    let api = container(objects, &target, "api").await;
    let names: Vec<&str> =
        api["env"].as_array().into_iter().flatten().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["SETTINGS", "LOG_LEVEL", "PEER", "WORD"]);
    assert_eq!(api["env"][2]["value"], format!("http://api.{target}.svc:8080"));
    let web = container(objects, &target, "web").await;
    assert_eq!(web["resources"]["limits"]["memory"], "1Gi");
    assert_eq!(web["ports"][0]["containerPort"], 8080);
    assert_eq!(web["image"], "registry.example.com/web:1", "the rest is as it was");
    let service = objects.get("v1 Service", &target, "api").await;
    assert_eq!(service.data["spec"]["ports"][0]["port"], 9090);
    assert_eq!(service.labels()["team"], "red");
    let binding = objects.find("rbac.authorization.k8s.io/v1 RoleBinding", &target, "api").await;
    assert!(binding.is_none());

    // Taken back, production's are there again: fields that only a patch gave are gone.
    it.patch(json!({ "env": null, "patches": null })).await;
    it.ready(s(45)).await;
    let api = container(objects, &target, "api").await;
    assert_eq!(api["env"].as_array().map(Vec::len), Some(2));
    let web = container(objects, &target, "web").await;
    assert_eq!((&web["ports"], &web["resources"]["limits"]), (&Value::Null, &Value::Null));
    let service = objects.get("v1 Service", &target, "api").await;
    assert_eq!(
        service.data["spec"]["ports"],
        json!([{ "name": "http", "port": 8080, "protocol": "TCP", "targetPort": 8080 }])
    );
    assert!(!service.labels().contains_key("team"));
    let binding = objects.find("rbac.authorization.k8s.io/v1 RoleBinding", &target, "api").await;
    assert!(binding.is_some());

    let nothing =
        json!([{ "patch": "- { op: remove, path: /spec/none }", "target": { "kind": "Service" } }]);
    it.patch(json!({ "patches": nothing })).await;
    let told = it.until(Planned, "False", "PatchFailed", s(20)).await;
    assert!(told.contains("patches[0]") && told.contains("Service/api"), "{told}");
    it.until(Ready, "False", "PatchFailed", s(5)).await;
    it.remove().await;
}
