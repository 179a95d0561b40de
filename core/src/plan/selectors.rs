//! Labels that selectors use: they hold the application together, and never change.

use std::collections::BTreeSet;

use serde_json::Value;

use super::object::Object;

/// Keys of all labels that some selector in `objects` uses: of a Service, a workload, a policy, a
/// term of affinity.
pub(super) fn keys(objects: &[Object]) -> BTreeSet<&str> {
    let mut keys = BTreeSet::new();
    for spec in objects.iter().filter_map(|object| object.get("/spec")) {
        collect(spec, &mut keys);
    }
    keys
}

fn collect<'v>(value: &'v Value, keys: &mut BTreeSet<&'v str>) {
    match value {
        Value::Array(list) => {
            for it in list {
                collect(it, keys);
            }
        }
        Value::Object(map) => {
            for (field, value) in map {
                match (field.as_str(), value) {
                    ("matchLabels" | "selector", Value::Object(labels))
                        if labels.values().all(Value::is_string) =>
                    {
                        keys.extend(labels.keys().map(String::as_str));
                    }
                    ("matchExpressions", Value::Array(list)) => {
                        let of = |it: &'v Value| it.get("key").and_then(Value::as_str);
                        keys.extend(list.iter().filter_map(of));
                    }
                    _ => collect(value, keys),
                }
            }
        }
        _ => {}
    }
}
