//! Entries of the environment that match nothing. What somebody wrote was meant to do something: a
//! typo that leaves a host open, or a Job in the clone, must not pass in silence.

use std::collections::BTreeSet;

use kube_core::SelectorExt;

use super::{
    context::Context,
    kinds,
    log::Log,
    object::{Key, Object},
    pattern,
    places::listed,
};
use crate::api::{environment::ObjectPattern, staging_plan::Severity};

/// How like a name must be to be shown as meant, of 1.
const ALIKE: f64 = 0.6;
/// Longest name that is compared, in bytes: that takes as long as both are long, multiplied.
const LONGEST: usize = 64;
/// Most names that one is compared with.
const MANY: usize = 500;

/// Says that an entry matches nothing, and what was perhaps meant.
pub(super) fn report<'n>(
    context: &Context,
    path: &str,
    wanted: &str,
    what: &str,
    there: impl IntoIterator<Item = &'n str>,
    log: &mut Log,
) {
    let (close, all) = close(wanted, there);
    let settle = match (close.is_empty(), all.is_empty()) {
        (false, _) => format!("{} perhaps; otherwise take the entry out", listed(&close)),
        (true, false) => format!("take the entry out; there are {}", listed(&all)),
        (true, true) => "take the entry out; there are none".to_owned(),
    };
    log.find(
        Severity::Warns,
        &context.environment(),
        path,
        "matches-nothing",
        format!("no {what} is meant by {wanted}"),
        settle,
    );
}

/// Says that entries before it take all that an entry means.
pub(super) fn shadowed(context: &Context, path: &str, wanted: &str, log: &mut Log) {
    log.find(
        Severity::Warns,
        &context.environment(),
        path,
        "matches-nothing",
        format!(
            "entries before it take all that {wanted} means, and the first that matches counts"
        ),
        "put it before them, or take it out",
    );
}

/// The names that are most like `wanted`, the best first, and all of them.
fn close<'n>(wanted: &str, there: impl IntoIterator<Item = &'n str>) -> (Vec<String>, Vec<String>) {
    let wanted = wanted.to_ascii_lowercase();
    let all: BTreeSet<&str> = there.into_iter().filter(|it| !it.is_empty()).collect();
    let comparable = |it: &&&str| it.len().max(wanted.len()) <= LONGEST;
    let mut close: Vec<(f64, &str)> = all
        .iter()
        .filter(comparable)
        .take(MANY)
        .map(|it| (strsim::normalized_damerau_levenshtein(&wanted, &it.to_ascii_lowercase()), *it))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let own = |it: &str| it.to_owned();
    (close.into_iter().map(|(_, it)| own(it)).collect(), all.into_iter().map(own).collect())
}

/// What is narrowed down or scaled, and matches no object of the source.
pub(super) fn patterns(context: &Context, log: &mut Log) {
    let spec = &context.request.spec;
    let objects = || context.capture.objects.iter();
    if let Some(selector) = &context.selector
        && !objects().any(|it| selector.matches(&it.labels()))
    {
        let path = "/spec/source/selector";
        let kinds = objects()
            .flat_map(|it| it.labels().into_iter())
            .map(|(key, value)| format!("{key}={value}"));
        let labels: Vec<String> = kinds.collect();
        report(context, path, "these labels", "object", labels.iter().map(String::as_str), log);
    }
    let stores = (&spec.stores.include, &spec.stores.exclude);
    for (path, written, compiled, workloads) in [
        ("/spec/source/include", &spec.source.include, &context.include, false),
        ("/spec/source/exclude", &spec.source.exclude, &context.exclude, false),
        ("/spec/stores/include", stores.0, &context.stores.0, true),
        ("/spec/stores/exclude", stores.1, &context.stores.1, true),
    ] {
        for (at, (written, pattern)) in written.iter().zip(compiled).enumerate() {
            let path = format!("{path}/{at}");
            one(context, &path, written, workloads, |key| pattern.matches(key), log);
        }
    }
    for (at, over) in spec.scale.overrides.iter().enumerate() {
        let path = format!("/spec/scale/overrides/{at}");
        let first = |key: &Key| context.scaled(key).is_some_and(|it| std::ptr::eq(it, over));
        let meant = |key: &Key| pattern::one("", &over.target).is_ok_and(|it| it.matches(key));
        let keys: Vec<Key> = objects().filter(|it| meant(&it.key())).map(Object::key).collect();
        if !keys.is_empty() && !keys.iter().any(first) {
            shadowed(context, &path, &shown(&over.target), log);
        } else {
            one(context, &path, &over.target, true, meant, log);
        }
    }
}

fn one(
    context: &Context,
    path: &str,
    written: &ObjectPattern,
    workloads: bool,
    matches: impl Fn(&Key) -> bool,
    log: &mut Log,
) {
    let runs = |it: &&Object| !workloads || kinds::pod_spec(it).is_some();
    let objects = || context.capture.objects.iter().filter(runs);
    if objects().any(|it| matches(&it.key())) {
        return;
    }
    let (wanted, what) = (shown(written), if workloads { "workload" } else { "object" });
    let there: Vec<String> = objects().map(|it| like(written, it)).collect();
    report(context, path, &wanted, what, there.iter().map(String::as_str), log);
}

/// A pattern as a person reads it: `Deployment/web`, `web`, `Job`.
pub(super) fn shown(pattern: &ObjectPattern) -> String {
    let ObjectPattern { group, kind, name } = pattern;
    let kind = match (kind, group.as_deref().filter(|it| !it.is_empty())) {
        (Some(kind), Some(group)) => Some(format!("{kind}.{group}")),
        (Some(kind), None) => Some(kind.clone()),
        (None, Some(group)) => Some(format!("*.{group}")),
        (None, None) => None,
    };
    [kind.as_deref(), name.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// An object in as many words as a pattern has.
fn like(pattern: &ObjectPattern, object: &Object) -> String {
    let key = object.key();
    shown(&ObjectPattern {
        group: pattern.group.as_ref().map(|_| key.group.clone()),
        kind: pattern.kind.as_ref().or(pattern.group.as_ref()).map(|_| key.kind.clone()),
        name: pattern.name.as_ref().map(|_| key.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::fixture::{self, deployment, service};

    #[test]
    fn the_likest_names_come_first_and_all_are_known() {
        let there = ["api", "", "weby", "WEB", "wbe", "web"];
        let (found, all) = close("Web", there);
        assert_eq!(found, ["WEB", "web", "weby", "wbe"]);
        assert_eq!(all, ["WEB", "api", "wbe", "web", "weby"]);
        for (length, found) in [(64, 1), (65, 0)] {
            let long = "a".repeat(length);
            assert_eq!(close(&long, [long.as_str()]).0.len(), found, "{length}");
            assert_eq!(close(&long, ["b"]).1, ["b"]);
        }
    }

    #[test]
    fn a_pattern_is_shown_as_a_person_reads_it() {
        for (group, kind, name, expected) in [
            (Some("apps"), Some("Deployment"), Some("web"), "Deployment.apps/web"),
            (Some(""), Some("Pod"), None, "Pod"),
            (None, Some("Pod"), Some("web"), "Pod/web"),
            (Some("apps"), None, Some("web"), "*.apps/web"),
            (Some(""), None, Some("web"), "web"),
            (None, None, None, ""),
        ] {
            let own = |it: Option<&str>| it.map(str::to_owned);
            let pattern = ObjectPattern { group: own(group), kind: own(kind), name: own(name) };
            assert_eq!(shown(&pattern), expected);
        }
    }

    /// Which entries of the spec are told, and why.
    fn told(spec: &Value) -> Vec<(String, String)> {
        let request = fixture::request(spec.clone(), json!({}));
        let mut capture = fixture::capture();
        let mut web = deployment("web", json!({}), json!({}));
        web.set("/metadata/labels/tier", json!("front"));
        capture.objects = vec![web, service("web")];
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        patterns(&context, &mut log);
        log.findings.into_iter().map(|it| (it.path, it.why)).collect()
    }

    #[test]
    fn an_entry_that_means_nothing_is_told_and_one_that_means_something_is_not() {
        let of_source = |field: &str, value: Value| {
            let mut source = json!({"namespace": "shop"});
            source[field] = value;
            json!({ "source": source })
        };
        let tier = |it: &str| json!({"matchLabels": {"tier": it}});
        let scaled = |targets: &[Value]| {
            let overrides: Vec<Value> =
                targets.iter().map(|it| json!({"target": it, "replicas": 1})).collect();
            json!({"scale": {"overrides": overrides}})
        };
        let (web, gone) = (json!({"name": "web"}), json!({"name": "gone"}));
        let only = json!({"kind": "Service"});
        for spec in [
            of_source("selector", tier("front")),
            of_source("include", json!([web, only])),
            of_source("exclude", json!([only])),
            json!({"stores": {"include": [web], "exclude": [web]}}),
            scaled(std::slice::from_ref(&web)),
        ] {
            assert!(told(&spec).is_empty(), "{spec}: {:?}", told(&spec));
        }
        for (spec, path, why) in [
            (
                of_source("selector", tier("back")),
                "/spec/source/selector",
                "no object is meant by these labels",
            ),
            (
                of_source("include", json!([web, gone])),
                "/spec/source/include/1",
                "no object is meant by gone",
            ),
            (
                of_source("exclude", json!([gone])),
                "/spec/source/exclude/0",
                "no object is meant by gone",
            ),
            (
                json!({"stores": {"include": [only]}}),
                "/spec/stores/include/0",
                "no workload is meant by Service",
            ),
            (
                json!({"stores": {"exclude": [only]}}),
                "/spec/stores/exclude/0",
                "no workload is meant by Service",
            ),
            (
                scaled(std::slice::from_ref(&only)),
                "/spec/scale/overrides/0",
                "no workload is meant by Service",
            ),
            (
                scaled(&[gone.clone(), web.clone()]),
                "/spec/scale/overrides/0",
                "no workload is meant by gone",
            ),
            (
                scaled(&[web.clone(), json!({"kind": "Deployment"})]),
                "/spec/scale/overrides/1",
                "entries before it take all that Deployment means, and the first that matches counts",
            ),
        ] {
            assert_eq!(told(&spec), [(path.to_owned(), why.to_owned())], "{spec}");
        }
    }
}
