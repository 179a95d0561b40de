//! Arguments.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use kube_faults::learn::Family;

/// What does an operator do when it is killed between two requests, or when an answer is lost?
///
/// A proxy between an operator and its API server carries out plans of faults: which requests, which
/// of them, and what happens to those.
#[derive(Parser)]
#[command(name = "kube-faults", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub mode: Mode,
}

#[derive(Subcommand)]
pub enum Mode {
    /// Stand in front of an API server and carry out one plan
    Proxy(Serve),
    /// Live one life of an operator without a fault, and write the plans of all single faults
    Learn(Learn),
    /// Live one life for each plan, and say which of them converged
    Run(Run),
}

/// What to stand in front of.
#[derive(Args)]
pub struct Before {
    /// Kubeconfig of the API server
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: PathBuf,
    /// Context of it, if not the current one
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where clients reach the proxy, if not at that address: goes into its certificate and into the
    /// kubeconfig
    #[arg(long, value_name = "NAME[:PORT]")]
    pub advertise: Option<String>,
    /// Certificate to show, as a PEM file, instead of one that is made
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// Write the kubeconfig for the operator there; COMMAND has it as KUBECONFIG
    #[arg(long, value_name = "FILE")]
    pub write_kubeconfig: Option<PathBuf>,
    /// Write what passes there, as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Append what COMMAND prints to this file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    pub front: Before,
    /// The plan, or @FILE: all lines of the file as one plan
    #[arg(long, value_name = "PLAN", default_value = "nothing")]
    pub plan: String,
    /// Whom to kill, if it is not COMMAND, once; somebody else starts it again
    #[arg(long, value_name = "ID", conflicts_with = "command")]
    pub pid: Option<u32>,
    /// The operator: ended and started again as the plan says. Without it, the proxy runs alone
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// One life of an operator.
#[derive(Args)]
pub struct Living {
    #[command(flatten)]
    pub front: Before,
    /// Shell command that begins a life, when the operator has been started: `kubectl apply …`
    #[arg(long, value_name = "SHELL")]
    pub before: Option<String>,
    /// Shell command that succeeds when all is as it should be; asked each second
    #[arg(long, value_name = "SHELL")]
    pub check: String,
    /// Shell command that ends a life, however it went, and fails if anything is left. It runs twice
    /// where it has failed: `kubectl delete --wait --ignore-not-found …`
    #[arg(long, value_name = "SHELL")]
    pub after: Option<String>,
    /// How long each of these may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub within: u64,
    /// The operator
    #[arg(last = true, value_name = "COMMAND", required = true)]
    pub command: Vec<OsString>,
}

#[derive(Args)]
pub struct Learn {
    #[command(flatten)]
    pub life: Living,
    /// Where the plans go
    #[arg(long, value_name = "FILE")]
    pub plans: PathBuf,
    /// Which faults
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Faults::Kills, Faults::Answers, Faults::Events])]
    pub faults: Vec<Faults>,
    /// Leave out what matches: `any leases`. May be repeated
    #[arg(long, value_name = "MATCH")]
    pub except: Vec<String>,
}

#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    pub life: Living,
    /// A file with one plan per line. May be repeated
    #[arg(long, value_name = "FILE")]
    pub plans: Vec<PathBuf>,
    /// A plan. May be repeated
    #[arg(long, value_name = "PLAN")]
    pub plan: Vec<String>,
    /// Run only each nth plan
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub every: usize,
}

/// A family of faults.
#[derive(Clone, Copy, ValueEnum)]
pub enum Faults {
    /// Killed before, after and between all of its writes
    Kills,
    /// Every request answered wrongly or not at all
    Answers,
    /// Every event of a watch lost, doubled and late
    Events,
}

impl From<Faults> for Family {
    fn from(it: Faults) -> Self {
        match it {
            Faults::Kills => Self::Kills,
            Faults::Answers => Self::Answers,
            Faults::Events => Self::Events,
        }
    }
}
