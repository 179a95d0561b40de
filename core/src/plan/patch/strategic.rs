//! Strategic merge: a piece of a manifest, laid over an object as `kubectl patch` does it.
//!
//! Maps are merged field by field and `null` removes one; lists are laid over by [`Keys`].
//! `$patch: replace` and `$patch: delete`, `$deleteFromPrimitiveList`, `$setElementOrder` and
//! `$retainKeys` mean what they mean there. `oracle.yaml` holds what kubectl itself answered.

use serde_json::{Map, Value};

use super::keys::{Keys, Strategy};

const PATCH: &str = "$patch";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";
const RETAIN: &str = "$retainKeys";

/// What is wrong with a patch: where, and what.
pub(super) type Wrong = String;

type Fields = Map<String, Value>;

/// Lays `patch` over `object`; `None` if the patch deletes the object.
pub(super) fn merge(object: &Value, patch: &Value, keys: &Keys) -> Result<Option<Value>, Wrong> {
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else {
        return Err("a strategic merge patch is a map".to_owned());
    };
    if patch.get(PATCH).and_then(Value::as_str) == Some("delete") {
        return Ok(None);
    }
    let mut merged = object.clone();
    map(&mut merged, patch.clone(), "", keys)?;
    Ok(Some(Value::Object(merged)))
}

fn map(into: &mut Fields, mut patch: Fields, pointer: &str, keys: &Keys) -> Result<(), Wrong> {
    match patch.remove(PATCH) {
        None => {}
        Some(Value::String(it)) if it == "replace" => {
            *into = patch;
            return Ok(());
        }
        Some(Value::String(it)) if it == "delete" => {
            into.clear();
            return Ok(());
        }
        Some(other) => {
            return Err(format!("{pointer}/{PATCH}: {other} is not one of delete and replace"));
        }
    }
    retain(into, &mut patch, pointer)?;
    order(into, &mut patch, pointer, keys)?;
    for (field, value) in patch {
        if let Some(list) = field.strip_prefix(DELETE_FROM) {
            delete_from(into, list, &value, pointer)?;
            continue;
        }
        let here = format!("{pointer}/{field}");
        match (into.get_mut(&field), value) {
            (_, Value::Null) => {
                into.remove(&field);
            }
            (Some(Value::Object(old)), Value::Object(new)) => map(old, new, &here, keys)?,
            (Some(Value::Array(old)), Value::Array(new)) => list(old, new, &here, keys)?,
            (_, value) => {
                into.insert(field, fresh(value));
            }
        }
    }
    Ok(())
}

/// `$retainKeys`: every other field goes.
fn retain(into: &mut Fields, patch: &mut Fields, pointer: &str) -> Result<(), Wrong> {
    let Some(kept) = patch.remove(RETAIN) else { return Ok(()) };
    let Value::Array(kept) = kept else { return Err(format!("{pointer}/{RETAIN} is not a list")) };
    let is_kept = |field: &str| kept.iter().any(|it| it == field);
    if let Some(other) = patch.keys().find(|field| !is_kept(field)) {
        return Err(format!("{pointer}/{other} is set, but not in {RETAIN}"));
    }
    into.retain(|field, _| is_kept(field));
    Ok(())
}

/// `$setElementOrder`: the lists it names are laid over now, and sorted.
fn order(into: &mut Fields, patch: &mut Fields, pointer: &str, keys: &Keys) -> Result<(), Wrong> {
    let named: Vec<String> =
        patch.keys().filter_map(|field| field.strip_prefix(ORDER)).map(str::to_owned).collect();
    for field in named {
        let here = format!("{pointer}/{field}");
        let Some(Value::Array(order)) = patch.remove(&format!("{ORDER}{field}")) else {
            return Err(format!("{pointer}/{ORDER}{field} is not a list"));
        };
        let before = match into.get(&field) {
            Some(Value::Array(before)) => before.clone(),
            _ => Vec::new(),
        };
        match (into.get_mut(&field), patch.remove(&field)) {
            (Some(Value::Array(old)), Some(Value::Array(new))) => list(old, new, &here, keys)?,
            (None, Some(new)) => {
                into.insert(field.clone(), fresh(new));
            }
            (Some(_), None) => {}
            (Some(_), Some(_)) => return Err(format!("{here} is not a list")),
            (None, None) => continue,
        }
        if let Some(Value::Array(merged)) = into.get_mut(&field) {
            let key = match keys.strategy(&here) {
                Strategy::Merge(key) => Some(key),
                Strategy::Union | Strategy::Replace => None,
            };
            sort(merged, &order, &before, key);
        }
    }
    Ok(())
}

fn delete_from(into: &mut Fields, list: &str, values: &Value, pointer: &str) -> Result<(), Wrong> {
    let Value::Array(values) = values else {
        return Err(format!("{pointer}/{DELETE_FROM}{list} is not a list"));
    };
    if let Some(Value::Array(old)) = into.get_mut(list) {
        old.retain(|it| !values.contains(it));
    }
    Ok(())
}

fn list(into: &mut Vec<Value>, patch: Vec<Value>, pointer: &str, keys: &Keys) -> Result<(), Wrong> {
    match keys.strategy(pointer) {
        Strategy::Replace => *into = patch,
        Strategy::Union => {
            let before = into.clone();
            for value in &patch {
                if !into.contains(value) {
                    into.push(value.clone());
                }
            }
            sort(into, &patch, &before, None);
        }
        Strategy::Merge(key) => merged(into, patch, key, pointer, keys)?,
    }
    Ok(())
}

fn merged(
    into: &mut Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    pointer: &str,
    keys: &Keys,
) -> Result<(), Wrong> {
    let mut replaced = false;
    let mut rest: Vec<Fields> = Vec::new();
    for (at, entry) in patch.into_iter().enumerate() {
        let Value::Object(entry) = entry else {
            return Err(format!("{pointer}/{at} is not a map with {key}"));
        };
        match entry.get(PATCH).map(|it| it.as_str().unwrap_or_default()) {
            None => rest.push(entry),
            Some("replace") => replaced = true,
            Some("delete") => {
                let named = entry.get(key).ok_or_else(|| nameless(pointer, at, key))?;
                into.retain(|it| it.get(key) != Some(named));
            }
            Some(_) => {
                return Err(format!("{pointer}/{at}/{PATCH} is not one of delete and replace"));
            }
        }
    }
    if replaced {
        *into = rest.into_iter().map(Value::Object).collect();
        return Ok(());
    }
    let before = into.clone();
    for (at, entry) in rest.iter().enumerate() {
        let named = entry.get(key).ok_or_else(|| nameless(pointer, at, key))?;
        match into.iter_mut().find(|it| it.get(key) == Some(named)) {
            Some(Value::Object(old)) => map(old, entry.clone(), &format!("{pointer}/*"), keys)?,
            _ => into.push(fresh(Value::Object(entry.clone()))),
        }
    }
    let order: Vec<Value> = rest.into_iter().map(Value::Object).collect();
    sort(into, &order, &before, Some(key));
    Ok(())
}

fn nameless(pointer: &str, at: usize, key: &str) -> Wrong {
    format!("{pointer}/{at} has no {key}, by which the entries of {pointer} are told apart")
}

/// Puts the entries that `order` names into its order and lets the others stand where they stood
/// `before`, as far as that goes; what is new to both sides comes first.
fn sort(list: &mut Vec<Value>, order: &[Value], before: &[Value], key: Option<&str>) {
    let same = |one: &Value, other: &Value| match key {
        Some(key) => one.get(key) == other.get(key),
        None => one == other,
    };
    let place = |among: &[Value], it: &Value| among.iter().position(|other| same(other, it));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        std::mem::take(list).into_iter().partition(|it| place(order, it).is_some());
    named.sort_by_key(|it| place(order, it));
    others.sort_by_key(|it| place(before, it).unwrap_or(usize::MAX));
    let mut others = others.into_iter().peekable();
    for it in named {
        let at = place(before, &it);
        while let Some(other) = others
            .next_if(|other| at.is_some() && place(before, other).is_some_and(|o| Some(o) < at))
        {
            list.push(other);
        }
        list.push(it);
    }
    list.extend(others);
}

/// A value that was not there before: nothing to remove in it, and no directives.
fn fresh(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(field, value)| !value.is_null() && !is_directive(field))
                .map(|(field, value)| (field, fresh(value)))
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.into_iter().map(fresh).collect()),
        other => other,
    }
}

fn is_directive(field: &str) -> bool {
    field == PATCH || field == RETAIN || field.starts_with(DELETE_FROM) || field.starts_with(ORDER)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::plan::object::Object;

    /// What `kubectl patch --local --type=strategic` made of patches.
    #[derive(Deserialize)]
    struct Oracle {
        objects: BTreeMap<String, Value>,
        recorded: Vec<Recorded>,
    }

    #[derive(Deserialize)]
    struct Recorded {
        name: String,
        object: String,
        patch: Value,
        result: Value,
    }

    #[test]
    fn a_patch_does_what_kubectl_does_with_it() {
        let oracle: Oracle = serde_saphyr::from_str(include_str!("oracle.yaml")).unwrap();
        assert!(oracle.recorded.len() >= 38);
        for case in oracle.recorded {
            let object = &oracle.objects[&case.object];
            let keys = Keys::of(&Object::new(object.clone()).unwrap());
            let merged = merge(object, &case.patch, &keys).unwrap().unwrap();
            assert_eq!(merged, case.result, "{}", case.name);
        }
    }

    #[test]
    fn a_patch_that_cannot_be_laid_over_says_where() {
        let object = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [
                {"name": "web"}]}}}});
        let keys = Keys::of(&Object::new(object.clone()).unwrap());
        for (patch, says) in [
            (
                r#"{"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}"#,
                "has no name",
            ),
            (r#"{"spec": {"template": {"spec": {"containers": ["web"]}}}}"#, "containers/0"),
            (r#"{"spec": {"$patch": "merge"}}"#, "/spec/$patch"),
            (r#"{"spec": {"$retainKeys": ["a"], "b": 1}}"#, "/spec/b"),
            ("[]", "is a map"),
        ] {
            let wrong = merge(&object, &serde_json::from_str(patch).unwrap(), &keys).unwrap_err();
            assert!(wrong.contains(says), "{wrong}");
        }
    }

    #[test]
    fn a_patch_can_delete_the_object() {
        let object = serde_json::json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web"}});
        let keys = Keys::of(&Object::new(object.clone()).unwrap());
        let patch = serde_json::json!({"$patch": "delete"});
        assert_eq!(merge(&object, &patch, &keys), Ok(None));
    }

    #[test]
    fn what_an_order_names_is_put_into_it_and_the_rest_stays_where_it_was() {
        let values =
            |text: &str| text.chars().map(|it| it.to_string().into()).collect::<Vec<Value>>();
        for (before, list, order, expected) in [
            ("abcd", "abcd", "ca", "bcad"),
            ("abcd", "abcd", "dcba", "dcba"),
            ("ab", "abn", "nb", "nab"),
            ("abc", "abc", "", "abc"),
            ("", "xy", "yx", "yx"),
        ] {
            let mut sorted = values(list);
            sort(&mut sorted, &values(order), &values(before), None);
            assert_eq!(sorted, values(expected), "{list} by {order}");
        }
    }

    #[test]
    fn of_a_value_that_was_not_there_before_nothing_is_left_that_only_says_how_to_merge() {
        let value = serde_json::json!({
            "$patch": "replace",
            "gone": null,
            "map": {"$retainKeys": ["a"], "$deleteFromPrimitiveList/l": [1], "a": 1, "b": null},
            "list": [{"$setElementOrder/l": [], "c": "$patch"}, null],
        });
        let kept = serde_json::json!({"map": {"a": 1}, "list": [{"c": "$patch"}, null]});
        assert_eq!(fresh(value), kept);
    }
}
