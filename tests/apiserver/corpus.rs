//! Real applications by other people, in the folder that KULISSE_CORPUS names: each is applied as
//! production and cloned by the operator, with its account's rights, into a target with its fence.
//! The API server has the last word on every clone, and its admission on every Pod that would follow.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::{StreamExt, stream};
use kube::{ResourceExt, api::DynamicObject};
use kulisse_core::api::{
    condition::{ConditionType, find, is_true},
    environment::StagingEnvironment,
    staging_plan::{LeftBehind, StagingPlan},
};
use serde_json::{Value, json};

use crate::{
    support::{
        environment::{Environment, granted_source, shown},
        suite::skip,
        tools::yaml_file,
        wait::{eventually, s},
    },
    world::World,
};

/// Applications at the same time.
const AT_ONCE: usize = 3;

pub async fn the_server_takes_every_clone_of_the_corpus_and_none_misses_anything(_: Arc<World>) {
    let Some(corpus) = std::env::var_os("KULISSE_CORPUS").map(PathBuf::from) else {
        skip("KULISSE_CORPUS is not set: it names a folder of applications")
    };
    // With the kinds of their vendors, which no other scenario wants.
    let vendors = files(&corpus.join("_crds"));
    let start = tokio::task::spawn_blocking(move || World::one("corpus", &vendors));
    let world = &start.await.expect("a thread").expect("a cluster");
    vendors_rights(world).await;
    let mut applications: Vec<PathBuf> = std::fs::read_dir(&corpus)
        .expect("the corpus")
        .map(|it| it.expect("an entry").path())
        .collect();
    applications.retain(|it| it.join("00-namespace.yaml").is_file());
    applications.sort();
    assert!(!applications.is_empty(), "no application in KULISSE_CORPUS");
    let one = |folder: PathBuf| async move { one(world, &folder).await };
    let wrong: Vec<String> = stream::iter(applications)
        .map(one)
        .buffered(AT_ONCE)
        .flat_map(stream::iter)
        .collect()
        .await;
    world.finish();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What vendors of kinds add to Kubernetes' `view`, and a platform team to what the operator may
/// write.
async fn vendors_rights(world: &World) {
    let kinds = world.objects().list("apiextensions.k8s.io/v1 CustomResourceDefinition", "").await;
    let groups: BTreeSet<&str> =
        kinds.iter().filter_map(|it| it.data["spec"]["group"].as_str()).collect();
    for (name, label, verbs) in [
        ("vendors-view", "rbac.authorization.k8s.io/aggregate-to-view", &["get", "list"][..]),
        (
            "vendors-write",
            "kulisse.dev/aggregate-to-clone-writer",
            &["get", "list", "create", "patch", "update", "delete"],
        ),
    ] {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": name, "labels": { label: "true" } },
            "rules": [{ "apiGroups": groups.iter().filter(|it| **it != "kulisse.dev").collect::<Vec<_>>(),
                "resources": ["*"], "verbs": verbs }],
        });
        world.objects().try_apply(&role, false).await.expect("a ClusterRole");
    }
    eventually("the operator's rights cover them", s(20), || async {
        for role in ["kulisse-source-reader", "kulisse-clone-writer"] {
            let kind = "rbac.authorization.k8s.io/v1 ClusterRole";
            let rules = world.objects().get(kind, "", role).await.data["rules"].to_string();
            if let Some(group) =
                groups.iter().find(|it| **it != "kulisse.dev" && !rules.contains(**it))
            {
                return Err(format!("{role} has no {group}"));
            }
        }
        Ok(())
    })
    .await;
}

/// Clones one application; what is wrong with the clone.
async fn one(world: &World, folder: &Path) -> Vec<String> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let objects = world.objects();
    let mut manifests: Vec<Value> = files(folder).iter().flat_map(|it| yaml_file(it)).collect();
    let namespace = manifests.remove(0);
    let source = namespace["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let requests = format!("req-{name}");
    granted_source(objects, &source, &requests).await;
    objects.try_apply(&namespace, false).await.expect("its namespace");
    // What its vendor lets everybody's roles hold.
    for manifest in files(&folder.join("_cluster")).iter().flat_map(|it| yaml_file(it)) {
        if manifest["kind"] == "ClusterRole" {
            objects.try_apply(&manifest, false).await.expect("a ClusterRole");
        }
    }
    let mut applied = Vec::new();
    for mut manifest in manifests {
        let place = &mut manifest["metadata"]["namespace"];
        if place.is_null() {
            *place = json!(source);
        }
        // What belongs to another namespace is not part of this production.
        if *place == json!(source) {
            match objects.try_apply(&manifest, false).await {
                Ok(object) => applied.push(object),
                Err(error) => panic!("{name}: {}: {error}", manifest["metadata"]["name"]),
            }
        }
    }

    let spec = json!({
        "source": { "namespace": source },
        "className": "unprobed",
        "lifecycle": { "ttl": "3h" },
    });
    let it = Environment::apply(objects, &requests, "pr-1", spec).await;
    let mut wrong = Vec::new();
    let settled = |it: &StagingEnvironment| {
        let status = it.status.clone()?;
        let is = |kind| find(&status.conditions, kind).is_some_and(|it| it.status == "True");
        (is(ConditionType::Applied) || is(ConditionType::Stalled)).then_some(status)
    };
    let status = it.until_that(&format!("{name} is applied"), s(120), settled).await;
    if !is_true(&status.conditions, ConditionType::Applied) {
        wrong.push(shown(&status));
    }

    let plan: StagingPlan = kube::Api::namespaced(objects.client.clone(), &requests)
        .get("pr-1")
        .await
        .expect("its report");
    let plan = plan.spec;
    let target = Living::read(world, &plan.target).await;
    let production = Living::read(world, &source).await;
    for object in &applied {
        let key = key(object);
        // Some of what stays behind Kubernetes makes anew under the same name.
        let left = plan.left_behind.iter().any(|it| it.object == key && !it.why.is_empty());
        if !left && !target.keys.contains(&key) {
            wrong.push(format!("{key} is neither there nor left behind"));
        }
    }
    let explained = |missing: &str| {
        let left = |it: &LeftBehind| it.object == missing;
        let said =
            plan.findings.iter().any(|it| it.why.contains(missing) || it.settle.contains(missing));
        plan.left_behind.iter().any(left) || said
    };
    for (object, missing) in target.missing() {
        // What production lacks as well is faithful.
        if production.lacks(&missing) || explained(&missing) {
            continue;
        }
        wrong.push(format!("{object} refers to {missing}, which is not there"));
    }
    for (object, words) in target.refused_pods(world).await {
        wrong.push(format!("Pods of {object} are refused: {words}"));
    }
    println!(
        "figure: {name}: {} objects, {} clones and fence, {} left behind, {} changes, {} findings; {} wrong",
        applied.len(),
        plan.clones.len(),
        plan.left_behind.len(),
        plan.changes.len(),
        plan.findings.len(),
        wrong.len(),
    );
    it.delete().await;
    wrong.into_iter().map(|it| format!("{name}: {it}")).collect()
}

/// Manifests of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all =
        std::fs::read_dir(folder).into_iter().flatten().map(|it| it.expect("an entry").path());
    let mut yaml: Vec<PathBuf> =
        all.filter(|it| it.extension().is_some_and(|it| it == "yaml")).collect();
    yaml.sort();
    yaml
}

/// `Kind.group/name`, as reports have it.
fn key(object: &DynamicObject) -> String {
    let types = object.types.clone().unwrap_or_default();
    let name = object.name_any();
    match types.api_version.split_once('/') {
        Some((group, _)) => format!("{}.{group}/{name}", types.kind),
        None => format!("{}/{name}", types.kind),
    }
}

/// What is in a namespace.
struct Living {
    namespace: String,
    keys: BTreeSet<String>,
    /// `ConfigMap/name` and `Secret/name` with their keys.
    entries: BTreeMap<String, BTreeSet<String>>,
    objects: Vec<DynamicObject>,
}

impl Living {
    async fn read(world: &World, namespace: &str) -> Self {
        let objects = world.objects().contents(namespace).await;
        let mut entries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for object in &objects {
            for field in ["data", "binaryData"] {
                let map = object.data[field].as_object().into_iter().flatten();
                entries.entry(key(object)).or_default().extend(map.map(|(key, _)| key.clone()));
            }
        }
        let keys = objects.iter().map(key).collect();
        Self { namespace: namespace.to_owned(), keys, entries, objects }
    }

    /// `Kind.group/name`, or `Kind/name[key]`.
    fn lacks(&self, wanted: &str) -> bool {
        match wanted.strip_suffix(']').and_then(|it| it.split_once('[')) {
            Some((object, key)) => !self.entries.get(object).is_some_and(|it| it.contains(key)),
            None => !self.keys.contains(wanted),
        }
    }

    /// What is referred to and not there, with who refers to it.
    fn missing(&self) -> BTreeSet<(String, String)> {
        let mut missing = BTreeSet::new();
        for object in &self.objects {
            let mut wanted = BTreeSet::new();
            referred(&object.data, &mut wanted);
            missing
                .extend(wanted.into_iter().filter(|it| self.lacks(it)).map(|it| (key(object), it)));
        }
        missing
    }

    /// Workloads whose Pods the namespace's admission refuses, and its words.
    async fn refused_pods(&self, world: &World) -> Vec<(String, String)> {
        let mut refused = Vec::new();
        for object in &self.objects {
            let spec = &object.data["spec"];
            let template = [&spec["template"], &spec["jobTemplate"]["spec"]["template"]];
            let Some(template) =
                template.into_iter().find(|it| it["spec"]["containers"].is_array())
            else {
                continue;
            };
            let mut pod = template.clone();
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"]["name"] = json!("asked");
            pod["metadata"]["namespace"] = json!(self.namespace);
            // Those of templates for claims are added by the controller.
            let claims: Vec<Value> = spec["volumeClaimTemplates"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|it| json!({ "name": it["metadata"]["name"], "emptyDir": {} }))
                .collect();
            let volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
            pod["spec"]["volumes"] = json!([volumes, claims].concat());
            if let Err(error) = world.objects().try_create(&pod, true).await {
                refused.push((key(object), error.to_string()));
            }
        }
        refused
    }
}

/// All that a manifest needs by name: seen without the planner's tables.
fn referred(value: &Value, wanted: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|it| referred(it, wanted)),
        Value::Object(fields) => {
            for (field, it) in fields {
                if it["optional"] == true {
                    continue;
                }
                let text = |field: &str| it[field].as_str().filter(|it| !it.is_empty());
                let found = match field.as_str() {
                    "configMapKeyRef" => {
                        text("key").zip(text("name")).map(|(k, n)| format!("ConfigMap/{n}[{k}]"))
                    }
                    "secretKeyRef" => {
                        text("key").zip(text("name")).map(|(k, n)| format!("Secret/{n}[{k}]"))
                    }
                    "configMapRef" | "configMap" => {
                        text("name").map(|it| format!("ConfigMap/{it}"))
                    }
                    "secretRef" => text("name").map(|it| format!("Secret/{it}")),
                    "secret" => {
                        text("secretName").or(text("name")).map(|it| format!("Secret/{it}"))
                    }
                    "persistentVolumeClaim" => {
                        text("claimName").map(|it| format!("PersistentVolumeClaim/{it}"))
                    }
                    "serviceAccountName" => it.as_str().map(|it| format!("ServiceAccount/{it}")),
                    "scaleTargetRef" => {
                        text("kind").zip(text("name")).map(|(kind, name)| match kind {
                            "Deployment" | "StatefulSet" => format!("{kind}.apps/{name}"),
                            other => format!("{other}/{name}"),
                        })
                    }
                    "roleRef" if it["kind"] == "Role" => {
                        text("name").map(|it| format!("Role.rbac.authorization.k8s.io/{it}"))
                    }
                    "backend" | "defaultBackend" => {
                        it["service"]["name"].as_str().map(|it| format!("Service/{it}"))
                    }
                    _ => None,
                };
                wanted.extend(found.filter(|it| !it.ends_with('/')));
                referred(it, wanted);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
