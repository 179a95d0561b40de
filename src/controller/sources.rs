//! Follows what was cloned: once for all environments of a source, and only from afar.
//!
//! ```text
//! each interval   metadata of all objects ─► versions that are new ─► those objects ─► marks
//!                                                                                       │
//! pass  ◄── woken, unless it was compared with this state already  ◄── one mark for all ◄┘
//! ```
//!
//! What is kept of a source is a version and a hash for each object. What an environment was compared
//! with stands in its status, so that nothing is compared again after a restart. An environment that is
//! not at rest follows nothing; a source that nobody follows is not looked at.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ObjectMeta},
};
use kulisse_core::{
    api::{condition::Reason, identity::NamespaceName},
    lifecycle::Problem,
    plan::{
        capture::{Capture, marks},
        kinds::{self, Action, Shape},
        object::Key,
    },
};
use tokio::{sync::OnceCell, time::Instant};

use super::{
    call::{bounded, call, call_list, call_secret, pages_of},
    capture::{self, ESSENTIAL, Room, is_secret},
    context::Context,
    error::Error,
};

/// How often it is asked whose time has come.
const TICK: Duration = Duration::from_secs(1);
/// Sources that are looked at at the same time.
const SOURCES: usize = 2;
/// Kinds that are listed at the same time.
const KINDS: usize = 8;
/// So many changed objects of a kind are read one by one; more are read as a list.
const FEW: usize = 4;
/// So many looks in a row have to fail until it is said: an API server is restarted now and then.
const BLIND_AFTER: u32 = 2;
/// What is known of a source is kept for so long after the last that followed it.
const KEPT: Duration = Duration::from_mins(30);

/// The sources of all environments that are at rest.
#[derive(Default)]
pub struct Sources(Mutex<HashMap<NamespaceName, Source>>);

/// A source that is followed.
#[derive(Default)]
struct Source {
    /// Who follows it, by UID.
    followers: HashMap<String, Follower>,
    /// When it is looked at next.
    next: Option<Instant>,
    /// Whether it is being looked at.
    looked_at: bool,
    /// Its objects, as far as they were read.
    objects: Versions,
    /// The mark of all of them, once it was looked at.
    mark: Option<String>,
    /// How many looks have failed since one that did not.
    failures: u32,
    /// Why it cannot be looked at.
    blind: Option<Problem>,
    /// The whole of it in that state, for those that have to be compared with it.
    capture: Arc<OnceCell<Arc<Capture>>>,
}

/// An environment that follows a source.
struct Follower {
    interval: Duration,
    compared: String,
}

type Versions = BTreeMap<Key, Version>;

/// An object in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    version: String,
    marks: Vec<String>,
}

impl Sources {
    fn all(&self) -> MutexGuard<'_, HashMap<NamespaceName, Source>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark of a source as it was looked at last.
    pub fn mark(&self, source: &NamespaceName) -> Option<String> {
        self.all().get(source)?.mark.clone()
    }

    /// Why a source cannot be looked at, where it was tried more than once.
    pub fn blind(&self, source: &NamespaceName) -> Option<Problem> {
        self.all().get(source)?.blind.clone()
    }

    /// Takes note that an environment is at rest, and of what it was compared with.
    pub fn follow(&self, uid: &str, source: &NamespaceName, interval: Duration, compared: &str) {
        let follower = Follower { interval, compared: compared.to_owned() };
        let mut all = self.all();
        let it = all.entry(source.clone()).or_default();
        it.followers.insert(uid.to_owned(), follower);
        let next = Instant::now() + interval;
        it.next = Some(it.next.map_or(next, |known| known.min(next)));
        it.let_go();
    }

    /// Takes note that an environment is not at rest, or not there any more.
    pub fn leave(&self, uid: &str) {
        for source in self.all().values_mut() {
            if source.followers.remove(uid).is_some() {
                source.let_go();
            }
        }
    }

    /// Whose time has come.
    fn due(&self, now: Instant) -> Vec<NamespaceName> {
        let mut all = self.all();
        all.retain(|_, it| {
            let forgotten = it.next.is_none_or(|next| now >= next + KEPT);
            !(it.followers.is_empty() && forgotten)
        });
        let due = all.iter_mut().filter_map(|(name, it)| {
            let interval = it.followers.values().map(|it| it.interval).min()?;
            if it.looked_at || it.next.is_some_and(|next| next > now) {
                return None;
            }
            it.looked_at = true;
            it.next = Some(now + interval);
            Some(name.clone())
        });
        due.collect()
    }

    /// Takes in what was seen. Answers whom it concerns, and whether it is another state.
    fn seen(&self, source: &NamespaceName, objects: Versions) -> (Vec<String>, bool) {
        let mut all = self.all();
        let Some(it) = all.get_mut(source) else { return (Vec::new(), false) };
        let mark = marks::together(objects.values().flat_map(|it| &it.marks).map(String::as_str));
        it.looked_at = false;
        it.objects = objects;
        it.failures = 0;
        let sighted = it.blind.take().is_some();
        let other = it.mark.as_ref() != Some(&mark);
        if other {
            it.capture = Arc::default();
        }
        let behind = it.followers.iter().filter(|(_, it)| sighted || it.compared != mark);
        let behind = behind.map(|(uid, _)| uid.clone()).collect();
        it.mark = Some(mark);
        (behind, other)
    }

    /// Takes in that a source could not be looked at. Answers who has to say so.
    fn missed(&self, source: &NamespaceName, why: Problem) -> Vec<String> {
        let mut all = self.all();
        let Some(it) = all.get_mut(source) else { return Vec::new() };
        it.looked_at = false;
        it.failures = it.failures.saturating_add(1);
        let known = it.blind.as_ref().is_some_and(|known| known.reason == why.reason);
        if it.failures < BLIND_AFTER || known {
            return Vec::new();
        }
        it.blind = Some(why);
        it.followers.keys().cloned().collect()
    }

    fn known(&self, source: &NamespaceName) -> Versions {
        self.all().get(source).map(|it| it.objects.clone()).unwrap_or_default()
    }

    /// What was read of a source is not to be used any more.
    pub fn forget(&self, source: &NamespaceName) {
        if let Some(it) = self.all().get_mut(source) {
            it.capture = Arc::default();
        }
    }

    /// Nor is its mark, which says nothing about kinds that could not be read: whoever was compared with
    /// less than all of it is compared anew after the next look.
    pub fn doubt(&self, source: &NamespaceName) {
        if let Some(it) = self.all().get_mut(source) {
            it.mark = None;
            it.capture = Arc::default();
        }
    }

    /// The whole of a source, not older than its mark: read once for all that are compared with it.
    pub async fn capture(
        &self,
        source: &NamespaceName,
        ctx: &Context,
    ) -> Result<Arc<Capture>, Error> {
        let cell = self.all().get(source).map(|it| Arc::clone(&it.capture)).unwrap_or_default();
        cell.get_or_try_init(|| capture::capture(source, ctx)).await.cloned()
    }
}

impl Source {
    /// The whole of a source is kept only while somebody has to be compared with it.
    fn let_go(&mut self) {
        if self.followers.values().all(|it| Some(&it.compared) == self.mark.as_ref()) {
            self.capture = Arc::default();
        }
    }
}

/// Looks at sources, each in its time, and has those environments woken that were not compared with
/// what is seen.
pub async fn follow(ctx: &Context, wake: impl Fn(&[String])) {
    // One that answers slowly keeps one of the places, and no more.
    let ticks = stream::unfold((), async |()| {
        tokio::time::sleep(TICK).await;
        ctx.metrics.drifted(&ctx.drifts.sum());
        Some((ctx.sources.due(Instant::now()), ()))
    });
    let looks = ticks.flat_map(stream::iter).for_each_concurrent(SOURCES, |source| {
        let wake = &wake;
        async move {
            match look(&source, &ctx.sources.known(&source), ctx).await {
                Ok(objects) => {
                    let (behind, other) = ctx.sources.seen(&source, objects);
                    ctx.metrics.looked(if other { "changed" } else { "unchanged" });
                    wake(&behind);
                }
                Err(error) => {
                    wake(&ctx.sources.missed(&source, error.told()));
                    ctx.metrics.looked("error");
                    tracing::warn!(%error, %source, "production was not looked at");
                }
            }
        }
    });
    looks.await;
}

/// The objects of a source as they are, of which those are read that are not known in this version.
async fn look(source: &NamespaceName, known: &Versions, ctx: &Context) -> Result<Versions, Error> {
    // What is being deleted loses one object after the other: that is no news of production.
    let api: Api<Namespace> = Api::all(ctx.client.clone());
    let what = format!("get Namespace {source}");
    let there = call(&what, || api.get_metadata_opt(source.as_str())).await?;
    if there.is_none_or(|it| it.metadata.deletion_timestamp.is_some()) {
        let message = format!("namespace {source} is not there any more, or is going");
        return Err(Error::problem(Reason::SourceGone, message));
    }
    let kinds = ctx.kinds.listable(&ctx.client).await?;
    let kinds = kinds.into_iter().filter(|it| marks::is_marked(&it.group, &it.kind));
    // What is listed is read again where it has changed, and that counts by itself.
    let rooms = &(Room::default(), Room::default());
    let found: Vec<Versions> = stream::iter(kinds)
        .map(|kind| async move { of_kind(source, &kind, known, rooms, ctx).await })
        .buffer_unordered(KINDS)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

async fn of_kind(
    source: &NamespaceName,
    kind: &ApiResource,
    known: &Versions,
    (listed, room): &(Room, Room),
    ctx: &Context,
) -> Result<Versions, Error> {
    let mine = |key: &Key| key.group == kind.group && key.kind == kind.kind;
    let of = |name: String| Key { group: kind.group.clone(), kind: kind.kind.clone(), name };
    let there = match metadata(source, kind, listed, ctx).await {
        Ok(there) => there,
        Err(error) if error.code() == 503 => {
            let before = known.iter().filter(|(key, _)| mine(key));
            return Ok(before.map(|(key, it)| (key.clone(), it.clone())).collect());
        }
        Err(error)
            if matches!(error.code(), 403..=405) && !ESSENTIAL.contains(&kind.kind.as_str()) =>
        {
            return Ok(Versions::new());
        }
        Err(error) if error.code() == 403 => {
            return Err(capture::not_readable(source, &ctx.settings.account));
        }
        Err(error) => return Err(error),
    };
    let mut versions = Versions::new();
    let mut changed = Vec::new();
    for meta in there {
        let version = meta.resource_version.clone().unwrap_or_default();
        let key = of(meta.name.clone().unwrap_or_default());
        if let Some(same) = known.get(&key).filter(|it| it.version == version) {
            versions.insert(key, same.clone());
        } else if is_made(kind, &meta) {
            versions.insert(key, Version { version, marks: Vec::new() });
        } else {
            changed.push(key.name);
        }
    }
    let client = bounded(ctx.client.clone());
    let api: Api<DynamicObject> = Api::namespaced_with(client, source.as_str(), kind);
    let read = if changed.len() > FEW {
        capture::listed(source, kind, room, &api).await?
    } else {
        let get = |name: String| {
            let api = &api;
            async move {
                let what = format!("get {}/{name} in {source}", kind.kind);
                if is_secret(kind) {
                    call_secret(&what, || api.get_opt(&name)).await
                } else {
                    call(&what, || api.get_opt(&name)).await
                }
            }
        };
        let read: Vec<Option<DynamicObject>> =
            stream::iter(changed).map(get).buffered(FEW).try_collect().await?;
        read.into_iter().flatten().collect()
    };
    for object in read {
        let key = of(object.name_any());
        let version = object.resource_version().unwrap_or_default();
        versions.insert(key, Version { version, marks: marks_of(object, kind, ctx)? });
    }
    Ok(versions)
}

/// The marks of an object, and of the values of a Secret.
fn marks_of(
    object: DynamicObject,
    kind: &ApiResource,
    ctx: &Context,
) -> Result<Vec<String>, Error> {
    if is_secret(kind) {
        let (object, opened) = capture::parted(object, kind)?;
        let values = marks::of_values(&opened, &ctx.key);
        return Ok(marks::mark(&object).into_iter().chain([values]).collect());
    }
    Ok(marks::mark(&capture::untyped(object, kind)?).into_iter().collect())
}

async fn metadata(
    source: &NamespaceName,
    kind: &ApiResource,
    room: &Room,
    ctx: &Context,
) -> Result<Vec<ObjectMeta>, Error> {
    let client = bounded(ctx.client.clone());
    let api: Api<DynamicObject> = Api::namespaced_with(client, source.as_str(), kind);
    let what = format!("list the metadata of {} in {source}", kind.plural);
    let (api, what) = (&api, &what);
    let list = |params| async move {
        let mut page = call_list(what, || api.list_metadata(&params)).await?;
        page.items.iter_mut().for_each(|it| slim(&mut it.metadata));
        room.take_metadata(source, kind, &page.items)?;
        Ok(page)
    };
    let found = pages_of(list).await?;
    Ok(found.into_iter().map(|it| it.metadata).collect())
}

/// Leaves what is looked at: whoever owns a source may write much beside it.
fn slim(meta: &mut ObjectMeta) {
    *meta = ObjectMeta {
        name: meta.name.take(),
        resource_version: meta.resource_version.take(),
        owner_references: meta.owner_references.take(),
        ..ObjectMeta::default()
    };
}

/// Whether a controller makes it from another object, which is what counts then.
fn is_made(kind: &ApiResource, meta: &ObjectMeta) -> bool {
    let owned = meta.owner_references.iter().flatten().any(|it| it.controller == Some(true));
    let counts = kinds::named(&kind.group, &kind.kind)
        .is_some_and(|it| it.shape == Shape::Pod || it.action == Action::Clone);
    owned && !counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> NamespaceName {
        NamespaceName::parse("shop").unwrap()
    }

    fn versions(mark: &str) -> Versions {
        let key = Key { group: String::new(), kind: "ConfigMap".into(), name: "a".into() };
        [(key, Version { version: "1".into(), marks: vec![mark.to_owned()] })].into()
    }

    fn followed(intervals: &[u64]) -> Sources {
        let sources = Sources::default();
        for (at, seconds) in intervals.iter().enumerate() {
            let interval = Duration::from_secs(*seconds);
            sources.follow(&at.to_string(), &name(), interval, "");
        }
        sources
    }

    #[test]
    fn a_source_is_looked_at_as_often_as_the_most_curious_of_its_environments_wants() {
        let sources = followed(&[600, 60, 300]);
        let now = Instant::now();
        assert!(sources.due(now + Duration::from_secs(50)).is_empty());
        let later = now + Duration::from_secs(61);
        assert_eq!(sources.due(later), [name()]);
        sources.seen(&name(), versions("a"));
        assert!(sources.due(later + Duration::from_secs(59)).is_empty(), "once for all of them");
        assert_eq!(sources.due(later + Duration::from_mins(1)), [name()]);
    }

    #[test]
    fn a_source_that_answers_slowly_is_not_looked_at_twice_at_once() {
        let sources = followed(&[60]);
        let minutes = |count| Instant::now() + Duration::from_mins(count);
        assert_eq!(sources.due(minutes(2)), [name()]);
        assert!(sources.due(minutes(4)).is_empty(), "nobody has answered yet");
        sources.missed(&name(), Problem::new(Reason::SourceNotReadable, "too slow"));
        assert_eq!(sources.due(minutes(6)), [name()]);
    }

    #[test]
    fn a_source_that_nobody_follows_is_not_looked_at_and_forgotten_in_time() {
        let sources = followed(&[60]);
        sources.seen(&name(), versions("a"));
        sources.leave("0");
        let later = Instant::now() + Duration::from_mins(2);
        assert!(sources.due(later).is_empty());
        assert!(sources.mark(&name()).is_some());
        assert!(sources.due(later + KEPT).is_empty());
        assert!(sources.mark(&name()).is_none());
    }

    #[test]
    fn what_cannot_be_looked_at_is_said_once_and_so_is_that_it_can() {
        let sources = followed(&[60]);
        let mark = |sources: &Sources| sources.mark(&name()).unwrap_or_default();
        sources.seen(&name(), versions("a"));
        sources.follow("0", &name(), Duration::from_mins(1), &mark(&sources));
        let why = || Problem::new(Reason::SourceNotReadable, "no rights");
        assert!(sources.missed(&name(), why()).is_empty(), "once is nothing");
        assert!(sources.blind(&name()).is_none());
        assert_eq!(sources.missed(&name(), why()), ["0"]);
        assert_eq!(sources.blind(&name()), Some(why()));
        assert!(sources.missed(&name(), why()).is_empty(), "it was said");
        assert_eq!(sources.seen(&name(), versions("a")), (vec!["0".to_owned()], false));
        assert!(sources.blind(&name()).is_none());
    }

    #[test]
    fn whoever_was_compared_with_less_than_all_is_woken_by_the_next_look_though_nothing_has_changed()
     {
        let sources = followed(&[60, 60]);
        sources.seen(&name(), versions("a"));
        let mark = sources.mark(&name()).unwrap();
        sources.doubt(&name());
        assert!(sources.mark(&name()).is_none(), "nobody is compared with it before");
        sources.follow("0", &name(), Duration::from_mins(1), "");
        sources.follow("1", &name(), Duration::from_mins(1), &mark);
        assert_eq!(sources.seen(&name(), versions("a")).0, ["0"]);
        assert_eq!(sources.mark(&name()), Some(mark));
    }

    #[test]
    fn those_are_woken_that_were_not_compared_with_what_is_seen() {
        let sources = followed(&[60, 60]);
        let (mut behind, other) = sources.seen(&name(), versions("a"));
        behind.sort();
        assert_eq!((behind, other), (vec!["0".to_owned(), "1".to_owned()], true));
        let mark = sources.mark(&name()).unwrap();
        let interval = Duration::from_mins(1);
        sources.follow("0", &name(), interval, &mark);
        assert_eq!(sources.seen(&name(), versions("a")), (vec!["1".to_owned()], false));
    }
}
