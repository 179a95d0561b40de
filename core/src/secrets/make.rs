//! Recipes → values of one environment.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    EVERY_KEY, Encoding, OperatorKey, Origin, Part, Place, PlannedSecret, PlannedValue,
    SecretBytes, TemplatePart,
    alphabet::Stream,
    guard::{Filling, Production},
    hash,
    keys::Issuer,
};

/// What RFC 3986 calls unreserved stays as it is.
pub(super) const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Draws after which a value is taken that satisfies no rule for passwords. Only credentials of a
/// few characters need more than some.
const MOST_DRAWS: u32 = 512;

/// Values of Secrets, by name and key.
pub type Values = BTreeMap<String, BTreeMap<String, SecretBytes>>;

/// What values are made of. It holds some: no `Debug`.
pub struct Materials<'a> {
    /// The operator's key.
    pub key: &'a OperatorKey,
    /// UID of the environment.
    pub environment: &'a str,
    /// The values that the plan takes from elsewhere.
    pub given: BTreeMap<Place, SecretBytes>,
    /// What the target's Secrets hold already, as far as that is known: templates are filled with
    /// what is really there.
    pub existing: Values,
    /// What no value may be.
    pub production: Arc<Production>,
}

/// Why a Secret cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmade {
    /// A Secret or key that the plan takes a value from is not there or may not be used.
    #[error("{}", missing(.0))]
    Missing(Place),
    /// A template names a key that no cloned Secret has.
    #[error(
        "Secret/{secret}: the template of key {key} takes {from}, which no cloned Secret holds: name a Secret and key that come along and are no template themselves"
    )]
    NoSuchValue {
        /// The Secret with the template.
        secret: String,
        /// Its key.
        key: String,
        /// What the template names: `name/key`.
        from: String,
    },
    /// A certificate cannot be made for the names that production's has.
    #[error(
        "{object}: the certificate in key {key} cannot be made: {why}; give one with policy From"
    )]
    Keys {
        /// The Secret or ConfigMap.
        object: String,
        /// Its key.
        key: String,
        /// What of it cannot be written.
        why: String,
    },
    /// A value that somebody gave is production's own.
    #[error(
        "Secret/{secret}: key {key} would hold production's own credential: give another value, or let it be copied with policy Copy"
    )]
    Production {
        /// The Secret.
        secret: String,
        /// Its key.
        key: String,
    },
}

fn missing(place: &Place) -> String {
    let Place { origin, secret, key } = place;
    match origin {
        Origin::Request => format!(
            "the request namespace has no Secret {secret:?} with key {key:?} and the label kulisse.dev/usable: \"true\""
        ),
        Origin::Source => format!(
            "the source has no Secret {secret:?} with key {key:?} any more: its policy Copy has nothing to copy"
        ),
        Origin::Operator => format!(
            "the operator's namespace has no Secret {secret:?} of type kubernetes.io/dockerconfigjson: imagePullSecrets of the class names it"
        ),
    }
}

/// Makes the values of planned Secrets: the same for the same materials and recipes. Equal classes
/// give equal values; a credential of production is never drawn.
///
/// # Errors
///
/// If a value that is taken from elsewhere is not there, or is production's own.
pub fn make(
    planned: &BTreeMap<String, PlannedSecret>,
    with: &Materials<'_>,
) -> Result<BTreeMap<String, Filling>, Unmade> {
    let mut made = BTreeMap::new();
    for (name, secret) in planned {
        let mut filling = Filling::new(Arc::clone(&with.production));
        for (key, value) in &secret.keys {
            match value {
                PlannedValue::Parts(parts) => {
                    let text: String = parts.iter().map(|part| written(part, with)).collect();
                    filling.invent(key, SecretBytes::new(text.into_bytes()));
                }
                PlannedValue::Keys(parts) => {
                    let issuer = Issuer::new(with.key, with.environment);
                    let text = issuer.write(parts).map_err(|why| Unmade::Keys {
                        object: name.clone(),
                        key: key.clone(),
                        why: why.to_string(),
                    })?;
                    filling.invent(key, SecretBytes::new(text.into_bytes()));
                }
                PlannedValue::From(place) => take(place, name, key, secret, with, &mut filling)?,
                PlannedValue::Template(_) => {}
            }
        }
        made.insert(name.clone(), filling);
    }
    render(planned, with, &mut made)?;
    Ok(made)
}

/// Takes a value from elsewhere; all keys of a Secret that no other rule names.
fn take(
    place: &Place,
    name: &str,
    key: &str,
    secret: &PlannedSecret,
    with: &Materials<'_>,
    filling: &mut Filling,
) -> Result<(), Unmade> {
    let of_secret = |from: &Place| from.origin == place.origin && from.secret == place.secret;
    let mut taken: Vec<(&str, &SecretBytes)> = Vec::new();
    if place.key == EVERY_KEY {
        let all = with.given.iter().filter(|(from, _)| of_secret(from));
        let mut all = all.map(|(from, value)| (from.key.as_str(), value)).peekable();
        if all.peek().is_none() {
            return Err(Unmade::Missing(place.clone()));
        }
        taken.extend(all.filter(|(key, _)| !secret.keys.contains_key(*key)));
    } else {
        let value = with.given.get(place).ok_or_else(|| Unmade::Missing(place.clone()))?;
        taken.push((key, value));
    }
    for (key, value) in taken {
        // What is copied is production's by consent; what the class gives is the platform's.
        if place.origin == Origin::Request && with.production.holds(key, value, with.key) {
            return Err(Unmade::Production { secret: name.to_owned(), key: key.to_owned() });
        }
        filling.give(key, value.clone());
    }
    Ok(())
}

/// Fills templates with the values that the target will really hold.
fn render(
    planned: &BTreeMap<String, PlannedSecret>,
    with: &Materials<'_>,
    made: &mut BTreeMap<String, Filling>,
) -> Result<(), Unmade> {
    let templates = planned.iter().flat_map(|(name, secret)| {
        secret.keys.iter().filter_map(move |(key, value)| match value {
            PlannedValue::Template(parts) => Some((name, key, parts)),
            PlannedValue::Parts(_) | PlannedValue::Keys(_) | PlannedValue::From(_) => None,
        })
    });
    let mut rendered = Vec::new();
    let nothing = BTreeMap::new();
    for (name, key, parts) in templates {
        let mut text = Vec::new();
        for part in parts {
            match part {
                TemplatePart::Text(plain) => text.extend_from_slice(plain.as_bytes()),
                TemplatePart::Value { secret, key: from } => {
                    let there = with.existing.get(secret).unwrap_or(&nothing);
                    let value = made.get(secret).and_then(|it| it.value(from, there, with.key));
                    let value = value.ok_or_else(|| Unmade::NoSuchValue {
                        secret: name.clone(),
                        key: key.clone(),
                        from: format!("{secret}/{from}"),
                    })?;
                    text.extend_from_slice(value.expose());
                }
            }
        }
        let value = SecretBytes::new(text);
        if with.production.holds(key, &value, with.key) {
            return Err(Unmade::Production { secret: name.clone(), key: key.clone() });
        }
        rendered.push((name, key, value));
    }
    for (name, key, value) in rendered {
        if let Some(filling) = made.get_mut(name) {
            filling.give(key, value);
        }
    }
    Ok(())
}

fn written(part: &Part, with: &Materials<'_>) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Base64(inner) => {
            STANDARD.encode(inner.iter().map(|part| written(part, with)).collect::<String>())
        }
        Part::Credential { class, length, alphabet, encoding } => {
            let mut drawn = String::new();
            for draw in 0..MOST_DRAWS {
                let mut stream = Stream::new(with.key, with.environment, &class.0, draw);
                drawn = alphabet.draw(*length, &mut stream);
                let drawn_class = hash::class(with.key, drawn.as_bytes());
                let is_production = drawn_class == *class || with.production.is(&drawn_class);
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
