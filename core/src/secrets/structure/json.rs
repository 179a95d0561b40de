//! JSON, span by span.

use serde::de::IgnoredAny;

use super::quoted::escaped;
use crate::secrets::{
    classify::{Hint, Place, value},
    name::{self, Role},
    pieces::{NotInventable, Pieces, Taken},
};

/// Deepest list or object that is taken apart: each takes a piece of the stack, and serde reads no
/// deeper ones either, unless it ignores them.
const DEEPEST: usize = 128;

/// Takes a JSON object or list apart; `None` if the text is none.
pub(super) fn take_apart(hint: Hint<'_>, text: &str) -> Option<Taken> {
    let is_json = text.trim_start().starts_with(['{', '['])
        && !is_too_deep(text)
        && serde_json::from_str::<IgnoredAny>(text).is_ok();
    is_json.then(|| {
        let mut reader = Reader { rest: text, pieces: Pieces::default() };
        reader.value(Hint { place: Place::Field, ..hint })?;
        reader.pieces.text(reader.rest);
        Ok(reader.pieces)
    })
}

fn is_too_deep(mut rest: &str) -> bool {
    let mut depth = 0_usize;
    while let Some(at) = rest.find(['{', '[', '}', ']', '"']) {
        let length = match rest.as_bytes()[at] {
            b'"' => string_length(&rest[at..]),
            b'{' | b'[' => {
                depth += 1;
                1
            }
            _ => {
                depth = depth.saturating_sub(1);
                1
            }
        };
        if depth > DEEPEST {
            return true;
        }
        rest = &rest[at + length..];
    }
    false
}

/// Reads JSON that is known to be valid.
struct Reader<'t> {
    rest: &'t str,
    pieces: Pieces,
}

impl<'t> Reader<'t> {
    /// Keeps the next `length` bytes.
    fn keep(&mut self, length: usize) -> &'t str {
        let (kept, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.pieces.text(kept);
        self.rest = rest;
        kept
    }

    /// Keeps blanks, colons and commas.
    fn keep_between(&mut self) {
        let blank = |c: char| c.is_ascii_whitespace() || c == ':' || c == ',';
        let next = self.rest.find(|c| !blank(c)).unwrap_or(self.rest.len());
        self.keep(next);
    }

    fn value(&mut self, hint: Hint<'_>) -> Result<(), NotInventable> {
        self.keep_between();
        match self.rest.as_bytes().first() {
            Some(b'{') => self.object(hint),
            Some(b'[') => self.list(hint),
            Some(b'"') => self.text(hint),
            _ => self.literal(hint),
        }
    }

    fn object(&mut self, hint: Hint<'_>) -> Result<(), NotInventable> {
        self.keep(1);
        let mut sibling = String::new();
        loop {
            self.keep_between();
            if !self.rest.starts_with('"') {
                self.keep(1);
                return Ok(());
            }
            let length = string_length(self.rest);
            let name = plain(self.keep(length));
            self.keep_between();
            // `{"name": "DB_PASSWORD", "value": …}`: the name stands beside.
            if matches!(name.as_str(), "name" | "key") && self.rest.starts_with('"') {
                sibling = plain(&self.rest[..string_length(self.rest)]);
            }
            let names = [if name == "value" && !sibling.is_empty() { &sibling } else { &name }];
            let names = names.map(String::as_str);
            self.value(hint.field(&names))?;
        }
    }

    fn list(&mut self, hint: Hint<'_>) -> Result<(), NotInventable> {
        self.keep(1);
        loop {
            self.keep_between();
            if self.rest.is_empty() || self.rest.starts_with(']') {
                self.keep(1);
                return Ok(());
            }
            self.value(hint)?;
        }
    }

    fn text(&mut self, hint: Hint<'_>) -> Result<(), NotInventable> {
        let whole = &self.rest[..string_length(self.rest)];
        let inner = whole.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or("");
        self.keep(1);
        let pieces = if inner.contains('\\') {
            escaped(hint, inner, &plain(whole), |text| {
                let quoted = serde_json::to_string(text).unwrap_or_default();
                quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
            })?
        } else {
            value(hint, inner)?
        };
        self.pieces.extend(pieces);
        self.rest = &self.rest[inner.len()..];
        self.rest = &self.rest[1..];
        self.pieces.text("\"");
        Ok(())
    }

    /// A number, `true`, `false` or `null`. Numbers are credentials only under names of what people
    /// type in: `"pin": 1234`.
    fn literal(&mut self, hint: Hint<'_>) -> Result<(), NotInventable> {
        let length = self.rest.find([',', '}', ']']).unwrap_or(self.rest.len());
        let literal = self.rest[..length].trim_end();
        let is_number = !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_digit());
        let typed = hint.role == Role::Credential && !hint.any(name::is_list) && literal.len() > 2;
        if is_number && typed {
            self.pieces.extend(value(hint, literal)?);
            self.rest = &self.rest[literal.len()..];
        } else {
            self.keep(literal.len().max(1));
        }
        Ok(())
    }
}

/// The length of the JSON string that `text` begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// What a JSON string says.
fn plain(quoted: &str) -> String {
    serde_json::from_str(quoted).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_outside_of_strings_that_stay_open_make_a_text_deep() {
        let open = |depth: usize| "[".repeat(depth) + "{}{}" + &"]".repeat(depth);
        for (text, expected) in [
            (open(DEEPEST - 1), false),
            (open(DEEPEST), true),
            ("[]".repeat(DEEPEST + 1), false),
            (format!("[\"{}\"]", "[".repeat(DEEPEST + 1)), false),
        ] {
            assert_eq!(is_too_deep(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_string_ends_at_a_quote_that_is_not_escaped() {
        for (text, expected) in [
            (r#""abc" "x""#, 5),
            (r#""a\"b" "x""#, 6),
            (r#""a\\" "x""#, 5),
            (r#""""#, 2),
            (r#""abc"#, 4),
        ] {
            assert_eq!(string_length(text), expected, "{text}");
        }
    }
}
