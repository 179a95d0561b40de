//! What is known of something that failed: what an engineer would look at first.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of something that failed. Credentials are masked in all texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What failed: `Kind.group/name` of a workload, `seed NAME`, `smoke NAME`, `preDelete NAME`, `probe`.
    #[schemars(length(max = 640))]
    pub subject: String,
    /// The reason, as a word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// The first cause, as conditions tell it.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// Since when the Pod has not been ready, or when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// The Pod that was looked at; left out if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub pod: Option<String>,
    /// Its containers, those first that prepare it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub containers: Vec<ContainerEvidence>,
    /// What the cluster has warned of: the last Events about it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub events: Vec<EventEvidence>,
}

/// How a container was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerEvidence {
    /// Its name.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Its state.
    pub state: ContainerState,
    /// Why, as a word of Kubernetes': `CrashLoopBackOff`, `OOMKilled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub reason: Option<String>,
    /// With what exit code it ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: u32,
    /// What Kubernetes or the container itself says of its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// The last lines of its log, of the container at which the Pod failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 512)))]
    pub last_lines: Vec<String>,
}

/// State of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ContainerState {
    /// It is not started.
    Waiting,
    /// It runs.
    Running,
    /// It has ended.
    Terminated,
}

/// An Event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventEvidence {
    /// Its reason: `FailedScheduling`, `BackOff`.
    #[schemars(length(max = 128))]
    pub reason: String,
    /// What it says.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// How often that happened.
    pub count: u32,
    /// When it happened last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// Which failures the evidence in the StagingPlan is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceSummary {
    /// How many entries `spec.evidence` of the StagingPlan has.
    pub entries: u32,
    /// A hash of the failures: nothing is looked at again until these are others.
    #[schemars(length(max = 64))]
    pub of: String,
}
