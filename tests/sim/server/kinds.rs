//! Which kinds the simulated API server has, and how it tells of them.

use serde_json::{Value, json};

/// A kind.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the kind of a kind is its name")]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub namespaced: bool,
    /// It has the subresource `status`.
    pub status: bool,
    /// Its generation counts changes of what is asked for.
    pub counted: bool,
}

const fn kind(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    (namespaced, status, counted): (bool, bool, bool),
) -> Kind {
    Kind { group, version: "v1", kind, plural, namespaced, status, counted }
}

const fn ours(kind: &'static str, plural: &'static str, namespaced: bool, status: bool) -> Kind {
    let (group, version) = ("kulisse.dev", "v1alpha1");
    Kind { group, version, kind, plural, namespaced, status, counted: true }
}

/// In a namespace, without a status.
const PLAIN: (bool, bool, bool) = (true, false, false);
/// In a namespace, with a status.
const STATUS: (bool, bool, bool) = (true, true, false);
/// The same, with a generation.
const COUNTED: (bool, bool, bool) = (true, true, true);
/// Of the whole cluster.
const CLUSTER: (bool, bool, bool) = (false, false, false);

const RBAC: &str = "rbac.authorization.k8s.io";
const NETWORK: &str = "networking.k8s.io";

/// All of them, in the order of their groups.
pub static KINDS: [Kind; 42] = [
    kind("", "ConfigMap", "configmaps", PLAIN),
    kind("", "Endpoints", "endpoints", PLAIN),
    kind("", "Event", "events", PLAIN),
    kind("", "LimitRange", "limitranges", PLAIN),
    kind("", "Namespace", "namespaces", (false, true, false)),
    kind("", "Node", "nodes", (false, true, false)),
    kind("", "PersistentVolume", "persistentvolumes", (false, true, false)),
    kind("", "PersistentVolumeClaim", "persistentvolumeclaims", STATUS),
    kind("", "Pod", "pods", COUNTED),
    kind("", "PodTemplate", "podtemplates", PLAIN),
    kind("", "ReplicationController", "replicationcontrollers", COUNTED),
    kind("", "ResourceQuota", "resourcequotas", STATUS),
    kind("", "Secret", "secrets", PLAIN),
    kind("", "Service", "services", STATUS),
    kind("", "ServiceAccount", "serviceaccounts", PLAIN),
    kind("apps", "ControllerRevision", "controllerrevisions", PLAIN),
    kind("apps", "DaemonSet", "daemonsets", COUNTED),
    kind("apps", "Deployment", "deployments", COUNTED),
    kind("apps", "ReplicaSet", "replicasets", COUNTED),
    kind("apps", "StatefulSet", "statefulsets", COUNTED),
    kind("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", STATUS),
    kind("batch", "CronJob", "cronjobs", COUNTED),
    kind("batch", "Job", "jobs", COUNTED),
    kind("coordination.k8s.io", "Lease", "leases", PLAIN),
    kind("discovery.k8s.io", "EndpointSlice", "endpointslices", (true, false, true)),
    kind("events.k8s.io", "Event", "events", PLAIN),
    ours("StagingClass", "stagingclasses", false, false),
    ours("StagingEnvironment", "stagingenvironments", true, true),
    ours("StagingGrant", "staginggrants", true, false),
    ours("StagingPlan", "stagingplans", true, false),
    kind(NETWORK, "Ingress", "ingresses", COUNTED),
    kind(NETWORK, "IngressClass", "ingressclasses", (false, false, true)),
    kind(NETWORK, "NetworkPolicy", "networkpolicies", (true, false, true)),
    kind("node.k8s.io", "RuntimeClass", "runtimeclasses", CLUSTER),
    kind("policy", "PodDisruptionBudget", "poddisruptionbudgets", COUNTED),
    kind(RBAC, "ClusterRole", "clusterroles", CLUSTER),
    kind(RBAC, "ClusterRoleBinding", "clusterrolebindings", CLUSTER),
    kind(RBAC, "Role", "roles", PLAIN),
    kind(RBAC, "RoleBinding", "rolebindings", PLAIN),
    kind("scheduling.k8s.io", "PriorityClass", "priorityclasses", (false, false, true)),
    kind("storage.k8s.io", "StorageClass", "storageclasses", CLUSTER),
    kind("storage.k8s.io", "VolumeAttachment", "volumeattachments", (false, true, false)),
];

impl Kind {
    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, as messages have it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Whether it is a custom resource.
    pub fn is_custom(&self) -> bool {
        self.group == "kulisse.dev"
    }
}

/// The kind of a resource in a URL.
pub fn of_resource(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|it| (it.group, it.version, it.plural) == (group, version, plural))
}

/// The kind of an object.
pub fn of_object(object: &Value) -> Option<&'static Kind> {
    let version = object["apiVersion"].as_str()?;
    let kind = object["kind"].as_str()?;
    KINDS.iter().find(|it| it.kind == kind && it.api_version() == version)
}

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// All groups but the core one, or that one alone: `APIGroupDiscoveryList`.
pub fn aggregated(core: bool) -> Value {
    let items: Vec<Value> = groups(core)
        .into_iter()
        .map(|(group, version)| {
            let of_group = KINDS.iter().filter(|it| it.group == group);
            let resources: Vec<Value> = of_group
                .map(|it| {
                    json!({ "resource": it.plural, "verbs": VERBS,
                        "responseKind": { "group": it.group, "version": it.version, "kind": it.kind },
                        "scope": if it.namespaced { "Namespaced" } else { "Cluster" } })
                })
                .collect();
            let version =
                json!({ "version": version, "freshness": "Current", "resources": resources });
            if core {
                json!({ "metadata": {}, "versions": [version] })
            } else {
                json!({ "metadata": { "name": group }, "versions": [version] })
            }
        })
        .collect();
    json!({ "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": items })
}

/// The same for clients that do not know that kind: `APIVersions` or `APIGroupList`.
pub fn plain(core: bool) -> Value {
    if core {
        return json!({ "kind": "APIVersions", "versions": ["v1"] });
    }
    let groups = groups(false).into_iter().map(|(group, version)| {
        let version = json!({ "groupVersion": format!("{group}/{version}"), "version": version });
        json!({ "name": group, "versions": [version], "preferredVersion": version })
    });
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>() })
}

/// The resources of one version of a group: `APIResourceList`.
pub fn resources(group: &str, version: &str) -> Option<Value> {
    let of_group = KINDS.iter().filter(|it| (it.group, it.version) == (group, version));
    let mut resources = Vec::new();
    for it in of_group {
        resources.push(json!({ "name": it.plural, "singularName": it.kind.to_lowercase(),
            "namespaced": it.namespaced, "kind": it.kind, "verbs": VERBS }));
        if it.status {
            resources.push(json!({ "name": format!("{}/status", it.plural), "singularName": "",
                "namespaced": it.namespaced, "kind": it.kind, "verbs": ["get", "patch", "update"] }));
        }
    }
    let whole = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty()).then(|| {
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": whole,
            "resources": resources })
    })
}

fn groups(core: bool) -> Vec<(&'static str, &'static str)> {
    let mut groups: Vec<_> = KINDS.iter().map(|it| (it.group, it.version)).collect();
    groups.dedup();
    groups.retain(|(group, _)| group.is_empty() == core);
    groups
}
