//! `kulisse probe`: what runs inside a target.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::probe;

/// Arguments of `kulisse probe`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Try the ways to production
    Fence {
        /// What to try, as JSON
        #[arg(long)]
        spec: String,
    },
    /// Make an HTTP request until its answer is as expected
    Http {
        /// The request, as JSON
        #[arg(long)]
        spec: String,
    },
}

/// Does what a task of the operator asks for.
pub async fn probe(args: Args) -> Result<ExitCode> {
    match args.what {
        What::Fence { spec } => {
            let spec =
                serde_json::from_str(&spec).context("--spec is not what the operator writes")?;
            let answer = probe::fence::run(&spec).await;
            probe::leave(&serde_json::to_string(&answer)?);
            Ok(ExitCode::SUCCESS)
        }
        What::Http { spec } => {
            let work =
                serde_json::from_str(&spec).context("--spec is not what the operator writes")?;
            let answer = probe::http::run(&work).await;
            let fine = answer.is_ok();
            probe::leave(&answer.unwrap_or_else(|lacks| lacks));
            Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}
