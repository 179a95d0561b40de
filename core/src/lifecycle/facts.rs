//! Everything that a decision depends on.

use jiff::Timestamp;

use super::sleep::Rhythm;
use crate::{
    api::{
        condition::Reason,
        identity::Incarnation,
        lifecycle::OnExpiry,
        status::{TaskState, Wave},
        task::When,
    },
    plan::{object::Key, task::TaskRole},
};

/// Everything that the next step of an environment depends on, `now` included. Rebuilt from the
/// cluster in every pass.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts are independent of one another: each is a question with two answers"
)]
pub struct Facts {
    /// The API server's time; never later than it really is.
    pub now: Timestamp,
    /// The environment's generation.
    pub generation: i64,
    /// The environment is being deleted.
    pub deleting: bool,
    /// Our finalizer is on the environment.
    pub claimed: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// `spec.lifecycle.onExpiry`.
    pub on_expiry: OnExpiry,
    /// Which life this is.
    pub incarnation: Incarnation,
    /// When the time is up; known once the target exists.
    pub expires_at: Option<Timestamp>,
    /// When a warning is given; known once the target exists.
    pub warns_at: Option<Timestamp>,
    /// The time was up and nothing is left.
    pub expired: bool,
    /// The source is manifests, which nobody has granted.
    pub manifests: bool,
    /// Why nothing may be created for it: the grant, the class, the spec.
    pub refusal: Option<Problem>,
    /// Why nothing may be created for anybody: the fence on our own account. That it is gone says
    /// nothing of what was granted.
    pub unfenced: Option<Problem>,
    /// Consent, or the class, goes by labels of the request namespace, which nobody watches.
    pub by_label: bool,
    /// The target.
    pub target: Target,
    /// When the target began to go.
    pub leaving_since: Option<Timestamp>,
    /// Its end has begun, which nothing takes back, or it goes by itself.
    pub closed: bool,
    /// Custom resources in it that somebody has to clean up after; looked for at its end.
    pub lingering: Option<Lingering>,
    /// The plan.
    pub plan: Option<PlanFacts>,
    /// What the probe has shown.
    pub probe: Probe,
    /// That the source may no longer be cloned, although the target is there.
    pub withdrawal: Option<Withdrawal>,
    /// Whether there is a place for a target.
    pub place: Place,
    /// Whether it is to sleep, and when that changes.
    pub rhythm: Rhythm,
    /// Not all of it was sent to sleep, or a workload as the operator has written it last has Pods: one that
    /// could not be.
    pub restless: bool,
    /// The plan waits for a person: `spec.mode` is `Plan`, and its digest was not approved.
    pub unapproved: bool,
    /// What leads back to production is said, and stops nothing: `spec.boundary.mode` is `Warn`, and
    /// the class allows it.
    pub warns_only: bool,
    /// The status promises what does not hold any more as soon as the target is changed.
    pub promised: bool,
    /// Digest of the plan that the target holds, empty while that is not known, and how far it has been
    /// applied.
    pub applied: Option<(String, Wave)>,
    /// When the last part of a plan was applied.
    pub applied_at: Option<Timestamp>,
    /// The planned workloads, as they are.
    pub workloads: Vec<Workload>,
    /// The planned tasks, as they are, in the order in which they run.
    pub tasks: Vec<Task>,
    /// What is known of production and of the target since.
    pub drift: Drift,
    /// Why production cannot be looked at.
    pub blind: Option<Problem>,
    /// Which of its namespaces this is about.
    pub part: Part,
    /// What is beside the one that serves.
    pub beside: Beside,
    /// Until when a namespace that was replaced runs on.
    pub drains_until: Option<Timestamp>,
    /// When what runs in the target is listed again, if nothing is awaited; None where it is watched.
    pub looks_at: Option<Timestamp>,
}

/// Which namespace of an environment facts are about. Each is worked on as if it were alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The one that serves, or is to: most environments have no other.
    #[default]
    Serving,
    /// One that is to take its place. It has no routes yet.
    Building,
    /// One that another has taken the place of, or that is not wanted any more.
    Leaving,
}

/// What is beside the namespace that serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    #[default]
    Nothing,
    /// One that is to take its place, and cannot yet.
    Building {
        /// How it stands.
        told: String,
        /// What it has come to a stop for.
        stalled: Option<Problem>,
        /// The state of production that it was made from; empty if there is no plan of it yet.
        made_of: String,
    },
    /// One that can take its place.
    Ready,
    /// One that goes, and what holds that up.
    Leaving(Option<String>),
}

/// What is known of production and of the target since a plan was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "as in the facts, they are independent")]
pub struct Drift {
    /// Production was seen in a state that the plan was not compared with yet.
    pub unseen: bool,
    /// Workloads of the target are in a state that the operator did not write, and that was not
    /// compared with the plan yet.
    pub touched: bool,
    /// Production has moved on or the target was changed, a new plan could be applied, and is to be.
    pub stale: bool,
    /// When it is to be, where that was done a moment ago.
    pub stale_at: Option<Timestamp>,
    /// That is done in a namespace of its own: `spec.drift.action` is `Rebuild`.
    pub rebuilds: bool,
    /// Production has not moved on, as far as is known.
    pub same: bool,
    /// The state of production that the plan was compared with.
    pub compared: String,
}

/// Something that a person should know: one word and one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The word.
    pub reason: Reason,
    /// The sentence, without a full stop; it says what to do.
    pub message: String,
}

/// The target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// There is none.
    None,
    /// It is there.
    Living,
    /// It is being deleted.
    Leaving {
        /// Nothing is left in it but the operator's own rights.
        only_rights: bool,
        /// What else holds it up.
        blocked_by: Vec<String>,
    },
    /// A namespace of that name is there and is not ours.
    Foreign(String),
}

impl Target {
    /// Whether a namespace of ours is there.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Living | Self::Leaving { .. })
    }
}

/// Custom resources with finalizers: whoever put them there may run in the target itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lingering {
    /// Which.
    pub names: Vec<String>,
    /// Since when they are being deleted.
    pub since: Option<Timestamp>,
}

/// That the source may no longer be cloned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// What is missing, and what to do.
    pub problem: Problem,
    /// When the target goes.
    pub ends_at: Timestamp,
    /// Its workloads have no Pods, and nobody may look inside.
    pub frozen: bool,
}

/// Whether there is a place for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Not asked for yet.
    Unasked,
    /// It is there.
    Taken,
    /// It is waited for.
    Awaited {
        /// Whose turn it is, counted from 1.
        position: u32,
        /// Until when, if not for ever.
        until: Option<Timestamp>,
    },
}

/// What of a plan matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFacts {
    /// The generation it was made for.
    pub generation: i64,
    /// Its digest.
    pub digest: String,
    /// When it was made.
    pub planned_at: Timestamp,
    /// The first of its findings that keep it from being applied, and how many there are.
    pub blocked: Option<(Problem, usize)>,
    /// Secrets that hold credentials of production's own, by consent.
    pub copied: Vec<String>,
    /// How many of its findings say what leads back to the source and only warn of it.
    pub warned: u32,
}

/// What the probe has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It has not run.
    Due,
    /// It runs, or something keeps it from running.
    Running(Option<Problem>),
    /// Nothing leads to production: what was tried.
    Closed(String),
    /// The class skips it.
    Skipped,
    /// It failed, and why.
    Failed(Problem),
}

/// A planned workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Which.
    pub key: Key,
    /// It holds data and starts first.
    pub store: bool,
    /// How it is.
    pub state: WorkloadState,
}

/// How a workload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadState {
    /// All its Pods are ready.
    Up,
    /// On its way.
    Progressing,
    /// Something keeps it from coming up.
    Stuck(Problem),
    /// It is not there.
    Missing,
}

/// A planned task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: TaskRole,
    /// Names of the workloads that must be ready first; all stores if empty.
    pub needs: Vec<String>,
    /// Until when it may wait for them.
    pub patience_ends: Option<Timestamp>,
    /// How it is.
    pub state: TaskState,
    /// What is known of its failure.
    pub message: String,
}

impl Problem {
    /// A problem.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

impl Task {
    /// Whether it is over, one way or the other.
    pub fn over(&self) -> bool {
        match self.state {
            TaskState::Passed | TaskState::Failed | TaskState::TimedOut => true,
            TaskState::Pending | TaskState::Running => false,
        }
    }

    /// Whether it is a seed that runs at that time.
    pub fn is_seed(&self, when: When) -> bool {
        self.role == TaskRole::Seed(when)
    }
}

impl Facts {
    /// The workloads that a task waits for.
    pub fn needed_by<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = &'a Workload> {
        self.workloads.iter().filter(|workload| {
            if task.needs.is_empty() {
                workload.store
            } else {
                task.needs.contains(&workload.key.name)
            }
        })
    }

    /// How many workloads are up.
    pub fn up(&self) -> usize {
        self.workloads.iter().filter(|it| it.state == WorkloadState::Up).count()
    }

    /// Whether all workloads are up.
    pub fn all_up(&self) -> bool {
        self.up() == self.workloads.len()
    }

    /// Whether all stores are up.
    pub fn stores_up(&self) -> bool {
        self.workloads.iter().all(|it| !it.store || it.state == WorkloadState::Up)
    }

    /// Whether the target holds the plan, as far as that has been applied.
    pub fn holds_its_plan(&self) -> bool {
        let held = self.applied.as_ref().map(|(digest, _)| digest);
        held.is_some() && held == self.plan.as_ref().map(|it| &it.digest)
    }

    /// Whether the target is there and its workloads have no Pods.
    pub fn asleep(&self) -> bool {
        let through = self.applied.as_ref().map(|(_, wave)| *wave);
        self.target == Target::Living && through == Some(Wave::Config)
    }
}
