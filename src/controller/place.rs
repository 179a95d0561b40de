//! Places: asked for, kept, and given back.
//!
//! Who has one follows from what is watched (targets, and statuses that name one); only what was
//! given and not yet used is remembered here.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kulisse_core::{
    api::{class::Limits, environment::StagingEnvironment, status::Queue},
    lifecycle::{
        facts::{Place, Target},
        place::{Entry, Line, Turn, line, waits},
        request,
        step::Step,
    },
};

use super::{
    context::Context,
    seen::Seen,
    world::{Uid, World},
};

/// Who has a place, and who waits for one.
#[derive(Default)]
pub struct Places(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    known: HashMap<Uid, Known>,
    given: HashSet<Uid>,
    waiting: HashMap<Uid, Entry>,
    /// One that was given came back unused.
    freed: bool,
}

/// An environment as it was watched.
struct Known {
    namespace: String,
    source: String,
    /// `None`: the default class.
    class: Option<String>,
    /// Its status names a target.
    has: bool,
}

impl Places {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what the watch says of an environment: after a restart nobody who waits is
    /// overtaken. Who has stopped waiting keeps its number in its status, and no place in the line.
    pub fn tell(&self, uid: &str, environment: &StagingEnvironment) {
        let status = environment.status.as_ref();
        let namespace = environment.metadata.namespace.clone().unwrap_or_default();
        let mut inner = self.inner();
        if let Some(queue) = status.and_then(|it| it.queue.as_ref())
            && waits(environment)
            // Its pass is ahead of what the watch brings.
            && !inner.given.contains(uid)
        {
            let since = queue.since.0;
            let entry = Entry { uid: uid.to_owned(), namespace: namespace.clone(), since };
            inner.waiting.entry(uid.to_owned()).or_insert(entry);
        }
        let has = status.is_some_and(|it| !it.namespaces.is_empty());
        let class = environment.spec.class_name.clone();
        let source = environment.spec.source.namespace.clone();
        inner.known.insert(uid.to_owned(), Known { namespace, source, class, has });
    }

    /// What another operator works on waits as long as its status says so.
    pub fn believe(&self, uid: &str, environment: &StagingEnvironment) {
        if !waits(environment) {
            self.stop_waiting(uid);
        }
    }

    /// Forgets an environment that is not there any more.
    pub fn forget(&self, uid: &str) {
        let mut inner = self.inner();
        inner.known.remove(uid);
        inner.waiting.remove(uid);
        inner.take_back(uid);
    }

    /// Lets an environment without a target have no place.
    pub fn release(&self, uid: &str) {
        self.inner().take_back(uid);
    }

    /// Whether a place has come back since this was asked, of which no watch tells.
    pub fn freed(&self) -> bool {
        std::mem::take(&mut self.inner().freed)
    }

    fn stop_waiting(&self, uid: &str) {
        self.inner().waiting.remove(uid);
    }

    /// Gives a place, or lines up.
    fn ask(&self, entry: Entry, world: &World) -> Turn {
        let uid = entry.uid.clone();
        let mut inner = self.inner();
        inner.waiting.insert(uid.clone(), entry);
        let default = default_class(world);
        let class = inner.class_of(&uid, &default).to_owned();
        let turn = inner.line(&class, &default, world).turn(&uid);
        if turn == Turn::Now {
            inner.waiting.remove(&uid);
            inner.given.insert(uid);
        }
        turn
    }

    /// Those that are made of this source.
    pub fn of_source(&self, source: &str) -> Vec<Uid> {
        let inner = self.inner();
        let of = inner.known.iter().filter(|(_, it)| it.source == source);
        of.map(|(uid, _)| uid.clone()).collect()
    }

    /// Those whose turn it is now.
    pub fn next(&self, world: &World) -> Vec<Uid> {
        let inner = self.inner();
        if inner.waiting.is_empty() {
            return Vec::new();
        }
        let default = default_class(world);
        let classes: BTreeSet<&str> =
            inner.waiting.keys().map(|uid| inner.class_of(uid, &default)).collect();
        classes.iter().flat_map(|class| inner.line(class, &default, world).now).collect()
    }
}

impl Inner {
    fn take_back(&mut self, uid: &str) {
        self.freed |= self.given.remove(uid);
    }

    /// The class of an environment by name.
    fn class_of<'a>(&'a self, uid: &str, default: &'a str) -> &'a str {
        self.known.get(uid).and_then(|it| it.class.as_deref()).unwrap_or(default)
    }

    fn line(&self, class: &str, default: &str, world: &World) -> Line {
        let limits = world.class(class).map_or_else(Limits::default, |it| it.spec.limits);
        let of_class = |uid: &Uid| self.class_of(uid, default) == class;
        let waiting: Vec<Entry> = self
            .waiting
            .iter()
            .filter(|(uid, _)| of_class(uid))
            .map(|(_, it)| it.clone())
            .collect();
        let has = |uid: &Uid, known: &Known| {
            known.has || self.given.contains(uid) || world.has_target(uid)
        };
        let taken: Vec<String> = self
            .known
            .iter()
            .filter(|(uid, known)| {
                !self.waiting.contains_key(*uid) && has(uid, known) && of_class(uid)
            })
            .map(|(_, known)| known.namespace.clone())
            .collect();
        line(&waiting, &taken, &limits)
    }
}

/// Name of the class that is used when none is named; empty if there is none.
fn default_class(world: &World) -> String {
    world.default_class().map(|(name, _)| name).unwrap_or_default()
}

/// Asks for a place, or lines up.
pub fn take(seen: &mut Seen, ctx: &Context) {
    let now = ctx.clock.now();
    // Who is asked to try again waits as if it had just come.
    let again = request::repeated_at(&seen.record);
    let before = seen.record.queue.as_ref().map(|it| it.since.0);
    let since = before.map_or(now, |since| again.map_or(since, |again| since.max(again)));
    let timeout = seen.environment.spec.lifecycle.queue_timeout.as_ref();
    let span = timeout.and_then(|it| SignedDuration::try_from(it.span().ok()?).ok());
    let until = span.and_then(|it| since.checked_add(it).ok());
    // Who has waited for too long is asked again before it gets a place.
    if let Some(queue) = seen.record.queue.as_ref().filter(|_| until.is_some_and(|it| now >= it)) {
        seen.place = Place::Awaited { position: queue.position, until };
        return;
    }
    let entry = Entry {
        uid: seen.identity.uid.clone(),
        namespace: seen.identity.namespace.as_str().to_owned(),
        since,
    };
    // The watch may be behind this pass, and what waits has a class.
    ctx.places.tell(&seen.identity.uid, &seen.environment);
    match ctx.places.ask(entry, &ctx.world) {
        Turn::Now => {
            seen.place = Place::Taken;
            seen.record.queue = None;
        }
        Turn::Later(position) => {
            seen.place = Place::Awaited { position, until };
            seen.record.queue = Some(Queue { since: MicroTime(since), position });
        }
    }
}

/// Gives back what a pass has taken and not used: who does not wait holds up nobody, and who has no
/// target has no place.
pub fn settle(seen: &Seen, step: &Step, ctx: &Context) {
    let uid = &seen.identity.uid;
    match step {
        Step::RestQueued { given_up: false, .. } => {}
        _ => ctx.places.stop_waiting(uid),
    }
    if matches!(seen.target, Target::None | Target::Foreign(_)) {
        ctx.places.release(uid);
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use kulisse_core::api::class::StagingClass;
    use serde_json::json;

    use super::*;
    use crate::controller::world::Relist;

    fn world(most: u32) -> World {
        let world = World::default();
        let class: StagingClass = serde_json::from_value(json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingClass",
            "metadata": {"name": "small"}, "spec": {"limits": {"maxEnvironments": most}}
        }))
        .unwrap();
        world.take(&Event::Apply(class), &mut Relist::default());
        world
    }

    fn environment(status: &serde_json::Value) -> StagingEnvironment {
        serde_json::from_value(json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": {"name": "pr-1", "namespace": "previews"},
            "spec": {"source": {"namespace": "shop"}, "className": "small"}, "status": status
        }))
        .unwrap()
    }

    /// A status of one that waits.
    fn queued(queue: &serde_json::Value) -> serde_json::Value {
        json!({"queue": queue, "conditions": [{"type": "Granted", "status": "False",
            "reason": "Queued", "message": "", "lastTransitionTime": "1970-01-01T00:00:01Z"}]})
    }

    #[test]
    fn those_that_come_in_the_same_second_keep_their_order_over_a_restart() {
        let (world, places) = (world(0), Places::default());
        let came = |milliseconds| {
            let since = MicroTime(jiff::Timestamp::from_millisecond(milliseconds).unwrap());
            environment(&queued(&json!(Queue { since, position: 1 })))
        };
        // Their UIDs say nothing about who came first.
        places.tell("b", &came(1_200));
        places.tell("a", &came(1_700));
        let line = places.inner().line("small", "", &world);
        assert_eq!(line.later, ["b", "a"]);
    }

    fn ask(places: &Places, world: &World, uid: &str, since: i64) -> Turn {
        places.tell(uid, &environment(&json!({})));
        let since = jiff::Timestamp::from_second(since).unwrap();
        places.ask(Entry { uid: uid.into(), namespace: "previews".into(), since }, world)
    }

    #[test]
    fn two_that_ask_at_the_same_time_do_not_both_get_the_last_place() {
        let (world, places) = (world(1), Places::default());
        assert_eq!(ask(&places, &world, "a", 1), Turn::Now);
        assert_eq!(ask(&places, &world, "b", 2), Turn::Later(1));
        assert!(places.next(&world).is_empty());
        assert!(!places.freed());
        places.release("a");
        places.release("a");
        assert_eq!(places.next(&world), ["b"]);
        assert!(places.freed() && !places.freed(), "b is told so once");
    }

    #[test]
    fn after_a_restart_those_that_waited_are_not_overtaken() {
        let (world, places) = (world(1), Places::default());
        let queue = queued(&json!({"since": "1970-01-01T00:00:01Z", "position": 1}));
        places.tell("early", &environment(&queue));
        assert_eq!(ask(&places, &world, "late", 100), Turn::Later(1));
        assert_eq!(ask(&places, &world, "early", 1), Turn::Now);
    }

    #[test]
    fn who_has_stopped_waiting_is_not_put_into_the_line_by_a_later_look() {
        let (world, places) = (world(1), Places::default());
        let queue = json!({"since": "1970-01-01T00:00:01Z", "position": 1});
        for reason in ["TimedOut", "GrantWithdrawn", "Granted"] {
            let mut since = queued(&queue);
            since["conditions"][0]["reason"] = json!(reason);
            places.tell(reason, &environment(&since));
        }
        let mut suspended = environment(&queued(&queue));
        suspended.spec.suspend = true;
        places.tell("suspended", &suspended);
        assert!(places.next(&world).is_empty());
        assert_eq!(ask(&places, &world, "waits", 100), Turn::Now);
    }

    #[test]
    fn who_was_given_a_place_is_not_put_into_the_line_by_what_was_said_before() {
        let (world, places) = (world(1), Places::default());
        assert_eq!(ask(&places, &world, "a", 1), Turn::Now);
        let queue = queued(&json!({"since": "1970-01-01T00:00:01Z", "position": 1}));
        places.tell("a", &environment(&queue));
        assert_eq!(ask(&places, &world, "b", 2), Turn::Later(1));
    }

    #[test]
    fn those_of_a_source_are_known_whether_they_have_a_place_or_not() {
        let places = Places::default();
        places.tell("a", &environment(&json!({})));
        assert_eq!(places.of_source("shop"), ["a"]);
        assert!(places.of_source("bank").is_empty());
        places.forget("a");
        assert!(places.of_source("shop").is_empty());
    }

    #[test]
    fn those_of_another_operator_wait_as_long_as_their_status_says() {
        let (world, places) = (world(1), Places::default());
        let queue = queued(&json!({"since": "1970-01-01T00:00:01Z", "position": 1}));
        places.tell("theirs", &environment(&queue));
        places.believe("theirs", &environment(&queue));
        assert_eq!(ask(&places, &world, "mine", 100), Turn::Later(1));
        let target = json!({"namespaces": [
            {"name": "stg-x", "uid": "n", "incarnation": 1, "role": "Serving"}]});
        places.tell("theirs", &environment(&target));
        places.believe("theirs", &environment(&target));
        assert_eq!(ask(&places, &world, "mine", 100), Turn::Later(1));
        places.forget("theirs");
        assert_eq!(places.next(&world), ["mine"]);
    }

    #[test]
    fn a_status_that_names_a_target_has_a_place_before_the_watch_has_seen_it() {
        let (world, places) = (world(1), Places::default());
        let target = json!({"namespaces": [
            {"name": "stg-x", "uid": "n", "incarnation": 1, "role": "Serving"}]});
        places.tell("a", &environment(&target));
        assert_eq!(ask(&places, &world, "b", 1), Turn::Later(1));
    }
}
