//! Field ownership: what becomes of it when somebody applies, and when somebody writes otherwise.

use serde_json::{Value, json};

use super::{
    fields::{self, Fields, List, is_whole},
    store::text,
};

/// Who owns what, and how it was written.
struct Owner {
    manager: String,
    operation: String,
    status: bool,
    fields: Fields,
    time: Value,
}

/// Whoever writes.
pub struct Writer<'a> {
    pub manager: &'a str,
    pub status: bool,
    pub force: bool,
    pub now: Value,
}

fn owners(object: &Value) -> Vec<Owner> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|it| Owner {
            manager: it["manager"].as_str().unwrap_or_default().to_owned(),
            operation: it["operation"].as_str().unwrap_or_default().to_owned(),
            status: it["subresource"] == "status",
            fields: fields::from_tree(&it["fieldsV1"]),
            time: it["time"].clone(),
        })
        .collect()
}

fn note(object: &mut Value, owners: Vec<Owner>) {
    let version = object["apiVersion"].clone();
    let entries: Vec<Value> = owners
        .into_iter()
        .filter(|it| !it.fields.is_empty())
        .map(|it| {
            let mut entry = json!({ "manager": it.manager, "operation": it.operation,
                "apiVersion": version, "time": it.time, "fieldsType": "FieldsV1",
                "fieldsV1": fields::tree(&it.fields) });
            if it.status {
                entry["subresource"] = "status".into();
            }
            entry
        })
        .collect();
    if entries.is_empty() {
        object["metadata"].as_object_mut().map(|it| it.remove("managedFields"));
    } else {
        object["metadata"]["managedFields"] = entries.into();
    }
}

/// Takes note that somebody has written an object otherwise than by applying it.
pub fn wrote(before: Option<&Value>, after: &mut Value, writer: &Writer<'_>) {
    // Whoever changes an object of which nobody owns anything does not come to own it.
    if before.is_some_and(|it| it["metadata"]["managedFields"].is_null()) {
        return;
    }
    let mut all = owners(after);
    let mut now = fields::of(after, writer.status);
    if writer.status && after["kind"] == "Namespace" {
        let metadata = |it: &fields::Path| it.first().is_some_and(|it| it == "f:metadata");
        now.extend(fields::of(after, false).into_iter().filter(metadata));
    }
    let changed: Fields = match before {
        None => now.clone(),
        Some(before) => now
            .iter()
            .filter(|it| fields::at(before, it) != fields::at(after, it))
            .cloned()
            .collect(),
    };
    for it in all.iter_mut().filter(|it| it.status == writer.status) {
        it.fields.retain(|it| now.contains(it) && !changed.contains(it));
    }
    take(&mut all, "Update", writer, changed);
    note(after, all);
}

fn take(all: &mut Vec<Owner>, operation: &str, writer: &Writer<'_>, fields: Fields) {
    let mine = all.iter_mut().find(|it| is_mine(it, operation, writer));
    match mine {
        Some(it) if fields.is_subset(&it.fields) => {}
        Some(it) => {
            it.fields.extend(fields);
            it.time = writer.now.clone();
        }
        None => all.push(Owner {
            manager: writer.manager.to_owned(),
            operation: operation.to_owned(),
            status: writer.status,
            fields,
            time: writer.now.clone(),
        }),
    }
}

fn is_mine(owner: &Owner, operation: &str, writer: &Writer<'_>) -> bool {
    owner.manager == writer.manager && owner.operation == operation && owner.status == writer.status
}

/// Applies a configuration to what is there: the object then, or who is in the way and where.
pub fn apply(
    live: &Value,
    applied: &Value,
    writer: &Writer<'_>,
) -> Result<Value, Vec<(String, String)>> {
    let mut all = owners(live);
    let wanted = fields::of(applied, writer.status);
    let mut after = live.clone();
    for (key, value) in applied.as_object().into_iter().flatten() {
        match key.as_str() {
            "apiVersion" | "kind" => {}
            "status" if !writer.status => {}
            "metadata" if writer.status => {}
            "metadata" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    if matches!(
                        key.as_str(),
                        "labels" | "annotations" | "finalizers" | "ownerReferences"
                    ) {
                        lay(&mut after["metadata"][key.as_str()], value, key);
                    }
                }
            }
            "status" => lay(&mut after["status"], value, key),
            _ if writer.status => {}
            _ => lay(&mut after[key.as_str()], value, key),
        }
    }
    let moved: Fields = wanted
        .iter()
        .filter(|it| fields::at(live, it) != fields::at(&after, it))
        .cloned()
        .collect();
    let others = |it: &&mut Owner| !is_mine(it, "Apply", writer);
    let mut conflicts = Vec::new();
    for it in all.iter_mut().filter(others) {
        let taken = it.fields.intersection(&moved);
        conflicts.extend(taken.map(|field| (called(it, live), fields::shown(field))));
        it.fields.retain(|field| !moved.contains(field));
    }
    if !writer.force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    let mine = all.iter().position(|it| is_mine(it, "Apply", writer));
    let before = mine.map(|at| std::mem::take(&mut all[at].fields)).unwrap_or_default();
    for field in before.difference(&wanted) {
        if !all.iter().any(|it| it.fields.contains(field)) {
            fields::remove(&mut after, field);
        }
    }
    match mine {
        Some(at) => {
            let same = before == wanted && moved.is_empty();
            all[at].fields = wanted;
            if !same {
                all[at].time = writer.now.clone();
            }
        }
        None => take(&mut all, "Apply", writer, wanted),
    }
    tidy(&mut after);
    note(&mut after, all);
    Ok(after)
}

/// An owner, as conflicts name it.
fn called(owner: &Owner, object: &Value) -> String {
    let part = if owner.status { " with subresource \"status\"" } else { "" };
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let using =
        if owner.operation == "Apply" { String::new() } else { format!(" using {version}") };
    format!("{:?}{part}{using}", owner.manager)
}

/// Lays a value over what is there.
fn lay(live: &mut Value, applied: &Value, field: &str) {
    match (applied, live.is_null()) {
        (Value::Object(map), _) if !is_whole(field) => {
            if !live.is_object() {
                *live = json!({});
            }
            for (key, value) in map {
                lay(&mut live[key.as_str()], value, key);
            }
        }
        (Value::Array(items), false) if live.is_array() => {
            let list = fields::list(field, items);
            if matches!(list, List::Whole) {
                *live = applied.clone();
                return;
            }
            let there = live.as_array_mut().expect("a list");
            for item in items {
                let step = fields::step(&list, item);
                match there.iter_mut().find(|it| fields::step(&list, it) == step) {
                    Some(found) if fields::is_atomic(field) => *found = item.clone(),
                    Some(found) => lay(found, item, ""),
                    None => there.push(item.clone()),
                }
            }
        }
        _ => *live = applied.clone(),
    }
}

/// What the server does not keep.
fn tidy(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|key, value| {
            let empty = *value == json!({}) || *value == json!([]);
            !(empty
                && matches!(
                    key.as_str(),
                    "labels" | "annotations" | "finalizers" | "ownerReferences"
                ))
        });
    }
    debug_assert!(!text(object, "name").is_empty(), "an object without a name");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(manager: &str, force: bool) -> Writer<'_> {
        Writer { manager, status: false, force, now: Value::Null }
    }

    #[test]
    fn what_an_applier_drops_goes_unless_somebody_else_has_it() {
        let live = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } });
        let config = |data: Value| json!({ "metadata": { "name": "a" }, "data": data });
        let one =
            apply(&live, &config(json!({ "a": "1", "b": "1", "c": "1" })), &writer("x", false));
        let two = apply(&one.unwrap(), &config(json!({ "b": "1" })), &writer("y", false)).unwrap();
        let three = apply(&two, &config(json!({ "a": "1" })), &writer("x", false)).unwrap();
        assert_eq!(three["data"], json!({ "a": "1", "b": "1" }));
        let other = config(json!({ "a": "2" }));
        assert!(apply(&three, &other, &writer("y", false)).is_err());
        let forced = apply(&three, &other, &writer("y", true)).unwrap();
        assert_eq!(forced["data"], json!({ "a": "2" }));
        assert_eq!(
            apply(&forced, &config(json!({})), &writer("x", false)).unwrap()["data"],
            json!({ "a": "2" })
        );
    }

    #[test]
    fn what_is_written_otherwise_belongs_to_whoever_wrote_it_last() {
        let live = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } });
        let config = json!({ "metadata": { "name": "a" }, "data": { "a": "1", "b": "1" } });
        let one = apply(&live, &config, &writer("x", false)).unwrap();
        let mut two = one.clone();
        two["data"] = json!({ "a": "2" });
        wrote(Some(&one), &mut two, &writer("y", false));
        let entries = two["metadata"]["managedFields"].as_array().unwrap();
        let who: Vec<&str> = entries.iter().map(|it| it["manager"].as_str().unwrap()).collect();
        assert_eq!(who, ["y"]);
        assert_eq!(entries[0]["fieldsV1"], json!({ "f:data": { "f:a": {} } }));
    }
}
