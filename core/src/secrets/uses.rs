//! How Secrets are used: what a key is called where a container reads it.
//!
//! Found in every object that has a Pod spec in it, whatever its kind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::plan::object::Object;

/// How the source's Secrets are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Uses {
    keys: BTreeMap<(String, String), Use>,
    whole: BTreeMap<String, Whole>,
}

/// How a key of a Secret is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Use {
    /// Environment variables that hold it.
    pub variables: BTreeSet<String>,
    /// Names of files that hold it, without directories.
    pub files: BTreeSet<String>,
    /// Images of the containers that read it.
    pub images: BTreeSet<String>,
    /// Whether some container does not start without it.
    pub required: bool,
}

/// How a Secret is used as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// Prefixes of the environment variables that its keys become; empty if it is only mounted.
    pub prefixes: BTreeSet<String>,
    /// Whether its keys are files.
    pub mounted: bool,
    /// Images of the containers that read it.
    pub images: BTreeSet<String>,
    /// Whether some container does not start without it.
    pub required: bool,
}

impl Use {
    /// What the key is called where it is read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().chain(&self.files).map(String::as_str)
    }
}

impl Uses {
    /// How a key is used, by itself or with its whole Secret.
    pub fn of(&self, secret: &str, key: &str) -> Use {
        let mut found =
            self.keys.get(&(secret.to_owned(), key.to_owned())).cloned().unwrap_or_default();
        if let Some(whole) = self.whole.get(secret) {
            found.variables.extend(whole.prefixes.iter().map(|prefix| format!("{prefix}{key}")));
            found.images.extend(whole.images.iter().cloned());
            if whole.mounted {
                found.files.insert(key.to_owned());
            }
        }
        found
    }

    /// The keys that something names: Secret, key, use.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str, &Use)> {
        self.keys.iter().map(|((secret, key), used)| (secret.as_str(), key.as_str(), used))
    }

    /// The Secrets of which something reads all keys.
    pub fn whole(&self) -> impl Iterator<Item = (&str, &Whole)> {
        self.whole.iter().map(|(secret, used)| (secret.as_str(), used))
    }

    fn key(&mut self, secret: &str, key: &str, image: &str, is_required: bool) -> &mut Use {
        let used = self.keys.entry((secret.to_owned(), key.to_owned())).or_default();
        used.images.insert(image.to_owned());
        used.required |= is_required;
        used
    }

    fn all(&mut self, secret: &str, image: &str, is_required: bool) -> &mut Whole {
        let used = self.whole.entry(secret.to_owned()).or_default();
        used.images.insert(image.to_owned());
        used.required |= is_required;
        used
    }
}

/// Looks up how Secrets are used.
pub fn uses(objects: &[Object]) -> Uses {
    let mut found = Uses::default();
    for object in objects {
        walk(object.value(), &mut found);
    }
    found
}

/// A map with containers in it is a Pod spec, wherever it stands.
fn walk(value: &Value, found: &mut Uses) {
    match value {
        Value::Object(map) => {
            if list(value, "containers").next().is_some() {
                pod(value, found);
            }
            map.values().for_each(|inner| walk(inner, found));
        }
        Value::Array(values) => values.iter().for_each(|inner| walk(inner, found)),
        _ => {}
    }
}

fn pod(pod: &Value, found: &mut Uses) {
    for kind in ["containers", "initContainers", "ephemeralContainers"] {
        for container in list(pod, kind) {
            environment(container, found);
            for mount in list(container, "volumeMounts") {
                for volume in list(pod, "volumes") {
                    if text(volume, "name") == text(mount, "name") {
                        mounted(volume, mount, text(container, "image"), found);
                    }
                }
            }
        }
    }
}

fn environment(container: &Value, found: &mut Uses) {
    let image = text(container, "image");
    for variable in list(container, "env") {
        if let Some(reference) = variable.pointer("/valueFrom/secretKeyRef") {
            let (secret, key) = (text(reference, "name"), text(reference, "key"));
            found
                .key(secret, key, image, !is_optional(reference))
                .variables
                .insert(text(variable, "name").to_owned());
        }
    }
    for source in list(container, "envFrom") {
        if let Some(reference) = source.get("secretRef") {
            found
                .all(text(reference, "name"), image, !is_optional(reference))
                .prefixes
                .insert(text(source, "prefix").to_owned());
        }
    }
}

fn mounted(volume: &Value, mount: &Value, image: &str, found: &mut Uses) {
    let own = volume.get("secret").map(|secret| (text(secret, "secretName"), secret));
    let projected = volume
        .get("projected")
        .into_iter()
        .flat_map(|projected| list(projected, "sources"))
        .filter_map(|source| source.get("secret"))
        .map(|secret| (text(secret, "name"), secret));
    for (name, secret) in own.into_iter().chain(projected) {
        let is_required = !is_optional(secret);
        // A mount of one file gives it the name of the place it is mounted at.
        let one = text(mount, "subPath");
        let place = file(text(mount, "mountPath"));
        let mut items = list(secret, "items").peekable();
        if items.peek().is_none() && one.is_empty() {
            found.all(name, image, is_required).mounted = true;
        } else if items.peek().is_none() {
            found.key(name, one, image, is_required).files.insert(place.to_owned());
        }
        for item in items {
            let path = text(item, "path");
            let called = if path == one { place } else { file(path) };
            if one.is_empty() || path == one {
                found
                    .key(name, text(item, "key"), image, is_required)
                    .files
                    .insert(called.to_owned());
            }
        }
    }
}

fn is_optional(reference: &Value) -> bool {
    reference.get("optional").and_then(Value::as_bool).unwrap_or_default()
}

fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn found(spec: &Value) -> Uses {
        uses(&[Object::new(json!({
            "apiVersion": "example.com/v1", "kind": "Runner", "metadata": {"name": "web"},
            "spec": {"deep": [{"template": {"spec": spec}}]},
        }))
        .unwrap()])
    }

    #[test]
    fn variables_prefixes_and_files_are_names_of_a_key_wherever_the_pod_spec_stands() {
        let uses = found(&json!({
            "containers": [{
                "name": "a", "image": "postgres:17",
                "env": [{"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}],
                "envFrom": [{"prefix": "DB_", "secretRef": {"name": "db"}}],
                "volumeMounts": [
                    {"name": "conf", "mountPath": "/etc/app"},
                    {"name": "one", "mountPath": "/etc/app/.pgpass", "subPath": "x"},
                ],
            }],
            "volumes": [
                {"name": "conf", "secret": {"secretName": "files", "items": [{"key": "c", "path": "a/app.properties"}]}},
                {"name": "one", "projected": {"sources": [{"secret": {"name": "files"}}]}},
                {"name": "unmounted", "secret": {"secretName": "other"}},
            ],
        }));
        assert_eq!(uses.of("db", "p").variables, set(&["PGPASSWORD", "DB_p"]));
        assert_eq!(uses.of("db", "p").images, set(&["postgres:17"]));
        assert_eq!(uses.of("db", "q").variables, set(&["DB_q"]));
        assert_eq!(uses.of("files", "c").files, set(&["app.properties"]));
        assert_eq!(uses.of("files", "x").files, set(&[".pgpass"]));
        assert_eq!(uses.of("other", "x"), Use::default());
    }

    #[test]
    fn what_is_optional_is_not_required() {
        let uses = found(&json!({"containers": [{"name": "a", "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a", "optional": true}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "b"}}},
        ]}]}));
        assert!(!uses.of("s", "a").required && uses.of("s", "b").required);
    }

    #[test]
    fn of_a_volume_that_may_be_missing_nothing_is_required() {
        let volume = |optional: bool| {
            json!({
                "containers": [{"name": "a", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
                "volumes": [{"name": "v", "secret": {
                    "secretName": "s", "optional": optional, "items": [{"key": "k", "path": "k"}],
                }}],
            })
        };
        assert!(!found(&volume(true)).of("s", "k").required);
        assert!(found(&volume(false)).of("s", "k").required);
    }

    #[test]
    fn a_mount_of_one_file_reads_the_key_of_that_file_under_the_name_of_its_place() {
        let uses = found(&json!({
            "containers": [{"name": "a", "volumeMounts": [
                {"name": "v", "mountPath": "/etc/db/pass", "subPath": "p"},
            ]}],
            "volumes": [{"name": "v", "secret": {
                "secretName": "s", "items": [{"key": "a", "path": "p"}, {"key": "b", "path": "q"}],
            }}],
        }));
        assert_eq!(uses.of("s", "a").files, set(&["pass"]));
        assert_eq!(uses.of("s", "b"), Use::default());
    }

    #[test]
    fn what_is_read_as_a_whole_is_told_apart_from_what_is_read_by_key() {
        let uses = found(&json!({
            "initContainers": [{"name": "i", "image": "job:1", "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a"}}},
            ]}],
            "containers": [{
                "name": "a", "image": "web:1",
                "envFrom": [
                    {"prefix": "S_", "secretRef": {"name": "s", "optional": true}},
                    {"secretRef": {"name": "t"}},
                ],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            }],
            "volumes": [{"name": "v", "secret": {"secretName": "u", "optional": true}}],
        }));
        let keys: Vec<(&str, &str, &Use)> = uses.keys().collect();
        let job = Use {
            variables: set(&["A"]),
            images: set(&["job:1"]),
            required: true,
            ..Use::default()
        };
        assert_eq!(keys, [("s", "a", &job)]);
        let whole = |prefixes: &[&str], mounted: bool, required: bool| Whole {
            prefixes: set(prefixes),
            mounted,
            images: set(&["web:1"]),
            required,
        };
        let read: Vec<(&str, Whole)> = uses.whole().map(|(name, it)| (name, it.clone())).collect();
        assert_eq!(
            read,
            [
                ("s", whole(&["S_"], false, false)),
                ("t", whole(&[""], false, true)),
                ("u", whole(&[], true, false)),
            ]
        );
        assert_eq!(uses.of("u", "x").files, set(&["x"]));
    }
}
