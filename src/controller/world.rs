//! What the watches have seen: targets, the workloads and Jobs in them, grants and classes.
//!
//! Only a projection of each object is kept: a dozen words instead of kilobytes. ConfigMaps,
//! Secrets and the sources are never watched.

mod listed;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt, runtime::watcher::Event};
use kulisse_core::{
    api::{
        class::{StagingClass, StagingClassSpec},
        grant::{StagingGrant, StagingGrantSpec},
        names,
    },
    lifecycle::readiness::{Attempt, Form, Rollout},
    plan::object::Key,
};

/// UID of an environment.
pub type Uid = String;
/// Namespace and name of an environment.
pub type EnvironmentRef = (String, String);

/// Something in a namespace: whoever may label objects elsewhere must not be taken for a clone.
type Placed<N> = (String, N);

/// A workload, and the version of the object that it was read from.
#[derive(Clone, Debug, PartialEq)]
struct Versioned {
    rollout: Rollout,
    version: u64,
    /// Nobody has changed it since we wrote it.
    ours: bool,
}

/// What we have written of a workload and the watch has not brought yet.
struct Written {
    version: u64,
    form: Form,
}

/// What the watches have seen.
#[derive(Default)]
pub struct World(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    environments: HashMap<Uid, EnvironmentRef>,
    hosts: HashMap<Uid, Hosts>,
    namespaces: HashMap<Uid, BTreeMap<String, Namespace>>,
    workloads: HashMap<Uid, BTreeMap<Placed<Key>, Versioned>>,
    written: HashMap<Uid, BTreeMap<Placed<Key>, Written>>,
    attempts: HashMap<Uid, BTreeMap<Placed<String>, Attempt>>,
    listed: HashMap<Uid, BTreeMap<String, Timestamp>>,
    grants: HashMap<String, BTreeMap<String, StagingGrantSpec>>,
    classes: BTreeMap<String, Class>,
}

/// Preview hosts of an environment.
#[derive(Default)]
struct Hosts {
    /// As its status says.
    told: Vec<String>,
    /// Of a plan that its status need not know yet.
    claimed: Vec<String>,
}

/// A target, as far as it matters.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    /// Its UID.
    pub uid: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The proof that we made it.
    pub proof: Option<String>,
    /// The life it belongs to, as annotated.
    pub incarnation: Option<String>,
    /// Since when it is being deleted.
    pub leaving: Option<Timestamp>,
    /// Finalizers of its own, besides the one of Kubernetes.
    pub finalizers: Vec<String>,
    /// What the namespace controller says about what is left: type and message of its conditions.
    pub remains: Vec<(String, String)>,
}

/// A class.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// It is used when none is named.
    pub default: bool,
    /// What it says.
    pub spec: StagingClassSpec,
}

/// Something that is watched: how it is projected and where the projection is kept.
pub trait Watched: Resource<DynamicType = ()> + Sized {
    /// Takes the object in. Answers whether anything that matters has changed.
    fn put(&self, world: &World) -> bool;
    /// Takes the object out.
    fn drop_from(&self, world: &World);
    /// What all objects of this type are known by, to find those that a new list lacks.
    fn known(world: &World) -> Vec<(Uid, String)>;
    /// Takes out what is known by that.
    fn forget(world: &World, owner: &str, name: &str);
    /// What this object is known by.
    fn id(&self) -> (Uid, String) {
        (environment_uid(self.meta()), id(self.namespace().as_deref(), &self.name_any()))
    }
}

/// What an object is known by among those of one environment.
pub(super) fn id(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

/// A list in progress, to find what has vanished meanwhile.
#[derive(Default)]
pub struct Relist(HashSet<(Uid, String)>);

impl World {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an event of a watch. Answers the UIDs of environments that it concerns.
    pub fn take<K: Watched>(&self, event: &Event<K>, list: &mut Relist) -> Vec<Uid> {
        match event {
            Event::Init => {
                list.0.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                list.0.insert(object.id());
                concerned(object, object.put(self))
            }
            Event::Apply(object) => concerned(object, object.put(self)),
            Event::Delete(object) => {
                object.drop_from(self);
                concerned(object, true)
            }
            Event::InitDone => {
                let gone: Vec<(Uid, String)> =
                    K::known(self).into_iter().filter(|id| !list.0.contains(id)).collect();
                for (owner, name) in &gone {
                    K::forget(self, owner, name);
                }
                gone.into_iter().map(|(owner, _)| owner).collect()
            }
        }
    }

    /// Remembers where the environment with that UID is.
    pub fn place(&self, uid: &str, at: EnvironmentRef) {
        self.seen().environments.insert(uid.to_owned(), at);
    }

    /// Forgets an environment and all that was seen of it.
    pub fn forget(&self, uid: &str) {
        let mut seen = self.seen();
        seen.environments.remove(uid);
        seen.hosts.remove(uid);
        seen.workloads.remove(uid);
        seen.attempts.remove(uid);
        seen.written.remove(uid);
        seen.listed.remove(uid);
    }

    /// Remembers the preview URLs that the status of an environment names.
    pub fn tell_urls(&self, uid: &str, urls: &[String]) {
        self.seen().hosts.entry(uid.to_owned()).or_default().told = hosts(urls);
    }

    /// Takes the hosts of preview URLs for an environment, in place of those that it took before.
    ///
    /// # Errors
    ///
    /// If another environment has one of them: which host, and where that environment is.
    pub fn claim_urls(&self, uid: &str, urls: &[String]) -> Result<(), (String, EnvironmentRef)> {
        let hosts = hosts(urls);
        let mut seen = self.seen();
        let others = seen.hosts.iter().filter(|(other, _)| *other != uid);
        for (other, theirs) in others {
            let taken = theirs.told.iter().chain(&theirs.claimed).find(|it| hosts.contains(it));
            if let Some(host) = taken {
                let whose = seen.environments.get(other).cloned().unwrap_or_default();
                return Err((host.clone(), whose));
            }
        }
        seen.hosts.entry(uid.to_owned()).or_default().claimed = hosts;
        Ok(())
    }

    /// Lets go of the preview hosts of an environment without a target.
    pub fn release_urls(&self, uid: &str) {
        self.seen().hosts.remove(uid);
    }

    /// Where the environment with that UID is.
    pub fn whose(&self, uid: &str) -> Option<EnvironmentRef> {
        self.seen().environments.get(uid).cloned()
    }

    /// UIDs of all environments.
    pub fn all(&self) -> Vec<Uid> {
        self.seen().environments.keys().cloned().collect()
    }

    /// Where all environments are.
    pub fn everyone(&self) -> Vec<EnvironmentRef> {
        self.seen().environments.values().cloned().collect()
    }

    /// The namespace of that name among an environment's.
    pub fn namespace(&self, uid: &str, name: &str) -> Option<Namespace> {
        self.seen().namespaces.get(uid)?.get(name).cloned()
    }

    /// Whether an environment has a target.
    pub fn has_target(&self, uid: &str) -> bool {
        self.seen().namespaces.get(uid).is_some_and(|it| !it.is_empty())
    }

    /// The workloads of an environment in its target. What we have written since they were watched
    /// is not seen yet: such a workload counts as on its way.
    pub fn workloads(&self, uid: &str, target: &str) -> BTreeMap<Key, Rollout> {
        let seen = self.seen();
        let nothing = BTreeMap::new();
        let written = seen.written.get(uid).unwrap_or(&nothing);
        let mine = seen.workloads.get(uid).into_iter().flatten();
        mine.filter(|((namespace, _), _)| namespace == target)
            .map(|(at, it)| {
                let current = written.get(at).is_none_or(|wanted| it.version >= wanted.version);
                let (seen, ours) = (current && it.rollout.seen, it.ours || !current);
                (at.1.clone(), Rollout { seen, ours, ..it.rollout.clone() })
            })
            .collect()
    }

    /// How many workloads we have written in a target that the watch has not seen at all yet.
    pub fn unwatched(&self, uid: &str, target: &str) -> usize {
        let seen = self.seen();
        let watched = seen.workloads.get(uid);
        let written = seen.written.get(uid).into_iter().flat_map(BTreeMap::keys);
        written.filter(|at| at.0 == target && watched.is_none_or(|it| !it.contains_key(at))).count()
    }

    /// Remembers in which version we have written a workload.
    pub fn wrote(&self, uid: &str, target: &str, key: Key, made: &ObjectMeta) {
        // Versions that are no numbers cannot be compared: then the watch is believed.
        let Some(version) = made.resource_version.as_deref().and_then(|it| it.parse().ok()) else {
            return;
        };
        let (at, form) = ((target.to_owned(), key), Form::from(made));
        let mut seen = self.seen();
        let watched = seen.workloads.get_mut(uid).and_then(|it| it.get_mut(&at));
        match watched.filter(|it| it.version >= version) {
            Some(it) => it.ours = it.rollout.form == form,
            None => {
                let mine = seen.written.entry(uid.to_owned()).or_default();
                mine.insert(at, Written { version, form });
            }
        }
    }

    /// The attempt whose Job has that name, in an environment's target.
    pub fn attempt(&self, uid: &str, target: &str, job: &str) -> Option<Attempt> {
        let at = (target.to_owned(), job.to_owned());
        self.seen().attempts.get(uid)?.get(&at).cloned()
    }

    /// The grants in a source.
    pub fn grants(&self, source: &str) -> Vec<StagingGrantSpec> {
        self.seen().grants.get(source).map(|it| it.values().cloned().collect()).unwrap_or_default()
    }

    /// Names of all classes.
    pub fn class_names(&self) -> Vec<String> {
        self.seen().classes.keys().cloned().collect()
    }

    /// The class of that name.
    pub fn class(&self, name: &str) -> Option<Class> {
        self.seen().classes.get(name).cloned()
    }

    /// The class that is used when none is named: its name and itself. Of several, the first.
    pub fn default_class(&self) -> Option<(String, Class)> {
        let seen = self.seen();
        let found = seen.classes.iter().find(|(_, class)| class.default);
        found.map(|(name, class)| (name.clone(), class.clone()))
    }

    pub(super) fn put_namespace(&self, uid: &str, name: &str, namespace: Namespace) -> bool {
        put(&mut self.seen().namespaces, uid, name.to_owned(), namespace)
    }

    pub(super) fn known_namespaces(&self) -> Vec<(Uid, String)> {
        known(&self.seen().namespaces, Clone::clone)
    }

    pub(super) fn put_workload(
        &self,
        uid: &str,
        at: &Placed<Key>,
        rollout: Rollout,
        version: Option<&str>,
    ) -> bool {
        let version = version.and_then(|it| it.parse().ok()).unwrap_or(u64::MAX);
        let mut seen = self.seen();
        let awaited = seen.written.get_mut(uid).and_then(|it| {
            let reached = it.get(at).is_some_and(|wanted| version >= wanted.version);
            reached.then(|| it.remove(at)).flatten()
        });
        let mine = seen.workloads.entry(uid.to_owned()).or_default();
        let before = mine.get(at);
        // A new version of the same figures matters only where we wait for our own write to be seen.
        let same = before.is_some_and(|it| it.rollout == rollout);
        let ours = match &awaited {
            Some(written) => written.form == rollout.form,
            None => before.is_some_and(|it| it.ours && it.rollout.form == rollout.form),
        };
        mine.insert(at.clone(), Versioned { rollout, version, ours });
        !same || awaited.is_some()
    }

    pub(super) fn drop_workload(&self, uid: &str, at: &Placed<Key>) {
        let mut seen = self.seen();
        drop_from(&mut seen.workloads, uid, at);
        drop_from(&mut seen.written, uid, at);
    }

    pub(super) fn known_workloads(&self, kind: &str) -> Vec<(Uid, String)> {
        let mut all = known(&self.seen().workloads, |(namespace, key)| {
            if key.kind == kind { format!("{namespace}/{}", key.name) } else { String::new() }
        });
        all.retain(|(_, name)| !name.is_empty());
        all
    }

    pub(super) fn put_attempt(&self, uid: &str, at: Placed<String>, attempt: Attempt) -> bool {
        put(&mut self.seen().attempts, uid, at, attempt)
    }

    pub(super) fn drop_attempt(&self, uid: &str, at: &Placed<String>) {
        drop_from(&mut self.seen().attempts, uid, at);
    }

    pub(super) fn known_attempts(&self) -> Vec<(Uid, String)> {
        known(&self.seen().attempts, |(namespace, job)| format!("{namespace}/{job}"))
    }
}

impl Watched for StagingGrant {
    fn put(&self, world: &World) -> bool {
        put(&mut world.seen().grants, &owner(self), self.name_any(), self.spec.clone())
    }
    fn drop_from(&self, world: &World) {
        drop_from(&mut world.seen().grants, &owner(self), &self.name_any());
    }
    fn known(world: &World) -> Vec<(Uid, String)> {
        known(&world.seen().grants, Clone::clone)
    }
    fn forget(world: &World, owner: &str, name: &str) {
        drop_from(&mut world.seen().grants, owner, name);
    }
    fn id(&self) -> (Uid, String) {
        (owner(self), self.name_any())
    }
}

impl Watched for StagingClass {
    fn put(&self, world: &World) -> bool {
        let default = self.annotations().get(names::DEFAULT_CLASS_ANNOTATION);
        let class =
            Class { default: default.is_some_and(|it| it == "true"), spec: self.spec.clone() };
        let mut seen = world.seen();
        let same = seen.classes.get(&self.name_any()) == Some(&class);
        seen.classes.insert(self.name_any(), class);
        !same
    }
    fn drop_from(&self, world: &World) {
        world.seen().classes.remove(&self.name_any());
    }
    fn known(world: &World) -> Vec<(Uid, String)> {
        world.seen().classes.keys().map(|name| (String::new(), name.clone())).collect()
    }
    fn forget(world: &World, _: &str, name: &str) {
        world.seen().classes.remove(name);
    }
    fn id(&self) -> (Uid, String) {
        (String::new(), self.name_any())
    }
}

/// UID of the environment that an object belongs to, by its label.
pub(super) fn environment_uid(meta: &kube::api::ObjectMeta) -> Uid {
    let labels = meta.labels.as_ref();
    labels.and_then(|it| it.get(names::ENVIRONMENT_UID_LABEL)).cloned().unwrap_or_default()
}

fn owner(grant: &StagingGrant) -> String {
    grant.namespace().unwrap_or_default()
}

/// The hosts of URLs: `https://web.example.com:8443` → `web.example.com`.
fn hosts(urls: &[String]) -> Vec<String> {
    let host = |url: &String| Some(url.split_once("://")?.1.split([':', '/']).next()?.to_owned());
    urls.iter().filter_map(host).collect()
}

/// Grants and classes concern whoever names them: the caller finds those.
fn concerned<K: Watched>(object: &K, changed: bool) -> Vec<Uid> {
    if changed { vec![object.id().0] } else { Vec::new() }
}

fn put<N: Ord, V: PartialEq>(
    all: &mut HashMap<String, BTreeMap<N, V>>,
    owner: &str,
    name: N,
    value: V,
) -> bool {
    let mine = all.entry(owner.to_owned()).or_default();
    let same = mine.get(&name) == Some(&value);
    mine.insert(name, value);
    !same
}

fn drop_from<N: Ord + std::borrow::Borrow<Q>, Q: Ord + ?Sized, V>(
    all: &mut HashMap<String, BTreeMap<N, V>>,
    owner: &str,
    name: &Q,
) {
    if let Some(mine) = all.get_mut(owner) {
        mine.remove(name);
        if mine.is_empty() {
            all.remove(owner);
        }
    }
}

fn known<N, V>(
    all: &HashMap<String, BTreeMap<N, V>>,
    name: impl Fn(&N) -> String,
) -> Vec<(Uid, String)> {
    let pairs =
        all.iter().flat_map(|(owner, mine)| mine.keys().map(|it| (owner.clone(), name(it))));
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(hosts: &[&str]) -> Vec<String> {
        hosts.iter().map(|host| format!("https://{host}:8443")).collect()
    }

    #[test]
    fn a_host_is_one_environments_until_that_lets_go_of_it() {
        let world = World::default();
        world.place("a", ("previews".to_owned(), "pr-1".to_owned()));
        assert!(world.claim_urls("a", &urls(&["web.test", "api.test"])).is_ok());
        assert!(world.claim_urls("a", &urls(&["web.test"])).is_ok(), "its own");
        let (host, whose) = world.claim_urls("b", &urls(&["web.test"])).unwrap_err();
        assert_eq!((host.as_str(), whose.1.as_str()), ("web.test", "pr-1"));
        assert!(world.claim_urls("b", &urls(&["api.test"])).is_ok(), "given back");
        world.tell_urls("a", &urls(&["web.test"]));
        world.release_urls("a");
        assert!(world.claim_urls("b", &urls(&["web.test"])).is_ok());
    }

    #[test]
    fn after_a_restart_the_statuses_say_whose_a_host_is() {
        let world = World::default();
        world.tell_urls("a", &urls(&["web.test"]));
        assert!(world.claim_urls("b", &urls(&["web.test"])).is_err());
    }
}
