//! Names of objects, and of their keys, that will not be there.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Looked, Target};
use crate::{
    api::{names, staging_plan::Severity},
    plan::{
        kinds,
        log::Log,
        object::{Key, Object, escape},
        places::{Place, Places},
        secret, select, settle,
    },
};

/// A map below a Pod spec or a container that names keys of an object.
struct Keyed {
    /// JSON pointer with `*` for every element of a list.
    path: &'static str,
    kind: &'static str,
    /// The field with the object's name.
    name: &'static str,
    /// The fields with keys.
    keys: &'static str,
}

const fn keyed(
    path: &'static str,
    kind: &'static str,
    name: &'static str,
    keys: &'static str,
) -> Keyed {
    Keyed { path, kind, name, keys }
}

const POD: &[Keyed] = &[
    keyed("/volumes/*/configMap", "ConfigMap", "name", "/items/*/key"),
    keyed("/volumes/*/secret", "Secret", "secretName", "/items/*/key"),
    keyed("/volumes/*/projected/sources/*/configMap", "ConfigMap", "name", "/items/*/key"),
    keyed("/volumes/*/projected/sources/*/secret", "Secret", "name", "/items/*/key"),
];

const CONTAINER: &[Keyed] = &[
    keyed("/env/*/valueFrom/configMapKeyRef", "ConfigMap", "name", "/key"),
    keyed("/env/*/valueFrom/secretKeyRef", "Secret", "name", "/key"),
];

pub(super) fn look(
    looked: &Looked,
    target: &Target,
    missing: &mut Vec<(Key, Place)>,
    log: &mut Log,
) {
    objects(looked, target, missing);
    let object = looked.object;
    if let Some(spec) = kinds::pod_spec(object) {
        keys(looked, &spec, POD, target, log);
    }
    for container in kinds::containers(object) {
        keys(looked, &container, CONTAINER, target, log);
    }
}

fn objects(looked: &Looked, target: &Target, missing: &mut Vec<(Key, Place)>) {
    for refers in kinds::references(looked.object) {
        let to = refers.to;
        if refers.optional || target.objects.contains_key(&to) || select::is_given(&to) {
            continue;
        }
        missing.push((to, (looked.key.clone(), format!("{}{}", looked.base, refers.path))));
    }
}

/// Says once of each object that is missing what needs it.
pub(super) fn report(missing: &Places<Key>, target: &Target, log: &mut Log) {
    let makers = makers(target);
    for (to, (object, path), also) in missing.each() {
        let unknown = to.kind == "Secret" && !target.context.by_key.contains_key(to);
        let maker = makers.get(to.name.as_str()).filter(|_| unknown).map(|it| it.key());
        let (severity, why) = match &maker {
            _ if target.context.by_key.contains_key(to) => {
                (Severity::Warns, format!("it needs {to}, which stays behind{also}"))
            }
            Some(maker) => (
                Severity::Warns,
                format!("it needs {to}, which {maker} makes, and that stays behind{also}"),
            ),
            None => {
                (Severity::Informs, format!("it needs {to}, which production has not either{also}"))
            }
        };
        let settle = if maker.is_some() {
            given(to)
        } else if let Some(patch) = without_path(object, path, target) {
            patch
        } else if object.group == names::GROUP {
            format!("let the task do without {to}, or add it under spec.overlay")
        } else {
            format!("# to leave {object} behind as well\n{}", settle::exclude(object))
        };
        log.find(severity, object, path, "missing-reference", why, settle);
    }
}

/// What makes Secrets in production, by their names, where only that is known of them: manifests hold
/// no Secret.
fn makers<'a>(target: &Target<'a>) -> HashMap<&'a str, &'a Object> {
    let all = target.context.capture.objects.iter();
    let made = all.flat_map(|it| kinds::made_secrets(it).into_iter().map(move |name| (name, it)));
    // The first one counts.
    made.rev().collect()
}

/// YAML that gives a Secret from the request namespace.
fn given(to: &Key) -> String {
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": to.name } });
    let rule = json!({ "name": to.name, "policy": "From", "from": { "name": to.name } });
    let yaml = settle::environment(&json!({
        "overlay": { "inline": [secret] },
        "secrets": { "rules": [rule] },
    }));
    format!(
        "# from a Secret in the request namespace, labelled kulisse.dev/usable: \"true\"\n{yaml}"
    )
}

/// YAML that takes a path out of a route that has others.
fn without_path(object: &Key, path: &str, target: &Target) -> Option<String> {
    let (entry, _) = path.split_once("/backend/")?;
    let (list, at) = entry.rsplit_once('/')?;
    let route = target.objects.get(object)?;
    let others = route.get(list)?.as_array()?.len() > 1;
    let removal = json!([{ "op": "remove", "path": entry }]);
    (others && at.parse::<usize>().is_ok()).then(|| settle::patch(object, &removal))
}

fn keys(looked: &Looked, base: &str, table: &[Keyed], target: &Target, log: &mut Log) {
    let object = looked.object;
    for entry in table {
        for map in object.expand(&format!("{base}{}", entry.path)) {
            if is_optional(object, &map) {
                continue;
            }
            let to = Key {
                group: String::new(),
                kind: entry.kind.to_owned(),
                name: object.text(&format!("{map}/{}", entry.name)).to_owned(),
            };
            for path in object.expand(&format!("{map}{}", entry.keys)) {
                let key = object.text(&path);
                let lacks = !key.is_empty() && target.has(&to, key) == Some(false);
                if lacks && !is_told(&to, key, target) {
                    missing_key(looked, &path, &to, key, target, log);
                }
            }
        }
    }
}

/// Whether the pass `secret` has said that nobody can invent a key, and how to give it.
fn is_told(of: &Key, key: &str, target: &Target) -> bool {
    target.told.contains(&(of.to_string(), format!("/data/{}", escape(key))))
}

fn is_optional(object: &Object, map: &str) -> bool {
    object.get(&format!("{map}/optional")) == Some(&Value::Bool(true))
}

fn missing_key(looked: &Looked, path: &str, to: &Key, key: &str, target: &Target, log: &mut Log) {
    let (severity, which) = if target.source_has(to, key) {
        (Severity::Warns, "is left out of the clone")
    } else {
        (Severity::Informs, "is not there in production either")
    };
    let why =
        format!("it needs the key {key} of {to}, which {which}: its container will not start");
    let settle = if to.kind == "Secret" {
        secret::from_snippet(&to.name, key)
    } else {
        format!(
            "spec:\n  patches:\n  - target: {{ kind: {}, name: {} }}\n    patch: |\n      data:\n        {key}: <value>",
            to.kind, to.name
        )
    };
    looked.find(log, severity, path, "missing-key", why, settle);
}
