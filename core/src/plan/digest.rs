//! A hash of all that will be applied.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{PlannedClone, object::Object, task::PlannedTask};
use crate::{
    api::names,
    secrets::{CredentialClass, Part, PlannedKey, PlannedSecret, PlannedValue},
};

type Recipes = BTreeMap<String, PlannedSecret>;
type Numbers = BTreeMap<CredentialClass, usize>;

/// Hash of a plan. What only describes the pull request does not count: a new title is no new plan.
pub(super) fn plan(
    namespace: &Object,
    clones: &[PlannedClone],
    (secrets, settings): (&Recipes, &Recipes),
    tasks: &[PlannedTask],
) -> String {
    let mut namespace = namespace.clone();
    for map in ["/metadata/labels", "/metadata/annotations"] {
        if let Some(map) = namespace.get_mut(map).and_then(Value::as_object_mut) {
            map.retain(|key, _| !key.starts_with(names::PULL_REQUEST_PREFIX));
        }
    }
    let mut numbers = BTreeMap::new();
    let secrets = numbered(secrets, &mut numbers);
    // What holds no certificates has the digest that it always had.
    let settings = (!settings.is_empty()).then(|| numbered(settings, &mut numbers));
    let mut hash = Sha256::new();
    hash.update(format!("[{}", 4 + usize::from(settings.is_some())));
    hash.update(written(&namespace));
    hash.update(format!("[{}", clones.len()));
    for clone in clones.par_iter().map(of_clone).collect::<Vec<_>>() {
        hash.update(clone);
    }
    hash.update(written(&secrets));
    hash.update(written(&tasks));
    if let Some(settings) = settings {
        hash.update(written(&settings));
    }
    hexadecimal(hash)
}

/// A clone as it is hashed. Nearly all that a plan holds are objects: they are not copied for it.
fn of_clone(clone: &PlannedClone) -> Vec<u8> {
    let PlannedClone { wave, object } = clone;
    let mut out = b"{2".to_vec();
    text(&mut out, "object");
    feed(&mut out, object.value());
    text(&mut out, "wave");
    out.extend(written(wave));
    out
}

/// The recipes, with their classes numbered as they come. Which credentials are equal counts; under
/// which key that was found out does not, nor when the source was read: who plans without the
/// operator's key gets the same digest, and a digest tells nothing about a value.
fn numbered(recipes: &Recipes, numbers: &mut Numbers) -> Recipes {
    let mut recipes = recipes.clone();
    for value in recipes.values_mut().flat_map(|secret| secret.keys.values_mut()) {
        match value {
            PlannedValue::Parts(parts) => number(parts, numbers),
            PlannedValue::Keys(keys) => keys.iter_mut().for_each(timeless),
            PlannedValue::From(_) | PlannedValue::Template(_) => {}
        }
    }
    recipes
}

fn number(parts: &mut [Part], numbers: &mut Numbers) {
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Credential { class, .. } => {
                let next = numbers.len();
                let number = *numbers.entry(class.clone()).or_insert(next);
                *class = CredentialClass(number.to_string());
            }
            Part::Base64(inner) => number(inner, numbers),
        }
    }
}

fn timeless(key: &mut PlannedKey) {
    match key {
        PlannedKey::Authority { from } => *from = Timestamp::UNIX_EPOCH,
        PlannedKey::Certificate(leaf) => leaf.from = Timestamp::UNIX_EPOCH,
        PlannedKey::Text(_) | PlannedKey::PrivateKey { .. } | PlannedKey::PublicKey { .. } => {}
    }
}

/// Hash of anything that serialises, as 64 hexadecimal digits. The order of maps does not count,
/// so equal values have equal hashes, however serde_json was built.
pub fn of(value: &impl Serialize) -> String {
    of_value(&serde_json::to_value(value).unwrap_or_default())
}

/// The same of what is a value already.
pub(super) fn of_value(value: &Value) -> String {
    let mut out = Vec::new();
    feed(&mut out, value);
    hexadecimal(Sha256::new_with_prefix(out))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Anything that serialises, as it is hashed.
fn written(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    feed(&mut out, &serde_json::to_value(value).unwrap_or_default());
    out
}

fn feed(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(field, _)| *field);
            length(out, b'{', fields.len());
            for (field, value) in fields {
                text(out, field);
                feed(out, value);
            }
        }
        Value::Array(list) => {
            length(out, b'[', list.len());
            for value in list {
                feed(out, value);
            }
        }
        Value::String(it) => text(out, it),
        other => {
            let _ = write!(out, "={other};");
        }
    }
}

/// A text with its length, so that two never run into each other.
fn text(out: &mut Vec<u8>, text: &str) {
    length(out, b'"', text.len());
    out.push(b':');
    out.extend_from_slice(text.as_bytes());
}

fn length(out: &mut Vec<u8>, mark: u8, length: usize) {
    out.push(mark);
    let _ = write!(out, "{length}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::status::Wave;

    fn secrets(classes: &[&str]) -> BTreeMap<String, PlannedSecret> {
        let value = |class: &&str| {
            PlannedValue::Parts(vec![Part::Credential {
                class: CredentialClass((*class).to_owned()),
                length: 8,
                alphabet: crate::secrets::Alphabet::Digits,
                encoding: crate::secrets::Encoding::Plain,
            }])
        };
        let keys = classes.iter().enumerate().map(|(at, it)| (at.to_string(), value(it))).collect();
        [("db".to_owned(), PlannedSecret { keys })].into()
    }

    #[test]
    fn which_credentials_are_equal_counts_but_not_their_hashes() {
        let hash = |classes: &[&str]| of(&numbered(&secrets(classes), &mut BTreeMap::new()));
        assert_eq!(hash(&["a", "b", "a"]), hash(&["z", "c", "z"]));
        assert_ne!(hash(&["a", "b", "a"]), hash(&["a", "b", "b"]));
    }

    #[test]
    fn the_order_of_a_map_does_not_count_but_that_of_a_list_does() {
        assert_eq!(of(&json!({"a": 1, "b": 2})), of(&json!({"b": 2, "a": 1})));
        assert_ne!(of(&json!([1, 2])), of(&json!([2, 1])));
        assert_ne!(of(&json!(["ab", "c"])), of(&json!(["a", "bc"])));
        assert_ne!(of(&json!("1")), of(&json!(1)));
    }

    #[test]
    fn when_the_source_was_read_does_not_count() {
        let hash = |second: i64| {
            let from = Timestamp::from_second(second).unwrap();
            let leaf = crate::secrets::Leaf {
                key: crate::secrets::KeyId("a".to_owned()),
                subject: Vec::new(),
                names: crate::secrets::Names::default(),
                purposes: Vec::new(),
                from,
            };
            let certificate = PlannedKey::Certificate(Box::new(leaf));
            let value = PlannedValue::Keys(vec![PlannedKey::Authority { from }, certificate]);
            let recipe = PlannedSecret { keys: [("ca.crt".to_owned(), value)].into() };
            of(&numbered(&[("tls".to_owned(), recipe)].into(), &mut BTreeMap::new()))
        };
        assert_eq!(hash(0), hash(9));
    }

    #[test]
    fn everything_that_is_applied_counts_and_what_describes_the_pull_request_does_not() {
        let namespace = |labels: Value| {
            Object::made("v1", "Namespace", "a", json!({"metadata": {"labels": labels}}))
        };
        let clone = |wave: Wave, data: &str| {
            let object = Object::made("v1", "ConfigMap", "a", json!({"data": {"a": data}}));
            PlannedClone { wave, object }
        };
        let none = BTreeMap::new();
        let base = plan(&namespace(json!({})), &[clone(Wave::Config, "1")], (&none, &none), &[]);
        assert!(base.len() == 64 && base.bytes().all(|it| it.is_ascii_hexdigit()), "{base}");
        let title = format!("{}title", names::PULL_REQUEST_PREFIX);
        let titled = namespace(json!({title: "x"}));
        assert_eq!(plan(&titled, &[clone(Wave::Config, "1")], (&none, &none), &[]), base);
        let some = secrets(&["a"]);
        for other in [
            plan(&namespace(json!({"a": "b"})), &[clone(Wave::Config, "1")], (&none, &none), &[]),
            plan(&namespace(json!({})), &[clone(Wave::Config, "2")], (&none, &none), &[]),
            plan(&namespace(json!({})), &[clone(Wave::Workloads, "1")], (&none, &none), &[]),
            plan(&namespace(json!({})), &[], (&none, &none), &[]),
            plan(&namespace(json!({})), &[clone(Wave::Config, "1")], (&some, &none), &[]),
            plan(&namespace(json!({})), &[clone(Wave::Config, "1")], (&none, &some), &[]),
        ] {
            assert_ne!(other, base);
        }
    }
}
