//! What each condition says.

use super::*;
use crate::{
    api::{
        drift::{Became, Differences, DriftSummary, Drifted},
        status::PlanSummary,
    },
    lifecycle::facts::Withdrawal,
};

/// The same environment, with its workload up.
fn fine() -> Facts {
    let mut facts = stuck_since(0);
    facts.workloads[0].state = WorkloadState::Up;
    facts
}

/// Status and reason of a condition, and its message.
fn words(
    facts: &Facts,
    step: &Step,
    problem: Option<&Problem>,
    kind: ConditionType,
) -> (String, String) {
    let status = project(facts, step, problem, &StagingEnvironmentStatus::default());
    let it = find(&status.conditions, kind).unwrap();
    (format!("{} {}", it.status, it.reason), it.message.clone())
}

#[test]
fn a_status_speaks_of_what_was_seen_and_keeps_what_was_recorded() {
    let seen = fine();
    let expires_at = Some(seen.now);
    let facts = Facts { generation: 7, incarnation: Incarnation(2), expires_at, ..seen };
    let record = StagingEnvironmentStatus {
        plan: Some(PlanSummary::default()),
        drift: Some(DriftSummary::default()),
        url: Some("https://shop.test".into()),
        ..StagingEnvironmentStatus::default()
    };
    let status = project(&facts, &Step::RestAsleep, None, &record);
    assert_eq!((status.observed_generation, status.incarnation), (7, Some(Incarnation(2))));
    assert_eq!(status.phase.as_deref(), Some("Asleep"));
    assert_eq!(status.expires_at, expires_at.map(Time));
    assert_eq!(status.workloads, Some(WorkloadSummary { ready: 1, total: 1 }));
    assert_eq!((&status.url, &status.drift), (&record.url, &record.drift));
    let unplanned = StagingEnvironmentStatus { plan: None, ..record };
    let status = project(&facts, &Step::Plan, None, &unplanned);
    assert_eq!((status.workloads, status.drift), (None, None));
}

#[test]
fn whether_it_can_be_used_is_said_with_the_first_cause() {
    let refused = Problem::new(Reason::Refused, "no");
    let (up, stuck) = (fine(), stuck_since(0));
    let rows = [
        (&up, Step::Rest, None, "True Ready"),
        (&up, Step::Rest, Some(&refused), "False Refused"),
        (&up, Step::Compare, Some(&refused), "True Ready"),
        (&up, Step::Inspect, None, "True Ready"),
        (&up, Step::Switch, Some(&refused), "True Ready"),
        (&stuck, Step::Inspect, None, "Unknown Progressing"),
        (&stuck, Step::Apply { paused: true }, None, "Unknown Progressing"),
        (&stuck, Step::Apply { paused: true }, Some(&refused), "False Refused"),
        (&stuck, Step::AwaitWorkloads, None, "False ImagePullFailed"),
        (&up, Step::RestAsleep, None, "False Asleep"),
        (&up, Step::Teardown(Cause::Expired), None, "False Expired"),
        (&up, Step::AwaitDrain, None, "False Rebuilt"),
    ];
    for (facts, step, problem, expected) in rows {
        let (said, why) = words(facts, &step, problem, ConditionType::Ready);
        assert_eq!(said, expected, "{step:?}");
        assert!(!why.is_empty(), "{step:?}");
    }
}

#[test]
fn a_source_that_cannot_be_read_is_not_granted_and_what_cannot_be_planned_of_it_not_planned() {
    use Reason::{ApiError, InvalidManifest, SourceNotFound, SourceNotReadable};
    let up = fine();
    let problem = |reason| Problem::new(reason, "it cannot");
    let (granted, planned) = ("True Granted", "True Succeeded");
    for (step, reason, whether, made) in [
        (Step::Plan, SourceNotFound, "False SourceNotFound", planned),
        (Step::Plan, SourceNotReadable, "False SourceNotReadable", planned),
        (Step::Plan, ApiError, granted, "False ApiError"),
        (Step::Plan, InvalidManifest, granted, "False InvalidManifest"),
        (Step::Rest, SourceNotFound, granted, planned),
        (Step::Rest, InvalidManifest, granted, planned),
    ] {
        let said = |kind| words(&up, &step, Some(&problem(reason)), kind).0;
        assert_eq!(said(ConditionType::Granted), whether, "{step:?} {reason:?}");
        assert_eq!(said(ConditionType::Planned), made, "{step:?} {reason:?}");
    }
}

#[test]
fn what_keeps_it_from_being_made_is_why_it_is_not_granted() {
    let problem = || Problem::new(Reason::ClassNotFound, "no class");
    let withdrawal = Withdrawal { problem: problem(), ends_at: Timestamp::MAX, frozen: false };
    let queued = Step::RestQueued { position: 2, given_up: false };
    let no = "False ClassNotFound";
    let rows = [
        (Facts { refusal: Some(problem()), ..fine() }, Step::Rest, no),
        (Facts { unfenced: Some(problem()), ..fine() }, Step::Rest, no),
        (Facts { withdrawal: Some(withdrawal), ..fine() }, Step::Freeze, no),
        (fine(), queued, "False Queued"),
        (fine(), Step::RestExpired, "Unknown Pending"),
    ];
    for (facts, step, expected) in rows {
        let said = words(&facts, &step, None, ConditionType::Granted).0;
        assert_eq!(said, expected, "{step:?}");
    }
}

#[test]
fn only_a_plan_of_this_generation_that_waits_for_nobody_holds() {
    let planned = |generation, step| {
        let facts = Facts { generation, ..fine() };
        words(&facts, &step, None, ConditionType::Planned).0
    };
    assert_eq!(planned(1, Step::Rest), "True Succeeded");
    assert_eq!(planned(2, Step::Rest), "Unknown Pending");
    assert_eq!(planned(1, Step::RestUnapproved), "False AwaitingApproval");
}

#[test]
fn how_clean_the_boundary_is_the_probe_says_and_a_plan_that_is_blocked() {
    let problem = Problem::new(Reason::EgressNotEnforced, "it can reach db");
    let said = |probe, step| {
        let facts = Facts { probe, ..fine() };
        words(&facts, &step, None, ConditionType::BoundaryClean)
    };
    for (probe, expected) in [
        (Probe::Due, "Unknown Pending"),
        (Probe::Running(None), "Unknown Pending"),
        (Probe::Running(Some(problem.clone())), "Unknown EgressNotEnforced"),
        (Probe::Closed("all closed".into()), "True Probed"),
        (Probe::Skipped, "Unknown ProbeSkipped"),
        (Probe::Failed(problem.clone()), "False EgressNotEnforced"),
    ] {
        assert_eq!(said(probe.clone(), Step::Rest).0, expected, "{probe:?}");
    }
    let failed = Probe::Failed(problem.clone());
    let (_, why) = said(failed, Step::RestUnfenced(problem));
    assert_eq!(why, "it can reach db", "nothing says that it would only warn");
    let blocked = Problem::new(Reason::ProductionReference, "a host");
    let (said, why) = said(Probe::Due, Step::RestBlocked(blocked, 3));
    assert_eq!(said, "False ProductionReference");
    assert_eq!(why, "a host (3 blocking findings in all)");
}

#[test]
fn what_sleeps_holds_its_plan_without_its_workloads() {
    let said = |held: &str, target| {
        let facts = Facts { applied: Some((held.into(), Wave::Config)), target, ..fine() };
        words(&facts, &Step::RestAsleep, None, ConditionType::Applied).1
    };
    let not_yet = "the target does not hold the plan yet";
    assert_eq!(said("d", Target::Living), "the target holds plan d without its workloads");
    assert_eq!(said("former", Target::Living), not_yet);
    assert_eq!(said("d", Target::None), not_yet);
    let refused = Problem::new(Reason::Refused, "no");
    let step = Step::Apply { paused: false };
    let said = words(&fine(), &step, Some(&refused), ConditionType::Applied).0;
    assert_eq!(said, "False Refused");
}

#[test]
fn how_many_workloads_are_up_is_said_once_there_may_be_any() {
    let with = |state| {
        let mut facts = fine();
        facts.workloads[0].state = state;
        facts
    };
    let asleep = Facts { applied: Some(("d".into(), Wave::Config)), ..fine() };
    let unplanned = Facts { plan: None, ..fine() };
    let rows = [
        (fine(), "True Succeeded", "1 of 1 workloads are up"),
        (stuck_since(0), "False ImagePullFailed", "no such image; 0 of 1 workloads are up"),
        (
            with(WorkloadState::Progressing),
            "False Progressing",
            "0 of 1 workloads are up, waiting for Deployment.apps/web",
        ),
        (asleep, "False Asleep", "no workload has Pods"),
        (Facts { target: Target::None, ..fine() }, "Unknown Pending", "not applied yet"),
        (unplanned, "Unknown Pending", "not applied yet"),
    ];
    for (facts, expected, why) in rows {
        let said = words(&facts, &Step::AwaitWorkloads, None, ConditionType::WorkloadsReady);
        assert_eq!((said.0.as_str(), said.1.as_str()), (expected, why));
    }
}

#[test]
fn tasks_of_a_kind_have_passed_when_each_of_them_has() {
    use TaskState::{Failed, Passed, Pending, Running, TimedOut};
    let smoke = |name: &str, state| Task {
        name: name.into(),
        role: TaskRole::Smoke,
        needs: vec![],
        patience_ends: None,
        state,
        message: String::new(),
    };
    let with = |states: &[TaskState]| Facts {
        tasks: ["a", "b"].iter().zip(states).map(|(name, state)| smoke(name, *state)).collect(),
        ..fine()
    };
    let rows: [(&[TaskState], &str, &str); 6] = [
        (&[], "True NotRequested", "none was asked for"),
        (&[Passed, Passed], "True Succeeded", "2 of 2 passed"),
        (&[Passed, Pending], "False Pending", "1 of 2 passed"),
        (&[Passed, Running], "False Running", "b runs; 1 of 2 passed"),
        (&[Failed, Running], "False Failed", "smoke a failed"),
        (&[Pending, TimedOut], "False TimedOut", "smoke b took too long"),
    ];
    for (states, expected, why) in rows {
        let facts = with(states);
        let said = |kind| words(&facts, &Step::Rest, None, kind);
        assert_eq!(said(ConditionType::SmokePassed), (expected.to_owned(), why.to_owned()));
        assert_eq!(said(ConditionType::Seeded).0, "True NotRequested", "it has no seeds");
    }
    let unplanned = Facts { plan: None, ..with(&[Passed, Passed]) };
    let said = words(&unplanned, &Step::Plan, None, ConditionType::SmokePassed).0;
    assert_eq!(said, "Unknown Pending");
}

/// What is said of production that has moved on.
fn in_sync(facts: &Facts, step: &Step, problem: Option<&Problem>) -> Option<(String, String)> {
    let (object, what) = ("Service/web".to_owned(), Became::Changed);
    let source = Differences::of(&[Drifted { object, what, paths: vec![] }]);
    let record = StagingEnvironmentStatus {
        drift: Some(DriftSummary { source, ..DriftSummary::default() }),
        ..StagingEnvironmentStatus::default()
    };
    let status = project(facts, step, problem, &record);
    let it = find(&status.conditions, ConditionType::InSync)?;
    Some((format!("{} {}", it.status, it.reason), it.message.clone()))
}

const MOVED: &str = "production has moved on, objects of a new plan: 1 changed (Service/web)";

#[test]
fn that_production_has_moved_on_is_said_with_what_is_built_of_it() {
    let building =
        |stalled| Beside::Building { told: "1 of 2 are up".into(), stalled, made_of: "now".into() };
    let stuck = Problem::new(Reason::ImagePullFailed, "no such image");
    for (beside, end) in [
        (Beside::Nothing, ""),
        (Beside::Leaving(None), ""),
        (Beside::Ready, "; the namespace that was built is ready"),
        (building(None), "; a namespace that is to take its place is built: 1 of 2 are up"),
    ] {
        let said = in_sync(&Facts { beside, ..fine() }, &Step::Rest, None);
        assert_eq!(said, Some(("False SourceChanged".to_owned(), format!("{MOVED}{end}"))));
    }
    let facts = Facts { beside: building(Some(stuck)), ..fine() };
    let (_, why) = in_sync(&facts, &Step::Rest, None).unwrap();
    assert!(why.starts_with(MOVED) && why.contains("is stuck"), "{why}");
    assert_eq!(in_sync(&Facts { target: Target::None, ..fine() }, &Step::Rest, None), None);
    assert_eq!(in_sync(&Facts { part: Part::Building, ..fine() }, &Step::Rest, None), None);
}

#[test]
fn what_cannot_take_over_is_said_where_it_was_to() {
    let taken = Problem::new(Reason::HostTaken, "another has the host");
    let why = |step| in_sync(&fine(), &step, Some(&taken)).unwrap().1;
    let cannot = "the namespace that was built cannot take over: another has the host";
    assert_eq!(why(Step::Switch), format!("{MOVED}; {cannot}"));
    assert_eq!(why(Step::Rest), MOVED);
}

#[test]
fn what_cannot_be_looked_at_is_not_known_to_be_in_sync() {
    let problem = Problem::new(Reason::ApiError, "no answer");
    let blind = Facts { blind: Some(problem.clone()), ..fine() };
    let unknown = |what: &str| {
        let why = format!("{what} cannot be looked at: no answer");
        Some(("Unknown ApiError".to_owned(), why))
    };
    assert_eq!(in_sync(&fine(), &Step::Compare, Some(&problem)), unknown("production"));
    assert_eq!(in_sync(&fine(), &Step::Inspect, Some(&problem)), unknown("the target"));
    assert_eq!(in_sync(&blind, &Step::Rest, None), unknown("production"));
    let known = Some(("False SourceChanged".to_owned(), MOVED.to_owned()));
    assert_eq!(in_sync(&fine(), &Step::Rest, Some(&problem)), known, "it is of something else");
    assert_eq!(in_sync(&blind, &Step::Plan, None), known, "it is looked at again");
}
