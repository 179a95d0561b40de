//! The conditions that are there only while they are true: what goes on, what needs a person, and what
//! is so on purpose.

use jiff::SignedDuration;

use super::{Said, Verdict};
use crate::{
    api::{
        condition::{ConditionType, Reason},
        status::Wave,
    },
    lifecycle::{
        facts::{Beside, Facts, Probe, Problem, WorkloadState},
        remains::overdue,
        step::{Cause, Step},
        task::SEEN_WITHIN,
        words::{asleep, built, failed, failure, gone, progress, queued, suspended, unapproved},
    },
};

/// What has not come up by then needs a person.
const MENDS_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// The conditions that are there only while they are true.
pub(super) fn passing(facts: &Facts, step: &Step, problem: Option<&Problem>) -> Vec<Said> {
    let mut said = Vec::new();
    let mut say = |kind, reason, message: String| said.push((kind, Verdict::True, reason, message));
    match step {
        Step::RestSuspended => {
            say(ConditionType::Suspended, Reason::Suspended, suspended().message);
        }
        Step::RestExpired | Step::Delete => {
            say(ConditionType::Expired, Reason::Expired, gone(Cause::Expired).message);
        }
        // That nobody knows mends itself.
        Step::Refuse(held) if !needs_a_person(held) => {
            say(ConditionType::Reconciling, held.reason, held.message.clone());
        }
        Step::Refuse(held)
        | Step::RestUnfenced(held)
        | Step::RestBlocked(held, _)
        | Step::RestFrozen(held) => {
            say(ConditionType::Stalled, held.reason, held.message.clone());
        }
        Step::RestFailed(at) => {
            let problem = failure(facts, *at);
            say(ConditionType::Stalled, problem.reason, problem.message);
        }
        Step::AwaitGone(_, blocked_by) if overdue(facts.leaving_since, facts.now) => {
            say(ConditionType::TeardownBlocked, Reason::TeardownBlocked, holds(blocked_by));
            say(ConditionType::Reconciling, Reason::Deleting, progress(facts, step));
        }
        Step::RestQueued { position, given_up } => {
            let problem = queued(*position, *given_up);
            let kind = if *given_up { ConditionType::Stalled } else { ConditionType::Reconciling };
            say(kind, problem.reason, problem.message);
        }
        Step::RestUnapproved => {
            let problem = unapproved(facts);
            say(ConditionType::Stalled, problem.reason, problem.message);
        }
        Step::Sleep | Step::RestAsleep if problem.is_none() => {
            say(ConditionType::Asleep, Reason::Asleep, asleep(facts));
        }
        // InSync says what went wrong.
        Step::Inspect | Step::Compare => {}
        Step::Rest | Step::RestReleased => match (problem, second(&facts.beside)) {
            (Some(problem), _) => {
                say(ConditionType::Reconciling, problem.reason, problem.message.clone());
            }
            (None, Some((kind, reason, message))) => say(kind, reason, message),
            (None, None) => {}
        },
        Step::Close(_)
        | Step::StartLast(..)
        | Step::AwaitLast(..)
        | Step::EndResources(_)
        | Step::AwaitResources(..)
        | Step::Teardown(_)
        | Step::AwaitGone(..)
        | Step::ReleaseRights(_)
        | Step::Forget(_)
        | Step::Claim
        | Step::Plan
        | Step::Prepare
        | Step::Probe
        | Step::AwaitProbe
        | Step::Begin(_)
        | Step::Apply { .. }
        | Step::AwaitStores(_)
        | Step::AwaitRunningStores
        | Step::StartTask(_)
        | Step::AwaitTask(_)
        | Step::GiveUp(_)
        | Step::TakePlace
        | Step::Freeze
        | Step::Sleep
        | Step::RestAsleep
        | Step::Rebuild
        | Step::Switch
        | Step::Abandon
        | Step::AwaitBeside(_)
        | Step::AwaitDrain
        | Step::Discard
        | Step::AwaitWorkloads => {
            let stuck = lasting(facts, step);
            let problem = problem.cloned().or(stuck);
            let kind = match problem.as_ref().filter(|it| needs_a_person(it)) {
                Some(_) => ConditionType::Stalled,
                None => ConditionType::Reconciling,
            };
            let (reason, message) = problem.map_or_else(
                || (Reason::Progressing, progress(facts, step)),
                |it| (it.reason, it.message),
            );
            say(kind, reason, message);
        }
    }
    said.extend(held_up(facts, &said));
    said.extend(expiring(facts));
    said
}

/// That the time is nearly up.
fn expiring(facts: &Facts) -> Option<Said> {
    let warned = facts.warns_at.is_some_and(|at| facts.now >= at);
    let end = facts.expires_at.filter(|end| warned && facts.now < *end && !facts.deleting)?;
    let message = format!("the time is up at {end}");
    Some((ConditionType::Expiring, Verdict::True, Reason::Expiring, message))
}

/// What is to be said of a namespace that is built beside this one.
fn second(beside: &Beside) -> Option<(ConditionType, Reason, String)> {
    match beside {
        // What serves goes on, and InSync says what to type.
        Beside::Building { stalled: Some(problem), .. }
            if problem.reason == Reason::AwaitingApproval =>
        {
            None
        }
        Beside::Building { stalled: Some(problem), .. } => {
            Some((ConditionType::Stalled, problem.reason, failed(problem)))
        }
        Beside::Building { told, stalled: None, .. } => {
            Some((ConditionType::Reconciling, Reason::Progressing, built(told)))
        }
        Beside::Nothing | Beside::Ready | Beside::Leaving(_) => None,
    }
}

/// What holds up the end of a namespace beside this one, unless this one's is held up itself.
fn held_up(facts: &Facts, said: &[Said]) -> Option<Said> {
    let kind = ConditionType::TeardownBlocked;
    let own = said.iter().any(|it| it.0 == kind);
    match &facts.beside {
        Beside::Leaving(Some(blocked)) if !own => {
            Some((kind, Verdict::True, Reason::TeardownBlocked, blocked.clone()))
        }
        Beside::Nothing | Beside::Building { .. } | Beside::Ready | Beside::Leaving(_) => None,
    }
}

/// What holds up a deletion; somebody does, even if nobody says so.
fn holds(blocked_by: &[String]) -> String {
    if blocked_by.is_empty() {
        return "the namespace controller has not removed the target, and does not say why: does kube-controller-manager run?".to_owned();
    }
    blocked_by.join("; ")
}

/// What keeps the probe or a workload from coming up.
pub(in crate::lifecycle) fn stuck(facts: &Facts) -> Option<Problem> {
    if let Probe::Running(trouble) = &facts.probe {
        return trouble.clone();
    }
    // What this plan has and was not applied yet cannot have been deleted.
    let applied = facts.applied.as_ref().is_some_and(|(digest, through)| {
        *through >= Wave::Stores && facts.plan.as_ref().is_some_and(|it| it.digest == *digest)
    });
    let long_ago =
        applied && facts.applied_at.is_some_and(|at| facts.now.duration_since(at) > SEEN_WITHIN);
    facts.workloads.iter().find_map(|it| match &it.state {
        WorkloadState::Stuck(problem) => Some(problem.clone()),
        WorkloadState::Missing if long_ago => Some(Problem::new(
            Reason::WorkloadMissing,
            format!("{} is not in the target any more: somebody deleted it; spec.drift.action: Resync brings it back", it.key),
        )),
        WorkloadState::Up | WorkloadState::Progressing | WorkloadState::Missing => None,
    })
}

/// What has kept things from coming up for so long that it will not mend itself: many a workload
/// fails a few times until what it needs is there.
fn lasting(facts: &Facts, step: &Step) -> Option<Problem> {
    let waits = matches!(
        step,
        Step::AwaitWorkloads | Step::AwaitStores(_) | Step::AwaitRunningStores | Step::AwaitProbe
    );
    let long = facts.applied_at.is_some_and(|at| facts.now.duration_since(at) >= MENDS_WITHIN);
    (waits && long).then(|| stuck(facts)).flatten()
}

/// Whether a person must act: what the API server did not answer is tried again by itself.
pub(super) fn needs_a_person(problem: &Problem) -> bool {
    problem.reason != Reason::ApiError
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        lifecycle::{
            facts::Workload,
            table::{now, up},
        },
        plan::object::Key,
    };

    fn after(seconds: i64) -> Timestamp {
        now() + SignedDuration::from_secs(seconds)
    }

    fn problem() -> Problem {
        Problem::new(Reason::ImagePullFailed, "no such image")
    }

    fn web(state: WorkloadState) -> Vec<Workload> {
        let key = Key { group: "apps".into(), kind: "Deployment".into(), name: "web".into() };
        vec![Workload { key, store: false, state }]
    }

    /// The types and reasons of what is said.
    fn said(facts: &Facts, step: &Step, problem: Option<&Problem>) -> Vec<String> {
        let all = passing(facts, step, problem).into_iter();
        all.map(|(kind, _, reason, _)| format!("{}: {}", kind.as_str(), reason.as_str())).collect()
    }

    /// The same, of one that is up.
    fn beside(beside: Beside, problem: Option<&Problem>) -> Vec<String> {
        said(&Facts { beside, ..up() }, &Step::Rest, problem)
    }

    fn building(stalled: Option<Problem>) -> Beside {
        Beside::Building { told: "on its way".into(), stalled, made_of: "now".into() }
    }

    #[test]
    fn that_the_time_is_nearly_up_is_said_from_the_warning_to_the_end() {
        let warns = |warns_at: Option<i64>, ends_at: i64, deleting| {
            let (warns_at, expires_at) = (warns_at.map(after), Some(after(ends_at)));
            let facts = Facts { deleting, expires_at, warns_at, ..up() };
            said(&facts, &Step::Rest, None) == ["Expiring: Expiring"]
        };
        assert!(warns(Some(0), 1, false));
        assert!(!warns(Some(1), 2, false), "not yet");
        assert!(!warns(Some(-1), 0, false), "it is up");
        assert!(!warns(Some(0), 1, true), "it is deleted before");
        assert!(!warns(None, 1, false));
    }

    #[test]
    fn what_is_built_beside_is_told_unless_there_is_something_nearer() {
        let unapproved = Problem::new(Reason::AwaitingApproval, "approve it");
        let refused = Problem::new(Reason::Refused, "no");
        assert_eq!(beside(building(None), None), ["Reconciling: Progressing"]);
        assert_eq!(beside(building(Some(problem())), None), ["Stalled: ImagePullFailed"]);
        assert!(beside(building(Some(unapproved)), None).is_empty(), "InSync says what to type");
        assert!(beside(Beside::Ready, None).is_empty());
        assert_eq!(beside(building(Some(problem())), Some(&refused)), ["Reconciling: Refused"]);
    }

    #[test]
    fn what_holds_up_the_end_of_another_namespace_is_told_unless_the_own_one_is_held_up() {
        let blocked = "TeardownBlocked: TeardownBlocked";
        let leaves = || Beside::Leaving(Some("a finalizer".into()));
        let refused = Problem::new(Reason::Refused, "no");
        assert_eq!(beside(leaves(), None), [blocked]);
        assert_eq!(beside(leaves(), Some(&refused)), ["Reconciling: Refused", blocked]);
        assert!(beside(Beside::Leaving(None), None).is_empty());
        let own = Facts { beside: leaves(), leaving_since: Some(after(-60)), ..up() };
        let gone = Step::AwaitGone(Cause::Deleted, vec!["an API".into()]);
        assert_eq!(said(&own, &gone, None), [blocked, "Reconciling: Deleting"]);
    }

    #[test]
    fn a_deletion_that_nobody_explains_is_explained_as_far_as_it_can_be() {
        assert_eq!(holds(&["a finalizer".into(), "an API".into()]), "a finalizer; an API");
        assert!(holds(&[]).contains("kube-controller-manager"));
    }

    #[test]
    fn a_workload_is_missed_once_the_watch_must_have_seen_it() {
        let missed = |seconds: i64| {
            let workloads = web(WorkloadState::Missing);
            stuck(&Facts { workloads, applied_at: Some(after(-seconds)), ..up() })
                .map(|it| it.reason)
        };
        assert_eq!(missed(20), None);
        assert_eq!(missed(21), Some(Reason::WorkloadMissing));
    }

    #[test]
    fn what_keeps_a_probe_from_running_comes_before_what_keeps_workloads() {
        let workloads = web(WorkloadState::Stuck(problem()));
        let stuck = |probe| stuck(&Facts { probe, workloads: workloads.clone(), ..up() });
        let unscheduled = Problem::new(Reason::Unschedulable, "no node");
        assert_eq!(stuck(Probe::Running(Some(unscheduled.clone()))), Some(unscheduled));
        assert_eq!(stuck(Probe::Running(None)), None);
        assert_eq!(stuck(Probe::Skipped), Some(problem()));
    }

    #[test]
    fn only_what_is_waited_for_can_take_too_long() {
        let workloads = web(WorkloadState::Stuck(problem()));
        let since = |seconds: i64| Facts {
            workloads: workloads.clone(),
            applied_at: Some(after(-seconds)),
            ..up()
        };
        let going = ["Reconciling: Progressing"];
        assert_eq!(said(&since(59), &Step::AwaitWorkloads, None), going);
        assert_eq!(said(&since(60), &Step::AwaitWorkloads, None), ["Stalled: ImagePullFailed"]);
        assert_eq!(said(&since(60), &Step::Apply { paused: false }, None), going);
    }
}
