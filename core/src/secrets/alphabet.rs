//! Which characters a credential is made of, and making one.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};

use super::{Alphabet, bytes::OperatorKey, hash};

/// From this length on a new credential has characters of every kind that its alphabet has, as
/// rules for passwords ask for.
const RULED: usize = 8;

impl Alphabet {
    /// The narrowest alphabet that holds `text`.
    pub(super) fn of(text: &str) -> Self {
        let all = |allowed: fn(char) -> bool| text.chars().all(allowed);
        if is_uuid(text) {
            Self::Uuid
        } else if all(|c| c.is_ascii_digit()) {
            if text.starts_with('0') { Self::Digits } else { Self::Number }
        } else if all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
            Self::HexLower
        } else if all(|c| matches!(c, '0'..='9' | 'A'..='F')) {
            Self::HexUpper
        } else if all(|c| c.is_ascii_lowercase()) {
            Self::Lower
        } else if all(|c| c.is_ascii_uppercase()) {
            Self::Upper
        } else if all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
            Self::LowerDigits
        } else if all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
            Self::UpperDigits
        } else if all(|c| c.is_ascii_alphanumeric()) {
            Self::Alphanumeric
        } else if let Some(bytes) = decoded(&STANDARD, text) {
            Self::Base64 { bytes }
        } else if let Some(bytes) = decoded(&URL_SAFE, text).filter(|_| text.ends_with('=')) {
            Self::Base64Url { bytes }
        } else if all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            Self::Token
        } else {
            Self::Symbols
        }
    }

    /// Whether a text is made of this alphabet.
    #[cfg(test)]
    pub(super) fn holds(self, text: &str) -> bool {
        let all = |more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
        let characters = self.characters();
        match self {
            Self::Base64 { bytes } => STANDARD.decode(text).is_ok_and(|it| it.len() == bytes),
            Self::Base64Url { bytes } => URL_SAFE.decode(text).is_ok_and(|it| it.len() == bytes),
            Self::Uuid => is_uuid(text),
            Self::Number => !text.starts_with('0') && text.bytes().all(|b| characters.contains(&b)),
            Self::Symbols => all("-_."),
            _ => text.bytes().all(|b| characters.contains(&b)),
        }
    }

    fn characters(self) -> &'static [u8] {
        match self {
            Self::Digits | Self::Number => b"0123456789",
            Self::HexLower | Self::Uuid => b"0123456789abcdef",
            Self::HexUpper => b"0123456789ABCDEF",
            Self::Lower => b"abcdefghijklmnopqrstuvwxyz",
            Self::Upper => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::LowerDigits => b"abcdefghijklmnopqrstuvwxyz0123456789",
            Self::UpperDigits => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            Self::Alphanumeric | Self::Base64 { .. } | Self::Base64Url { .. } => {
                b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
            }
            Self::Token => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
            Self::Symbols => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
        }
    }

    /// Draws a text of `length` characters.
    pub(super) fn draw(self, length: usize, stream: &mut Stream<'_>) -> String {
        match self {
            // In digits that both alphabets have: which of them a reader wants, its old value need not
            // show. The last digit before padding is none of the replaced ones, so no bits are lost there.
            Self::Base64 { bytes: count } | Self::Base64Url { bytes: count } => {
                URL_SAFE.encode(stream.take(count)).replace('-', "p").replace('_', "s")
            }
            Self::Uuid => {
                let hex = self.characters();
                "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx"
                    .chars()
                    .map(|place| match place {
                        'x' => char::from(stream.one_of(hex)),
                        'y' => char::from(stream.one_of(b"89ab")),
                        fixed => fixed,
                    })
                    .collect()
            }
            _ => (0..length)
                .map(|at| {
                    let edge = at == 0 || at + 1 == length;
                    let characters = match self {
                        Self::Number if at == 0 => &self.characters()[1..],
                        Self::Token | Self::Symbols if edge => Self::Alphanumeric.characters(),
                        _ => self.characters(),
                    };
                    char::from(stream.one_of(characters))
                })
                .collect(),
        }
    }

    /// Whether a drawn text does what the original did: satisfies rules for passwords, and does not
    /// read as a number or a word of YAML where it stands without quotes.
    pub(super) fn accepts(self, text: &str) -> bool {
        let characters = self.characters();
        let is_fixed = matches!(self, Self::Base64 { .. } | Self::Base64Url { .. } | Self::Uuid);
        if is_fixed || !characters.iter().any(u8::is_ascii_alphabetic) {
            return true;
        }
        let kinds: [fn(&u8) -> bool; 3] =
            [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit];
        let ruled = text.len() < RULED
            || kinds
                .iter()
                .all(|kind| !characters.iter().any(kind) || text.bytes().any(|byte| kind(&byte)));
        let symbol = text.len() < RULED
            || !matches!(self, Self::Token | Self::Symbols)
            || text.contains(['-', '_', '.']);
        ruled && symbol && !reads_as_something_else(text)
    }
}

/// Bytes that follow from the operator's key, an environment and a class, and from nothing less.
pub(super) struct Stream<'a> {
    key: &'a OperatorKey,
    seed: Vec<u8>,
    block: u32,
    ready: Vec<u8>,
}

impl<'a> Stream<'a> {
    /// The bytes of the `draw`th try.
    pub(super) fn new(key: &'a OperatorKey, environment: &str, class: &str, draw: u32) -> Self {
        let mut seed = Vec::with_capacity(environment.len() + class.len() + 6);
        for part in [environment, class] {
            seed.extend_from_slice(part.as_bytes());
            seed.push(0);
        }
        seed.extend_from_slice(&draw.to_be_bytes());
        Self { key, seed, block: 0, ready: Vec::new() }
    }

    fn next(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.ready.pop() {
                return byte;
            }
            let counter = self.block.to_be_bytes();
            self.ready = hash::keyed(self.key, &[b"value", &self.seed, &counter]).to_vec();
            self.block = self.block.wrapping_add(1);
        }
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next()).collect()
    }

    /// One of `characters`, each as likely as the other: bytes beyond the last full round count
    /// for nothing.
    fn one_of(&mut self, characters: &[u8]) -> u8 {
        let round = 256 - 256 % characters.len().max(1);
        loop {
            let byte = usize::from(self.next());
            if byte < round {
                return characters.get(byte % characters.len()).copied().unwrap_or(b'x');
            }
        }
    }
}

/// How many bytes `text` is the base64 of.
fn decoded(engine: &impl Engine, text: &str) -> Option<usize> {
    let bytes = engine.decode(text).ok().filter(|_| text.len() >= RULED)?;
    Some(bytes.len())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => matches!(c, '0'..='9' | 'a'..='f'),
        })
}

fn reads_as_something_else(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let number = lower.replace('_', "");
    number.parse::<f64>().is_ok()
        || ["0x", "0o", "0b"].iter().any(|start| number.starts_with(start))
        || matches!(
            lower.as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n" | "none"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_alphabet_is_taken() {
        for (text, expected) in [
            ("0123", Alphabet::Digits),
            ("4711", Alphabet::Number),
            ("deadbeef01", Alphabet::HexLower),
            ("DEADBEEF01", Alphabet::HexUpper),
            ("hunter", Alphabet::Lower),
            ("HUNTER", Alphabet::Upper),
            ("hunter2", Alphabet::LowerDigits),
            ("HUNTER2", Alphabet::UpperDigits),
            ("Hunter2", Alphabet::Alphanumeric),
            ("hunter-2_x", Alphabet::Token),
            ("hunter.2!", Alphabet::Symbols),
            ("pässwörter", Alphabet::Symbols),
            ("aGVsbG8gd29ybGQ+Pz8/", Alphabet::Base64 { bytes: 15 }),
            ("AAECAwQFBgcICQoLDA0ODw==", Alphabet::Base64 { bytes: 16 }),
            ("-_ECAwQFBgcICQoLDA0ODw==", Alphabet::Base64Url { bytes: 16 }),
            ("123e4567-e89b-12d3-a456-426614174000", Alphabet::Uuid),
        ] {
            assert_eq!(Alphabet::of(text), expected, "{text}");
        }
    }

    #[test]
    fn only_what_was_a_number_may_read_as_one() {
        assert!(Alphabet::Digits.accepts("123456"));
        assert!(!Alphabet::Alphanumeric.accepts("123456"));
    }

    #[test]
    fn what_satisfies_no_rule_for_passwords_or_reads_as_another_word_is_not_taken() {
        for (alphabet, text, is_taken) in [
            // From eight characters on each kind that the alphabet has is in it.
            (Alphabet::Alphanumeric, "Abcdefg1", true),
            (Alphabet::Alphanumeric, "abcdefgh", false),
            (Alphabet::Alphanumeric, "Abcdefgh", false),
            (Alphabet::Alphanumeric, "abcdefg", true),
            (Alphabet::Lower, "abcdefgh", true),
            (Alphabet::Token, "Abcdef-1", true),
            (Alphabet::Token, "Abcdefg1", false),
            (Alphabet::Token, "Abcdef1", true),
            (Alphabet::Symbols, "Abcdef.1", true),
            // Numbers and words of YAML.
            (Alphabet::LowerDigits, "hunter2", true),
            (Alphabet::LowerDigits, "1e5", false),
            (Alphabet::LowerDigits, "0x1f", false),
            (Alphabet::Token, "1_000", false),
            (Alphabet::Alphanumeric, "Yes", false),
            // The base64 of something is as it is.
            (Alphabet::Base64 { bytes: 6 }, "abcdefgh", true),
        ] {
            assert_eq!(alphabet.accepts(text), is_taken, "{alphabet:?} {text}");
        }
    }

    fn key() -> OperatorKey {
        OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap()
    }

    /// So many characters, drawn again and again.
    fn drawn(alphabet: Alphabet, length: usize) -> Vec<String> {
        let key = key();
        let draw = |draw| alphabet.draw(length, &mut Stream::new(&key, "uid", "class", draw));
        (0..300).map(draw).collect()
    }

    #[test]
    fn what_is_drawn_is_of_its_alphabet_and_length() {
        for (alphabet, length) in [
            (Alphabet::Digits, 4),
            (Alphabet::Number, 4),
            (Alphabet::HexUpper, 4),
            (Alphabet::Base64 { bytes: 16 }, 24),
            (Alphabet::Base64Url { bytes: 8 }, 12),
            (Alphabet::Uuid, 36),
        ] {
            for text in drawn(alphabet, length) {
                assert_eq!(text.len(), length, "{alphabet:?} {text}");
                assert!(alphabet.holds(&text), "{alphabet:?} {text}");
            }
        }
    }

    #[test]
    fn symbols_are_drawn_within_and_never_at_the_ends() {
        for (alphabet, symbol) in [(Alphabet::Token, '_'), (Alphabet::Symbols, '.')] {
            let all = drawn(alphabet, 4);
            let ends = |c: char| c.is_ascii_alphanumeric();
            assert!(all.iter().all(|text| text.starts_with(ends) && text.ends_with(ends)));
            assert!(all.iter().any(|text| text.contains(symbol)), "{alphabet:?}");
        }
    }

    #[test]
    fn a_number_begins_with_no_zero_and_may_go_on_with_one() {
        let all = drawn(Alphabet::Number, 4);
        assert!(all.iter().all(|text| !text.starts_with('0')));
        assert!(all.iter().any(|text| text.contains('0')));
    }

    #[test]
    fn bytes_beyond_the_last_full_round_count_for_nothing() {
        let key = key();
        let rows: [(&[u8], u8); 4] =
            [(&[0, 1], b'0'), (&[249, 1], b'9'), (&[250, 1], b'1'), (&[255, 251, 12], b'2')];
        for (bytes, expected) in rows {
            let ready = bytes.iter().rev().copied().collect();
            let mut stream = Stream { key: &key, seed: Vec::new(), block: 0, ready };
            assert_eq!(stream.one_of(b"0123456789"), expected, "{bytes:?}");
        }
    }
}
