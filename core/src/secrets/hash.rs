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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> OperatorKey {
        OperatorKey::from_bytes(&[byte; OperatorKey::LENGTH]).unwrap()
    }

    #[test]
    fn a_class_is_that_of_one_value_under_one_key() {
        let it = class(&key(1), b"hunter2");
        assert_eq!(it, class(&key(1), b"hunter2"));
        assert_ne!(it, class(&key(1), b"hunter3"));
        assert_ne!(it, class(&key(2), b"hunter2"));
    }

    #[test]
    fn a_proof_tells_where_its_parts_end() {
        let it = key(1).proof(&["ab", "c"]);
        assert_eq!(it, key(1).proof(&["ab", "c"]));
        for other in [&["a", "bc"][..], &["abc"], &["ab", "c", ""], &["c", "ab"]] {
            assert_ne!(it, key(1).proof(other), "{other:?}");
        }
    }

    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(hex(&[0x00, 0x0f, 0xa5, 0xff]), "000fa5ff");
    }
}
