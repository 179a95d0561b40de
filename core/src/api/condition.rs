//! The one vocabulary of conditions and reasons.
//!
//! A reason is at the same time a condition's reason, an Event's reason and a metric label.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde::{Deserialize, Serialize};

use super::words::words;

/// Type of a condition. The first eight stand in every status from the first visit on; the others
/// are there only while they are true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// A person can use the environment now.
    Ready,
    /// The source consents and can be read, and the class allows it.
    Granted,
    /// A plan exists for this generation.
    Planned,
    /// Nothing leads back to production, and the probe has shown it.
    BoundaryClean,
    /// The target holds the plan.
    Applied,
    /// Every clone is up.
    WorkloadsReady,
    /// All seeds have passed.
    Seeded,
    /// All smokes have passed.
    SmokePassed,
    /// The clone is what production is. There once something was applied.
    InSync,
    /// The operator is changing something.
    Reconciling,
    /// The operator has stopped: a person must act.
    Stalled,
    /// Its workloads have no Pods, as its sleep windows or a person want it.
    Asleep,
    /// The time is nearly up.
    Expiring,
    /// The time was up; nothing is left but this object.
    Expired,
    /// `spec.suspend` is true.
    Suspended,
    /// Something holds up the deletion of the target.
    TeardownBlocked,
}

impl ConditionType {
    /// The conditions that every status has.
    pub const ALWAYS: [Self; 8] = [
        Self::Ready,
        Self::Granted,
        Self::Planned,
        Self::BoundaryClean,
        Self::Applied,
        Self::WorkloadsReady,
        Self::Seeded,
        Self::SmokePassed,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Granted => "Granted",
            Self::Planned => "Planned",
            Self::BoundaryClean => "BoundaryClean",
            Self::Applied => "Applied",
            Self::WorkloadsReady => "WorkloadsReady",
            Self::Seeded => "Seeded",
            Self::SmokePassed => "SmokePassed",
            Self::InSync => "InSync",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Asleep => "Asleep",
            Self::Expiring => "Expiring",
            Self::Expired => "Expired",
            Self::Suspended => "Suspended",
            Self::TeardownBlocked => "TeardownBlocked",
        }
    }
}

words! {
    /// Why a condition is as it is. Stable: scripts and alerts are built on it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum Reason {
        /// Not known yet.
        Pending,
        /// Work goes on.
        Progressing,
        /// It holds.
        Succeeded,
        /// A person can use the environment now.
        Ready,
        /// The clone is what a new plan would make of production.
        InSync,
        /// Production has moved on since it was cloned: a new plan would make other objects.
        SourceChanged,
        /// Somebody has changed the environment: objects in it are not as planned.
        EnvironmentChanged,
        /// A namespace made of newer production has taken the place of the one that served.
        Rebuilt,
        /// Nothing of the kind was asked for.
        NotRequested,
        /// A grant in the source names this request namespace, and the class allows it.
        Granted,
        /// No grant in the source names this request namespace.
        SourceNotGranted,
        /// The grant by which the source was cloned is not there any more.
        GrantWithdrawn,
        /// The source that was cloned is not there any more.
        SourceGone,
        /// The class has as many environments as it allows: this one waits for a place.
        Queued,
        /// The source namespace does not exist.
        SourceNotFound,
        /// The operator may not read the source, or cannot fetch its artefact.
        SourceNotReadable,
        /// The class that the environment names does not exist.
        ClassNotFound,
        /// The class forbids this.
        NotAllowedByClass,
        /// The spec cannot be worked with, although the API server took it.
        InvalidSpec,
        /// The class of the environment cannot be worked with.
        InvalidClass,
        /// A manifest of the source or the overlay is none, or may not be there.
        InvalidManifest,
        /// More than the class allows: objects, or what its quota or limit range holds; or an artefact
        /// or a source that is too large.
        TooLarge,
        /// Another environment has this preview host.
        HostTaken,
        /// A patch of the spec matches nothing, or cannot be applied.
        PatchFailed,
        /// What an annotation asks for cannot be done.
        RequestRefused,
        /// The plan waits for a person: `spec.mode` is `Plan`.
        AwaitingApproval,
        /// A clone would still lead back to production.
        ProductionReference,
        /// A credential of production's own is in the clone: the source's grants and the class allow it.
        CredentialCopied,
        /// A Secret cannot be made: what it needs is not there.
        SecretMissing,
        /// The admission policy that fences the operator's own account is not in force.
        FencePolicyMissing,
        /// Production could be reached from the target: network policy is not enforced.
        EgressNotEnforced,
        /// It could not be shown whether production can be reached.
        ProbeInconclusive,
        /// The class skips the probe: that nothing leads back is not promised.
        ProbeSkipped,
        /// The probe has shown that production cannot be reached.
        Probed,
        /// The API server refused an object.
        Refused,
        /// A namespace with the target's name exists and is not ours.
        Conflict,
        /// An image cannot be pulled.
        ImagePullFailed,
        /// A container keeps ending.
        CrashLooping,
        /// No node takes a Pod.
        Unschedulable,
        /// A claim finds no volume.
        ClaimUnbound,
        /// A ConfigMap, Secret or key that a container needs is not there.
        ConfigMissing,
        /// A workload that was applied is not there any more.
        WorkloadMissing,
        /// It runs.
        Running,
        /// It failed.
        Failed,
        /// It took longer than it may.
        TimedOut,
        /// Its workloads have no Pods, as its sleep windows or a person want it.
        Asleep,
        /// The time is nearly up.
        Expiring,
        /// The time was up.
        Expired,
        /// The environment is being deleted.
        Deleting,
        /// `spec.suspend` is true.
        Suspended,
        /// Something holds up the deletion of the target.
        TeardownBlocked,
        /// A request to the API server failed; it is tried again.
        ApiError,
    }
}

/// A condition's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Not known.
    Unknown,
}

impl Verdict {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Makes the condition `kind`, keeping the time of its last transition unless its verdict changes.
pub fn condition(
    old: &[Condition],
    kind: ConditionType,
    verdict: Verdict,
    reason: Reason,
    message: impl Into<String>,
    generation: i64,
    now: jiff::Timestamp,
) -> Condition {
    let before = find(old, kind).filter(|c| c.status == verdict.as_str());
    Condition {
        type_: kind.as_str().to_owned(),
        status: verdict.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message: cut(&message.into()),
        observed_generation: Some(generation),
        last_transition_time: before.map_or(Time(now), |c| c.last_transition_time.clone()),
    }
}

/// The condition of that type, if it is there.
pub fn find(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|c| c.type_ == kind.as_str())
}

/// Whether the condition is there and true.
pub fn is_true(conditions: &[Condition], kind: ConditionType) -> bool {
    find(conditions, kind).is_some_and(|c| c.status == "True")
}

/// Kubernetes allows 32,768 characters; nobody reads more than this.
fn cut(message: &str) -> String {
    const MOST: usize = 1000;
    if message.chars().count() <= MOST {
        return message.to_owned();
    }
    message.chars().take(MOST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn said(old: &[Condition], verdict: Verdict, message: &str, second: i64) -> Condition {
        let now = Timestamp::from_second(second).unwrap();
        condition(old, ConditionType::Ready, verdict, Reason::Progressing, message, 1, now)
    }

    #[test]
    fn a_condition_keeps_its_time_until_its_verdict_changes() {
        let first = said(&[], Verdict::Unknown, "it begins", 1);
        let again = said(std::slice::from_ref(&first), Verdict::Unknown, "it goes on", 2);
        let other = said(std::slice::from_ref(&again), Verdict::True, "it is done", 3);
        let times = [first, again, other].map(|it| it.last_transition_time.0.as_second());
        assert_eq!(times, [1, 1, 3]);
    }

    #[test]
    fn only_what_is_there_and_true_is_true() {
        let ready = |verdict| [said(&[], verdict, "", 1)];
        assert!(is_true(&ready(Verdict::True), ConditionType::Ready));
        assert!(!is_true(&ready(Verdict::False), ConditionType::Ready));
        assert!(!is_true(&ready(Verdict::Unknown), ConditionType::Ready));
        assert!(!is_true(&ready(Verdict::True), ConditionType::Applied));
    }

    #[test]
    fn a_message_is_cut_to_a_thousand_characters() {
        let told = |length| said(&[], Verdict::True, &"ä".repeat(length), 1).message;
        assert_eq!(told(1000), "ä".repeat(1000));
        assert_eq!(told(1001), format!("{}…", "ä".repeat(999)));
    }
}
