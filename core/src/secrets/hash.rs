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

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}
