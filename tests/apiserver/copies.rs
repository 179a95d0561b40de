//! Secrets that come along as they are, where everybody concerned consents; and those of the class.

use std::sync::Arc;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, ResourceExt};
use kulisse_core::api::condition::ConditionType::{Applied, BoundaryClean, Stalled};
use serde_json::{Value, json};

use crate::{
    support::{
        canary::CANARY,
        objects::Objects,
        wait::{eventually, s},
    },
    world::{APPLICATION, World},
};

/// What a Secret holds under a key.
async fn value(objects: &Objects, namespace: &str, name: &str, key: &str) -> Option<String> {
    let api: Api<Secret> = Api::namespaced(objects.client.clone(), namespace);
    let data = api.get_opt(name).await.expect("an answer")?.data?;
    data.get(key).map(|ByteString(it)| String::from_utf8_lossy(it).into_owned())
}

/// The source's consent, with these Secrets.
async fn grant(objects: &Objects, source: &str, requests: &str, secrets: Value) {
    let grant = json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingGrant",
        "metadata": { "name": format!("from-{requests}"), "namespace": source },
        "spec": { "from": [{ "namespace": requests }], "secrets": secrets },
    });
    objects.try_apply(&grant, false).await.expect("a grant");
}

pub async fn a_secret_is_copied_only_if_its_owners_and_the_class_consent(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("copies", APPLICATION).await;
    let rules =
        json!({ "rules": [{ "name": "database", "keys": ["password"], "policy": "Copy" }] });
    let spec = json!({ "className": "copies", "secrets": rules });
    let production = format!("{CANARY}-1");
    world.class("copies", &json!({})).await;

    let it = place.environment("pr-1", spec.clone()).await;
    let told = it.until(BoundaryClean, "False", "SourceNotGranted", s(30)).await;
    assert!(told.contains("Secret/database") && told.contains("src-copies"), "{told}");
    it.until(Stalled, "True", "", s(5)).await;
    assert!(it.status().await.namespaces.is_empty(), "nothing is made");

    // A shorter or longer list holds from an environment's next plan.
    grant(objects, &place.source, &place.requests, json!(["data*"])).await;
    let pull = |number: u32| json!({ "pullRequest": { "number": number } });
    it.patch(pull(1)).await;
    let told = it.until(BoundaryClean, "False", "NotAllowedByClass", s(30)).await;
    assert!(told.contains("Secret/database") && told.contains("class"), "{told}");
    assert!(it.status().await.namespaces.is_empty(), "nothing is made");

    world.class("copies", &json!({ "secrets": { "allowCopy": ["database"] } })).await;
    it.patch(pull(2)).await;
    let status = it.ready(s(45)).await;
    assert_eq!(status.plan.expect("a plan").copied, ["database"]);
    let told = it.until(BoundaryClean, "False", "CredentialCopied", s(5)).await;
    assert!(told.contains("database"), "{told}");
    let target = it.target().await;
    let copied = value(objects, &target, "database", "password").await;
    assert!(copied.as_deref() == Some(production.as_str()), "the value is production's own");
    let url = value(objects, &target, "database", "url").await.expect("a URL");
    assert!(!url.contains(&production), "what no rule names is invented");

    it.patch(json!({ "secrets": null })).await;
    it.until(BoundaryClean, "Unknown", "ProbeSkipped", s(45)).await;
    it.ready(s(45)).await;
    eventually("production's value is gone", s(20), || async {
        let now = value(objects, &target, "database", "password").await;
        if now.is_some_and(|it| it != production) { Ok(()) } else { Err("it is there".to_owned()) }
    })
    .await;
    assert!(it.status().await.plan.expect("a plan").copied.is_empty());
    it.remove().await;
}

/// Pods that pull with production's credentials, by themselves and by their account.
const PULLING: &str = "
apiVersion: v1
kind: Secret
metadata: { name: registry, namespace: '{ns}' }
type: kubernetes.io/dockerconfigjson
stringData: { .dockerconfigjson: '{\"auths\":{\"registry.example.com\":{\"auth\":\"cHJvZDpjYW5hcnktVHE3dlh6M0xwVzlz\"}}}' }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: web, namespace: '{ns}' }
imagePullSecrets: [{ name: registry }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: '{ns}' }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { serviceAccountName: web, containers: [{ name: web, image: 'registry.example.com/web:1' }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: own, namespace: '{ns}' }
spec:
  selector: { matchLabels: { app: own } }
  template:
    metadata: { labels: { app: own } }
    spec: { imagePullSecrets: [{ name: registry }], containers: [{ name: own, image: 'registry.example.com/own:1' }] }
";

/// What the Pods of a target pull with, as the API server has admitted them.
async fn pulls(objects: &Objects, target: &str, pods: usize) -> Vec<String> {
    eventually("the Pods are admitted", s(30), || async {
        let all = objects.list("v1 Pod", target).await;
        if all.len() != pods {
            return Err(format!("{} Pods", all.len()));
        }
        let with = |pod: &kube::api::DynamicObject| {
            let list = pod.data["spec"]["imagePullSecrets"].as_array().cloned().unwrap_or_default();
            let names: Vec<&str> = list.iter().filter_map(|it| it["name"].as_str()).collect();
            let app = pod.labels().get("app").cloned().unwrap_or_default();
            format!("{app} {}", names.join(","))
        };
        let mut seen: Vec<String> = all.iter().map(with).collect();
        seen.sort();
        Ok(seen)
    })
    .await
}

pub async fn pods_pull_with_the_classs_secrets_or_with_those_that_are_granted(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("pulls", PULLING).await;
    let staging = r#"{"auths":{"registry.example.com":{"auth":"c3RhZ2luZzpzdGFnaW5n"}}}"#;
    let given = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "staging-registry", "namespace": "kulisse" },
        "type": "kubernetes.io/dockerconfigjson", "stringData": { ".dockerconfigjson": staging },
    });
    world.class("pulls", &json!({ "imagePullSecrets": [{ "name": "staging-registry" }] })).await;

    // It is not there yet: that is said, and mended without a hand.
    let it = place.environment("pr-1", json!({ "className": "pulls" })).await;
    let told = it.until(Applied, "False", "SecretMissing", s(45)).await;
    assert!(
        told.contains("staging-registry") && told.contains("imagePullSecrets of the class"),
        "{told}"
    );
    objects.try_apply(&given, false).await.expect("a Secret");
    it.patch(json!({ "pullRequest": { "number": 1 } })).await;
    it.until(Applied, "True", "", s(60)).await;
    let target = it.target().await;
    let name = "kulisse-pull-staging-registry";
    assert!(value(objects, &target, name, ".dockerconfigjson").await.as_deref() == Some(staging));
    let secret = objects.get("v1 Secret", &target, name).await;
    assert_eq!(secret.data["type"], "kubernetes.io/dockerconfigjson");
    let seen = pulls(objects, &target, 2).await;
    assert_eq!(seen, [format!("own {name}"), format!("web {name}")]);
    assert!(objects.find("v1 Secret", &target, "registry").await.is_none(), "production's stays");
    it.remove().await;

    // No class, no grant: production's is taken from the Pods.
    let it = place.environment("pr-2", json!({})).await;
    it.until(Applied, "True", "", s(60)).await;
    assert_eq!(pulls(objects, &it.target().await, 2).await, ["own ", "web "]);
    it.remove().await;

    // The owners' consent alone lets production's come.
    grant(objects, &place.source, &place.requests, json!(["registry"])).await;
    let it = place.environment("pr-3", json!({})).await;
    it.until(Applied, "True", "", s(60)).await;
    let target = it.target().await;
    assert_eq!(pulls(objects, &target, 2).await, ["own registry", "web registry"]);
    let copied = value(objects, &target, "registry", ".dockerconfigjson").await;
    assert!(copied == value(objects, &place.source, "registry", ".dockerconfigjson").await);
    it.until(BoundaryClean, "Unknown", "ProbeSkipped", s(5)).await;
    it.remove().await;
}
