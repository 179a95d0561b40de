//! What is known of what failed: of Pods and Events, as far as a person needs it.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerState as State, ContainerStatus, Event, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{
    facts::{Facts, Probe, Target, WorkloadState},
    readiness::ending,
};
use crate::{
    api::{
        condition::Reason,
        evidence::{ContainerEvidence, ContainerState, EventEvidence, Evidence},
        identity::digest_word,
        status::{TaskState, Wave},
    },
    plan::{object::Key, task::TaskRole},
};

/// Most entries.
pub const ENTRIES: usize = 16;
/// Most lines of a log.
pub const LINES: usize = 20;
/// Longest line, in characters.
const LINE: usize = 512;
/// Longest message, in characters.
const MESSAGE: usize = 1024;
/// Longest reason, in characters.
const REASON: usize = 128;
/// Most containers of a Pod.
const CONTAINERS: usize = 16;
/// Most Events about one failure.
const EVENTS: usize = 8;

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A workload does not come up.
    Workload(Key),
    /// The task of that index.
    Task(usize),
    /// The probe.
    Probe,
}

/// A failure, as conditions tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed.
    pub subject: Subject,
    /// The same, for people.
    pub name: String,
    /// Why, as a word.
    pub reason: Reason,
    /// Its first cause.
    pub message: String,
}

/// All that has failed, the first in line first.
pub fn failures(facts: &Facts) -> Vec<Failure> {
    let mut found = Vec::new();
    if let Probe::Failed(it) | Probe::Running(Some(it)) = &facts.probe {
        found.push((Subject::Probe, "probe".to_owned(), it.reason, &it.message));
    }
    for (at, task) in facts.tasks.iter().enumerate() {
        let reason = match task.state {
            TaskState::Failed => Reason::Failed,
            TaskState::TimedOut => Reason::TimedOut,
            TaskState::Pending | TaskState::Running | TaskState::Passed => continue,
        };
        let name = format!("{} {}", task.role.list(), task.name);
        found.push((Subject::Task(at), name, reason, &task.message));
    }
    for workload in &facts.workloads {
        if let WorkloadState::Stuck(it) = &workload.state {
            let key = &workload.key;
            found.push((Subject::Workload(key.clone()), key.to_string(), it.reason, &it.message));
        }
    }
    found
        .into_iter()
        .take(ENTRIES)
        .map(|(subject, name, reason, message)| Failure {
            subject,
            name,
            reason,
            message: message.clone(),
        })
        .collect()
}

/// Whether what failed before does not matter any more: all of it works.
pub fn is_over(facts: &Facts) -> bool {
    let through = facts.applied.as_ref().map(|(_, wave)| *wave);
    let fenced = match &facts.probe {
        Probe::Closed(_) | Probe::Skipped => true,
        Probe::Failed(_) => facts.warns_only,
        Probe::Due | Probe::Running(_) => false,
    };
    let passed = |role, state| role == TaskRole::PreDelete || state == TaskState::Passed;
    let whole = through == Some(Wave::Workloads) && facts.all_up();
    let tested = facts.tasks.iter().all(|it| passed(it.role, it.state));
    facts.target == Target::Living && fenced && whole && tested
}

/// A hash of failures: the same as long as there is nothing new to look at.
pub fn mark(failures: &[Failure]) -> String {
    let parts: Vec<&str> = failures
        .iter()
        .flat_map(|it| [it.name.as_str(), it.reason.as_str(), it.message.as_str()])
        .collect();
    digest_word(&parts, 12)
}

/// What is known of a failure. `objects`: names of what belongs to it, besides the Pod.
pub fn of(failure: &Failure, pod: Option<&Pod>, objects: &[&str], events: &[Event]) -> Evidence {
    Evidence {
        subject: failure.name.clone(),
        reason: failure.reason.as_str().to_owned(),
        message: failure.message.clone(),
        since: pod.and_then(since).map(Time),
        pod: pod.and_then(|it| it.metadata.name.clone()),
        containers: pod.map(containers).unwrap_or_default(),
        events: about(pod, objects, events),
    }
}

/// The container of whose log the end is worth reading, and whether that is the log of the one before
/// the one that runs.
pub fn speaker(pod: &Pod) -> Option<(String, bool)> {
    if let Some(it) = ending(pod).filter(|it| it.code != 0) {
        return Some((it.container, false));
    }
    let all = statuses(pod);
    let found = all.iter().find(|it| !it.ready && ended(it.last_state.as_ref()).is_some());
    let found = found.or_else(|| all.iter().find(|it| !it.ready && it.restart_count > 0));
    let runs = |it: &ContainerStatus| it.state.as_ref().is_some_and(|it| it.running.is_some());
    found.map(|it| (it.name.clone(), runs(it)))
}

/// Puts the last lines of a log to its container.
pub fn quote(evidence: &mut Evidence, container: &str, log: &str) {
    let mut lines: Vec<String> = log
        .lines()
        .rev()
        .filter(|it| !it.trim().is_empty())
        .take(LINES)
        .map(str::to_owned)
        .collect();
    lines.reverse();
    if let Some(it) = evidence.containers.iter_mut().find(|it| it.name == container) {
        it.last_lines = lines;
    }
}

/// What is said in the place of a text that may hold a credential, where nobody knows which.
const UNKNOWN: &str = "not shown: the target's Secrets could not be read or are too large to be looked for, so that none can be masked";

/// With credentials masked, and no longer than it may be. `mask` None: nobody knows them, so that
/// nothing is quoted that a container has said, also by way of an Event.
pub fn masked(mut evidence: Evidence, mask: Option<&dyn Fn(&str) -> String>) -> Evidence {
    let told =
        |text: &str, most| cut(&mask.map_or_else(|| UNKNOWN.to_owned(), |it| it(text)), most);
    evidence.message = told(&evidence.message, MESSAGE);
    for it in &mut evidence.containers {
        it.message = it.message.as_deref().filter(|_| mask.is_some()).map(|it| told(it, MESSAGE));
        // As one text: a key may go over several lines.
        let lines = mask.map(|mask| mask(&it.last_lines.join("\n"))).unwrap_or_default();
        it.last_lines = lines.lines().map(|line| cut(line, LINE)).collect();
        it.reason = it.reason.as_deref().map(|text| cut(text, REASON));
    }
    for it in &mut evidence.events {
        it.message = told(&it.message, MESSAGE);
        it.reason = cut(&it.reason, REASON);
    }
    evidence
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn statuses(pod: &Pod) -> Vec<&ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.into_iter().flat_map(|it| it.init_container_statuses.iter().flatten());
    init.chain(status.into_iter().flat_map(|it| it.container_statuses.iter().flatten())).collect()
}

fn containers(pod: &Pod) -> Vec<ContainerEvidence> {
    statuses(pod).into_iter().take(CONTAINERS).map(container).collect()
}

fn container(it: &ContainerStatus) -> ContainerEvidence {
    let now = it.state.as_ref();
    let last = ended(now).or_else(|| ended(it.last_state.as_ref()));
    let (state, reason, message) = match now {
        Some(State { running: Some(_), .. }) => (ContainerState::Running, None, None),
        Some(State { terminated: Some(it), .. }) => {
            (ContainerState::Terminated, it.reason.clone(), it.message.clone())
        }
        Some(State { waiting, .. }) => {
            let it = waiting.clone().unwrap_or_default();
            (ContainerState::Waiting, it.reason, it.message)
        }
        None => (ContainerState::Waiting, None, None),
    };
    // Between two crashes only the last one says why.
    let before = || last.and_then(|it| it.reason.clone());
    let reason = if state == ContainerState::Running { before() } else { reason };
    ContainerEvidence {
        name: it.name.clone(),
        state,
        reason,
        exit_code: last.map(|it| it.exit_code),
        restarts: u32::try_from(it.restart_count).unwrap_or_default(),
        message: message.filter(|it| !it.is_empty()),
        last_lines: Vec::new(),
    }
}

fn ended(state: Option<&State>) -> Option<&k8s_openapi::api::core::v1::ContainerStateTerminated> {
    state?.terminated.as_ref()
}

/// When the Pod ended, or since when it has not been ready.
fn since(pod: &Pod) -> Option<Timestamp> {
    // What ended well had done its part.
    let ends = statuses(pod).into_iter().filter(|it| it.restart_count == 0);
    let ends = ends.filter_map(|it| ended(it.state.as_ref())).filter(|it| it.exit_code != 0);
    let over = ends.filter_map(|it| it.finished_at.as_ref()).map(|it| it.0);
    let conditions = pod.status.iter().flat_map(|it| it.conditions.iter().flatten());
    let unready = conditions.filter(|it| it.type_ == "Ready" && it.status == "False");
    let unready = unready.filter_map(|it| it.last_transition_time.as_ref()).map(|it| it.0).max();
    over.max().or(unready)
}

/// The last Events about a Pod, or about what belongs to the failure where there is no Pod.
fn about(pod: Option<&Pod>, objects: &[&str], events: &[Event]) -> Vec<EventEvidence> {
    let pod = pod.and_then(|it| it.metadata.name.as_deref());
    let concerns = |it: &&Event| {
        let name = it.involved_object.name.as_deref().unwrap_or_default();
        let made =
            |of: &&str| name == *of || name.strip_prefix(*of).is_some_and(|it| it.starts_with('-'));
        Some(name) == pod || objects.contains(&name) || pod.is_none() && objects.iter().any(made)
    };
    let mut found: Vec<EventEvidence> = events.iter().filter(concerns).map(event).collect();
    found.sort_by_key(|it| it.at.as_ref().map(|it| it.0));
    found.split_off(found.len().saturating_sub(EVENTS))
}

fn event(it: &Event) -> EventEvidence {
    let series = it.series.as_ref();
    let count = series.and_then(|it| it.count).or(it.count).unwrap_or(1);
    let last = series.and_then(|it| it.last_observed_time.as_ref()).map(|it| it.0);
    let last = last.or_else(|| it.last_timestamp.as_ref().map(|it| it.0));
    let last = last.or_else(|| it.event_time.as_ref().map(|it| it.0));
    EventEvidence {
        reason: it.reason.clone().unwrap_or_default(),
        message: it.message.clone().unwrap_or_default(),
        count: u32::try_from(count).unwrap_or(1),
        at: last.map(Time),
    }
}

#[cfg(test)]
mod tests;
