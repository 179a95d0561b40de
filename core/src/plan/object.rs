//! One Kubernetes object, untyped.
//!
//! Clones are never read into typed structs: a typed round trip drops every field that is newer
//! than the compiled version.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An object as the API server writes it: a JSON map with `apiVersion`, `kind` and
/// `metadata.name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(Value);

/// Which object: unique within a namespace. Its order is the order of reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// A JSON value that is not an object of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Kubernetes object: {missing} is missing or not a text")]
pub struct NotAnObject {
    missing: &'static str,
}

impl Object {
    /// Checks that `value` has what every object has.
    pub fn new(value: Value) -> Result<Self, NotAnObject> {
        for (pointer, missing) in
            [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")]
        {
            if value.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(NotAnObject { missing });
            }
        }
        Ok(Self(value))
    }

    /// An object of our own making.
    pub fn made(api_version: &str, kind: &str, name: &str, rest: Value) -> Self {
        let mut map = match rest {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        map.insert("apiVersion".to_owned(), api_version.into());
        map.insert("kind".to_owned(), kind.into());
        let metadata = map.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("name".to_owned(), name.into());
        }
        Self(Value::Object(map))
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        text(self.0.get("apiVersion"))
    }

    /// The group in `apiVersion`; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// The version in `apiVersion`.
    pub fn version(&self) -> &str {
        self.api_version().rsplit('/').next().unwrap_or_default()
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        text(self.0.get("kind"))
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        text(self.0.get("metadata").and_then(|it| it.get("name")))
    }

    /// Which object it is.
    pub fn key(&self) -> Key {
        Key {
            group: self.group().to_owned(),
            kind: self.kind().to_owned(),
            name: self.name().to_owned(),
        }
    }

    /// The text at a JSON pointer; empty if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        text(self.get(pointer))
    }

    /// The value at a JSON pointer.
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        at(&self.0, pointer)
    }

    /// The value at a JSON pointer, to change it.
    pub fn get_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        self.0.pointer_mut(pointer)
    }

    /// Sets the field at a JSON pointer, making the maps on the way. Answers what stood there. A
    /// pointer through something that is not a map changes nothing.
    pub fn set(&mut self, pointer: &str, value: Value) -> Option<Value> {
        let (parent, field) = split(pointer)?;
        let mut here = &mut self.0;
        for step in parent {
            here = match here {
                Value::Object(map) => map.entry(step).or_insert_with(|| Value::Object(Map::new())),
                Value::Array(list) => list.get_mut(step.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        match here {
            Value::Object(map) => map.insert(field, value),
            Value::Array(list) => {
                list.get_mut(field.parse::<usize>().ok()?).map(|old| std::mem::replace(old, value))
            }
            _ => None,
        }
    }

    /// Removes the field at a JSON pointer and answers what stood there.
    pub fn remove(&mut self, pointer: &str) -> Option<Value> {
        let (parent, field) = pointer.rsplit_once('/')?;
        match self.0.pointer_mut(parent)? {
            Value::Object(map) => map.remove(&*unescape(field)),
            Value::Array(list) => {
                let at = field.parse::<usize>().ok().filter(|at| *at < list.len())?;
                Some(list.remove(at))
            }
            _ => None,
        }
    }

    /// The pointers that a pattern stands for: a JSON pointer in which `*` is every element of a
    /// list. Only what exists is answered.
    pub fn expand(&self, pattern: &str) -> Vec<String> {
        let mut found = Vec::new();
        below(&self.0, pattern, &mut String::new(), &mut found);
        found
    }

    /// The labels in `metadata.labels`.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.get("/metadata/labels").and_then(Value::as_object);
        let text =
            |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        labels.into_iter().flatten().filter_map(text).collect()
    }

    /// A label in `metadata.labels`.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.get("/metadata/labels")?.get(key)?.as_str()
    }

    /// An annotation in `metadata.annotations`.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.get("/metadata/annotations")?.get(key)?.as_str()
    }

    /// The whole value.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The whole value, given away.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl fmt::Display for Key {
    /// `Kind.group/name`, or `Kind/name` in the core group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}.{}/{}", self.kind, self.group, self.name)
        }
    }
}

/// One step of a JSON pointer (RFC 6901) for a field of any name.
pub fn escape(field: &str) -> String {
    field.replace('~', "~0").replace('/', "~1")
}

/// The value at a JSON pointer. That of serde_json makes two texts of every step, and nothing is asked
/// more often than this.
fn at<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    if pointer.is_empty() {
        return Some(value);
    }
    pointer.strip_prefix('/')?.split('/').try_fold(value, child)
}

/// The value one step further.
fn child<'v>(value: &'v Value, step: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(&*unescape(step)),
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Finds what `pattern` stands for below `value`, which stands at `path`.
fn below(value: &Value, pattern: &str, path: &mut String, found: &mut Vec<String>) {
    let Some((_, pattern)) = pattern.split_once('/') else {
        found.push(path.clone());
        return;
    };
    let (step, rest) = pattern.split_at(pattern.find('/').unwrap_or(pattern.len()));
    let mut further = |value: &Value, step: &str| {
        let here = path.len();
        path.push('/');
        path.push_str(step);
        below(value, rest, path, found);
        path.truncate(here);
    };
    match (value, step) {
        (Value::Array(list), "*") => {
            for (at, it) in list.iter().enumerate() {
                further(it, &at.to_string());
            }
        }
        _ => {
            if let Some(it) = child(value, step) {
                further(it, step);
            }
        }
    }
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// The field that one step of a JSON pointer names.
pub(super) fn unescape(step: &str) -> Cow<'_, str> {
    if step.contains('~') { step.replace("~1", "/").replace("~0", "~").into() } else { step.into() }
}

fn split(pointer: &str) -> Option<(Vec<String>, String)> {
    let steps = pointer.strip_prefix('/')?.split('/');
    let mut steps: Vec<String> = steps.map(|step| unescape(step).into_owned()).collect();
    let field = steps.pop()?;
    Some((steps, field))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Object {
        Object::new(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}),
        )
        .unwrap()
    }

    #[test]
    fn a_field_is_set_through_maps_that_do_not_exist_yet() {
        let mut it = object();
        assert_eq!(it.set("/metadata/labels/app.kubernetes.io~1name", json!("web")), None);
        assert_eq!(it.label("app.kubernetes.io/name"), Some("web"));
        assert_eq!(it.remove("/metadata/labels/app.kubernetes.io~1name"), Some(json!("web")));
    }

    #[test]
    fn a_pattern_stands_for_what_exists() {
        let mut it = object();
        it.set("/spec/list", json!([{"a": ["x", "y"]}, {"b": 1}]));
        assert_eq!(it.expand("/spec/list/*/a/*"), ["/spec/list/0/a/0", "/spec/list/0/a/1"]);
        assert_eq!(it.expand("/spec/list/0/a/*").len(), 2);
        assert!(it.expand("/spec/list/7/a").is_empty() && it.expand("/spec/*").is_empty());
    }

    #[test]
    fn a_key_reads_as_kind_group_and_name() {
        assert_eq!(object().key().to_string(), "Deployment.apps/web");
    }

    #[test]
    fn what_has_no_name_is_no_object() {
        assert!(Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}})).is_err());
    }
}
