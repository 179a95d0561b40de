//! What people read: the clauses and words of a status.

use super::{
    facts::{Facts, Part, Problem, Task, Workload, WorkloadState},
    status::stuck,
    step::{Cause, Change, Step, turn},
};
use crate::{
    api::{condition::Reason, phase::Phase, status::TaskState},
    plan::task::TaskRole,
};

/// What goes on, as one clause.
pub(super) fn progress(facts: &Facts, step: &Step) -> String {
    let task = |at: &usize| facts.tasks.get(*at).map_or_else(String::new, describe);
    match step {
        Step::Close(_) => "its end has begun".to_owned(),
        Step::EndResources(_) => "custom resources are deleted".to_owned(),
        Step::AwaitResources(_, names) => {
            format!("custom resources are cleaned up after: {}", names.join(", "))
        }
        Step::Teardown(_) => "the target is being deleted".to_owned(),
        Step::AwaitGone(_, blocked) if blocked.is_empty() => "the target is going".to_owned(),
        Step::AwaitGone(_, blocked) => format!("the target is going: {}", blocked.join("; ")),
        Step::ReleaseRights(_) => "only the operator's rights are left in the target".to_owned(),
        Step::Forget(_) => "nothing is left in the cluster".to_owned(),
        Step::TakePlace => "a place is asked for".to_owned(),
        Step::Begin(Change::Freeze) | Step::Freeze => {
            "the grant was withdrawn: nothing is to run any more".to_owned()
        }
        Step::Claim | Step::Plan => "the source is read and planned".to_owned(),
        Step::Prepare => "the target and its fence are made".to_owned(),
        Step::Probe | Step::AwaitProbe => "a probe tries the ways to production".to_owned(),
        Step::Apply { paused: true } => "configuration and stores are applied".to_owned(),
        Step::Begin(Change::Apply) | Step::Apply { paused: false } => {
            "the plan is applied".to_owned()
        }
        Step::AwaitStores(at) => match facts.tasks.get(*at) {
            Some(it) => {
                let needed = facts.needed_by(it);
                format!("{} waits for its stores: {}", describe(it), waiting(needed, String::new()))
            }
            None => String::new(),
        },
        Step::StartTask(at)
        | Step::AwaitTask(at)
        | Step::StartLast(_, at)
        | Step::AwaitLast(_, at) => format!("{} runs", task(at)),
        Step::GiveUp(at) => format!("{} waited too long for its stores", task(at)),
        Step::AwaitRunningStores => waiting(
            facts.workloads.iter().filter(|it| it.store),
            "the stores are on their way".to_owned(),
        ),
        Step::Begin(Change::Sleep) | Step::Sleep => "the workloads go to sleep".to_owned(),
        Step::Inspect => "the target is compared with its plan".to_owned(),
        Step::Compare => "the plan is compared with production".to_owned(),
        Step::Rebuild => "a namespace of newer production is begun".to_owned(),
        Step::Switch => "the namespace that was built takes over".to_owned(),
        Step::Abandon => "the namespace that was built is given up".to_owned(),
        Step::AwaitBeside(_) => "the other namespace is going".to_owned(),
        Step::AwaitDrain => "it runs on for a moment, for requests that are under way".to_owned(),
        Step::Discard => "nothing is left of it".to_owned(),
        Step::AwaitWorkloads => waiting(
            &facts.workloads,
            format!("{} of {} workloads are up", facts.up(), facts.workloads.len()),
        ),
        Step::RestExpired
        | Step::Delete
        | Step::RestReleased
        | Step::RestSuspended
        | Step::Refuse(_)
        | Step::RestBlocked(..)
        | Step::RestUnfenced(_)
        | Step::RestUnapproved
        | Step::RestQueued { .. }
        | Step::RestFrozen(_)
        | Step::RestAsleep
        | Step::RestFailed(_)
        | Step::Rest => String::new(),
    }
}

/// Names the first few workloads that are not up.
pub(super) fn waiting<'a>(
    workloads: impl IntoIterator<Item = &'a Workload>,
    count: String,
) -> String {
    const NAMED: usize = 3;
    let down: Vec<String> = workloads
        .into_iter()
        .filter(|it| it.state != WorkloadState::Up)
        .map(|it| it.key.to_string())
        .collect();
    if down.is_empty() {
        return count;
    }
    let more = down.len().saturating_sub(NAMED);
    let named = down.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let sentence = format!("waiting for {named}{more}");
    if count.is_empty() { sentence } else { format!("{count}, {sentence}") }
}

pub(super) fn failure(facts: &Facts, at: usize) -> Problem {
    facts.tasks.get(at).map_or_else(|| Problem::new(Reason::Failed, "a task failed"), told)
}

pub(super) fn told(task: &Task) -> Problem {
    let reason = if task.state == TaskState::TimedOut { Reason::TimedOut } else { Reason::Failed };
    let verb = if reason == Reason::TimedOut { "took too long" } else { "failed" };
    let why = if task.message.is_empty() { String::new() } else { format!(": {}", task.message) };
    Problem::new(reason, format!("{} {verb}{why}", describe(task)))
}

pub(super) fn describe(task: &Task) -> String {
    match task.role {
        TaskRole::Seed(when) => format!("seed {} ({})", task.name, turn(when)),
        TaskRole::Smoke => format!("smoke {}", task.name),
        TaskRole::PreDelete => format!("preDelete {}", task.name),
    }
}

pub(super) fn gone(cause: Cause) -> Problem {
    let why = match cause {
        Cause::Deleted => "the environment is being deleted",
        Cause::Expired => {
            "the time is up and the target is gone or going: «kulisse extend» gives it another life, as does a longer spec.lifecycle.ttl while the class's maxTTL is not over"
        }
        Cause::Withdrawn => {
            "the source may no longer be cloned, and the class's withdrawalGrace is over"
        }
        Cause::Replaced => "another namespace has taken its place, or it is not wanted any more",
        Cause::Renewed => "its namespace is going, and is made anew once it is gone",
    };
    Problem::new(cause.reason(), why)
}

/// That an environment waits for a place.
pub(super) fn queued(position: u32, given_up: bool) -> Problem {
    let message = if given_up {
        "it has waited for a place for as long as spec.lifecycle.queueTimeout allows: «kulisse retry» lets it wait once more".to_owned()
    } else {
        format!(
            "the class has as many environments as its limits allow: number {position} of those that wait for a place"
        )
    };
    Problem::new(if given_up { Reason::TimedOut } else { Reason::Queued }, message)
}

/// That a plan waits for a person.
pub(super) fn unapproved(facts: &Facts) -> Problem {
    let digest = facts.plan.as_ref().map_or("", |plan| short(&plan.digest));
    Problem::new(
        Reason::AwaitingApproval,
        format!(
            "spec.mode is Plan: «kulisse approve NAME {digest}» applies what the StagingPlan shows"
        ),
    )
}

/// That nothing is done about an environment.
pub(super) fn suspended() -> Problem {
    Problem::new(
        Reason::Suspended,
        "spec.suspend is true: «kulisse resume NAME» lets the operator go on",
    )
}

/// That an environment sleeps, and until when.
pub(super) fn asleep(facts: &Facts) -> String {
    let until = match facts.rhythm.changes_at {
        Some(at) => format!("until {at}"),
        None => "until it is woken".to_owned(),
    };
    format!("it sleeps {until}, with its data kept: «kulisse wake» wakes it")
}

/// That a namespace is built beside the one that serves.
pub(super) fn built(told: &str) -> String {
    format!("a namespace that is to take its place is built: {told}")
}

/// That it cannot be.
pub(super) fn failed(problem: &Problem) -> String {
    if problem.reason == Reason::AwaitingApproval {
        return format!("a namespace that is to take its place waits: {}", problem.message);
    }
    format!(
        "the namespace that was to take its place is stuck, and this one serves as before: {}; «kulisse retry NAME» tries again",
        problem.message
    )
}

/// One word for people.
pub(super) fn phase(facts: &Facts, step: &Step, problem: Option<&Problem>) -> &'static str {
    match step {
        Step::Close(cause)
        | Step::StartLast(cause, _)
        | Step::AwaitLast(cause, _)
        | Step::EndResources(cause)
        | Step::AwaitResources(cause, _)
        | Step::Teardown(cause)
        | Step::AwaitGone(cause, _)
        | Step::ReleaseRights(cause)
        | Step::AwaitBeside(cause)
        | Step::Forget(cause) => ending(facts, *cause).as_str(),
        Step::AwaitDrain | Step::Discard => ending(facts, Cause::Replaced).as_str(),
        Step::RestExpired | Step::Delete => Phase::Expired.as_str(),
        Step::RestReleased => Phase::Deleted.as_str(),
        Step::RestSuspended => Phase::Suspended.as_str(),
        Step::RestBlocked(..) => Phase::Blocked.as_str(),
        Step::Refuse(held) | Step::RestUnfenced(held) => held.reason.as_str(),
        Step::RestFailed(at) => match facts.tasks.get(*at).map(|task| task.role) {
            Some(TaskRole::Smoke) => Phase::SmokeFailed.as_str(),
            Some(TaskRole::Seed(_) | TaskRole::PreDelete) | None => Phase::SeedFailed.as_str(),
        },
        Step::Claim | Step::Plan => {
            problem.map_or(Phase::Planning.as_str(), |it| it.reason.as_str())
        }
        Step::Prepare => problem.map_or(Phase::Preparing.as_str(), |it| it.reason.as_str()),
        Step::Probe | Step::AwaitProbe => Phase::Probing.as_str(),
        Step::Begin(Change::Apply) | Step::Apply { .. } => {
            problem.map_or(Phase::Applying.as_str(), |it| it.reason.as_str())
        }
        Step::AwaitStores(_) | Step::AwaitRunningStores | Step::AwaitWorkloads => {
            stuck(facts).map_or(Phase::Starting.as_str(), |it| it.reason.as_str())
        }
        Step::StartTask(at) | Step::AwaitTask(at) | Step::GiveUp(at) => {
            match facts.tasks.get(*at).map(|task| task.role) {
                Some(TaskRole::Smoke) => Phase::Testing.as_str(),
                Some(TaskRole::Seed(_) | TaskRole::PreDelete) | None => Phase::Seeding.as_str(),
            }
        }
        Step::RestUnapproved => Phase::AwaitingApproval.as_str(),
        Step::RestQueued { given_up: true, .. } => Phase::TimedOut.as_str(),
        Step::RestQueued { .. } | Step::TakePlace => Phase::Queued.as_str(),
        Step::Begin(Change::Freeze) | Step::Freeze | Step::RestFrozen(_) => Phase::Frozen.as_str(),
        Step::Begin(Change::Sleep) | Step::Sleep | Step::RestAsleep => Phase::Asleep.as_str(),
        Step::Inspect if !facts.all_up() => Phase::Starting.as_str(),
        Step::Inspect
        | Step::Compare
        | Step::Rebuild
        | Step::Switch
        | Step::Abandon
        | Step::Rest => Phase::Ready.as_str(),
    }
}

fn ending(facts: &Facts, cause: Cause) -> Phase {
    match (cause, facts.deleting, facts.part) {
        (Cause::Renewed, ..) => Phase::Renewing,
        (_, true, _) => Phase::Deleting,
        (_, false, Part::Serving) => Phase::Expiring,
        (_, false, Part::Building | Part::Leaving) => Phase::Leaving,
    }
}

pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::task::When,
        lifecycle::{
            sleep::Rhythm,
            table::{now, task, up},
        },
        plan::object::Key,
    };

    fn workload(kind: &str, name: &str, state: WorkloadState) -> Workload {
        let key = Key { group: "apps".into(), kind: kind.into(), name: name.into() };
        Workload { key, store: kind == "StatefulSet", state }
    }

    /// One of which the workloads with these names are on their way, and another one is up.
    fn going(names: &[&str]) -> Facts {
        let down = |it: &&str| workload("Deployment", it, WorkloadState::Progressing);
        let mut workloads: Vec<Workload> = names.iter().map(down).collect();
        workloads.push(workload("StatefulSet", "db", WorkloadState::Up));
        Facts { workloads, ..up() }
    }

    fn with(role: TaskRole, state: TaskState) -> Facts {
        Facts { tasks: vec![task(role, state)], ..up() }
    }

    #[test]
    fn three_of_the_workloads_that_are_waited_for_are_named_and_the_others_counted() {
        let told = |names: &[&str]| progress(&going(names), &Step::AwaitWorkloads);
        assert_eq!(told(&[]), "1 of 1 workloads are up");
        assert_eq!(
            told(&["a", "b", "c"]),
            "1 of 4 workloads are up, waiting for Deployment.apps/a, Deployment.apps/b, Deployment.apps/c"
        );
        assert!(told(&["a", "b", "c", "d", "e"]).ends_with("Deployment.apps/c and 2 more"));
    }

    #[test]
    fn only_stores_are_waited_for_where_stores_come_first() {
        let mut facts = going(&["web"]);
        let stores = |facts: &Facts| progress(facts, &Step::AwaitRunningStores);
        assert_eq!(stores(&facts), "the stores are on their way");
        facts.workloads[1].state = WorkloadState::Progressing;
        let named = "the stores are on their way, waiting for StatefulSet.apps/db";
        assert_eq!(stores(&facts), named);
        facts.tasks = with(TaskRole::Seed(When::BeforeWorkloads), TaskState::Pending).tasks;
        assert_eq!(
            progress(&facts, &Step::AwaitStores(0)),
            "seed t (before the workloads) waits for its stores: waiting for StatefulSet.apps/db"
        );
    }

    #[test]
    fn what_holds_up_an_end_is_named_if_it_is_known() {
        let told = |blocked: &[&str]| {
            let blocked = blocked.iter().map(|it| (*it).to_owned()).collect();
            progress(&up(), &Step::AwaitGone(Cause::Deleted, blocked))
        };
        assert_eq!(told(&[]), "the target is going");
        assert_eq!(told(&["a finalizer", "an API"]), "the target is going: a finalizer; an API");
    }

    #[test]
    fn a_task_is_told_by_its_list_its_name_and_how_it_ended() {
        let of = |role, state, message: &str| {
            let message = message.to_owned();
            let facts = Facts { tasks: vec![Task { message, ..task(role, state) }], ..up() };
            failure(&facts, 0)
        };
        let seed = TaskRole::Seed(When::AfterWorkloads);
        let (failed, late) = (TaskState::Failed, TaskState::TimedOut);
        for (role, state, message, reason, told) in [
            (TaskRole::Smoke, failed, "exit code 1", Reason::Failed, "smoke t failed: exit code 1"),
            (seed, failed, "", Reason::Failed, "seed t (after the workloads) failed"),
            (TaskRole::PreDelete, late, "", Reason::TimedOut, "preDelete t took too long"),
        ] {
            assert_eq!(of(role, state, message), Problem::new(reason, told));
        }
        let smoke = with(TaskRole::Smoke, TaskState::Running);
        assert_eq!(progress(&smoke, &Step::AwaitTask(0)), "smoke t runs");
    }

    #[test]
    fn what_sleeps_says_until_when() {
        let told =
            |changes_at| asleep(&Facts { rhythm: Rhythm { sleeps: true, changes_at }, ..up() });
        assert!(told(Some(now())).starts_with("it sleeps until 1970-01-01T00:00:00Z,"));
        assert!(told(None).starts_with("it sleeps until it is woken,"));
    }

    #[test]
    fn what_waits_for_an_approval_beside_is_not_called_stuck() {
        let told = |reason| failed(&Problem::new(reason, "the sentence"));
        let waits = "a namespace that is to take its place waits: the sentence";
        assert_eq!(told(Reason::AwaitingApproval), waits);
        let stuck = told(Reason::ImagePullFailed);
        assert!(stuck.contains("is stuck") && stuck.contains("the sentence"), "{stuck}");
        assert!(built("1 of 2 are up").ends_with(": 1 of 2 are up"));
    }

    #[test]
    fn a_digest_is_cut_to_what_people_compare() {
        assert_eq!((short("0123456789abcdef"), short("0123")), ("0123456789ab", "0123"));
    }

    #[test]
    fn one_word_says_where_an_environment_is_in_its_life_or_what_holds_it_up() {
        let refused = Problem::new(Reason::SourceNotGranted, "no grant");
        let (seed, smoke) = (TaskRole::Seed(When::BeforeWorkloads), TaskRole::Smoke);
        let task = |role| with(role, TaskState::Running);
        let end = || Step::Teardown(Cause::Expired);
        let mut stuck = going(&["web"]);
        stuck.workloads[0].state = WorkloadState::Stuck(refused.clone());
        let rows = vec![
            (up(), end(), None, "Expiring"),
            (up(), Step::AwaitGone(Cause::Renewed, Vec::new()), None, "Renewing"),
            (Facts { deleting: true, ..up() }, end(), None, "Deleting"),
            (Facts { part: Part::Leaving, ..up() }, Step::AwaitDrain, None, "Leaving"),
            (up(), Step::RestExpired, None, "Expired"),
            (up(), Step::Refuse(refused.clone()), None, "SourceNotGranted"),
            (up(), Step::Plan, None, "Planning"),
            (up(), Step::Plan, Some(&refused), "SourceNotGranted"),
            (up(), Step::Apply { paused: true }, None, "Applying"),
            (up(), Step::Apply { paused: true }, Some(&refused), "SourceNotGranted"),
            (going(&["web"]), Step::AwaitWorkloads, None, "Starting"),
            (stuck, Step::AwaitWorkloads, None, "SourceNotGranted"),
            (task(seed), Step::AwaitTask(0), None, "Seeding"),
            (task(smoke), Step::AwaitTask(0), None, "Testing"),
            (task(seed), Step::RestFailed(0), None, "SeedFailed"),
            (task(smoke), Step::RestFailed(0), None, "SmokeFailed"),
            (up(), Step::RestQueued { position: 1, given_up: false }, None, "Queued"),
            (up(), Step::RestQueued { position: 1, given_up: true }, None, "TimedOut"),
            (up(), Step::RestAsleep, None, "Asleep"),
            (going(&["web"]), Step::Inspect, None, "Starting"),
            (going(&[]), Step::Inspect, None, "Ready"),
        ];
        for (facts, step, problem, word) in rows {
            assert_eq!(phase(&facts, &step, problem), word, "{step:?}");
        }
    }
}
