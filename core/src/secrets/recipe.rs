//! What is remembered of a Secret instead of its values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A Secret of the source without its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedSecret {
    /// Its `type`.
    pub kind: String,
    /// What its keys hold.
    pub keys: BTreeMap<String, SealedValue>,
}

/// What a key of a source's Secret holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SealedValue {
    /// Text that is kept, and credentials that are invented anew.
    Parts(Vec<Part>),
    /// What nobody can invent: a hash, a signed token, a certificate, data that a key decrypts.
    NotInventable {
        /// What it is, as a clause.
        why: String,
    },
}

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Text that is kept: a user, a database, a host, a setting.
    Text(String),
    /// A credential, as a recipe.
    Credential {
        /// Equal credentials have equal classes.
        class: CredentialClass,
        /// Its length in characters, before encoding.
        length: usize,
        /// The characters it is made of.
        alphabet: Alphabet,
        /// How it is written here.
        encoding: Encoding,
    },
}

/// A keyed hash of a credential: equal for equal ones, and worthless without the operator's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialClass(pub String);

/// The characters of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alphabet {
    /// `0-9`
    Digits,
    /// `0-9a-f`
    HexLower,
    /// `a-z`
    Lower,
    /// `a-z0-9`
    LowerDigits,
    /// `a-zA-Z0-9`
    Alphanumeric,
}

/// How a credential is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Percent-encoded, in a URL.
    Percent,
    /// Base64.
    Base64,
}

/// What a cloned Secret will hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedSecret {
    /// Its values, by key.
    pub keys: BTreeMap<String, PlannedValue>,
}

/// What a key of a cloned Secret will hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlannedValue {
    /// Text and newly invented credentials.
    Parts(Vec<Part>),
    /// The value of a key of a Secret in the request namespace.
    From {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
}

/// A Secret or key of the request namespace that is not there or not marked as usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the request namespace has no Secret {secret:?} with key {key:?} and the label kulisse.dev/usable: \"true\""
)]
pub struct SecretMissing {
    /// The Secret.
    pub secret: String,
    /// The key.
    pub key: String,
}
