//! What the clone reports about itself, it reports as staging.
//!
//! Agents on the nodes read labels and logs past every policy: with production's name on them, the
//! clone's errors would be production's.

use serde_json::json;

use super::super::{
    context::Context,
    kinds,
    log::{Log, Rule},
    object::{Object, escape},
};

const RULE: Rule = Rule {
    name: "telemetry",
    why: "the clone would report as production: to its dashboards, its alerts and its error counts",
};
/// Labels that name the environment.
const LABELS: &[&str] = &["tags.datadoghq.com/env"];
/// Variables that name the environment to a library that reports.
const VARIABLES: &[&str] = &[
    "DD_ENV",
    "SENTRY_ENVIRONMENT",
    "ELASTIC_APM_ENVIRONMENT",
    "NEW_RELIC_ENVIRONMENT",
    "HONEYBADGER_ENV",
    "BUGSNAG_RELEASE_STAGE",
];
/// The variable that holds a list of `name=value`, and the names in it.
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const NAMES: &[&str] = &["deployment.environment", "deployment.environment.name"];

pub(super) fn as_staging(object: &mut Object, context: &Context, log: &mut Log) {
    let name = context.request.environment.name.as_str();
    let template = kinds::profile(object).and_then(|it| it.pod_template);
    for metadata in
        template.map(|it| format!("{it}/metadata")).into_iter().chain(["/metadata".to_owned()])
    {
        for label in LABELS {
            let path = format!("{metadata}/labels/{}", escape(label));
            // A label that a selector uses stays: the two would no longer fit together.
            if object.get(&path).is_some() && !context.selected.contains(label) {
                log.set(object, &path, json!(name), &RULE);
            }
        }
    }
    for container in kinds::containers(object) {
        for variable in object.expand(&format!("{container}/env/*")) {
            let path = format!("{variable}/value");
            let called = object.text(&format!("{variable}/name"));
            let value = object.text(&path);
            if value.is_empty() {
                continue;
            }
            if VARIABLES.contains(&called) {
                log.set(object, &path, json!(name), &RULE);
            } else if called == ATTRIBUTES {
                let value = attributes(value, name);
                log.set(object, &path, json!(value), &RULE);
            }
        }
    }
}

fn attributes(list: &str, name: &str) -> String {
    let each = list.split(',').map(|pair| match pair.split_once('=') {
        Some((key, _)) if NAMES.contains(&key.trim()) => format!("{key}={name}"),
        _ => pair.to_owned(),
    });
    each.collect::<Vec<_>>().join(",")
}
