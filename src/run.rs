//! The composition root of the operator: client, queue, passes, HTTP, shutdown.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result};
use futures::{Stream, StreamExt};
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    batch::v1::Job,
    core::v1::Namespace,
};
use kube::{
    Client, Config, Resource, ResourceExt,
    client::ClientBuilder,
    runtime::{
        controller::{self, Action, applier},
        events::{Recorder, Reporter},
        reflector::ObjectRef,
        watcher,
    },
};
use kulisse_core::{
    api::{
        class::StagingClass,
        grant::StagingGrant,
        identity::{NamespaceName, ObjectName},
        names,
    },
    secrets::OperatorKey,
};
use tokio::sync::{mpsc, watch};

use crate::{
    controller::{
        self as edge, call,
        clock::ServerClock,
        context::{Context, Settings},
        error::Error,
        guard::{self, Policies},
        sources,
        world::World,
    },
    key,
    leader::{self, Candidate, Leadership},
    readable::Readable,
    seats::Seats,
    shard::Shard,
    telemetry::http,
    wakes::{Wakes, Watcher},
};

/// Environments that are worked on at the same time.
const AT_ONCE: usize = 16;
/// How long work in progress may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(8);
/// An environment that could neither be read nor ended is looked at again after this.
const UNREAD_AGAIN: Duration = Duration::from_secs(30);
/// How often the operator's key is asked for until it gives up, for its Pod to be started anew.
const TRIES: u32 = 3;
/// After so long.
const TRIED_AGAIN: Duration = Duration::from_secs(2);
/// When remains are looked at again that were not gone: soon at first, and ever more rarely.
const SWEPT_AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

/// What the operator is started with.
pub struct Options {
    /// What passes work by.
    pub settings: Settings,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
    /// Whether it stands by while another operator leads: by which Lease, and under which name.
    pub candidate: Option<(ObjectName, String)>,
}

/// What the operator works with, whatever is behind it: an API server, or a simulation of one.
pub struct Operator {
    /// The client, which repeats nothing by itself and tells the clock of every answer.
    pub client: Client,
    /// The API server's time.
    pub clock: ServerClock,
    /// What passes work by.
    pub settings: Settings,
    /// Whether it works, and what is measured.
    pub health: http::Health,
}

/// Runs the operator until it is told to stop.
///
/// # Errors
///
/// If it cannot start: no cluster, no right to its own namespace, an address that is taken.
pub async fn run(
    config: Config,
    options: Options,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let (stop, stopped) = signal(stop);
    let clock = ServerClock::default();
    let candidate = match options.candidate {
        None => None,
        Some((lease, me)) => {
            let client = client(config.clone(), &clock, &Leadership::alone())?;
            let namespace = &options.settings.namespace;
            Some(Candidate::new(client, namespace, lease, me, clock.clone(), leader::since_boot))
        }
    };
    let leadership = candidate.as_ref().map_or_else(Leadership::alone, Candidate::leadership);
    let client = client(config, &clock, &leadership)?;
    let health = http::Health::default();
    let (address, server) = http::serve(options.listen, health.clone(), until(stopped.clone()))
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "health and metrics");
    let server = tokio::spawn(server);
    let operator = Operator { client, clock, settings: options.settings, health: health.clone() };
    match candidate {
        None => {
            health.metrics.leads();
            Box::pin(operate(operator, stopped)).await?;
        }
        Some(mut candidate) => {
            // Whoever stands by is as ready as it has to be.
            health.ready.store(true, Ordering::Relaxed);
            tokio::select! {
                () = candidate.campaign() => {
                    health.metrics.leads();
                    candidate.lead(Box::pin(operate(operator, stopped))).await?;
                }
                () = until(stopped.clone()) => {}
            }
        }
    }
    drop(stop);
    server.abort();
    tracing::info!("stopped");
    Ok(())
}

/// Works until `stopped` says so: watches, queue, passes.
///
/// # Errors
///
/// If the operator's key can be neither read nor made.
pub async fn operate(operator: Operator, stopped: watch::Receiver<bool>) -> Result<()> {
    let Operator { client, clock, settings, health: http::Health { ready, metrics } } = operator;
    let client = call::answered(client);
    // Whoever stood by was ready for that.
    ready.store(false, Ordering::Relaxed);
    let (key, policies) = tokio::select! {
        begun = begin(&client, &settings.namespace) => begun?,
        () = until(stopped.clone()) => return Ok(()),
    };
    if let Some(problem) = policies.problem() {
        tracing::error!("{}", problem.message);
    }
    let reporter = Reporter { controller: names::CONTROLLER.to_owned(), instance: None };
    let recorder = Recorder::new(client.clone(), reporter);
    let world = Arc::new(World::default());
    let ctx = Arc::new(Context::new(
        client.clone(),
        clock,
        Arc::clone(&world),
        recorder,
        metrics,
        settings,
        key,
        policies,
    ));

    let (queue, requests) = mpsc::unbounded_channel();
    let (vanished, sweeps) = mpsc::unbounded_channel();
    let watcher = Watcher::new(client.clone(), Arc::clone(&ctx), queue, vanished);
    let (store, environments) = watcher.environments();
    let mut tasks = vec![environments];
    let all = watcher::Config::default();
    let mine = all.clone().labels(names::ENVIRONMENT_UID_LABEL);
    tasks.push(watcher.start::<Namespace>(&mine, Wakes::OwnerAndNext));
    if ctx.settings.workload_watch {
        tasks.push(watcher.start::<Deployment>(&mine, Wakes::Owner));
        tasks.push(watcher.start::<StatefulSet>(&mine, Wakes::Owner));
        tasks.push(watcher.start::<DaemonSet>(&mine, Wakes::Owner));
        tasks.push(watcher.start::<Job>(&mine, Wakes::Owner));
    }
    tasks.push(watcher.start::<StagingGrant>(&all, Wakes::OfSource));
    tasks.push(watcher.start::<StagingClass>(&all, Wakes::Everyone));
    tokio::spawn({
        let (ctx, watcher) = (Arc::clone(&ctx), watcher.clone());
        async move { guard::watch(&ctx.client, &ctx.policies, || watcher.wake_everyone()).await }
    });

    let mut stopping = stopped.clone();
    tokio::select! {
        () = watcher.has_seen(tasks.len()) => {}
        _ = stopping.wait_for(|it| *it) => return Ok(()),
    }
    tokio::spawn(sweep(Arc::clone(&ctx), sweeps));
    tasks.push(tokio::spawn({
        let (ctx, watcher) = (Arc::clone(&ctx), watcher.clone());
        async move { sources::follow(&ctx, |behind| watcher.wake(behind)).await }
    }));
    watcher.look_for_remains();
    ready.store(true, Ordering::Relaxed);
    tracing::info!(environments = world.everyone().len(), "ready");

    let requests = own(requests, ctx.settings.shard.clone()).take_until(until(stopped.clone()));
    let (seats, now) = (Seats::new(AT_ONCE), store.clone());
    let passes = applier(
        |found: Arc<Readable>, ctx| {
            let namespace = found.meta().namespace.clone().unwrap_or_default();
            let (seat, stop) = (Arc::clone(&seats).take(namespace), until(stopped.clone()));
            let now = now.clone();
            Box::pin(async move {
                let _seat = tokio::select! {
                    seat = seat => seat,
                    () = stop => return Ok(Action::await_change()),
                };
                // As it is by now: it may have waited for long.
                match now.get(&ObjectRef::from_obj(&*found)) {
                    Some(found) => Box::pin(pass(found, ctx)).await,
                    None => Ok(Action::await_change()),
                }
            })
        },
        |found, error, ctx| match &found.0 {
            Ok(environment) => edge::again(environment, error, &ctx),
            Err(_) => Action::requeue(UNREAD_AGAIN),
        },
        Arc::clone(&ctx),
        store,
        requests,
        // How many work at a time, the seats say.
        controller::Config::default(),
    )
    .for_each(async |_| watcher.take_note_of_places());
    let grace = async {
        until(stopped.clone()).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = passes => {}
        () = grace => tracing::warn!("work in progress was cut off"),
    }
    for task in &tasks {
        task.abort();
    }
    Ok(())
}

/// What there has to be before it works: the key, and a first look at the policies on its account. One
/// trouble of the server is no reason to end.
async fn begin(client: &Client, namespace: &NamespaceName) -> Result<(OperatorKey, Policies)> {
    let mut left = TRIES;
    let key = loop {
        left -= 1;
        match key::load(client, namespace).await {
            Ok(key) => break key,
            Err(error) if left == 0 => return Err(error),
            Err(error) => tracing::warn!("{error:#}; trying again"),
        }
        tokio::time::sleep(TRIED_AGAIN).await;
    };
    Ok((key, Policies::new(guard::check_patiently(client).await)))
}

/// The client: with the API server's time read from its answers, without a retry policy of its own,
/// which would re-send any POST, and without writes while another operator leads.
fn client(mut config: Config, clock: &ServerClock, leadership: &Leadership) -> Result<Client> {
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config)?;
    Ok(builder.with_layer(&clock.layer()).with_layer(&leadership.fence()).build())
}

async fn pass(found: Arc<Readable>, ctx: Arc<Context>) -> Result<Action, Error> {
    match &found.0 {
        Ok(environment) => {
            let span = tracing::info_span!(
                "pass",
                namespace = environment.namespace().unwrap_or_default(),
                environment = environment.name_any(),
            );
            let environment = Arc::new(environment.clone());
            tracing::Instrument::instrument(edge::pass(environment, ctx), span).await
        }
        Err(it) => edge::unreadable::pass(it, &found.object_ref(&()), &ctx).await,
    }
}

/// Looks for what is left of environments that are no more: at the start, whenever one that
/// had a target vanishes, and again while something of it is there.
async fn sweep(ctx: Arc<Context>, mut wanted: mpsc::UnboundedReceiver<()>) {
    let (soon, rarely) = SWEPT_AGAIN;
    while wanted.recv().await.is_some() {
        let mut pause = soon;
        loop {
            // One look is for all who have asked for it by now.
            while wanted.try_recv().is_ok() {
                pause = soon;
            }
            if edge::sweep(&ctx).await {
                break;
            }
            pause = match tokio::time::timeout(pause, wanted.recv()).await {
                Ok(Some(())) => soon,
                Ok(None) => return,
                Err(_) => rarely.min(pause * 2),
            };
        }
    }
}

/// Turns the end of a future into something that many can wait for.
fn signal(
    stop: impl Future<Output = ()> + Send + 'static,
) -> (watch::Sender<bool>, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    let told = sender.clone();
    tokio::spawn(async move {
        stop.await;
        tracing::info!("stopping");
        let _ = told.send(true);
    });
    (sender, receiver)
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|it| *it).await;
}

/// Who is to be looked at, as far as they are this operator's.
fn own(
    mut queue: mpsc::UnboundedReceiver<ObjectRef<Readable>>,
    shard: Shard,
) -> impl Stream<Item = Result<ObjectRef<Readable>, std::convert::Infallible>> {
    futures::stream::poll_fn(move |context| queue.poll_recv(context))
        .filter(move |it| {
            std::future::ready(shard.holds(it.namespace.as_deref().unwrap_or_default()))
        })
        .map(Ok)
}
