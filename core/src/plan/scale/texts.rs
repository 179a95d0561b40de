//! Where the settings of a workload stand as text: in its containers, and in the ConfigMaps that it
//! refers to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::{
    kinds::{self, Shape},
    object::{Key, Object, escape, unescape},
};

/// A text: the number of its object, and its JSON pointer.
pub(super) type Place = (usize, String);

/// Objects, found by their keys.
pub(super) fn numbered(objects: &[Object]) -> BTreeMap<Key, usize> {
    objects.iter().enumerate().map(|(at, object)| (object.key(), at)).collect()
}

/// JSON pointers of the texts of one object.
pub(super) fn of(object: &Object) -> Vec<String> {
    let mut found = Vec::new();
    for container in kinds::containers(object) {
        for pattern in ["command/*", "args/*", "env/*/value"] {
            found.extend(object.expand(&format!("{container}/{pattern}")));
        }
    }
    if kinds::shape(object) == Shape::Settings {
        let data = object.get("/data").and_then(Value::as_object).into_iter().flatten();
        found.extend(data.map(|(key, _)| format!("/data/{}", escape(key))));
    }
    found.retain(|path| object.get(path).is_some_and(Value::is_string));
    found
}

/// The texts that a workload is set up by.
pub(super) fn own(objects: &[Object], numbers: &BTreeMap<Key, usize>, at: usize) -> Vec<Place> {
    let referred: BTreeSet<usize> = kinds::references(&objects[at])
        .iter()
        .filter(|it| {
            kinds::named(&it.to.group, &it.to.kind).is_some_and(|it| it.shape == Shape::Settings)
        })
        .filter_map(|it| numbers.get(&it.to).copied())
        .collect();
    std::iter::once(at)
        .chain(referred)
        .flat_map(|at| of(&objects[at]).into_iter().map(move |path| (at, path)))
        .collect()
}

/// What the text at a pointer is called: the variable, the flag before it, or the key of a ConfigMap.
pub(super) fn name(object: &Object, path: &str) -> String {
    if let Some(key) = path.strip_prefix("/data/") {
        return unescape(key).into_owned();
    }
    if let Some(entry) = path.strip_suffix("/value") {
        return object.text(&format!("{entry}/name")).to_owned();
    }
    let flag = flag_before(object, path).filter(|it| !it.contains('='));
    flag.unwrap_or_default().to_owned()
}

/// The flag before an argument, whose value that may be: `--bootstrap-expect`, `3`.
pub(super) fn flag_before<'o>(object: &'o Object, path: &str) -> Option<&'o str> {
    let (list, at) = path.rsplit_once('/')?;
    let before = at.parse::<usize>().ok()?.checked_sub(1)?;
    Some(object.text(&format!("{list}/{before}"))).filter(|it| it.starts_with('-'))
}
