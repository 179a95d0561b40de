//! Whether an environment is still what was planned and what production is, and what is said about it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    facts::{Drift, Problem},
    readiness::Rollout,
};
use crate::{
    api::{
        condition::Reason,
        drift::{self as asked, Became, Differences, DriftAction, DriftSummary, Drifted},
        status::StagingEnvironmentStatus,
    },
    plan::{capture::marks, object::Key},
};

/// Most objects that a message names.
const NAMED: usize = 3;

/// What was seen since a plan was made.
pub struct Sight<'a> {
    /// The mark of the source as it was looked at last, if it was.
    pub production: Option<&'a str>,
    /// The workloads of the target, as watched.
    pub workloads: &'a BTreeMap<Key, Rollout>,
    /// How many are planned.
    pub planned: usize,
    /// How many the operator has written that the watch has not seen at all yet.
    pub unwatched: usize,
}

/// What a decision depends on.
pub fn facts(
    record: &StagingEnvironmentStatus,
    sight: &Sight<'_>,
    asked: &asked::Drift,
    now: Timestamp,
) -> Drift {
    let Some(drift) = &record.drift else {
        return Drift {
            unseen: sight.production.is_some(),
            rebuilds: asked.action == DriftAction::Rebuild,
            ..Drift::default()
        };
    };
    let touched = !untouched(drift, sight) && drift.inspected != mark(sight.workloads);
    let differs = match asked.action {
        DriftAction::Resync => !(drift.source.is_empty() && drift.target.is_empty()),
        // What somebody changed in a namespace is no reason for another one.
        DriftAction::Rebuild => !drift.source.is_empty(),
        DriftAction::Report => false,
    };
    let follows = differs && drift.held_back.is_empty();
    // Somebody who changes it again and again is not fought.
    let again = drift.resynced_at.as_ref().and_then(|it| it.0.checked_add(asked.interval()).ok());
    let waits_until = again.filter(|at| follows && *at > now);
    let unseen = sight.production.is_some_and(|it| it != drift.compared);
    Drift {
        unseen,
        touched,
        stale: follows && waits_until.is_none(),
        stale_at: waits_until,
        rebuilds: asked.action == DriftAction::Rebuild,
        same: !unseen && drift.source.is_empty(),
        compared: drift.compared.clone(),
    }
}

/// The state that the workloads of a target are in.
fn mark(workloads: &BTreeMap<Key, Rollout>) -> String {
    let forms: Vec<String> = workloads
        .iter()
        .map(|(key, it)| format!("{key} {} {}", it.form.uid, it.form.generation))
        .collect();
    marks::together(forms.iter().map(String::as_str))
}

/// Whether all workloads are as the operator has written them, and nothing else was found changed.
fn untouched(drift: &DriftSummary, sight: &Sight<'_>) -> bool {
    drift.target.is_empty()
        && sight.workloads.len() + sight.unwatched >= sight.planned
        && sight.workloads.values().all(|it| it.ours)
}

/// Takes down that the workloads are as the operator has written them, if they are: nothing has to be
/// compared for that, now or after a restart.
pub fn note_untouched(drift: &mut DriftSummary, sight: &Sight<'_>) {
    if untouched(drift, sight) {
        drift.inspected = mark(sight.workloads);
    }
}

/// Takes down how the target was found, in the state that its workloads are in.
pub fn note_inspected(drift: &mut DriftSummary, sight: &Sight<'_>, differs: &[Drifted]) {
    drift.inspected = mark(sight.workloads);
    drift.target = Differences::of(differs);
}

/// How the clone, its plan and production differ; None if they do not.
pub(super) fn differs(drift: &DriftSummary) -> Option<Problem> {
    let source = (!drift.source.is_empty()).then(|| {
        let held_back = if drift.held_back.is_empty() {
            String::new()
        } else {
            format!("; a new plan could not be applied: {}", drift.held_back)
        };
        let objects = named(&drift.source);
        format!("production has moved on, objects of a new plan: {objects}{held_back}")
    });
    let target = (!drift.target.is_empty()).then(|| {
        let objects = named(&drift.target);
        format!(
            "the environment was changed, objects that are not as planned: {objects}; «kulisse diff» shows how"
        )
    });
    let reason = match (&source, &target) {
        (_, Some(_)) => Reason::EnvironmentChanged,
        (Some(_), None) => Reason::SourceChanged,
        (None, None) => return None,
    };
    let message: Vec<String> = target.into_iter().chain(source).collect();
    Some(Problem::new(reason, message.join("; ")))
}

/// How many differ, and the first of them.
fn named(it: &Differences) -> String {
    let counts = [(it.changed, "changed"), (it.came, "came"), (it.went, "went")];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let first: Vec<String> = it.objects.iter().take(NAMED).map(name).collect();
    let more = (it.count() as usize).saturating_sub(first.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{} ({}{more})", counts.join(", "), first.join(", "))
}

fn name(it: &Drifted) -> String {
    match (it.what, it.paths.first()) {
        (Became::Changed, Some(path)) => format!("{}{path}", it.object),
        (Became::Changed, None) => it.object.clone(),
        (Became::Came, _) => format!("+{}", it.object),
        (Became::Went, _) => format!("-{}", it.object),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::lifecycle::readiness::Form;

    fn record(compared: &str) -> StagingEnvironmentStatus {
        let drift = DriftSummary { compared: compared.into(), ..DriftSummary::default() };
        StagingEnvironmentStatus { drift: Some(drift), ..StagingEnvironmentStatus::default() }
    }

    const NOW: i64 = 10_000;

    /// Two planned workloads, in a generation each; `ours` is what the operator remembers.
    fn workloads(generations: [i64; 2], ours: bool) -> BTreeMap<Key, Rollout> {
        let of = |(name, generation): (&str, i64)| {
            let key = Key { group: "apps".into(), kind: "Deployment".into(), name: name.into() };
            let form = Form { uid: name.into(), generation };
            (key, Rollout { form, ours, ..Rollout::default() })
        };
        ["db", "web"].into_iter().zip(generations).map(of).collect()
    }

    fn seen(
        record: &StagingEnvironmentStatus,
        production: Option<&str>,
        workloads: &BTreeMap<Key, Rollout>,
        action: DriftAction,
    ) -> Drift {
        let sight = Sight { production, workloads, planned: 2, unwatched: 0 };
        let asked = asked::Drift { interval: None, action };
        facts(record, &sight, &asked, Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn production_is_compared_once_for_each_state_that_it_was_seen_in() {
        let unseen = |record: &_, production: Option<&str>| {
            seen(record, production, &workloads([1, 1], true), DriftAction::Report).unseen
        };
        assert!(!unseen(&record("a"), Some("a")));
        assert!(unseen(&record("a"), Some("b")));
        assert!(!unseen(&record("a"), None), "nobody has looked yet");
        assert!(unseen(&StagingEnvironmentStatus::default(), Some("b")));
    }

    #[test]
    fn only_what_differs_and_can_be_applied_is_followed_and_only_if_asked() {
        let mut record = record("a");
        let stale =
            |record: &_, action| seen(record, Some("a"), &workloads([1, 1], true), action).stale;
        assert!(!stale(&record, DriftAction::Resync), "nothing differs");
        record.drift.as_mut().unwrap().source.changed = 1;
        assert!(stale(&record, DriftAction::Resync));
        assert!(!stale(&record, DriftAction::Report));
        let rebuild = seen(&record, Some("a"), &workloads([1, 1], true), DriftAction::Rebuild);
        assert!(rebuild.stale && rebuild.rebuilds && !rebuild.same);
        record.drift.as_mut().unwrap().held_back = "it would lead back".into();
        assert!(!stale(&record, DriftAction::Resync));
    }

    #[test]
    fn the_target_is_compared_once_for_each_state_that_somebody_else_left_it_in() {
        let mut record = record("a");
        let touched = |record: &_, workloads: &BTreeMap<Key, Rollout>| {
            seen(record, None, workloads, DriftAction::Report).touched
        };
        let sight = |workloads| Sight { production: None, workloads, planned: 2, unwatched: 0 };
        let (ours, foreign) = (workloads([1, 1], true), workloads([1, 2], false));
        assert!(!touched(&record, &ours), "the operator has just written it");
        note_untouched(record.drift.as_mut().unwrap(), &sight(&ours));
        assert!(!touched(&record, &workloads([1, 1], false)), "a restart forgets who wrote it");
        assert!(touched(&record, &foreign));
        note_inspected(record.drift.as_mut().unwrap(), &sight(&foreign), &[]);
        assert!(!touched(&record, &foreign));
    }

    #[test]
    fn a_workload_that_is_gone_is_looked_for_but_not_one_that_was_not_watched_yet() {
        let record = record("a");
        let mut left = workloads([1, 1], true);
        left.pop_last();
        let touched = |unwatched| {
            let sight = Sight { production: None, workloads: &left, planned: 2, unwatched };
            facts(&record, &sight, &asked::Drift::default(), Timestamp::UNIX_EPOCH).touched
        };
        assert!(touched(0) && !touched(1));
    }

    #[test]
    fn what_somebody_changes_again_and_again_is_put_back_once_in_an_interval() {
        let mut record = record("a");
        let drift = record.drift.as_mut().unwrap();
        drift.target.changed = 1;
        let at = |seconds| Time(Timestamp::from_second(seconds).unwrap());
        drift.resynced_at = Some(at(NOW - 60));
        let now = |record: &_| seen(record, None, &workloads([1, 1], true), DriftAction::Resync);
        assert_eq!((now(&record).stale, now(&record).stale_at), (false, Some(at(NOW + 540).0)));
        record.drift.as_mut().unwrap().resynced_at = Some(at(NOW - 600));
        assert_eq!((now(&record).stale, now(&record).stale_at), (true, None));
    }

    #[test]
    fn the_message_counts_and_names_the_first() {
        let one = |object: &str, what, path: Option<&str>| Drifted {
            object: object.to_owned(),
            what,
            paths: path.map(str::to_owned).into_iter().collect(),
        };
        let objects = [
            one("ConfigMap/a", Became::Came, None),
            one("ConfigMap/b", Became::Went, None),
            one("Deployment.apps/web", Became::Changed, Some("/spec/replicas")),
            one("Service/web", Became::Changed, Some("/spec/ports")),
        ];
        let drift = DriftSummary { source: Differences::of(&objects), ..DriftSummary::default() };
        let problem = differs(&drift).unwrap();
        assert_eq!(
            problem.message,
            "production has moved on, objects of a new plan: 2 changed, 1 came, 1 went \
             (+ConfigMap/a, -ConfigMap/b, Deployment.apps/web/spec/replicas and 1 more)"
        );
        assert!(differs(&DriftSummary::default()).is_none());
        let both = DriftSummary { target: Differences::of(&objects[2..3]), ..drift };
        let problem = differs(&both).unwrap();
        assert_eq!(problem.reason, Reason::EnvironmentChanged);
        assert!(problem.message.starts_with(
            "the environment was changed, objects that are not as planned: 1 changed \
             (Deployment.apps/web/spec/replicas); «kulisse diff» shows how; production has moved on"
        ));
    }

    #[test]
    fn production_is_the_same_as_long_as_nobody_knows_better() {
        let same = |record: &_, production| {
            seen(record, production, &workloads([1, 1], true), DriftAction::Rebuild).same
        };
        let mut record = record("a");
        assert!(same(&record, Some("a")) && same(&record, None));
        assert!(!same(&record, Some("b")), "it was not compared yet");
        record.drift.as_mut().unwrap().source.changed = 1;
        assert!(!same(&record, Some("a")) && !same(&record, Some("b")));
    }

    #[test]
    fn whether_it_is_built_anew_is_known_before_anything_was_compared() {
        let rebuilds = |action| {
            let record = StagingEnvironmentStatus::default();
            seen(&record, None, &workloads([1, 1], true), action).rebuilds
        };
        assert!(rebuilds(DriftAction::Rebuild));
        assert!(!rebuilds(DriftAction::Resync) && !rebuilds(DriftAction::Report));
    }
}
