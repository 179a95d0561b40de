//! A hash of all that will be applied.

use std::{collections::BTreeMap, fmt::Write};

use jiff::Timestamp;
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
    if settings.is_empty() {
        return of(&(namespace, clones, secrets, tasks));
    }
    of(&(namespace, clones, secrets, tasks, numbered(settings, &mut numbers)))
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
    let mut hash = Sha256::new();
    feed(&mut hash, &serde_json::to_value(value).unwrap_or_default());
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn feed(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(field, _)| *field);
            hash.update(format!("{{{}", fields.len()));
            for (field, value) in fields {
                text(hash, field);
                feed(hash, value);
            }
        }
        Value::Array(list) => {
            hash.update(format!("[{}", list.len()));
            for value in list {
                feed(hash, value);
            }
        }
        Value::String(it) => text(hash, it),
        other => hash.update(format!("={other};")),
    }
}

/// A text with its length, so that two never run into each other.
fn text(hash: &mut Sha256, text: &str) {
    hash.update(format!("\"{}:", text.len()));
    hash.update(text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
}
