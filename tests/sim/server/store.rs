//! What the simulated cluster holds: objects, their versions, and what happened to them.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use super::{kinds, kinds::Kind};

/// Where an object is: group and plural of its kind, namespace, name.
pub type Place = (&'static str, &'static str, String, String);

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub struct Event {
    pub version: u64,
    pub kind: &'static Kind,
    /// As it was before.
    pub before: Option<Value>,
    /// As it is now; for one that is gone, as it was last, in the version of its end.
    pub after: Value,
    pub gone: bool,
    pub at: Timestamp,
    pub by: By,
}

/// Who did it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// A controller of the cluster, or a person.
    #[default]
    Others,
    Operator,
}

/// What the cluster holds. It outlives every operator, and its clock goes on from one to the next.
pub struct Store {
    objects: BTreeMap<Place, Value>,
    /// All that happened since the version before the first of them.
    pub events: VecDeque<Event>,
    pub version: u64,
    made: u64,
    /// What happened up to here is forgotten.
    pub compacted: u64,
    /// Who acts at the moment.
    pub by: By,
    /// The policies that fence the operator's account are in force.
    pub policies: bool,
    /// When controllers look again, by what they wait for.
    pub due: BTreeMap<String, Timestamp>,
    /// Told of every new version.
    pub changed: watch::Sender<u64>,
    base: Timestamp,
    running: Option<Instant>,
}

impl Store {
    /// An empty one.
    pub fn new(begin: Timestamp) -> Self {
        Self {
            objects: BTreeMap::new(),
            events: VecDeque::new(),
            version: 1,
            made: 0,
            compacted: 0,
            by: By::Others,
            policies: true,
            due: BTreeMap::new(),
            changed: watch::Sender::new(1),
            base: begin,
            running: None,
        }
    }

    /// Time goes on, by the clock of the runtime that this is called in.
    pub fn wind_up(&mut self) {
        self.running = Some(Instant::now());
    }

    /// Time stands still until there is another runtime.
    pub fn stop(&mut self) {
        self.base = self.now();
        self.running = None;
    }

    /// The cluster's time.
    pub fn now(&self) -> Timestamp {
        let passed = self.running.map(|it| it.elapsed()).unwrap_or_default();
        self.base + SignedDuration::try_from(passed).unwrap_or_default()
    }

    /// The time as it stands in objects: in whole seconds.
    pub fn stamp(&self) -> Value {
        json!(Timestamp::from_second(self.now().as_second()).unwrap_or_default().to_string())
    }

    /// A UID that nothing else has.
    pub fn fresh_uid(&mut self) -> String {
        self.made += 1;
        // Its last part differs from one to the next in every place that names are made of.
        format!(
            "{:08x}-0000-4000-8000-{:012x}",
            self.made.wrapping_mul(0x9e37_79b1) & 0xffff_ffff,
            self.made
        )
    }

    /// Five letters for `generateName`.
    pub fn suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        self.made += 1;
        let mut number = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let letter = |number: &mut u64| {
            *number = number.rotate_left(11);
            char::from(LETTERS[usize::try_from(*number % LETTERS.len() as u64).unwrap_or_default()])
        };
        (0..5).map(|_| letter(&mut number)).collect()
    }

    /// An object.
    pub fn get(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&place(kind, namespace, name))
    }

    /// The objects of a kind, of one namespace or of all.
    pub fn of(&self, kind: &'static Kind, namespace: &str) -> impl Iterator<Item = &Value> {
        let first = (kind.group, kind.plural, namespace.to_owned(), String::new());
        let one = !namespace.is_empty();
        let namespace = namespace.to_owned();
        self.objects
            .range(first..)
            .take_while(move |(at, _)| {
                (at.0, at.1) == (kind.group, kind.plural) && (!one || at.2 == namespace)
            })
            .map(|(_, object)| object)
    }

    /// All objects.
    pub fn all(&self) -> impl Iterator<Item = (&Place, &Value)> {
        self.objects.iter()
    }

    /// Puts an object in the place of what is there. What does not change it is not counted.
    pub fn put(&mut self, kind: &'static Kind, mut object: Value) -> Value {
        let at = place(kind, text(&object, "namespace"), text(&object, "name"));
        let before = self.objects.get(&at).cloned();
        if let Some(before) = &before {
            object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
            if same(before, &object) {
                return before.clone();
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(at, object.clone());
        self.happened(kind, before, object.clone(), false);
        object
    }

    /// Takes an object out, as it is.
    pub fn remove(&mut self, kind: &'static Kind, namespace: &str, name: &str) {
        let there = self.objects.get(&place(kind, namespace, name)).cloned();
        if let Some(it) = there {
            self.end(kind, it);
        }
    }

    /// Takes an object out that was this at last.
    pub fn end(&mut self, kind: &'static Kind, mut last: Value) {
        let at = place(kind, text(&last, "namespace"), text(&last, "name"));
        let Some(before) = self.objects.remove(&at) else { return };
        self.version += 1;
        last["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.happened(kind, Some(before), last, true);
    }

    /// Forgets all that happened until now: who watches from an earlier version has to list again.
    pub fn compact(&mut self) {
        self.events.clear();
        self.compacted = self.version;
    }

    fn happened(&mut self, kind: &'static Kind, before: Option<Value>, after: Value, gone: bool) {
        let (version, at, by) = (self.version, self.now(), self.by);
        self.events.push_back(Event { version, kind, before, after, gone, at, by });
        self.changed.send_replace(version);
    }

    /// Puts objects in as they are, by an administrator whose requests are of no interest.
    pub fn plant(&mut self, mut object: Value) -> Value {
        let kind = kinds::of_object(&object).expect("a kind that is known");
        object["metadata"]["uid"] = json!(self.fresh_uid());
        object["metadata"]["creationTimestamp"] = self.stamp();
        if kind.counted {
            object["metadata"]["generation"] = json!(1);
        }
        if kind.kind == "Namespace" {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            object["spec"] = json!({ "finalizers": ["kubernetes"] });
            object["status"] = json!({ "phase": "Active" });
        }
        self.put(kind, object)
    }
}

fn place(kind: &'static Kind, namespace: &str, name: &str) -> Place {
    (kind.group, kind.plural, namespace.to_owned(), name.to_owned())
}

/// A text of an object's metadata; empty if there is none.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// Whether two states of an object differ in nothing but when who wrote which field.
fn same(before: &Value, after: &Value) -> bool {
    let other = |a: &Value, b: &Value, but: &str| {
        let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return a != b };
        let count = |it: &serde_json::Map<_, _>| it.len() - usize::from(it.contains_key(but));
        count(a) != count(b) || a.iter().any(|(key, value)| key != but && b.get(key) != Some(value))
    };
    let (was, is) = (&before["metadata"], &after["metadata"]);
    if other(before, after, "metadata") || other(was, is, "managedFields") {
        return false;
    }
    let entries = |it: &Value| it["managedFields"].as_array().cloned().unwrap_or_default();
    let (was, is) = (entries(was), entries(is));
    was.len() == is.len() && !was.iter().zip(&is).any(|(a, b)| other(a, b, "time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_makes_no_version() {
        let mut store = Store::new(Timestamp::UNIX_EPOCH);
        let made = store.plant(json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "a", "namespace": "n" }, "data": { "k": "v" } }));
        let kind = kinds::of_object(&made).unwrap();
        assert_eq!(store.put(kind, made.clone()), made);
        assert_eq!(store.events.len(), 1);
        let mut other = made.clone();
        other["data"]["k"] = json!("w");
        assert_ne!(store.put(kind, other)["metadata"], made["metadata"]);
        assert_eq!(store.of(kind, "n").count(), 1);
        store.remove(kind, "n", "a");
        assert!(store.events.back().unwrap().gone && store.get(kind, "n", "a").is_none());
    }
}
