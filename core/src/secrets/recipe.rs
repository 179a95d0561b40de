//! What is remembered of a Secret instead of its values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{KeyPart, PlannedKey};

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
    /// Certificates and keys: what is private of them is gone.
    Keys {
        /// The pieces of the text.
        parts: Vec<KeyPart>,
        /// Its keyed hash, to refuse production's own value where another is given. None if all of
        /// it is public.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<CredentialClass>,
    },
    /// What nobody can invent: a hash, a signed token, data that a key decrypts.
    NotInventable {
        /// What it is, as a clause.
        why: String,
        /// Its keyed hash, to refuse production's own value where another is given. None for what
        /// is public or too short to tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<CredentialClass>,
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
    /// Text and credentials that are written as one text in base64: `user:password`.
    Base64(Vec<Self>),
}

impl Part {
    /// The texts that are kept, those in base64 among them.
    pub(crate) fn texts(parts: &[Self]) -> Vec<&String> {
        let texts = parts.iter().flat_map(|part| match part {
            Self::Text(text) => vec![text],
            Self::Credential { .. } => Vec::new(),
            Self::Base64(inner) => Self::texts(inner),
        });
        texts.collect()
    }

    /// The classes of credentials of at least so many characters.
    pub(crate) fn classes(parts: &[Self], shortest: usize) -> Vec<&CredentialClass> {
        let classes = parts.iter().flat_map(|part| match part {
            Self::Credential { class, length, .. } if *length >= shortest => vec![class],
            Self::Credential { .. } | Self::Text(_) => Vec::new(),
            Self::Base64(inner) => Self::classes(inner, shortest),
        });
        classes.collect()
    }
}

/// A keyed hash of a credential: equal for equal ones, and worthless without the operator's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialClass(pub String);

/// The characters of a credential: the narrowest set that holds the original's, so that whatever
/// takes the original takes the new one. The symbols are `-`, `_` and `.` only, whatever the
/// original's were: they mean nothing in URLs, shells (`~` does), YAML, properties and SQL, and
/// never stand first or last, where a command would take `-` for a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alphabet {
    /// `0-9`
    Digits,
    /// `0-9`, not beginning with `0`: a number in JSON.
    Number,
    /// `0-9a-f`
    HexLower,
    /// `0-9A-F`
    HexUpper,
    /// `a-z`
    Lower,
    /// `A-Z`
    Upper,
    /// `a-z0-9`
    LowerDigits,
    /// `A-Z0-9`
    UpperDigits,
    /// `a-zA-Z0-9`
    Alphanumeric,
    /// `a-zA-Z0-9`, `-` and `_`
    Token,
    /// `a-zA-Z0-9`, `-`, `_` and `.`
    Symbols,
    /// The base64 of so many bytes, padded: a key that is decoded where it is used.
    Base64 {
        /// How many.
        bytes: usize,
    },
    /// The same in the alphabet for URLs.
    Base64Url {
        /// How many.
        bytes: usize,
    },
    /// A UUID, version 4.
    Uuid,
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
    /// Base64, and that percent-encoded, in a URL.
    Base64Percent,
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
    /// Certificates and keys, of the clone's own.
    Keys(Vec<PlannedKey>),
    /// A value that stands elsewhere; every key of its Secret if the key is [`EVERY_KEY`].
    From(Place),
    /// A text of the user's.
    Template(Vec<TemplatePart>),
}

/// Where a value stands that is not invented.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// In which namespace.
    #[serde(default, skip_serializing_if = "Origin::is_request")]
    pub origin: Origin,
    /// The Secret.
    pub secret: String,
    /// The key.
    pub key: String,
}

/// The namespace of a Secret that a value is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origin {
    /// The request namespace.
    #[default]
    Request,
    /// The source: both its owners and the class consent.
    Source,
    /// The operator's own: the class gives it.
    Operator,
}

/// A piece of a text of the user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TemplatePart {
    /// Text.
    Text(String),
    /// The value of a key of a cloned Secret.
    Value {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
}

/// Stands for all keys of a Secret of the request namespace. No key of a Secret can be called so.
pub const EVERY_KEY: &str = "*";

impl Origin {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_request(&self) -> bool {
        *self == Self::Request
    }
}
