//! The namespace controller, and who gives a namespace its account: what a new namespace gets, and how
//! one ends.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    controllers::{all, named},
    end, kinds,
    store::{Store, text},
};

/// From the deletion of a namespace until the controller begins with what is in it.
const GRACE: SignedDuration = SignedDuration::from_secs(5);
/// How often it looks whether anything is left.
const AGAIN: SignedDuration = SignedDuration::from_secs(2);

/// One look at a namespace; when to look again.
pub fn look(store: &mut Store, namespace: &Value) -> Option<Timestamp> {
    let name = text(namespace, "name");
    let left = text(namespace, "deletionTimestamp");
    if left.is_empty() {
        give(store, name);
        return None;
    }
    // Between its looks it does not notice that somebody has let go.
    let (uid, now) = (text(namespace, "uid").to_owned(), store.now());
    let due = *store.due.entry(uid.clone()).or_insert(now + GRACE);
    if now < due {
        return Some(due);
    }
    store.due.insert(uid, now + AGAIN);
    clear(store, namespace);
    Some(now + AGAIN)
}

/// An account and the certificate of the cluster.
fn give(store: &mut Store, name: &str) {
    for (kind, given) in [("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")] {
        if store.get(named(kind), name, given).is_none() {
            let mut object = json!({ "apiVersion": "v1", "kind": kind,
                "metadata": { "name": given, "namespace": name } });
            if kind == "ConfigMap" {
                object["data"] = json!({ "ca.crt": "simulated" });
            }
            store.plant(object);
        }
    }
}

/// Deletes what is in a namespace, says what is left, and lets it go if nothing is.
fn clear(store: &mut Store, namespace: &Value) {
    let name = text(namespace, "name");
    let inside = |store: &Store| -> Vec<Value> {
        store.all().filter(|(at, _)| at.2 == name).map(|(_, it)| it.clone()).collect()
    };
    for it in inside(store) {
        end::begin(store, kinds::of_object(&it).expect("a kind"), &it, "Background");
    }
    let rest = inside(store);
    let Some(mut namespace) =
        all(store, named("Namespace")).into_iter().find(|it| text(it, "name") == name)
    else {
        return;
    };
    if rest.is_empty() {
        namespace["spec"]["finalizers"] = json!([]);
        end::put(store, named("Namespace"), namespace);
        return;
    }
    let stamp = store.stamp();
    let known = namespace["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let conditions: Vec<Value> = remains(&rest)
        .into_iter()
        .map(|(kind, reason, message)| {
            let since = known
                .iter()
                .find(|it| it["type"] == kind)
                .map(|it| it["lastTransitionTime"].clone());
            json!({ "type": kind, "status": "True", "reason": reason, "message": message,
                "lastTransitionTime": since.unwrap_or(stamp.clone()) })
        })
        .collect();
    namespace["status"]["conditions"] = json!(conditions);
    store.put(named("Namespace"), namespace);
}

/// What is left, in the words of Kubernetes.
fn remains(rest: &[Value]) -> Vec<(&'static str, &'static str, String)> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
    for it in rest {
        let kind = kinds::of_object(it).expect("a kind");
        *kinds.entry(format!("{}.{}", kind.plural, kind.group)).or_default() += 1;
        for one in it["metadata"]["finalizers"].as_array().into_iter().flatten() {
            *finalizers.entry(one.as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    let told = |all: &BTreeMap<String, usize>, words: &str| {
        let each =
            all.iter().map(|(what, count)| format!("{what} {words} {count} resource instances"));
        each.collect::<Vec<_>>().join(", ")
    };
    vec![
        (
            "NamespaceContentRemaining",
            "SomeResourcesRemain",
            format!("Some resources are remaining: {}", told(&kinds, "has")),
        ),
        (
            "NamespaceFinalizersRemaining",
            "SomeFinalizersRemain",
            format!(
                "Some content in the namespace has finalizers remaining: {}",
                told(&finalizers, "in")
            ),
        ),
    ]
}
