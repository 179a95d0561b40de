//! Values that may not be shown. Neither `Debug` nor `Display` nor `Serialize`, on purpose.
//!
//! What cannot be printed cannot be printed by mistake, by a derive of a struct around it either:
//!
//! ```compile_fail
//! let value = kulisse_core::secrets::SecretBytes::new(b"hunter2".to_vec());
//! println!("{value:?}");
//! ```
//!
//! ```compile_fail
//! let key = kulisse_core::secrets::OperatorKey::from_bytes(&[0; 32]).unwrap();
//! println!("{key:?}");
//! ```
//!
//! ```compile_fail
//! let value = kulisse_core::secrets::SecretBytes::new(b"hunter2".to_vec());
//! serde_json::to_string(&value).unwrap();
//! ```
//!
//! ```compile_fail
//! fn shown(secret: &kulisse_core::secrets::OpenSecret) -> String {
//!     format!("{secret:?}")
//! }
//! ```

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

    /// Its length in bytes: what may be shown of it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_value_its_length_may_be_shown() {
        let value = SecretBytes::new("pä".into());
        assert!(value.len() == 3 && !value.is_empty());
        assert!(SecretBytes::new(Vec::new()).is_empty());
    }

    #[test]
    fn a_key_has_32_bytes() {
        assert!(OperatorKey::from_bytes(&[7; 32]).is_some_and(|it| it.expose() == [7; 32]));
        assert!(OperatorKey::from_bytes(&[7; 31]).is_none());
        assert!(OperatorKey::from_bytes(&[7; 33]).is_none());
    }
}
