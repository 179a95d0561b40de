//! Seeds and smokes: what runs in a target besides the clones.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    batch::v1::JobSpec,
    core::v1::{EnvFromSource, EnvVar},
};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{boundary::Egress, duration::Duration, schema};

/// How long a task may take when it does not say.
pub const DEFAULT_TIMEOUT: &str = "10m";

/// A seed: runs at most once per incarnation and content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seed {
    /// The task itself.
    #[serde(flatten)]
    pub task: Task,
    /// `BeforeWorkloads`: stores are up, every other workload is at 0 replicas. `AfterWorkloads`:
    /// for seeds that need what the application does at its start (its migrations).
    #[serde(default)]
    pub when: When,
}

/// When a seed runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum When {
    /// Stores are up, every other workload is at 0 replicas.
    #[default]
    BeforeWorkloads,
    /// All workloads are up.
    AfterWorkloads,
}

/// One piece of work in the target: exactly one of `http`, `run`, `job`, `fromJob` and `fromCronJob`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("[has(self.http), has(self.run), has(self.job), has(self.fromJob), has(self.fromCronJob)].filter(x, x).size() == 1")
    .message("a task has exactly one of http, run, job, fromJob and fromCronJob"))]
pub struct Task {
    /// Name, unique among the seeds or the smokes of an environment: a DNS label.
    #[schemars(length(min = 1, max = 30), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How long one attempt may take, starting when its Pod may start. Default `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How often a failed attempt is repeated. Default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10))]
    pub retries: i32,
    /// Names of the stores that must be ready first. Default: all stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)))]
    pub needs: Vec<String>,
    /// Openings of the fence for this task's Pods alone, as far as the class's `boundary.allow` goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub egress: Vec<Egress>,
    /// An HTTP request, made inside the fence, and what its answer must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// One container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// A whole JobSpec. `backoffLimit` and `completions` are set by the operator: one attempt, one
    /// Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    pub job: Option<Box<JobSpec>>,
    /// A Job of the source, by name: planned like a clone, and run here. A seed keeps the Job's
    /// name, so that what waits for it goes on; it runs once in a life of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub from_job: Option<String>,
    /// A CronJob of the source, by name: the Job that it would make, planned like a clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub from_cron_job: Option<String>,
}

/// An HTTP request and the answer it must get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.url) != has(self.service)")
    .message("http has either url, or service with an optional port and path"))]
#[x_kube(validation = Rule::new("has(self.service) || (!has(self.port) && !has(self.path))")
    .message("port and path go with service; a url holds its own"))]
pub struct Http {
    /// The whole URL: `http://web:8080/healthz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://"))]
    pub url: Option<String>,
    /// A Service of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub service: Option<String>,
    /// Port of the Service. Default 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Path and query. Default `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^/"))]
    pub path: Option<String>,
    /// What the answer must look like. Default: a status from 200 to 299.
    #[serde(default)]
    pub expect: Expect,
    /// The request is repeated until the answer is as expected, for at most this long. Default: the
    /// task's timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
}

/// What an HTTP answer must look like. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Expect {
    /// The status code. Default: any from 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// A text that the body holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub body_contains: Option<String>,
    /// JSON pointers (RFC 6901) into the body, and the value each must have, as text:
    /// `{"/status": "ok", "/items/0/id": "7"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::texts")]
    pub json: BTreeMap<String, String>,
}

/// One container that runs to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The image.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// Replaces the image's entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 65536)))]
    pub command: Vec<String>,
    /// Arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 65536)))]
    pub args: Vec<String>,
    /// Environment variables, as in a container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::any_objects")]
    pub env: Vec<EnvVar>,
    /// Sources of environment variables, as in a container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::any_objects")]
    pub env_from: Vec<EnvFromSource>,
}

impl Task {
    /// The time one attempt has.
    pub fn timeout(&self) -> Duration {
        self.timeout.clone().unwrap_or_else(|| Duration::new(DEFAULT_TIMEOUT))
    }
}
