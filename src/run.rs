//! The composition root of the operator: client, watches, queue, HTTP, shutdown.

use std::{
    collections::HashSet,
    fmt::Debug,
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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
    Api, Client, Config, Resource, ResourceExt,
    client::ClientBuilder,
    runtime::{
        WatchStreamExt,
        controller::{self, Action, applier},
        events::{Recorder, Reporter},
        reflector::{self, ObjectRef, Store},
        watcher::{self, Event},
    },
};
use kulisse_core::api::{class::StagingClass, grant::StagingGrant, identity::ObjectName, names};
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    controller::{
        self as edge, call,
        clock::ServerClock,
        context::{Context, Settings},
        error::Error,
        guard, sources,
        world::{Relist, Watched, World},
    },
    key,
    leader::{self, Candidate, Leadership},
    readable::Readable,
    seats::Seats,
    shard::Shard,
    telemetry::http,
    watches::follow,
};

/// Environments that are worked on at the same time.
const AT_ONCE: usize = 16;
/// How long work in progress may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(8);
/// An environment that could neither be read nor ended is looked at again after this.
const UNREAD_AGAIN: Duration = Duration::from_secs(30);

type Queue = mpsc::UnboundedSender<ObjectRef<Readable>>;

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
    let key = key::load(&client, &settings.namespace).await?;
    let fenced = guard::check_patiently(&client).await;
    if !fenced {
        tracing::error!("{}", guard::missing().message);
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
        fenced,
    ));

    let (queue, requests) = mpsc::unbounded_channel();
    let lists = Arc::new(Lists::default());
    let (vanished, sweeps) = mpsc::unbounded_channel();
    let (store, environments) = environments(&client, &ctx, &queue, &lists, vanished.clone());
    let mut watches = vec![tokio::spawn(environments)];
    let all = watcher::Config::default();
    let mine = all.clone().labels(names::ENVIRONMENT_UID_LABEL);
    let watcher_of =
        Watcher { client: &client, ctx: &ctx, queue: &queue, lists: &lists, vanished: &vanished };
    watches.push(watcher_of.start::<Namespace>(&mine, Wakes::OwnerAndNext));
    if ctx.settings.workload_watch {
        watches.push(watcher_of.start::<Deployment>(&mine, Wakes::Owner));
        watches.push(watcher_of.start::<StatefulSet>(&mine, Wakes::Owner));
        watches.push(watcher_of.start::<DaemonSet>(&mine, Wakes::Owner));
        watches.push(watcher_of.start::<Job>(&mine, Wakes::Owner));
    }
    watches.push(watcher_of.start::<StagingGrant>(&all, Wakes::Everyone));
    watches.push(watcher_of.start::<StagingClass>(&all, Wakes::Everyone));
    tokio::spawn({
        let (ctx, queue) = (Arc::clone(&ctx), queue.clone());
        async move { guard::watch(&ctx, || wake_everyone(&ctx.world, &queue)).await }
    });

    let mut stopping = stopped.clone();
    tokio::select! {
        () = lists.complete(watches.len()) => {}
        _ = stopping.wait_for(|it| *it) => return Ok(()),
    }
    tokio::spawn(sweep(Arc::clone(&ctx), sweeps));
    watches.push(tokio::spawn({
        let (ctx, queue) = (Arc::clone(&ctx), queue.clone());
        async move { sources::follow(&ctx, |behind| wake(&ctx.world, &queue, behind)).await }
    }));
    let _ = vanished.send(());
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
    .for_each(|_| async {});
    let grace = async {
        until(stopped.clone()).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = passes => {}
        () = grace => tracing::warn!("work in progress was cut off"),
    }
    for task in &watches {
        task.abort();
    }
    Ok(())
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

/// The watch of environments, with a store for the queue.
fn environments(
    client: &Client,
    ctx: &Arc<Context>,
    queue: &Queue,
    lists: &Arc<Lists>,
    vanished: mpsc::UnboundedSender<()>,
) -> (Store<Readable>, impl Future<Output = ()> + use<>) {
    let (store, writer) = reflector::store::<Readable>();
    let api: Api<Readable> = Api::all(client.clone());
    let stream = follow(api, watcher::Config::default())
        .modify(|it| it.meta_mut().managed_fields = None)
        .reflect(writer);
    let (ctx, queue, lists) = (Arc::clone(ctx), queue.clone(), Arc::clone(lists));
    let listed = store.clone();
    let task = async move {
        futures::pin_mut!(stream);
        let (mut first, mut list, mut there) = (true, Vec::new(), HashSet::new());
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Apply(it)) => {
                    place(&ctx, &it);
                    let _ = queue.send(ObjectRef::from_obj(&it));
                }
                Ok(Event::Delete(it)) => {
                    leave(&ctx, &it.uid().unwrap_or_default(), &vanished, &queue);
                }
                Ok(Event::Init) => {
                    list.clear();
                    there.clear();
                }
                // The store changes over to a new list as a whole: what is in it and was not known is
                // looked at then.
                Ok(Event::InitApply(it)) => {
                    place(&ctx, &it);
                    there.insert(it.uid().unwrap_or_default());
                    let at = ObjectRef::from_obj(&it);
                    let known = listed.get(&at).and_then(|it| it.resource_version());
                    if known.is_none() || known != it.resource_version() {
                        list.push(at);
                    }
                }
                Ok(Event::InitDone) => {
                    for uid in ctx.world.all().into_iter().filter(|uid| !there.contains(uid)) {
                        leave(&ctx, &uid, &vanished, &queue);
                    }
                    for it in list.drain(..) {
                        let _ = queue.send(it);
                    }
                    lists.done(&mut first);
                }
                Err(error) => tracing::warn!(%error, "the watch of environments"),
            }
            ctx.metrics.environments(listed.len());
        }
    };
    (store, task)
}

/// Remembers where an environment is.
fn place(ctx: &Context, it: &Readable) {
    let at = (it.namespace().unwrap_or_default(), it.name_any());
    let uid = it.uid().unwrap_or_default();
    ctx.world.place(&uid, at);
    if let Ok(environment) = &it.0 {
        ctx.places.tell(&uid, environment);
        if !ctx.settings.shard.holds(&environment.namespace().unwrap_or_default()) {
            ctx.places.believe(&uid, environment);
        }
        let urls = environment.status.as_ref().map_or(&[][..], |status| status.urls.as_slice());
        ctx.world.tell_urls(&uid, urls);
    }
}

/// Forgets an environment that is not there any more.
fn leave(ctx: &Context, uid: &str, vanished: &mpsc::UnboundedSender<()>, queue: &Queue) {
    ctx.world.forget(uid);
    ctx.failures.clear(uid);
    ctx.written.forget(uid);
    ctx.drop_plans(uid);
    ctx.places.forget(uid);
    ctx.sources.leave(uid);
    ctx.drifts.forget(uid);
    if ctx.world.has_target(uid) {
        let _ = vanished.send(());
    }
    wake(&ctx.world, queue, &ctx.places.next(&ctx.world));
}

/// Looks for what is left of environments that are no more: at the start, and whenever one that
/// had a target vanishes.
async fn sweep(ctx: Arc<Context>, mut wanted: mpsc::UnboundedReceiver<()>) {
    while wanted.recv().await.is_some() {
        // One look is for all who have asked for it by now.
        while wanted.try_recv().is_ok() {}
        edge::sweep(&ctx).await;
    }
}

/// Whom an event wakes.
#[derive(Clone, Copy)]
enum Wakes {
    /// The environment that the object belongs to.
    Owner,
    /// The same, and those whose turn it is to have a target.
    OwnerAndNext,
    /// All: grants and classes change rarely, and looking at one at rest costs nothing.
    Everyone,
}

struct Watcher<'a> {
    client: &'a Client,
    ctx: &'a Arc<Context>,
    queue: &'a Queue,
    lists: &'a Arc<Lists>,
    vanished: &'a mpsc::UnboundedSender<()>,
}

impl Watcher<'_> {
    fn start<K>(&self, config: &watcher::Config, wakes: Wakes) -> tokio::task::JoinHandle<()>
    where
        K: Watched + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let stream = follow(Api::<K>::all(self.client.clone()), config.clone());
        let (ctx, queue, lists) =
            (Arc::clone(self.ctx), self.queue.clone(), Arc::clone(self.lists));
        let (world, vanished) = (Arc::clone(&ctx.world), self.vanished.clone());
        tokio::spawn(async move {
            futures::pin_mut!(stream);
            let mut relist = Relist::default();
            let mut first = true;
            while let Some(event) = stream.next().await {
                match event {
                    Ok(event) => {
                        let concerned = world.take(&event, &mut relist);
                        match wakes {
                            Wakes::Owner => wake(&world, &queue, &concerned),
                            // A target that is gone leaves a place to somebody else.
                            Wakes::OwnerAndNext => {
                                wake(&world, &queue, &concerned);
                                wake(&world, &queue, &ctx.places.next(&world));
                                let is_nobodys = |uid: &String| {
                                    world.whose(uid).is_none() && world.has_target(uid)
                                };
                                // Its environment went while it was being made: a deletion that came
                                // at the same time as our finalizer has not seen that.
                                if concerned.iter().any(is_nobodys) {
                                    let _ = vanished.send(());
                                }
                            }
                            Wakes::Everyone if concerned.is_empty() => {}
                            Wakes::Everyone => wake_everyone(&world, &queue),
                        }
                        if matches!(event, Event::InitDone) {
                            lists.done(&mut first);
                        }
                    }
                    Err(error) => tracing::warn!(%error, kind = %K::kind(&()), "a watch"),
                }
            }
        })
    }
}

fn wake(world: &World, queue: &Queue, uids: &[String]) {
    for (namespace, name) in uids.iter().filter_map(|uid| world.whose(uid)) {
        let _ = queue.send(ObjectRef::new(&name).within(&namespace));
    }
}

fn wake_everyone(world: &World, queue: &Queue) {
    for (namespace, name) in world.everyone() {
        let _ = queue.send(ObjectRef::new(&name).within(&namespace));
    }
}

/// Counts first lists: nothing is decided before all that decisions depend on has been seen once.
#[derive(Default)]
struct Lists {
    complete: AtomicUsize,
    changed: Notify,
}

impl Lists {
    fn done(&self, first: &mut bool) {
        if std::mem::take(first) {
            self.complete.fetch_add(1, Ordering::SeqCst);
            self.changed.notify_waiters();
        }
    }

    async fn complete(&self, watches: usize) {
        loop {
            let changed = self.changed.notified();
            if self.complete.load(Ordering::SeqCst) >= watches {
                return;
            }
            changed.await;
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
