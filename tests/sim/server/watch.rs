//! Watches: what happens after a version, event by event.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use futures::{Stream, stream};
use kube_faults::plan::EventType;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Duration, Instant, sleep_until},
};

use super::{
    ask::Ask,
    read::partial,
    refusal::Refusal,
    select,
    store::{Event, Store},
};

/// How often a watch says how far it is.
const BOOKMARKS: Duration = Duration::from_mins(1);
/// How long before its end it says so once more.
const LAST: Duration = Duration::from_secs(2);
/// How long a watch goes on that does not say.
const LONGEST: Duration = Duration::from_mins(30);

/// An event, and the line that tells of it.
pub struct Told {
    pub of: EventType,
    pub line: String,
}

/// A watch.
struct Watch {
    store: Arc<Mutex<Store>>,
    ask: Ask,
    /// What has happened up to here was told.
    version: u64,
    changed: watch::Receiver<u64>,
    /// How long news takes.
    delay: Duration,
    until: Instant,
    bookmark: Instant,
    /// What is still to be told.
    waiting: VecDeque<Told>,
    over: bool,
}

/// What happens from the version on that the request names; from now on, if it names none, after all
/// that there is.
pub fn watch(
    store: &Arc<Mutex<Store>>,
    ask: &Ask,
    delay: Duration,
) -> impl Stream<Item = Told> + use<> {
    let asked: u64 = ask.asks("resourceVersion").parse().unwrap_or(0);
    let seconds = ask.asks("timeoutSeconds").parse().map_or(LONGEST, Duration::from_secs);
    let (changed, now, first) = {
        let store = store.lock().expect("the store");
        let first = if asked == 0 { there(&store, ask) } else { VecDeque::new() };
        (store.changed.subscribe(), store.version, first)
    };
    let until = Instant::now() + seconds;
    let it = Watch {
        store: Arc::clone(store),
        ask: ask.clone(),
        version: if asked == 0 { now } else { asked },
        changed,
        delay,
        until,
        bookmark: next_bookmark(until),
        waiting: first,
        over: false,
    };
    stream::unfold(it, |mut it| async move { it.next().await.map(|told| (told, it)) })
}

/// About every minute, and before the end: who begins anew begins near the present.
fn next_bookmark(until: Instant) -> Instant {
    let (now, last) = (Instant::now(), until.checked_sub(LAST));
    last.filter(|it| *it > now).map_or(now + BOOKMARKS, |last| last.min(now + BOOKMARKS))
}

fn there(store: &Store, ask: &Ask) -> VecDeque<Told> {
    let all = super::read::selected(store, ask);
    all.into_iter().map(|it| tell(EventType::Added, &shown(ask, it))).collect()
}

impl Watch {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if !self.over && self.waiting.is_empty() {
                self.news();
            }
            if let Some(told) = self.waiting.pop_front() {
                return Some(told);
            }
            if self.over {
                return None;
            }
            tokio::select! {
                biased;
                changed = self.changed.changed() => {
                    changed.ok()?;
                    tokio::time::sleep(self.delay).await;
                }
                () = sleep_until(self.until) => return None,
                () = sleep_until(self.bookmark) => {
                    self.bookmark = next_bookmark(self.until);
                    if self.ask.asks("allowWatchBookmarks") == "true" {
                        return Some(self.how_far());
                    }
                }
            }
        }
    }

    fn news(&mut self) {
        self.changed.borrow_and_update();
        let store = self.store.lock().expect("the store");
        if self.version < store.compacted {
            self.over = true;
            self.waiting.push_back(expired(self.version, store.compacted));
            return;
        }
        let newer = store.events.iter().rev().take_while(|it| it.version > self.version);
        for event in newer.collect::<Vec<_>>().into_iter().rev() {
            self.waiting.extend(told(&self.ask, event));
        }
        self.version = store.version;
    }

    fn how_far(&self) -> Told {
        let kind = self.ask.kind;
        let (kind, version) = if self.ask.partial {
            ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned())
        } else {
            (kind.kind, kind.api_version())
        };
        let object = json!({ "kind": kind, "apiVersion": version,
            "metadata": { "resourceVersion": self.version.to_string() } });
        tell(EventType::Bookmark, &object)
    }
}

/// What whoever asks is told of an event: what begins or ceases to be selected comes and goes for them.
fn told(ask: &Ask, event: &Event) -> Option<Told> {
    let namespace = event.after["metadata"]["namespace"].as_str().unwrap_or_default();
    if !std::ptr::eq(event.kind, ask.kind)
        || !(ask.namespace.is_empty() || ask.namespace == namespace)
    {
        return None;
    }
    let meant = |it: &Value| {
        let name = ask.name.is_empty() || it["metadata"]["name"] == ask.name.as_str();
        name && select::matches(it, ask.asks("labelSelector"), ask.asks("fieldSelector"))
    };
    let was = event.before.as_ref().is_some_and(meant);
    let is = !event.gone && meant(&event.after);
    let what = match (was, is) {
        (false, true) => EventType::Added,
        (true, true) => EventType::Modified,
        (true, false) => EventType::Deleted,
        (false, false) => return None,
    };
    let mut object = event.after.clone();
    // What is not selected any more is shown as it was when it was.
    if let (false, EventType::Deleted, Some(before)) = (event.gone, what, &event.before) {
        object = before.clone();
        object["metadata"]["resourceVersion"] = event.after["metadata"]["resourceVersion"].clone();
    }
    Some(tell(what, &shown(ask, object)))
}

fn shown(ask: &Ask, object: Value) -> Value {
    if ask.partial { partial(&object) } else { object }
}

fn tell(of: EventType, object: &Value) -> Told {
    let word = of.word().to_uppercase();
    Told { of, line: format!("{}\n", json!({ "type": word, "object": object })) }
}

/// That what happened since a version is forgotten.
pub fn expired(asked: u64, oldest: u64) -> Told {
    tell(EventType::Error, &Refusal::expired(asked, oldest).body())
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};

    use futures::StreamExt;
    use jiff::Timestamp;

    use super::{
        super::ask::{self, Target},
        *,
    };

    fn ask(uri: &str) -> Ask {
        let (parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
        match ask::understand(&ask::heard(&parts, &[]), &parts, &[]) {
            Ok(Target::Objects(ask)) => *ask,
            _ => panic!("a watch"),
        }
    }

    async fn next(lines: &mut Pin<&mut impl Stream<Item = Told>>) -> Option<Value> {
        let told = lines.next().await?;
        Some(serde_json::from_str(&told.line).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_tells_what_happens_how_far_it_is_and_that_it_is_too_late() {
        let store = Arc::new(Mutex::new(Store::new(Timestamp::UNIX_EPOCH)));
        let uri =
            "/api/v1/namespaces?watch=1&labelSelector=a&allowWatchBookmarks=true&resourceVersion=1";
        let asked = ask(uri);
        let mut lines = pin!(watch(&store, &asked, Duration::from_millis(5)));
        let namespace = |labels: Value| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n", "labels": labels } });
        let mut made = store.lock().unwrap().plant(namespace(json!({ "a": "1" })));
        let told = next(&mut lines).await.unwrap();
        assert_eq!(
            (&told["type"], &told["object"]["metadata"]),
            (&json!("ADDED"), &made["metadata"])
        );
        made["metadata"]["labels"] = json!({});
        store.lock().unwrap().put(asked.kind, made);
        assert_eq!(next(&mut lines).await.unwrap()["type"], "DELETED", "for those who select it");
        let told = next(&mut lines).await.unwrap();
        assert_eq!(
            (&told["type"], &told["object"]["metadata"]["resourceVersion"]),
            (&json!("BOOKMARK"), &json!("3"))
        );
        store.lock().unwrap().compact();
        let mut late = pin!(watch(&store, &asked, Duration::ZERO));
        assert_eq!(next(&mut late).await.unwrap()["object"]["code"], 410);
        assert!(next(&mut late).await.is_none());
    }
}
