//! What may be written over, and what may not be written at all.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    OpenSecret, OperatorKey, Part, SealedSecret, SealedValue, SecretBytes, Uses, hash,
    seal::{self, TELLING},
};

/// A value that is already in the target wins: a rotation in production, or a new recipe, never
/// breaks a living clone. Keys that are no longer planned go.
pub fn keep_existing(
    mut made: BTreeMap<String, SecretBytes>,
    existing: &BTreeMap<String, SecretBytes>,
) -> BTreeMap<String, SecretBytes> {
    for (key, value) in &mut made {
        if let Some(there) = existing.get(key) {
            *value = there.clone();
        }
    }
    made
}

/// The keys of `made` that hold a credential of production, of at least 8 characters, compared by
/// keyed hash: whole, or as the credential within a URL or a document. The last guard before a
/// write, and the only one for values that people gave.
///
/// Not seen: a credential in a place of a given value that does not look like one.
pub fn equals_source(
    made: &BTreeMap<String, SecretBytes>,
    sealed: &SealedSecret,
    key: &OperatorKey,
) -> Vec<String> {
    let production = telling(sealed);
    let given = OpenSecret {
        name: String::new(),
        kind: sealed.kind.clone(),
        data: made.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    };
    let again = seal::seal(&given, &Uses::default(), key);
    let holds = |(name, value): &(&String, &SecretBytes)| {
        let whole = hash::class(key, value.expose().trim_ascii());
        production.contains(whole.0.as_str())
            || again
                .keys
                .get(*name)
                .is_some_and(|value| classes(value).any(|class| production.contains(class)))
    };
    made.iter().filter(holds).map(|(name, _)| name.clone()).collect()
}

fn telling(sealed: &SealedSecret) -> BTreeSet<&str> {
    sealed.keys.values().flat_map(classes).collect()
}

/// The classes in a value of what is long enough to tell.
fn classes(value: &SealedValue) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        SealedValue::Parts(parts) => Box::new(parts.iter().filter_map(|part| match part {
            Part::Credential { class, length, .. } if *length >= TELLING => Some(class.0.as_str()),
            _ => None,
        })),
        SealedValue::NotInventable { class, .. } => {
            Box::new(class.iter().map(|class| class.0.as_str()))
        }
    }
}
