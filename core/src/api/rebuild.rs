//! A namespace beside the one that serves.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    identity::Incarnation,
    schema,
    status::{PlanSummary, SourceSummary, TargetRole, TaskSummary, Teardown},
};

/// A namespace beside the one that serves: built to take its place, or on its way out. What the rest
/// of the status says of the namespace that serves stands here of this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Rebuild {
    /// `Building`: it is to take the place of the one that serves. `Leaving`: that one has, or it is
    /// not wanted any more.
    pub role: TargetRole,
    /// The life that its namespace stands for.
    #[schemars(schema_with = "schema::incarnation")]
    pub incarnation: Incarnation,
    /// When it was begun.
    pub since: Time,
    /// Since when another one serves in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<Time>,
    /// Why its routes were refused when it was to take over.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub refused: String,
    /// The state of production that it was made from, as a hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub compared: String,
    /// One word for people. Programs read the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub phase: Option<String>,
    /// Its conditions, as those of an environment; `Ready` says how it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSummary>,
    /// The source as it was read for that plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceSummary>,
    /// Its preview URLs, which lead to it once it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 2048)))]
    pub urls: Vec<String>,
    /// Its seeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub seed: Vec<TaskSummary>,
    /// Its smokes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub smoke: Vec<TaskSummary>,
    /// What was done at its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub pre_delete: Vec<TaskSummary>,
    /// How its deletion goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Teardown>,
}

/// That a namespace has taken the place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rebuilt {
    /// When.
    pub at: Time,
    /// From the deletion of the first route of the old namespace until every route of the new one was
    /// accepted and no other was left, in milliseconds. What the router takes to follow comes on top;
    /// a router that goes by the age of routes has no gap but that.
    pub gap_milliseconds: u32,
}
