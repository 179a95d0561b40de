//! Values → recipes: what is not a credential stays, a credential becomes its class.

use std::collections::BTreeMap;

use super::{
    Alphabet, KeyPart, OpenSecret, OperatorKey, Part, SealedSecret, SealedValue, SecretBytes, Uses,
    classify::{self, Hint},
    equal::Known,
    hash,
    pieces::{NotInventable, Piece, Pieces, Taken},
};

/// Shortest credential that may be told from chance by being equal, in characters.
pub(super) const TELLING: usize = 8;

/// Seals Secrets by their names: the values of production end here. What is a credential in one of
/// them is one in all.
pub fn seal_all(
    secrets: &[OpenSecret],
    uses: &Uses,
    key: &OperatorKey,
) -> BTreeMap<String, SealedSecret> {
    let known = Known::of(secrets, uses);
    let sealed = |it: &OpenSecret| (it.name.clone(), seal_knowing(it, uses, key, &known));
    secrets.iter().map(sealed).collect()
}

/// Seals a Secret. Whatever the values are, there is a result: what is not understood is a
/// credential or cannot be invented.
pub fn seal(secret: &OpenSecret, uses: &Uses, key: &OperatorKey) -> SealedSecret {
    seal_knowing(secret, uses, key, &Known::default())
}

fn seal_knowing(
    secret: &OpenSecret,
    uses: &Uses,
    key: &OperatorKey,
    known: &Known,
) -> SealedSecret {
    let sealed = |(name, value): (&String, &SecretBytes)| {
        let found = keys(value, key).unwrap_or_else(|| match open(secret, name, value, uses) {
            Ok(pieces) => SealedValue::Parts(parts(known.taken_out(pieces), key)),
            Err(refusal) => not_inventable(refusal, value, key),
        });
        (name.clone(), found)
    };
    let keys: BTreeMap<_, _> = secret.data.iter().map(sealed).collect();
    SealedSecret { kind: secret.kind.clone(), keys }
}

/// Takes the value of a key apart.
pub(super) fn open(secret: &OpenSecret, name: &str, value: &SecretBytes, uses: &Uses) -> Taken {
    let text = std::str::from_utf8(value.expose()).ok().filter(|text| is_text(text)).ok_or(
        NotInventable { why: "binary data: a keystore, a key or an archive", public: false },
    )?;
    let found = uses.of(&secret.name, name);
    let names: Vec<&str> = [name].into_iter().chain(found.names()).collect();
    classify::value(Hint::key(&names).used_by(&found), text)
}

/// A value of certificates and keys, and nothing else.
fn keys(value: &SecretBytes, key: &OperatorKey) -> Option<SealedValue> {
    let parts = super::keys::parse(std::str::from_utf8(value.expose()).ok()?)?;
    let is_secret = parts.iter().any(|part| matches!(part, KeyPart::PrivateKey { .. }));
    let class = is_secret.then(|| hash::class(key, value.expose().trim_ascii()));
    Some(SealedValue::Keys { parts, class })
}

fn parts(pieces: Pieces, key: &OperatorKey) -> Vec<Part> {
    let part = |piece| match piece {
        Piece::Text(text) => Part::Text(text),
        Piece::Credential { plain, encoding } => Part::Credential {
            class: hash::class(key, plain.as_bytes()),
            length: plain.chars().count(),
            alphabet: Alphabet::of(&plain),
            encoding,
        },
        Piece::Base64(inner) => Part::Base64(parts(inner, key)),
    };
    pieces.into_list().into_iter().map(part).collect()
}

fn not_inventable(refusal: NotInventable, value: &SecretBytes, key: &OperatorKey) -> SealedValue {
    let bytes = value.expose().trim_ascii();
    let tells = !refusal.public && bytes.len() >= TELLING;
    SealedValue::NotInventable {
        why: refusal.why.to_owned(),
        class: tells.then(|| hash::class(key, bytes)),
    }
}

/// Whether there are no control characters but line breaks and tabs.
fn is_text(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}
