//! Label and field selectors.

use serde_json::Value;

/// Whether an object is meant by both selectors of a request.
pub fn matches(object: &Value, labels: &str, fields: &str) -> bool {
    parts(labels).iter().all(|it| label(object, it))
        && parts(fields).iter().all(|it| field(object, it))
}

/// Splits at the commas that are in no parentheses.
fn parts(selector: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in selector.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("one at least").push(letter);
    }
    parts.retain(|it| !it.trim().is_empty());
    parts
}

fn label(object: &Value, part: &str) -> bool {
    let part = part.trim();
    let of = |key: &str| object["metadata"]["labels"][key.trim()].as_str();
    let among = |list: &str, value: Option<&str>| {
        let list = list.trim().trim_start_matches('(').trim_end_matches(')');
        list.split(',').any(|it| Some(it.trim()) == value)
    };
    if let Some((key, list)) = part.split_once(" notin ") {
        return !among(list, of(key));
    }
    if let Some((key, list)) = part.split_once(" in ") {
        return among(list, of(key));
    }
    if let Some((key, value)) = part.split_once("!=") {
        return of(key) != Some(value.trim());
    }
    if let Some((key, value)) = part.split_once('=') {
        return of(key) == Some(value.trim_start_matches('=').trim());
    }
    match part.strip_prefix('!') {
        Some(key) => of(key).is_none(),
        None => of(part).is_some(),
    }
}

fn field(object: &Value, part: &str) -> bool {
    let (path, value, equal) = match part.split_once("!=") {
        Some((path, value)) => (path, value, false),
        None => {
            let (path, value) = part.split_once('=').unwrap_or((part, ""));
            (path, value.trim_start_matches('='), true)
        }
    };
    let pointer = format!("/{}", path.replace('.', "/"));
    let there = object.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
    (there == value) == equal
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_mean_what_they_mean_to_kubernetes() {
        let object =
            json!({ "metadata": { "name": "a", "labels": { "app": "web", "tier": "front" } } });
        for (labels, fields, meant) in [
            ("", "", true),
            ("app", "", true),
            ("!app", "", false),
            ("app=web,tier==front", "", true),
            ("app!=web", "", false),
            ("app in (api, web),tier", "", true),
            ("app notin (api,web)", "", false),
            ("gone notin (a)", "metadata.name=a", true),
            ("", "metadata.name!=a", false),
            ("", "metadata.name=b", false),
        ] {
            assert_eq!(matches(&object, labels, fields), meant, "{labels} {fields}");
        }
    }
}
