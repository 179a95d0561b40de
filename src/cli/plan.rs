//! `kulisse plan`

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::ValueEnum;
use kulisse_core::plan::{Plan, plan as planned};
use serde_json::{Value, json};

use super::{
    cluster::Cluster,
    input::{Input, Inputs},
    parity::{Parity, markdown, stream, summary},
    screen::Screen,
};

/// Arguments of `kulisse plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File with the StagingEnvironment, and maybe its StagingClass; - for standard input
    #[arg(short = 'f', long = "filename", value_name = "ENV.yaml")]
    file: PathBuf,
    #[command(flatten)]
    inputs: Inputs,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    cluster: Cluster,
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// One screen
    #[default]
    Summary,
    /// Markdown for a pull request
    Report,
    /// The clones, for kubectl apply; Secrets as comments
    Yaml,
    /// All of it, for programs
    Json,
}

/// Shows what would be cloned, changed and left behind, and what leads back. Exit code 3 if something
/// keeps the plan from being applied.
pub async fn plan(args: Args) -> Result<ExitCode> {
    let input = args.inputs.of_file(&args.file, &args.cluster).await?;
    let plan = planned(&input.request, &input.capture)?;
    for note in &input.notes {
        eprintln!("note: {note}");
    }
    let mut out = std::io::stdout();
    match args.output {
        Output::Yaml => write!(out, "{}", stream(&plan, &input.request.environment.name)?)?,
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&json(&plan))?)?,
        Output::Report => write!(out, "{}", shown(&plan, &input, markdown))?,
        Output::Summary => {
            let screen = Screen::of_stdout();
            let next = next(&plan, &args);
            let text = shown(&plan, &input, |parity| summary(parity, &next, screen, screen.room()));
            write!(out, "{text}")?;
        }
    }
    let blocked = plan.blocking().next().is_some();
    Ok(if blocked { ExitCode::from(super::NO) } else { ExitCode::SUCCESS })
}

fn shown(plan: &Plan, input: &Input, show: impl Fn(Parity) -> String) -> String {
    let report = plan.report(0);
    show(Parity { name: &input.request.environment.name, plan: &report, urls: &plan.urls })
}

/// The object that programs read. Its fields are a contract; the reference documents them.
fn json(plan: &Plan) -> Value {
    let clones: Vec<&Value> = plan.clones.iter().map(|it| it.object.value()).collect();
    json!({
        "digest": plan.digest,
        "target": plan.target,
        "clones": clones,
        "changes": plan.changes,
        "leftBehind": plan.left_behind,
        "findings": plan.findings,
    })
}

/// What a person does next.
fn next(plan: &Plan, args: &Args) -> String {
    let file = args.file.display();
    if plan.blocking().next().is_some() {
        return format!("settle what blocks in {file}, and plan again");
    }
    format!("kubectl apply -f {file}")
}
