//! Certificates and private keys: read, described, and made anew for one environment.
//!
//! A key of production is told by the hash of its public half, so that a certificate, its private
//! key and a copy of either in another Secret stay together. In the clone each gets a key of its own
//! that follows from the operator's key, and a certificate that the environment's throw-away
//! authority signs. Certificates that no key of the source belongs to are public, and stay.
//!
//! Deliberately absent: keys in keystores, encrypted keys, keys for SSH and PGP, and keys of which
//! the source holds no public half: others hold that, and would not know a new one.

mod issue;
mod pem;
mod read;

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use self::issue::Issuer;
pub(crate) use self::pem::certificates;
pub use self::pem::parse;

/// A key of production, as the SHA-256 of its public half.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

/// A piece of a text with certificates and keys, as it is in production.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyPart {
    /// What stands between them, and what is public: parameters, requests, lists.
    Text(String),
    /// A certificate.
    Certificate(Box<Certificate>),
    /// A private key.
    PrivateKey {
        /// Which.
        key: KeyId,
        /// How it is written.
        form: KeyForm,
    },
    /// A public key.
    PublicKey {
        /// Which; `None` for kinds that are not made.
        key: Option<KeyId>,
        /// As it is.
        pem: String,
    },
}

/// A certificate. All of it is public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Its key.
    pub key: KeyId,
    /// Who it is about.
    pub subject: Vec<Attribute>,
    /// Hash of the subject's name.
    pub subject_id: String,
    /// Hash of the issuer's name.
    pub issuer_id: String,
    /// Whether it may issue others.
    pub is_authority: bool,
    /// Further names of the subject.
    pub names: Names,
    /// What it may be used for, as object identifiers; anything if empty.
    pub purposes: Vec<String>,
    /// When it ends.
    pub expires: Timestamp,
    /// As it is.
    pub pem: String,
}

/// A part of a distinguished name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its type, as an object identifier.
    pub kind: String,
    /// Its value.
    pub value: String,
}

/// Names that a certificate is valid for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// DNS names, wildcards among them.
    pub dns: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<IpAddr>,
    /// URIs: SPIFFE identities.
    pub uris: Vec<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
}

/// How a private key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyForm {
    /// `PRIVATE KEY`
    Pkcs8,
    /// `EC PRIVATE KEY`
    Sec1,
}

/// A piece of a text with certificates and keys, as it will be in the clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlannedKey {
    /// What stays as it is.
    Text(String),
    /// The certificate of the environment's throw-away authority.
    Authority {
        /// When the source was read: from then on it is valid.
        from: Timestamp,
    },
    /// A certificate that the authority signs.
    Certificate(Box<Leaf>),
    /// A private key.
    PrivateKey {
        /// In whose place; the authority's own if `None`.
        key: Option<KeyId>,
        /// How it is written.
        form: KeyForm,
    },
    /// A public key.
    PublicKey {
        /// In whose place; the authority's own if `None`.
        key: Option<KeyId>,
    },
}

/// A certificate that the authority signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaf {
    /// In whose place its key is.
    pub key: KeyId,
    /// Who it is about.
    pub subject: Vec<Attribute>,
    /// Further names of the subject.
    pub names: Names,
    /// What it may be used for, as object identifiers; anything if empty.
    pub purposes: Vec<String>,
    /// When the source was read: from then on it is valid.
    pub from: Timestamp,
}

#[cfg(test)]
mod tests;
