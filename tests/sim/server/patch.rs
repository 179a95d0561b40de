//! JSON merge patch (RFC 7386), and what is used of JSON patch (RFC 6902).

use serde_json::Value;

/// Merges a patch into a value: null takes away.
pub fn merge(into: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(serde_json::Map::new());
    }
    for (key, value) in fields {
        if value.is_null() {
            into.as_object_mut().map(|it| it.remove(key));
        } else {
            merge(&mut into[key.as_str()], value);
        }
    }
}

/// Carries out operations one after the other; what cannot be carried out is named.
pub fn operate(object: &mut Value, operations: &Value) -> Result<(), String> {
    for it in operations.as_array().into_iter().flatten() {
        let path = it["path"].as_str().unwrap_or_default();
        let (parent, last) = path.rsplit_once('/').ok_or("an operation without a path")?;
        let last = last.replace("~1", "/").replace("~0", "~");
        let missing = || format!("{path} is not there");
        let parent = object.pointer_mut(parent).ok_or_else(missing)?;
        let at = last.parse::<usize>().ok();
        let there = match at {
            Some(at) if parent.is_array() => parent.get(at).is_some(),
            _ => parent.get(&last).is_some(),
        };
        match it["op"].as_str().unwrap_or_default() {
            "replace" | "remove" if !there => return Err(missing()),
            "add" if last == "-" => {
                parent.as_array_mut().ok_or_else(missing)?.push(it["value"].clone());
            }
            "add" | "replace" => match (at, parent.is_array()) {
                (Some(at), true) if it["op"] == "add" => {
                    let items = parent.as_array_mut().ok_or_else(missing)?;
                    items.insert(at.min(items.len()), it["value"].clone());
                }
                (Some(at), true) => parent[at] = it["value"].clone(),
                _ => parent[last.as_str()] = it["value"].clone(),
            },
            "remove" => match (at, parent.as_array_mut()) {
                (Some(at), Some(items)) => drop(items.remove(at)),
                _ => drop(parent.as_object_mut().and_then(|it| it.remove(&last))),
            },
            "test" if there && parent.get(&last) == Some(&it["value"]) => {}
            other => return Err(format!("{other} {path} does not hold")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_puts_in_what_is_given_and_takes_away_what_is_null() {
        let mut value = json!({ "a": { "b": 1, "c": [1] }, "d": 2 });
        merge(&mut value, &json!({ "a": { "b": null, "c": [2], "e": { "f": null } }, "g": "h" }));
        assert_eq!(value, json!({ "a": { "c": [2], "e": {} }, "d": 2, "g": "h" }));
    }

    #[test]
    fn operations_change_what_is_there_and_refuse_what_is_not() {
        let mut value = json!({ "a": [{ "b": 1 }], "c/d": 2 });
        let operations = json!([{ "op": "replace", "path": "/a/0/b", "value": 3 },
            { "op": "remove", "path": "/c~1d" }, { "op": "add", "path": "/a/-", "value": 4 }]);
        operate(&mut value, &operations).unwrap();
        assert_eq!(value, json!({ "a": [{ "b": 3 }, 4] }));
        let gone = json!([{ "op": "replace", "path": "/x/y", "value": 1 }]);
        assert!(operate(&mut value, &gone).is_err());
    }
}
