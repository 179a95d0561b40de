//! `kulisse status`

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use jiff::Timestamp;
use kube::{
    ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use kulisse_core::{
    api::{
        condition::{ConditionType, find, is_true},
        environment::StagingEnvironment,
        status::StagingEnvironmentStatus,
    },
    lifecycle::place::waits,
};

use crate::readable::Readable;

use super::{
    cluster::{Named, read},
    follow::{AWAY, News, news},
    output::{Format, print},
    parity::count,
    screen::{Drawn, Mark, Screen},
    stages::stages,
    text::filled,
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
    let (api, found) = args.environment.stored().await?;
    if let Some(format) = args.output {
        print(std::io::stdout(), &found, format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let environment = read(found)?;
    let extend = args.environment.command("extend", "24h");
    if args.watch {
        let stream = watcher::watch_object(api, &args.environment.name).default_backoff();
        return Box::pin(follow(stream, &extend)).await;
    }
    let look = Look { now: now(), screen: Screen::of_stdout(), extend: &extend };
    write!(std::io::stdout(), "{}", picture(&environment, look))?;
    Ok(ExitCode::SUCCESS)
}

/// Draws every change over the last one; without a terminal, a line for each.
async fn follow(
    stream: impl futures::Stream<Item = Result<Option<Readable>, watcher::Error>>,
    extend: &str,
) -> Result<ExitCode> {
    let screen = Screen::of_stdout();
    let mut out = std::io::stdout();
    let mut drawn = Drawn::default();
    let mut last = String::new();
    let (mut seen, mut away) = (None, false);
    futures::pin_mut!(stream);
    while let Some(news) = news(&mut stream).await? {
        match news {
            News::Event(None) => {
                writeln!(out, "gone")?;
                return Ok(ExitCode::SUCCESS);
            }
            News::Event(Some(environment)) => (seen, away) = (Some(read(environment)?), false),
            News::None => {}
            News::Away => away = true,
        }
        let Some(environment) = &seen else { continue };
        if screen.live {
            let mut text = picture(environment, Look { now: now(), screen, extend });
            if away {
                text.push_str(&screen.tinted(AWAY, Mark::Wrong));
            }
            drawn.over(&mut out, &text, screen)?;
        } else {
            let text = line(environment);
            if text != last {
                writeln!(out, "{text}")?;
                last = text;
            }
        }
        if let Some(code) = over(environment) {
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
    // Before there is a target, nothing is behind it.
    let url = status.url.clone().filter(|_| status.serving().is_some()).unwrap_or_default();
    let (name, phase) = (environment.name_any(), phase(environment));
    let head = format!("{}   {} {phase}", screen.strong(&name), screen.mark(mark));
    let long = [&name, &phase, &url].iter().map(|it| it.chars().count()).sum::<usize>()
        + screen.glyph()
        + "    ".len()
        + "   ".len()
        > width;
    let mut lines = match (url.is_empty(), long) {
        (true, _) => vec![head],
        (false, false) => vec![format!("{head}   {url}")],
        (false, true) => vec![head, url],
    };
    let parts = summary(environment, &status);
    let parts = filled(parts.iter().map(String::as_str), width);
    lines.extend(parts.iter().map(|it| screen.faint(it.trim_end_matches(" ·"))));
    if let Some(queue) = status.queue.as_ref().filter(|_| waits(environment)) {
        let long = span(seconds(queue.since.0, look.now));
        lines.extend(wrapped(&format!("in the queue for {long}"), width, |it| screen.faint(it)));
    }
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
    // What has expired and is gone is at no stage.
    let over = is_true(&status.conditions, ConditionType::Expired);
    if !over || status.serving().is_some() {
        lines.push(String::new());
        lines.extend(stages(environment, &status, look.now, screen, width));
    }
    lines.join("\n") + "\n"
}

fn wrapped(text: &str, width: usize, paint: impl Fn(&str) -> String) -> Vec<String> {
    filled(text.split_whitespace(), width).iter().map(|it| paint(it)).collect()
}

/// What is cloned, how much of it, and where it is: each a part that is not torn apart.
fn summary(environment: &StagingEnvironment, status: &StagingEnvironmentStatus) -> Vec<String> {
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
    let last = parts.len().saturating_sub(1);
    let dotted = |(at, it): (usize, String)| if at == last { it } else { it + " ·" };
    parts.into_iter().enumerate().map(dotted).collect()
}

/// What was asked and refused in this life, and what keeps the target from going.
fn refusals(status: &StagingEnvironmentStatus, screen: Screen, width: usize) -> Vec<String> {
    let refused = status
        .requests
        .iter()
        .filter(|it| !it.refused.is_empty() && Some(it.incarnation) == status.incarnation)
        .map(|it| format!("{} was refused: {}", it.verb.annotation(), it.refused));
    let blocked = status.teardown.iter().flat_map(|it| it.blocked_by.iter().cloned());
    let pad = screen.glyph();
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

#[cfg(test)]
mod tests {
    use super::{
        super::shown::{is_documented, recorded},
        *,
    };

    const RECORDED: [&str; 12] = [
        "asleep",
        "awaiting-approval",
        "frozen",
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
                for line in text.lines() {
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
        assert!(text.contains("\nin sync\n"), "{text}");
        let text = said("False", "production has moved on: 1 changed");
        assert!(text.contains("\n\nproduction has moved on: 1 changed\n\n"), "{text}");
    }

    #[test]
    fn who_waits_is_not_shown_as_broken() {
        let mut it = recorded("ready");
        let status = it.status.as_mut().unwrap();
        status.namespaces.clear();
        status.queue = serde_json::from_value(
            serde_json::json!({ "position": 2, "since": "2026-11-21T16:58:57Z" }),
        )
        .unwrap();
        let mut said = |kind: &str, reason: &str| {
            for condition in &mut it.status.as_mut().unwrap().conditions {
                if ["Ready", kind].contains(&condition.type_.as_str()) {
                    condition.status = "False".to_owned();
                    condition.reason = reason.to_owned();
                }
            }
            it.status.as_mut().unwrap().phase = Some(reason.to_owned());
            drawn(&it, Screen::terminal(false))
        };
        let text = said("Granted", "Queued");
        assert!(text.starts_with("pr-1234   ● Queued\n"), "it has no URL yet: {text}");
        assert!(text.contains("\nin the queue for 1m 3s\n"), "{text}");
        assert!(text.contains("\n ● granted"), "{text}");
        let text = said("Planned", "AwaitingApproval");
        assert!(text.starts_with("pr-1234   ! AwaitingApproval\n"), "{text}");
        assert!(text.contains("\n ! planned"), "{text}");
        assert!(!text.contains('✖'), "{text}");
    }

    #[test]
    fn who_sleeps_is_not_shown_as_broken_and_who_is_gone_has_no_stages() {
        let text = drawn(&recorded("asleep"), Screen::terminal(false));
        assert!(text.contains("\n ○ workloads") && !text.contains('✖'), "{text}");
        let text = drawn(&recorded("expired"), Screen::terminal(false));
        assert!(!text.contains("granted") && text.contains("«kulisse extend»"), "{text}");
    }

    #[test]
    fn a_url_that_has_no_room_beside_the_name_stands_below_it() {
        let mut it = recorded("ready");
        it.metadata.name = Some("a-rather-long-name-of-a-branch-1234".to_owned());
        let text = drawn(&it, Screen::terminal(true));
        let url = it.status.as_ref().and_then(|it| it.url.as_deref());
        assert!(url.is_some() && text.lines().nth(1) == url, "{text}");
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
    fn the_stage_that_is_worked_on_says_since_when() {
        let mut it = recorded("progressing");
        let status = it.status.as_mut().unwrap();
        status.started_at = serde_json::from_value("2026-11-21T16:59:55Z".into()).unwrap();
        let text = drawn(&it, Screen::terminal(false));
        let words = |stage: &str| {
            let line = text.lines().find(|it| it.contains(stage)).unwrap_or_default();
            line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(" boundary "), "● boundary 5s", "{text}");
        assert_eq!(words(" applied "), "○ applied the", "{text}");
    }
}
