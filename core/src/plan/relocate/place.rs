//! Where in an object a text stands, and what that says about it.

use serde_json::Value;

use super::{
    namespace_label,
    text::{Place, key, variable},
};
use crate::{
    api::names::NAMESPACE_NAME_LABEL,
    plan::object::{Object, escape, unescape},
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
pub(in crate::plan) fn variables(value: &Value, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Array(list) => found.extend(list.iter().flat_map(|it| variables(it, text))),
        Value::Object(map) => {
            let name = map.get("name").and_then(Value::as_str);
            if let Some(name) = name
                && map.get("value").and_then(Value::as_str) == Some(text)
                && !variable::is_rewritten(name)
            {
                found.push(name.to_owned());
            }
            found.extend(map.values().flat_map(|it| variables(it, text)));
        }
        _ => {}
    }
    found
}

/// Calls `change` with every text below `value`; what it answers takes the text's place.
pub(in crate::plan) fn each_text(
    value: &mut Value,
    path: &str,
    change: &mut dyn FnMut(&Site, &str) -> Option<String>,
) {
    let named = unescape(path.rsplit('/').next().unwrap_or_default());
    below(value, path, &named, change);
}

fn below(
    value: &mut Value,
    path: &str,
    named: &str,
    change: &mut dyn FnMut(&Site, &str) -> Option<String>,
) {
    match value {
        Value::String(text) => {
            if let Some(new) = change(&Site { path, named }, text) {
                *text = new;
            }
        }
        Value::Array(list) => elements(list, path, named, change),
        Value::Object(map) => {
            let beside = map.get("name").or_else(|| map.get("key")).and_then(Value::as_str);
            let beside = beside.map(str::to_owned);
            let data = path == "/data";
            for (field, value) in map.iter_mut() {
                let path = format!("{path}/{}", escape(field));
                let labels = LABELS.contains(&field.as_str()) && value.is_object();
                let selector = field == "selector" && is_flat(value);
                if !data && (labels || selector) {
                    only_namespace_label(value, &path, change);
                } else if data || !FIXED.contains(&field.as_str()) {
                    let named = match (field.as_str(), &beside) {
                        ("value" | "values", Some(beside)) => beside,
                        _ => field,
                    };
                    below(value, &path, named, change);
                }
            }
        }
        _ => {}
    }
}

/// In a list of arguments, a flag names the element after it, and a port the one before it.
fn elements(
    list: &mut [Value],
    path: &str,
    named: &str,
    change: &mut dyn FnMut(&Site, &str) -> Option<String>,
) {
    let ports: Vec<bool> = list.iter().map(|it| it.as_str().is_some_and(key::is_port)).collect();
    let mut flag: Option<String> = None;
    for (at, value) in list.iter_mut().enumerate() {
        let next = value.as_str().and_then(key::flag).map(str::to_owned);
        let mut name = flag.take().unwrap_or_else(|| named.to_owned());
        if ports.get(at + 1) == Some(&true) {
            "host".clone_into(&mut name);
        }
        below(value, &format!("{path}/{at}"), &name, change);
        flag = next;
    }
}

fn is_flat(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.values().all(Value::is_string))
}

fn only_namespace_label(
    labels: &mut Value,
    path: &str,
    change: &mut dyn FnMut(&Site, &str) -> Option<String>,
) {
    if let Some(value) = labels.get_mut(NAMESPACE_NAME_LABEL) {
        let path = format!("{path}/{}", namespace_label());
        below(value, &path, NAMESPACE_NAME_LABEL, change);
    }
}
