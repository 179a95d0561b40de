//! `kulisse status`

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use futures::TryStreamExt;
use jiff::Timestamp;
use kube::{
    ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use kulisse_core::api::{
    condition::{ConditionType, Reason, find},
    environment::StagingEnvironment,
    status::{StagingEnvironmentStatus, TaskState, TaskSummary},
};

use super::{
    cluster::Named,
    output::{Format, print},
    parity::count,
    screen::{Drawn, Mark, Screen},
    text::{cut, filled},
    time::{now, seconds, span, until},
    verdict::{is_current, line, mark, phase, verdict},
};

/// Arguments of `kulisse status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// Keep showing it until it is ready, failed or gone
    #[arg(short, long)]
    watch: bool,
    /// Output format
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

/// Shows an environment.
pub async fn status(args: Args) -> Result<ExitCode> {
    let (api, environment) = args.environment.find().await?;
    let name = &args.environment.name;
    let extend = args.environment.command("extend", "24h");
    match args.output {
        Some(format) => print(std::io::stdout(), &environment, format)?,
        None if args.watch => {
            let stream = watcher::watch_object(api, name).default_backoff();
            return follow(stream, &extend).await;
        }
        None => {
            let look = Look { now: now(), screen: Screen::of_stdout(), extend: &extend };
            write!(std::io::stdout(), "{}", picture(&environment, look))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws every change over the last one; without a terminal, a line for each.
async fn follow(
    stream: impl futures::Stream<Item = Result<Option<StagingEnvironment>, watcher::Error>>,
    extend: &str,
) -> Result<ExitCode> {
    let screen = Screen::of_stdout();
    let mut out = std::io::stdout();
    let mut drawn = Drawn::default();
    let mut last = String::new();
    futures::pin_mut!(stream);
    while let Some(environment) = stream.try_next().await? {
        let Some(environment) = environment else {
            writeln!(out, "gone")?;
            return Ok(ExitCode::SUCCESS);
        };
        if screen.live {
            drawn.over(
                &mut out,
                &picture(&environment, Look { now: now(), screen, extend }),
                screen,
            )?;
        } else {
            let text = line(&environment);
            if text != last {
                writeln!(out, "{text}")?;
                last = text;
            }
        }
        if let Some(code) = over(&environment) {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether there is nothing more to wait for, and how it ended.
fn over(environment: &StagingEnvironment) -> Option<ExitCode> {
    if environment.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = environment.status.as_ref()?;
    is_current(environment, status).then(|| verdict(status)).flatten()
}

/// What the picture says beside the environment.
#[derive(Clone, Copy, Debug)]
struct Look<'a> {
    now: Timestamp,
    screen: Screen,
    /// What to type for a later expiry.
    extend: &'a str,
}

/// The whole picture.
fn picture(environment: &StagingEnvironment, look: Look) -> String {
    let (status, screen) = (environment.status.clone().unwrap_or_default(), look.screen);
    let width = screen.room().width;
    let mark = mark(environment);
    let url = status.url.clone().unwrap_or_default();
    let head = format!(
        "{}   {} {}   {url}",
        screen.strong(&environment.name_any()),
        screen.mark(mark),
        phase(environment)
    );
    let mut lines = vec![head.trim_end().to_owned()];
    lines.extend(wrapped(&summary(environment, &status), width, |it| screen.faint(it)));
    if let Some(end) = &status.expires_at {
        let gone = environment.metadata.deletion_timestamp.is_some();
        let left = until(end.0, look.now);
        let line = match (end.0 > look.now, gone) {
            (true, false) => format!("expires {left} ({})", look.extend),
            (true, true) => format!("would have expired {left}"),
            (false, _) => format!("expired {left}"),
        };
        lines.extend(wrapped(&line, width, |it| screen.faint(it)));
    }
    let ready = find(&status.conditions, ConditionType::Ready);
    if let Some(ready) = ready.filter(|it| it.status != "True" && !it.message.is_empty()) {
        lines.push(String::new());
        lines.extend(wrapped(&ready.message, width, |it| screen.tinted(it, mark)));
    }
    let moved = find(&status.conditions, ConditionType::InSync).filter(|it| it.status != "True");
    if let Some(moved) = moved {
        lines.push(String::new());
        lines.extend(wrapped(&moved.message, width, |it| screen.tinted(it, Mark::Going)));
    }
    lines.extend(refusals(&status, screen, width));
    lines.push(String::new());
    lines.extend(stages(environment, &status, look, width));
    lines.join("\n") + "\n"
}

fn wrapped(text: &str, width: usize, paint: impl Fn(&str) -> String) -> Vec<String> {
    filled(text.split_whitespace(), width).iter().map(|it| paint(it)).collect()
}

fn summary(environment: &StagingEnvironment, status: &StagingEnvironmentStatus) -> String {
    let mut parts = vec![format!("source {}", environment.spec.source.namespace)];
    if let Some(plan) = &status.plan {
        let many = |number: u32, one| count(usize::try_from(number).unwrap_or(usize::MAX), one);
        let (clones, findings) = (many(plan.objects, "clone"), many(plan.findings, "finding"));
        parts.push(format!("{clones}, {} left behind, {findings}", plan.left_behind));
    }
    if let Some(target) = status.serving() {
        parts.push(format!("in {}", target.name));
    }
    let in_sync = find(&status.conditions, ConditionType::InSync);
    parts.extend(in_sync.filter(|it| it.status == "True").map(|_| "in sync".to_owned()));
    parts.join(" · ")
}

/// What was asked and refused in this life, and what keeps the target from going.
fn refusals(status: &StagingEnvironmentStatus, screen: Screen, width: usize) -> Vec<String> {
    let refused = status
        .requests
        .iter()
        .filter(|it| !it.refused.is_empty() && Some(it.incarnation) == status.incarnation)
        .map(|it| format!("{} was refused: {}", it.verb.annotation(), it.refused));
    let blocked = status.teardown.iter().flat_map(|it| it.blocked_by.iter().cloned());
    let pad = if screen.live { 1 } else { 2 };
    refused
        .chain(blocked)
        .flat_map(|it| {
            let lines = filled(it.split_whitespace(), width.saturating_sub(pad + 2));
            lines.into_iter().enumerate().map(|(at, line)| {
                let mark = if at == 0 { screen.mark(Mark::Wrong) } else { " ".repeat(pad) };
                format!(" {mark} {line}")
            })
        })
        .collect()
}

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
fn stages(
    environment: &StagingEnvironment,
    status: &StagingEnvironmentStatus,
    look: Look,
    width: usize,
) -> Vec<String> {
    let screen = look.screen;
    let tasks = status.seed.iter().chain(&status.smoke).chain(&status.pre_delete);
    let longest = tasks.map(|it| it.name.chars().count() + TASK + 1).max().unwrap_or_default();
    let names = longest.clamp(NAMES.0, NAMES.1);
    let mut lines = Vec::new();
    for (kind, name) in STAGES {
        let condition = find(&status.conditions, kind);
        let mark = match condition.map(|it| (it.status.as_str(), it.reason.as_str())) {
            Some(("True", _)) => Mark::Fine,
            Some(("False", "Progressing" | "Running")) => Mark::Going,
            Some(("False", "Pending") | ("Unknown", _)) | None => Mark::Open,
            Some(_) => Mark::Wrong,
        };
        let took = took(environment, status, kind).map(span).unwrap_or_default();
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
    let glyph = if screen.live { 1 } else { 2 };
    let column = indent + glyph + 1 + names + TIMES + 2;
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

/// How many seconds passed since the stage before it was reached.
fn took(
    environment: &StagingEnvironment,
    status: &StagingEnvironmentStatus,
    stage: ConditionType,
) -> Option<i64> {
    /// A longer one was no stage: something was lost and came back.
    const LONGEST: i64 = 3600;
    let reached = |kind: ConditionType| {
        let it = find(&status.conditions, kind)?;
        let counts = it.status == "True" && it.reason != Reason::NotRequested.as_str();
        counts.then_some(it.last_transition_time.0)
    };
    let at = reached(stage)?;
    let begun = [
        environment.creation_timestamp().map(|it| it.0),
        status.started_at.as_ref().map(|it| it.0),
    ];
    let others =
        STAGES.iter().take_while(|(kind, _)| *kind != stage).filter_map(|it| reached(it.0));
    let later =
        STAGES.iter().skip_while(|(kind, _)| *kind != stage).skip(1).filter_map(|it| reached(it.0));
    // Of two that were reached in the same second the first has the time.
    let same = others.clone().any(|it| it == at);
    let before = others.chain(later.filter(|it| *it < at)).chain(begun.into_iter().flatten());
    let before = before.filter(|it| *it <= at).max()?;
    let seconds = seconds(before, at);
    (!same && (1..=LONGEST).contains(&seconds)).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::{
        super::shown::{is_documented, recorded},
        *,
    };

    const RECORDED: [&str; 9] = [
        "ready",
        "progressing",
        "seed-failed",
        "smoke-failed",
        "stalled",
        "stuck",
        "suspended",
        "expired",
        "deleting",
    ];

    fn drawn(environment: &StagingEnvironment, screen: Screen) -> String {
        let now = "2026-11-21T17:00:00Z".parse().unwrap();
        let extend = format!("kulisse extend {} 24h -n previews", environment.name_any());
        picture(environment, Look { now, screen, extend: &extend })
    }

    #[test]
    fn the_reference_shows_what_is_printed() {
        let text = drawn(&recorded("ready"), Screen::terminal(false));
        is_documented("kulisse status pr-1234 -n previews", &text);
        let text = drawn(&recorded("seed-failed"), Screen::terminal(false));
        is_documented("kulisse status pr-1 -n previews", &text);
    }

    #[test]
    fn every_status_fits_a_terminal_and_has_its_first_cause() {
        for name in RECORDED {
            let environment = recorded(name);
            for screen in [Screen::terminal(false), Screen::plain()] {
                let text = drawn(&environment, screen);
                for line in text.lines().skip(1) {
                    assert!(line.chars().count() <= 80, "{name}: {line}");
                    assert_eq!(line, line.trim_end(), "{name}");
                }
                let status = environment.status.clone().unwrap();
                let ready = find(&status.conditions, ConditionType::Ready).unwrap();
                let start = ready.message.split(' ').next().unwrap();
                assert!(ready.status == "True" || text.contains(start), "{name}:\n{text}");
                assert!(!text.contains('\u{1b}'), "no colour was asked for");
            }
        }
    }

    #[test]
    fn requests_that_were_refused_are_listed_while_they_mean_this_life() {
        let mut it = recorded("ready");
        let status = it.status.as_mut().unwrap();
        let refused = |incarnation: u64| {
            serde_json::from_value(serde_json::json!([{
                "verb": "Extend", "value": "2026-01-01T00:00:00Z", "at": "2026-11-21T16:59:00Z",
                "incarnation": incarnation, "refused": "the time asked for is past"
            }]))
            .unwrap()
        };
        status.requests = refused(1);
        let text = drawn(&it, Screen::terminal(false));
        assert!(text.contains("\n ✖ kulisse.dev/extend was refused: the time asked for"), "{text}");
        it.status.as_mut().unwrap().requests = refused(2);
        assert!(!drawn(&it, Screen::terminal(false)).contains("refused"));
    }

    #[test]
    fn whether_production_has_moved_on_is_said() {
        let mut it = recorded("ready");
        let mut said = |verdict: &str, message: &str| {
            let status = it.status.as_mut().unwrap();
            status.conditions.retain(|it| it.type_ != "InSync");
            let condition = serde_json::json!({"type": "InSync", "status": verdict, "message": message,
                "reason": "SourceChanged", "lastTransitionTime": "2026-11-21T16:59:00Z"});
            status.conditions.push(serde_json::from_value(condition).unwrap());
            drawn(&it, Screen::terminal(false))
        };
        let text = said("True", "");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains("· in sync"), "{text}");
        let text = said("False", "production has moved on: 1 changed");
        assert!(text.contains("\n\nproduction has moved on: 1 changed\n\n"), "{text}");
    }

    #[test]
    fn what_holds_up_the_deletion_is_listed() {
        let mut it = recorded("deleting");
        let status = it.status.as_mut().unwrap();
        status.teardown.as_mut().unwrap().blocked_by =
            vec!["PersistentVolumeClaim data has finalizer example.com/keep".to_owned()];
        let text = drawn(&it, Screen::terminal(false));
        assert!(text.contains("\n ✖ PersistentVolumeClaim data has"), "{text}");
    }

    #[test]
    fn a_stage_that_was_lost_and_came_back_days_later_has_no_time() {
        let mut it = recorded("ready");
        let before = took(&it, it.status.as_ref().unwrap(), ConditionType::WorkloadsReady);
        assert!(before.is_some());
        for condition in &mut it.status.as_mut().unwrap().conditions {
            if condition.type_ == "WorkloadsReady" {
                condition.last_transition_time.0 = "2026-11-24T00:00:00Z".parse().unwrap();
            }
        }
        let status = it.status.as_ref().unwrap();
        assert_eq!(took(&it, status, ConditionType::WorkloadsReady), None);
    }
}
