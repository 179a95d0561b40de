//! Values that may not be shown. Neither `Debug` nor `Serialize`, on purpose.

use std::collections::BTreeMap;

/// The value of a key of a Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

/// The operator's key: what makes hashes of credentials worthless without it.
#[derive(Clone)]
pub struct OperatorKey([u8; 32]);

/// A Secret as read from a source.
pub struct OpenSecret {
    /// Its name.
    pub name: String,
    /// Its `type`.
    pub kind: String,
    /// Its values.
    pub data: BTreeMap<String, SecretBytes>,
}

impl SecretBytes {
    /// Takes a value in.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The value, to write it into a Secret.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl OperatorKey {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// The key, if `bytes` has its length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The key, to compute with.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}
