//! Seeds and smokes: from the spec to a Job.
//!
//! A planned task holds what does not change from attempt to attempt. What tells attempts apart,
//! and what a task is told about its environment and its pull request, is added by [`job`]: neither
//! a plan's digest nor a task's content depends on it, so that a push to a pull request does not
//! run a seed again.

mod attempt;
mod own;
mod refused;
mod work;

pub use self::attempt::{Attempt, job, name};
pub(super) use self::own::{is_own_job, own_jobs};

use serde::{Deserialize, Serialize};

use super::{PlanError, context::Context, digest, kinds, log::Log, object::Object};
use crate::api::{
    duration::Duration,
    task::{Expect, Task, When},
};

/// A task, planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTask {
    /// Its name in the spec.
    pub name: String,
    /// What it is for.
    pub role: TaskRole,
    /// The name of its one Job, if that is fixed: something in the target may wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_name: Option<String>,
    /// Names of the workloads that must be ready first; all stores if empty.
    pub needs: Vec<String>,
    /// Seconds that one attempt may take.
    pub timeout_seconds: u32,
    /// How often a failed attempt is repeated.
    pub retries: u32,
    /// Hash of the task as the spec has it: it runs once per content, a smoke once per content and
    /// plan.
    pub content: String,
    /// What it does.
    pub work: Work,
}

/// Smokes that run at the same time: as many Pods as a quota has to have room for.
pub const SMOKES_AT_ONCE: usize = 4;

/// What a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskRole {
    /// It fills the stores.
    Seed(When),
    /// It shows that the environment works.
    Smoke,
    /// It lets go of what the environment has outside its target.
    PreDelete,
}

impl TaskRole {
    /// The list of the spec that it stands in.
    pub fn list(self) -> &'static str {
        match self {
            Self::Seed(_) => "seed",
            Self::Smoke => "smoke",
            Self::PreDelete => "preDelete",
        }
    }
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// An HTTP request by the operator's own image.
    Http(HttpWork),
    /// A Job, complete but for its name, its labels and the variables of [`Attempt`].
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

/// The seeds, the smokes and the tasks of the end, each in the order of the spec.
///
/// # Errors
///
/// If a task names what is not among the clones, asks for what the class's Pod Security level
/// refuses, or has a duration that is none.
pub(super) fn tasks(
    clones: &[Object],
    jobs: &[Object],
    context: &Context,
    log: &mut Log,
) -> Result<Vec<PlannedTask>, PlanError> {
    let spec = &context.request.spec;
    let mut tasks: Vec<PlannedTask> = Vec::new();
    for (at, seed) in spec.seed.iter().enumerate() {
        let place = Place { clones, jobs, context, field: format!("spec.seed[{at}]") };
        let role = TaskRole::Seed(seed.when);
        let task = place.plan(&seed.task, role, digest::of(seed), log)?;
        if task.job_name.is_some() && tasks.iter().any(|it| it.job_name == task.job_name) {
            return Err(place.invalid("fromJob", "another seed runs this Job already"));
        }
        tasks.push(task);
    }
    for (role, list) in [(TaskRole::Smoke, &spec.smoke), (TaskRole::PreDelete, &spec.pre_delete)] {
        for (at, task) in list.iter().enumerate() {
            let field = format!("spec.{}[{at}]", role.list());
            let place = Place { clones, jobs, context, field };
            tasks.push(place.plan(task, role, digest::of(task), log)?);
        }
    }
    Ok(tasks)
}

/// Where in the spec a task stands, and what it is planned with.
struct Place<'a> {
    clones: &'a [Object],
    jobs: &'a [Object],
    context: &'a Context<'a>,
    field: String,
}

impl Place<'_> {
    fn plan(
        &self,
        task: &Task,
        role: TaskRole,
        content: String,
        log: &mut Log,
    ) -> Result<PlannedTask, PlanError> {
        let timeout_seconds = self.seconds("timeout", &task.timeout())?;
        self.check_needs(&task.needs)?;
        let job_name = task.from_job.clone().filter(|_| own::keeps_name(role));
        let retries = u32::try_from(task.retries)
            .map_err(|_| self.invalid("retries", "retries is 0 or more"))?;
        Ok(PlannedTask {
            name: task.name.clone(),
            role,
            needs: task.needs.clone(),
            timeout_seconds,
            retries: if job_name.is_some() { 0 } else { retries },
            content: job_name.as_deref().map_or(content, own::content),
            job_name,
            work: self.work(task, role, timeout_seconds, log)?,
        })
    }

    fn check_needs(&self, needs: &[String]) -> Result<(), PlanError> {
        let mut known: Vec<&str> = self
            .clones
            .iter()
            .filter(|clone| kinds::profile(clone).is_some_and(|kind| kind.workload))
            .map(Object::name)
            .collect();
        known.sort_unstable();
        known.dedup();
        for (at, name) in needs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let why = format!("no workload {name:?} is cloned; {}", there_are(&known));
                return Err(self.invalid(&format!("needs[{at}]"), &why));
            }
        }
        Ok(())
    }

    /// Whole seconds, rounded up: Kubernetes knows no parts of one.
    fn seconds(&self, field: &str, duration: &Duration) -> Result<u32, PlanError> {
        let span = duration.span().map_err(|error| self.invalid(field, &error.to_string()))?;
        let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
        u32::try_from(whole)
            .ok()
            .filter(|seconds| (1..=MAX_SECONDS).contains(seconds))
            .ok_or_else(|| self.invalid(field, &format!("{duration} is not between 1s and 24h")))
    }

    fn invalid(&self, field: &str, why: &str) -> PlanError {
        PlanError::InvalidSpec { field: format!("{}.{field}", self.field), why: why.to_owned() }
    }
}

/// The longest one attempt may take.
const MAX_SECONDS: u32 = 24 * 60 * 60;

/// What could have been named instead.
fn there_are(names: &[&str]) -> String {
    if names.is_empty() {
        return "there are none".to_owned();
    }
    format!("there are {}", names.join(", "))
}

#[cfg(test)]
mod tests;
