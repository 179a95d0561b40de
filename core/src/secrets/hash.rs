//! Keyed hashes: worthless without the operator's key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{CredentialClass, OperatorKey};

/// HMAC-SHA256 of the parts, one after the other.
pub(super) fn keyed(key: &OperatorKey, parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is taken; 32 bytes are.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The class of a credential.
pub(super) fn class(key: &OperatorKey, value: &[u8]) -> CredentialClass {
    CredentialClass(hex(&keyed(key, &[b"class", value])))
}

impl OperatorKey {
    /// A text that only the operator can compute from `parts`: it shows that something is ours.
    pub fn proof(&self, parts: &[&str]) -> String {
        let length = |part: &&str| (part.len() as u64).to_be_bytes();
        let lengths: Vec<[u8; 8]> = parts.iter().map(length).collect();
        let mut bytes: Vec<&[u8]> = vec![b"proof"];
        for (part, length) in parts.iter().zip(&lengths) {
            bytes.extend([length.as_slice(), part.as_bytes()]);
        }
        hex(&keyed(self, &bytes))
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}
