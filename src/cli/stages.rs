//! The stages of an environment, one line each, and its tasks below them. Pure.

use jiff::Timestamp;
use kube::ResourceExt;
use kulisse_core::api::{
    condition::{ConditionType, Reason, find},
    environment::StagingEnvironment,
    status::{StagingEnvironmentStatus, TaskState, TaskSummary},
};

use super::{
    screen::{Mark, Screen},
    text::{cut, filled},
    time::{seconds, span},
    verdict::{mark, standing},
};

/// Stages in the order in which they come.
const STAGES: [(ConditionType, &str); 7] = [
    (ConditionType::Granted, "granted"),
    (ConditionType::Planned, "planned"),
    (ConditionType::BoundaryClean, "boundary"),
    (ConditionType::Applied, "applied"),
    (ConditionType::WorkloadsReady, "workloads"),
    (ConditionType::Seeded, "seed"),
    (ConditionType::SmokePassed, "smoke"),
];

/// Least and most room for the names of stages and tasks.
const NAMES: (usize, usize) = (12, 26);
/// By how much a task stands below its stage.
const TASK: usize = 2;
/// Column of the times.
const TIMES: usize = 7;

/// One line for each stage, and for each task below it.
pub fn stages(
    environment: &StagingEnvironment,
    status: &StagingEnvironmentStatus,
    now: Timestamp,
    screen: Screen,
    width: usize,
) -> Vec<String> {
    let tasks = status.seed.iter().chain(&status.smoke).chain(&status.pre_delete);
    let longest = tasks.map(|it| it.name.chars().count() + TASK + 1).max().unwrap_or_default();
    let names = longest.clamp(NAMES.0, NAMES.1);
    let mut lines = Vec::new();
    let mut goes_on =
        mark(environment) == Mark::Going && environment.metadata.deletion_timestamp.is_none();
    for (kind, name) in STAGES {
        let condition = find(&status.conditions, kind);
        let is = |reason: Reason| condition.is_some_and(|it| it.reason == reason.as_str());
        let standing = condition.map_or(Mark::Open, |it| standing(&it.status, &it.reason));
        // The first that is not reached is the one that is worked on.
        let mark = if goes_on && is(Reason::Pending) { Mark::Going } else { standing };
        let until = (goes_on && mark == Mark::Going).then_some(now);
        goes_on &= standing == Mark::Fine || is(Reason::ProbeSkipped);
        let took = took(environment, status, kind, until).map(span).unwrap_or_default();
        let message = condition.map(|it| it.message.clone()).unwrap_or_default();
        lines.extend(line_of((1, names), mark, name, &took, &message, screen, width));
        let tasks = match kind {
            ConditionType::Seeded => &status.seed[..],
            ConditionType::SmokePassed => &status.smoke[..],
            _ => &[],
        };
        lines.extend(tasks.iter().flat_map(|it| task(it, names, screen, width)));
    }
    // No condition speaks of these: nothing waits for them.
    let last = &status.pre_delete;
    if let Some(state) = last.iter().map(|it| it.state).max_by_key(|it| concern(*it)) {
        lines.extend(line_of((1, names), mark_of(state), "preDelete", "", "", screen, width));
    }
    lines.extend(last.iter().flat_map(|it| task(it, names, screen, width)));
    lines
}

/// What a person looks at first.
fn concern(state: TaskState) -> u8 {
    match state {
        TaskState::Passed => 0,
        TaskState::Pending => 1,
        TaskState::Running => 2,
        TaskState::Failed | TaskState::TimedOut => 3,
    }
}

fn mark_of(state: TaskState) -> Mark {
    match state {
        TaskState::Passed => Mark::Fine,
        TaskState::Failed | TaskState::TimedOut => Mark::Wrong,
        TaskState::Running => Mark::Going,
        TaskState::Pending => Mark::Open,
    }
}

fn task(task: &TaskSummary, names: usize, screen: Screen, width: usize) -> Vec<String> {
    let mark = mark_of(task.state);
    let took = task.took_seconds.map(|it| span(i64::from(it))).unwrap_or_default();
    line_of((1 + TASK, names - TASK), mark, &task.name, &took, &task.message, screen, width)
}

/// How many lines a stage has: the first cause of trouble stands above, with all its words.
const LINES: usize = 2;

/// A mark, a name, a time and a text that goes on below where there is no room.
fn line_of(
    (indent, names): (usize, usize),
    mark: Mark,
    name: &str,
    took: &str,
    text: &str,
    screen: Screen,
    width: usize,
) -> Vec<String> {
    let column = indent + screen.glyph() + 1 + names + TIMES + 2;
    let room = width.saturating_sub(column);
    let mut texts = filled(text.split_whitespace(), room);
    if texts.len() > LINES {
        texts.truncate(LINES);
        if let Some(last) = texts.last_mut() {
            *last = cut(&format!("{last} …"), room);
        }
    }
    let mut texts = texts.into_iter();
    let first = format!(
        "{:indent$}{} {name:<names$}{}  {}",
        "",
        screen.mark(mark),
        screen.faint(&format!("{took:>TIMES$}")),
        texts.next().unwrap_or_default()
    );
    let rest = texts.map(|it| " ".repeat(column) + &it);
    std::iter::once(first.trim_end().to_owned()).chain(rest).collect()
}

/// How many seconds passed between the stage before it and this one, or `until` now where it is not
/// reached yet.
fn took(
    environment: &StagingEnvironment,
    status: &StagingEnvironmentStatus,
    stage: ConditionType,
    until: Option<Timestamp>,
) -> Option<i64> {
    /// A longer one was no stage: something was lost and came back.
    const LONGEST: i64 = 3600;
    let reached = |kind: ConditionType| {
        let it = find(&status.conditions, kind)?;
        let counts = it.status == "True" && it.reason != Reason::NotRequested.as_str();
        counts.then_some(it.last_transition_time.0)
    };
    let at = reached(stage).or(until)?;
    let begun = [
        environment.creation_timestamp().map(|it| it.0),
        status.started_at.as_ref().map(|it| it.0),
    ];
    // Who was woken, or asked to go on, was not at a stage before.
    let asked = status.requests.iter().filter(|it| it.refused.is_empty()).map(|it| it.at.0);
    let others =
        STAGES.iter().take_while(|(kind, _)| *kind != stage).filter_map(|it| reached(it.0));
    let later =
        STAGES.iter().skip_while(|(kind, _)| *kind != stage).skip(1).filter_map(|it| reached(it.0));
    // Of two that were reached in the same second the first has the time.
    let same = others.clone().any(|it| it == at);
    let begun = begun.into_iter().flatten().chain(asked);
    let before = others.chain(later.filter(|it| *it < at)).chain(begun);
    let before = before.filter(|it| *it <= at).max()?;
    let seconds = seconds(before, at);
    (!same && (1..=LONGEST).contains(&seconds)).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::{super::shown::recorded, *};

    #[test]
    fn a_stage_that_was_lost_and_came_back_days_later_has_no_time() {
        let mut it = recorded("ready");
        let stage = ConditionType::WorkloadsReady;
        assert!(took(&it, it.status.as_ref().unwrap(), stage, None).is_some());
        for condition in &mut it.status.as_mut().unwrap().conditions {
            if condition.type_ == "WorkloadsReady" {
                condition.last_transition_time.0 = "2026-11-24T00:00:00Z".parse().unwrap();
            }
        }
        assert_eq!(took(&it, it.status.as_ref().unwrap(), stage, None), None);
        // It was woken right before.
        it.status.as_mut().unwrap().requests = serde_json::from_value(serde_json::json!([{
            "verb": "Wake", "value": "now", "at": "2026-11-23T23:59:50Z", "incarnation": 1
        }]))
        .unwrap();
        assert_eq!(took(&it, it.status.as_ref().unwrap(), stage, None), Some(10));
    }
}
