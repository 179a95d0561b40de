//! What settles a finding: YAML that is laid over the environment, or over its class where the first
//! line says so.
//!
//! ```text
//! spec: …                            lists go to the environment's own, maps into them
//! # in the StagingClass              the same for the class
//! ```
//!
//! What only a person knows stands in `<…>`. Where no field of the spec says it, a finding has a
//! command or a sentence instead.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    kinds::{self, Shape},
    object::{Key, Object, unescape},
    places::Place,
};
use crate::{api::names, secrets::redact};

/// Longest text that is written out in a settlement, in characters.
const WRITTEN: usize = 200;
/// Most characters of a settlement: what a StagingPlan takes.
const LONGEST: usize = 2000;

/// YAML for the environment.
pub(super) fn environment(spec: &Value) -> String {
    yaml(&json!({ "spec": spec }))
}

/// YAML for the environment's class.
pub(super) fn class(spec: &Value) -> String {
    format!("# in the StagingClass\n{}", yaml(&json!({ "spec": spec })))
}

/// YAML for the environment that leaves an object behind.
pub(super) fn exclude(object: &Key) -> String {
    environment(&json!({ "source": { "exclude": [pattern(object)] } }))
}

/// YAML for the environment that gives an object to a patch (RFC 6902).
pub(super) fn patch(object: &Key, operations: &Value) -> String {
    environment(&json!({ "patches": [patched(object, operations)] }))
}

/// YAML for the environment that writes another text at each of these places; `None` if the spec
/// cannot say it, or nobody would read it.
///
/// `new` gives the text that takes the place of one, `None` where only a person knows it: then
/// `<…>` says `what`.
pub(super) fn texts(
    places: &[Place],
    objects: &BTreeMap<Key, &Object>,
    what: &str,
    new: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let (mut env, mut patches, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for (key, path) in places {
        if key.kind == "Secret" && key.group.is_empty() {
            let field = unescape(path.strip_prefix("/data/")?);
            rules.push(from_request(&key.name, &field));
            continue;
        }
        let object = objects.get(key)?;
        let (old, flag) = without_flag(object.text(path));
        let plain = redact(old) == old && !old.contains('\n') && old.chars().count() <= WRITTEN;
        let written = if plain { new(old) } else { None };
        // A flag and its value are one word.
        let unknown = if flag.is_empty() { what.to_owned() } else { what.replace(' ', "-") };
        let value = format!("{flag}{}", written.unwrap_or_else(|| format!("<{unknown}>")));
        if let Some((container, variable)) = variable(object, path) {
            env.push(json!({
                "target": pattern(key),
                "container": object.text(&format!("{container}/name")),
                "set": [{ "name": variable, "value": value }],
            }));
        } else if patchable(object, path) {
            let operation = json!([{ "op": "replace", "path": path, "value": value }]);
            patches.push(patched(key, &operation));
        } else {
            return None;
        }
    }
    let mut spec = json!({});
    for (field, list) in [("env", env), ("patches", patches)] {
        if !list.is_empty() {
            spec[field] = Value::Array(list);
        }
    }
    if !rules.is_empty() {
        spec["secrets"] = json!({ "rules": rules });
    }
    Some(environment(&spec)).filter(|it| it.chars().count() <= LONGEST)
}

/// The rule that takes a key of a Secret from the request namespace.
fn from_request(secret: &str, key: &str) -> Value {
    json!({ "name": secret, "keys": [key], "policy": "From", "from": { "name": secret } })
}

/// `gs://a` and `--bucket=` of `--bucket=gs://a`.
fn without_flag(text: &str) -> (&str, &str) {
    match text.split_once('=') {
        Some((name, value)) if name.starts_with('-') && !name.contains(char::is_whitespace) => {
            (value, &text[..=name.len()])
        }
        _ => (text, ""),
    }
}

/// The container and the name of the variable whose value stands at `path`.
pub(super) fn variable<'o>(object: &'o Object, path: &str) -> Option<(String, &'o str)> {
    let entry = path.strip_suffix("/value")?;
    let container = entry.rsplit_once('/')?.0.strip_suffix("/env")?;
    let known = kinds::containers(object).into_iter().find(|it| it == container)?;
    Some((known, object.text(&format!("{entry}/name"))))
}

/// Whether a patch may change what stands there.
pub(super) fn patchable(object: &Object, path: &str) -> bool {
    let route = matches!(kinds::shape(object), Shape::Route | Shape::GatewayRoute);
    object.group() != names::GROUP && (!route || path.contains("/http/"))
}

/// An object as `target`, `include` and `exclude` name it.
pub(super) fn pattern(object: &Key) -> Value {
    let mut pattern = json!({ "kind": object.kind, "name": object.name });
    // Two kinds of one name are told apart by their group; most have none to be told from.
    if !object.group.is_empty() && !["apps", "batch"].contains(&object.group.as_str()) {
        pattern["group"] = json!(object.group);
    }
    pattern
}

fn patched(object: &Key, operations: &Value) -> Value {
    json!({ "target": pattern(object), "patch": yaml(operations) })
}

fn yaml(value: &Value) -> String {
    // A tree of maps, lists and texts can always be written.
    serde_saphyr::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{deployment, object};

    /// What settles a text at one place: the spec of it.
    fn settled(object: &Object, path: &str) -> Option<Value> {
        let new = |old: &str| (old != "only-you-know").then(|| "gs://new".to_owned());
        let objects = BTreeMap::from([(object.key(), object)]);
        let yaml = texts(&[(object.key(), path.to_owned())], &objects, "the bucket", new)?;
        let mut whole: Value = serde_saphyr::from_str(&yaml).unwrap();
        Some(whole["spec"].take())
    }

    fn config(text: &str) -> Object {
        object("v1", "ConfigMap", "web", json!({"data": {"a": text}}))
    }

    #[test]
    fn a_text_is_written_out_if_it_is_short_and_no_secret_and_otherwise_asked_for() {
        let (most, more) = ("é".repeat(200), "é".repeat(201));
        for (old, value) in [
            ("gs://old", "gs://new"),
            ("a=b", "gs://new"),
            ("only-you-know", "<the bucket>"),
            (most.as_str(), "gs://new"),
            (more.as_str(), "<the bucket>"),
            ("gs://old\ngs://older", "<the bucket>"),
            ("https://web:hunter2hunter2@old", "<the bucket>"),
            ("--bucket=gs://old", "--bucket=gs://new"),
            ("--bucket=only-you-know", "--bucket=<the-bucket>"),
        ] {
            let spec = settled(&config(old), "/data/a").unwrap();
            let patch = spec["patches"][0]["patch"].as_str().unwrap();
            let patch: Value = serde_saphyr::from_str(patch).unwrap();
            let expected = json!([{"op": "replace", "path": "/data/a", "value": value}]);
            assert_eq!(patch, expected, "{old}");
        }
    }

    #[test]
    fn a_variable_is_set_in_its_container_and_a_key_of_a_secret_comes_by_a_rule() {
        let env = json!([{"name": "A", "value": "a"}, {"name": "BUCKET", "value": "gs://old"}]);
        let containers = json!([{"name": "proxy"}, {"name": "main", "env": env}]);
        let web = deployment("web", json!({}), json!({ "containers": containers }));
        let set = json!({"env": [{
            "target": {"kind": "Deployment", "name": "web"},
            "container": "main",
            "set": [{"name": "BUCKET", "value": "gs://new"}],
        }]});
        assert_eq!(settled(&web, "/spec/template/spec/containers/1/env/1/value"), Some(set));
        let rule = json!({"secrets": {"rules": [
            {"name": "keys", "keys": ["a/b"], "policy": "From", "from": {"name": "keys"}},
        ]}});
        assert_eq!(settled(&object("v1", "Secret", "keys", json!({})), "/data/a~1b"), Some(rule));
    }

    #[test]
    fn what_no_field_of_the_spec_says_is_not_settled_with_yaml() {
        let web = object("networking.k8s.io/v1", "Ingress", "web", json!({}));
        assert_eq!(settled(&web, "/spec/rules/0/host"), None);
        let config = config("gs://old");
        let places = |count: usize| vec![(config.key(), "/data/a".to_owned()); count];
        let some = |places: &[Place], objects: &BTreeMap<Key, &Object>| {
            texts(places, objects, "", |_| None).is_some()
        };
        let objects = BTreeMap::from([(config.key(), &config)]);
        assert!(some(&places(1), &objects));
        assert!(!some(&places(1), &BTreeMap::new()));
        // It would be longer than what a plan takes.
        assert!(!some(&places(40), &objects));
    }

    #[test]
    fn a_flag_is_told_apart_from_its_value() {
        for (text, value, flag) in [
            ("--bucket=gs://a", "gs://a", "--bucket="),
            ("-b=x=y", "x=y", "-b="),
            ("bucket=gs://a", "bucket=gs://a", ""),
            ("-b c=d", "-b c=d", ""),
            ("--verbose", "--verbose", ""),
        ] {
            assert_eq!(without_flag(text), (value, flag), "{text}");
        }
    }

    #[test]
    fn a_patch_changes_anything_but_what_is_ours_and_where_a_route_answers() {
        for (version, kind, path, expected) in [
            ("apps/v1", "Deployment", "/spec/replicas", true),
            ("networking.k8s.io/v1", "Ingress", "/spec/rules/0/host", false),
            ("networking.k8s.io/v1", "Ingress", "/spec/rules/0/http/paths/0/path", true),
            ("kulisse.dev/v1alpha1", "StagingEnvironment", "/spec/seed", false),
            ("kulisse.dev/v1alpha1", "StagingEnvironment", "/spec/http/x", false),
        ] {
            let it = object(version, kind, "it", json!({}));
            assert_eq!(patchable(&it, path), expected, "{kind} {path}");
        }
    }

    #[test]
    fn a_group_is_named_only_where_it_tells_kinds_apart() {
        for (group, named) in
            [("", false), ("apps", false), ("batch", false), ("networking.k8s.io", true)]
        {
            let key = Key { group: group.into(), kind: "It".into(), name: "it".into() };
            let expected = if named {
                json!({"group": group, "kind": "It", "name": "it"})
            } else {
                json!({"kind": "It", "name": "it"})
            };
            assert_eq!(pattern(&key), expected);
        }
    }
}
