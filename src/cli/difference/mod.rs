//! Objects as they are beside objects as they are planned: unified differences, as `kubectl diff`
//! prints them. Pure.

mod align;
mod defaults;

use std::collections::BTreeMap;

use anyhow::Result;
use kulisse_core::plan::object::{Key, Object};
use serde_json::Value;
use similar::TextDiff;

use self::{
    align::{align, compact},
    defaults::OWNED,
};
use super::screen::{Mark, Screen};

/// Lines around a difference.
const CONTEXT: usize = 3;

/// How an object differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which object.
    pub key: Key,
    /// What would happen to it.
    pub kind: Kind,
    /// The unified difference.
    pub text: String,
}

/// What would happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is not there.
    Made,
    /// It is there and differs.
    Changed,
    /// It is there and not planned.
    Removed,
}

/// The differences, in the order of the plan; what is not planned comes last. `side` is what the live
/// side is called.
///
/// # Errors
///
/// If an object cannot be written as YAML.
pub fn differences(planned: &[Object], live: &[Object], side: &str) -> Result<Vec<Difference>> {
    let by_key: BTreeMap<Key, &Object> = live.iter().map(|it| (it.key(), it)).collect();
    let mut found = Vec::new();
    for wanted in planned {
        let there = by_key.get(&wanted.key()).copied();
        let kind = if there.is_some() { Kind::Changed } else { Kind::Made };
        found.extend(one(wanted.key(), kind, Some(wanted), there, side)?);
    }
    let keys: Vec<Key> = planned.iter().map(Object::key).collect();
    for (key, there) in by_key {
        if !keys.contains(&key) {
            found.extend(one(key, Kind::Removed, None, Some(there), side)?);
        }
    }
    Ok(found)
}

fn one(
    key: Key,
    kind: Kind,
    planned: Option<&Object>,
    live: Option<&Object>,
    side: &str,
) -> Result<Option<Difference>> {
    let planned = planned.map(|it| compact(&bare(it)));
    let live = live.map(|it| compact(&bare(it)));
    // Either side may leave out what the API server would fill in.
    let (planned, live) = match (planned, live) {
        (Some(planned), Some(live)) => {
            let live = align(&planned, &live);
            (Some(align(&live, &planned)), Some(live))
        }
        one => one,
    };
    let (before, after) = (yaml(live.as_ref())?, yaml(planned.as_ref())?);
    if before == after {
        return Ok(None);
    }
    let name = |there: bool, side: &str| {
        if there { format!("{side}/{key}") } else { "/dev/null".to_owned() }
    };
    let (from, to) = (name(live.is_some(), side), name(planned.is_some(), "plan"));
    let text = TextDiff::from_lines(&before, &after);
    let text = text.unified_diff().context_radius(CONTEXT).header(&from, &to).to_string();
    Ok(Some(Difference { key, kind, text: format!("diff -u {from} {to}\n{text}") }))
}

/// An object without what the API server and its controllers own.
fn bare(object: &Object) -> Value {
    let mut object = object.clone();
    for path in OWNED {
        object.remove(path);
    }
    for map in ["/metadata/labels", "/metadata/annotations"] {
        if object.get(map).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
            object.remove(map);
        }
    }
    object.into_value()
}

fn yaml(value: Option<&Value>) -> Result<String> {
    let Some(value) = value else { return Ok(String::new()) };
    Ok(format!("{}\n", serde_saphyr::to_string(value)?.trim_end()))
}

/// A unified difference as a terminal shows it.
pub fn painted(text: &str, screen: Screen) -> String {
    let line = |line: &str| match line.as_bytes().first() {
        _ if line.starts_with("diff ") || line.starts_with("--- ") || line.starts_with("+++ ") => {
            screen.strong(line)
        }
        Some(b'+') => screen.tinted(line, Mark::Fine),
        Some(b'-') => screen.tinted(line, Mark::Wrong),
        Some(b'@') => screen.faint(line),
        _ => line.to_owned(),
    };
    text.lines().map(|it| line(it) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(name: &str, data: &Value) -> Object {
        Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "uid": "1"}, "data": data}))
            .unwrap()
    }

    #[test]
    fn what_would_be_made_changed_and_removed_is_shown_and_the_rest_is_not() {
        let planned = [
            map("new", &json!({"a": "1"})),
            map("other", &json!({"a": "1"})),
            map("same", &json!({})),
        ];
        let live =
            [map("other", &json!({"a": "2"})), map("same", &json!({})), map("old", &json!({}))];
        let found = differences(&planned, &live, "target").unwrap();
        let kinds: Vec<(&str, Kind)> =
            found.iter().map(|it| (it.key.name.as_str(), it.kind)).collect();
        assert_eq!(kinds, [("new", Kind::Made), ("other", Kind::Changed), ("old", Kind::Removed)]);
        assert!(found[0].text.contains("--- /dev/null\n+++ plan/ConfigMap/new\n"));
        assert!(found[1].text.contains("\n-  a: \"2\"\n+  a: \"1\"\n"), "{}", found[1].text);
    }
}
