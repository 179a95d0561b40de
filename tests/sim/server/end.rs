//! Deletion: preconditions, finalizers, and what goes along.

use serde_json::{Value, json};

use super::{
    admission,
    ask::Ask,
    kinds::Kind,
    read,
    refusal::Refusal,
    store::{Store, text},
};

/// Finalizer that has dependents go first.
pub const FOREGROUND: &str = "foregroundDeletion";

/// Deletes an object, or begins to.
pub fn delete(store: &mut Store, ask: &Ask) -> Result<Value, Refusal> {
    let (kind, name) = (ask.kind, ask.name.as_str());
    admission::admit(store, ask, name)?;
    let live = store.get(kind, &ask.namespace, name).cloned();
    let live = live.ok_or_else(|| Refusal::not_found(kind, name))?;
    let wanted = ask.body["preconditions"]["uid"].as_str();
    let uid = text(&live, "uid").to_owned();
    if let Some(wanted) = wanted.filter(|it| *it != uid) {
        let why = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        );
        return Err(match kind.kind {
            "Namespace" => Refusal::other_uid(kind, name, wanted, &uid),
            _ => Refusal::other_deleted(kind, name, &why),
        });
    }
    let wanted = ask.body["preconditions"]["resourceVersion"].as_str();
    if let Some(wanted) = wanted.filter(|it| *it != text(&live, "resourceVersion")) {
        let why = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({}). The object might have been modified",
            text(&live, "resourceVersion")
        );
        return Err(Refusal::other_deleted(kind, name, &why));
    }
    let left = if ask.dry { None } else { begin(store, kind, &live, how(ask)) };
    Ok(match left {
        Some(leaving) => leaving,
        None => {
            let mut details = json!({ "name": name, "kind": kind.plural, "uid": uid });
            if !kind.group.is_empty() {
                details["group"] = kind.group.into();
            }
            json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": details })
        }
    })
}

/// Deletes all objects that a request selects.
pub fn delete_all(store: &mut Store, ask: &Ask) -> Result<Value, Refusal> {
    admission::admit(store, ask, "")?;
    let all = read::selected(store, ask);
    if !ask.dry {
        for object in &all {
            begin(store, ask.kind, object, how(ask));
        }
    }
    Ok(read::list_of(ask.kind, all, store.version))
}

fn how(ask: &Ask) -> &str {
    match ask.body["propagationPolicy"].as_str() {
        Some(policy) => policy,
        None => ask.asks("propagationPolicy"),
    }
}

/// Begins the end of an object; what is left of it, if somebody has to let go first.
pub fn begin(store: &mut Store, kind: &'static Kind, live: &Value, how: &str) -> Option<Value> {
    let mut leaving = live.clone();
    if how == "Foreground" && text(live, "deletionTimestamp").is_empty() {
        let mut all = leaving["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        all.push(json!(FOREGROUND));
        leaving["metadata"]["finalizers"] = json!(all);
    }
    if text(live, "deletionTimestamp").is_empty() {
        leaving["metadata"]["deletionTimestamp"] = store.stamp();
        if kind.kind == "Namespace" {
            leaving["status"]["phase"] = json!("Terminating");
        } else {
            leaving["metadata"]["deletionGracePeriodSeconds"] = json!(0);
            if let Some(generation) = leaving["metadata"]["generation"].as_i64() {
                leaving["metadata"]["generation"] = json!(generation + 1);
            }
        }
    }
    if is_held(&leaving) {
        return Some(store.put(kind, leaving));
    }
    store.remove(kind, text(live, "namespace"), text(live, "name"));
    None
}

/// Puts in what an object has become, or takes it out if it is on its way out and nobody holds it any
/// more: that is one event.
pub fn put(store: &mut Store, kind: &'static Kind, object: Value) -> Value {
    if text(&object, "deletionTimestamp").is_empty() || is_held(&object) {
        return store.put(kind, object);
    }
    store.end(kind, object.clone());
    object
}

fn is_held(object: &Value) -> bool {
    let some = |list: &Value| list.as_array().is_some_and(|it| !it.is_empty());
    some(&object["metadata"]["finalizers"])
        || (object["kind"] == "Namespace" && some(&object["spec"]["finalizers"]))
}
