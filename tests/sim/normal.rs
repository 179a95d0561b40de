//! What of an environment is the same in every life of it.

use serde_json::{Value, json};

use crate::{
    exchanges::first,
    server::store::{Store, text},
};

/// The objects in its targets, its status and its report, without what the server or the clock says.
pub fn environment(store: &Store) -> Vec<Value> {
    let own = store.all().filter(|(at, it)| {
        let target = at.2.starts_with("stg-") && at.2 != "stg-of-somebody-else";
        let itself = at.1 == "namespaces"
            && !it["metadata"]["labels"]["kulisse.dev/environment-uid"].is_null();
        // Pods of the probe may have run more than once.
        (target && at.1 != "pods" && at.1 != "events")
            || itself
            || at.1 == "stagingenvironments"
            || at.1 == "stagingplans"
    });
    own.map(|(_, it)| normal(it)).collect()
}

fn normal(object: &Value) -> Value {
    let mut it = object.clone();
    let kept = ["name", "namespace", "labels", "annotations", "finalizers", "ownerReferences"];
    if let Some(metadata) = it["metadata"].as_object_mut() {
        metadata.retain(|key, _| kept.contains(&key.as_str()));
    }
    if it["kind"] != "StagingEnvironment" {
        it.as_object_mut().map(|it| it.remove("status"));
    }
    timeless(&mut it);
    it
}

/// Takes out times, and what follows from them.
fn timeless(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| {
                !matches!(
                    key.as_str(),
                    "inspected" | "message" | "tookSeconds" | "uid" | "resourceVersion"
                )
            });
            map.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => *value = json!("a time"),
        _ => {}
    }
}

/// The first difference between two lists of objects.
pub fn difference(expected: &[Value], found: &[Value]) -> Option<String> {
    let id = |it: &Value| {
        format!(
            "{} {}/{}",
            it["kind"].as_str().unwrap_or_default(),
            text(it, "namespace"),
            text(it, "name")
        )
    };
    let ids = |all: &[Value]| all.iter().map(id).collect::<std::collections::BTreeSet<_>>();
    let (there, wanted) = (ids(found), ids(expected));
    if let Some(it) = wanted.difference(&there).next() {
        return Some(format!("{it} is missing"));
    }
    if let Some(it) = there.difference(&wanted).next() {
        return Some(format!("{it} is too much"));
    }
    let differs = expected.iter().zip(found).find(|(a, b)| a != b)?;
    Some(format!("{} differs: {}", id(differs.0), first(differs.0, differs.1, "")?))
}
