//! Label selectors, evaluated; and selectors that match one Pod template and no other.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::{Expression, Selector, SelectorExt};
use serde_json::{Value, json};

use super::pods::{self, Pods};
use crate::plan::selectors::ByLabel;

/// Labels of a Pod.
pub(super) type Labels = BTreeMap<String, String>;

/// Whether a selector matches the Pods of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    /// None of them.
    No,
    /// It asks for the value of a label that the workload's controller adds: perhaps some of them.
    Maybe,
    /// All of them.
    Yes,
}

/// Reads a label selector as manifests write it; left out, it matches everything. `None` if it is
/// not a selector.
pub(super) fn read(selector: Option<&Value>) -> Option<Vec<Expression>> {
    match selector {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(selector) => {
            let selector: LabelSelector = serde_json::from_value(selector.clone()).ok()?;
            Some(Selector::try_from(selector).ok()?.into_iter().collect())
        }
    }
}

/// The labels that Pods must bear in their template for a selector to match them.
pub(super) fn asked(selector: &[Expression]) -> impl Iterator<Item = (&str, &str)> {
    selector.iter().filter_map(|expression| match expression {
        Expression::Equal(key, value) if !pods::is_added(key) => {
            Some((key.as_str(), value.as_str()))
        }
        _ => None,
    })
}

/// Whether a selector matches the Pods of `pods`.
pub(super) fn matches(selector: &[Expression], pods: &Pods) -> Match {
    selector.iter().map(|expression| one(expression, pods)).min().unwrap_or(Match::Yes)
}

fn one(expression: &Expression, pods: &Pods) -> Match {
    let key = match expression {
        Expression::In(key, _)
        | Expression::NotIn(key, _)
        | Expression::Equal(key, _)
        | Expression::NotEqual(key, _)
        | Expression::Exists(key)
        | Expression::DoesNotExist(key) => key,
    };
    match expression {
        Expression::Exists(_) if pods.added.contains(&key.as_str()) => Match::Yes,
        Expression::DoesNotExist(_) if pods.added.contains(&key.as_str()) => Match::No,
        _ if pods.added.contains(&key.as_str()) => Match::Maybe,
        _ if expression.matches(&pods.labels) => Match::Yes,
        _ => Match::No,
    }
}

/// Pods that a selector for some others must not match.
pub(super) struct Others<'a> {
    by_label: ByLabel<'a, &'a Pods>,
    /// Keys of all their labels.
    keys: BTreeSet<&'a str>,
}

impl<'a> Others<'a> {
    /// Of these Pods.
    pub(super) fn of(pods: &[&'a Pods]) -> Self {
        Self {
            by_label: ByLabel::of(pods.iter().map(|it| (*it, it.labels()))),
            keys: pods.iter().flat_map(|it| it.labels()).map(|(key, _)| key).collect(),
        }
    }
}

/// A selector that matches the Pods of `wanted` and none of `others`, as a manifest has it. `None`
/// if no selector can tell them apart by the labels of their templates.
///
/// All labels of `wanted` are asked for, and the absence of every label that only others have: a
/// selector for `{app: x}` would otherwise match `{app: x, tier: db}` as well.
pub(super) fn exact(wanted: &Pods, others: &Others) -> Option<Value> {
    // Without labels there is nothing to ask for: it would match whatever else comes along.
    if wanted.labels.is_empty() {
        return None;
    }
    let is_foreign =
        |key: &&&str| !wanted.labels.contains_key(**key) && !wanted.added.contains(key);
    let foreign: Vec<&&str> = others.keys.iter().filter(is_foreign).collect();
    let reached = |other: &Pods| {
        wanted.labels.iter().all(|(key, value)| other.labels.get(key) == Some(value))
            && foreign.iter().all(|key| !other.labels.contains_key(**key))
    };
    if others.by_label.candidates(wanted.labels()).iter().any(|other| reached(other)) {
        return None;
    }
    let mut selector = json!({"matchLabels": wanted.labels});
    if !foreign.is_empty() {
        selector["matchExpressions"] =
            foreign.iter().map(|key| json!({"key": key, "operator": "DoesNotExist"})).collect();
    }
    Some(selector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(labels: &[(&str, &str)], added: &'static [&'static str]) -> Pods {
        Pods {
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            added,
            ..Pods::default()
        }
    }

    #[test]
    fn selectors_match_as_kubernetes_says() {
        let expression = |operator, values: Value| json!({"matchExpressions": [{"key": "app", "operator": operator, "values": values}]});
        let web = pods(&[("app", "web")], &[]);
        let bare = pods(&[("tier", "db")], &[]);
        for (selector, on_web, on_bare) in [
            (json!({}), Match::Yes, Match::Yes),
            (json!({"matchLabels": {"app": "web"}}), Match::Yes, Match::No),
            (json!({"matchLabels": {"app": "db"}}), Match::No, Match::No),
            (expression("In", json!(["web", "db"])), Match::Yes, Match::No),
            (expression("NotIn", json!(["web"])), Match::No, Match::Yes),
            (expression("Exists", json!(null)), Match::Yes, Match::No),
            (expression("DoesNotExist", json!(null)), Match::No, Match::Yes),
        ] {
            let read = read(Some(&selector)).unwrap();
            assert_eq!(matches(&read, &web), on_web, "{selector}");
            assert_eq!(matches(&read, &bare), on_bare, "{selector}");
        }
        assert!(super::read(Some(&expression("Like", json!(["web"])))).is_none());
    }

    #[test]
    fn what_a_controller_adds_is_there_but_its_value_is_not_known() {
        let db = pods(&[("app", "db")], &["pod-name"]);
        for (expression, expected) in [
            (Expression::Equal("pod-name".into(), "db-0".into()), Match::Maybe),
            (Expression::Exists("pod-name".into()), Match::Yes),
            (Expression::DoesNotExist("pod-name".into()), Match::No),
        ] {
            assert_eq!(matches(&[expression], &db), expected);
        }
    }

    #[test]
    fn a_selector_for_few_labels_does_not_match_more_of_them() {
        let few = pods(&[("app", "x")], &[]);
        let more = pods(&[("app", "x"), ("tier", "db")], &[]);
        let selector = read(exact(&few, &Others::of(&[&more])).as_ref()).unwrap();
        assert_eq!(matches(&selector, &few), Match::Yes);
        assert_eq!(matches(&selector, &more), Match::No);
    }

    #[test]
    fn what_has_the_same_labels_or_none_cannot_be_told_apart() {
        let one = pods(&[("app", "x")], &[]);
        assert_eq!(exact(&one, &Others::of(&[&one])), None);
        assert_eq!(exact(&pods(&[], &[]), &Others::of(&[&one])), None);
    }

    #[test]
    fn only_labels_of_the_template_can_be_asked_for() {
        let selector = [
            Expression::Equal("app".into(), "web".into()),
            Expression::Equal("statefulset.kubernetes.io/pod-name".into(), "db-0".into()),
            Expression::Exists("tier".into()),
        ];
        assert_eq!(asked(&selector).collect::<Vec<_>>(), [("app", "web")]);
    }

    #[test]
    fn what_a_controller_adds_is_not_asked_to_be_absent() {
        let job = pods(&[("app", "x")], &["job-name"]);
        let same = pods(&[("app", "x"), ("job-name", "1")], &[]);
        assert_eq!(exact(&job, &Others::of(&[&same])), None, "its own Pods have that label too");
        let other = pods(&[("tier", "db"), ("job-name", "1")], &[]);
        let expected = json!({
            "matchLabels": {"app": "x"},
            "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
        });
        assert_eq!(exact(&job, &Others::of(&[&other])), Some(expected));
    }
}
