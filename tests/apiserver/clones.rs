//! What arrives in a target, and what changes there afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};
use kube::{Api, ResourceExt};
use kulisse_core::api::condition::ConditionType::{Applied, Ready, Seeded, Suspended};
use serde_json::{Value, json};

use crate::{
    support::{
        canary::CANARY,
        environment::Environment,
        leaks::leaks,
        objects::Objects,
        pods,
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, World},
};

/// What the operator put into a namespace, by kind and name: controllers' own objects left out.
async fn clones(objects: &Objects, target: &str) -> BTreeMap<String, String> {
    let made_by_others = [
        "ReplicaSet.",
        "Pod.",
        "Event.",
        "EndpointSlice.",
        "Endpoints.",
        "Job.",
        "ControllerRevision.",
    ];
    let all = objects.everything(Some(target)).await.into_iter();
    all.filter(|(key, _)| !made_by_others.iter().any(|it| key.starts_with(it)))
        .map(|(key, (_, version))| (key, version))
        .collect()
}

/// What differs between two looks.
pub fn changed(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> BTreeSet<String> {
    let keys = before.keys().chain(after.keys());
    keys.filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

/// Waits until controllers have stopped writing, too.
pub async fn settled(objects: &Objects, target: &str) -> BTreeMap<String, String> {
    eventually("the target has settled", s(20), || async {
        let before = clones(objects, target).await;
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        let after = clones(objects, target).await;
        let moved = changed(&before, &after);
        if moved.is_empty() { Ok(after) } else { Err(format!("{moved:?}")) }
    })
    .await
}

pub async fn a_clone_arrives_rewritten_and_without_productions_secrets(world: Arc<World>) {
    let place = world.source("rewritten", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let target = it.target().await;

    let settings = objects.get("v1 ConfigMap", &target, "settings").await;
    assert_eq!(settings.data["data"]["API"], format!("http://api.{target}.svc.cluster.local:8080"));
    assert_eq!(settings.data["data"]["WORD"], "src-rewritten", "a bare word stays");
    let deployment = objects.get("apps/v1 Deployment", &target, "api").await;
    let argument = &deployment.data["spec"]["template"]["spec"]["containers"][0]["args"][0];
    assert_eq!(*argument, format!("--database=db.{target}.svc.cluster.local"));
    let binding = objects.get("rbac.authorization.k8s.io/v1 RoleBinding", &target, "api").await;
    assert_eq!(binding.data["subjects"][0]["namespace"], target);
    let service = objects.get("v1 Service", &target, "api").await;
    let production = objects.get("v1 Service", &place.source, "api").await;
    assert_ne!(service.data["spec"]["clusterIP"], production.data["spec"]["clusterIP"]);
    let role = objects.get("rbac.authorization.k8s.io/v1 Role", &target, "api").await;
    let _ = role;

    let secrets: Api<Secret> = Api::namespaced(objects.client.clone(), &target);
    let values = secrets.get("database").await.expect("the cloned Secret").data.unwrap_or_default();
    let value = |key: &str| String::from_utf8(values[key].0.clone()).expect("text");
    assert_eq!(value("user"), "shop", "a user's name is no secret");
    let production = format!("{CANARY}-1");
    assert_ne!(value("password"), production);
    assert_eq!(value("password").len(), production.len(), "length and alphabet are kept");
    let url = format!("postgres://shop:{}@db.{target}.svc:5432/shop", value("password"));
    assert!(
        value("url") == url,
        "one password in two places stays one, and the host is the clone's"
    );

    // The namespace says whose it is.
    let namespace = objects.get("v1 Namespace", "", &target).await;
    assert_eq!(namespace.labels()["kulisse.dev/environment"], "pr-1");
    assert_eq!(namespace.labels()["kulisse.dev/request-namespace"], place.requests);
    assert_eq!(namespace.labels()["pod-security.kubernetes.io/enforce"], "baseline");
    let policies = objects.names("networking.k8s.io/v1 NetworkPolicy", &target).await;
    assert!(!policies.is_empty(), "there is a fence");
    let leaks = leaks(objects, &[&place.requests, &target]).await;
    assert!(leaks.is_empty(), "a secret value of production is in {leaks:?}");
    writes_only_finalizers_and_status(&it).await;
    it.remove().await;
}

async fn writes_only_finalizers_and_status(it: &Environment<'_>) {
    let entries = it.get().await.metadata.managed_fields.unwrap_or_default();
    let ours =
        |it: &ManagedFieldsEntry| it.manager.as_deref().is_some_and(|it| it.starts_with("kulisse"));
    assert!(entries.iter().any(ours), "{entries:?}");
    for entry in entries.into_iter().filter(ours) {
        let fields = serde_json::to_value(&entry.fields_v1).expect("JSON");
        let top: Vec<&String> =
            fields.as_object().into_iter().flatten().map(|(key, _)| key).collect();
        assert!(top.iter().all(|it| *it == "f:metadata" || *it == "f:status"), "{top:?}");
        let metadata = fields["f:metadata"].as_object().cloned().unwrap_or_default();
        assert!(metadata.keys().all(|it| it == "f:finalizers"), "{metadata:?}");
    }
}

pub async fn another_image_changes_one_object_and_runs_no_seed_again(world: Arc<World>) {
    let place = world.source("push", APPLICATION).await;
    let objects = world.objects();
    let seed = json!([{ "name": "rows", "run": { "image": "registry.example.com/seed:1" } }]);
    let it = place.environment("pr-1", json!({ "seed": seed })).await;
    let target = it.target().await;
    let jobs = || objects.names("batch/v1 Job", &target);
    let mut pods = 0;
    for _ in 0..2400 {
        pods += pods::end(objects, &target, "Succeeded").await;
        let status = it.status().await;
        if status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(75)).await;
    }
    it.ready(s(5)).await;
    assert_eq!(pods, 1, "the seed ran once");
    let (before, jobs_before) = (settled(objects, &target).await, jobs().await);

    it.patch(json!({ "images": [{ "name": "registry.example.com/web", "newTag": "pr-1" }],
        "pullRequest": { "number": 1 } }))
        .await;
    it.ready(s(30)).await;
    let after = settled(objects, &target).await;
    assert_eq!(changed(&before, &after), BTreeSet::from(["Deployment.apps web".to_owned()]));
    let web = objects.get("apps/v1 Deployment", &target, "web").await;
    let image = &web.data["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, "registry.example.com/web:pr-1");
    assert_eq!(jobs().await, jobs_before, "no seed was started again");
    it.until(Seeded, "True", "", s(5)).await;

    // Taken back, production's image runs again, and nothing else moves.
    it.patch(json!({ "images": null })).await;
    it.ready(s(30)).await;
    let back = settled(objects, &target).await;
    assert_eq!(changed(&after, &back), BTreeSet::from(["Deployment.apps web".to_owned()]));
    let web = objects.get("apps/v1 Deployment", &target, "web").await;
    let image = &web.data["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, "registry.example.com/web:1");
    it.remove().await;
}

pub async fn what_is_no_longer_planned_is_removed(world: Arc<World>) {
    let place = world.source("prune", APPLICATION).await;
    let objects = world.objects();
    let replicas = json!({ "overrides": [{ "target": { "kind": "Deployment", "name": "api" }, "resources": { "requests": { "cpu": "11m" } } }] });
    let it = place.environment("pr-1", json!({ "scale": replicas })).await;
    it.ready(s(45)).await;
    let target = it.target().await;
    let before = settled(objects, &target).await;
    assert!(before.contains_key("Deployment.apps web"));
    it.patch(json!({ "source": { "exclude": [{ "kind": "Deployment", "name": "web" }] }, "scale": null }))
        .await;
    it.ready(s(30)).await;
    eventually("the excluded workload is gone", s(20), || async {
        match objects.find("apps/v1 Deployment", &target, "web").await {
            None => Ok(()),
            Some(_) => Err("it is there".to_owned()),
        }
    })
    .await;
    let api = objects.get("apps/v1 Deployment", &target, "api").await;
    let requests = &api.data["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"];
    assert_eq!(*requests, Value::Null, "a field that is no longer set goes, too");
    let moved = changed(&before, &settled(objects, &target).await);
    let only = |it: &String| it.starts_with("Deployment.apps ") || it.starts_with("NetworkPolicy.");
    assert!(moved.iter().all(only), "{moved:?}");
    it.remove().await;
}

/// A Secret that environments may use, and the right of the operator to read it.
const SANDBOX: &str = "
apiVersion: v1
kind: Secret
metadata: { name: sandbox, namespace: '{ns}', labels: { kulisse.dev/usable: 'true' } }
stringData: { password: given-at-first }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: kulisse-request-reader, namespace: '{ns}' }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kulisse-request-reader }
subjects: [{ kind: ServiceAccount, name: kulisse, namespace: kulisse }]
";

pub async fn other_contents_of_a_given_secret_are_applied_and_nothing_else_moves(
    world: Arc<World>,
) {
    let place = world.source("given", APPLICATION).await;
    let objects = world.objects();
    objects.apply(&SANDBOX.replace("{ns}", &place.requests)).await;
    let rule = json!([{ "name": "database", "keys": ["password"], "policy": "From",
        "from": { "name": "sandbox" } }]);
    let it = place.environment("pr-1", json!({ "secrets": { "rules": rule } })).await;
    it.ready(s(45)).await;
    let target = it.target().await;
    let api: Api<Secret> = Api::namespaced(objects.client.clone(), &target);
    let password = || async {
        let data = api.get("database").await.expect("the cloned Secret").data.unwrap_or_default();
        String::from_utf8(data["password"].0.clone()).expect("text")
    };
    assert_eq!(password().await, "given-at-first");
    let before = settled(objects, &target).await;
    let other = json!({ "stringData": { "password": "given-later" } });
    objects.merge("v1 Secret", &place.requests, "sandbox", other).await;
    // The plan is the same: what it is made for has a new number.
    it.patch(json!({ "pullRequest": { "number": 2 } })).await;
    eventually("the value is the one that is given now", s(30), || async {
        let now = password().await;
        if now == "given-later" { Ok(()) } else { Err(now) }
    })
    .await;
    it.ready(s(30)).await;
    let moved = changed(&before, &settled(objects, &target).await);
    let only = moved.iter().all(|it| it.starts_with("Secret") && it.ends_with(" database"));
    assert!(moved.len() == 1 && only, "{moved:?}");
    it.remove().await;
}

pub async fn nothing_changes_while_an_environment_is_suspended(world: Arc<World>) {
    let place = world.source("suspended", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let target = it.target().await;
    let before = settled(objects, &target).await;
    let images = json!([{ "name": "registry.example.com/web", "newTag": "later" }]);
    it.patch(json!({ "suspend": true, "images": images })).await;
    it.until(Suspended, "True", "Suspended", s(15)).await;
    steadily("nothing changes", s(2), || async {
        let moved = changed(&before, &clones(objects, &target).await);
        if moved.is_empty() { Ok(()) } else { Err(format!("{moved:?}")) }
    })
    .await;
    it.patch(json!({ "suspend": false })).await;
    it.ready(s(30)).await;
    let moved = changed(&before, &settled(objects, &target).await);
    assert_eq!(moved, BTreeSet::from(["Deployment.apps web".to_owned()]));
    it.remove().await;
}

pub async fn an_object_that_the_server_refuses_is_named_and_the_others_are_applied(
    world: Arc<World>,
) {
    let place = world.source("refused", APPLICATION).await;
    let objects = world.objects();
    // What only the API server knows to be wrong.
    let patch =
        "apiVersion: v1\nkind: Service\nmetadata: { name: api }\nspec: { sessionAffinity: Never }";
    let it = place.environment("pr-1", json!({ "patches": [{ "patch": patch }] })).await;
    let told = it.until(Applied, "False", "Refused", s(45)).await;
    assert!(told.contains("Service/api"), "{told}");
    it.until(Ready, "False", "Refused", s(5)).await;
    let target = it.target().await;
    for (kind, name) in [("v1 ConfigMap", "settings"), ("v1 Secret", "database")] {
        assert!(objects.find(kind, &target, name).await.is_some(), "{kind} {name} was not applied");
    }
    // Other environments go on meanwhile, and this one does once it is settled.
    it.patch(json!({ "patches": null })).await;
    it.ready(s(60)).await;
    it.remove().await;
}

pub async fn a_seed_whose_store_never_comes_waits_and_says_so(world: Arc<World>) {
    let store = "
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: '{ns}' }
spec:
  replicas: 1
  serviceName: db
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec: { containers: [{ name: db, image: 'registry.example.com/db:1' }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: '{ns}' }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: 'registry.example.com/web:1' }] }
";
    let place = world.source("storeless", store).await;
    let objects = world.objects();
    let seed = json!([{ "name": "rows", "timeout": "3s", "run": { "image": "registry.example.com/seed:1" } }]);
    let it = place.environment("pr-1", json!({ "seed": seed })).await;
    let told = it.until(Seeded, "False", "TimedOut", s(45)).await;
    assert!(told.contains("rows") && told.contains("db"), "{told}");
    it.until(Ready, "False", "TimedOut", s(5)).await;
    let target = it.target().await;
    let web = objects.get("apps/v1 Deployment", &target, "web").await;
    assert_eq!(web.data["spec"]["replicas"], 0, "other workloads wait for the seed");
    it.remove().await;
}

pub async fn three_environments_of_one_source_do_not_disturb_each_other(world: Arc<World>) {
    let place = world.source("shared", APPLICATION).await;
    let objects = world.objects();
    let mut all = Vec::new();
    for name in ["pr-1", "pr-2", "pr-3"] {
        all.push(place.environment(name, json!({})).await);
    }
    let mut targets = BTreeSet::new();
    for it in &all {
        it.ready(s(60)).await;
        targets.insert(it.target().await);
    }
    assert_eq!(targets.len(), 3, "{targets:?}");
    let passwords: BTreeSet<String> = {
        let mut found = BTreeSet::new();
        for target in &targets {
            let secret = objects.get("v1 Secret", target, "database").await;
            found.insert(secret.data["data"]["password"].to_string());
        }
        found
    };
    assert_eq!(passwords.len(), 3, "each has credentials of its own");
    let (first, rest) = all.split_first().expect("three");
    let mut before = BTreeMap::new();
    for it in rest {
        before.insert(it.target().await, settled(objects, &it.target().await).await);
    }
    first.remove().await;
    for it in rest {
        it.ready(s(5)).await;
        let target = it.target().await;
        let moved = changed(&before[&target], &clones(objects, &target).await);
        assert!(moved.is_empty(), "{}: {moved:?}", it.name);
    }
    for it in rest {
        it.remove().await;
    }
}

pub async fn production_that_moves_on_changes_nothing_in_what_lives(world: Arc<World>) {
    let place = world.source("moved", APPLICATION).await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let target = it.target().await;
    let before = settled(objects, &target).await;
    let image = "registry.example.com/api:2";
    let template = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "api", "image": image }] } } } });
    objects.merge("apps/v1 Deployment", &place.source, "api", template).await;
    objects
        .merge("v1 ConfigMap", &place.source, "settings", json!({ "data": { "NEW": "1" } }))
        .await;
    objects.delete("v1 Service", &place.source, "api").await;
    // A push changes what it names, not what production did meanwhile.
    it.patch(json!({ "images": [{ "name": "registry.example.com/web", "newTag": "2" }] })).await;
    it.ready(s(30)).await;
    let moved = changed(&before, &settled(objects, &target).await);
    assert_eq!(moved, BTreeSet::from(["Deployment.apps web".to_owned()]));
    it.remove().await;
}
