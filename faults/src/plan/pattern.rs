//! Names with `*` in them.

use std::{fmt, str::FromStr};

use super::Parsed;

/// A text in which `*` stands for any text, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Whether a text is one of those that are meant.
    pub fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        // `split` always gives a first part.
        let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
            return false;
        };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Parsed<Self> {
        let allowed = |it: char| it.is_ascii_alphanumeric() || "*-._/:~%@=+,".contains(it);
        if text.is_empty() || text.contains("->") || !text.chars().all(allowed) {
            return Err(format!(
                "`{text}` is not a name; letters, digits and `-._/:~%@=+,` are allowed, and `*` for any text"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
