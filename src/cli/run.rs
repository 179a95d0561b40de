//! `kulisse run`: the operator.

use std::{collections::BTreeSet, net::SocketAddr, process::ExitCode};

use anyhow::{Context, Result};
use http::{HeaderValue, header::USER_AGENT};
use kube::Config;
use kulisse_core::{
    api::{
        identity::{NamespaceName, ObjectName},
        names,
    },
    plan::{probe::Place, request::OperatorAccount},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    controller::context::Settings,
    run::{Options, run as start},
    shard::Shard,
    telemetry::logs,
};

/// Arguments of `kulisse run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Namespace of the operator: its key and the stored plans are kept there
    #[arg(long, env = "KULISSE_NAMESPACE", default_value = names::OPERATOR)]
    namespace: String,
    /// Name of the ServiceAccount it runs as: it is bound to its rights in targets
    #[arg(long, env = "KULISSE_SERVICE_ACCOUNT", default_value = names::OPERATOR)]
    service_account: String,
    /// Its own image, for the probe and HTTP tasks in targets
    #[arg(long, env = "KULISSE_IMAGE", default_value = concat!("ghcr.io/kulisse-dev/kulisse:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// First parts of targets' names that classes may use
    #[arg(long, env = "KULISSE_NAMESPACE_PREFIXES", value_delimiter = ',', default_value = "stg")]
    namespace_prefixes: Vec<String>,
    /// Address of health and metrics
    #[arg(long, env = "KULISSE_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Address (host:port) that is alive and out of reach from targets; needed where the operator
    /// runs outside the cluster. Default: its own
    #[arg(long, env = "KULISSE_PROBE_CONTROL")]
    probe_control: Option<SocketAddr>,
    /// Whether workloads and Jobs are watched in the whole cluster; otherwise they are listed in each
    /// environment, while something is awaited and once in its drift interval
    #[arg(long, env = "KULISSE_WORKLOAD_WATCH", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    workload_watch: bool,
    /// Whether it stands by while another operator leads, by a Lease in its namespace
    #[arg(long, env = "KULISSE_LEADER_ELECT", value_name = "BOOL", default_value_t = false, action = clap::ArgAction::Set)]
    leader_elect: bool,
    /// Name of that Lease; each operator of a cluster with other namespaces to watch has one of its own
    #[arg(long, env = "KULISSE_LEASE", value_name = "NAME", default_value = names::LEASE)]
    lease: String,
    /// Namespaces of the environments that it works on; another operator leaves them to this one.
    /// Default: all
    #[arg(
        long,
        env = "KULISSE_WATCH_NAMESPACES",
        value_name = "NAMESPACES",
        value_delimiter = ','
    )]
    watch_namespaces: Vec<String>,
    /// Namespaces of environments that it leaves to other operators
    #[arg(
        long,
        env = "KULISSE_LEAVE_NAMESPACES",
        value_name = "NAMESPACES",
        value_delimiter = ','
    )]
    leave_namespaces: Vec<String>,
    /// Name of its Pod, for people who look at the Lease or at the API server's audit log
    #[arg(long, env = "KULISSE_POD_NAME", default_value = "kulisse", hide = true)]
    pod_name: String,
    /// Its own address in the cluster
    #[arg(long, env = "KULISSE_POD_IP", hide = true)]
    pod_ip: Option<std::net::IpAddr>,
    /// How log lines are written
    #[arg(long, env = "KULISSE_LOG_FORMAT", value_enum, default_value_t)]
    log_format: logs::Format,
    /// What is logged
    #[arg(long, env = "KULISSE_LOG", default_value = "info,kube=warn")]
    log: String,
}

/// Runs the operator until SIGTERM or Ctrl-C.
pub async fn run(args: Args) -> Result<ExitCode> {
    logs::start(args.log_format, &args.log)?;
    let mut config =
        Config::infer().await.context("no cluster: neither in one nor a kubeconfig")?;
    config.headers.push((USER_AGENT, agent(&args.pod_name)));
    let control = args
        .probe_control
        .or_else(|| args.pod_ip.map(|ip| SocketAddr::new(ip, args.listen.port())))
        .map(|at| Place { host: at.ip().to_string(), port: at.port() });
    let namespace = NamespaceName::parse(&args.namespace)?;
    let settings = Settings {
        account: OperatorAccount { namespace: args.namespace.clone(), name: args.service_account },
        namespace,
        image: args.image,
        namespace_prefixes: args.namespace_prefixes,
        probe_control: control,
        workload_watch: args.workload_watch,
        shard: Shard {
            watched: parsed(&args.watch_namespaces).context("--watch-namespaces")?,
            left: parsed(&args.leave_namespaces).context("--leave-namespaces")?,
        },
    };
    let candidate = if args.leader_elect {
        let lease = ObjectName::parse(&args.lease).context("--lease")?;
        Some((lease, name_of_its_own(&args.pod_name)?))
    } else {
        None
    };
    let options = Options { settings, listen: args.listen, candidate };
    if let Err(error) = start(config, options, stop()?).await {
        // In the form that whoever collects the log expects.
        tracing::error!(error = format!("{error:#}"), "cannot go on");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Names of namespaces.
fn parsed(names: &[String]) -> Result<BTreeSet<String>> {
    names.iter().map(|it| Ok(NamespaceName::parse(it.trim())?.to_string())).collect()
}

/// As what it is known in the API server's logs.
fn agent(pod: &str) -> HeaderValue {
    let agent = format!(concat!("kulisse/", env!("CARGO_PKG_VERSION"), " ({})"), pod);
    let plain = HeaderValue::from_static(concat!("kulisse/", env!("CARGO_PKG_VERSION")));
    HeaderValue::try_from(agent).unwrap_or(plain)
}

/// A name that no other process has, not even one that follows this one in its Pod.
fn name_of_its_own(pod: &str) -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(format!("{pod}_{:016x}", u64::from_be_bytes(bytes)))
}

fn stop() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
