//! A StagingEnvironment as a test sees it.

use std::{future::Future, time::Duration};

use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use kulisse_core::api::{
    condition::{ConditionType, find},
    environment::StagingEnvironment,
    status::StagingEnvironmentStatus,
};
use serde_json::{Value, json};

use super::{
    cluster::Cluster,
    objects::Objects,
    wait::{eventually, s, wait},
};

/// An environment that a test made.
pub struct Environment<'a> {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub objects: &'a Objects,
}

impl<'a> Environment<'a> {
    /// Applies an environment with this `spec`.
    pub async fn apply(objects: &'a Objects, namespace: &str, name: &str, spec: Value) -> Self {
        let object = json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": { "name": name, "namespace": namespace },
            "spec": spec,
        });
        if let Err(error) = objects.try_apply(&object, false).await {
            panic!("StagingEnvironment {name}: {error}");
        }
        Self { namespace: namespace.to_owned(), name: name.to_owned(), objects }
    }

    /// One that is there already.
    pub fn of(objects: &'a Objects, namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned(), objects }
    }

    fn api(&self) -> Api<StagingEnvironment> {
        Api::namespaced(self.objects.client.clone(), &self.namespace)
    }

    /// The object, if it is there.
    pub async fn find(&self) -> Option<StagingEnvironment> {
        self.api().get_opt(&self.name).await.expect("an answer")
    }

    /// The object, which must be there.
    pub async fn get(&self) -> StagingEnvironment {
        match self.find().await {
            Some(environment) => environment,
            None => panic!("StagingEnvironment {} is gone", self.name),
        }
    }

    /// Its UID.
    pub async fn uid(&self) -> String {
        self.get().await.uid().unwrap_or_default()
    }

    /// Its status.
    pub async fn status(&self) -> StagingEnvironmentStatus {
        self.get().await.status.unwrap_or_default()
    }

    /// Its target's name, once there is one.
    pub async fn target(&self) -> String {
        eventually(&format!("{} has a target", self.name), s(30), || async {
            let status = self.status().await;
            let target = status.namespaces.first().map(|it| it.name.clone());
            target.ok_or_else(|| shown(&status))
        })
        .await
    }

    /// Waits for a condition with this status, and this reason unless it is empty, that speaks of
    /// the current generation. Answers its message.
    pub async fn until(
        &self,
        kind: ConditionType,
        status: &str,
        reason: &str,
        within: Duration,
    ) -> String {
        let what = format!("{}: {} is {status} {reason}", self.name, kind.as_str());
        self.until_that(&what, within, |environment| {
            let now = environment.status.clone().unwrap_or_default();
            let current = Some(now.observed_generation) == environment.metadata.generation;
            let condition = find(&now.conditions, kind).filter(|_| current)?;
            let fits =
                condition.status == status && (reason.is_empty() || condition.reason == reason);
            fits.then(|| condition.message.clone())
        })
        .await
    }

    /// Waits until it is ready.
    pub async fn ready(&self, within: Duration) -> StagingEnvironmentStatus {
        self.until(ConditionType::Ready, "True", "", within).await;
        self.status().await
    }

    /// Waits until the object has something.
    pub async fn until_that<T>(
        &self,
        what: &str,
        within: Duration,
        test: impl Fn(&StagingEnvironment) -> Option<T>,
    ) -> T {
        let found = wait(within, || async {
            let Some(environment) = self.find().await else { return Err("it is gone".to_owned()) };
            test(&environment).ok_or_else(|| shown(&environment.status.unwrap_or_default()))
        });
        match found.await {
            Ok(found) => found,
            // Asked for once: at every look they would be most of what the API server does.
            Err(seen) => panic!("{what}: {seen}\n{}", self.events().await),
        }
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, within: Duration) {
        eventually(&format!("{} is gone", self.name), within, || async {
            match self.find().await {
                None => Ok(()),
                Some(it) => Err(shown(&it.status.unwrap_or_default())),
            }
        })
        .await;
    }

    /// Asks for its deletion.
    pub async fn delete(&self) {
        self.api().delete(&self.name, &DeleteParams::default()).await.expect("a deletion");
    }

    /// Deletes it and waits until it is gone.
    pub async fn remove(&self) {
        self.delete().await;
        self.gone(s(60)).await;
    }

    /// Merges a patch into its spec.
    pub async fn patch(&self, spec: Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.api().patch(&self.name, &PatchParams::default(), &patch).await.expect("a patch");
    }

    /// Merges a patch into its status, also one that the type has no room for.
    pub async fn patch_status(&self, status: Value) {
        let resource = ApiResource::erase::<StagingEnvironment>(&());
        let client = self.objects.client.clone();
        let api: Api<DynamicObject> = Api::namespaced_with(client, &self.namespace, &resource);
        let patch = Patch::Merge(json!({ "status": status }));
        api.patch_status(&self.name, &PatchParams::default(), &patch).await.expect("a patch");
    }

    /// Asks for something by annotation, or takes the annotation away.
    pub async fn annotate(&self, annotation: &str, value: Option<&str>) {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { annotation: value } } }));
        self.api().patch(&self.name, &PatchParams::default(), &patch).await.expect("a patch");
    }

    /// What Events say about it.
    pub async fn events(&self) -> String {
        let api: Api<k8s_openapi::api::events::v1::Event> =
            Api::namespaced(self.objects.client.clone(), &self.namespace);
        let Ok(events) = api.list(&ListParams::default()).await else { return String::new() };
        let about = events.items.into_iter().filter(|it| {
            it.regarding.as_ref().and_then(|it| it.name.as_deref()) == Some(&self.name)
        });
        let lines = about.map(|it| {
            format!("Event {}: {}", it.reason.unwrap_or_default(), it.note.unwrap_or_default())
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A status, for a message of a test that failed.
pub fn shown(status: &StagingEnvironmentStatus) -> String {
    let mut lines = vec![format!(
        "{} (generation {}, {} namespaces)",
        status.phase.as_deref().unwrap_or("no phase"),
        status.observed_generation,
        status.namespaces.len()
    )];
    for it in &status.conditions {
        lines.push(format!("  {} {} {}: {}", it.type_, it.status, it.reason, it.message));
    }
    for task in status.seed.iter().chain(&status.smoke) {
        lines.push(format!("  task {} {:?}: {}", task.name, task.state, task.message));
    }
    lines.join("\n")
}

/// Namespace of a source that is granted to `from` and that the operator may read, Secrets
/// included.
pub async fn granted_source(objects: &Objects, source: &str, from: &str) {
    objects.namespace(source).await;
    objects.namespace(from).await;
    objects.apply(&grant(source, from)).await;
    objects.apply(&readable(source)).await;
}

/// Consent.
pub fn grant(source: &str, from: &str) -> String {
    format!(
        "apiVersion: kulisse.dev/v1alpha1
kind: StagingGrant
metadata: {{ name: from-{from}, namespace: {source} }}
spec: {{ from: [{{ namespace: {from} }}] }}
"
    )
}

/// The right to read a source.
pub fn readable(source: &str) -> String {
    let binding = |role: &str| {
        format!(
            "---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{ name: {role}, namespace: {source} }}
roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role} }}
subjects: [{{ kind: ServiceAccount, name: kulisse, namespace: kulisse }}]
"
        )
    };
    binding("kulisse-source-reader") + &binding("kulisse-source-secrets")
}

/// Waits until a namespace is gone.
pub async fn namespace_gone(objects: &Objects, name: &str, within: Duration) {
    eventually(&format!("namespace {name} is gone"), within, || async {
        match objects.find("v1 Namespace", "", name).await {
            None => Ok(()),
            Some(it) => Err(it.data["status"].to_string()),
        }
    })
    .await;
}

/// Installs the operator's definitions, rights and policies (and its Deployment, whose Pod runs
/// where there is a node), and waits until the control plane has filled the aggregated roles.
pub fn installed(cluster: &Cluster) -> impl Future<Output = ()> {
    let base = super::tools::root().join("deploy");
    let base = base.display().to_string();
    // Scenarios change what is installed, and then it is to be as it was.
    let apply =
        move || cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "-k", &base]);
    let first = apply();
    async move {
        if first.code != 0 {
            // Kinds that were made a moment ago may not be served yet.
            let again = apply();
            again.ok("kubectl apply -k deploy");
        }
        roles_filled(cluster).await;
    }
}

/// Waits until the control plane has filled the aggregated roles.
pub async fn roles_filled(cluster: &Cluster) {
    for (role, resource) in [
        ("kulisse-clone-writer", "resourcequotas"),
        ("kulisse-clone-writer", "deployments"),
        ("kulisse-source-reader", "rolebindings"),
        ("kulisse-source-reader", "configmaps"),
    ] {
        eventually(&format!("{role} covers {resource}"), s(20), || async {
            let found =
                cluster.objects.get("rbac.authorization.k8s.io/v1 ClusterRole", "", role).await;
            let text = found.data["rules"].to_string();
            if text.contains(resource) { Ok(()) } else { Err(text) }
        })
        .await;
    }
}
