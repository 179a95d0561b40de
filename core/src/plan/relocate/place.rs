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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::fixture::object;

    /// Place, name and text of each text.
    fn texts(value: &Value, path: &str) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        each_text(value, path, &mut |site, text| {
            found.push((site.path.to_owned(), site.named.to_owned(), text.to_owned()));
        });
        found
    }

    fn told(list: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        let own = |it: &str| it.to_owned();
        list.iter().map(|(path, named, text)| (own(path), own(named), own(text))).collect()
    }

    #[test]
    fn texts_are_named_by_their_field_or_by_what_stands_beside_them() {
        let spec = json!({
            "args": ["--flag", "x", "h", "80", "-n", "y"],
            "env": [{"name": "N", "value": "v"}, {"key": "K", "values": ["u"]}],
            "number": 1,
            "text": "t",
        });
        assert_eq!(
            texts(&spec, "/spec"),
            told(&[
                ("/spec/args/0", "args", "--flag"),
                ("/spec/args/1", "flag", "x"),
                // A port stands behind it.
                ("/spec/args/2", "host", "h"),
                ("/spec/args/3", "args", "80"),
                ("/spec/args/4", "args", "-n"),
                ("/spec/args/5", "namespace", "y"),
                ("/spec/env/0/name", "name", "N"),
                ("/spec/env/0/value", "N", "v"),
                ("/spec/env/1/key", "key", "K"),
                ("/spec/env/1/values/0", "K", "u"),
                ("/spec/text", "text", "t"),
            ])
        );
        assert_eq!(texts(&json!("t"), "/a~1b"), told(&[("/a~1b", "a/b", "t")]));
    }

    #[test]
    fn labels_and_selectors_hold_no_text_but_the_name_of_a_namespace() {
        let spec = json!({
            "image": "i",
            "labels": {"app": "a", NAMESPACE_NAME_LABEL: "shop"},
            "matchLabels": "no labels",
            "nested": {"selector": {"matchLabels": {"app": "a"}, "more": {"app": "a"}}},
            "selector": {"app": "a"},
        });
        assert_eq!(
            texts(&spec, "/spec"),
            told(&[
                ("/spec/labels/kubernetes.io~1metadata.name", NAMESPACE_NAME_LABEL, "shop"),
                ("/spec/matchLabels", "matchLabels", "no labels"),
                ("/spec/nested/selector/more/app", "app", "a"),
            ])
        );
        // Settings may have any name.
        let data = json!({"image": "i", "kind": "k", "labels": {"a": "b"}});
        assert_eq!(texts(&data, "/data").len(), 3);
    }

    #[test]
    fn what_is_around_a_text_are_the_three_fields_next_to_it() {
        for (path, within, objects) in [
            ("/spec/template/spec/containers/0/args/1", &["args", "containers", "spec"][..], true),
            ("/spec/containers/0/command/1", &["command", "containers", "spec"], true),
            ("/metadata/annotations/a", &["annotations", "metadata"], true),
            ("/data/args", &["data"], false),
        ] {
            let site = Site { path, named: "a" };
            let place = site.place(&[]);
            assert_eq!((place.within.as_slice(), place.objects), (within, objects), "{path}");
        }
    }

    #[test]
    fn all_of_an_object_is_looked_through_but_what_it_is() {
        let it = object("v1", "Pod", "web", json!({"a/b": 1, "spec": {}}));
        assert_eq!(parts(&it, false), ["/a~1b", "/spec", "/metadata/annotations"]);
        assert_eq!(parts(&it, true), ["/data", "/metadata/annotations"]);
    }

    #[test]
    fn variables_that_are_the_text_are_found_wherever_they_are_set() {
        let value = json!({"env": [
            {"name": "ENV", "value": "shop"},
            {"name": "OTHER", "value": "shop-2"},
            {"value": "shop"},
            // It is rewritten where it is set.
            {"name": "POD_NAMESPACE", "value": "shop"},
        ], "more": {"name": "STAGE", "value": "shop", "deep": {"name": "DEEP", "value": "shop"}}});
        let mut found = Vec::new();
        variables(&value, "shop", &mut found);
        assert_eq!(found, ["ENV", "STAGE", "DEEP"]);
    }
}
