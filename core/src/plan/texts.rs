//! The texts of a plan in which something may lead out of the target: what containers are told, what
//! settings hold, what routes and Services name. Names of objects, labels and images are none.

pub(super) mod filled;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rayon::prelude::*;
use serde_json::Value;

use super::{
    context::Context,
    kinds::{self, Shape},
    object::{Key, Object, escape},
    places::Place,
    task::{PlannedTask, Work},
};
use crate::{
    api::names,
    secrets::{Part, PlannedSecret, PlannedValue},
};

/// Shortest base64 that is looked into.
const ENCODED: usize = 24;
/// Where containers have texts besides their variables and arguments.
const HOOKS: [&str; 4] = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"];
/// Where routes change requests: hosts in them are no backends.
const FILTERS: [&str; 2] = ["/spec/rules/*/filters", "/spec/rules/*/backendRefs/*/filters"];
/// Fields of objects of any kind that hold no text of the application's.
const NO_TEXT: [&str; 8] =
    ["apiVersion", "kind", "metadata", "status", "image", "labels", "matchLabels", "nodeSelector"];

/// A text, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// The object that holds it.
    pub(super) object: Key,
    /// JSON pointer.
    pub(super) path: String,
    /// What names it: the variable, the key, the flag.
    pub(super) named: String,
    /// The text.
    pub(super) value: String,
    /// Whether it is a Secret's: then it is never shown.
    pub(super) secret: bool,
    /// How it comes to stand there.
    pub(super) origin: Origin,
}

/// How a text comes to stand where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is written there.
    Written,
    /// It is what a base64 stands for.
    Encoded,
    /// Variables are filled in.
    Filled,
}

impl Text {
    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        (self.object.clone(), self.path.clone())
    }
}

/// All texts of a plan.
pub(super) fn of_plan(
    objects: &[Object],
    secrets: &BTreeMap<String, PlannedSecret>,
    tasks: &[PlannedTask],
    context: &Context,
) -> Vec<Text> {
    // The fence is of our own making.
    let cloned = objects.par_iter().filter(|it| it.label(names::FENCE_LABEL).is_none());
    let mut texts: Vec<Text> = cloned.flat_map_iter(of_object).collect();
    for (name, secret) in secrets {
        of_secret(name, secret, &mut texts);
    }
    for task in tasks {
        of_task(task, context, &mut texts);
    }
    let known = filled::Known::of(objects, secrets);
    texts.par_extend(objects.par_iter().flat_map_iter(|it| known.texts(it, "", &it.key())));
    for task in tasks {
        if let Work::Job(job) = &task.work {
            texts.extend(known.texts(job, &task_path(task), &context.environment()));
        }
    }
    let encoded: Vec<Text> = texts.par_iter().flat_map_iter(decoded).collect();
    texts.extend(encoded);
    texts
}

/// Where a task stands in the spec.
pub(super) fn task_path(task: &PlannedTask) -> String {
    format!("/spec/{}/{}", task.role.list(), escape(&task.name))
}

/// The texts of one object.
pub(super) fn of_object(object: &Object) -> Vec<Text> {
    let mut texts = Vec::new();
    collect(object, "", &object.key(), &mut texts);
    texts
}

fn collect(object: &Object, at: &str, key: &Key, texts: &mut Vec<Text>) {
    let mut add = |path: String, named: &str, text: &str| {
        if !text.is_empty() {
            texts.push(Text {
                object: key.clone(),
                path: format!("{at}{path}"),
                named: named.to_owned(),
                value: text.to_owned(),
                secret: false,
                origin: Origin::Written,
            });
        }
    };
    match kinds::shape(object) {
        Shape::Settings => settings(object, &mut add),
        Shape::Service => {
            let path = "/spec/externalName";
            add(path.to_owned(), "host", object.text(path));
        }
        Shape::Route | Shape::GatewayRoute => {
            for (name, value) in fields(object.get("/metadata/annotations")) {
                let path = format!("/metadata/annotations/{}", escape(name));
                add(path, name, value.as_str().unwrap_or_default());
            }
            for path in FILTERS.iter().flat_map(|it| object.expand(it)) {
                if let Some(value) = object.get(&path) {
                    below(value, &path, "", &mut add);
                }
            }
        }
        Shape::Workload
        | Shape::NodeWorkload
        | Shape::Rollout
        | Shape::Schedule
        | Shape::Once
        | Shape::Pod => {
            containers(object, &mut add);
        }
        Shape::Secret
        | Shape::Account
        | Shape::Claim
        | Shape::Addresses
        | Shape::Role
        | Shape::RoleBinding
        | Shape::Policy
        | Shape::Autoscaler
        | Shape::Budget => {}
        Shape::Other => below(object.value(), "", "", &mut add),
    }
}

type Add<'f> = dyn FnMut(String, &str, &str) + 'f;

fn settings(object: &Object, add: &mut Add) {
    for (name, value) in fields(object.get("/data")) {
        add(format!("/data/{}", escape(name)), name, value.as_str().unwrap_or_default());
    }
    for (name, value) in fields(object.get("/binaryData")) {
        let bytes = value.as_str().and_then(|it| BASE64.decode(it.as_bytes()).ok());
        if let Some(text) = bytes.and_then(|it| String::from_utf8(it).ok()) {
            add(format!("/binaryData/{}", escape(name)), name, &text);
        }
    }
}

fn containers(object: &Object, add: &mut Add) {
    for container in kinds::containers(object) {
        for variable in object.expand(&format!("{container}/env/*")) {
            let path = format!("{variable}/value");
            add(path.clone(), object.text(&format!("{variable}/name")), object.text(&path));
        }
        for list in ["command", "args"] {
            let path = format!("{container}/{list}");
            arguments(object.get(&path), &path, add);
        }
        for hook in HOOKS {
            let path = format!("{container}/{hook}");
            if let Some(value) = object.get(&path) {
                below(value, &path, "", add);
            }
        }
    }
}

/// A flag names what stands behind its `=`, or the argument after it.
fn arguments(list: Option<&Value>, path: &str, add: &mut Add) {
    let mut flag = String::new();
    for (at, value) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let Some(text) = value.as_str() else { continue };
        let path = format!("{path}/{at}");
        let is_flag = text.starts_with('-') && !text.contains(char::is_whitespace);
        match text.split_once('=').filter(|_| is_flag) {
            Some((name, value)) => add(path, name.trim_start_matches('-'), value),
            None => add(path, &flag, text),
        }
        flag = if is_flag && !text.contains('=') {
            text.trim_start_matches('-').to_owned()
        } else {
            String::new()
        };
    }
}

fn below(value: &Value, path: &str, named: &str, add: &mut Add) {
    match value {
        Value::String(text) => add(path.to_owned(), named, text),
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                below(value, &format!("{path}/{at}"), named, add);
            }
        }
        Value::Object(map) => {
            let beside = map.get("name").or_else(|| map.get("key")).and_then(Value::as_str);
            for (field, value) in map.iter().filter(|(it, _)| !NO_TEXT.contains(&it.as_str())) {
                let named = match (field.as_str(), beside) {
                    ("value" | "values", Some(beside)) => beside,
                    _ => field,
                };
                let path = format!("{path}/{}", escape(field));
                // Of a probe or a hook.
                match value {
                    Value::Array(_) if field == "command" => arguments(Some(value), &path, add),
                    _ => below(value, &path, named, add),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn fields(map: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    map.and_then(Value::as_object).into_iter().flatten()
}

/// The text that a Secret keeps; where a credential stands, one character does.
pub(super) fn shown(parts: &[Part]) -> String {
    shown_with(parts, "x")
}

/// The same with something else where a credential stands.
pub(super) fn shown_with(parts: &[Part], instead: &str) -> String {
    let kept = parts.iter().map(|part| match part {
        Part::Text(text) => text.as_str(),
        Part::Credential { .. } | Part::Base64(_) => instead,
    });
    kept.collect()
}

fn of_secret(name: &str, secret: &PlannedSecret, texts: &mut Vec<Text>) {
    for (field, value) in &secret.keys {
        let PlannedValue::Parts(parts) = value else { continue };
        texts.push(Text {
            object: Key { group: String::new(), kind: "Secret".to_owned(), name: name.to_owned() },
            path: format!("/data/{}", escape(field)),
            named: field.clone(),
            value: shown(parts),
            secret: true,
            origin: Origin::Written,
        });
    }
}

fn of_task(task: &PlannedTask, context: &Context, texts: &mut Vec<Text>) {
    let (key, at) = (context.environment(), task_path(task));
    match &task.work {
        Work::Http(http) => texts.push(Text {
            object: key,
            path: format!("{at}/http/url"),
            named: "url".to_owned(),
            value: http.url.clone(),
            secret: false,
            origin: Origin::Written,
        }),
        Work::Job(job) => collect(job, &at, &key, texts),
    }
}

/// What stands in a text as base64, one level deep, if that is text: the whole of it, or words in it.
fn decoded(text: &Text) -> Vec<Text> {
    if text.secret || text.origin == Origin::Filled {
        return Vec::new();
    }
    let of = |value: String| Text { value, origin: Origin::Encoded, ..text.clone() };
    if let Some(whole) = plain(&text.value.trim().replace('\n', "")) {
        return vec![of(whole)];
    }
    let part = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    // Every host has a dot, and every resource of a cloud a colon: other words are words.
    let names = |it: &String| it.contains(['.', ':']);
    text.value.split(|c| !part(c)).filter_map(plain).filter(names).map(of).collect()
}

/// What a word stands for, if that is text.
fn plain(word: &str) -> Option<String> {
    let is_base64 = word.len() >= ENCODED
        && word.bytes().all(|it| it.is_ascii_alphanumeric() || b"+/=".contains(&it));
    if !is_base64 {
        return None;
    }
    let plain = String::from_utf8(BASE64.decode(word.as_bytes()).ok()?).ok()?;
    let readable = plain.chars().all(|c| !c.is_control() || c.is_whitespace());
    readable.then_some(plain)
}

#[cfg(test)]
mod tests;
