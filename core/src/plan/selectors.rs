//! Labels that selectors use: they hold the application together, and never change.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::{Selector, SelectorExt};
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

/// Whether a selector matches these labels; `None` if it is not a selector.
pub(super) fn selects(selector: &LabelSelector, labels: &[(&str, &str)]) -> Option<bool> {
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Some(Selector::try_from(selector.clone()).ok()?.matches(&labels))
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
