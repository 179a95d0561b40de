//! What people type. One file per verb.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 error,
//! 2 wrong usage, 3 the answer is no.

mod approve;
mod cluster;
mod complete;
mod crd;
mod create;
mod delete;
mod diff;
mod difference;
mod doctor;
mod events;
mod extend;
mod follow;
mod grant;
mod input;
mod list;
mod logs;
mod man;
mod open;
mod output;
mod parity;
mod plan;
mod probe;
mod program;
mod report;
mod request;
mod revoke;
mod run;
mod screen;
#[cfg(test)]
mod shown;
mod slowly;
mod stages;
mod status;
mod suspend;
mod table;
mod text;
mod time;
mod verdict;
mod version;
mod wait;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use kulisse_core::api::request::Verb as Asked;

use self::request::request;

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
    /// Make an environment, or change what was said of it here before
    Create(create::Args),
    /// List environments
    List(list::Args),
    /// Show an environment: stages, time taken, trouble, URL, expiry
    Status(status::Args),
    /// Wait until an environment is ready or gone
    Wait(wait::Args),
    /// Print what the Pods of an environment write
    Logs(logs::Args),
    /// Print the Events about an environment and in its target
    Events(events::Args),
    /// Print an environment's URL, and open it
    Open(open::Args),
    /// Let an environment live longer, or less long
    Extend(extend::Args),
    /// Take an environment's Pods away; its data stays
    Sleep(request::Args),
    /// Give a sleeping environment its Pods back
    Wake(request::Args),
    /// Repeat what failed: seeds and smokes, a rebuild that is stuck, the wait for a place
    Retry(request::Args),
    /// Run all seeds again
    Reseed(request::Args),
    /// Let the plan of an environment with mode Plan be applied
    Approve(approve::Args),
    /// Let the operator change nothing in an environment; it still expires
    Suspend(suspend::Args),
    /// Let the operator go on where it was suspended
    Resume(suspend::Args),
    /// Delete an environment and all that was made for it
    Delete(delete::Args),
    /// Print what a source's owners apply to let a namespace clone theirs
    Grant(grant::Args),
    /// Print, or do, what withdraws that consent
    Revoke(revoke::Args),
    /// Print the CustomResourceDefinitions
    Crd(crd::Args),
    /// Look whether this cluster is ready
    Doctor(doctor::Args),
    /// Print the script by which a shell completes words
    Completion(complete::Args),
    /// Print the manual, or write its pages
    Man(man::Args),
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
    match complete::asked(command) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => return fail(&error),
    }
    let cli = match Cli::from_arg_matches(&command().get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
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
            Verb::Create(args) => Box::pin(create::create(args)).await,
            Verb::List(args) => list::list(args).await,
            Verb::Status(args) => Box::pin(status::status(args)).await,
            Verb::Wait(args) => wait::wait(args).await,
            Verb::Logs(args) => logs::logs(args).await,
            Verb::Events(args) => events::events(args).await,
            Verb::Open(args) => open::open(args).await,
            Verb::Extend(args) => extend::extend(args).await,
            Verb::Sleep(args) => request(args, Asked::Sleep, "to sleep", "goes to sleep").await,
            Verb::Wake(args) => request(args, Asked::Wake, "to wake", "wakes").await,
            Verb::Retry(args) => {
                request(args, Asked::Retry, "to repeat what failed", "repeats what failed").await
            }
            Verb::Reseed(args) => {
                request(args, Asked::Reseed, "to run its seeds again", "runs its seeds again").await
            }
            Verb::Approve(args) => approve::approve(args).await,
            Verb::Suspend(args) => suspend::suspend(args, true).await,
            Verb::Resume(args) => suspend::suspend(args, false).await,
            Verb::Delete(args) => Box::pin(delete::delete(args)).await,
            Verb::Grant(args) => grant::grant(args).await,
            Verb::Revoke(args) => revoke::revoke(args).await,
            Verb::Doctor(args) => Box::pin(doctor::doctor(args)).await,
            Verb::Completion(args) => complete::completion(&args),
            Verb::Man(args) => man::man(&args, command()),
            Verb::Crd(args) => crd::crd(&args),
            Verb::Version => version::version(),
            Verb::Run(args) => run::run(args).await,
            Verb::Probe(args) => probe::probe(args).await,
        }
    });
    result.unwrap_or_else(|error| fail(&error))
}

/// The command line, under the name by which it was called.
fn command() -> clap::Command {
    Cli::command().bin_name(program::program())
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
