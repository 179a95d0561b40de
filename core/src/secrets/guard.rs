//! What may be written over, and what may not be written at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    CredentialClass, OpenSecret, OperatorKey, Part, SealedSecret, SealedValue, SecretBytes, Uses,
    hash,
    seal::{self, TELLING},
};

/// The credentials of a source, as keyed hashes: those of at least 8 characters, since shorter ones
/// are equal by chance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Production(BTreeSet<CredentialClass>);

/// The values of a Secret on their way into the target. It holds them: no `Debug`.
pub struct Filling {
    values: BTreeMap<String, SecretBytes>,
    /// Keys whose values were made up.
    invented: BTreeSet<String>,
    production: Arc<Production>,
}

impl Production {
    /// What the Secrets of a source hold.
    pub fn of(secrets: &BTreeMap<String, SealedSecret>) -> Self {
        let values = secrets.values().flat_map(|secret| secret.keys.values());
        Self(values.flat_map(classes).cloned().collect())
    }

    /// Whether a class is that of a credential of production.
    pub(super) fn is(&self, class: &CredentialClass) -> bool {
        self.0.contains(class)
    }

    /// Whether a value that somebody gave for the key `name` is a credential of production: whole, or as the credential
    /// within a URL or a document.
    ///
    /// Not seen: a credential in a place that does not look like one.
    pub fn holds(&self, name: &str, value: &SecretBytes, key: &OperatorKey) -> bool {
        if self.is(&hash::class(key, value.expose().trim_ascii())) {
            return true;
        }
        let given = OpenSecret {
            name: String::new(),
            kind: String::new(),
            data: BTreeMap::from([(name.to_owned(), value.clone())]),
        };
        let again = seal::seal(&given, &Uses::default(), key);
        again.keys.values().flat_map(classes).any(|class| self.is(class))
    }
}

impl Filling {
    pub(super) fn new(production: Arc<Production>) -> Self {
        Self { values: BTreeMap::new(), invented: BTreeSet::new(), production }
    }

    pub(super) fn invent(&mut self, key: &str, value: SecretBytes) {
        self.values.insert(key.to_owned(), value);
        self.invented.insert(key.to_owned());
    }

    pub(super) fn give(&mut self, key: &str, value: SecretBytes) {
        self.values.insert(key.to_owned(), value);
    }

    /// The values for a Secret that is not there yet.
    pub fn values(&self) -> &BTreeMap<String, SecretBytes> {
        &self.values
    }

    /// The value that a key has once this is written over a Secret that holds `there`.
    ///
    /// What was made up in the target wins: a rotation in production, or a new recipe, never breaks
    /// a living clone. What was given follows who gives it. Production's own value, once copied,
    /// does not stay when nothing is to be copied any more.
    pub(super) fn value<'v>(
        &'v self,
        name: &str,
        there: &'v BTreeMap<String, SecretBytes>,
        key: &OperatorKey,
    ) -> Option<&'v SecretBytes> {
        let made = self.values.get(name)?;
        let there = there.get(name).filter(|_| self.invented.contains(name));
        Some(there.filter(|it| !self.production.holds(name, it, key)).unwrap_or(made))
    }

    /// The values for a Secret that holds `there`. Keys that are no longer planned go.
    pub fn over(
        &self,
        there: &BTreeMap<String, SecretBytes>,
        key: &OperatorKey,
    ) -> BTreeMap<String, SecretBytes> {
        let value = |name: &String| Some((name.clone(), self.value(name, there, key)?.clone()));
        self.values.keys().filter_map(value).collect()
    }
}

/// The classes in a value of what is long enough to tell.
fn classes(value: &SealedValue) -> Box<dyn Iterator<Item = &CredentialClass> + '_> {
    match value {
        SealedValue::Parts(parts) => Box::new(Part::classes(parts, TELLING).into_iter()),
        SealedValue::Keys { class, .. } | SealedValue::NotInventable { class, .. } => {
            Box::new(class.iter())
        }
    }
}
