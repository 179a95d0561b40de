//! The program `kube-faults`: an operator behind a proxy that carries out plans of faults.

#[path = "program/arguments.rs"]
mod arguments;
#[path = "program/direct.rs"]
mod direct;
#[path = "program/front.rs"]
mod front;
#[path = "program/life.rs"]
mod life;
#[path = "program/refused.rs"]
mod refused;
#[path = "program/secret_file.rs"]
mod secret_file;
#[path = "program/shell.rs"]
mod shell;
#[path = "program/table.rs"]
mod table;

use std::{io::Write, path::Path, process::ExitCode};

use clap::Parser;
use kube_faults::{
    learn::{self, Family},
    plan::{Fault, Match, Nth, Plan, PlanError},
    proxy::{Program, Proxy, Victim},
};
use tokio::signal::unix::{SignalKind, signal};

use arguments::{Arguments, Learn, Mode, Run, Serve};
use front::{Client, Front};
use life::{Life, Verdict};
use table::Table;

/// What a mode of the program ends with: an exit code, or why it could not do its work.
type Ended = Result<ExitCode, String>;

/// A plan did not converge.
const FAILED: u8 = 1;
/// Wrong arguments, or nothing could be started. Clap's own.
const UNUSABLE: u8 = 2;
/// All that struck has converged, but some faults did not strike.
const NOT_REACHED: u8 = 3;
/// What shells answer for a program that was interrupted.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let mode = Arguments::parse().mode;
    let ended = match &mode {
        Mode::Proxy(it) => serve(it).await,
        Mode::Learn(it) => learn(it).await,
        Mode::Run(it) => run(it).await,
    };
    ended.unwrap_or_else(|why| {
        eprintln!("kube-faults: {why}");
        ExitCode::from(UNUSABLE)
    })
}

/// Does something until it is done or somebody interrupts it. The operator, which a terminal does not
/// reach, ends with it.
async fn until_interrupted(front: Front, work: impl AsyncFnOnce(&Front) -> Ended) -> Ended {
    let ended = tokio::select! {
        ended = work(&front) => ended,
        () = interrupted() => Ok(ExitCode::from(INTERRUPTED)),
    };
    front.end().await;
    ended
}

async fn interrupted() {
    let mut end = signal(SignalKind::terminate()).ok();
    let term = async {
        match &mut end {
            Some(end) => end.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term => {}
    }
}

/// Prints a line. Whoever reads it may have gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn serve(it: &Serve) -> Ended {
    let plan = plan_of(&it.plan)?;
    let client = match (it.pid, it.command.as_slice()) {
        (Some(id), _) => Client::Process(id),
        (None, []) => Client::Anybody,
        (None, command) => Client::Command(command, false),
    };
    refused::refused(&plan, &client)?;
    let front = Front::start(&it.front, client).await?;
    eprintln!(
        "kube-faults: for the operator: KUBECONFIG={}; plan: {plan}",
        front.written.display()
    );
    front.proxy.begin(plan);
    let ended = match &front.program {
        None => {
            interrupted().await;
            None
        }
        Some(program) => {
            program.start().await;
            tokio::select! {
                code = program.exit() => Some(code),
                () = interrupted() => None,
            }
        }
    };
    front.end().await;
    let struck = struck(&front.proxy);
    let Some(code) = ended else {
        eprintln!("kube-faults: {struck}");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if let Some(why) = front.program.as_ref().and_then(Program::failed) {
        eprintln!("kube-faults: {why}");
    }
    eprintln!("kube-faults: the command ended with {code}; {struck}");
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(FAILED)))
}

/// How far the plan has come, in words.
fn struck(proxy: &Proxy) -> String {
    let unreached: Vec<String> = proxy.unreached().iter().map(ToString::to_string).collect();
    let unreached = if unreached.is_empty() { "none".to_owned() } else { unreached.join("; ") };
    format!("faults struck: {}; not reached: {unreached}", proxy.struck())
}

async fn learn(it: &Learn) -> Ended {
    let except = it.except.iter().map(|it| matches_of(it)).collect::<Result<Vec<_>, _>>()?;
    let front = Front::start(&it.life.front, Client::Command(&it.life.command, true)).await?;
    until_interrupted(front, async |front| {
        let outcome = Life::new(front, &it.life)?.live(Plan::nothing(), 0).await?;
        if let Verdict::Failed(why) = &outcome.verdict {
            let endings = match outcome.endings() {
                it if it.is_empty() => it,
                it => format!("; the command {it}"),
            };
            let unclean = outcome.unclean.as_ref();
            let unclean = unclean.map_or(String::new(), |why| format!("; not cleaned up: {why}"));
            return Err(format!(
                "the life without a fault failed: there is nothing to learn. {why}{endings}{unclean}"
            ));
        }
        let seen = front.proxy.seen();
        for (what, count) in learn::summary(&seen) {
            say(&format!("{count:>6}  {what}"));
        }
        let mut text = String::new();
        for family in it.faults.iter().map(|it| Family::from(*it)) {
            let plans = learn::plans(&seen, family, &except);
            say(&format!("{:>6}  plans: {}", plans.len(), family.word()));
            for plan in plans {
                text.push_str(&plan);
                text.push('\n');
            }
        }
        std::fs::write(&it.plans, text).map_err(|why| format!("{}: {why}", it.plans.display()))?;
        Ok(ExitCode::SUCCESS)
    })
    .await
}

async fn run(it: &Run) -> Ended {
    let mut plans = Vec::new();
    for file in &it.plans {
        plans.extend(plans_in(file)?);
    }
    for text in &it.plan {
        plans.push(text.parse::<Plan>().map_err(|error| error.to_string())?);
    }
    let plans: Vec<Plan> = plans.into_iter().step_by(it.every.max(1)).collect();
    if plans.is_empty() {
        return Err("there is no plan to run: give --plans FILE or --plan TEXT".to_owned());
    }
    let front = Front::start(&it.life.front, Client::Command(&it.life.command, true)).await?;
    until_interrupted(front, async |front| {
        let life = Life::new(front, &it.life)?;
        let mut table = Table::new(&plans);
        say(&table.head());
        for (at, plan) in plans.iter().enumerate() {
            let outcome = life.live(plan.clone(), at + 1).await?;
            say(&table.row(&plan.to_string(), &outcome));
            if let Some(why) = outcome.unclean {
                let left = match plans.len() - at - 1 {
                    1 => "1 plan was not run".to_owned(),
                    left => format!("{left} plans were not run"),
                };
                eprintln!(
                    "kube-faults: this life cannot be cleaned up, and another one would not begin as \
                     it did: {why}; {left}"
                );
                break;
            }
        }
        say(&table.foot());
        Ok(ExitCode::from(match (table.failed, table.not_reached) {
            (0, 0) => 0,
            (0, _) => NOT_REACHED,
            _ => FAILED,
        }))
    })
    .await
}

/// A plan as text, or with `@FILE` all lines of a file as one plan.
fn plan_of(text: &str) -> Result<Plan, String> {
    let Some(file) = text.strip_prefix('@') else {
        return text.parse().map_err(|error: PlanError| error.to_string());
    };
    let plans = plans_in(Path::new(file))?;
    Ok(Plan { faults: plans.into_iter().flat_map(|it| it.faults).collect() })
}

fn plans_in(file: &Path) -> Result<Vec<Plan>, String> {
    let text = std::fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
    Plan::read_file(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn matches_of(text: &str) -> Result<Match, String> {
    let fault = format!("{text}: pass").parse::<Fault>();
    let fault = fault.map_err(|error| format!("--except: {error}"))?;
    if fault.nth == Nth::EVERY {
        return Ok(fault.matches);
    }
    Err(format!(
        "--except: `{text}`: `{}` is not allowed here: all that match are left out",
        fault.nth
    ))
}
