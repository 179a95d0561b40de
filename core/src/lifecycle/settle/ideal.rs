//! A cluster in which everything goes well.

use super::{plan, problem};
use crate::{
    api::status::{TaskState, Wave},
    lifecycle::{
        facts::{Beside, Drift, Facts, Place, PlanFacts, Probe, Target, WorkloadState},
        step::{Cause, Change, Step},
    },
    plan::task::TaskRole,
};

/// What a faultless cluster looks like after `step`.
pub(super) fn ideal(facts: &Facts, step: &Step) -> Facts {
    let mut next = facts.clone();
    match step {
        Step::Claim => next.claimed = true,
        Step::Plan => {
            next.drift.stale = false;
            let made = plan(facts.generation, false, false);
            next.plan = Some(PlanFacts { planned_at: facts.now, ..made });
        }
        Step::Prepare => {
            next.target = Target::Living;
            next.applied.get_or_insert(("new".into(), Wave::Fence));
        }
        Step::Probe => next.probe = Probe::Running(None),
        Step::AwaitProbe => next.probe = Probe::Closed("all closed".into()),
        Step::TakePlace => next.place = Place::Taken,
        Step::Begin(change) => {
            next.promised = false;
            next.restless = true;
            next.applied = next.applied.map(|(digest, wave)| match change {
                Change::Apply if facts.holds_its_plan() => (digest, wave),
                Change::Apply => (String::new(), wave),
                Change::Sleep => (digest, Wave::Config),
                Change::Freeze => (digest, wave),
            });
        }
        Step::Freeze => {
            if let Some(it) = &mut next.withdrawal {
                it.frozen = true;
            }
        }
        Step::Sleep => {
            next.restless = false;
        }
        Step::Apply { paused } => {
            let wave = if *paused { Wave::Stores } else { Wave::Workloads };
            let digest = facts.plan.as_ref().map(|plan| plan.digest.clone()).unwrap_or_default();
            next.applied = Some((digest, wave));
        }
        Step::AwaitStores(_) | Step::AwaitRunningStores | Step::AwaitWorkloads => {
            for it in &mut next.workloads {
                if it.state == WorkloadState::Progressing {
                    it.state = WorkloadState::Up;
                }
            }
        }
        Step::Inspect => next.drift.touched = false,
        Step::Compare => next.drift.unseen = false,
        Step::Rebuild => next.beside = building(),
        Step::Abandon => next.beside = Beside::Leaving(None),
        Step::AwaitBeside(_) => next.beside = Beside::Nothing,
        Step::Switch => take_over(&mut next),
        Step::AwaitDrain => next.drains_until = None,
        Step::AwaitLast(_, index) => next.tasks[*index].state = TaskState::Failed,
        Step::StartTask(index) | Step::StartLast(_, index) => {
            next.tasks[*index].state = TaskState::Running;
        }
        Step::AwaitTask(index) => next.tasks[*index].state = TaskState::Passed,
        Step::GiveUp(index) => next.tasks[*index].state = TaskState::TimedOut,
        Step::Close(_) => next.closed = true,
        Step::EndResources(_) => {
            if let Some(it) = &mut next.lingering {
                it.since = Some(facts.now);
            }
        }
        Step::AwaitResources(..) => next.lingering = None,
        Step::Teardown(_) => {
            next.target = Target::Leaving { only_rights: false, blocked_by: vec![] }
        }
        Step::AwaitGone(..) => {
            next.target = Target::Leaving { only_rights: true, blocked_by: vec![] }
        }
        Step::ReleaseRights(_) => {
            // Its namespace gone, an environment that nobody ended begins a new life.
            next.target = Target::None;
            next.applied = None;
            next.probe = Probe::Due;
            next.closed = false;
        }
        Step::Forget(cause) => forget(&mut next, *cause),
        Step::Delete => next.deleting = true,
        Step::RestExpired
        | Step::RestReleased
        | Step::RestSuspended
        | Step::Refuse(_)
        | Step::RestBlocked(..)
        | Step::RestUnfenced(_)
        | Step::RestUnapproved
        | Step::RestQueued { .. }
        | Step::RestFrozen(_)
        | Step::RestAsleep
        | Step::Discard
        | Step::RestFailed(_) => {}
        // Meanwhile, beside it.
        Step::Rest => match next.beside {
            Beside::Building { stalled: None, .. } => next.beside = Beside::Ready,
            Beside::Leaving(_) => next.beside = Beside::Nothing,
            Beside::Building { stalled: Some(_), .. } | Beside::Ready | Beside::Nothing => {}
        },
    }
    next
}

fn forget(facts: &mut Facts, cause: Cause) {
    facts.plan = None;
    facts.applied = None;
    match cause {
        Cause::Deleted => facts.claimed = false,
        Cause::Expired => facts.expired = true,
        Cause::Renewed => {}
        Cause::Withdrawn | Cause::Replaced => {
            facts.withdrawal = None;
            facts.refusal = Some(problem());
        }
    }
}

fn building() -> Beside {
    Beside::Building { told: "on its way".into(), stalled: None, made_of: "now".into() }
}

/// What was built is up, and made of production as it is.
fn take_over(facts: &mut Facts) {
    facts.beside = Beside::Leaving(None);
    facts.drift = Drift { same: true, ..Drift::default() };
    facts.plan = Some(plan(facts.generation, false, false));
    facts.applied = Some(("new".to_owned(), Wave::Workloads));
    facts.probe = Probe::Closed("all closed".into());
    for it in &mut facts.workloads {
        it.state = WorkloadState::Up;
    }
    for it in facts.tasks.iter_mut().filter(|it| it.role != TaskRole::PreDelete) {
        it.state = TaskState::Passed;
    }
}
