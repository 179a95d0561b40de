//! What the clone reports about itself, it reports as staging.
//!
//! ```text
//! labels       tags.datadoghq.com/env, with the selectors that use it
//! variables    DD_ENV=production, wherever they are set
//! properties   -Dsentry.environment=production, deployment.environment=production
//! tags         env:production, in DD_TAGS and in annotations that agents read
//! ```
//!
//! Agents on the nodes read labels and logs past every policy: with production's name on them, the
//! clone's errors would be production's. What names the environment to the application itself
//! (`APP_ENV`) stays.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Value, json};

use super::super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::{Object, Pointer, escape},
};
use crate::{
    api::identity::{MAX_LABEL, fit},
    secrets::Pattern,
};

const RULE: Rule = Rule {
    name: "telemetry",
    why: "the clone would report as production: to its dashboards, its alerts and its error counts",
};

/// Ends of variables that name the environment to a library that reports.
const VARIABLES: &[&str] = &[
    "DD_ENV",
    "SENTRY_ENVIRONMENT",
    "ELASTIC_APM_ENVIRONMENT",
    "NEW_RELIC_ENVIRONMENT",
    "HONEYBADGER_ENV",
    "BUGSNAG_RELEASE_STAGE",
    "ROLLBAR_ENV",
    "ROLLBAR_ENVIRONMENT",
    "AIRBRAKE_ENVIRONMENT",
    "APPSIGNAL_APP_ENV",
];

/// `name=value` that names the environment: in lists of attributes, in properties, behind `-D`.
static PROPERTY: Pattern = Pattern::new(
    r#"((?:\b|-D)(?:deployment\.environment(?:\.name)?|(?:dd\.env|sentry\.environment|elastic\.apm\.environment|newrelic\.config\.environment)) ?= ?)([^\s,;"'&]+)"#,
);

/// `env:production` and `"env":"production"`.
static TAG: Pattern = Pattern::new(r#"(\benv"?\s*:\s*"?)([A-Za-z0-9_./-]+)"#);
/// The variable that holds tags.
const TAGS: &str = "DD_TAGS";
/// Annotations that agents read tags from.
const TAGGED: [&str; 2] = ["ad.datadoghq.com/", "datadoghq.com/"];

pub(super) fn as_staging(object: &mut Object, context: &Context, log: &mut Log) {
    let name = context.request.environment.name.as_str();
    let mut found = Vec::new();
    labels(object.value(), &mut Pointer::to(""), context, &mut found);
    let template = kinds::profile(object).and_then(|it| it.pod_template);
    for metadata in template.into_iter().chain([""]).map(|it| format!("{it}/metadata")) {
        annotations(object, &metadata, name, &mut found);
    }
    for container in kinds::containers(object) {
        of_container(object, &container, name, &mut found);
    }
    if kinds::shape(object) == Shape::Settings {
        let data = object.get("/data").and_then(Value::as_object).into_iter().flatten();
        for (key, value) in data {
            if let Some(new) = value.as_str().and_then(|text| variable(key, text, name)) {
                found.push((format!("/data/{}", escape(key)), json!(new)));
            }
        }
    }
    for (path, new) in found {
        log.set(object, &path, new, &RULE);
    }
}

/// Whether the source's Pods say that they run in different environments. Then selectors may tell
/// them apart by that, and what they say must stay different.
pub(in crate::plan) fn is_divided(objects: &[Object]) -> bool {
    let mut names = BTreeSet::new();
    for object in objects {
        let template = kinds::profile(object).and_then(|it| it.pod_template);
        let labels = template.and_then(|it| object.get(&format!("{it}/metadata/labels")));
        let labels = labels.and_then(Value::as_object).into_iter().flatten();
        names.extend(labels.filter(|(key, _)| is_label(key)).filter_map(|(_, it)| it.as_str()));
    }
    names.len() > 1
}

/// `tags.datadoghq.com/env`, and `tags.datadoghq.com/web.env` for one container.
fn is_label(key: &str) -> bool {
    let tag = key.strip_prefix("tags.datadoghq.com/");
    tag.is_some_and(|it| it.rsplit('.').next() == Some("env"))
}

/// The label wherever it stands, selectors included: they must go on fitting together.
fn labels(value: &Value, path: &mut Pointer, context: &Context, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                path.element(at, |path| labels(value, path, context, found));
            }
        }
        Value::Object(map) => {
            if map.get("key").and_then(Value::as_str).is_some_and(is_label)
                && let Some(values) = map.get("values").and_then(Value::as_array)
            {
                let mut new: Vec<String> =
                    values.iter().filter_map(|it| Some(named(it.as_str()?, context))).collect();
                new.dedup();
                found.push((format!("{}/values", path.as_str()), json!(new)));
            }
            for (field, value) in map {
                path.field(field, |path| match value {
                    Value::String(text) if is_label(field) => {
                        found.push((path.as_str().to_owned(), json!(named(text, context))));
                    }
                    // Files are no labels.
                    _ if ["/data", "/binaryData"].contains(&path.as_str()) => {}
                    _ => labels(value, path, context, found),
                });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the label says in the clone.
fn named(old: &str, context: &Context) -> String {
    let name = context.request.environment.name.as_str();
    if !context.divided {
        return name.to_owned();
    }
    if old.ends_with(&format!("-{name}")) {
        return old.to_owned();
    }
    fit(&format!("{old}-{name}"), MAX_LABEL, 6)
}

fn annotations(object: &Object, metadata: &str, name: &str, found: &mut Vec<(String, Value)>) {
    let all = object.get(&format!("{metadata}/annotations")).and_then(Value::as_object);
    for (key, value) in all.into_iter().flatten() {
        if let Some(text) = value.as_str()
            && TAGGED.iter().any(|it| key.starts_with(it))
            && let Some(new) = replaced(&TAG, text, name)
        {
            found.push((format!("{metadata}/annotations/{}", escape(key)), json!(new)));
        }
    }
}

fn of_container(object: &Object, container: &str, name: &str, found: &mut Vec<(String, Value)>) {
    for entry in object.expand(&format!("{container}/env/*")) {
        let called = object.text(&format!("{entry}/name"));
        let path = format!("{entry}/value");
        let elsewhere = ["configMapKeyRef", "secretKeyRef"]
            .iter()
            .any(|it| object.get(&format!("{entry}/valueFrom/{it}")).is_some());
        if elsewhere && is_variable(called) {
            found.push((entry, json!({ "name": called, "value": name })));
        } else if let Some(new) = variable(called, object.text(&path), name) {
            found.push((path, json!(new)));
        }
    }
    for list in ["command", "args"] {
        for path in object.expand(&format!("{container}/{list}/*")) {
            if let Some(new) = replaced(&PROPERTY, object.text(&path), name) {
                found.push((path, json!(new)));
            }
        }
    }
}

/// What a variable, or a file, says in the clone, if that is something else.
fn variable(called: &str, text: &str, name: &str) -> Option<String> {
    // What only points at another variable says what that says.
    if text.is_empty() || text.starts_with("$(") {
        return None;
    }
    if is_variable(called) {
        return Some(name.to_owned());
    }
    let tags = if called == TAGS { replaced(&TAG, text, name) } else { None };
    tags.or_else(|| replaced(&PROPERTY, text, name))
}

fn is_variable(called: &str) -> bool {
    VARIABLES.iter().any(|end| {
        called.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

/// The text with `name` as the value of everything that the pattern finds.
fn replaced(pattern: &Pattern, text: &str, name: &str) -> Option<String> {
    match pattern.get()?.replace_all(text, format!("${{1}}{name}")) {
        Cow::Owned(new) if new != text => Some(new),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{self, object};

    #[test]
    fn every_pattern_compiles() {
        assert!(PROPERTY.get().is_some() && TAG.get().is_some());
    }

    #[test]
    fn only_what_is_reported_is_rewritten() {
        let is = |called: &str, text: &str| variable(called, text, "pr-1");
        for (called, text, expected) in [
            ("DD_ENV", "production", Some("pr-1")),
            ("NEXT_PUBLIC_SENTRY_ENVIRONMENT", "production", Some("pr-1")),
            ("ADD_ENV", "production", None),
            ("APP_ENV", "production", None),
            ("DD_ENV", "$(APP_ENV)", None),
            ("DD_TAGS", "team:a,env:production", Some("team:a,env:pr-1")),
            (
                "JAVA_TOOL_OPTIONS",
                "-Ddd.env=production -Dspring.profiles.active=production",
                Some("-Ddd.env=pr-1 -Dspring.profiles.active=production"),
            ),
            (
                "app.properties",
                "sentry.environment = production\nx.environment=production\n",
                Some("sentry.environment = pr-1\nx.environment=production\n"),
            ),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=pr-1", None),
        ] {
            assert_eq!(is(called, text).as_deref(), expected, "{called}={text}");
        }
    }

    const ENV: &str = "tags.datadoghq.com/env";

    fn labelled(kind: &str, labels: &Value) -> Object {
        object(
            "apps/v1",
            kind,
            "web",
            json!({"spec": {"template": {"metadata": {"labels": labels}}}}),
        )
    }

    #[test]
    fn pods_that_run_in_two_environments_divide_the_source() {
        let of = |labels: &[Value]| {
            let objects: Vec<Object> = labels.iter().map(|it| labelled("Deployment", it)).collect();
            is_divided(&objects)
        };
        assert!(!of(&[]));
        assert!(!of(&[json!({ENV: "production"}), json!({ENV: "production"})]));
        assert!(!of(&[json!({ENV: "production"}), json!({"env": "demo"})]));
        assert!(of(&[json!({ENV: "production"}), json!({ENV: "demo"})]));
        assert!(of(&[json!({ENV: "a", "tags.datadoghq.com/web.env": "b"})]));
        // What is no workload has no Pods of its own.
        assert!(!is_divided(&[
            labelled("Deployment", &json!({ENV: "a"})),
            labelled("Widget", &json!({ENV: "b"}))
        ]));
    }

    #[test]
    fn a_label_says_the_environment_of_a_pod_or_of_one_container() {
        for (key, expected) in [
            (ENV, true),
            ("tags.datadoghq.com/web.env", true),
            ("tags.datadoghq.com/web.version", false),
            ("tags.datadoghq.com/environment", false),
            ("env", false),
        ] {
            assert_eq!(is_label(key), expected, "{key}");
        }
    }

    #[test]
    fn environments_that_are_told_apart_stay_apart() {
        let request = fixture::request(json!({}), json!({}));
        let mut capture = fixture::capture();
        capture.objects = vec![
            labelled("Deployment", &json!({ENV: "a"})),
            labelled("DaemonSet", &json!({ENV: "b"})),
        ];
        let divided = Context::new(&request, &capture).unwrap();
        let of_one = fixture::capture();
        let whole = Context::new(&request, &of_one).unwrap();
        for (old, apart) in [("production", "production-pr-7"), ("demo-pr-7", "demo-pr-7")] {
            let mut web = labelled("Deployment", &json!({ENV: old}));
            as_staging(&mut web, &divided, &mut Log::default());
            let path = format!("/spec/template/metadata/labels/{}", escape(ENV));
            assert_eq!(web.text(&path), apart);
            as_staging(&mut web, &whole, &mut Log::default());
            assert_eq!(web.text(&path), "pr-7");
        }
    }
}
