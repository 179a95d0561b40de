//! `StagingEnvironment`: one environment, and the whole interface.

use k8s_openapi::{
    api::core::v1::ResourceRequirements, apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    boundary::{Egress, EnvironmentBoundary, HostDecision},
    customize::{Env, Overlay, Patch, SourceManifests},
    drift::Drift,
    lifecycle::Lifecycle,
    schema,
    secrets::Secrets,
    status::StagingEnvironmentStatus,
    task::{Seed, Task},
};

/// What a person or a GitOps tool asks for. The operator never writes it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kulisse.dev",
    version = "v1alpha1",
    kind = "StagingEnvironment",
    plural = "stagingenvironments",
    singular = "stagingenvironment",
    shortname = "senv",
    category = "kulisse",
    namespaced,
    status = "StagingEnvironmentStatus",
    derive = "PartialEq",
    doc = "A staging environment: cloned from what production runs, fenced off from it, seeded, tested, and gone on time.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.expiresAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Source",
        type_ = "string",
        json_path = ".spec.source.namespace",
        priority = 1
    ),
    printcolumn(
        name = "Namespace",
        type_ = "string",
        json_path = ".status.namespaces[0].name",
        priority = 1
    ),
    printcolumn(
        name = "Objects",
        type_ = "integer",
        json_path = ".status.plan.objects",
        priority = 1
    ),
    printcolumn(
        name = "Drift",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="InSync")].reason"#,
        priority = 1
    ),
    crates(kube_core = "::kube_core")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.className) == has(oldSelf.className)")
    .message("className cannot be changed: delete the environment and create it again"))]
pub struct StagingEnvironmentSpec {
    /// What is cloned.
    pub source: Source,
    /// The StagingClass. Default: the one marked as default, else built-in values. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("className cannot be changed: delete the environment and create it again"))]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// The pull request this environment is for: shown on the target namespace and given to tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
    /// Which workloads hold data and start first. Default: StatefulSets, and workloads with a claim.
    #[serde(default)]
    pub stores: Stores,
    /// How large the clone is.
    #[serde(default)]
    pub scale: Scale,
    /// What the environment adds to the source, or puts in the place of its objects: manifests,
    /// laid over what was captured before anything is planned. They are treated as the source's own.
    #[serde(default)]
    pub overlay: Overlay,
    /// Images to run instead of production's, as in kustomize.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub images: Vec<Image>,
    /// What is decided about hosts outside the target; the first that matches counts. Default: the
    /// fence stops them, and the report names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub hosts: Vec<HostDecision>,
    /// Openings of the fence for every Pod of the target, as far as the class's `boundary.allow` goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub egress: Vec<Egress>,
    /// How strict the boundary is.
    #[serde(default)]
    pub boundary: EnvironmentBoundary,
    /// Environment variables to set and unset, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub env: Vec<Env>,
    /// Changes to clones, in this order and after everything else, as in kustomize. A patch changes
    /// no names, no values of Secrets, none of our labels, and opens no way out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub patches: Vec<Patch>,
    /// How Secrets are treated.
    #[serde(default)]
    pub secrets: Secrets,
    /// Services that get a preview URL. Default: every host of the cloned routes gets one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub expose: Vec<Expose>,
    /// What fills the stores. A seed runs at most once per incarnation and content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(validation = Rule::new("self.all(t, self.exists_one(u, u.name == t.name))").message("seeds need different names"))]
    #[schemars(length(max = 16))]
    pub seed: Vec<Seed>,
    /// What shows that the environment works. A smoke runs once per plan and content,
    /// four side by side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(validation = Rule::new("self.all(t, self.exists_one(u, u.name == t.name))").message("smokes need different names"))]
    #[schemars(length(max = 16))]
    pub smoke: Vec<Task>,
    /// What is done at the end, while the target is still there: to let go of what the environment has
    /// outside of it. Each runs once per incarnation and content, one after the other, and waits for
    /// nothing; one that fails is told, and holds up nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(validation = Rule::new("self.all(t, self.exists_one(u, u.name == t.name))").message("preDelete tasks need different names"))]
    #[x_kube(validation = Rule::new("self.all(t, !has(t.needs))").message("a preDelete task waits for nothing: leave out needs"))]
    #[schemars(length(max = 16))]
    pub pre_delete: Vec<Task>,
    /// How long it lives.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// What is done about production that moves on while the environment stays as it was made.
    #[serde(default)]
    pub drift: Drift,
    /// Who may look into the target. Default: the class's `access.defaults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub access: Option<Vec<Access>>,
    /// The operator changes nothing while this is true. Expiry still happens.
    #[serde(default)]
    pub suspend: bool,
    /// Whether a plan is applied at once.
    #[serde(default)]
    pub mode: Mode,
}

/// The namespace to clone, and how much of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.manifests) == has(oldSelf.manifests)")
    .message("whether the source is a live namespace or manifests cannot be changed: delete the environment and create it again"))]
pub struct Source {
    /// The live namespace. Its owners must have granted it (StagingGrant). With `manifests`: the
    /// namespace that these were rendered for. Cannot be changed.
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("source.namespace cannot be changed: delete the environment and create it again"))]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// Manifests instead of what runs in the namespace, which is then not read and need not exist.
    /// The class must allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifests: Option<SourceManifests>,
    /// Only objects with these labels, and what they refer to. Default: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub selector: Option<LabelSelector>,
    /// Only what matches one of these, and what that refers to. Default: everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub include: Vec<ObjectPattern>,
    /// What matches one of these stays behind, whatever refers to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub exclude: Vec<ObjectPattern>,
    /// Which images run.
    #[serde(default)]
    pub images: ImagePolicy,
}

/// Which images the clone runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePolicy {
    /// The digest that production's Pods run now, so that a moved tag changes nothing.
    #[default]
    Pinned,
    /// As the workloads write it.
    AsWritten,
}

/// Objects by group, kind and name. Each is a glob (`*`, `?`, `[a-z]`, `{a,b}`); left out, it
/// matches all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.group) || has(self.kind) || has(self.name)")
    .message("give at least one of group, kind and name"))]
pub struct ObjectPattern {
    /// API group (`apps`); the core group is the empty text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub group: Option<String>,
    /// Kind (`Deployment`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: Option<String>,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
}

/// The pull request an environment is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// Repository: `acme/shop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub repository: Option<String>,
    /// Number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub number: Option<i64>,
    /// Branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub branch: Option<String>,
    /// Commit. Workloads whose image is overridden restart when it changes, so that a moved tag runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub commit: Option<String>,
    /// Who opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub author: Option<String>,
    /// Where it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,
}

/// Which workloads hold data and start first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stores {
    /// Also these: a database that is a plain Deployment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub include: Vec<ObjectPattern>,
    /// Not these, although they are StatefulSets or have a claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub exclude: Vec<ObjectPattern>,
}

/// How large the clone is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("(self.profile == 'Proportional') == has(self.percent)")
    .message("percent goes with profile Proportional, and profile Proportional needs it"))]
pub struct Scale {
    /// The profile for every workload that no override names.
    #[serde(default)]
    pub profile: ScaleProfile,
    /// With `Proportional`: this many percent of production's replicas, rounded up, and of its
    /// requests of CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub percent: Option<u32>,
    /// Exceptions; the first that matches counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub overrides: Vec<ScaleOverride>,
}

/// How workloads are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScaleProfile {
    /// One replica of everything; a tenth of the requests of CPU, half of those of memory.
    /// Autoscalers and disruption budgets stay behind.
    #[default]
    Minimal,
    /// `percent` of the replicas and of the requests. Autoscalers and disruption budgets stay behind.
    Proportional,
    /// As production is. HorizontalPodAutoscalers come along and never grow beyond it; disruption
    /// budgets come along and let at least one Pod go.
    Full,
}

impl Scale {
    /// `percent`, within what the API server takes; 100 where it says nothing.
    pub fn percent(&self) -> u32 {
        self.percent.unwrap_or(100).clamp(1, 100)
    }
}

/// An exception from the profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.replicas) || has(self.resources)")
    .message("an override sets replicas, resources or both"))]
pub struct ScaleOverride {
    /// Which workloads.
    pub target: ObjectPattern,
    /// How many replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub replicas: Option<i32>,
    /// Requests and limits of every container, laid over production's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resources")]
    pub resources: Option<ResourceRequirements>,
}

/// An image to run instead, as in kustomize: `name` is compared without tag and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.newName) || has(self.newTag) || has(self.digest)")
    .message("give at least one of newName, newTag and digest"))]
pub struct Image {
    /// The image that production runs, without tag and digest.
    #[schemars(length(min = 1, max = 512))]
    pub name: String,
    /// Another repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub new_name: Option<String>,
    /// Another tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub new_tag: Option<String>,
    /// A digest (`sha256:…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"), length(max = 71))]
    pub digest: Option<String>,
}

/// A Service that gets a preview URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Expose {
    /// The Service.
    #[schemars(length(min = 1, max = 63))]
    pub service: String,
    /// Its port. Default: its first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// The host, below the class's domain. Default: by the class's template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub host: Option<String>,
}

/// Whether a plan is applied at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// It is.
    #[default]
    Apply,
    /// It waits for the annotation `kulisse.dev/approve` with exactly its digest. What an earlier
    /// plan made goes on meanwhile.
    Plan,
}

/// Somebody who may look into the target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Who.
    pub subject: Subject,
    /// What they may do.
    #[serde(default)]
    pub role: AccessRole,
}

/// An RBAC subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("(self.kind == 'ServiceAccount') == has(self.namespace)")
    .message("a ServiceAccount needs its namespace; users and groups have none"))]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of a ServiceAccount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// Kind of an RBAC subject.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum SubjectKind {
    /// A person.
    User,
    /// A group.
    Group,
    /// A program.
    ServiceAccount,
}

/// What a person may do in a target.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum AccessRole {
    /// Look at objects and logs.
    #[default]
    View,
    /// Also exec, port-forward and restart Pods.
    Edit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_between_one_and_a_hundred_percent() {
        for (said, percent) in [(None, 100), (Some(0), 1), (Some(30), 30), (Some(500), 100)] {
            assert_eq!(Scale { percent: said, ..Scale::default() }.percent(), percent, "{said:?}");
        }
    }
}
