//! What people type. One file per verb.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 error,
//! 2 wrong usage, 3 the answer is no.

mod cluster;
mod crd;
mod diff;
mod difference;
mod grant;
mod input;
mod parity;
mod plan;
mod probe;
mod report;
mod run;
mod screen;
mod status;
mod verdict;
mod version;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The answer is no: not ready in time, tests failed, differences found.
pub const NO: u8 = 3;

/// Staging environments cloned from what production runs.
#[derive(Debug, Parser)]
#[command(name = "kulisse", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what would be cloned, changed and left behind, and what leads back
    Plan(plan::Args),
    /// Compare a plan with its target as it is, or with production
    Diff(diff::Args),
    /// Print how an environment differs from production, and why
    Report(report::Args),
    /// Show an environment: stages, time taken, trouble, URL, expiry
    Status(status::Args),
    /// Wait until an environment is ready or gone
    Wait(wait::Args),
    /// Print what a source's owners apply to let a namespace clone theirs
    Grant(grant::Args),
    /// Print the CustomResourceDefinitions
    Crd(crd::Args),
    /// Print the version
    Version,
    /// Run the operator
    Run(run::Args),
    /// What runs inside a target
    #[command(hide = true)]
    Probe(probe::Args),
}

/// Parses the arguments and does what they say. Installed as `kubectl-kulisse` it is a kubectl
/// plugin.
pub fn main() -> ExitCode {
    // One provider of cryptography for every TLS connection, chosen before the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&error.into()),
        };
    let result = runtime.block_on(async {
        match cli.verb {
            Verb::Plan(args) => plan::plan(args).await,
            Verb::Diff(args) => Box::pin(diff::diff(args)).await,
            Verb::Report(args) => report::report(args).await,
            Verb::Status(args) => status::status(args).await,
            Verb::Wait(args) => wait::wait(args).await,
            Verb::Grant(args) => grant::grant(args).await,
            Verb::Crd(args) => crd::crd(&args),
            Verb::Version => version::version(),
            Verb::Run(args) => run::run(args).await,
            Verb::Probe(args) => probe::probe(args).await,
        }
    });
    result.unwrap_or_else(|error| fail(&error))
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let io = error.downcast_ref::<std::io::Error>();
    if io.is_some_and(|it| it.kind() == std::io::ErrorKind::BrokenPipe) {
        // Whoever reads has had enough (`| head`).
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
