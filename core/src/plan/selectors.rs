//! Labels that selectors use: they hold the application together, and never change. And what bears them,
//! found without a look at everything that does not.

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

/// Things by the labels that they bear.
pub(super) struct ByLabel<'a, T> {
    all: Vec<T>,
    bearers: BTreeMap<(&'a str, &'a str), Vec<T>>,
}

impl<'a, T: Copy> ByLabel<'a, T> {
    /// Of things and their labels.
    pub(super) fn of<L>(things: impl IntoIterator<Item = (T, L)>) -> Self
    where
        L: IntoIterator<Item = (&'a str, &'a str)>,
    {
        let mut found = Self { all: Vec::new(), bearers: BTreeMap::new() };
        for (thing, labels) in things {
            found.all.push(thing);
            for label in labels {
                found.bearers.entry(label).or_default().push(thing);
            }
        }
        found
    }

    /// What bears the rarest of these labels, in its order: all that bears every one of them, and not
    /// much else. Everything, if no label is asked for.
    pub(super) fn candidates<'l>(
        &'l self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
    ) -> &'l [T] {
        let bearers = |label| self.bearers.get(&label).map_or(&[][..], Vec::as_slice);
        labels.into_iter().map(bearers).min_by_key(|it| it.len()).unwrap_or(&self.all)
    }
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
