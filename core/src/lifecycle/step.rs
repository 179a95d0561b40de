//! What the operator does next.

use super::facts::Problem;
use crate::api::{condition::Reason, task::When};

/// What the operator does next. Every step is idempotent: a crash between any two lines repeats
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    // Ending.
    /// Say that its end has begun: it goes on, whatever is asked from then on.
    Close(Cause),
    /// Take its routes away, as nobody is to be served by something half gone, and start the next attempt
    /// of the task of that index, which lets go of what is outside.
    StartLast(Cause, usize),
    /// It runs.
    AwaitLast(Cause, usize),
    /// Take its routes away, and delete the custom resources that somebody has to clean up after, while that
    /// still runs.
    EndResources(Cause),
    /// They are being cleaned up after.
    AwaitResources(Cause, Vec<String>),
    /// Delete the target: its routes, then the namespace, workloads to 0 in the same instant.
    Teardown(Cause),
    /// The target is being deleted.
    AwaitGone(Cause, Vec<String>),
    /// It is over with this target; another one of the environment is not gone yet.
    AwaitBeside(Cause),
    /// What was replaced runs on for a moment.
    AwaitDrain,
    /// Nothing is left of a namespace that did not serve: drop what was stored of it.
    Discard,
    /// Nothing is left in the target but our own rights: let them go.
    ReleaseRights(Cause),
    /// Nothing is left of the target: drop what was stored, then let the environment go or mark it.
    Forget(Cause),
    /// Nothing is left, and the object stays to say so.
    RestExpired,
    /// Nothing is left, and the object is to go as well: ask for that.
    Delete,
    /// Not ours any more: our finalizer is off.
    RestReleased,

    // Waiting for a person.
    /// `spec.suspend` is true.
    RestSuspended,
    /// Nothing may be created, or not this.
    Refuse(Problem),
    /// The plan would lead back to production.
    RestBlocked(Problem, usize),
    /// The probe has not shown what it must.
    RestUnfenced(Problem),
    /// The plan waits to be approved.
    RestUnapproved,
    /// It waits for a place; at its end if that took too long.
    RestQueued {
        /// Whose turn it is, counted from 1.
        position: u32,
        /// It has waited for as long as it may.
        given_up: bool,
    },
    /// Take the Pods of all workloads away, and the rights of those who look inside.
    Freeze,
    /// The source may no longer be cloned: nothing runs, and the target goes before long.
    RestFrozen(Problem),

    // Building.
    /// Put our finalizer on.
    Claim,
    /// Read the source and plan.
    Plan,
    /// Ask for a place.
    TakePlace,
    /// Make the target, our rights in it, and its fence.
    Prepare,
    /// Have a Pod in the target try the ways to production.
    Probe,
    /// It tries.
    AwaitProbe,
    /// Say that the target is about to be changed: what the status promises until then does not hold
    /// any more, whatever becomes of the change.
    Begin(Change),
    /// Apply the plan; `paused`: workloads that are not stores stay at 0 replicas.
    Apply {
        /// Workloads that are not stores stay at 0 replicas.
        paused: bool,
    },
    /// The stores that the task of that index needs are on their way.
    AwaitStores(usize),
    /// Start the next attempt of the task of that index.
    StartTask(usize),
    /// It runs.
    AwaitTask(usize),
    /// The task of that index waited for its stores for as long as it may take.
    GiveUp(usize),
    /// The workloads are on their way.
    AwaitWorkloads,

    /// The stores are on their way; the other workloads follow.
    AwaitRunningStores,

    // Sleeping.
    /// Take the Pods of all workloads away.
    Sleep,
    /// It sleeps.
    RestAsleep,

    // Done.
    /// Compare the target with its plan: somebody has changed a workload.
    Inspect,
    /// Compare the plan with production, which was seen in another state.
    Compare,
    /// Begin a namespace beside this one, of production as it is now.
    Rebuild,
    /// What was built beside takes the place of what serves: its routes come, the others go.
    Switch,
    /// What is built beside is not wanted any more.
    Abandon,
    /// The seed or the smoke of that index has failed.
    RestFailed(usize),
    /// A person can use the environment.
    Rest,
}

/// How a target is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A plan is applied, be it another one or the same again.
    Apply,
    /// The Pods of all workloads go.
    Sleep,
    /// The same, and the rights of those who look inside.
    Freeze,
}

/// Why a target goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The environment is being deleted.
    Deleted,
    /// Its time is up.
    Expired,
    /// The source may no longer be cloned.
    Withdrawn,
    /// Another namespace has taken its place, or it is not wanted any more.
    Replaced,
    /// The environment stays and is made anew: somebody deleted the namespace, or asked for another
    /// life after the end had begun.
    Renewed,
}

impl Cause {
    /// The reason of what is told while it goes, and of what is left behind.
    pub fn reason(self) -> Reason {
        match self {
            Self::Deleted => Reason::Deleting,
            Self::Expired => Reason::Expired,
            Self::Withdrawn => Reason::GrantWithdrawn,
            Self::Replaced => Reason::Rebuilt,
            Self::Renewed => Reason::Progressing,
        }
    }
}

impl Step {
    /// Whether something has to be waited for; otherwise the next step follows in the same pass.
    pub fn waits(&self) -> bool {
        match self {
            Self::Close(_)
            | Self::Teardown(_)
            | Self::AwaitLast(..)
            | Self::AwaitResources(..)
            | Self::AwaitGone(..)
            | Self::AwaitBeside(_)
            | Self::AwaitDrain
            | Self::Begin(_)
            | Self::Sleep
            | Self::RestExpired
            | Self::Delete
            | Self::RestReleased
            | Self::RestSuspended
            | Self::Refuse(_)
            | Self::RestBlocked(..)
            | Self::RestUnfenced(_)
            | Self::RestUnapproved
            | Self::RestQueued { .. }
            | Self::RestFrozen(_)
            | Self::AwaitProbe
            | Self::AwaitStores(_)
            | Self::AwaitRunningStores
            | Self::AwaitTask(_)
            | Self::AwaitWorkloads
            | Self::RestAsleep
            | Self::RestFailed(_)
            | Self::Rest => true,
            Self::StartLast(..)
            | Self::EndResources(_)
            | Self::ReleaseRights(_)
            | Self::Forget(_)
            | Self::Claim
            | Self::Plan
            | Self::Prepare
            | Self::Probe
            | Self::Apply { .. }
            | Self::StartTask(_)
            | Self::GiveUp(_)
            | Self::TakePlace
            | Self::Freeze
            | Self::Inspect
            | Self::Compare
            | Self::Rebuild
            | Self::Switch
            | Self::Abandon
            | Self::Discard => false,
        }
    }

    /// Whether nothing of its plan is needed before something happens to it: it may be dropped from memory.
    pub fn lets_its_plan_go(&self) -> bool {
        matches!(
            self,
            Self::RestExpired
                | Self::Delete
                | Self::RestReleased
                | Self::RestSuspended
                | Self::RestUnapproved
                | Self::RestQueued { .. }
                | Self::RestFrozen(_)
                | Self::RestAsleep
                | Self::Rest
        )
    }

    /// Whether it makes something new, or leads to that. A task of an end does not count: nothing
    /// holds up an end.
    pub fn creates(&self) -> bool {
        match self {
            Self::Claim
            | Self::Plan
            | Self::TakePlace
            | Self::Prepare
            | Self::Probe
            | Self::Begin(Change::Apply)
            | Self::Apply { .. }
            | Self::StartTask(_)
            | Self::Rebuild
            | Self::Switch => true,
            Self::Close(_)
            | Self::StartLast(..)
            | Self::AwaitLast(..)
            | Self::EndResources(_)
            | Self::AwaitResources(..)
            | Self::Teardown(_)
            | Self::AwaitGone(..)
            | Self::AwaitBeside(_)
            | Self::AwaitDrain
            | Self::Discard
            | Self::ReleaseRights(_)
            | Self::Forget(_)
            | Self::RestExpired
            | Self::Delete
            | Self::RestReleased
            | Self::RestSuspended
            | Self::Refuse(_)
            | Self::RestBlocked(..)
            | Self::RestUnfenced(_)
            | Self::RestUnapproved
            | Self::RestQueued { .. }
            | Self::Freeze
            | Self::RestFrozen(_)
            | Self::AwaitProbe
            | Self::AwaitStores(_)
            | Self::AwaitTask(_)
            | Self::GiveUp(_)
            | Self::AwaitWorkloads
            | Self::AwaitRunningStores
            | Self::Begin(Change::Sleep | Change::Freeze)
            | Self::Sleep
            | Self::RestAsleep
            | Self::Inspect
            | Self::Compare
            | Self::Abandon
            | Self::RestFailed(_)
            | Self::Rest => false,
        }
    }

    /// Whether nothing is under way that sleep would cut off.
    pub fn idles(&self) -> bool {
        match self {
            Self::AwaitStores(_)
            | Self::AwaitRunningStores
            | Self::AwaitWorkloads
            | Self::RestFailed(_)
            | Self::Rest => true,
            Self::Close(_)
            | Self::StartLast(..)
            | Self::AwaitLast(..)
            | Self::EndResources(_)
            | Self::AwaitResources(..)
            | Self::Teardown(_)
            | Self::AwaitGone(..)
            | Self::ReleaseRights(_)
            | Self::Forget(_)
            | Self::RestExpired
            | Self::Delete
            | Self::RestReleased
            | Self::RestSuspended
            | Self::Refuse(_)
            | Self::RestBlocked(..)
            | Self::RestUnfenced(_)
            | Self::RestUnapproved
            | Self::RestQueued { .. }
            | Self::Freeze
            | Self::RestFrozen(_)
            | Self::TakePlace
            | Self::Claim
            | Self::Plan
            | Self::Prepare
            | Self::Probe
            | Self::AwaitProbe
            | Self::Begin(_)
            | Self::Apply { .. }
            | Self::StartTask(_)
            | Self::AwaitTask(_)
            | Self::GiveUp(_)
            | Self::Inspect
            | Self::Compare
            | Self::Rebuild
            | Self::Switch
            | Self::Abandon
            | Self::AwaitBeside(_)
            | Self::AwaitDrain
            | Self::Discard
            | Self::Sleep
            | Self::RestAsleep => false,
        }
    }

    /// One word for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Close(_) => "Close",
            Self::StartLast(..) => "StartLast",
            Self::AwaitLast(..) => "AwaitLast",
            Self::EndResources(_) => "EndResources",
            Self::AwaitResources(..) => "AwaitResources",
            Self::Teardown(_) => "Teardown",
            Self::AwaitGone(..) => "AwaitGone",
            Self::ReleaseRights(_) => "ReleaseRights",
            Self::Forget(_) => "Forget",
            Self::RestExpired => "RestExpired",
            Self::Delete => "Delete",
            Self::RestReleased => "RestReleased",
            Self::RestSuspended => "RestSuspended",
            Self::Refuse(_) => "Refuse",
            Self::RestBlocked(..) => "RestBlocked",
            Self::RestUnfenced(_) => "RestUnfenced",
            Self::Claim => "Claim",
            Self::Plan => "Plan",
            Self::Prepare => "Prepare",
            Self::Probe => "Probe",
            Self::AwaitProbe => "AwaitProbe",
            Self::Begin(Change::Apply) => "BeginApply",
            Self::Begin(Change::Sleep) => "BeginSleep",
            Self::Begin(Change::Freeze) => "BeginFreeze",
            Self::Apply { .. } => "Apply",
            Self::AwaitStores(_) => "AwaitStores",
            Self::StartTask(_) => "StartTask",
            Self::AwaitTask(_) => "AwaitTask",
            Self::GiveUp(_) => "GiveUp",
            Self::AwaitWorkloads => "AwaitWorkloads",
            Self::RestUnapproved => "RestUnapproved",
            Self::RestQueued { .. } => "RestQueued",
            Self::TakePlace => "TakePlace",
            Self::Freeze => "Freeze",
            Self::RestFrozen(_) => "RestFrozen",
            Self::AwaitRunningStores => "AwaitRunningStores",
            Self::Sleep => "Sleep",
            Self::RestAsleep => "RestAsleep",
            Self::RestFailed(_) => "RestFailed",
            Self::Inspect => "Inspect",
            Self::Compare => "Compare",
            Self::Rebuild => "Rebuild",
            Self::Switch => "Switch",
            Self::Abandon => "Abandon",
            Self::AwaitBeside(_) => "AwaitBeside",
            Self::AwaitDrain => "AwaitDrain",
            Self::Discard => "Discard",
            Self::Rest => "Rest",
        }
    }
}

/// When a seed's turn comes, as people read it.
pub fn turn(when: When) -> &'static str {
    match when {
        When::BeforeWorkloads => "before the workloads",
        When::AfterWorkloads => "after the workloads",
    }
}
