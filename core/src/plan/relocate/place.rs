//! Where in an object a text stands, and what that says about it.

use serde_json::Value;

use super::text::{Place, key, variable};
use crate::{
    api::names::NAMESPACE_NAME_LABEL,
    plan::object::{Object, Pointer, escape, unescape},
};

/// Maps whose values are labels: they are compared with labels elsewhere and never change.
const LABELS: &[&str] = &["labels", "matchLabels", "nodeSelector"];
/// Fields whose values are names by themselves.
const FIXED: &[&str] = &["image", "apiVersion", "kind"];

/// How many fields around a text are looked at.
const AROUND: usize = 3;
/// Below these, `namespace/name` names an object.
const OBJECTS: &[&str] = &["/metadata/annotations/", "/args/", "/command/"];

/// The place of a text.
pub(in crate::plan) struct Site<'s> {
    /// JSON pointer.
    pub(in crate::plan) path: &'s str,
    /// What names the value: the field, or the `name` beside a `value`, or the flag before it.
    named: &'s str,
}

impl Site<'_> {
    /// What is around the text.
    pub(in crate::plan) fn place<'a>(&'a self, variables: &'a [String]) -> Place<'a> {
        let steps = self.path.rsplit('/').skip(1);
        let within = steps.filter(|it| !it.is_empty() && it.parse::<usize>().is_err());
        Place {
            named: self.named,
            within: within.take(AROUND).collect(),
            labels: &[],
            variables,
            objects: OBJECTS.iter().any(|it| self.path.contains(it)),
            key: false,
        }
    }
}

/// The parts of an object that hold texts to look through: for settings the data and the
/// annotations, else everything.
pub(in crate::plan) fn parts(object: &Object, settings: bool) -> Vec<String> {
    if settings {
        return vec!["/data".to_owned(), "/metadata/annotations".to_owned()];
    }
    let fields = object.value().as_object().into_iter().flat_map(|map| map.keys());
    fields
        .filter(|field| !["apiVersion", "kind", "metadata"].contains(&field.as_str()))
        .map(|field| format!("/{}", escape(field)))
        .chain(["/metadata/annotations".to_owned()])
        .collect()
}

/// Variables that containers have from their `env` and that are a certain text, but for those that
/// are rewritten where they are set.
pub(in crate::plan) fn variables(value: &Value, text: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|it| variables(it, text, found)),
        Value::Object(map) => {
            if map.get("value").and_then(Value::as_str) == Some(text)
                && let Some(name) = map.get("name").and_then(Value::as_str)
                && !variable::is_rewritten(name)
            {
                found.push(name.to_owned());
            }
            map.values().for_each(|it| variables(it, text, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Calls `look` with every text below `value`, which stands at `path`.
pub(in crate::plan) fn each_text(value: &Value, path: &str, look: &mut dyn FnMut(&Site, &str)) {
    let named = unescape(path.rsplit('/').next().unwrap_or_default());
    below(value, &mut Pointer::to(path), &named, look);
}

fn below(value: &Value, path: &mut Pointer, named: &str, look: &mut dyn FnMut(&Site, &str)) {
    match value {
        Value::String(text) => look(&Site { path: path.as_str(), named }, text),
        Value::Array(list) => elements(list, path, named, look),
        Value::Object(map) => {
            let beside = map.get("name").or_else(|| map.get("key")).and_then(Value::as_str);
            let data = path.as_str() == "/data";
            for (field, value) in map {
                let labels = LABELS.contains(&field.as_str()) && value.is_object();
                let selector = field == "selector" && is_flat(value);
                if !data && (labels || selector) {
                    path.field(field, |path| only_namespace_label(value, path, look));
                } else if data || !FIXED.contains(&field.as_str()) {
                    let named = match (field.as_str(), beside) {
                        ("value" | "values", Some(beside)) => beside,
                        _ => field,
                    };
                    path.field(field, |path| below(value, path, named, look));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// In a list of arguments, a flag names the element after it, and a port the one before it.
fn elements(list: &[Value], path: &mut Pointer, named: &str, look: &mut dyn FnMut(&Site, &str)) {
    let mut flag = None;
    for (at, value) in list.iter().enumerate() {
        let before_port = list.get(at + 1).and_then(Value::as_str).is_some_and(key::is_port);
        let name = if before_port { "host" } else { flag.unwrap_or(named) };
        path.element(at, |path| below(value, path, name, look));
        flag = value.as_str().and_then(key::flag);
    }
}

fn is_flat(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.values().all(Value::is_string))
}

fn only_namespace_label(labels: &Value, path: &mut Pointer, look: &mut dyn FnMut(&Site, &str)) {
    if let Some(value) = labels.get(NAMESPACE_NAME_LABEL) {
        path.field(NAMESPACE_NAME_LABEL, |path| below(value, path, NAMESPACE_NAME_LABEL, look));
    }
}
