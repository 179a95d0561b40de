//! How a task stands: at most one run per content, and a lost Pod is a failure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::readiness::Attempt;
use crate::{
    api::{
        identity::{Incarnation, digest_word},
        status::{StagingEnvironmentStatus, TaskState, TaskSummary},
        task::When,
    },
    plan::task::{PlannedTask, TaskRole},
};

/// A seed whose turn does not matter any more.
pub const SEED: TaskRole = TaskRole::Seed(When::BeforeWorkloads);
/// A smoke.
pub const SMOKE: TaskRole = TaskRole::Smoke;

/// What runs at the end is waited for so much longer than it may take: its Job is to end it.
const LATE: SignedDuration = SignedDuration::from_mins(1);
/// So often in a row a passing trouble is tried again, however late it is: an operator may have been away.
const TRIES: u32 = 3;
/// What was made so long ago must have been seen by the watch.
pub(super) const SEEN_WITHIN: SignedDuration = SignedDuration::from_secs(20);

/// How a task stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How it stands.
    pub state: TaskState,
    /// Attempts made.
    pub attempts: u32,
    /// The last attempt, if its Job was seen.
    pub last: Option<Attempt>,
    /// What is known of its failure.
    pub message: String,
}

/// What a run is told apart by: a seed runs once per content, a smoke once per content and plan.
pub fn run_id(task: &PlannedTask, plan_digest: &str) -> String {
    match task.role {
        TaskRole::Seed(_) | TaskRole::PreDelete => digest_word(&[&task.content], 12),
        TaskRole::Smoke => digest_word(&[&task.content, plan_digest], 12),
    }
}

/// The tasks of a role, as they are recorded.
pub fn recorded(role: TaskRole, record: &StagingEnvironmentStatus) -> &Vec<TaskSummary> {
    match role {
        TaskRole::Seed(_) => &record.seed,
        TaskRole::Smoke => &record.smoke,
        TaskRole::PreDelete => &record.pre_delete,
    }
}

/// The same, to change them.
pub fn recorded_mut(
    role: TaskRole,
    record: &mut StagingEnvironmentStatus,
) -> &mut Vec<TaskSummary> {
    match role {
        TaskRole::Seed(_) => &mut record.seed,
        TaskRole::Smoke => &mut record.smoke,
        TaskRole::PreDelete => &mut record.pre_delete,
    }
}

/// When a recorded run was over.
pub fn ended(recorded: &TaskSummary) -> Option<Timestamp> {
    let took = SignedDuration::from_secs(i64::from(recorded.took_seconds?));
    recorded.started_at.as_ref()?.0.checked_add(took).ok()
}

/// Until when a task may wait for the stores it needs. `turn`: when what comes before it was over.
pub fn patience_ends(turn: Timestamp, task: &PlannedTask) -> Option<Timestamp> {
    turn.checked_add(SignedDuration::from_secs(i64::from(task.timeout_seconds))).ok()
}

/// The attempt that was started long enough ago to have been seen, and was not: whether its Job is
/// gone must be asked, since a watch may be behind.
pub fn doubtful(
    recorded: Option<&TaskSummary>,
    jobs: &BTreeMap<u32, Attempt>,
    now: Timestamp,
) -> Option<u32> {
    let it = recorded.filter(|it| it.state == TaskState::Running)?;
    let started = it.started_at.as_ref()?.0;
    let unseen = jobs.last_key_value().is_none_or(|(number, _)| *number < it.attempts);
    (unseen && now.duration_since(started) > SEEN_WITHIN).then_some(it.attempts)
}

/// How the run `run` of a task stands. One of the end that goes on and on is not waited for.
pub fn run(
    task: &PlannedTask,
    run: &str,
    incarnation: Incarnation,
    recorded: Option<&TaskSummary>,
    jobs: &BTreeMap<u32, Attempt>,
    now: Timestamp,
) -> Run {
    let stands = by_jobs(task, run, incarnation, recorded, jobs, now);
    let started = recorded.and_then(|it| it.started_at.as_ref()).map(|it| it.0);
    let most = SignedDuration::from_secs(i64::from(task.timeout_seconds)) + LATE;
    let late = started.is_some_and(|at| now.duration_since(at) > most);
    if task.role == TaskRole::PreDelete && stands.state == TaskState::Running && late {
        let message = "its Job was not ended in time".to_owned();
        return Run { state: TaskState::TimedOut, message, ..stands };
    }
    stands
}

/// Whether a task of the end has failed, to whose Job the server answered with `code`, or 0 for nobody: its own
/// troubles pass, and are waited for as long as the task may take since its turn came; `tries` have failed in a
/// row, of this operator.
pub fn is_refused(
    task: &PlannedTask,
    code: u16,
    tries: u32,
    since: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let most = SignedDuration::from_secs(i64::from(task.timeout_seconds));
    match code {
        0 | 429 | 500.. => tries >= TRIES && since.is_some_and(|at| now.duration_since(at) > most),
        _ => true,
    }
}

/// How the run `run` of a task stands, by what was recorded and by its Jobs.
///
/// A verdict that was recorded holds until it is asked to run again: attempts before that do not
/// count. A Job that was started and is not there any more is a failure: whether it did its work
/// cannot be known, and it is not repeated silently.
fn by_jobs(
    task: &PlannedTask,
    run: &str,
    incarnation: Incarnation,
    recorded: Option<&TaskSummary>,
    jobs: &BTreeMap<u32, Attempt>,
    now: Timestamp,
) -> Run {
    let recorded = recorded.filter(|it| it.content == run && it.incarnation == incarnation);
    if let Some(it) = recorded.filter(|it| over(it.state)) {
        return Run {
            state: it.state,
            attempts: it.attempts,
            last: None,
            message: it.message.clone(),
        };
    }
    let made = recorded.map_or(0, |it| it.attempts);
    let discounted = recorded.map_or(0, |it| it.discounted);
    let counts = |number: u32| number > discounted && number >= made;
    // A watch that is behind shows an older attempt: it says nothing about the one that was made.
    if let Some((number, last)) = jobs.last_key_value().filter(|(number, _)| counts(**number)) {
        let retried = *number - discounted <= task.retries;
        let again = over(last.state) && last.state != TaskState::Passed && retried;
        return Run {
            state: if again { TaskState::Pending } else { last.state },
            attempts: made.max(*number),
            last: Some(last.clone()),
            message: String::new(),
        };
    }
    let started = recorded.and_then(|it| it.started_at.as_ref()).map(|time| time.0);
    let lost = started.is_some_and(|at| now.duration_since(at) > SEEN_WITHIN);
    let (state, message) = match (made - discounted.min(made), lost) {
        (0, _) => (TaskState::Pending, String::new()),
        (_, false) => (TaskState::Running, String::new()),
        (_, true) => (
            TaskState::Failed,
            "its Job is gone, so whether it did its work is not known: it is not repeated by itself"
                .to_owned(),
        ),
    };
    Run { state, attempts: made, last: None, message }
}

fn over(state: TaskState) -> bool {
    match state {
        TaskState::Passed | TaskState::Failed | TaskState::TimedOut => true,
        TaskState::Pending | TaskState::Running => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;
    use crate::plan::{object::Object, task::Work};

    const LIFE: Incarnation = Incarnation(1);

    fn seed(retries: u32) -> PlannedTask {
        PlannedTask {
            name: "orders".into(),
            role: SEED,
            job_name: None,
            needs: vec![],
            timeout_seconds: 60,
            retries,
            content: "abc".into(),
            work: Work::Job(Object::made("batch/v1", "Job", "x", json!({}))),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn summary(run: &str, state: TaskState, attempts: u32) -> TaskSummary {
        TaskSummary {
            name: "orders".into(),
            state,
            content: run.into(),
            incarnation: LIFE,
            started_at: Some(Time(at("2026-01-01T00:00:00Z"))),
            took_seconds: None,
            attempts,
            discounted: 0,
            message: String::new(),
        }
    }

    fn job(state: TaskState) -> Attempt {
        Attempt { number: 1, state, started: None, ended: None }
    }

    fn stands(
        retries: u32,
        recorded: Option<&TaskSummary>,
        jobs: &[(u32, TaskState)],
        now: &str,
    ) -> TaskState {
        let jobs = jobs.iter().map(|(number, state)| (*number, job(*state))).collect();
        run(&seed(retries), "run", LIFE, recorded, &jobs, at(now)).state
    }

    #[test]
    fn a_verdict_holds_whatever_becomes_of_the_job() {
        let passed = summary("run", TaskState::Passed, 1);
        assert_eq!(stands(0, Some(&passed), &[], "2026-02-01T00:00:00Z"), TaskState::Passed);
    }

    #[test]
    fn a_task_of_the_end_is_not_waited_for_for_ever() {
        let started = summary("run", TaskState::Running, 1);
        let task = PlannedTask { role: TaskRole::PreDelete, ..seed(0) };
        let jobs = BTreeMap::from([(1, job(TaskState::Running))]);
        let state = |now| run(&task, "run", LIFE, Some(&started), &jobs, at(now)).state;
        assert_eq!(state("2026-01-01T00:01:59Z"), TaskState::Running);
        assert_eq!(state("2026-01-01T00:02:01Z"), TaskState::TimedOut);
    }

    #[test]
    fn trouble_of_the_servers_own_fails_no_task_of_the_end_before_its_time_is_over() {
        let began = Some(at("2026-01-01T00:00:00Z"));
        let after = |tries, code, now| is_refused(&seed(0), code, tries, began, at(now));
        let failed = |code, now| after(TRIES, code, now);
        for code in [400, 403, 404, 409, 422] {
            assert!(failed(code, "2026-01-01T00:00:01Z"), "{code} does not pass");
        }
        // 0: nobody has answered, as where a webhook takes longer than we wait.
        for code in [0, 429, 500, 503, 504] {
            assert!(!failed(code, "2026-01-01T00:01:00Z"), "{code} is tried again");
            assert!(failed(code, "2026-01-01T00:01:01Z"), "{code} holds nothing up for ever");
            assert!(!after(TRIES - 1, code, "2026-01-01T00:01:01Z"), "{code} may pass at once");
        }
    }

    #[test]
    fn another_content_runs_again() {
        let passed = summary("other", TaskState::Passed, 1);
        assert_eq!(stands(0, Some(&passed), &[], "2026-02-01T00:00:00Z"), TaskState::Pending);
    }

    #[test]
    fn a_job_that_vanished_is_a_failure_and_not_a_second_run() {
        let running = summary("run", TaskState::Running, 1);
        assert_eq!(stands(3, Some(&running), &[], "2026-01-01T00:00:05Z"), TaskState::Running);
        assert_eq!(stands(3, Some(&running), &[], "2026-01-01T00:01:00Z"), TaskState::Failed);
    }

    #[test]
    fn a_job_that_was_not_seen_for_long_is_asked_for() {
        let second = summary("run", TaskState::Running, 2);
        let first = BTreeMap::from([(1, job(TaskState::Failed))]);
        let both = BTreeMap::from([(1, job(TaskState::Failed)), (2, job(TaskState::Running))]);
        let (soon, late) = (at("2026-01-01T00:00:05Z"), at("2026-01-01T00:01:00Z"));
        assert_eq!(doubtful(Some(&second), &first, soon), None);
        assert_eq!(doubtful(Some(&second), &first, late), Some(2));
        assert_eq!(doubtful(Some(&second), &both, late), None);
        assert_eq!(doubtful(Some(&summary("run", TaskState::Passed, 1)), &first, late), None);
    }

    #[test]
    fn a_task_waits_for_its_stores_from_its_turn() {
        let mut first = summary("run", TaskState::Passed, 1);
        first.took_seconds = Some(720);
        let turn = ended(&first).unwrap();
        assert_eq!(patience_ends(turn, &seed(0)), Some(at("2026-01-01T00:13:00Z")));
    }

    #[test]
    fn a_job_that_was_never_recorded_counts_all_the_same() {
        assert_eq!(
            stands(0, None, &[(1, TaskState::Running)], "2026-01-01T00:00:00Z"),
            TaskState::Running
        );
    }

    #[test]
    fn a_watch_that_is_behind_starts_no_third_attempt_beside_the_second() {
        let second = summary("run", TaskState::Running, 2);
        let jobs = [(1, TaskState::Failed)];
        assert_eq!(stands(1, Some(&second), &jobs, "2026-01-01T00:00:05Z"), TaskState::Running);
    }

    #[test]
    fn what_is_asked_to_run_again_runs_as_if_it_were_new() {
        let now = "2026-02-01T00:00:00Z";
        let asked = TaskSummary {
            discounted: 2,
            started_at: None,
            ..summary("run", TaskState::Pending, 2)
        };
        let (failed, passed) = (TaskState::Failed, TaskState::Passed);
        assert_eq!(stands(0, Some(&asked), &[(1, failed), (2, passed)], now), TaskState::Pending);
        assert_eq!(stands(0, Some(&asked), &[], now), TaskState::Pending, "its Jobs are gone");
        assert_eq!(stands(0, Some(&asked), &[(2, failed), (3, failed)], now), failed);
        assert_eq!(stands(1, Some(&asked), &[(3, failed)], now), TaskState::Pending);
        let third = TaskSummary {
            discounted: 2,
            started_at: Some(Time(at("2026-01-01T00:00:00Z"))),
            ..summary("run", TaskState::Running, 3)
        };
        assert_eq!(stands(0, Some(&third), &[(2, passed)], now), failed, "its Job is gone");
    }

    #[test]
    fn a_failed_attempt_is_repeated_as_often_as_asked() {
        let now = "2026-01-01T00:00:00Z";
        assert_eq!(stands(1, None, &[(1, TaskState::Failed)], now), TaskState::Pending);
        assert_eq!(
            stands(1, None, &[(1, TaskState::Failed), (2, TaskState::Failed)], now),
            TaskState::Failed
        );
        assert_eq!(
            stands(1, None, &[(1, TaskState::Failed), (2, TaskState::Passed)], now),
            TaskState::Passed
        );
    }

    #[test]
    fn a_seed_runs_once_per_content_and_a_smoke_once_per_plan_too() {
        let of = |role, content: &str, plan: &str| {
            run_id(&PlannedTask { role, content: content.into(), ..seed(0) }, plan)
        };
        for role in [SEED, TaskRole::PreDelete] {
            assert_eq!(of(role, "abc", "d"), of(role, "abc", "e"));
            assert_ne!(of(role, "abc", "d"), of(role, "xyz", "d"));
        }
        assert_ne!(of(SMOKE, "abc", "d"), of(SMOKE, "abc", "e"));
        assert_ne!(of(SMOKE, "abc", "d"), of(SMOKE, "xyz", "d"));
    }

    #[test]
    fn the_tasks_of_each_role_are_recorded_apart() {
        let of =
            |name: &str| TaskSummary { name: name.into(), ..summary("run", TaskState::Passed, 1) };
        let mut record = StagingEnvironmentStatus {
            seed: vec![of("seed")],
            smoke: vec![of("smoke")],
            pre_delete: vec![of("preDelete")],
            ..StagingEnvironmentStatus::default()
        };
        for role in [SEED, SMOKE, TaskRole::PreDelete] {
            recorded_mut(role, &mut record).push(of("another"));
            let names: Vec<&str> =
                recorded(role, &record).iter().map(|it| it.name.as_str()).collect();
            assert_eq!(names, [role.list(), "another"]);
        }
    }

    #[test]
    fn nobody_is_late_at_the_last_moment() {
        let it = summary("run", TaskState::Running, 1);
        let none = BTreeMap::new();
        let (last, over) = (at("2026-01-01T00:00:20Z"), at("2026-01-01T00:00:20.001Z"));
        assert_eq!(
            (doubtful(Some(&it), &none, last), doubtful(Some(&it), &none, over)),
            (None, Some(1))
        );
        let state = |now| run(&seed(0), "run", LIFE, Some(&it), &none, now).state;
        assert_eq!((state(last), state(over)), (TaskState::Running, TaskState::Failed));

        let task = PlannedTask { role: TaskRole::PreDelete, ..seed(0) };
        let jobs = BTreeMap::from([(1, job(TaskState::Running))]);
        let ends = |now| run(&task, "run", LIFE, Some(&it), &jobs, at(now));
        assert_eq!(ends("2026-01-01T00:02:00Z").state, TaskState::Running);
        let ended = ends("2026-01-01T00:02:00.001Z");
        assert_eq!((ended.state, ended.attempts), (TaskState::TimedOut, 1));
        assert_eq!(ended.message, "its Job was not ended in time");
    }
}
