//! What a target may hold: the class's quota and limit range, as the API server counts them.

use std::{collections::BTreeMap, sync::Arc};

use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use kulisse_core::api::{
    condition::{
        ConditionType::{Applied, Planned, Reconciling, Stalled},
        find,
    },
    environment::StagingEnvironment,
};
use serde_json::{Value, json};

use crate::{
    boundary::{answers, probe},
    consent::nothing_was_created,
    support::{
        environment::shown,
        objects::{Objects, gvk},
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, World},
};

const QUOTA: &str = "v1 ResourceQuota";

/// The application, running: no Pod comes up here, but each is admitted, or not.
const RUNNING: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: '{ns}' }
data: { A: b }
---
apiVersion: v1
kind: Secret
metadata: { name: database, namespace: '{ns}' }
stringData: { password: canary-Tq7vXz3LpW9s-quota }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: '{ns}' }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: web, namespace: '{ns}' }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: web, namespace: '{ns}' }
rules: [{ apiGroups: [''], resources: [configmaps], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: web, namespace: '{ns}' }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: web }
subjects: [{ kind: ServiceAccount, name: web, namespace: '{ns}' }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: '{ns}' }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      serviceAccountName: web
      initContainers:
        - { name: prepare, image: 'registry.example.com/web:1', resources: { requests: { cpu: '3', memory: 200Mi } } }
      containers:
        - { name: web, image: 'registry.example.com/web:1', resources: { requests: { cpu: '2', memory: 1Gi }, limits: { memory: 1Gi } } }
        - { name: side, image: 'registry.example.com/side:1' }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: plain, namespace: '{ns}' }
spec:
  replicas: 1
  strategy: { type: Recreate }
  selector: { matchLabels: { app: plain } }
  template:
    metadata: { labels: { app: plain } }
    spec: { containers: [{ name: plain, image: 'registry.example.com/plain:1' }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: '{ns}' }
spec:
  replicas: 1
  serviceName: db
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      containers:
        - { name: db, image: 'registry.example.com/db:1', volumeMounts: [{ name: data, mountPath: /data }] }
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 100Gi } } }
";

/// Pods of a target by the workload that made them, once there are as many as expected.
async fn admitted(objects: &Objects, target: &str, expected: &[(&str, usize)]) {
    eventually("the Pods are admitted", s(30), || async {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for pod in objects.list("v1 Pod", target).await {
            let app = pod.labels().get("app").cloned();
            seen.entry(app.unwrap_or_default()).and_modify(|it| *it += 1).or_insert(1);
        }
        seen.remove(""); // the probe's
        let wanted: BTreeMap<String, usize> =
            expected.iter().map(|(app, count)| ((*app).to_owned(), *count)).collect();
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

pub async fn a_plan_that_does_not_fit_the_quota_says_so_before_anything_is_made(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("beyond", RUNNING).await;
    world.class("beyond", &json!({ "quota": { "hard": { "pods": "1", "requests.storage": "1Gi", "count/jobs.batch": "1" } } })).await;
    let run = json!({ "image": "registry.example.com/smoke:1" });
    let smoke = json!([{ "name": "front", "retries": 1, "run": run }]);
    let it = place.environment("pr-1", json!({ "className": "beyond", "smoke": smoke })).await;
    let told = it.until(Planned, "False", "TooLarge", s(20)).await;
    assert!(told.contains("pods 4, 1 allowed"), "{told}");
    assert!(told.contains("requests.storage 100Gi, 1Gi allowed"), "{told}");
    // Jobs that are over are counted as well: one for each attempt.
    assert!(told.contains("count/jobs.batch 2, 1 allowed"), "{told}");
    it.until(Stalled, "True", "TooLarge", s(5)).await;
    nothing_was_created(&it).await;
    // Classes are watched: what was mended there is noticed.
    let mended = json!({ "quota": { "hard": { "pods": "4", "requests.storage": "1Gi", "count/jobs.batch": "2" } },
        "storage": { "maxSize": "1Gi" } });
    world.class("beyond", &mended).await;
    it.until(Applied, "True", "", s(60)).await;
    admitted(objects, &it.target().await, &[("web", 1), ("plain", 1), ("db", 1)]).await;
    it.remove().await;
}

pub async fn a_plan_fits_the_quota_that_holds_exactly_what_it_says_it_needs(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("exact", RUNNING).await;
    // What is counted in objects, with the kind of these; and what Pods ask for.
    let kinds = [
        ("services", "v1 Service"),
        ("secrets", "v1 Secret"),
        ("configmaps", "v1 ConfigMap"),
        ("persistentvolumeclaims", "v1 PersistentVolumeClaim"),
        ("resourcequotas", QUOTA),
        ("count/serviceaccounts", "v1 ServiceAccount"),
        ("count/deployments.apps", "apps/v1 Deployment"),
        ("count/statefulsets.apps", "apps/v1 StatefulSet"),
        ("count/networkpolicies.networking.k8s.io", "networking.k8s.io/v1 NetworkPolicy"),
        ("count/roles.rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1 Role"),
        (
            "count/rolebindings.rbac.authorization.k8s.io",
            "rbac.authorization.k8s.io/v1 RoleBinding",
        ),
    ];
    let amounts = [
        "pods",
        "requests.cpu",
        "requests.memory",
        "limits.cpu",
        "limits.memory",
        "requests.storage",
    ];
    let names: Vec<&str> = kinds.iter().map(|it| it.0).chain(amounts).collect();
    let hard = |amount: &dyn Fn(&str) -> String| -> Value {
        let hard: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!(amount(name)))).collect();
        json!({ "quota": { "hard": hard } })
    };
    world.class("exact", &hard(&|_| "0".to_owned())).await;
    let it = place.environment("pr-1", json!({ "className": "exact" })).await;
    let told = it.until(Planned, "False", "TooLarge", s(20)).await;
    let needs: BTreeMap<String, String> = told
        .split([',', ';', ':'])
        .filter_map(|part| part.trim().split_once(' '))
        .filter(|(name, _)| names.contains(name))
        .map(|(name, amount)| (name.to_owned(), amount.to_owned()))
        .collect();
    assert_eq!(needs.len(), names.len(), "every one is said: {told}");
    world.class("exact", &hard(&|name| needs[name].clone())).await;
    it.until(Applied, "True", "", s(60)).await;
    let target = it.target().await;
    admitted(objects, &target, &[("web", 1), ("plain", 1), ("db", 1)]).await;
    // No more was said than is there. Of Pods there may be one more at a time.
    for (name, kind) in kinds {
        let there = objects.list(kind, &target).await.len().to_string();
        assert_eq!(there, needs[name], "{name}");
    }
    let quota = objects.get(QUOTA, &target, "kulisse-quota").await;
    assert_eq!(quota.data["status"]["used"]["requests.storage"], "100Gi");
    it.remove().await;
}

pub async fn pods_and_claims_fit_the_limit_range_of_the_class(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("ranged", RUNNING).await;
    let range = |max: &str| {
        json!({ "storage": { "maxSize": "5Gi" }, "limitRange": { "limits": [
            { "type": "Container", "min": { "cpu": "50m", "memory": "32Mi" },
              "max": { "memory": max, "cpu": "4" },
              "default": { "memory": "256Mi", "cpu": "500m" }, "defaultRequest": { "memory": "64Mi", "cpu": "60m" },
              "maxLimitRequestRatio": { "memory": "4" } },
            { "type": "Pod", "max": { "memory": "2Gi" } },
            { "type": "PersistentVolumeClaim", "min": { "storage": "2Gi" }, "max": { "storage": "8Gi" } },
        ] } })
    };
    world.class("ranged", &range("512Mi")).await;
    let it = place.environment("pr-1", json!({ "className": "ranged" })).await;
    let told = it.until(Planned, "False", "TooLarge", s(20)).await;
    assert!(
        told.contains("Deployment.apps/web, container web") && told.contains("512Mi"),
        "{told}"
    );
    nothing_was_created(&it).await;
    world.class("ranged", &range("1Gi")).await;
    it.until(Applied, "True", "", s(60)).await;
    let target = it.target().await;
    admitted(objects, &target, &[("web", 1), ("plain", 1), ("db", 1)]).await;
    let claims = objects.list("v1 PersistentVolumeClaim", &target).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].data["spec"]["resources"]["requests"]["storage"], "5Gi");
    for pod in objects.list("v1 Pod", &target).await {
        for container in pod.data["spec"]["containers"].as_array().into_iter().flatten() {
            for part in ["requests", "limits"] {
                for resource in ["cpu", "memory"] {
                    let amount = &container["resources"][part][resource];
                    assert!(amount.is_string(), "{}: {container}", pod.name_any());
                }
            }
        }
    }
    it.remove().await;
}

/// Keeps the quota of whatever `requests` asks for from being counted by its controller.
async fn uncounted(world: &World, requests: &str) -> String {
    let objects = world.objects();
    let controller = "request.userInfo.username.endsWith('resourcequota-controller')";
    let name = world.deny(requests, &["resourcequotas/status"], controller).await;
    // Where it is seen to act.
    let witness = format!("{requests}-witness");
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": witness, "labels": { "kulisse.dev/request-namespace": requests } } });
    objects.try_apply(&namespace, false).await.expect("a namespace");
    eventually("nobody counts", s(30), || async {
        let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "spec": { "hard": { "pods": "1" } },
            "metadata": { "name": "quota", "namespace": witness } });
        objects.try_apply(&quota, false).await.expect("a quota");
        tokio::time::sleep(s(1)).await;
        let counted = objects.get(QUOTA, &witness, "quota").await.data["status"]["used"].is_object();
        objects.delete(QUOTA, &witness, "quota").await;
        if counted { Err("it is counted".to_owned()) } else { Ok(()) }
    })
    .await;
    objects.delete("v1 Namespace", "", &witness).await;
    name
}

pub async fn a_quota_of_which_the_use_is_not_known_is_waited_for(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("uncounted", APPLICATION).await;
    let hard = json!({ "configmaps": "50", "secrets": "50", "pods": "50" });
    let boundary = json!({ "probe": "Always", "allowWarn": true });
    world.class("uncounted", &json!({ "quota": { "hard": hard }, "boundary": boundary })).await;
    let policy = uncounted(&world, &place.requests).await;
    let spec = json!({ "className": "uncounted", "boundary": { "mode": "Warn" },
        "scale": { "overrides": [{ "target": { "name": "web" }, "replicas": 1 }] } });
    let it = place.environment("pr-1", spec).await;
    // While the probe runs there is the fence alone. Then the limits are known, and the use is not, as
    // where the controller cannot count yet.
    let target = it.target().await;
    let pod = probe(&it).await;
    let status = json!({ "status": { "hard": hard } });
    let api = objects.api(&gvk(QUOTA), &target).await;
    let params = PatchParams::default();
    api.patch_status("kulisse-quota", &params, &Patch::Merge(status)).await.expect("a status");
    answers(&it, &pod, &json!({ "open": [], "tried": 3, "control": "NotTried", "dns": true }))
        .await;

    let waits = |it: &StagingEnvironment| {
        let status = it.status.as_ref()?;
        let reconciling = find(&status.conditions, Reconciling)?;
        reconciling.message.contains("status unknown for quota").then_some(())
    };
    it.until_that("it says what it waits for", s(30), waits).await;
    steadily("nobody is called meanwhile", s(6), || async {
        let status = it.status().await;
        let stalled = find(&status.conditions, Stalled).is_some_and(|it| it.status == "True");
        if stalled { Err(shown(&status)) } else { Ok(()) }
    })
    .await;
    world.allow(&policy).await;
    // Its controller looks again when the quota changes, or by itself in its own time.
    let label = json!({ "metadata": { "annotations": { "tests": "look again" } }, "spec": { "hard": { "pods": "51" } } });
    objects.merge(QUOTA, &target, "kulisse-quota", label).await;
    it.until(Applied, "True", "", s(90)).await;
    admitted(objects, &target, &[("web", 1)]).await;
    it.remove().await;
}
