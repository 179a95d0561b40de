use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::*;
use crate::{
    api::{
        condition::{Verdict, condition},
        request::Verb,
        status::{
            PlanSummary, ProbeVerdict, SourceSummary, TaskState, TaskSummary, Teardown, Withdrawn,
        },
    },
    lifecycle::table::up,
};

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

fn target(name: &str, life: u32) -> Target {
    Target {
        name: name.into(),
        uid: name.into(),
        incarnation: Incarnation(life),
        role: TargetRole::Serving,
        probe: ProbeVerdict::Closed,
        probe_message: String::new(),
        applied: None,
    }
}

fn plan(digest: &str) -> PlanSummary {
    PlanSummary { digest: digest.into(), ..PlanSummary::default() }
}

/// One that serves since its third life, and was asked to live longer.
fn serving() -> StagingEnvironmentStatus {
    let extend = Request {
        verb: Verb::Extend,
        value: "2026-01-02T00:00:00Z".into(),
        at: at(1),
        incarnation: Incarnation(3),
        refused: String::new(),
    };
    StagingEnvironmentStatus {
        incarnation: Some(Incarnation(3)),
        namespaces: vec![target("old", 3)],
        started_at: Some(at(0)),
        plan: Some(plan("old")),
        urls: vec!["http://web".into()],
        requests: vec![extend],
        ..StagingEnvironmentStatus::default()
    }
}

fn both() -> (StagingEnvironmentStatus, StagingEnvironmentStatus) {
    let serving = serving();
    let mut built = begin(&serving, Timestamp::UNIX_EPOCH);
    built.namespaces = vec![target("new", 4)];
    built.plan = Some(plan("new"));
    if let Some(it) = &mut built.drift {
        it.compared = "newer".into();
    }
    (serving, built)
}

#[test]
fn a_status_is_taken_apart_and_put_together_again_as_it_was() {
    let (serving, built) = both();
    let mut status = serving.clone();
    merge(&mut status, &built);
    assert_eq!(status.namespaces.len(), 2);
    assert_eq!(status.namespaces[1].role, TargetRole::Building);
    let mut again = status.clone();
    let beside = split(&mut again).unwrap();
    assert_eq!(again, serving);
    assert_eq!((part(&again), part(&beside)), (Part::Serving, Part::Building));
    merge(&mut again, &beside);
    assert_eq!(again, status);
}

#[test]
fn what_was_asked_holds_in_both_and_the_clock_goes_on() {
    let (mut serving, mut built) = both();
    let asked = |it: &_| crate::lifecycle::request::extended(it);
    assert!(asked(&serving).is_some() && asked(&serving) == asked(&built));
    switch(&mut serving, &mut built, Rebuilt { at: at(9), gap_milliseconds: 7 });
    assert!(asked(&serving).is_some() && asked(&serving) == asked(&built));
    assert_eq!(serving.started_at, Some(at(0)));
}

#[test]
fn what_was_built_takes_the_place_of_what_served() {
    let (mut serving, mut built) = both();
    switch(&mut serving, &mut built, Rebuilt { at: at(9), gap_milliseconds: 7 });
    assert_eq!(serving.incarnation, Some(Incarnation(4)));
    assert_eq!((serving.plan, built.plan.clone()), (Some(plan("new")), Some(plan("old"))));
    assert_eq!(serving.namespaces, [target("new", 4)]);
    assert_eq!(serving.drift.unwrap().compared, "newer");
    assert_eq!((part(&built), built.incarnation), (Part::Leaving, Some(Incarnation(3))));
    assert_eq!(drains_until(&built), Some(at(19).0));
}

#[test]
fn what_is_given_up_goes_at_once_and_nobody_takes_its_life() {
    let (mut serving, mut built) = both();
    drop(&mut built);
    assert_eq!((part(&built), drains_until(&built)), (Part::Leaving, None));
    serving.incarnation = Some(Incarnation(4));
    assert_eq!(beyond(&serving, &built), Some(Incarnation(5)));
}

#[test]
fn what_is_built_has_come_to_a_stop_if_it_is_stalled_or_its_routes_were_refused() {
    let (serving, built) = both();
    let stops = |refused: &str, status: &str| {
        let mut record = serving.clone();
        merge(&mut record, &built);
        let it = record.rebuild.as_mut().unwrap();
        it.refused = refused.into();
        it.conditions = vec![
            serde_json::from_value(serde_json::json!({
                "type": "Stalled", "status": status, "reason": "Stalled", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z" }))
            .unwrap(),
        ];
        stalled(&record)
    };
    assert!(!stops("", "False"));
    assert!(stops("", "True"));
    assert!(stops("the host is taken", "False"));
}

fn said(kind: ConditionType, reason: Reason, message: &str) -> Condition {
    condition(&[], kind, Verdict::True, reason, message, 1, Timestamp::UNIX_EPOCH)
}

#[test]
fn what_is_the_environments_holds_in_both_and_nothing_of_the_other_is_lost() {
    let withdrawn = Withdrawn { since: at(2), source_gone: false, frozen: true };
    let serving = StagingEnvironmentStatus {
        observed_generation: 7,
        withdrawn: Some(withdrawn),
        expires_at: Some(at(5)),
        ..serving()
    };
    let begun = begin(&serving, Timestamp::UNIX_EPOCH);
    let shared = |it: &StagingEnvironmentStatus| {
        (it.observed_generation, it.withdrawn.clone(), it.started_at.clone(), it.expires_at.clone())
    };
    assert_eq!(shared(&begun), shared(&serving));

    let task = |name: &str| TaskSummary {
        name: name.into(),
        state: TaskState::Running,
        content: "c".into(),
        incarnation: Incarnation(4),
        started_at: None,
        took_seconds: None,
        attempts: 1,
        discounted: 0,
        message: String::new(),
    };
    let (captured_at, unreadable) = (at(3), vec![]);
    let teardown = Teardown { started_at: at(4), resources_deleted_at: None, blocked_by: vec![] };
    let built = StagingEnvironmentStatus {
        conditions: vec![said(ConditionType::Reconciling, Reason::Progressing, "a smoke runs")],
        phase: Some("Testing".into()),
        url: Some("http://new".into()),
        urls: vec!["http://new".into(), "http://other".into()],
        plan: Some(plan("new")),
        source: Some(SourceSummary { captured_at, artifact: None, objects: 1, unreadable }),
        seed: vec![task("seed")],
        smoke: vec![task("smoke")],
        pre_delete: vec![task("preDelete")],
        teardown: Some(teardown),
        ..begun
    };
    let mut status = serving;
    merge(&mut status, &built);
    let again = split(&mut status).unwrap();
    assert_eq!(StagingEnvironmentStatus { rebuild: built.rebuild.clone(), ..again }, built);
}

#[test]
fn what_took_over_says_when_and_when_production_was_followed_in_place_before() {
    let (mut serving, mut built) = both();
    let drift = DriftSummary { resynced_at: Some(at(5)), ..DriftSummary::default() };
    serving.drift = Some(drift);
    let rebuilt = Rebuilt { at: at(9), gap_milliseconds: 7 };
    switch(&mut serving, &mut built, rebuilt.clone());
    let drift = serving.drift.unwrap();
    assert_eq!((drift.resynced_at, drift.rebuilt), (Some(at(5)), Some(rebuilt)));
}

#[test]
fn what_serves_knows_how_the_other_one_stands() {
    let (_, mut built) = both();
    built.conditions = vec![said(ConditionType::Ready, Reason::Progressing, "1 of 2 are up")];
    let stands = |part, step, problem: Option<&Problem>, status: &_| {
        super::stands(&Facts { part, ..up() }, &step, problem, status)
    };
    let problem = Problem::new(Reason::ImagePullFailed, "no such image");
    let going = |stalled| Beside::Building {
        told: "1 of 2 are up".into(),
        stalled,
        made_of: "newer".into(),
    };
    assert_eq!(stands(Part::Serving, Step::Rest, None, &built), Beside::Nothing);
    assert_eq!(stands(Part::Building, Step::Rest, None, &built), Beside::Ready);
    assert_eq!(stands(Part::Building, Step::Rest, Some(&problem), &built), going(None));
    assert_eq!(stands(Part::Building, Step::AwaitWorkloads, None, &built), going(None));
    assert_eq!(stands(Part::Leaving, Step::AwaitDrain, None, &built), Beside::Leaving(None));
    built.conditions.extend([
        said(ConditionType::Stalled, Reason::ImagePullFailed, "no such image"),
        said(ConditionType::TeardownBlocked, Reason::TeardownBlocked, "a finalizer"),
    ]);
    let stuck = going(Some(problem));
    assert_eq!(stands(Part::Building, Step::AwaitWorkloads, None, &built), stuck);
    let blocked = Beside::Leaving(Some("a finalizer".into()));
    assert_eq!(stands(Part::Leaving, Step::AwaitDrain, None, &built), blocked);
}

#[test]
fn what_cannot_take_over_waits_for_a_person_from_then_on() {
    let (_, mut built) = both();
    let beside = refuse(&mut built, "the host is taken");
    let Beside::Building { stalled, made_of, .. } = &beside else { panic!("{beside:?}") };
    assert_eq!(*stalled, Some(Problem::new(Reason::Refused, "the host is taken")));
    assert_eq!(made_of, "newer");
    let facts = Facts { part: Part::Building, ..up() };
    assert_eq!(super::stands(&facts, &Step::Rest, None, &built), beside);
}
