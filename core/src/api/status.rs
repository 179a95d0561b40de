//! What the operator answers: the status of a `StagingEnvironment`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    drift::DriftSummary, evidence::EvidenceSummary, identity::Incarnation, rebuild::Rebuild,
    request::Request, schema,
};

/// Status of an environment. Long lists live in the StagingPlan of the same name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct StagingEnvironmentStatus {
    /// The generation that this status speaks of; -1 until the operator has seen the object.
    #[serde(default = "unseen")]
    pub observed_generation: i64,
    /// Conditions; see the reference for their reasons.
    #[serde(default)]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// One word for people. Programs read the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub phase: Option<String>,
    /// Which life this is, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::incarnation")]
    pub incarnation: Option<Incarnation>,
    /// The namespaces made for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub namespaces: Vec<Target>,
    /// The first preview URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,
    /// All preview URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 2048)))]
    pub urls: Vec<String>,
    /// Its place in the queue, while it waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// That the source may no longer be cloned, since when the target is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
    /// When the target was made: the clock starts here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the time is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The plan that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSummary>,
    /// The source as it was read for that plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceSummary>,
    /// How production has moved on since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSummary>,
    /// Of which failures the StagingPlan has evidence; left out while all of it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceSummary>,
    /// What is beside the namespace that serves: with `spec.drift.action: Rebuild`, while it is built
    /// and until the one whose place it took is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<Box<Rebuild>>,
    /// How many workloads are up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workloads: Option<WorkloadSummary>,
    /// What was asked by annotation, the last of each kind: it holds whatever becomes of the
    /// annotation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["verb".into()]))]
    pub requests: Vec<Request>,
    /// The seeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub seed: Vec<TaskSummary>,
    /// The smokes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub smoke: Vec<TaskSummary>,
    /// What was done at the end of the target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub pre_delete: Vec<TaskSummary>,
    /// PersistentVolumes that targets of the environment have left, as their StorageClass keeps them; the
    /// latest 64. Who deletes one need not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    pub kept_volumes: Vec<String>,
    /// How the deletion of the target goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Teardown>,
}

/// A namespace made for an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its name.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Its UID: the proof that it is ours.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// The life it belongs to.
    #[schemars(schema_with = "schema::incarnation")]
    pub incarnation: Incarnation,
    /// What it is for.
    pub role: TargetRole,
    /// Whether it was shown that production cannot be reached from it.
    #[serde(default)]
    pub probe: ProbeVerdict,
    /// What of the probe is worth knowing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub probe_message: String,
    /// How far which plan has been applied to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
}

/// What a target is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetRole {
    /// It is the environment.
    Serving,
    /// It is to take the place of the one that serves.
    Building,
    /// It is going.
    Leaving,
}

/// What the probe has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProbeVerdict {
    /// Nothing yet.
    #[default]
    Unknown,
    /// Production cannot be reached, while what is alive could have been.
    Closed,
    /// Production could be reached.
    Open,
    /// Neither could be shown.
    Inconclusive,
    /// The class skips it.
    Skipped,
}

/// How far a plan has been applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The plan's digest; empty from the moment that another one is to take its place until that is there.
    #[schemars(length(max = 128))]
    pub digest: String,
    /// What of it.
    pub through: Wave,
    /// When the last of it was applied.
    pub at: Time,
}

/// The waves in which a plan is applied.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Wave {
    /// Policies, rights, limits: before anything else.
    Fence,
    /// ConfigMaps, Secrets, accounts, claims, Services: what workloads refer to. A target that was
    /// applied through this wave and no further sleeps: its workloads have no Pods.
    Config,
    /// Workloads that hold data.
    Stores,
    /// All other workloads, and routes.
    Workloads,
}

/// A plan in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    /// Name of the StagingPlan.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its digest.
    #[schemars(length(max = 128))]
    pub digest: String,
    /// The generation of the environment it was made for.
    pub generation: i64,
    /// Number of clones.
    pub objects: u32,
    /// Number of changed fields.
    pub changes: u32,
    /// Number of objects left behind.
    pub left_behind: u32,
    /// Number of findings.
    pub findings: u32,
    /// Secrets that hold credentials of production's own, by consent; at most 64 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    pub copied: Vec<String>,
    /// Number of references to the source that are left, as `boundary.mode` is `Warn`.
    #[serde(default)]
    pub warned: u32,
    /// Number of StorageClasses that keep volumes of the target when it goes.
    #[serde(default)]
    pub retained: u32,
    /// Kinds of custom resources that the target may hold, as `example.com/v1 Widget`; at most 32 of
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 320)))]
    pub custom_kinds: Vec<String>,
}

/// The source as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceSummary {
    /// When.
    pub captured_at: Time,
    /// With `source.manifests.oci`: the artefact that was read, with its digest:
    /// `oci://ghcr.io/acme/shop:pr-7@sha256:…`. Where the tag has moved since, it says what runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640))]
    pub artifact: Option<String>,
    /// Number of objects.
    pub objects: u32,
    /// Kinds that the operator may not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 320)))]
    pub unreadable: Vec<String>,
}

/// How many workloads are up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadSummary {
    /// Up.
    pub ready: u32,
    /// All.
    pub total: u32,
}

/// A seed, a smoke, or a task of the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskSummary {
    /// Its name.
    #[schemars(length(max = 63))]
    pub name: String,
    /// How it stands.
    pub state: TaskState,
    /// What it is, as a digest: a seed runs once per content.
    #[schemars(length(max = 128))]
    pub content: String,
    /// The incarnation it ran in.
    #[schemars(schema_with = "schema::incarnation")]
    pub incarnation: Incarnation,
    /// When its last attempt started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// How long its last attempt took, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_seconds: Option<u32>,
    /// Number of attempts.
    pub attempts: u32,
    /// How many of them do not count any more, since it was asked to run again after them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discounted: u32,
    /// What is worth knowing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaskState {
    /// Not started.
    Pending,
    /// It runs.
    Running,
    /// It passed.
    Passed,
    /// It failed, and so did its retries.
    Failed,
    /// It took longer than it may.
    TimedOut,
}

/// A place in the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// Since when it waits: to the microsecond, since the order of those that came in the same
    /// second follows from it.
    pub since: MicroTime,
    /// Whose turn it is, counted from 1; followed at least every five minutes.
    pub position: u32,
}

/// That the source may no longer be cloned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawn {
    /// Since when.
    pub since: Time,
    /// Whether the source is not there any more.
    #[serde(default)]
    pub source_gone: bool,
    /// Whether the workloads have no Pods, and nobody may look inside, since.
    #[serde(default)]
    pub frozen: bool,
}

/// How the deletion of the target goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Teardown {
    /// When it began.
    pub started_at: Time,
    /// When the custom resources went that their controllers clean up after: before what runs in the
    /// target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources_deleted_at: Option<Time>,
    /// What holds it up, what a person must see to first; after a minute by name, with what to type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 1024)))]
    pub blocked_by: Vec<String>,
}

impl StagingEnvironmentStatus {
    /// The namespace that is the environment, if there is one: not one beside it.
    pub fn serving(&self) -> Option<&Target> {
        let other = self.rebuild.as_ref().map(|it| it.incarnation);
        self.namespaces.iter().find(|it| Some(it.incarnation) != other)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn unseen() -> i64 {
    -1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_has_looked_at_speaks_of_no_generation() {
        let status: StagingEnvironmentStatus = serde_json::from_value(json!({})).unwrap();
        assert_eq!(status.observed_generation, -1);
    }

    #[test]
    fn the_environment_is_the_namespace_that_is_not_beside_it() {
        let target = |name: &str, life: u32| json!({ "name": name, "uid": name, "incarnation": life, "role": "Serving" });
        let serving = |namespaces: serde_json::Value, beside: Option<u32>| {
            let rebuild = beside.map(|life| {
                json!({ "role": "Building", "incarnation": life, "since": "2026-01-01T00:00:00Z" })
            });
            let status = json!({ "namespaces": namespaces, "rebuild": rebuild });
            let status: StagingEnvironmentStatus = serde_json::from_value(status).unwrap();
            status.serving().map(|it| it.name.clone())
        };
        let both = json!([target("new", 2), target("old", 1)]);
        assert_eq!(serving(both.clone(), Some(2)).as_deref(), Some("old"));
        assert_eq!(serving(both.clone(), Some(1)).as_deref(), Some("new"));
        assert_eq!(serving(both, None).as_deref(), Some("new"));
        assert_eq!(serving(json!([target("new", 2)]), Some(2)), None);
    }

    #[test]
    fn attempts_that_do_not_count_are_written_only_where_there_are_some() {
        let written = |discounted: u32| {
            let task = json!({ "name": "orders", "state": "Passed", "content": "c", "incarnation": 1,
                "attempts": 2, "discounted": discounted });
            let task: TaskSummary = serde_json::from_value(task).unwrap();
            serde_json::to_value(&task).unwrap().get("discounted").cloned()
        };
        assert_eq!(written(0), None);
        assert_eq!(written(1), Some(json!(1)));
    }
}
