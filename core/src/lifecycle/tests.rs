//! The edges of the cases that the reference shows: the last moment of a term, the second of two.

use jiff::{SignedDuration, Timestamp};

use super::{
    facts::{Beside, Drift, Facts, Part, Place, Target, Task, Withdrawal, Workload, WorkloadState},
    next,
    sleep::Rhythm,
    step::{Cause, Change, Step},
    table::{ending, fresh, lingering, now, problem, task, through, up},
};
use crate::{
    api::{
        status::{TaskState, Wave},
        task::When,
    },
    plan::{object::Key, task::TaskRole},
};

/// So many seconds from now.
fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn store(name: &str, state: WorkloadState) -> Workload {
    let key = Key { group: "apps".into(), kind: "StatefulSet".into(), name: name.into() };
    Workload { key, store: true, state }
}

#[test]
fn what_was_replaced_runs_on_until_its_time_is_over_or_it_goes_anyway() {
    let step = |seconds, target| {
        let drains_until = Some(after(seconds));
        next(&Facts { part: Part::Leaving, drains_until, target, ..up() })
    };
    assert_eq!(step(1, Target::Living), Step::AwaitDrain);
    assert_eq!(step(0, Target::Living), Step::Teardown(Cause::Replaced));
    assert_eq!(step(1, Target::None), Step::Discard);
}

#[test]
fn what_may_no_longer_be_cloned_is_frozen_until_the_grace_is_over() {
    let step = |seconds| {
        let ends_at = after(seconds);
        let withdrawal = Withdrawal { problem: problem(), ends_at, frozen: false };
        next(&Facts { withdrawal: Some(withdrawal), ..up() })
    };
    assert_eq!(step(1), Step::Freeze);
    assert_eq!(step(0), Step::Teardown(Cause::Withdrawn));
}

#[test]
fn what_has_expired_is_forgotten_once_and_rests_from_then_on() {
    let expired = Facts { expires_at: Some(now()), ..fresh() };
    assert_eq!(next(&expired), Step::Forget(Cause::Expired));
    assert_eq!(next(&Facts { expired: true, ..expired }), Step::RestExpired);
}

#[test]
fn a_place_is_waited_for_as_long_as_it_may() {
    for (until, given_up) in [(None, false), (Some(1), false), (Some(0), true)] {
        let place = Place::Awaited { position: 3, until: until.map(after) };
        let step = next(&Facts { place, ..fresh() });
        assert_eq!(step, Step::RestQueued { position: 3, given_up }, "{until:?}");
    }
}

#[test]
fn what_is_not_there_is_made_whatever_was_noted_of_it() {
    let gone = Facts { target: Target::None, place: Place::Taken, ..up() };
    let bare = Facts { applied: None, ..up() };
    for facts in [gone, bare] {
        assert_eq!(next(&facts), Step::Prepare);
    }
}

#[test]
fn a_task_waits_for_what_it_needs_and_not_for_ever() {
    let step = |needs: &[&str], patience_ends: Option<i64>| {
        let seed = task(TaskRole::Seed(When::BeforeWorkloads), TaskState::Pending);
        let needs = needs.iter().map(|it| (*it).to_owned()).collect();
        let seed = Task { needs, patience_ends: patience_ends.map(after), ..seed };
        let (db, cache) = (WorkloadState::Progressing, WorkloadState::Up);
        let workloads = vec![store("db", db), store("cache", cache)];
        next(&Facts { tasks: vec![seed], workloads, ..through(Wave::Stores) })
    };
    assert_eq!(step(&["cache"], Some(0)), Step::StartTask(0));
    assert_eq!(step(&["cache", "db"], Some(1)), Step::AwaitStores(0));
    assert_eq!(step(&[], Some(1)), Step::AwaitStores(0), "all stores");
    assert_eq!(step(&[], None), Step::AwaitStores(0));
    assert_eq!(step(&[], Some(0)), Step::GiveUp(0));
}

#[test]
fn what_wakes_waits_for_its_stores_and_for_nothing_else() {
    let web = Workload { store: false, ..store("web", WorkloadState::Progressing) };
    let workloads = vec![store("db", WorkloadState::Up), web];
    let facts = Facts { workloads, ..through(Wave::Stores) };
    assert_eq!(next(&facts), Step::Apply { paused: false });
}

#[test]
fn sleep_cuts_off_nothing_that_is_under_way() {
    let rhythm = Rhythm { sleeps: true, changes_at: None };
    let step = |state| {
        let tasks = vec![task(TaskRole::Smoke, state)];
        next(&Facts { rhythm, tasks, ..up() })
    };
    assert_eq!(step(TaskState::Pending), Step::StartTask(0));
    assert_eq!(step(TaskState::Running), Step::AwaitTask(0));
    assert_eq!(step(TaskState::Failed), Step::Begin(Change::Sleep));
}

#[test]
fn custom_resources_are_cleaned_up_after_for_a_minute_at_most() {
    let step = |seconds: i64| next(&lingering(Some(after(-seconds))));
    assert_eq!(step(59), Step::AwaitResources(Cause::Deleted, vec!["Widget w".into()]));
    assert_eq!(step(60), Step::Teardown(Cause::Deleted));
}

#[test]
fn at_the_end_runs_what_is_meant_for_it_and_only_beside_the_plan_that_it_is_part_of() {
    use TaskRole::{PreDelete, Seed};
    use TaskState::{Passed, Pending};
    let starts = |role, state, digest: &str, wave| {
        let tasks = vec![task(role, state)];
        let applied = Some((digest.to_owned(), wave));
        let step = next(&Facts { closed: true, tasks, applied, ..ending() });
        assert!(matches!(step, Step::StartLast(Cause::Deleted, 0) | Step::Teardown(_)), "{step:?}");
        matches!(step, Step::StartLast(..))
    };
    assert!(starts(PreDelete, Pending, "d", Wave::Config));
    assert!(!starts(PreDelete, Pending, "d", Wave::Fence), "what it uses is not there");
    assert!(!starts(PreDelete, Pending, "former", Wave::Workloads));
    assert!(!starts(PreDelete, Passed, "d", Wave::Workloads));
    assert!(!starts(Seed(When::BeforeWorkloads), Pending, "d", Wave::Workloads));
}

#[test]
fn what_is_stuck_beside_makes_way_only_for_what_is_known_to_be_newer() {
    let step = |unseen, made_of: &str| {
        let compared = "now".to_owned();
        let drift = Drift { unseen, stale: true, rebuilds: true, compared, ..Drift::default() };
        let (told, stalled) = (String::new(), Some(problem()));
        let beside = Beside::Building { told, stalled, made_of: made_of.to_owned() };
        next(&Facts { drift, beside, ..up() })
    };
    assert_eq!(step(false, "before"), Step::Abandon);
    assert_eq!(step(false, "now"), Step::Rest);
    assert_eq!(step(true, "before"), Step::Compare, "what production is now is not known");
    assert_eq!(step(false, ""), Step::Rest, "it was made of nothing yet");
}
