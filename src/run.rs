//! The composition root of the operator: client, watches, queue, HTTP, shutdown.

use std::{
    collections::HashSet,
    fmt::Debug,
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
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
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        controller::{self, Action, applier},
        events::{Recorder, Reporter},
        reflector::{self, ObjectRef, Store},
        watcher::{self, Event, watcher},
    },
};
use kulisse_core::api::{
    class::StagingClass, environment::StagingEnvironment, grant::StagingGrant, names,
};
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc, watch};
use tower::util::MapResponseLayer;

use crate::{
    controller::{
        self as edge,
        clock::ServerClock,
        context::{Context, Settings},
        error::Error,
        guard, sources,
        world::{Relist, Watched, World},
    },
    key,
    telemetry::{http, metrics::Metrics},
};

/// Environments that are worked on at the same time.
const AT_ONCE: u16 = 16;
/// How long work in progress may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(8);
/// An environment that could neither be read nor ended is looked at again after this.
const UNREAD_AGAIN: Duration = Duration::from_secs(30);
/// Watches that must have their first list before anything is done.
const WATCHES: usize = 8;

type Guarded = DeserializeGuard<StagingEnvironment>;
type Queue = mpsc::UnboundedSender<ObjectRef<Guarded>>;

/// What the operator is started with.
pub struct Options {
    /// What passes work by.
    pub settings: Settings,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
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
    let client = client(config, &clock)?;
    let metrics = Metrics::new();
    let ready = Arc::new(AtomicBool::new(false));
    let health = http::Health { ready: Arc::clone(&ready), metrics: Arc::clone(&metrics) };
    let (address, server) = http::serve(options.listen, health, until(stopped.clone()))
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "health and metrics");
    let server = tokio::spawn(server);

    let key = key::load(&client, &options.settings.namespace).await?;
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
        options.settings,
        key,
        fenced,
    ));

    let (queue, requests) = mpsc::unbounded_channel();
    let lists = Arc::new(Lists::default());
    let (vanished, sweeps) = mpsc::unbounded_channel();
    let (store, environments) = environments(&client, &ctx, &queue, &lists, vanished.clone());
    let mut watches = vec![tokio::spawn(environments)];
    let mine = watcher::Config::default().labels(names::ENVIRONMENT_UID_LABEL);
    let all = watcher::Config::default();
    let watcher_of = Watcher { client: &client, ctx: &ctx, queue: &queue, lists: &lists };
    watches.push(watcher_of.start::<Namespace>(&mine, Wakes::OwnerAndNext));
    watches.push(watcher_of.start::<Deployment>(&mine, Wakes::Owner));
    watches.push(watcher_of.start::<StatefulSet>(&mine, Wakes::Owner));
    watches.push(watcher_of.start::<DaemonSet>(&mine, Wakes::Owner));
    watches.push(watcher_of.start::<Job>(&mine, Wakes::Owner));
    watches.push(watcher_of.start::<StagingGrant>(&all, Wakes::Everyone));
    watches.push(watcher_of.start::<StagingClass>(&all, Wakes::Everyone));
    tokio::spawn({
        let (ctx, queue) = (Arc::clone(&ctx), queue.clone());
        async move { guard::watch(&ctx, || wake_everyone(&ctx.world, &queue)).await }
    });

    let mut stopping = stopped.clone();
    tokio::select! {
        () = lists.complete() => {}
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

    let requests = tokio_stream(requests).take_until(until(stopped.clone()));
    let config = controller::Config::default().concurrency(AT_ONCE);
    let passes = applier(
        |guarded, ctx| Box::pin(pass(guarded, ctx)),
        |guarded, error, ctx| match &guarded.0 {
            Ok(environment) => edge::again(environment, error, &ctx),
            Err(_) => Action::requeue(UNREAD_AGAIN),
        },
        Arc::clone(&ctx),
        store,
        requests,
        config,
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
    drop(stop);
    server.abort();
    tracing::info!("stopped");
    Ok(())
}

/// The client: with the API server's time read from its answers, and without a retry policy of its
/// own, which would re-send any POST.
fn client(mut config: Config, clock: &ServerClock) -> Result<Client> {
    config.default_retry = false;
    let clock = clock.clone();
    let layer = MapResponseLayer::new(move |answer: ::http::Response<_>| {
        clock.observe(answer.headers());
        answer
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build())
}

async fn pass(guarded: Arc<Guarded>, ctx: Arc<Context>) -> Result<Action, Error> {
    match &guarded.0 {
        Ok(environment) => {
            let span = tracing::info_span!(
                "pass",
                namespace = environment.namespace().unwrap_or_default(),
                environment = environment.name_any(),
            );
            let environment = Arc::new(environment.clone());
            tracing::Instrument::instrument(edge::pass(environment, ctx), span).await
        }
        Err(invalid) => {
            let about = guarded.object_ref(&());
            edge::unreadable::pass(&invalid.metadata, &about, &invalid.error, &ctx).await
        }
    }
}

/// The watch of environments, with a store for the queue.
fn environments(
    client: &Client,
    ctx: &Arc<Context>,
    queue: &Queue,
    lists: &Arc<Lists>,
    vanished: mpsc::UnboundedSender<()>,
) -> (Store<Guarded>, impl Future<Output = ()> + use<>) {
    let (store, writer) = reflector::store::<Guarded>();
    let api: Api<Guarded> = Api::all(client.clone());
    let stream = watcher(api, watcher::Config::default())
        .default_backoff()
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
                // The store changes over to a new list as a whole: what is in it is looked at then.
                Ok(Event::InitApply(it)) => {
                    place(&ctx, &it);
                    there.insert(it.uid().unwrap_or_default());
                    list.push(ObjectRef::from_obj(&it));
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
fn place(ctx: &Context, it: &Guarded) {
    let at = (it.namespace().unwrap_or_default(), it.name_any());
    let uid = it.uid().unwrap_or_default();
    ctx.world.place(&uid, at);
    if let Ok(environment) = &it.0 {
        ctx.places.tell(&uid, environment);
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
}

impl Watcher<'_> {
    fn start<K>(&self, config: &watcher::Config, wakes: Wakes) -> tokio::task::JoinHandle<()>
    where
        K: Watched + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let stream = watcher(Api::<K>::all(self.client.clone()), config.clone()).default_backoff();
        let (ctx, queue, lists) =
            (Arc::clone(self.ctx), self.queue.clone(), Arc::clone(self.lists));
        let world = Arc::clone(&ctx.world);
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

    async fn complete(&self) {
        loop {
            let changed = self.changed.notified();
            if self.complete.load(Ordering::SeqCst) >= WATCHES {
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

fn tokio_stream<T>(
    mut receiver: mpsc::UnboundedReceiver<T>,
) -> impl Stream<Item = Result<T, std::convert::Infallible>> {
    futures::stream::poll_fn(move |context| receiver.poll_recv(context)).map(Ok)
}
