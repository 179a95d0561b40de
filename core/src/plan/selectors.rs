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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_labels_are_found_wherever_a_selector_stands() {
        for (spec, expected) in [
            (json!({"selector": {"app": "web", "tier": "front"}}), &["app", "tier"][..]),
            (
                json!({"selector": {
                    "matchLabels": {"app": "web"},
                    "matchExpressions": [{"key": "tier", "operator": "Exists"}],
                }}),
                &["app", "tier"],
            ),
            (
                json!({"ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "web"}}}]}]}),
                &["role"],
            ),
            (json!({"template": {"metadata": {"labels": {"app": "web"}}}}), &[]),
            (json!({"selector": "app"}), &[]),
        ] {
            let object = Object::made("v1", "It", "it", json!({ "spec": spec }));
            let all = [Object::made("v1", "ConfigMap", "it", json!({})), object];
            let expected: BTreeSet<&str> = expected.iter().copied().collect();
            assert_eq!(keys(&all), expected, "{spec}");
        }
    }

    #[test]
    fn candidates_bear_the_rarest_of_the_labels() {
        let things =
            [(1, vec![("app", "web")]), (2, vec![("app", "web"), ("tier", "front")]), (3, vec![])];
        let by_label = ByLabel::of(things);
        assert_eq!(by_label.candidates([("app", "web")]), [1, 2]);
        assert_eq!(by_label.candidates([("app", "web"), ("tier", "front")]), [2]);
        assert_eq!(by_label.candidates([("app", "web"), ("tier", "back")]), [0; 0]);
        assert_eq!(by_label.candidates([]), [1, 2, 3]);
    }

    #[test]
    fn whether_a_selector_matches_is_known_only_if_it_is_one() {
        let labels = [("app", "web")];
        for (key, operator, expected) in
            [("app", "Exists", Some(true)), ("tier", "Exists", Some(false)), ("app", "Likes", None)]
        {
            let selector = json!({"matchExpressions": [{"key": key, "operator": operator}]});
            let selector: LabelSelector = serde_json::from_value(selector).unwrap();
            assert_eq!(selects(&selector, &labels), expected, "{key} {operator}");
        }
    }
}
