//! Objects of any kind, as a test reads and writes them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, GroupVersionKind, TypeMeta},
    discovery::{ApiGroup, Discovery, Scope, verbs},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    tools::yaml,
    wait::{eventually, s},
};

/// Field manager of the tests.
const MANAGER: &str = "tests";

/// The cluster's objects.
pub struct Objects {
    /// The client, as the administrator.
    pub client: Client,
    known: Mutex<HashMap<GroupVersionKind, (ApiResource, bool)>>,
}

impl Objects {
    /// With this client.
    pub fn new(client: Client) -> Self {
        Self { client, known: Mutex::default() }
    }

    /// The API of an object's kind, in its namespace if it has one.
    pub async fn api(&self, kind: &GroupVersionKind, namespace: &str) -> Api<DynamicObject> {
        let (resource, namespaced) = self.kind(kind).await;
        if namespaced {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        }
    }

    async fn kind(&self, kind: &GroupVersionKind) -> (ApiResource, bool) {
        let mut known = self.known.lock().await;
        if let Some(found) = known.get(kind) {
            return found.clone();
        }
        let found = eventually(
            &format!("the API server knows {kind:?}"),
            Duration::from_secs(20),
            || async {
                kube::discovery::pinned_kind(&self.client, kind).await.map_err(|it| it.to_string())
            },
        )
        .await;
        let found = (found.0, found.1.scope == Scope::Namespaced);
        known.insert(kind.clone(), found.clone());
        found
    }

    /// Applies all documents of a YAML text.
    pub async fn apply(&self, text: &str) {
        for object in yaml(text) {
            if let Err(error) = self.try_apply(&object, false).await {
                panic!("{} {}: {error}", object["kind"], object["metadata"]["name"]);
            }
        }
    }

    /// Applies an object; `dry`: only asks whether it could be.
    pub async fn try_apply(&self, object: &Value, dry: bool) -> Result<DynamicObject, kube::Error> {
        let (api, name) = self.whose(object).await;
        let mut params = PatchParams::apply(MANAGER).force();
        params.dry_run = dry;
        api.patch(&name, &params, &Patch::Apply(object)).await
    }

    /// Creates an object; `dry`: only asks whether it could be.
    pub async fn try_create(
        &self,
        object: &Value,
        dry: bool,
    ) -> Result<DynamicObject, kube::Error> {
        let (api, _) = self.whose(object).await;
        let object = serde_json::from_value(object.clone()).expect("an object");
        api.create(&PostParams { dry_run: dry, ..PostParams::default() }, &object).await
    }

    async fn whose(&self, object: &Value) -> (Api<DynamicObject>, String) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = text(&object["apiVersion"]);
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let kind = GroupVersionKind::gvk(group, version, &text(&object["kind"]));
        let namespace = text(&object["metadata"]["namespace"]);
        (self.api(&kind, &namespace).await, text(&object["metadata"]["name"]))
    }

    /// An object, if it is there. `kind` as in `apps/v1 Deployment`.
    pub async fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<DynamicObject> {
        self.api(&gvk(kind), namespace).await.get_opt(name).await.expect("an answer")
    }

    /// An object that must be there.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> DynamicObject {
        match self.find(kind, namespace, name).await {
            Some(object) => object,
            None => panic!("there is no {kind} {name} in {namespace}"),
        }
    }

    /// All objects of a kind in a namespace.
    pub async fn list(&self, kind: &str, namespace: &str) -> Vec<DynamicObject> {
        self.api(&gvk(kind), namespace)
            .await
            .list(&ListParams::default())
            .await
            .expect("a list")
            .items
    }

    /// Names of all objects of a kind in a namespace.
    pub async fn names(&self, kind: &str, namespace: &str) -> Vec<String> {
        self.list(kind, namespace).await.iter().map(ResourceExt::name_any).collect()
    }

    /// Deletes an object, whether it is there or not.
    pub async fn delete(&self, kind: &str, namespace: &str, name: &str) {
        let api = self.api(&gvk(kind), namespace).await;
        match api.delete(name, &DeleteParams::background()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => panic!("delete {kind} {name}: {error}"),
        }
    }

    /// Merges a patch into an object.
    pub async fn merge(&self, kind: &str, namespace: &str, name: &str, patch: Value) {
        let api = self.api(&gvk(kind), namespace).await;
        let done = api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        if let Err(error) = done {
            panic!("patch {kind} {name}: {error}");
        }
    }

    /// What kinds there are. Other scenarios add and remove some: one may go while it is looked at.
    async fn discovered(&self) -> Discovery {
        eventually("discovery", s(30), || async {
            Discovery::new(self.client.clone()).run().await.map_err(|it| it.to_string())
        })
        .await
    }

    /// All objects of one scope that can be listed: `Kind.group namespace/name`, by UID and
    /// resourceVersion.
    pub async fn everything(&self, namespace: Option<&str>) -> BTreeMap<String, (String, String)> {
        let discovery = self.discovered().await;
        let wanted = if namespace.is_some() { Scope::Namespaced } else { Scope::Cluster };
        let mut all = BTreeMap::new();
        for (resource, capabilities) in discovery.groups().flat_map(ApiGroup::recommended_resources)
        {
            if capabilities.scope != wanted || !capabilities.supports_operation(verbs::LIST) {
                continue;
            }
            let api: Api<DynamicObject> = match namespace {
                Some(name) => Api::namespaced_with(self.client.clone(), name, &resource),
                None => Api::all_with(self.client.clone(), &resource),
            };
            let Ok(list) = api.list_metadata(&ListParams::default()).await else { continue };
            for object in list.items {
                let key = format!("{}.{} {}", resource.kind, resource.group, object.name_any());
                let version = object.resource_version().unwrap_or_default();
                all.insert(key, (object.uid().unwrap_or_default(), version));
            }
        }
        all
    }

    /// All objects in a namespace, of every kind that can be listed.
    pub async fn contents(&self, namespace: &str) -> Vec<DynamicObject> {
        let discovery = self.discovered().await;
        let mut all = Vec::new();
        for (resource, capabilities) in discovery.groups().flat_map(ApiGroup::recommended_resources)
        {
            if capabilities.scope != Scope::Namespaced
                || !capabilities.supports_operation(verbs::LIST)
            {
                continue;
            }
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), namespace, &resource);
            let Ok(list) = api.list(&ListParams::default()).await else { continue };
            // Lists leave out what their items are.
            all.extend(list.items.into_iter().map(|mut object| {
                object.types = Some(TypeMeta {
                    api_version: resource.api_version.clone(),
                    kind: resource.kind.clone(),
                });
                object
            }));
        }
        all
    }

    /// Makes a namespace.
    pub async fn namespace(&self, name: &str) {
        let object =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.try_apply(&object, false).await.expect("a namespace");
    }
}

/// `v1 Secret`, `apps/v1 Deployment`.
pub fn gvk(kind: &str) -> GroupVersionKind {
    let (version, kind) = kind.split_once(' ').expect("a version and a kind");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    GroupVersionKind::gvk(group, version, kind)
}
