//! Is this workload, this Pod, this Job up, on its way or stuck?

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::Job,
        core::v1::{ContainerStatus, Pod},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::facts::Problem;
use crate::api::{condition::Reason, names, status::TaskState};

/// A workload in figures: what is kept of the objects that are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    /// The generation that its controller has seen is the current one.
    pub seen: bool,
    /// Pods it should have.
    pub desired: i32,
    /// Pods of the current template.
    pub updated: i32,
    /// Pods of templates before it, which may be the ones that are ready.
    pub former: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Why its Pods cannot be made, in the words of its controller.
    pub refused: Option<String>,
    /// Which state of the object this is.
    pub form: Form,
    /// That state is the one that the operator has written last, as far as it remembers.
    pub ours: bool,
}

/// A state of an object: another one as soon as somebody changes what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// UID: what was deleted and made again is another object.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
}

impl From<&ObjectMeta> for Form {
    fn from(it: &ObjectMeta) -> Self {
        let uid = it.uid.clone().unwrap_or_default();
        Self { uid, generation: it.generation.unwrap_or_default() }
    }
}

impl Rollout {
    /// Whether all its Pods are of the current template and ready.
    pub fn up(&self) -> bool {
        self.seen && self.updated >= self.desired && self.former <= 0 && self.ready >= self.desired
    }
}

impl From<&Deployment> for Rollout {
    fn from(it: &Deployment) -> Self {
        let status = it.status.clone().unwrap_or_default();
        Self {
            seen: status.observed_generation >= it.metadata.generation,
            desired: it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            updated: status.updated_replicas.unwrap_or(0),
            former: status.replicas.unwrap_or(0) - status.updated_replicas.unwrap_or(0),
            ready: status.available_replicas.unwrap_or(0),
            refused: status
                .conditions
                .iter()
                .flatten()
                .find(|it| it.type_ == "ReplicaFailure" && it.status == "True")
                .and_then(|it| it.message.clone())
                .filter(|words| !passes(words)),
            form: Form::from(&it.metadata),
            ours: false,
        }
    }
}

/// Whether a refusal of the API server passes by itself: until a new quota has been counted for the
/// first time, it refuses all that it counts.
pub fn passes(words: &str) -> bool {
    words.contains("status unknown for quota")
}

impl From<&StatefulSet> for Rollout {
    fn from(it: &StatefulSet) -> Self {
        let status = it.status.clone().unwrap_or_default();
        Self {
            seen: status.observed_generation >= it.metadata.generation,
            desired: it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            updated: status.updated_replicas.unwrap_or(0),
            // Each goes before the one that takes its name.
            former: 0,
            ready: status.ready_replicas.unwrap_or(0),
            refused: None,
            form: Form::from(&it.metadata),
            ours: false,
        }
    }
}

impl From<&DaemonSet> for Rollout {
    fn from(it: &DaemonSet) -> Self {
        let status = it.status.clone().unwrap_or_default();
        Self {
            seen: status.observed_generation >= it.metadata.generation,
            desired: status.desired_number_scheduled,
            updated: status.updated_number_scheduled.unwrap_or(0),
            former: 0,
            ready: status.number_available.unwrap_or(0),
            refused: None,
            form: Form::from(&it.metadata),
            ours: false,
        }
    }
}

/// How one attempt of a task stands: what is kept of a Job.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Which it is, as its Job says.
    pub number: u32,
    /// How it stands.
    pub state: TaskState,
    /// When its Job was made.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

impl From<&Job> for Attempt {
    fn from(job: &Job) -> Self {
        let status = job.status.clone().unwrap_or_default();
        let over =
            status.conditions.iter().flatten().find(|it| {
                it.status == "True" && matches!(it.type_.as_str(), "Complete" | "Failed")
            });
        let state = match over {
            None => TaskState::Running,
            Some(it) if it.type_ == "Complete" => TaskState::Passed,
            Some(it) if it.reason.as_deref() == Some("DeadlineExceeded") => TaskState::TimedOut,
            Some(_) => TaskState::Failed,
        };
        let ended = status.completion_time.map(|time| time.0);
        let labels = job.metadata.labels.as_ref();
        let number = labels.and_then(|it| it.get(names::ATTEMPT_LABEL)?.parse().ok());
        Self {
            number: number.unwrap_or(1),
            state,
            started: job.metadata.creation_timestamp.as_ref().map(|time| time.0),
            ended: ended.or_else(|| over?.last_transition_time.as_ref().map(|time| time.0)),
        }
    }
}

/// How a container of a Pod has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its name.
    pub container: String,
    /// It is none of those that the Pod is for: it prepares.
    pub first: bool,
    /// Its exit code.
    pub code: i32,
    /// Why, in one word, where that says more than the code.
    pub reason: Option<String>,
    /// What it has left in its termination message.
    pub message: String,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}", self.code)?;
        if let Some(reason) = &self.reason {
            write!(f, " ({reason})")?;
        }
        if self.first {
            write!(f, " of init container {}", self.container)?;
        }
        Ok(())
    }
}

/// The ending of the container at which a Pod failed: the first that ended badly, else the first that
/// ended.
pub fn ending(pod: &Pod) -> Option<Ending> {
    let status = pod.status.as_ref()?;
    let init = status.init_container_statuses.iter().flatten().map(|it| (it, true));
    let all: Vec<Ending> = init
        .chain(status.container_statuses.iter().flatten().map(|it| (it, false)))
        .filter_map(|(it, first)| {
            let ended = it.state.as_ref()?.terminated.as_ref()?;
            let telling = |word: &String| !matches!(word.as_str(), "Error" | "Completed");
            Some(Ending {
                container: it.name.clone(),
                first,
                code: ended.exit_code,
                reason: ended.reason.clone().filter(telling),
                message: ended.message.clone().unwrap_or_default(),
            })
        })
        .collect();
    let bad = all.iter().find(|it| it.code != 0);
    bad.or_else(|| all.iter().find(|it| !it.first)).cloned()
}

/// What keeps a Pod from being ready, if it is more than a matter of time: the first cause, in the
/// order in which a Pod comes up.
pub fn trouble(pod: &Pod) -> Option<Problem> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = pod.status.as_ref()?;
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|it| it.type_ == "PodScheduled" && it.status == "False");
    if let Some(condition) = unscheduled {
        let words = condition.message.clone().unwrap_or_default();
        // The scheduler lost a race with the volume's controller and tries again by itself.
        if words.contains("Operation cannot be fulfilled") {
            return None;
        }
        let reason =
            if words.contains("persistentvolumeclaim") || words.contains("PersistentVolumeClaim") {
                Reason::ClaimUnbound
            } else {
                Reason::Unschedulable
            };
        return Some(Problem::new(reason, format!("Pod/{name} cannot be scheduled: {words}")));
    }
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
        .find_map(|container| container_trouble(name, container))
}

fn container_trouble(pod: &str, container: &ContainerStatus) -> Option<Problem> {
    let name = &container.name;
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    let words = waiting.and_then(|it| it.message.clone()).unwrap_or_default();
    match waiting.and_then(|it| it.reason.as_deref()).unwrap_or_default() {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "RegistryUnavailable" => Some(Problem::new(
            Reason::ImagePullFailed,
            format!(
                "Pod/{pod}: image {} of container {name} cannot be pulled: {words}",
                container.image
            ),
        )),
        "CreateContainerConfigError" | "CreateContainerError" => Some(Problem::new(
            Reason::ConfigMissing,
            format!("Pod/{pod}: container {name} cannot be made: {words}"),
        )),
        "CrashLoopBackOff" => Some(crash(pod, container)),
        // Between two crashes the state is Running or Terminated for a moment.
        _ if container.restart_count >= 2 && !container.ready => Some(crash(pod, container)),
        _ => None,
    }
}

fn crash(pod: &str, container: &ContainerStatus) -> Problem {
    let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let ending = last.map_or_else(String::new, |it| {
        let reason = it.reason.clone().unwrap_or_default();
        format!(" with exit code {} ({reason})", it.exit_code)
    });
    Problem::new(
        Reason::CrashLooping,
        format!(
            "Pod/{pod}: container {} keeps ending{ending}, {} restarts: kubectl logs --previous",
            container.name, container.restart_count
        ),
    )
}

#[cfg(test)]
mod tests;
