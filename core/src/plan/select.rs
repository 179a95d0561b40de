//! What comes along, and why not the rest.
//!
//! An object that a controller made from another object is not cloned: the clone of that other
//! object leads to a new one. What the request narrows down by selector and patterns is widened
//! again by what the chosen objects refer to, and that is said.

mod exceptions;
mod owners;

use std::collections::BTreeSet;

use kube_core::SelectorExt;
use rayon::prelude::*;

pub(super) use self::exceptions::is_lock;

use super::{
    context::Context,
    isolate,
    kinds::{self, Action, Shape},
    log::Log,
    object::{Key, Object},
    ours, route, settle, task,
};
use crate::api::staging_plan::Severity;

/// Why an object stays behind: a word and a clause.
pub(super) type Reason = (String, String);

fn reason(word: &str, why: impl Into<String>) -> Reason {
    (word.to_owned(), why.into())
}

/// The pass.
pub(super) fn select(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let mut able = BTreeSet::new();
    // The target takes its place: it is no part of the application that could be missed.
    let (_source, objects): (Vec<Object>, Vec<Object>) = objects
        .into_iter()
        .partition(|it| ours::is(it, "", "Namespace") && it.name() == context.source());
    let unable: Vec<_> = objects.par_iter().map(|it| unable(it, context)).collect();
    for (object, unable) in objects.iter().zip(unable) {
        match unable {
            Some((word, why)) => {
                missed(object, &word, &why, context, log);
                log.leave(&object.key(), &word, why);
            }
            None => {
                able.insert(object.key());
            }
        }
    }
    let chosen = chosen(&objects, &able, context, log);
    objects
        .into_iter()
        .filter(|object| {
            let key = object.key();
            let comes = chosen.contains(&key);
            if able.contains(&key) && !comes {
                let why = "neither selected by spec.source nor referred to by what is";
                log.leave(&key, "not-selected", why);
            }
            comes
        })
        .collect()
}

/// Whether every namespace has this object, made by a controller.
pub(super) fn is_given(key: &Key) -> bool {
    exceptions::is_given(key)
}

/// Why an object cannot come along whatever is selected.
fn unable(object: &Object, context: &Context) -> Option<Reason> {
    if context.exclude.iter().any(|pattern| pattern.matches(&object.key())) {
        return Some(reason("excluded", "spec.source.exclude names it"));
    }
    if let Some(found) = exceptions::of(object) {
        return Some(found);
    }
    if let Some(found) = owners::made_anew(object, context) {
        return Some(found);
    }
    match context.action(object.group(), object.kind()) {
        Some(Action::Clone) => {}
        Some(Action::Leave(..) | Action::Never(..)) if task::is_own_job(object, context) => {}
        Some(Action::Leave(word, why) | Action::Never(word, why) | Action::WithFull(word, why)) => {
            return Some(reason(word, why));
        }
        None => {
            let why = "Kulisse does not know the kind, and a copied custom resource makes its controller act: list it under kinds of the StagingClass to have it cloned";
            return Some(reason("unknown-kind", why));
        }
    }
    if kinds::shape(object) == Shape::NodeWorkload && context.scaled(&object.key()).is_none() {
        let why = "each environment would run a Pod on every node: name it under spec.scale.overrides if it is part of the application";
        return Some(reason("daemon-set", why));
    }
    isolate::refused(object, context).map(|(word, why)| reason(word, why))
}

/// Says what to do about an object that the application may miss, if its kind alone is why it stays
/// behind.
fn missed(object: &Object, word: &str, why: &str, context: &Context, log: &mut Log) {
    let Some(profile) = kinds::profile(object) else { return };
    if profile.pod_template.is_some()
        && isolate::refused(object, context).is_some_and(|it| it.0 == word)
    {
        let key = object.key();
        let settle = format!(
            "# or give it under spec.overlay without that; where nobody misses it\n{}",
            settle::exclude(&key)
        );
        log.find(Severity::Warns, &key, "", word, format!("it stays behind: {why}"), settle);
        return;
    }
    if !matches!(profile.action, Action::Leave(own, _) | Action::Never(own, _) if own == word) {
        return;
    }
    if let Some(instead) = profile.instead {
        log.find(Severity::Warns, &object.key(), "", word, why, instead);
    }
    route::missed(object, why, context, log);
}

/// What was selected, and what that refers to.
fn chosen(
    objects: &[Object],
    able: &BTreeSet<Key>,
    context: &Context,
    log: &mut Log,
) -> BTreeSet<Key> {
    let all = context.selector.is_none() && context.include.is_empty();
    let mut chosen: BTreeSet<Key> = objects
        .iter()
        .filter(|object| able.contains(&object.key()) && (all || selected(object, context)))
        .map(Object::key)
        .collect();
    if all {
        return chosen;
    }
    let mut open: Vec<Key> = chosen.iter().cloned().collect();
    while let Some(key) = open.pop() {
        let Some(object) = context.by_key.get(&key) else { continue };
        for refers in kinds::references(object) {
            if able.contains(&refers.to) && chosen.insert(refers.to.clone()) {
                log.find(
                    Severity::Informs,
                    &refers.to,
                    "",
                    "came-along",
                    format!("it was not selected, but {key} refers to it"),
                    format!("# to leave it behind\n{}", settle::exclude(&refers.to)),
                );
                open.push(refers.to);
            }
        }
    }
    chosen
}

fn selected(object: &Object, context: &Context) -> bool {
    if context.asks_for(object) {
        return true;
    }
    let named = context.include.is_empty()
        || context.include.iter().any(|pattern| pattern.matches(&object.key()));
    named && context.selector.as_ref().is_none_or(|it| it.matches(&object.labels()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::fixture::{self, deployment, object};

    fn source() -> Vec<Object> {
        let tier = |mut object: Object, tier: &str| {
            object.set("/metadata/labels/tier", json!(tier));
            object
        };
        let from = json!([{"configMapRef": {"name": "settings"}}]);
        let pod = json!({"containers": [{"name": "web", "envFrom": from}]});
        vec![
            tier(deployment("api", json!({}), json!({})), "back"),
            tier(deployment("web", json!({}), pod), "front"),
            object("v1", "ConfigMap", "settings", json!({})),
            tier(object("v1", "ConfigMap", "texts", json!({})), "front"),
            object("v1", "ConfigMap", "shop", json!({})),
            tier(object("batch/v1", "Job", "import", json!({})), "front"),
            object("v1", "Namespace", "shop", json!({})),
        ]
    }

    /// What comes along, and what is told that it stays behind.
    fn selected(narrowed: &Value) -> (Vec<String>, Vec<(String, String)>) {
        let mut source_spec = json!({"namespace": "shop"});
        for (field, value) in narrowed.as_object().unwrap() {
            source_spec[field] = value.clone();
        }
        let request = fixture::request(json!({ "source": source_spec }), json!({}));
        let mut capture = fixture::capture();
        capture.objects = source();
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        let comes = select(capture.objects.clone(), &context, &mut log);
        (
            comes.iter().map(|it| it.name().to_owned()).collect(),
            log.left_behind.into_iter().map(|it| (it.object, it.reason)).collect(),
        )
    }

    #[test]
    fn what_is_selected_and_named_comes_with_what_it_refers_to_and_everything_else_is_told() {
        let tier = |it: &str| json!({"matchLabels": {"tier": it}});
        let workloads = json!([{"kind": "Deployment"}]);
        for (narrowed, expected) in [
            (json!({}), &["api", "web", "settings", "texts", "shop"][..]),
            (json!({"selector": tier("front")}), &["web", "settings", "texts"]),
            (json!({"selector": tier("none")}), &[]),
            (json!({"include": workloads}), &["api", "web", "settings"]),
            (json!({"include": workloads, "selector": tier("front")}), &["web", "settings"]),
            (json!({"exclude": [{"name": "web"}]}), &["api", "settings", "texts", "shop"]),
            (json!({"include": [{"name": "web"}], "exclude": [{"kind": "ConfigMap"}]}), &["web"]),
        ] {
            let (comes, left) = selected(&narrowed);
            assert_eq!(comes, expected, "{narrowed}");
            // The namespace itself is not missed.
            assert_eq!(comes.len() + left.len(), source().len() - 1, "{narrowed}: {left:?}");
            let job = ("Job.batch/import".to_owned(), "job".to_owned());
            assert!(left.contains(&job), "{narrowed}: {left:?}");
        }
    }

    #[test]
    fn the_namespace_of_another_source_is_told() {
        let request = fixture::request(json!({}), json!({}));
        let mut capture = fixture::capture();
        capture.objects = vec![object("v1", "Namespace", "other", json!({}))];
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        assert!(select(capture.objects.clone(), &context, &mut log).is_empty());
        assert_eq!(log.left_behind.len(), 1);
    }
}
