//! Whether an environment is still what production is, and what is said about it.

use super::facts::{Drift, Problem};
use crate::api::{
    condition::Reason,
    drift::{Became, DriftAction, DriftSummary, Drifted},
    status::StagingEnvironmentStatus,
};

/// Most objects that a message names.
const NAMED: usize = 3;

/// What a decision depends on: `production` is the mark of the source as it was looked at last, if it
/// was.
pub fn facts(
    record: &StagingEnvironmentStatus,
    production: Option<&str>,
    action: DriftAction,
) -> Drift {
    let drift = record.drift.as_ref();
    let compared = drift.map(|it| it.compared.as_str());
    let follows = match action {
        DriftAction::Resync => true,
        DriftAction::Report => false,
    };
    Drift {
        unseen: production.is_some_and(|it| Some(it) != compared),
        stale: follows && drift.is_some_and(|it| !it.source.is_empty() && it.held_back.is_empty()),
    }
}

/// How the clone and production differ; None if they do not.
pub(super) fn differs(drift: &DriftSummary) -> Option<Problem> {
    if drift.source.is_empty() {
        return None;
    }
    let counts = [
        (drift.source.changed, "changed"),
        (drift.source.came, "came"),
        (drift.source.went, "went"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let named: Vec<String> = drift.source.objects.iter().take(NAMED).map(name).collect();
    let more = (drift.source.count() as usize).saturating_sub(named.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let held_back = if drift.held_back.is_empty() {
        String::new()
    } else {
        format!("; a new plan could not be applied: {}", drift.held_back)
    };
    Some(Problem::new(
        Reason::SourceChanged,
        format!(
            "production has moved on, objects of a new plan: {} ({}{more}){held_back}",
            counts.join(", "),
            named.join(", "),
        ),
    ))
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
    use super::*;
    use crate::api::drift::Differences;

    fn record(compared: &str) -> StagingEnvironmentStatus {
        let drift = DriftSummary { compared: compared.into(), ..DriftSummary::default() };
        StagingEnvironmentStatus { drift: Some(drift), ..StagingEnvironmentStatus::default() }
    }

    #[test]
    fn production_is_compared_once_for_each_state_that_it_was_seen_in() {
        let unseen = |record: &_, production: Option<&str>| {
            facts(record, production, DriftAction::Report).unseen
        };
        assert!(!unseen(&record("a"), Some("a")));
        assert!(unseen(&record("a"), Some("b")));
        assert!(!unseen(&record("a"), None), "nobody has looked yet");
        assert!(unseen(&StagingEnvironmentStatus::default(), Some("b")));
    }

    #[test]
    fn only_what_differs_and_can_be_applied_is_followed_and_only_if_asked() {
        let mut record = record("a");
        let stale = |record: &_, action| facts(record, Some("a"), action).stale;
        assert!(!stale(&record, DriftAction::Resync), "nothing differs");
        record.drift.as_mut().unwrap().source.changed = 1;
        assert!(stale(&record, DriftAction::Resync));
        assert!(!stale(&record, DriftAction::Report));
        record.drift.as_mut().unwrap().held_back = "it would lead back".into();
        assert!(!stale(&record, DriftAction::Resync));
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
    }
}
