//! Recipes → values of one environment.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    EVERY_KEY, Encoding, OperatorKey, Part, PlannedSecret, PlannedValue, SecretBytes,
    SecretMissing, alphabet::Stream, hash,
};

/// What RFC 3986 calls unreserved stays as it is.
pub(super) const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Draws after which a value is taken that satisfies no rule for passwords. Only credentials of a
/// few characters need more than some.
const MOST_DRAWS: u32 = 512;

/// Makes the values of a planned Secret: the same for the same operator key, environment (its UID)
/// and recipe. Equal classes give equal values; a value of production is never drawn.
///
/// `given` holds the Secrets of the request namespace that the plan names, by name and key.
///
/// # Errors
///
/// If a Secret of the request namespace or a key of it is not in `given`.
pub fn make(
    planned: &PlannedSecret,
    key: &OperatorKey,
    environment: &str,
    given: &BTreeMap<(String, String), SecretBytes>,
) -> Result<BTreeMap<String, SecretBytes>, SecretMissing> {
    let mut made = BTreeMap::new();
    for (name, value) in &planned.keys {
        match value {
            PlannedValue::Parts(parts) => {
                let text: String =
                    parts.iter().map(|part| written(part, key, environment)).collect();
                made.insert(name.clone(), SecretBytes::new(text.into_bytes()));
            }
            PlannedValue::From { secret, key } if key == EVERY_KEY => {
                let all = given.iter().filter(|((from, _), _)| from == secret);
                let before = made.len();
                for ((_, name), value) in all {
                    if !planned.keys.contains_key(name) {
                        made.insert(name.clone(), value.clone());
                    }
                }
                if made.len() == before && !given.keys().any(|(from, _)| from == secret) {
                    return Err(SecretMissing { secret: secret.clone(), key: key.clone() });
                }
            }
            PlannedValue::From { secret, key } => {
                let value = given
                    .get(&(secret.clone(), key.clone()))
                    .ok_or_else(|| SecretMissing { secret: secret.clone(), key: key.clone() })?;
                made.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(made)
}

fn written(part: &Part, key: &OperatorKey, environment: &str) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Credential { class, length, alphabet, encoding } => {
            let mut drawn = String::new();
            for draw in 0..MOST_DRAWS {
                let mut stream = Stream::new(key, environment, &class.0, draw);
                drawn = alphabet.draw(*length, &mut stream);
                let is_production = hash::class(key, drawn.as_bytes()) == *class;
                if !is_production && (alphabet.accepts(&drawn) || draw > MOST_DRAWS / 2) {
                    break;
                }
            }
            encoded(&drawn, *encoding)
        }
    }
}

fn encoded(plain: &str, encoding: Encoding) -> String {
    let percent = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    match encoding {
        Encoding::Plain => plain.to_owned(),
        Encoding::Percent => percent(plain),
        Encoding::Base64 => STANDARD.encode(plain),
        Encoding::Base64Percent => percent(&STANDARD.encode(plain)),
    }
}
