//! What watches say, and whom it wakes: environments, and all that decisions about them depend on.

use std::{
    collections::HashSet,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::StreamExt;
use kube::{
    Client, Resource, ResourceExt,
    api::ObjectMeta,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher::{self, Event},
    },
};
use kulisse_core::api::names;
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use crate::{
    controller::{
        context::Context,
        world::{Relist, Watched},
    },
    readable::Readable,
    watches::follow,
};

/// Who is to be looked at.
pub type Queue = mpsc::UnboundedSender<ObjectRef<Readable>>;

/// Whom an event wakes.
#[derive(Clone, Copy)]
pub enum Wakes {
    /// The environment that the object belongs to.
    Owner,
    /// The same, and those whose turn it is to have a target.
    OwnerAndNext,
    /// Those that are made of the namespace that the object, a grant, lies in. Its owners may change it as often
    /// as they like.
    OfSource,
    /// All: who may change a class answers for the cluster.
    Everyone,
}

/// Tells what is known of what watches say, and wakes whom it concerns.
#[derive(Clone)]
pub struct Watcher {
    client: Client,
    ctx: Arc<Context>,
    queue: Queue,
    /// Told when what is left of somebody is to be looked for.
    vanished: mpsc::UnboundedSender<()>,
    /// Which watches have said all there is.
    lists: Arc<Lists>,
}

impl Watcher {
    /// Of what is watched by this client.
    pub fn new(
        client: Client,
        ctx: Arc<Context>,
        queue: Queue,
        vanished: mpsc::UnboundedSender<()>,
    ) -> Self {
        Self { client, ctx, queue, vanished, lists: Arc::default() }
    }

    /// Waits until so many watches have said all there is: nothing is decided before all that decisions
    /// depend on has been seen once.
    pub async fn has_seen(&self, watches: usize) {
        self.lists.complete(watches).await;
    }

    /// Wakes these, as far as they are known.
    pub fn wake(&self, uids: &[String]) {
        for (namespace, name) in uids.iter().filter_map(|uid| self.ctx.world.whose(uid)) {
            let _ = self.queue.send(ObjectRef::new(&name).within(&namespace));
        }
    }

    /// Wakes those whose turn it is to have a place.
    fn wake_next(&self) {
        self.wake(&self.ctx.places.next(&self.ctx.world));
    }

    /// After a pass: a place that it gave back is told by no watch.
    pub fn take_note_of_places(&self) {
        if self.ctx.places.freed() {
            self.wake_next();
        }
    }

    /// Wakes all.
    pub fn wake_everyone(&self) {
        for (namespace, name) in self.ctx.world.everyone() {
            let _ = self.queue.send(ObjectRef::new(&name).within(&namespace));
        }
    }

    /// Has somebody look for what is left.
    pub fn look_for_remains(&self) {
        let _ = self.vanished.send(());
    }

    /// Watches environments, with a store for the queue.
    pub fn environments(&self) -> (Store<Readable>, JoinHandle<()>) {
        let (store, writer) = reflector::store::<Readable>();
        let stream = follow(self.client.clone(), watcher::Config::default())
            .modify(|it: &mut Readable| slim(it.meta_mut()))
            .reflect(writer);
        let (this, listed) = (self.clone(), store.clone());
        let task = tokio::spawn(async move {
            futures::pin_mut!(stream);
            let (mut first, mut list, mut there) = (true, Vec::new(), HashSet::new());
            while let Some(event) = stream.next().await {
                match event {
                    Ok(Event::Apply(it)) => {
                        this.place(&it);
                        // Its status may say that it has a place no more.
                        this.wake_next();
                        let _ = this.queue.send(ObjectRef::from_obj(&it));
                    }
                    Ok(Event::Delete(it)) => this.leave(&it.uid().unwrap_or_default()),
                    Ok(Event::Init) => {
                        list.clear();
                        there.clear();
                    }
                    // The store changes over to a new list as a whole: what is in it and was not known is
                    // looked at then.
                    Ok(Event::InitApply(it)) => {
                        this.place(&it);
                        there.insert(it.uid().unwrap_or_default());
                        let at = ObjectRef::from_obj(&it);
                        let known = listed.get(&at).and_then(|it| it.resource_version());
                        if known.is_none() || known != it.resource_version() {
                            list.push(at);
                        }
                    }
                    Ok(Event::InitDone) => {
                        let known = this.ctx.world.all().into_iter();
                        known.filter(|uid| !there.contains(uid)).for_each(|uid| this.leave(&uid));
                        for it in list.drain(..) {
                            let _ = this.queue.send(it);
                        }
                        this.lists.done(&mut first);
                    }
                    Err(error) => tracing::warn!(%error, "the watch of environments"),
                }
                this.ctx.metrics.environments(listed.len());
            }
        });
        (store, task)
    }

    /// Watches another kind.
    pub fn start<K>(&self, config: &watcher::Config, wakes: Wakes) -> JoinHandle<()>
    where
        K: Watched + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let stream = follow::<K>(self.client.clone(), config.clone());
        let this = self.clone();
        tokio::spawn(async move {
            futures::pin_mut!(stream);
            let (mut relist, mut first) = (Relist::default(), true);
            while let Some(event) = stream.next().await {
                match event {
                    Ok(event) => {
                        let concerned = this.ctx.world.take(&event, &mut relist);
                        this.tell(wakes, &concerned);
                        if matches!(event, Event::InitDone) {
                            this.lists.done(&mut first);
                        }
                    }
                    Err(error) => tracing::warn!(%error, kind = %K::kind(&()), "a watch"),
                }
            }
        })
    }

    fn tell(&self, wakes: Wakes, concerned: &[String]) {
        let world = &self.ctx.world;
        match wakes {
            Wakes::Owner => self.wake(concerned),
            Wakes::OwnerAndNext | Wakes::Everyone if concerned.is_empty() => {}
            // A target that is gone leaves a place to somebody else.
            Wakes::OwnerAndNext => {
                self.wake(concerned);
                self.wake_next();
                let is_nobodys = |uid: &String| world.whose(uid).is_none() && world.has_target(uid);
                // Its environment went while it was being made: a deletion that came at the same time
                // as our finalizer has not seen that.
                if concerned.iter().any(is_nobodys) {
                    self.look_for_remains();
                }
            }
            Wakes::OfSource => {
                let places = &self.ctx.places;
                for source in concerned {
                    self.wake(&places.of_source(source));
                }
            }
            Wakes::Everyone => self.wake_everyone(),
        }
    }

    /// Remembers where an environment is.
    fn place(&self, it: &Readable) {
        let ctx = &self.ctx;
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
    fn leave(&self, uid: &str) {
        let ctx = &self.ctx;
        ctx.forget(uid);
        if ctx.world.has_target(uid) {
            self.look_for_remains();
        }
        self.wake_next();
    }
}

/// Drops what nothing is decided by: all environments are kept in memory, and whoever has one may write much
/// into its annotations.
fn slim(meta: &mut ObjectMeta) {
    let ours = |key: &str| key.split_once('/').is_some_and(|(group, _)| group == names::GROUP);
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| ours(key));
    }
}

/// Counts first lists.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_annotations_of_an_environment_those_that_ask_for_something_are_kept() {
        let keys =
            [names::EXTEND_ANNOTATION, "kubectl.kubernetes.io/last-applied-configuration", "x"];
        let annotations = keys.map(|it| (it.to_owned(), String::new()));
        let mut meta =
            ObjectMeta { annotations: Some(annotations.into()), ..ObjectMeta::default() };
        slim(&mut meta);
        let kept: Vec<String> = meta.annotations.unwrap_or_default().into_keys().collect();
        assert_eq!(kept, [names::EXTEND_ANNOTATION]);
    }
}
