//! Who has said what: the fields of an object, by path, as `managedFields` tells of them.
//!
//! As far as it is used here: lists whose items have a key in any of Kubernetes' own kinds are known
//! by the name of the field; all other lists are taken as a whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Steps from the root, as in `fieldsV1`: `f:spec`, `k:{"name":"web"}`, `v:"text"`; `.` is the item itself.
pub type Path = Vec<String>;
/// Fields that somebody has set.
pub type Fields = BTreeSet<Path>;

/// How the items of a list are told apart.
pub enum List {
    Keyed(&'static [(&'static str, Option<&'static str>)]),
    Set,
    Whole,
}

/// How the items of the list in that field are told apart, and what a key is that is not given.
pub fn list(field: &str, items: &[Value]) -> List {
    const NAME: List = List::Keyed(&[("name", None)]);
    match field {
        "containers" | "initContainers" | "env" | "imagePullSecrets" | "volumes" => NAME,
        "ports" if items.iter().any(|it| it.get("containerPort").is_some()) => {
            List::Keyed(&[("containerPort", None), ("protocol", Some("TCP"))])
        }
        "ports" if items.iter().any(|it| it.get("port").is_some_and(Value::is_number)) => {
            List::Keyed(&[("port", None), ("protocol", Some("TCP"))])
        }
        "volumeMounts" => List::Keyed(&[("mountPath", None)]),
        "conditions" => List::Keyed(&[("type", None)]),
        "ownerReferences" => List::Keyed(&[("uid", None)]),
        "finalizers" => List::Set,
        _ => List::Whole,
    }
}

/// Objects that are taken as a whole.
pub fn is_whole(field: &str) -> bool {
    matches!(field, "selector" | "nodeSelector" | "matchLabels" | "podSelector" | "roleRef")
}

/// Lists of which each item is taken as a whole.
pub fn is_atomic(field: &str) -> bool {
    field == "ownerReferences"
}

/// A path, as conflicts show it: `.spec.containers[name="web"].image`.
pub fn shown(path: &Path) -> String {
    let step = |step: &String| match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Value = serde_json::from_str(keys).unwrap_or_default();
            let keys = keys.as_object().into_iter().flatten();
            let keys: Vec<String> = keys.map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
        Some((_, value)) => format!("[{value}]"),
        None => String::new(),
    };
    path.iter().map(step).collect()
}

/// What an item of such a list is called in a path.
pub fn step(list: &List, item: &Value) -> Option<String> {
    match list {
        List::Keyed(keys) => {
            let mut named = BTreeMap::new();
            for (key, missing) in *keys {
                let value = item.get(key).cloned().or_else(|| missing.map(Value::from))?;
                named.insert(*key, value);
            }
            Some(format!("k:{}", json!(named)))
        }
        List::Set => Some(format!("v:{item}")),
        List::Whole => None,
    }
}

/// The fields of an object that somebody can own: of its status, or of all else.
pub fn of(object: &Value, status: bool) -> Fields {
    const SERVERS: [&str; 9] = [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ];
    let mut fields = Fields::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        let path = vec![format!("f:{key}")];
        match key.as_str() {
            "apiVersion" | "kind" => {}
            "status" if !status => {}
            "metadata" if !status => {
                let mut metadata = value.clone();
                if let Some(metadata) = metadata.as_object_mut() {
                    metadata.retain(|key, _| !SERVERS.contains(&key.as_str()));
                }
                if metadata != json!({}) {
                    collect(&metadata, key, &path, &mut fields);
                }
            }
            "status" => collect(value, key, &path, &mut fields),
            _ if status => {}
            _ => collect(value, key, &path, &mut fields),
        }
    }
    fields
}

fn collect(value: &Value, field: &str, path: &Path, fields: &mut Fields) {
    let below = |step: String| path.iter().cloned().chain([step]).collect::<Path>();
    match value {
        Value::Object(map) if !map.is_empty() && !is_whole(field) => {
            for (key, value) in map {
                collect(value, key, &below(format!("f:{key}")), fields);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let list = list(field, items);
            let steps: Option<Vec<String>> = items.iter().map(|it| step(&list, it)).collect();
            let Some(steps) = steps else {
                fields.insert(path.clone());
                return;
            };
            for (step, item) in steps.into_iter().zip(items) {
                let at = below(step);
                if matches!(list, List::Keyed(_)) && !is_atomic(field) {
                    fields.insert(at.iter().cloned().chain([".".to_owned()]).collect());
                    collect(item, "", &at, fields);
                } else {
                    fields.insert(at);
                }
            }
        }
        _ => drop(fields.insert(path.clone())),
    }
}

/// What is at a path.
pub fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut here = object;
    let mut field = "";
    for part in path {
        here = match part.split_once(':') {
            Some(("f", name)) => {
                field = name;
                here.get(name)?
            }
            Some((_, _)) => {
                let items = here.as_array()?;
                let list = list(field, items);
                items.iter().find(|it| step(&list, it).as_deref() == Some(part))?
            }
            None => here,
        };
    }
    Some(here)
}

/// Takes away what is at a path, and what is empty then.
pub fn remove(object: &mut Value, path: &[String]) {
    remove_from(object, "", path);
}

fn remove_from(here: &mut Value, field: &str, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let last = rest.is_empty() || rest == ["."];
    if let Some(name) = first.strip_prefix("f:") {
        let Some(map) = here.as_object_mut() else { return };
        if last {
            map.remove(name);
        } else if let Some(below) = map.get_mut(name) {
            remove_from(below, name, rest);
            if *below == json!({}) || *below == json!([]) {
                map.remove(name);
            }
        }
    } else if let Some(items) = here.as_array_mut() {
        let kind = list(field, items);
        let found = items.iter().position(|it| step(&kind, it).as_ref() == Some(first));
        match found {
            Some(found) if last => drop(items.remove(found)),
            Some(found) => remove_from(&mut items[found], "", rest),
            None => {}
        }
    }
}

/// As `fieldsV1` has it.
pub fn tree(fields: &Fields) -> Value {
    let mut tree = json!({});
    for path in fields {
        let mut here = &mut tree;
        for step in path {
            here = &mut here[step.as_str()];
            if here.is_null() {
                *here = json!({});
            }
        }
    }
    tree
}

/// From `fieldsV1`.
pub fn from_tree(tree: &Value) -> Fields {
    fn walk(tree: &Value, path: &mut Path, fields: &mut Fields) {
        let below = tree.as_object().into_iter().flatten();
        let mut leaf = true;
        for (step, value) in below {
            leaf = false;
            path.push(step.clone());
            walk(value, path, fields);
            path.pop();
        }
        if leaf && !path.is_empty() {
            fields.insert(path.clone());
        }
    }
    let mut fields = Fields::new();
    walk(tree, &mut Path::new(), &mut fields);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_paths_and_survive_being_written() {
        let object = json!({ "kind": "Pod", "metadata": { "name": "a", "labels": { "l": "1" },
                "finalizers": ["x"] },
            "spec": { "containers": [{ "name": "web", "image": "i" }], "args": [1, 2] }, "status": { "s": 1 } });
        let fields = of(&object, false);
        assert_eq!(fields.len(), 6, "{fields:?}");
        assert_eq!(from_tree(&tree(&fields)), fields);
        assert!(fields.iter().all(|it| at(&object, it).is_some()));
        let mut rest = object.clone();
        for it in &fields {
            remove(&mut rest, it);
        }
        assert_eq!(
            rest,
            json!({ "kind": "Pod", "metadata": { "name": "a" }, "status": { "s": 1 } })
        );
        assert_eq!(of(&object, true).len(), 1);
    }
}
