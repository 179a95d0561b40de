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

mod alphabet;
mod bytes;
mod classify;
mod command;
mod equal;
mod exposed;
mod expression;
mod file;
mod guard;
mod hash;
mod keys;
mod make;
mod mark;
mod markup;
mod name;
mod pattern;
mod pieces;
mod recipe;
mod redact;
mod seal;
mod several;
mod shape;
mod structure;
mod unread;
mod url;
mod uses;

#[cfg(test)]
mod tests;

pub use self::{
    bytes::{OpenSecret, OperatorKey, SecretBytes},
    guard::{Filling, Production},
    keys::{
        Attribute, Certificate, KeyForm, KeyId, KeyPart, Leaf, Names, PlannedKey, parse as keys_in,
    },
    make::{Materials, Unmade, Values, make},
    mark::marks,
    recipe::{
        Alphabet, CredentialClass, EVERY_KEY, Encoding, Origin, Part, Place, PlannedSecret,
        PlannedValue, SealedSecret, SealedValue, TemplatePart,
    },
    redact::{MASK, Redactor, redact},
    seal::{seal, seal_all},
    unread::{Guess, guess},
    uses::{Use, Uses, Whole, uses},
};
pub(crate) use self::{
    exposed::{Exposed, exposed, is_credential, speaks},
    keys::certificates as certificates_in,
    pattern::Pattern,
    shape::is_packed,
    unread::{is_telling, outside},
};
