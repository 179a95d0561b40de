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
    condition::{ConditionType, find},
    environment::StagingEnvironment,
    status::{StagingEnvironmentStatus, TaskState, TaskSummary},
};

use super::{
    cluster::Named,
    output::{Format, print},
    screen::{Drawn, Mark, Screen},
    time::{now, span, until},
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
    match args.output {
        Some(format) => print(std::io::stdout(), &environment, format)?,
        None if args.watch => {
            let stream = watcher::watch_object(api, name).default_backoff();
            return follow(stream).await;
        }
        None => {
            write!(std::io::stdout(), "{}", picture(&environment, now(), Screen::of_stdout()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws every change over the last one; without a terminal, a line for each.
async fn follow(
    stream: impl futures::Stream<Item = Result<Option<StagingEnvironment>, watcher::Error>>,
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
            drawn.over(&mut out, &picture(&environment, now(), screen), screen)?;
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

/// The whole picture.
pub fn picture(environment: &StagingEnvironment, now: Timestamp, screen: Screen) -> String {
    let status = environment.status.clone().unwrap_or_default();
    let ready = find(&status.conditions, ConditionType::Ready);
    let url = status.url.clone().unwrap_or_default();
    let mut lines = vec![format!(
        "{}   {} {}   {url}",
        screen.strong(&environment.name_any()),
        screen.mark(mark(environment)),
        phase(environment)
    )];
    lines.push(screen.faint(&summary(environment, &status, now)));
    if let Some(ready) = ready.filter(|it| it.status != "True" && !it.message.is_empty()) {
        lines.push(ready.message.clone());
    }
    lines.push(String::new());
    lines.extend(stages(&status, screen));
    lines.join("\n") + "\n"
}

fn summary(
    environment: &StagingEnvironment,
    status: &StagingEnvironmentStatus,
    now: Timestamp,
) -> String {
    let mut parts = vec![format!("source {}", environment.spec.source.namespace)];
    if let Some(plan) = &status.plan {
        parts.push(format!(
            "{} clones, {} left behind, {} findings",
            plan.objects, plan.left_behind, plan.findings
        ));
    }
    if let Some(target) = status.namespaces.first() {
        parts.push(format!("in {}", target.name));
    }
    if let Some(end) = &status.expires_at {
        let verb = if end.0 > now { "expires" } else { "expired" };
        parts.push(format!("{verb} {}", until(end.0, now)));
    }
    parts.join(" · ")
}

/// One line for each stage, in the order in which they come.
fn stages(status: &StagingEnvironmentStatus, screen: Screen) -> Vec<String> {
    let stages = [
        (ConditionType::Granted, "granted"),
        (ConditionType::Planned, "planned"),
        (ConditionType::BoundaryClean, "boundary"),
        (ConditionType::Applied, "applied"),
        (ConditionType::WorkloadsReady, "workloads"),
        (ConditionType::Seeded, "seed"),
        (ConditionType::SmokePassed, "smoke"),
    ];
    let mut lines = Vec::new();
    for (kind, name) in stages {
        let condition = find(&status.conditions, kind);
        let mark = match condition.map(|it| (it.status.as_str(), it.reason.as_str())) {
            Some(("True", _)) => Mark::Fine,
            Some(("False", "Progressing" | "Running")) => Mark::Going,
            Some(("False", "Pending") | ("Unknown", _)) | None => Mark::Open,
            Some(_) => Mark::Wrong,
        };
        let message = condition.map(|it| it.message.clone()).unwrap_or_default();
        lines.push(format!(" {} {name:<10} {message}", screen.mark(mark)));
        match kind {
            ConditionType::Seeded => lines.extend(status.seed.iter().map(|it| task(it, screen))),
            ConditionType::SmokePassed => {
                lines.extend(status.smoke.iter().map(|it| task(it, screen)));
            }
            _ => {}
        }
    }
    lines
}

fn task(task: &TaskSummary, screen: Screen) -> String {
    let mark = match task.state {
        TaskState::Passed => Mark::Fine,
        TaskState::Failed | TaskState::TimedOut => Mark::Wrong,
        TaskState::Running => Mark::Going,
        TaskState::Pending => Mark::Open,
    };
    let took = task.took_seconds.map(|it| span(i64::from(it))).unwrap_or_default();
    format!(
        "     {} {:<24} {took:>6}  {}",
        screen.mark(mark),
        task.name,
        screen.faint(&task.message)
    )
}
