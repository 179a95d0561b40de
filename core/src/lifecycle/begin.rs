//! What the status says before a target is changed.
//!
//! A pass writes its status when it is over. Whoever comes after a crash goes by the one before, and what
//! was asked for may have been taken back by then: so none may promise what a crash leaves half undone.

use super::{
    facts::{Facts, Target},
    step::{Change, Step},
};
use crate::api::{
    condition::{ConditionType, is_true},
    status::{Applied, StagingEnvironmentStatus},
};

/// Whether a status promises something of the target of that name that holds no more as soon as that is
/// changed: that it rests, or what `record`, to which it has led in this pass, does not say any more.
pub fn promises(
    status: &StagingEnvironmentStatus,
    record: &StagingEnvironmentStatus,
    target: &str,
) -> bool {
    let rests = [ConditionType::Ready, ConditionType::Asleep];
    let rests = rests.into_iter().any(|kind| is_true(&status.conditions, kind));
    let taken_back = match (applied(status, target), applied(record, target)) {
        (Some(told), _) if told.digest.is_empty() => false,
        (Some(told), Some(now)) => told.digest != now.digest || now.through < told.through,
        (Some(_), None) => true,
        (None, _) => false,
    };
    rests || taken_back || status.withdrawn.is_some() != record.withdrawn.is_some()
}

fn applied<'a>(status: &'a StagingEnvironmentStatus, target: &str) -> Option<&'a Applied> {
    status.namespaces.iter().find(|it| it.name == target)?.applied.as_ref()
}

/// What is said first, if a step must not be taken before that.
pub(super) fn first(facts: &Facts, step: &Step) -> Option<Step> {
    let change = match step {
        Step::Prepare | Step::Apply { .. } => Change::Apply,
        Step::Sleep => Change::Sleep,
        Step::Freeze => Change::Freeze,
        _ => return None,
    };
    let told = match (change, &facts.applied) {
        (Change::Apply, Some((held, _))) => held.is_empty() || facts.holds_its_plan(),
        (Change::Sleep, _) => facts.asleep(),
        (Change::Apply | Change::Freeze, _) => true,
    };
    let begins = facts.target == Target::Living && (facts.promised || !told);
    begins.then_some(Step::Begin(change))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::{
        api::{
            condition::{Reason, Verdict, condition},
            identity::Incarnation,
            status::{ProbeVerdict, Target as Namespace, TargetRole, Wave, Withdrawn},
        },
        lifecycle::table::up,
    };

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn holding(applied: Option<(&str, Wave)>) -> StagingEnvironmentStatus {
        let applied = applied.map(|(digest, through)| {
            let (digest, at) = (digest.to_owned(), Time(AT));
            Applied { digest, through, at }
        });
        let namespace = Namespace {
            name: "stg".into(),
            uid: "u".into(),
            incarnation: Incarnation(1),
            role: TargetRole::Serving,
            probe: ProbeVerdict::Unknown,
            probe_message: String::new(),
            applied,
        };
        StagingEnvironmentStatus { namespaces: vec![namespace], ..Default::default() }
    }

    #[test]
    fn what_is_taken_back_was_promised_and_what_gets_on_was_not() {
        let promised = |told, now| promises(&holding(told), &holding(now), "stg");
        let whole = Some(("d", Wave::Workloads));
        for now in [None, Some(("", Wave::Workloads)), Some(("d", Wave::Config))] {
            assert!(promised(whole, now), "{now:?}");
        }
        for told in [None, Some(("", Wave::Workloads)), Some(("d", Wave::Fence)), whole] {
            assert!(!promised(told, whole), "{told:?}");
        }
        assert!(!promises(&holding(whole), &holding(None), "another"));
    }

    #[test]
    fn that_it_rests_or_stands_still_is_promised() {
        let whole = holding(Some(("d", Wave::Workloads)));
        for (kind, verdict, promised) in [
            (ConditionType::Ready, Verdict::True, true),
            (ConditionType::Asleep, Verdict::True, true),
            (ConditionType::Ready, Verdict::False, false),
            (ConditionType::Reconciling, Verdict::True, false),
        ] {
            let said = condition(&[], kind, verdict, Reason::Ready, String::new(), 1, AT);
            let told = StagingEnvironmentStatus { conditions: vec![said], ..whole.clone() };
            assert_eq!(promises(&told, &whole, "stg"), promised, "{kind:?} {verdict:?}");
        }
        let withdrawn = Withdrawn { since: Time(AT), source_gone: false, frozen: false };
        let frozen = StagingEnvironmentStatus { withdrawn: Some(withdrawn), ..whole.clone() };
        assert!(promises(&frozen, &whole, "stg") && promises(&whole, &frozen, "stg"));
        assert!(!promises(&frozen, &frozen, "stg"));
    }

    #[test]
    fn nothing_is_said_of_what_is_not_there_nor_before_what_changes_nothing() {
        let promised = Facts { promised: true, ..up() };
        let begins = |facts: &Facts, step: Step| first(facts, &step).is_some();
        assert!(begins(&promised, Step::Prepare) && begins(&promised, Step::Freeze));
        assert!(!begins(&Facts { target: Target::None, ..promised.clone() }, Step::Prepare));
        for step in [Step::Rest, Step::Inspect, Step::StartTask(0), Step::AwaitWorkloads] {
            assert!(!begins(&promised, step));
        }
        assert!(!begins(&up(), Step::Apply { paused: false }), "the rest of the same plan");
    }
}
