//! A source that may no longer be cloned, although a target of it is there.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{
    class::StagingClassSpec,
    condition::Reason,
    status::{StagingEnvironmentStatus, Withdrawn},
};

use super::facts::Problem;

/// How long a frozen target is kept where the class does not say.
const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// What has become of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It is there.
    Given,
    /// It is not there any more.
    Withdrawn,
    /// Nor is the source.
    SourceGone,
}

/// When a target goes whose grant was withdrawn at `since`.
pub fn ends_at(since: Timestamp, class: &StagingClassSpec) -> Timestamp {
    let given = class.withdrawal_grace.as_ref().and_then(|it| it.span().ok());
    let grace = given.and_then(|it| SignedDuration::try_from(it).ok()).unwrap_or(GRACE);
    since.checked_add(grace).unwrap_or(Timestamp::MAX)
}

/// Whether a refusal may mean that the grant of a living target was withdrawn: that must be looked
/// at with certainty, as a watch may be behind.
pub fn doubtful(record: &StagingEnvironmentStatus, refusal: Option<&Problem>) -> bool {
    let ungranted = refusal.is_some_and(|it| it.reason == Reason::SourceNotGranted);
    ungranted && !record.namespaces.is_empty() && record.withdrawn.is_none()
}

/// Takes down in the record what was found.
pub fn note(consent: Consent, record: &mut StagingEnvironmentStatus, now: Timestamp) {
    match consent {
        Consent::Given => {
            if record.withdrawn.take().is_none() {
                return;
            }
            // What was taken away at the freezing is applied anew, the rights of people included, also of one
            // that was cut short.
            for target in &mut record.namespaces {
                target.applied = None;
            }
        }
        Consent::Withdrawn | Consent::SourceGone => {
            if record.withdrawn.is_none() {
                record.withdrawn = Some(Withdrawn {
                    since: Time(now),
                    source_gone: consent == Consent::SourceGone,
                    frozen: false,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{
        identity::Incarnation,
        status::{Applied, ProbeVerdict, Target, TargetRole, Wave},
    };

    fn living() -> StagingEnvironmentStatus {
        let at = Time(Timestamp::UNIX_EPOCH);
        let applied = Applied { digest: "d".into(), through: Wave::Workloads, at };
        StagingEnvironmentStatus {
            namespaces: vec![Target {
                name: "stg".into(),
                uid: "n".into(),
                incarnation: Incarnation(1),
                role: TargetRole::Serving,
                probe: ProbeVerdict::Closed,
                probe_message: String::new(),
                applied: Some(applied),
            }],
            ..StagingEnvironmentStatus::default()
        }
    }

    #[test]
    fn only_a_living_target_can_lose_its_grant() {
        let refusal = Problem::new(Reason::SourceNotGranted, "no grant");
        assert!(doubtful(&living(), Some(&refusal)));
        assert!(!doubtful(&StagingEnvironmentStatus::default(), Some(&refusal)));
        let other = Problem::new(Reason::ClassNotFound, "no class");
        assert!(!doubtful(&living(), Some(&other)), "a class that is gone changes nothing");
    }

    #[test]
    fn what_was_frozen_is_applied_anew_when_the_grant_is_back() {
        let mut record = living();
        note(Consent::Withdrawn, &mut record, Timestamp::UNIX_EPOCH);
        note(Consent::Given, &mut record, Timestamp::UNIX_EPOCH);
        assert!(record.namespaces[0].applied.is_none(), "a part of it may have been done");
        note(Consent::Given, &mut living(), Timestamp::UNIX_EPOCH);
        note(Consent::Withdrawn, &mut record, Timestamp::UNIX_EPOCH);
        if let Some(it) = &mut record.withdrawn {
            it.frozen = true;
        }
        note(Consent::Given, &mut record, Timestamp::UNIX_EPOCH);
        assert_eq!((record.withdrawn, &record.namespaces[0].applied), (None, &None));
    }

    #[test]
    fn the_grace_counts_from_the_withdrawal() {
        let mut class = StagingClassSpec::default();
        let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(ends_at(since, &class).to_string(), "2026-01-02T00:00:00Z");
        class.withdrawal_grace = Some(crate::api::duration::Duration::new("10m"));
        assert_eq!(ends_at(since, &class).to_string(), "2026-01-01T00:10:00Z");
    }

    #[test]
    fn the_first_look_says_since_when_and_whether_the_source_is_gone() {
        let first = Timestamp::UNIX_EPOCH;
        for (consent, source_gone) in [(Consent::Withdrawn, false), (Consent::SourceGone, true)] {
            let mut record = living();
            note(consent, &mut record, first);
            note(Consent::Withdrawn, &mut record, first + SignedDuration::from_hours(1));
            let noted = Withdrawn { since: Time(first), source_gone, frozen: false };
            assert_eq!(record.withdrawn, Some(noted));
            let refusal = Problem::new(Reason::SourceNotGranted, "no grant");
            assert!(!doubtful(&record, Some(&refusal)), "it is known already");
        }
    }
}
