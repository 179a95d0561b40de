//! `kulisse report`

use std::{io::Write, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use kube::Api;
use kulisse_core::api::{environment::StagingEnvironment, names, staging_plan::StagingPlan};

use super::{
    cluster::Cluster,
    parity::{Parity, markdown},
};

/// Arguments of `kulisse report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the environment
    name: String,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    cluster: Cluster,
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Markdown for a pull request
    #[default]
    Markdown,
    /// The spec of the StagingPlan
    Json,
}

/// Prints how an environment differs from production, and why.
pub async fn report(args: Args) -> Result<ExitCode> {
    let (client, namespace) = args.cluster.client().await?;
    let plans: Api<StagingPlan> = Api::namespaced(client.clone(), &namespace);
    let found = plans.get_opt(&names::staging_plan(&args.name)).await;
    let Some(plan) = found.context("cannot read the StagingPlan")? else {
        bail!(
            "there is no StagingPlan {} in namespace {namespace}: «kulisse status {} -n {namespace}» says what the environment waits for",
            args.name,
            args.name
        );
    };
    let mut out = std::io::stdout();
    match args.output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&plan.spec)?)?,
        Output::Markdown => {
            // The addresses are in the status; a report without them is one all the same.
            let environments: Api<StagingEnvironment> = Api::namespaced(client, &namespace);
            let environment = environments.get_opt(&args.name).await.ok().flatten();
            let urls = environment.and_then(|it| it.status).map(|it| it.urls).unwrap_or_default();
            let parity = Parity { name: &args.name, plan: &plan.spec, urls: &urls };
            write!(out, "{}", markdown(parity))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
