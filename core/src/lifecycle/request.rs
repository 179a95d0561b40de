//! Requests: taken up once each, and carried out in the record.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{
    environment::StagingEnvironmentSpec,
    identity::Incarnation,
    rebuild::Rebuild,
    request::{LONGEST, Request, Verb},
    status::{StagingEnvironmentStatus, TargetRole, TaskState, TaskSummary, Wave},
    task::When,
};

use super::rebuild;

/// Takes up what is asked and was not before, into `record`. `asked` gives the value of a request's
/// annotation.
pub fn take_up<'a>(
    asked: impl Fn(Verb) -> Option<&'a str>,
    spec: &StagingEnvironmentSpec,
    class_known: bool,
    record: &mut StagingEnvironmentStatus,
    now: Timestamp,
) {
    for verb in Verb::ALL {
        let Some(value) = asked(verb).map(cut).filter(|it| !it.is_empty()) else { continue };
        if record.requests.iter().any(|it| it.verb == verb && it.value == value) {
            continue;
        }
        let judged = match verb {
            // How long it may live, the class says.
            Verb::Extend if !class_known => Judged::Waits,
            verb => judge(verb, &value, record, now),
        };
        let refused = match judged {
            Judged::Takes => String::new(),
            Judged::Refuses(why) => why,
            Judged::Waits => continue,
        };
        if refused.is_empty() {
            carry_out(verb, spec, record);
        }
        record.requests.retain(|it| it.verb != verb);
        record.requests.push(Request {
            verb,
            value,
            at: Time(now),
            incarnation: record.incarnation.unwrap_or(Incarnation(1)),
            refused,
        });
        record.requests.sort_by_key(|it| it.verb);
    }
}

/// What was asked of this life and taken up.
pub fn taken(record: &StagingEnvironmentStatus) -> impl Iterator<Item = &Request> {
    let life = record.incarnation.unwrap_or(Incarnation(1));
    record.requests.iter().filter(move |it| it.incarnation == life && it.refused.is_empty())
}

/// The end that was asked for in this life.
pub fn extended(record: &StagingEnvironmentStatus) -> Option<Timestamp> {
    taken(record).find(|it| it.verb == Verb::Extend)?.value.parse().ok()
}

/// Whether an environment that has expired is asked to live on: by an extension that was not seen
/// before and lies ahead.
pub fn revives(value: &str, record: &StagingEnvironmentStatus, now: Timestamp) -> bool {
    let value = cut(value);
    let known = record.requests.iter().any(|it| it.verb == Verb::Extend && it.value == value);
    !known && value.parse::<Timestamp>().is_ok_and(|until| until > now)
}

/// The digest that was approved in this life.
pub fn approved(record: &StagingEnvironmentStatus) -> Option<&str> {
    taken(record).find(|it| it.verb == Verb::Approve).map(|it| it.value.as_str())
}

/// Since when tasks are to run again.
pub fn repeated_at(record: &StagingEnvironmentStatus) -> Option<Timestamp> {
    let asked = taken(record).filter(|it| matches!(it.verb, Verb::Retry | Verb::Reseed));
    asked.map(|it| it.at.0).max()
}

enum Judged {
    Takes,
    Refuses(String),
    /// Neither: it may be taken up later.
    Waits,
}

fn judge(verb: Verb, value: &str, record: &StagingEnvironmentStatus, now: Timestamp) -> Judged {
    let refuse = |why: &str| Judged::Refuses(why.to_owned());
    match verb {
        Verb::Extend => match value.parse::<Timestamp>() {
            Ok(until) if until > now => Judged::Takes,
            Ok(_) => {
                refuse("the time asked for is past: «kulisse extend NAME 24h» asks for a later one")
            }
            Err(_) => refuse(
                "it is no time such as 2026-01-31T18:00:00Z: «kulisse extend NAME 24h» writes one",
            ),
        },
        Verb::Retry
            if record.queue.is_none()
                && !record.seed.iter().chain(&record.smoke).any(failed)
                && !rebuild::stalled(record) =>
        {
            refuse(
                "no task of this environment has failed, no rebuild is stuck, and it does not wait for a place",
            )
        }
        Verb::Reseed if record.seed.is_empty() => refuse("this environment has no seeds"),
        // What runs twice at the same time might write twice.
        Verb::Reseed if record.seed.iter().any(|it| it.state == TaskState::Running) => {
            Judged::Waits
        }
        Verb::Sleep | Verb::Wake | Verb::Retry | Verb::Reseed => Judged::Takes,
        // A plan may be approved before it is made; any other digest approves nothing.
        Verb::Approve => {
            let built = record.rebuild.iter().filter_map(|it| it.plan.as_ref());
            let mut plans = record.plan.iter().chain(built);
            if plans.any(|it| it.digest == value) { Judged::Takes } else { Judged::Waits }
        }
    }
}

fn carry_out(verb: Verb, spec: &StagingEnvironmentSpec, record: &mut StagingEnvironmentStatus) {
    match verb {
        Verb::Retry => {
            record.seed.iter_mut().chain(&mut record.smoke).filter(|it| failed(it)).for_each(again);
            if rebuild::stalled(record)
                && let Some(it) = &mut record.rebuild
            {
                retry(it);
            }
        }
        Verb::Reseed => {
            record.seed.iter_mut().for_each(again);
            // Nothing works on the data while it is made anew: workloads pause as at the start.
            let before = spec.seed.iter().any(|it| it.when == When::BeforeWorkloads);
            let life = record.incarnation.unwrap_or(Incarnation(1));
            let own = record.namespaces.iter_mut().filter(|it| it.incarnation == life);
            for target in own.filter(|_| before) {
                if let Some(applied) = &mut target.applied {
                    // What was applied through its configuration would count as asleep, while its
                    // Pods are there.
                    if applied.through != Wave::Config {
                        applied.through = Wave::Fence;
                    }
                }
            }
        }
        Verb::Extend | Verb::Sleep | Verb::Wake | Verb::Approve => {}
    }
}

/// What failed in a namespace that is built is repeated there, be it that it took over; one that is
/// stuck otherwise makes way for another.
fn retry(it: &mut Rebuild) {
    if !it.refused.is_empty() {
        it.refused.clear();
        return;
    }
    let tasks = it.seed.iter_mut().chain(&mut it.smoke);
    let failed: Vec<_> = tasks.filter(|it| failed(it)).collect();
    if failed.is_empty() {
        it.role = TargetRole::Leaving;
    }
    failed.into_iter().for_each(again);
}

fn again(task: &mut TaskSummary) {
    task.state = TaskState::Pending;
    task.discounted = task.attempts;
    task.started_at = None;
    task.took_seconds = None;
    task.message = String::new();
}

fn failed(task: &TaskSummary) -> bool {
    matches!(task.state, TaskState::Failed | TaskState::TimedOut)
}

fn cut(value: &str) -> String {
    value.trim().chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use serde_json::json;

    use super::*;
    use crate::api::status::{Applied, PlanSummary, ProbeVerdict, Queue, Target, TargetRole};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn task(state: TaskState, attempts: u32) -> TaskSummary {
        TaskSummary {
            name: "orders".into(),
            state,
            content: "c".into(),
            incarnation: Incarnation(1),
            started_at: None,
            took_seconds: None,
            attempts,
            discounted: 0,
            message: "exit code 1".into(),
        }
    }

    /// A record of an environment that is up, with a seed that passed and a smoke that failed.
    fn record() -> StagingEnvironmentStatus {
        StagingEnvironmentStatus {
            incarnation: Some(Incarnation(1)),
            plan: Some(PlanSummary { digest: "abc".into(), ..PlanSummary::default() }),
            namespaces: vec![Target {
                name: "stg".into(),
                uid: "n".into(),
                incarnation: Incarnation(1),
                role: TargetRole::Serving,
                probe: ProbeVerdict::Closed,
                probe_message: String::new(),
                applied: Some(Applied {
                    digest: "abc".into(),
                    through: Wave::Workloads,
                    at: Time(at(NOW)),
                }),
            }],
            seed: vec![task(TaskState::Passed, 1)],
            smoke: vec![task(TaskState::Failed, 2)],
            ..StagingEnvironmentStatus::default()
        }
    }

    fn spec() -> StagingEnvironmentSpec {
        let seed = json!([{"name": "orders", "run": {"image": "busybox"}}]);
        serde_json::from_value(json!({"source": {"namespace": "shop"}, "seed": seed})).unwrap()
    }

    fn ask(verb: Verb, value: &str, record: &mut StagingEnvironmentStatus) -> Option<String> {
        take_up(|it| (it == verb).then_some(value), &spec(), true, record, at(NOW));
        let request = record.requests.iter().find(|it| it.verb == verb && it.value == value);
        request.map(|it| it.refused.clone())
    }

    #[test]
    fn an_extension_holds_whatever_becomes_of_its_annotation() {
        let mut record = record();
        assert_eq!(ask(Verb::Extend, "2026-01-02T00:00:00Z", &mut record).as_deref(), Some(""));
        take_up(|_| None, &spec(), true, &mut record, at("2026-01-01T12:00:00Z"));
        assert_eq!(extended(&record), Some(at("2026-01-02T00:00:00Z")));
    }

    #[test]
    fn an_extension_waits_for_a_class_that_is_away() {
        let mut record = record();
        let value = "2026-01-02T00:00:00Z";
        let asked = |it| (it == Verb::Extend).then_some(value);
        take_up(asked, &spec(), false, &mut record, at(NOW));
        assert_eq!(record.requests, vec![], "neither accepted nor refused");
        take_up(asked, &spec(), true, &mut record, at(NOW));
        assert_eq!(extended(&record), Some(at(value)));
    }

    #[test]
    fn seeds_are_not_repeated_beside_one_that_runs() {
        let mut record = record();
        record.seed = vec![task(TaskState::Running, 1)];
        assert_eq!(ask(Verb::Reseed, "now", &mut record), None, "it waits");
        record.seed = vec![task(TaskState::Passed, 1)];
        assert_eq!(ask(Verb::Reseed, "now", &mut record).as_deref(), Some(""));
    }

    #[test]
    fn a_time_that_is_past_or_none_is_refused_with_what_to_type_and_changes_nothing() {
        for value in ["24h", "2025-12-31T00:00:00Z"] {
            let mut record = record();
            assert!(ask(Verb::Extend, value, &mut record).unwrap().contains("kulisse extend"));
            assert_eq!(extended(&record), None);
        }
    }

    #[test]
    fn the_same_value_asks_once() {
        let mut record = record();
        ask(Verb::Retry, "1", &mut record);
        record.smoke[0].state = TaskState::Failed;
        ask(Verb::Retry, "1", &mut record);
        assert_eq!(record.smoke[0].state, TaskState::Failed);
        ask(Verb::Retry, "2", &mut record);
        assert_eq!(record.smoke[0].state, TaskState::Pending);
    }

    #[test]
    fn retry_repeats_what_failed_and_nothing_else() {
        let mut record = record();
        ask(Verb::Retry, "1", &mut record);
        assert_eq!(record.seed[0].state, TaskState::Passed);
        assert_eq!((record.smoke[0].state, record.smoke[0].discounted), (TaskState::Pending, 2));
        record.smoke[0].state = TaskState::Passed;
        assert!(ask(Verb::Retry, "2", &mut record).unwrap().contains("no task"));
    }

    /// The same, with a namespace beside it that is stuck at a task in that state.
    fn rebuilt(state: TaskState, refused: &str) -> StagingEnvironmentStatus {
        let mut record = record();
        record.smoke.clear();
        let mut built = rebuild::begin(&record, at(NOW));
        built.smoke = vec![task(state, 1)];
        built.conditions = vec![crate::api::condition::condition(
            &[],
            crate::api::condition::ConditionType::Stalled,
            crate::api::condition::Verdict::True,
            crate::api::condition::Reason::Failed,
            "a smoke failed",
            1,
            at(NOW),
        )];
        if let Some(it) = &mut built.rebuild {
            it.refused = refused.into();
        }
        rebuild::merge(&mut record, &built);
        record
    }

    #[test]
    fn retry_repeats_what_failed_in_a_rebuild_or_begins_it_anew() {
        let retried = |mut record: StagingEnvironmentStatus| {
            assert_eq!(ask(Verb::Retry, "1", &mut record).as_deref(), Some(""));
            let it = record.rebuild.unwrap();
            (it.role, it.smoke[0].state, it.refused)
        };
        let (building, leaving) = (TargetRole::Building, TargetRole::Leaving);
        let (passed, pending) = (TaskState::Passed, TaskState::Pending);
        let nothing = String::new;
        assert_eq!(retried(rebuilt(TaskState::Failed, "")), (building, pending, nothing()));
        assert_eq!(retried(rebuilt(passed, "")), (leaving, passed, nothing()), "stuck otherwise");
        assert_eq!(retried(rebuilt(passed, "a host")), (building, passed, nothing()));
    }

    #[test]
    fn reseed_runs_seeds_again_with_the_workloads_paused() {
        let mut record = record();
        ask(Verb::Reseed, "1", &mut record);
        assert_eq!((record.seed[0].state, record.seed[0].discounted), (TaskState::Pending, 1));
        let applied = record.namespaces[0].applied.as_ref().unwrap();
        assert_eq!(applied.through, Wave::Fence, "it is not asleep, as its Pods are there");
        assert_eq!(record.smoke[0].state, TaskState::Failed);
    }

    #[test]
    fn what_sleeps_sleeps_on_and_is_seeded_once_it_wakes() {
        let mut record = record();
        if let Some(applied) = &mut record.namespaces[0].applied {
            applied.through = Wave::Config;
        }
        ask(Verb::Reseed, "1", &mut record);
        let applied = record.namespaces[0].applied.as_ref().unwrap();
        assert_eq!((record.seed[0].state, applied.through), (TaskState::Pending, Wave::Config));
    }

    #[test]
    fn only_the_digest_of_the_plan_approves_it() {
        let mut record = record();
        assert_eq!(ask(Verb::Approve, "def", &mut record), None, "it may be made yet");
        assert_eq!(approved(&record), None);
        ask(Verb::Approve, "abc", &mut record);
        assert_eq!(approved(&record), Some("abc"));
    }

    #[test]
    fn what_was_asked_in_one_life_means_nothing_in_the_next() {
        let mut record = record();
        ask(Verb::Sleep, "1", &mut record);
        record.incarnation = Some(Incarnation(2));
        assert_eq!(taken(&record).count(), 0);
        assert_eq!(ask(Verb::Sleep, "1", &mut record).as_deref(), Some(""));
        assert_eq!(taken(&record).count(), 0, "it is still the request of the first life");
    }

    #[test]
    fn of_each_kind_the_last_request_is_kept() {
        let mut record = record();
        ask(Verb::Wake, "1", &mut record);
        ask(Verb::Sleep, "1", &mut record);
        ask(Verb::Sleep, "2", &mut record);
        ask(Verb::Extend, "2026-01-02T00:00:00Z", &mut record);
        let kept: Vec<(Verb, &str)> =
            record.requests.iter().map(|it| (it.verb, it.value.as_str())).collect();
        let extended = (Verb::Extend, "2026-01-02T00:00:00Z");
        assert_eq!(kept, [extended, (Verb::Sleep, "2"), (Verb::Wake, "1")]);
    }

    #[test]
    fn a_time_that_is_just_over_is_past() {
        let refused = |value| ask(Verb::Extend, value, &mut record()).unwrap();
        assert!(refused(NOW).contains("is past"));
        assert_eq!(refused("2026-01-01T00:00:01Z"), "");
    }

    #[test]
    fn only_a_new_extension_that_lies_ahead_gives_another_life() {
        let mut record = record();
        ask(Verb::Extend, "2026-01-02T00:00:00Z", &mut record);
        ask(Verb::Sleep, "2026-01-03T00:00:00Z", &mut record);
        for (value, revives) in [
            ("2026-01-02T00:00:00Z", false),
            (" 2026-01-02T00:00:00Z ", false),
            ("2026-01-03T00:00:00Z", true),
            (" 2026-01-04T00:00:00Z ", true),
            ("2026-01-01T00:00:01Z", true),
            (NOW, false),
            ("24h", false),
        ] {
            assert_eq!(super::revives(value, &record, at(NOW)), revives, "{value:?}");
        }
    }

    #[test]
    fn tasks_were_asked_to_run_again_when_the_last_of_both_ways_was_taken_up() {
        let mut record = record();
        assert_eq!(repeated_at(&record), None);
        let mut ask = |verb: Verb, at: &str| {
            take_up(|it| (it == verb).then_some("1"), &spec(), true, &mut record, self::at(at));
            repeated_at(&record)
        };
        assert_eq!(ask(Verb::Sleep, "2026-01-01T01:00:00Z"), None);
        let reseeded = "2026-01-01T02:00:00Z";
        assert_eq!(ask(Verb::Reseed, reseeded), Some(at(reseeded)));
        let retried = "2026-01-01T03:00:00Z";
        assert_eq!(ask(Verb::Retry, retried), Some(at(retried)));
    }

    #[test]
    fn what_there_is_nothing_of_is_not_run_again() {
        let mut bare = StagingEnvironmentStatus::default();
        assert!(ask(Verb::Reseed, "1", &mut bare).unwrap().contains("has no seeds"));
        assert!(ask(Verb::Retry, "1", &mut bare).unwrap().contains("no task"));
        let since = MicroTime(at(NOW));
        bare.queue = Some(Queue { since, position: 1 });
        assert_eq!(ask(Verb::Retry, "2", &mut bare).as_deref(), Some(""), "it waits once more");
    }
}
