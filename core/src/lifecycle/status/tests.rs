mod conditions;

use jiff::SignedDuration;

use super::*;
use crate::{
    api::{
        condition::{find, is_true},
        identity::Incarnation,
        lifecycle::OnExpiry,
        status::Wave,
    },
    lifecycle::{
        facts::{Place, PlanFacts, Workload, WorkloadState},
        sleep::Rhythm,
    },
    plan::object::Key,
};

/// An environment of which one workload cannot pull its image, `seconds` after it was applied.
fn stuck_since(seconds: i64) -> Facts {
    let now = Timestamp::from_second(1_000_000).unwrap();
    let key = Key { group: "apps".into(), kind: "Deployment".into(), name: "web".into() };
    let problem = Problem::new(Reason::ImagePullFailed, "no such image");
    Facts {
        now,
        generation: 1,
        deleting: false,
        claimed: true,
        suspended: false,
        on_expiry: OnExpiry::Retain,
        incarnation: Incarnation(1),
        expires_at: None,
        warns_at: None,
        expired: false,
        manifests: false,
        refusal: None,
        unfenced: None,
        by_label: false,
        target: Target::Living,
        leaving_since: None,
        closed: false,
        lingering: None,
        plan: Some(PlanFacts {
            generation: 1,
            digest: "d".into(),
            planned_at: now,
            blocked: None,
            copied: vec![],
            warned: 0,
        }),
        probe: Probe::Closed(String::new()),
        warns_only: false,
        withdrawal: None,
        place: Place::Unasked,
        rhythm: Rhythm::default(),
        restless: false,
        promised: false,
        unapproved: false,
        applied: Some(("d".into(), Wave::Workloads)),
        applied_at: Some(now - SignedDuration::from_secs(seconds)),
        workloads: vec![Workload { key, store: false, state: WorkloadState::Stuck(problem) }],
        tasks: vec![],
        drift: crate::lifecycle::facts::Drift::default(),
        blind: None,
        part: Part::Serving,
        beside: Beside::Nothing,
        drains_until: None,
        looks_at: None,
    }
}

fn stalled(facts: &Facts) -> bool {
    let old = StagingEnvironmentStatus::default();
    let status = project(facts, &Step::AwaitWorkloads, None, &old);
    is_true(&status.conditions, ConditionType::Stalled)
}

#[test]
fn a_workload_that_does_not_come_up_is_given_time_before_a_person_is_called() {
    assert!(!stalled(&stuck_since(5)));
    assert!(stalled(&stuck_since(61)));
}

#[test]
fn whether_something_may_be_created_that_nobody_knows_needs_no_person() {
    let told = |reason| {
        let step = Step::Refuse(Problem::new(reason, "nothing is created"));
        let status = project(&stuck_since(5), &step, None, &StagingEnvironmentStatus::default());
        let told = [ConditionType::Stalled, ConditionType::Reconciling];
        told.map(|it| is_true(&status.conditions, it))
    };
    assert_eq!(told(Reason::FencePolicyMissing), [true, false]);
    assert_eq!(told(Reason::ApiError), [false, true]);
}

#[test]
fn what_cannot_be_looked_at_is_not_called_ready() {
    let facts = stuck_since(0);
    let before = project(&facts, &Step::Rest, None, &StagingEnvironmentStatus::default());
    let problem = Problem::new(Reason::Refused, "list Pods: forbidden");
    let status = unseen(&problem, 2, &before, facts.now);
    let find = |kind| crate::api::condition::find(&status.conditions, kind);
    assert_eq!(find(ConditionType::Ready).map(|it| it.status.as_str()), Some("Unknown"));
    assert!(find(ConditionType::Stalled).is_some_and(|it| it.message.contains("forbidden")));
    assert!(find(ConditionType::Reconciling).is_none());
    assert_eq!(
        find(ConditionType::Applied),
        before.conditions.iter().find(|it| it.type_ == "Applied")
    );
    assert_eq!(status.observed_generation, 1, "the new generation was not looked at");
}

#[test]
fn a_copied_credential_is_said_and_does_not_keep_anybody_from_using_the_environment() {
    let mut facts = stuck_since(0);
    facts.workloads[0].state = WorkloadState::Up;
    facts.plan.as_mut().unwrap().copied = vec!["payment".to_owned()];
    // Whether the probe has shown the fence or the class skips it.
    for probe in [facts.probe.clone(), Probe::Skipped] {
        facts.probe = probe;
        let status = project(&facts, &Step::Rest, None, &StagingEnvironmentStatus::default());
        let said = find(&status.conditions, ConditionType::BoundaryClean).unwrap();
        assert_eq!((said.status.as_str(), said.reason.as_str()), ("False", "CredentialCopied"));
        assert!(said.message.contains("payment"), "{}", said.message);
        assert!(is_true(&status.conditions, ConditionType::Ready));
    }
}

#[test]
fn a_deletion_is_blocked_only_once_it_takes_longer_than_deletions_do() {
    let step = Step::AwaitGone(Cause::Deleted, vec!["a finalizer".into()]);
    let blocked = |since: i64| {
        let mut facts = stuck_since(0);
        facts.leaving_since = Some(facts.now - SignedDuration::from_secs(since));
        let status = project(&facts, &step, None, &StagingEnvironmentStatus::default());
        is_true(&status.conditions, ConditionType::TeardownBlocked)
    };
    assert!(!blocked(10));
    assert!(blocked(90));
}

#[test]
fn where_the_boundary_only_warns_an_environment_is_ready_and_its_status_says_what_leads_back() {
    let mut facts = stuck_since(5);
    facts.workloads[0].state = WorkloadState::Up;
    facts.applied = Some(("d".into(), Wave::Workloads));
    facts.probe = Probe::Failed(Problem::new(Reason::EgressNotEnforced, "it can reach db"));
    assert_eq!(
        crate::lifecycle::next(&facts),
        Step::RestUnfenced(Problem::new(Reason::EgressNotEnforced, "it can reach db"))
    );
    facts.warns_only = true;
    assert_eq!(crate::lifecycle::next(&facts), Step::Rest);

    let said = |facts: &Facts, kind| {
        let status = project(facts, &Step::Rest, None, &StagingEnvironmentStatus::default());
        let found = status.conditions.into_iter().find(|it| it.type_ == kind).unwrap();
        (found.status, found.reason, found.message)
    };
    let (status, reason, message) = said(&facts, "BoundaryClean");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "EgressNotEnforced"));
    assert!(message.contains("Warn"), "{message}");
    let (status, _, message) = said(&facts, "Ready");
    assert_eq!(status, "True");
    assert!(message.contains("BoundaryClean"), "{message}");

    facts.probe = Probe::Closed(String::new());
    if let Some(plan) = &mut facts.plan {
        plan.warned = 2;
    }
    assert_eq!(said(&facts, "BoundaryClean").1, "ProductionReference");
}

#[test]
fn what_was_never_applied_was_not_deleted_by_anybody() {
    let mut facts = stuck_since(600);
    facts.workloads[0].state = WorkloadState::Missing;
    let said = |facts: &Facts| passing::stuck(facts).map(|it| it.reason);
    assert_eq!(said(&facts), Some(Reason::WorkloadMissing));
    facts.applied = Some(("d".into(), Wave::Fence));
    assert_eq!(said(&facts), None);
    facts.applied = Some(("of the plan before".into(), Wave::Workloads));
    assert_eq!(said(&facts), None);
}

#[test]
fn only_what_holds_its_plan_is_in_sync_with_production() {
    let record = StagingEnvironmentStatus {
        drift: Some(crate::api::drift::DriftSummary::default()),
        ..StagingEnvironmentStatus::default()
    };
    let in_sync = |digest: &str, through| {
        let facts = Facts { applied: Some((digest.into(), through)), ..stuck_since(0) };
        let status = project(&facts, &Step::Rest, None, &record);
        find(&status.conditions, ConditionType::InSync).map(|it| it.status.clone())
    };
    assert_eq!(in_sync("d", Wave::Workloads).as_deref(), Some("True"));
    assert_eq!(in_sync("d", Wave::Config).as_deref(), Some("True"), "it sleeps");
    assert_eq!(in_sync("d", Wave::Fence), None, "nothing is in it yet");
    assert_eq!(in_sync("former", Wave::Workloads), None);
}

#[test]
fn while_the_probe_runs_again_the_time_of_its_failure_does_not_hold_any_more() {
    let mut facts = stuck_since(5);
    if let Some(plan) = &mut facts.plan {
        plan.warned = 2;
    }
    let said = |facts: &Facts| {
        let status = project(facts, &Step::AwaitProbe, None, &StagingEnvironmentStatus::default());
        let it = find(&status.conditions, ConditionType::BoundaryClean).unwrap().clone();
        (it.status, it.reason)
    };
    let says = |status: &str, reason: Reason| (status.to_owned(), reason.as_str().to_owned());
    assert_eq!(said(&facts), says("False", Reason::ProductionReference));
    facts.probe = Probe::Running(None);
    assert_eq!(said(&facts), says("Unknown", Reason::Pending));
    let open = Problem::new(Reason::EgressNotEnforced, "it gets through");
    facts.probe = Probe::Failed(open);
    assert_eq!(said(&facts), says("False", Reason::EgressNotEnforced));
    // Where that only warns, nothing is tried again.
    facts.warns_only = true;
    assert_eq!(said(&facts), says("False", Reason::ProductionReference));
}

#[test]
fn a_target_that_holds_another_plan_has_not_this_one_applied() {
    let applied = |held: &str| {
        let facts = Facts { applied: Some((held.into(), Wave::Workloads)), ..stuck_since(0) };
        let old = StagingEnvironmentStatus::default();
        let status = project(&facts, &Step::AwaitWorkloads, None, &old);
        is_true(&status.conditions, ConditionType::Applied)
    };
    assert!(applied("d") && !applied("another"));
}
