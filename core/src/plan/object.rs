//! One Kubernetes object, untyped.
//!
//! Clones are never read into typed structs: a typed round trip drops every field that is newer
//! than the compiled version.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::kinds::{self, Profile};

/// An object as the API server writes it: a JSON map with `apiVersion`, `kind` and
/// `metadata.name`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub struct Object {
    value: Value,
    /// What is known about its kind: every pass asks for it, and a kind never changes.
    profile: Option<&'static Profile>,
}

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
            if at(&value, pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(NotAnObject { missing });
            }
        }
        Ok(Self::of(value))
    }

    fn of(value: Value) -> Self {
        let group = group(text(value.get("apiVersion")));
        let profile = kinds::named(group, text(value.get("kind")));
        Self { value, profile }
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
        Self::of(Value::Object(map))
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        text(self.value.get("apiVersion"))
    }

    /// The group in `apiVersion`; empty for the core group.
    pub fn group(&self) -> &str {
        group(self.api_version())
    }

    /// The version in `apiVersion`.
    pub fn version(&self) -> &str {
        self.api_version().rsplit('/').next().unwrap_or_default()
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        text(self.value.get("kind"))
    }

    /// What is known about its kind.
    pub fn profile(&self) -> Option<&'static Profile> {
        self.profile
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        text(self.value.get("metadata").and_then(|it| it.get("name")))
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
        at(&self.value, pointer)
    }

    /// The value at a JSON pointer, to change it.
    pub fn get_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        at_mut(&mut self.value, pointer)
    }

    /// Sets the field at a JSON pointer, making the maps on the way. Answers what stood there. A
    /// pointer through something that is not a map changes nothing.
    pub fn set(&mut self, pointer: &str, value: Value) -> Option<Value> {
        let (mut field, mut rest) = first_step(pointer)?;
        let mut here = &mut self.value;
        while let Some((next, further)) = first_step(rest) {
            here = match here {
                Value::Object(map) => {
                    if !map.contains_key(&*field) {
                        map.insert(field.clone().into_owned(), Value::Object(Map::new()));
                    }
                    map.get_mut(&*field)?
                }
                Value::Array(list) => list.get_mut(field.parse::<usize>().ok()?)?,
                _ => return None,
            };
            (field, rest) = (next, further);
        }
        match here {
            Value::Object(map) => map.insert(field.into_owned(), value),
            Value::Array(list) => {
                list.get_mut(field.parse::<usize>().ok()?).map(|old| std::mem::replace(old, value))
            }
            _ => None,
        }
    }

    /// Removes the field at a JSON pointer and answers what stood there.
    pub fn remove(&mut self, pointer: &str) -> Option<Value> {
        let (parent, field) = pointer.rsplit_once('/')?;
        match at_mut(&mut self.value, parent)? {
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
        let list = pattern.find('*').and_then(|star| pattern[..star].rfind('/'));
        let (list, rest) = pattern.split_at(list.unwrap_or(pattern.len()));
        if let Some(value) = self.get(list) {
            below(value, rest, &mut Pointer::to(list), &mut found);
        }
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
        &self.value
    }

    /// The whole value, given away.
    pub fn into_value(self) -> Value {
        self.value
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Object {}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl TryFrom<Value> for Object {
    type Error = NotAnObject;

    fn try_from(value: Value) -> Result<Self, NotAnObject> {
        Self::new(value)
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

/// A JSON pointer along a walk: one text that grows and shrinks, since most of what is walked past is
/// never named.
pub(super) struct Pointer(String);

impl Pointer {
    /// Where a walk begins.
    pub(super) fn to(start: &str) -> Self {
        Self(start.to_owned())
    }

    /// Where it is.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Goes on at a field, and comes back.
    pub(super) fn field<T>(&mut self, field: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.step(&escape(field), walk)
    }

    /// Goes on at an element, and comes back.
    pub(super) fn element<T>(&mut self, at: usize, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.step(&at.to_string(), walk)
    }

    fn step<T>(&mut self, step: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let here = self.0.len();
        self.0.push('/');
        self.0.push_str(step);
        let made = walk(self);
        self.0.truncate(here);
        made
    }
}

/// One step of a JSON pointer (RFC 6901) for a field of any name.
pub fn escape(field: &str) -> Cow<'_, str> {
    if !field.bytes().any(|it| matches!(it, b'~' | b'/')) {
        return field.into();
    }
    let mut step = String::with_capacity(field.len() + 4);
    for c in field.chars() {
        match c {
            '~' => step.push_str("~0"),
            '/' => step.push_str("~1"),
            _ => step.push(c),
        }
    }
    step.into()
}

/// The value at a JSON pointer. That of serde_json makes two texts of every step, and nothing is asked
/// more often than this.
fn at<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    let mut here = value;
    let mut rest = pointer;
    while let Some((step, further)) = first_step(rest) {
        here = child(here, &step)?;
        rest = further;
    }
    rest.is_empty().then_some(here)
}

/// The same, to change it.
fn at_mut<'v>(value: &'v mut Value, pointer: &str) -> Option<&'v mut Value> {
    let mut here = value;
    let mut rest = pointer;
    while let Some((step, further)) = first_step(rest) {
        here = match here {
            Value::Object(map) => map.get_mut(&*step)?,
            Value::Array(list) => list.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
        rest = further;
    }
    rest.is_empty().then_some(here)
}

/// The field that the first step of a JSON pointer names, and the pointer behind it; none if it is
/// empty, or no pointer.
fn first_step(pointer: &str) -> Option<(Cow<'_, str>, &str)> {
    let (_, steps) = pointer.as_bytes().split_first().filter(|(start, _)| **start == b'/')?;
    // Steps are short: to look at each letter once is faster than to set out for two searches.
    let mut escaped = false;
    let length = steps.iter().position(|it| {
        escaped |= *it == b'~';
        *it == b'/'
    });
    let end = 1 + length.unwrap_or(steps.len());
    let step = &pointer[1..end];
    let field = if escaped { unescape(step) } else { step.into() };
    Some((field, &pointer[end..]))
}

/// The value of a field, or of an element.
fn child<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(field),
        Value::Array(list) => list.get(field.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Finds what `pattern` stands for below `value`, which stands at `path`.
fn below(value: &Value, pattern: &str, path: &mut Pointer, found: &mut Vec<String>) {
    let Some((step, rest)) = first_step(pattern) else {
        found.push(path.as_str().to_owned());
        return;
    };
    match (value, &*step) {
        (Value::Array(list), "*") => {
            for (at, it) in list.iter().enumerate() {
                path.element(at, |path| below(it, rest, path, found));
            }
        }
        _ => {
            if let Some(it) = child(value, &step) {
                path.field(&step, |path| below(it, rest, path, found));
            }
        }
    }
}

/// The group in an `apiVersion`.
fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// The field that one step of a JSON pointer names.
pub(super) fn unescape(step: &str) -> Cow<'_, str> {
    let Some((start, rest)) = step.split_once('~') else { return step.into() };
    let mut field = start.to_owned();
    for part in rest.split('~') {
        match part.as_bytes().first() {
            Some(b'0') => field.extend(["~", &part[1..]]),
            Some(b'1') => field.extend(["/", &part[1..]]),
            _ => field.extend(["~", part]),
        }
    }
    field.into()
}

#[cfg(test)]
mod tests;
