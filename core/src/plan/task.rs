//! Seeds and smokes: from the spec to a Job.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{PlanError, context::Context, log::Log, object::Object};
use crate::api::task::{Expect, When};

/// A seed or a smoke, planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTask {
    /// Its name in the spec.
    pub name: String,
    /// What it is for.
    pub role: TaskRole,
    /// Names of the stores that must be ready first; all stores if empty.
    pub needs: Vec<String>,
    /// Seconds that one attempt may take.
    pub timeout_seconds: u32,
    /// How often a failed attempt is repeated.
    pub retries: u32,
    /// Hash of the task as the spec has it (for smokes, of the plan's clones as well): a task runs
    /// once per content.
    pub content: String,
    /// What it does.
    pub work: Work,
}

/// What a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskRole {
    /// It fills the stores.
    Seed(When),
    /// It shows that the environment works.
    Smoke,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// An HTTP request by the operator's own image.
    Http(HttpWork),
    /// A Job, complete but for its name and its labels.
    Job(Object),
}

/// An HTTP request, as `kulisse probe http` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpWork {
    /// The whole URL.
    pub url: String,
    /// What the answer must look like.
    pub expect: Expect,
    /// Seconds within which the answer must come to look so.
    pub within_seconds: u32,
}

pub(super) fn tasks(
    _: &[Object],
    _: &[String],
    _: &Context,
    _: &mut Log,
) -> Result<Vec<PlannedTask>, PlanError> {
    Ok(Vec::new())
}

/// The Job of one attempt. `image` is the operator's own, for HTTP tasks.
pub fn job(task: &PlannedTask, attempt: u32, image: &str, environment_uid: &str) -> Object {
    let _ = (attempt, image, environment_uid);
    Object::made("batch/v1", "Job", &task.name, json!({}))
}
