//! Names that are safe to put into a URL, and the short hashes that keep them apart.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest DNS label (RFC 1123): namespaces, one label of a host, label values.
pub const MAX_LABEL: usize = 63;
/// Longest name of most objects (DNS subdomain).
const MAX_SUBDOMAIN: usize = 253;

/// A namespace's name, checked to be a DNS label. The client puts names into URLs as they are, so
/// this type is the only way to one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamespaceName(String);

/// An object's name, checked to hold nothing that means something in a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectName(String);

/// One life of an environment, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub u32);

/// A name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?} is not allowed: {rule}")]
pub struct InvalidName {
    what: &'static str,
    name: String,
    rule: &'static str,
}

impl NamespaceName {
    /// Checks `name`: a DNS label of at most 63 characters.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        if is_dns_label(name) {
            return Ok(Self(name.to_owned()));
        }
        Err(InvalidName {
            what: "namespace",
            name: shown(name),
            rule: "at most 63 of a-z, 0-9 and '-', starting and ending with a letter or digit",
        })
    }

    /// A name made of checked parts, cut to what Kubernetes allows without losing its last five
    /// characters (the hash that keeps it apart from others).
    pub(crate) fn built(name: &str) -> Self {
        Self(fit(name, MAX_LABEL, 6))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ObjectName {
    /// Checks `name`: what Kubernetes accepts as a path segment. RBAC names may hold `:`.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if !name.is_empty()
            && name.len() <= MAX_SUBDOMAIN
            && name != "."
            && name != ".."
            && name.chars().all(allowed)
        {
            return Ok(Self(name.to_owned()));
        }
        Err(InvalidName {
            what: "name",
            name: shown(name),
            rule: "at most 253 of a-z, A-Z, 0-9, '-', '.', '_' and ':'",
        })
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NamespaceName {
    type Error = InvalidName;
    fn try_from(name: String) -> Result<Self, InvalidName> {
        Self::parse(&name)
    }
}

impl TryFrom<String> for ObjectName {
    type Error = InvalidName;
    fn try_from(name: String) -> Result<Self, InvalidName> {
        Self::parse(&name)
    }
}

impl From<NamespaceName> for String {
    fn from(name: NamespaceName) -> Self {
        name.0
    }
}

impl From<ObjectName> for String {
    fn from(name: ObjectName) -> Self {
        name.0
    }
}

impl fmt::Display for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether `name` is a DNS label (RFC 1123).
pub fn is_dns_label(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let bytes = name.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= MAX_LABEL
        && bytes.iter().copied().all(inner)
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
}

/// Cuts `name` to `max` characters, keeping its last `tail`: what tells it apart stands there.
/// Names here are ASCII.
pub fn fit(name: &str, max: usize, tail: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let end = &name[name.len() - tail..];
    let start = name[..max - tail].trim_end_matches('-');
    format!("{start}{end}")
}

/// A word of `length` lower-case letters and digits that depends on all `parts` and on where one
/// ends and the next begins.
pub fn digest_word(parts: &[&str], length: usize) -> String {
    // No vowels and no look-alikes: no accidental words, readable aloud.
    const ALPHABET: &[u8; 31] = b"bcdfghjklmnpqrstvwxyz0123456789";
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize()
        .iter()
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// A hostile name must not flood a message.
fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_would_change_the_url_is_refused() {
        for hostile in ["", "victim/secrets?x=", "..", "a b", "A", "-a", "a-", "é", &"a".repeat(64)]
        {
            assert!(NamespaceName::parse(hostile).is_err(), "{hostile}");
        }
        assert!(NamespaceName::parse("shop-1").is_ok());
    }

    #[test]
    fn an_object_name_may_hold_what_rbac_uses_but_no_slash() {
        assert!(ObjectName::parse("system:auth-delegator").is_ok());
        for hostile in ["", ".", "..", "a/b", "a?b", "a%2fb", "a#b", &"a".repeat(254)] {
            assert!(ObjectName::parse(hostile).is_err(), "{hostile}");
        }
    }

    #[test]
    fn a_long_name_is_cut_but_keeps_its_hash() {
        let name = NamespaceName::built(&format!("{}-{}-abcde", "p".repeat(16), "e".repeat(60)));
        assert_eq!(name.as_str().len(), 63);
        assert!(name.as_str().ends_with("-abcde"));
        assert!(is_dns_label(name.as_str()));
    }

    #[test]
    fn words_depend_on_where_parts_end() {
        assert_ne!(digest_word(&["ab", "c"], 5), digest_word(&["a", "bc"], 5));
        assert!(is_dns_label(&digest_word(&["x"], 5)));
    }

    #[test]
    fn a_name_is_read_and_written_as_it_is() {
        let namespace = NamespaceName::parse("shop-1").unwrap();
        let object = ObjectName::parse("system:Auth_1.x").unwrap();
        assert_eq!((namespace.as_str(), object.as_str()), ("shop-1", "system:Auth_1.x"));
        assert_eq!(format!("{namespace} {object} {}", Incarnation(7)), "shop-1 system:Auth_1.x 7");
        assert_eq!(serde_json::to_value(&namespace).unwrap(), "shop-1");
        assert_eq!(serde_json::to_value(&object).unwrap(), "system:Auth_1.x");
        assert!(serde_json::from_value::<NamespaceName>("Shop".into()).is_err());
        assert!(serde_json::from_value::<ObjectName>("a/b".into()).is_err());
    }

    #[test]
    fn a_name_that_is_refused_is_quoted_as_far_as_it_helps() {
        let told = NamespaceName::parse(&"A".repeat(1000)).unwrap_err().to_string();
        let quoted = format!("namespace \"{}\" is not allowed: ", "A".repeat(80));
        assert!(told.starts_with(&quoted), "{told}");
    }

    #[test]
    fn a_word_is_the_same_in_every_version() {
        assert_eq!(digest_word(&["u", "1"], 5), "j4lw5");
        assert_eq!(digest_word(&["abc"], 12), "mpsjk0xxswh4");
    }
}
