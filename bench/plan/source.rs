//! A large namespace: many small applications, each with what an application has.

use std::collections::BTreeMap;

use kulisse_core::{
    plan::object::Object,
    secrets::{OpenSecret, SecretBytes},
};
use serde_json::{Value, json};

/// The namespace that is planned.
pub const NAMESPACE: &str = "shop";
/// Objects of one application.
const EACH: usize = 10;

/// About `size` objects.
pub fn objects(size: usize) -> Vec<Object> {
    let applications = size / EACH;
    (0..applications)
        .flat_map(|at| application(at, (at + 1) % applications))
        .map(|it| Object::new(it).unwrap())
        .collect()
}

/// The Secrets among them.
pub fn secrets(size: usize) -> Vec<OpenSecret> {
    (0..size / EACH)
        .map(|at| {
            let value = |text: String| SecretBytes::new(text.into_bytes());
            let password = format!("hT7{at:05}qZx9Lm2Rk");
            let data: BTreeMap<String, SecretBytes> = [
                ("username".to_owned(), value(format!("app{at}"))),
                (
                    "url".to_owned(),
                    value(format!(
                        "postgres://app{at}:{password}@db-{at}.{NAMESPACE}.svc:5432/app"
                    )),
                ),
                ("password".to_owned(), value(password)),
            ]
            .into();
            OpenSecret { name: format!("db-{at}"), kind: "Opaque".to_owned(), data }
        })
        .collect()
}

/// One application, which calls the next one.
fn application(at: usize, next: usize) -> Vec<Value> {
    let (app, db, other) = (format!("app-{at}"), format!("db-{at}"), format!("app-{next}"));
    let labels = json!({"app": app, "app.kubernetes.io/name": app, "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "app-1.2.3"});
    let meta = |name: &str| {
        json!({"name": name, "namespace": NAMESPACE, "labels": labels, "uid": format!("{at}"), "resourceVersion": "1",
            "annotations": {"meta.helm.sh/release-name": app, "meta.helm.sh/release-namespace": NAMESPACE}})
    };
    let settings: Vec<String> = (0..40)
        .map(|line| format!("setting-{line}: value of {app}\nnext-{line}: http://{other}.{NAMESPACE}.svc.cluster.local:8080/{line}"))
        .collect();
    let settings = settings.join("\n");
    let pod = json!({
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": app,
            "containers": [{
                "name": "app", "image": format!("registry.example.com/{app}:1.2.3"),
                "ports": [{"containerPort": 8080, "name": "http"}],
                "env": [
                    {"name": "NEXT", "value": format!("http://{other}.{NAMESPACE}:8080")},
                    {"name": "DB", "valueFrom": {"secretKeyRef": {"name": db, "key": "url"}}},
                    {"name": "MODE", "value": "production"},
                ],
                "envFrom": [{"configMapRef": {"name": app}}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
            }],
        },
    });
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(&app)}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(&app), "data": {"application.yaml": settings, "LEVEL": "info"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta(&db), "type": "Opaque"}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(&app),
            "spec": {"clusterIP": "10.0.0.1", "selector": {"app": app}, "ports": [{"port": 8080, "targetPort": "http", "name": "http"}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(&db),
            "spec": {"clusterIP": "None", "selector": {"app": db}, "ports": [{"port": 5432}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(&app),
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": app}}, "template": pod}, "status": {"replicas": 3}}),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta(&db), "spec": {
            "serviceName": db, "replicas": 1, "selector": {"matchLabels": {"app": db}},
            "template": {"metadata": {"labels": {"app": db}}, "spec": {"containers": [{"name": "db", "image": "postgres:16",
                "envFrom": [{"secretRef": {"name": db}}]}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "10Gi"}}}}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta(&db), "spec": {
            "podSelector": {"matchLabels": {"app": db}}, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": app}}}], "ports": [{"port": 5432}]}]}}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta(&app), "spec": {"schedule": "0 3 * * *",
            "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "job", "image": "registry.example.com/job:1",
                "args": [format!("--url=http://{app}.{NAMESPACE}.svc:8080")]}]}}}}}}),
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta(&app), "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app}, "minReplicas": 2, "maxReplicas": 9}}),
    ]
}
