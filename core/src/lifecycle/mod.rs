//! Facts → next step. Pure.
//!
//! ```text
//!  Claim ► Plan ► Prepare ► Probe ► Apply{paused} ► AwaitStores ► StartTask ► AwaitTask ─┐
//!                                     │                                 seeds            │
//!                                     ▼                                                  ▼
//!  Rest ◄── AwaitTask ◄── StartTask ◄── AwaitWorkloads ◄───────────── Apply ◄────────────┘
//!   │ ▲        smokes, and seeds that come after the workloads           ▲
//!   │ ├─ Sleep ► RestAsleep ► Apply{paused} ► AwaitRunningStores ────────┘
//!   │ ├─ Inspect, Compare ► Plan ► Apply
//!   │ └─ Compare ► Rebuild     ···· beside: Plan ► … ► Rest ····     Switch ► Rest
//!   ▼ deleted or expired
//!  Close ► StartLast ► AwaitLast ► EndResources ► AwaitResources ─┐ only where there is something
//!  Teardown ◄─────────────────────────────────────────────────────┘ to let go of
//!     └► AwaitGone ► ReleaseRights ► AwaitGone ► Forget ► RestReleased / RestExpired / Delete
//! ```
//!
//! Whatever changes a target that was said to be as it should, or to sleep, is said first: Begin.
//!
//! [`next`] is one list of cases; the first that fits wins. Deletion outranks expiry, expiry a grant
//! that was withdrawn, and these three everything else. Waiting is a step, not an error. While our own
//! account is not fenced, whatever would create something is refused, and everything else goes on.
//!
//! A namespace that is built beside the one that serves goes the same way, with facts of its own; so
//! does the one that is replaced. Only what serves decides when one takes the place of the other.

pub mod begin;
pub mod consent;
pub mod drift;
pub mod evidence;
pub mod expiry;
pub mod facts;
mod fit;
pub mod place;
pub mod readiness;
pub mod rebuild;
pub mod remains;
pub mod request;
pub mod sleep;
pub mod status;
pub mod step;
pub mod task;
pub mod unapplied;
pub mod wake;
pub mod withdrawal;
mod words;

#[cfg(test)]
mod settle;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;

pub use self::{
    facts::Problem,
    fit::fitting,
    status::{project, unseen},
    wake::{backoff, due, wake},
};
use jiff::SignedDuration;

use self::{
    facts::{Beside, Drift, Facts, Part, Place, Probe, Target, Task, WorkloadState},
    step::{Cause, Step},
};
use crate::{
    api::{
        condition::Reason,
        lifecycle::OnExpiry,
        status::{TaskState, Wave},
        task::When,
    },
    plan::task::{SMOKES_AT_ONCE, TaskRole},
};

/// What keeps a plan from being applied is looked at again after this: the source, where nothing was
/// made yet; grants and the class.
const PLANNED_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// Custom resources are cleaned up after for at most so long before what runs in the target goes.
pub(crate) const CLEANED_UP_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// What comes next.
pub fn next(facts: &Facts) -> Step {
    let step = fenced(facts);
    begin::first(facts, &step).unwrap_or(step)
}

/// What comes next, be the status behind it or not.
fn fenced(facts: &Facts) -> Step {
    let step = wanted(facts);
    let Some(problem) = facts.unfenced.as_ref().filter(|_| step.creates()) else { return step };
    // That production has moved on says nothing of whether what serves can be used.
    let unmoved = Facts { drift: Drift::default(), beside: Beside::Nothing, ..facts.clone() };
    match wanted(&unmoved) {
        // Also for what lives: what its plan holds are RoleBindings, too.
        step if step.creates() => Step::Refuse(problem.clone()),
        step => step,
    }
}

/// What comes next where our own account is fenced.
fn wanted(facts: &Facts) -> Step {
    if facts.deleting {
        return end(facts, Cause::Deleted);
    }
    if facts.expires_at.is_some_and(|end| facts.now >= end) || facts.expired {
        return end(facts, Cause::Expired);
    }
    if let Some(withdrawal) = &facts.withdrawal {
        // What serves nobody is not worth freezing.
        let ends = facts.now >= withdrawal.ends_at || facts.part != Part::Serving;
        return if ends || facts.target != Target::Living {
            end(facts, Cause::Withdrawn)
        } else if withdrawal.frozen {
            Step::RestFrozen(withdrawal.problem.clone())
        } else {
            Step::Freeze
        };
    }
    if facts.part == Part::Leaving {
        return match facts.drains_until {
            Some(end) if facts.now < end && facts.target == Target::Living => Step::AwaitDrain,
            _ => end(facts, Cause::Replaced),
        };
    }
    // An end that has begun goes on, whatever was asked since; then it is built anew.
    if facts.closed && facts.target == Target::Living {
        return leave(facts, Cause::Renewed);
    }
    // A target that goes although nobody asked us: somebody deleted the namespace. It goes in
    // order, and the environment is built anew.
    if let Target::Leaving { only_rights, blocked_by } = &facts.target {
        return if *only_rights {
            Step::ReleaseRights(Cause::Renewed)
        } else {
            Step::AwaitGone(Cause::Renewed, blocked_by.clone())
        };
    }
    // Nothing new; what has begun to go is let go.
    if facts.suspended {
        return Step::RestSuspended;
    }
    if let Target::Foreign(name) = &facts.target {
        return Step::Refuse(Problem::new(
            Reason::Conflict,
            format!(
                "a namespace {name} exists and is not ours: delete it, or create this environment under another name"
            ),
        ));
    }
    if let Some(step) = turn(facts) {
        return step;
    }
    let planned = facts.plan.as_ref().filter(|plan| plan.generation == facts.generation);
    // What lives keeps what it has; only what would be new waits.
    if let Some(problem) = &facts.refusal
        && (planned.is_none() || facts.target == Target::None)
    {
        return Step::Refuse(problem.clone());
    }
    if !facts.claimed {
        return Step::Claim;
    }
    let Some(plan) = planned else { return Step::Plan };
    if let Some((problem, count)) = &plan.blocked {
        let stale = facts.now.duration_since(plan.planned_at) >= PLANNED_AGAIN;
        return if stale { Step::Plan } else { Step::RestBlocked(problem.clone(), *count) };
    }
    let held = facts.applied.as_ref();
    if facts.unapproved && held.is_none_or(|(digest, _)| *digest != plan.digest) {
        return Step::RestUnapproved;
    }
    match (&facts.target, &facts.place) {
        (Target::None, Place::Unasked) => return Step::TakePlace,
        (Target::None, Place::Awaited { position, until }) => {
            let given_up = until.is_some_and(|until| facts.now >= until);
            return Step::RestQueued { position: *position, given_up };
        }
        (Target::None, Place::Taken) => return Step::Prepare,
        _ if held.is_none() => return Step::Prepare,
        _ => {}
    }
    match &facts.probe {
        Probe::Due => return Step::Probe,
        Probe::Running(_) => return Step::AwaitProbe,
        Probe::Failed(problem) if !facts.warns_only => return Step::RestUnfenced(problem.clone()),
        Probe::Failed(_) | Probe::Closed(_) | Probe::Skipped => {}
    }
    if facts.rhythm.sleeps && facts.asleep() {
        return if facts.restless { Step::Sleep } else { Step::RestAsleep };
    }
    let through = held.filter(|(digest, _)| *digest == plan.digest).map(|(_, wave)| *wave);
    let step = build(facts, through);
    match step {
        _ if facts.rhythm.sleeps && step.idles() => Step::Sleep,
        // What somebody changed may be why it does not come up.
        Step::Rest | Step::AwaitWorkloads if facts.drift.touched => Step::Inspect,
        // Only what is as it should be is compared: everything else has the reader's attention.
        Step::Rest if facts.drift.unseen => Step::Compare,
        Step::Rest | Step::AwaitWorkloads if facts.drift.stale && !facts.drift.rebuilds => {
            Step::Plan
        }
        // One at a time.
        Step::Rest if facts.drift.stale && facts.beside == Beside::Nothing => Step::Rebuild,
        step => step,
    }
}

/// What becomes of a namespace that is built beside this one: it takes its place as soon as it can,
/// whatever state this one is in.
fn turn(facts: &Facts) -> Option<Step> {
    let wanted = facts.drift.rebuilds && !facts.drift.same && facts.target == Target::Living;
    match &facts.beside {
        Beside::Building { .. } | Beside::Ready if !wanted => Some(Step::Abandon),
        Beside::Ready => Some(Step::Switch),
        // What has failed makes way for what is newer; what gets on is not held up by it.
        Beside::Building { stalled: Some(_), made_of, .. } => {
            let outdated = !facts.drift.unseen && *made_of != facts.drift.compared;
            (outdated && !made_of.is_empty()).then_some(Step::Abandon)
        }
        Beside::Building { stalled: None, .. } | Beside::Nothing | Beside::Leaving(_) => None,
    }
}

/// From a fenced target to a usable environment.
fn build(facts: &Facts, through: Option<Wave>) -> Step {
    // Awake again, with whatever plan: stores first.
    if facts.asleep() {
        return Step::Apply { paused: true };
    }
    if let Some(at) = first(facts, |task| task.is_seed(When::BeforeWorkloads)) {
        if through < Some(Wave::Stores) {
            return Step::Apply { paused: true };
        }
        return run(facts, at);
    }
    if through == Some(Wave::Stores) && !facts.stores_up() {
        return Step::AwaitRunningStores;
    }
    if through < Some(Wave::Workloads) {
        return Step::Apply { paused: false };
    }
    if !facts.all_up() {
        return Step::AwaitWorkloads;
    }
    if let Some(at) = first(facts, |task| task.is_seed(When::AfterWorkloads)) {
        return run(facts, at);
    }
    test(facts)
}

/// Smokes, side by side: they only look. Every one has its say, also after one that failed.
fn test(facts: &Facts) -> Step {
    let smokes = || facts.tasks.iter().enumerate().filter(|(_, it)| it.role == TaskRole::Smoke);
    let first = |state| smokes().find(|(_, it)| it.state == state).map(|(at, _)| at);
    let running = smokes().filter(|(_, it)| it.state == TaskState::Running).count();
    let waiting = first(TaskState::Pending).filter(|_| running < SMOKES_AT_ONCE);
    let failed = || smokes().find(|(_, it)| it.state != TaskState::Passed).map(|(at, _)| at);
    match waiting.or_else(|| first(TaskState::Running)) {
        Some(at) => run(facts, at),
        None => failed().map_or(Step::Rest, Step::RestFailed),
    }
}

/// The first task of that kind that has not passed. A failed seed stays where it is: what comes
/// after it relies on its data.
fn first(facts: &Facts, of: impl Fn(&Task) -> bool) -> Option<usize> {
    facts.tasks.iter().position(|task| of(task) && task.state != TaskState::Passed)
}

/// How a task goes on.
fn run(facts: &Facts, at: usize) -> Step {
    let Some(task) = facts.tasks.get(at) else { return Step::Rest };
    match task.state {
        TaskState::Pending => {
            if facts.needed_by(task).all(|it| it.state == WorkloadState::Up) {
                Step::StartTask(at)
            } else if task.patience_ends.is_some_and(|end| facts.now >= end) {
                Step::GiveUp(at)
            } else {
                Step::AwaitStores(at)
            }
        }
        TaskState::Running => Step::AwaitTask(at),
        TaskState::Failed | TaskState::TimedOut => Step::RestFailed(at),
        TaskState::Passed => Step::Rest,
    }
}

/// What comes before a target is deleted, and then its deletion.
fn leave(facts: &Facts, cause: Cause) -> Step {
    let (last, lingering) = (last(facts), &facts.lingering);
    if !facts.closed && (last.is_some() || lingering.is_some()) {
        return Step::Close(cause);
    }
    if let Some((at, task)) = last {
        return match task.state {
            TaskState::Running => Step::AwaitLast(cause, at),
            _ => Step::StartLast(cause, at),
        };
    }
    match lingering {
        Some(it) if it.since.is_none() => Step::EndResources(cause),
        Some(it) if it.since.is_some_and(|at| facts.now.duration_since(at) < CLEANED_UP_WITHIN) => {
            Step::AwaitResources(cause, it.names.clone())
        }
        _ => Step::Teardown(cause),
    }
}

/// The first task of the end that is not over, if they may run: where the fence was shown to stand, the
/// target holds the plan that they are part of, and the source may still be cloned.
fn last(facts: &Facts) -> Option<(usize, &Task)> {
    let fenced = match facts.probe {
        Probe::Closed(_) | Probe::Skipped => true,
        Probe::Failed(_) => facts.warns_only,
        Probe::Due | Probe::Running(_) => false,
    };
    let digest = facts.plan.as_ref().map(|plan| &plan.digest);
    let held = facts
        .applied
        .as_ref()
        .is_some_and(|(held, through)| Some(held) == digest && *through >= Wave::Config);
    let may = fenced && held && facts.withdrawal.is_none();
    let mut tasks = facts.tasks.iter().enumerate().filter(|_| may);
    tasks.find(|(_, task)| task.role == TaskRole::PreDelete && !task.over())
}

/// How an environment ends.
fn end(facts: &Facts, cause: Cause) -> Step {
    match &facts.target {
        Target::Living => leave(facts, cause),
        Target::Leaving { only_rights: true, .. } => Step::ReleaseRights(cause),
        Target::Leaving { blocked_by, .. } => Step::AwaitGone(cause, blocked_by.clone()),
        Target::None | Target::Foreign(_) if facts.part != Part::Serving => Step::Discard,
        Target::None | Target::Foreign(_) => match cause {
            Cause::Deleted if !facts.claimed => Step::RestReleased,
            _ if facts.beside != Beside::Nothing => Step::AwaitBeside(cause),
            Cause::Expired if facts.expired => match facts.on_expiry {
                OnExpiry::Retain => Step::RestExpired,
                // That it is carried out comes as a fact of its own.
                OnExpiry::Delete => Step::Delete,
            },
            Cause::Deleted
            | Cause::Expired
            | Cause::Withdrawn
            | Cause::Replaced
            | Cause::Renewed => Step::Forget(cause),
        },
    }
}
