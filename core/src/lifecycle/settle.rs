//! Every combination of facts reaches a fixed point and stays there.
//!
//! [`ideal`] says what a faultless cluster looks like after a step. From every combination of facts
//! the steps must lead, in a bounded number, to one that waits for nothing but a person or the
//! clock; and deletion must win over everything.

mod ideal;
mod mood;

use jiff::Timestamp;

use self::{
    ideal::ideal,
    mood::{Lingers, MOODS, Mood},
};
use super::{
    CLEANED_UP_WITHIN,
    facts::{
        Beside, Drift, Facts, Part, Place, PlanFacts, Probe, Problem, Target, Task, Workload,
        WorkloadState,
    },
    next, project,
    sleep::Rhythm,
    step::{Change, Step},
};
use crate::{
    api::{
        condition::{ConditionType, Reason, find, is_true},
        identity::Incarnation,
        lifecycle::OnExpiry,
        status::{StagingEnvironmentStatus, TaskState, Wave},
        task::When,
    },
    plan::{object::Key, task::TaskRole},
};

const MOST_STEPS: usize = 24;
const NOW: i64 = 1_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn task(role: TaskRole, state: TaskState) -> Task {
    Task {
        name: "task".into(),
        role,
        needs: vec![],
        patience_ends: Some(at(NOW + 600)),
        state,
        message: String::new(),
    }
}

fn workload(name: &str, store: bool, state: WorkloadState) -> Workload {
    let key = Key { group: "apps".into(), kind: "Deployment".into(), name: name.into() };
    Workload { key, store, state }
}

fn problem() -> Problem {
    Problem::new(Reason::ImagePullFailed, "no such image")
}

/// A plan for that generation, blocked or not, made an hour ago or at this moment.
fn plan(generation: i64, blocked: bool, old: bool) -> PlanFacts {
    let blocked = blocked.then(|| (Problem::new(Reason::ProductionReference, "a host"), 1));
    PlanFacts {
        generation,
        digest: "new".into(),
        planned_at: at(if old { NOW - 3600 } else { NOW }),
        blocked,
        copied: vec![],
        warned: 0,
    }
}

/// Tasks of every kind, in every state.
fn task_lists() -> Vec<Vec<Task>> {
    use TaskState::{Failed, Passed, Pending, Running, TimedOut};
    [Pending, Running, Passed, Failed, TimedOut]
        .into_iter()
        .flat_map(|seed| {
            [Pending, Passed, Failed].map(|smoke| {
                vec![
                    task(TaskRole::Seed(When::BeforeWorkloads), seed),
                    task(TaskRole::Smoke, smoke),
                ]
            })
        })
        .chain([
            vec![],
            vec![task(TaskRole::Seed(When::AfterWorkloads), Pending)],
            vec![task(TaskRole::Smoke, Passed), task(TaskRole::PreDelete, Pending)],
        ])
        .collect()
}

/// Every combination of what a decision depends on, in that mood.
fn everything(mood: Mood, mut see: impl FnMut(&dyn Fn() -> Facts)) {
    let targets = [
        Target::None,
        Target::Living,
        Target::Leaving { only_rights: false, blocked_by: vec!["a finalizer".into()] },
        Target::Leaving { only_rights: true, blocked_by: vec![] },
        Target::Foreign("stg-x".into()),
    ];
    let plans = [
        None,
        Some(plan(1, false, false)),
        Some(plan(2, false, false)),
        Some(plan(2, true, false)),
        Some(plan(2, true, true)),
    ];
    let probes = [
        Probe::Due,
        Probe::Running(None),
        Probe::Closed(String::new()),
        Probe::Skipped,
        Probe::Failed(Problem::new(Reason::EgressNotEnforced, "open")),
    ];
    let applied = [
        None,
        Some(("new".to_owned(), Wave::Fence)),
        Some(("new".to_owned(), Wave::Config)),
        Some(("new".to_owned(), Wave::Stores)),
        Some(("new".to_owned(), Wave::Workloads)),
        Some(("old".to_owned(), Wave::Workloads)),
    ];
    let tasks = task_lists();
    let workloads =
        [WorkloadState::Up, WorkloadState::Progressing, WorkloadState::Stuck(problem())];
    for flags in 0..128_u32 {
        let flag = |bit: u32| flags >> bit & 1 == 1;
        // What becomes of the object is asked when its time is up, and is the same with another namespace
        // and without; custom resources are looked for only at the end, or once that has begun.
        let expires = flag(4) || matches!(mood.lingers, Lingers::Deleted(_));
        if flag(3) && (mood.has_second() || !expires)
            || mood.lingers == Lingers::Undeleted && !flag(0) && !flag(4)
        {
            continue;
        }
        let end = if flag(4) { NOW - 1 } else { NOW + 3600 };
        for target in &targets {
            for plan in &plans {
                for probe in probes.iter().filter(|it| !flag(6) || mood.warns(it)) {
                    for applied in &applied {
                        // Where there is no target, nothing in it has a state of its own.
                        let lives = *target == Target::Living;
                        for tasks in tasks.iter().take(if lives { tasks.len() } else { 4 }) {
                            for state in workloads.iter().take(if lives { 3 } else { 1 }) {
                                see(&|| Facts {
                                    now: at(NOW),
                                    generation: 2,
                                    deleting: flag(0),
                                    claimed: flag(1),
                                    suspended: flag(2),
                                    on_expiry: [OnExpiry::Retain, OnExpiry::Delete]
                                        [usize::from(flag(3))],
                                    incarnation: Incarnation(1),
                                    expires_at: Some(at(end)),
                                    warns_at: Some(at(NOW)),
                                    expired: false,
                                    manifests: false,
                                    refusal: flag(5).then(|| {
                                        Problem::new(Reason::SourceNotGranted, "no grant")
                                    }),
                                    unfenced: None,
                                    by_label: false,
                                    target: target.clone(),
                                    leaving_since: None,
                                    closed: matches!(mood.lingers, Lingers::Deleted(_)),
                                    lingering: mood.lingering().filter(|_| lives),
                                    plan: plan.clone(),
                                    probe: probe.clone(),
                                    warns_only: flag(6),
                                    restless: mood.sleeps && flag(6),
                                    promised: mood.moved,
                                    withdrawal: mood.withdrawal(),
                                    place: mood.place(),
                                    rhythm: Rhythm { sleeps: mood.sleeps, changes_at: None },
                                    unapproved: mood.unapproved,
                                    applied: applied.clone(),
                                    applied_at: None,
                                    workloads: vec![
                                        workload("db", true, state.clone()),
                                        workload("web", false, state.clone()),
                                    ],
                                    tasks: tasks.clone(),
                                    drift: mood.drift(),
                                    blind: None,
                                    part: mood.part,
                                    beside: mood.beside(),
                                    drains_until: mood.drains_until(flag(6)),
                                    looks_at: None,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The step at which it settles, and the facts by then.
fn settle(facts: &Facts) -> (Facts, Step) {
    let mut facts = facts.clone();
    for _ in 0..MOST_STEPS {
        let step = next(&facts);
        let then = ideal(&facts, &step);
        if then == facts || step == Step::Discard {
            return (facts, step);
        }
        facts = then;
    }
    panic!("does not settle: {facts:#?}, {:?}", next(&facts));
}

/// Of so many combinations, one is looked at: `STRIDE`. Seven is for every run: it has no factor in
/// common with how many values anything here has, so each value still meets each other one.
fn stride() -> u32 {
    std::env::var("STRIDE").map_or(7, |it| it.parse().unwrap())
}

/// Every assertion of this file in one walk: there are millions of combinations.
#[test]
fn combinations_of_facts_settle_say_why_and_break_no_promise() {
    let stride = stride();
    let seen = std::thread::scope(|scope| {
        let walks = MOODS.map(|mood| {
            scope.spawn(move || {
                let mut seen = 0_u32;
                everything(mood, |facts| {
                    seen += 1;
                    if seen.is_multiple_of(stride) {
                        check(&facts());
                    }
                });
                seen / stride
            })
        });
        walks.into_iter().map(|walk| walk.join().unwrap()).sum::<u32>()
    });
    println!("{seen} combinations");
    assert!(seen > 100_000, "{seen}");
}

fn check(facts: &Facts) {
    let step = next(facts);
    nothing_is_created_once_the_time_is_up_or_while_it_is_refused_or_suspended(facts, &step);
    while_our_account_is_not_fenced_nothing_is_created_and_all_else_goes_on(facts, &step);
    no_workload_starts_before_the_probe_has_shown_that_the_fence_stands(facts, &step);
    no_plan_is_applied_before_it_is_approved(facts, &step);
    nothing_of_the_end_runs_where_it_may_not(facts, &step);
    nothing_is_made_without_a_place(facts, &step);
    a_foreign_namespace_is_neither_used_nor_deleted(facts, &step);
    what_has_to_be_cleaned_up_after_goes_first(facts, &step);
    only_what_holds_its_plan_is_compared_and_follows(facts, &step);
    only_what_serves_decides_and_only_for_what_is_ready(facts, &step);
    let (end, step) = settle(facts);
    deletion_always_wins(facts, &end, &step);
    a_second_namespace_does_not_stay_without_a_word(facts, &end, &step);
    it_waits_and_says_why(&end, &step);
}

fn it_waits_and_says_why(end: &Facts, step: &Step) {
    let over = step.waits() || *step == Step::Discard;
    assert!(over, "{step:?} neither waits nor changes anything: {end:#?}");
    let status = project(end, step, None, &StagingEnvironmentStatus::default());
    let ready = find(&status.conditions, ConditionType::Ready).unwrap();
    assert_eq!(ready.status == "True", *step == Step::Rest, "{step:?}");
    assert!(!ready.message.is_empty(), "{step:?} does not say why");
    let ends = end.deleting || ready.reason != Reason::Deleting.as_str();
    assert!(ends, "{step:?} speaks of another end: {end:#?}");
    let both = is_true(&status.conditions, ConditionType::Reconciling)
        && is_true(&status.conditions, ConditionType::Stalled);
    assert!(!both, "kstatus knows no object that is both in progress and failed: {step:?}");
}

fn deletion_always_wins(facts: &Facts, end: &Facts, step: &Step) {
    if facts.deleting {
        if facts.part == Part::Serving {
            assert_eq!(*step, Step::RestReleased, "{facts:#?}");
            assert!(!end.claimed);
        } else {
            assert_eq!(*step, Step::Discard, "{facts:#?}");
        }
        assert!(matches!(end.target, Target::None | Target::Foreign(_)));
    }
}

fn nothing_is_created_once_the_time_is_up_or_while_it_is_refused_or_suspended(
    facts: &Facts,
    step: &Step,
) {
    let over = facts.expires_at.is_some_and(|end| facts.now >= end);
    let refused = facts.refusal.is_some() && facts.target == Target::None;
    let withdrawn = facts.withdrawal.is_some();
    if over || refused || withdrawn || facts.suspended || facts.deleting {
        assert!(!creates(step), "{step:?} for {facts:#?}");
    }
}

fn creates(step: &Step) -> bool {
    matches!(
        step,
        Step::Claim
            | Step::Plan
            | Step::TakePlace
            | Step::Prepare
            | Step::Probe
            | Step::Begin(Change::Apply)
            | Step::Apply { .. }
            | Step::StartTask(_)
            | Step::Rebuild
            | Step::Switch
    )
}

fn while_our_account_is_not_fenced_nothing_is_created_and_all_else_goes_on(
    facts: &Facts,
    step: &Step,
) {
    let problem = Problem::new(Reason::FencePolicyMissing, "no policy");
    let unfenced = Facts { unfenced: Some(problem.clone()), ..facts.clone() };
    let found = next(&unfenced);
    assert!(!creates(&found), "{found:?} for {facts:#?}");
    // What serves goes on as it is while production moves on.
    let moves = facts.drift != Drift::default() || facts.beside != Beside::Nothing;
    let expected = if creates(step) { Step::Refuse(problem) } else { step.clone() };
    assert!(found == expected || moves && creates(step), "{found:?} for {facts:#?}");
}

fn nothing_of_the_end_runs_where_it_may_not(facts: &Facts, step: &Step) {
    if let Step::StartLast(..) = step {
        assert!(facts.closed && facts.withdrawal.is_none(), "{facts:#?}");
    }
}

fn no_workload_starts_before_the_probe_has_shown_that_the_fence_stands(facts: &Facts, step: &Step) {
    let shown = match facts.probe {
        Probe::Closed(_) | Probe::Skipped => true,
        Probe::Failed(_) => facts.warns_only,
        Probe::Due | Probe::Running(_) => false,
    };
    let starts = matches!(step, Step::Apply { .. } | Step::StartTask(_) | Step::StartLast(..));
    assert!(shown || !starts, "{facts:#?}");
}

fn no_plan_is_applied_before_it_is_approved(facts: &Facts, step: &Step) {
    let digest = facts.plan.as_ref().map(|plan| &plan.digest);
    let held = facts.applied.as_ref().map(|(digest, _)| digest);
    let applies = matches!(step, Step::Prepare | Step::Apply { .. } | Step::StartTask(_));
    assert!(!facts.unapproved || !applies || digest == held, "{facts:#?}");
}

fn nothing_is_made_without_a_place(facts: &Facts, step: &Step) {
    let made = *step == Step::Prepare && facts.target == Target::None;
    assert!(!made || facts.place == Place::Taken, "{facts:#?}");
}

fn what_has_to_be_cleaned_up_after_goes_first(facts: &Facts, step: &Step) {
    let (Some(it), Step::Teardown(_)) = (&facts.lingering, step) else { return };
    let waited = it.since.is_some_and(|since| facts.now.duration_since(since) >= CLEANED_UP_WITHIN);
    assert!(waited, "{facts:#?}");
}

fn only_what_holds_its_plan_is_compared_and_follows(facts: &Facts, step: &Step) {
    let seen = Drift { unseen: false, touched: false, stale: false, ..facts.drift.clone() };
    let still = next(&Facts { drift: seen, ..facts.clone() });
    if still == *step {
        return;
    }
    assert!(matches!(still, Step::Rest | Step::AwaitWorkloads), "{still:?} for {facts:#?}");
    assert!(*step != Step::Compare || still == Step::Rest, "{facts:#?}");
    let compared = Drift { unseen: false, touched: false, ..facts.drift.clone() };
    let then = next(&Facts { drift: compared, ..facts.clone() });
    let follows = match (facts.drift.stale, facts.drift.rebuilds) {
        (true, false) => Step::Plan,
        (true, true) if still == Step::Rest && facts.beside == Beside::Nothing => Step::Rebuild,
        (true | false, _) => still,
    };
    assert_eq!(then, follows, "{facts:#?}");
    assert!(!facts.suspended && !facts.rhythm.sleeps && facts.withdrawal.is_none());
    let held = facts.applied.as_ref().map(|(digest, _)| digest);
    assert_eq!(held, facts.plan.as_ref().map(|plan| &plan.digest), "it holds its plan");
}

fn only_what_serves_decides_and_only_for_what_is_ready(facts: &Facts, step: &Step) {
    let turns = matches!(step, Step::Rebuild | Step::Switch | Step::Abandon | Step::Compare);
    let whole = matches!(step, Step::Forget(_) | Step::TakePlace | Step::Freeze);
    if facts.part != Part::Serving {
        assert!(!turns && !whole, "{step:?} for {facts:#?}");
        return;
    }
    assert_ne!(*step, Step::Discard);
    if *step == Step::Switch {
        assert_eq!((&facts.beside, &facts.target), (&Beside::Ready, &Target::Living));
    }
    if matches!(step, Step::Forget(_)) {
        assert_eq!(facts.beside, Beside::Nothing, "{step:?} for {facts:#?}");
    }
}

/// Whatever was asked of two namespaces, there is one in the end, or it is said why there are two.
fn a_second_namespace_does_not_stay_without_a_word(facts: &Facts, end: &Facts, step: &Step) {
    if facts.beside == Beside::Nothing || facts.deleting {
        return;
    }
    let Beside::Building { stalled: Some(_), .. } = end.beside else { return };
    if *step == Step::Rest {
        let status = project(end, step, None, &StagingEnvironmentStatus::default());
        assert!(is_true(&status.conditions, ConditionType::Stalled), "{end:#?}");
    }
}

fn a_foreign_namespace_is_neither_used_nor_deleted(facts: &Facts, step: &Step) {
    if let Target::Foreign(_) = facts.target {
        assert!(
            !matches!(step, Step::Teardown(_) | Step::Prepare | Step::Apply { .. } | Step::Sleep),
            "{step:?}"
        );
    }
}
