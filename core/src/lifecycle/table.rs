//! The lifecycle as people read it: cases in the order in which they are looked at, each with the step
//! that the code answers. `BLESS=1` writes it into `docs/reference/lifecycle.md`.

use std::{fmt::Write, fs, path::Path};

use jiff::{SignedDuration, Timestamp};

use super::{
    facts::{
        Beside, Drift, Facts, Lingering, Part, Place, PlanFacts, Probe, Problem, Target, Task,
        Withdrawal, Workload, WorkloadState,
    },
    next,
    sleep::Rhythm,
    step::Step,
};
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

pub(super) fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

pub(super) fn problem() -> Problem {
    Problem::new(Reason::SourceNotGranted, "a problem")
}

pub(super) fn task(role: TaskRole, state: TaskState) -> Task {
    let message = String::new();
    Task { name: "t".into(), role, needs: vec![], patience_ends: None, state, message }
}

/// An environment that was just applied: everything not said otherwise is as here.
pub(super) fn fresh() -> Facts {
    Facts {
        now: now(),
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
        target: Target::None,
        leaving_since: None,
        closed: false,
        lingering: None,
        plan: Some(PlanFacts {
            generation: 1,
            digest: "d".into(),
            planned_at: now(),
            blocked: None,
            copied: vec![],
            warned: 0,
        }),
        probe: Probe::Due,
        withdrawal: None,
        place: Place::Unasked,
        rhythm: Rhythm::default(),
        restless: false,
        promised: false,
        unapproved: false,
        warns_only: false,
        applied: None,
        applied_at: None,
        workloads: vec![],
        tasks: vec![],
        drift: Drift::default(),
        blind: None,
        part: Part::Serving,
        beside: Beside::Nothing,
        drains_until: None,
        looks_at: None,
    }
}

/// One that is up.
pub(super) fn up() -> Facts {
    Facts {
        target: Target::Living,
        probe: Probe::Closed(String::new()),
        applied: Some(("d".into(), Wave::Workloads)),
        ..fresh()
    }
}

fn leaving(only_rights: bool) -> Target {
    Target::Leaving { only_rights, blocked_by: vec![] }
}

fn withdrawn(frozen: bool) -> Facts {
    let withdrawal = Withdrawal { problem: problem(), ends_at: Timestamp::MAX, frozen };
    Facts { withdrawal: Some(withdrawal), ..up() }
}

pub(super) fn through(wave: Wave) -> Facts {
    Facts { applied: Some(("d".into(), wave)), ..up() }
}

fn workload(state: WorkloadState) -> Vec<Workload> {
    let key = Key { group: "apps".into(), kind: "StatefulSet".into(), name: "db".into() };
    vec![Workload { key, store: true, state }]
}

pub(super) fn lingering(since: Option<Timestamp>) -> Facts {
    let lingering = Lingering { names: vec!["Widget w".into()], since };
    Facts { closed: true, lingering: Some(lingering), ..ending() }
}

pub(super) fn ending() -> Facts {
    Facts { deleting: true, ..up() }
}

/// What people are told of a case, and its facts.
type Case = (&'static str, Facts);

/// How it ends.
fn ends() -> Vec<Case> {
    use TaskState::{Pending, Running};
    let last = |state| Facts { tasks: vec![task(TaskRole::PreDelete, state)], ..ending() };
    vec![
        (
            "it is deleted, has expired, or its withdrawal's grace is over; and there is something to let go of",
            last(Pending),
        ),
        (
            "— the status says so, and a task of `preDelete` is not over",
            Facts { closed: true, ..last(Pending) },
        ),
        ("— that task runs", Facts { closed: true, ..last(Running) }),
        ("— that is over, and custom resources have finalizers", lingering(None)),
        ("— they are being deleted, for less than a minute", lingering(Some(now()))),
        ("— there is nothing to let go of", ending()),
        ("— the target goes", Facts { target: leaving(false), ..ending() }),
        (
            "— nothing is left in it but the operator's rights",
            Facts { target: leaving(true), ..ending() },
        ),
        ("— the target is gone", Facts { target: Target::None, ..ending() }),
        (
            "— and another namespace of the environment is not",
            Facts { target: Target::None, beside: Beside::Leaving(None), ..ending() },
        ),
        (
            "— and it was the other one",
            Facts { target: Target::None, part: Part::Building, ..ending() },
        ),
        (
            "it is deleted, and the operator's finalizer is off",
            Facts { deleting: true, claimed: false, ..fresh() },
        ),
        ("it has expired, and nothing is left", Facts { expired: true, ..fresh() }),
        (
            "— and it is not to be kept",
            Facts { expired: true, on_expiry: OnExpiry::Delete, ..fresh() },
        ),
        (
            "the source may no longer be cloned, and the status does not say so yet",
            Facts { promised: true, ..withdrawn(false) },
        ),
        ("— it does", withdrawn(false)),
        ("— nothing of it runs any more", withdrawn(true)),
    ]
}

/// How it comes to be, and is.
fn lives() -> Vec<Case> {
    use TaskRole::{Seed, Smoke};
    use TaskState::{Failed, Passed, Pending, Running};
    let awaited = Place::Awaited { position: 1, until: None };
    let asleep = Rhythm { sleeps: true, changes_at: None };
    let seed = |state, wave| Facts {
        tasks: vec![task(Seed(When::BeforeWorkloads), state)],
        ..through(wave)
    };
    let smokes = |states: &[TaskState]| Facts {
        tasks: states.iter().map(|state| task(Smoke, *state)).collect(),
        ..up()
    };
    let smoke = |state| smokes(&[state]);
    let mut stale = up();
    if let Some(plan) = &mut stale.plan {
        plan.generation = 0;
    }
    let mut blocked = fresh();
    if let Some(plan) = &mut blocked.plan {
        plan.blocked = Some((problem(), 1));
    }
    let progressing = || workload(WorkloadState::Progressing);
    vec![
        ("an end has begun, and what asked for it was taken back", Facts { closed: true, ..up() }),
        (
            "the target goes, and nobody asked the operator",
            Facts { target: leaving(false), ..up() },
        ),
        ("`spec.suspend`", Facts { suspended: true, ..up() }),
        (
            "a namespace of the target's name is somebody else's",
            Facts { target: Target::Foreign("stg".into()), ..fresh() },
        ),
        (
            "the grant, the class or the spec forbids it, and there is no target",
            Facts { refusal: Some(problem()), ..fresh() },
        ),
        (
            "the operator's own account is not fenced, and the step would create something",
            Facts { unfenced: Some(problem()), ..through(Wave::Fence) },
        ),
        ("the operator's finalizer is not on", Facts { claimed: false, ..fresh() }),
        ("there is no plan for this generation", stale),
        ("the plan leads back to production", blocked.clone()),
        ("— since five minutes", later(blocked)),
        ("the plan waits to be approved", Facts { unapproved: true, ..fresh() }),
        ("there is no target, and no place was asked for", fresh()),
        ("— it waits for a place", Facts { place: awaited, ..fresh() }),
        ("— it has one", Facts { place: Place::Taken, ..fresh() }),
        (
            "the target is there, and the fence was not shown to stand",
            Facts { probe: Probe::Due, ..through(Wave::Fence) },
        ),
        ("— the probe runs", Facts { probe: Probe::Running(None), ..up() }),
        ("— it failed", Facts { probe: Probe::Failed(problem()), ..up() }),
        ("it is to sleep, and sleeps", Facts { rhythm: asleep, ..through(Wave::Config) }),
        (
            "— not all of its workloads do yet, or one was not let",
            Facts { rhythm: asleep, restless: true, ..through(Wave::Config) },
        ),
        ("it is to wake", through(Wave::Config)),
        ("a seed comes before the workloads", seed(Pending, Wave::Fence)),
        ("— its stores are up", seed(Pending, Wave::Stores)),
        ("— they are not", Facts { workloads: progressing(), ..seed(Pending, Wave::Stores) }),
        ("— it runs", seed(Running, Wave::Stores)),
        ("— it failed", seed(Failed, Wave::Stores)),
        ("— all of them passed", seed(Passed, Wave::Stores)),
        (
            "it wakes, and its stores are on their way",
            Facts { workloads: progressing(), ..through(Wave::Stores) },
        ),
        ("the workloads are on their way", Facts { workloads: progressing(), ..up() }),
        ("a smoke is not over", smoke(Pending)),
        ("— it runs", smoke(Running)),
        ("— it runs, and another does not yet", smokes(&[Running, Pending])),
        (
            "— four of them run, and another does not yet",
            smokes(&[Running, Running, Running, Running, Pending]),
        ),
        ("— all are over, and one failed", smoke(Failed)),
        ("it is to sleep, and nothing is under way", Facts { rhythm: asleep, ..up() }),
        (
            "somebody has changed a workload in the target since it was compared",
            Facts { drift: Drift { touched: true, ..Drift::default() }, ..up() },
        ),
        (
            "production has moved on since it was compared",
            Facts { drift: Drift { unseen: true, ..Drift::default() }, ..up() },
        ),
        (
            "— they were compared, and `spec.drift.action` is `Resync`",
            Facts { drift: Drift { stale: true, ..Drift::default() }, ..up() },
        ),
        ("— it was compared, and `spec.drift.action` is `Rebuild`", moved(Beside::Nothing)),
        ("— that is built", moved(building())),
        ("everything is as it should be", up()),
    ]
}

/// What is told before it is done.
fn changes() -> Vec<Case> {
    let sleeping = Facts { promised: true, ..through(Wave::Config) };
    let applied = |digest: &str| Facts { applied: Some((digest.into(), Wave::Workloads)), ..up() };
    vec![
        ("the target holds another plan", applied("old")),
        ("— which the status does not say any more", applied("")),
        ("it is to wake, and the status says that it sleeps", sleeping),
        ("— it was planned anew while it slept", slept("old")),
        ("— which the status says", slept("")),
    ]
}

/// The same, so much later that what was planned then is old.
fn later(facts: Facts) -> Facts {
    Facts { now: facts.now + SignedDuration::from_mins(5), ..facts }
}

/// One that sleeps, and fell asleep with the plan of that digest.
fn slept(with: &str) -> Facts {
    Facts { applied: Some((with.into(), Wave::Config)), ..up() }
}

#[test]
fn what_wakes_starts_its_stores_first_whichever_plan_it_fell_asleep_with() {
    for facts in [slept("d"), slept("")] {
        assert_eq!(next(&facts), Step::Apply { paused: true });
    }
}

#[test]
fn what_serves_does_not_follow_production_while_our_account_is_not_fenced_and_can_be_used() {
    for beside in [Beside::Nothing, Beside::Ready] {
        let facts = Facts { unfenced: Some(problem()), ..moved(beside) };
        assert_eq!(next(&facts), Step::Rest);
    }
    let resync = Drift { stale: true, ..Drift::default() };
    let facts = Facts { unfenced: Some(problem()), drift: resync, ..up() };
    assert_eq!(next(&facts), Step::Rest);
    let new = Facts { unfenced: Some(problem()), generation: 2, ..up() };
    assert_eq!(next(&new), Step::Refuse(problem()));
}

#[test]
fn a_living_environment_whose_plan_is_blocked_is_planned_again_in_time() {
    let mut facts = up();
    if let Some(plan) = &mut facts.plan {
        plan.blocked = Some((problem(), 1));
    }
    assert!(matches!(next(&facts), Step::RestBlocked(..)));
    assert_eq!(next(&later(facts)), Step::Plan);
}

/// One that is up while production has moved on and a namespace of it is to take its place.
fn moved(beside: Beside) -> Facts {
    let drift = Drift { stale: true, rebuilds: true, ..Drift::default() };
    Facts { drift, beside, ..up() }
}

fn building() -> Beside {
    Beside::Building { told: String::new(), stalled: None, made_of: String::new() }
}

/// What becomes of two namespaces of one environment.
fn turns() -> Vec<Case> {
    let stalled = Beside::Building {
        told: String::new(),
        stalled: Some(problem()),
        made_of: "another state".into(),
    };
    let same = Drift { rebuilds: true, same: true, ..Drift::default() };
    let drains = Facts { part: Part::Leaving, drains_until: Some(Timestamp::MAX), ..up() };
    vec![
        ("what was built beside it is ready", moved(Beside::Ready)),
        (
            "— `spec.drift.action` is another by now, or production is again what it was",
            Facts { drift: same, ..moved(Beside::Ready) },
        ),
        ("what is built beside it is stuck, and production has moved on further", moved(stalled)),
        ("another one has taken its place, a moment ago", drains),
        ("— some seconds ago", Facts { part: Part::Leaving, ..up() }),
    ]
}

fn table() -> String {
    let mut text = "| case | step |\n|---|---|\n".to_owned();
    for (told, facts) in ends().into_iter().chain(turns()).chain(lives()).chain(changes()) {
        let step = next(&facts);
        let waits = if step.waits() { "" } else { " ►" };
        let _ = writeln!(text, "| {told} | `{}`{waits} |", step.name());
    }
    text
}

#[test]
fn the_reference_shows_the_lifecycle_as_the_code_has_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/lifecycle.md");
    let (begin, end) = ("<!-- steps -->\n", "<!-- /steps -->");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let wanted = format!("{before}{begin}{}{end}{after}", table());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    assert!(text == wanted || std::env::var_os("BLESS").is_some(), "run it with BLESS=1");
}
