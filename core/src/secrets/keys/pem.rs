//! Text → blocks of PEM and what stands between them.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{Certificate, KeyPart, read};
use crate::secrets::pattern::Pattern;

static BLOCK: Pattern = Pattern::new(
    r"(?s)-----BEGIN ([A-Z0-9 ]+)-----\r?\n(.*?)-----END ([A-Z0-9 ]+)-----[ \t]*(?:\r?\n|\z)",
);
/// What openssl writes around the blocks, and comments: nothing reads them.
static AROUND: Pattern = Pattern::new(
    r"^(\s*|#.*|Bag Attributes.*|Key Attributes.*|subject\s?=.*|issuer\s?=.*| +[\w .]+: ?.*|\d+ s:.*|\s+i:.*)$",
);

/// All of them.
#[cfg(test)]
pub(super) fn patterns() -> [&'static Pattern; 2] {
    [&BLOCK, &AROUND]
}

/// Lines may end anywhere, and padding is sometimes left out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Takes a text apart that is certificates and keys, and nothing else but comments. `None` for any
/// other text, and for one with a block that is not understood.
pub fn parse(text: &str) -> Option<Vec<KeyPart>> {
    let mut parts = Vec::new();
    let mut done = 0;
    for found in BLOCK.get()?.captures_iter(text) {
        let whole = found.get(0)?;
        around(&text[done..whole.start()])?;
        parts.extend(block(&found[1], &found[2], whole.as_str())?);
        done = whole.end();
    }
    around(&text[done..])?;
    let speaks = |part: &KeyPart| !matches!(part, KeyPart::Text(_));
    parts.iter().any(speaks).then_some(parts)
}

/// The certificates that stand somewhere in a text, indented or not.
pub(crate) fn certificates(text: &str) -> Vec<Certificate> {
    let blocks = BLOCK.get().into_iter().flat_map(|block| block.captures_iter(text));
    let parts = blocks.filter_map(|found| block(&found[1], &found[2], &found[0])).flatten();
    let certificates = parts.filter_map(|part| match part {
        KeyPart::Certificate(it) => Some(*it),
        KeyPart::Text(_) | KeyPart::PrivateKey { .. } | KeyPart::PublicKey { .. } => None,
    });
    certificates.collect()
}

/// Comments are left out: they may name production.
fn around(text: &str) -> Option<()> {
    text.lines().all(|line| AROUND.matches(line)).then_some(())
}

/// What a block becomes: nothing, if it is left out. `None` if it is not understood.
fn block(label: &str, body: &str, whole: &str) -> Option<Vec<KeyPart>> {
    let whole = if whole.ends_with('\n') { whole.to_owned() } else { format!("{whole}\n") };
    let digits: String = body.split_whitespace().collect();
    let der = LENIENT.decode(digits).ok()?;
    let part = match label {
        "CERTIFICATE" | "X509 CERTIFICATE" => {
            KeyPart::Certificate(Box::new(read::certificate(&der, &whole)?))
        }
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
            let (key, form) = read::private_key(label, &der)?;
            KeyPart::PrivateKey { key, form }
        }
        "PUBLIC KEY" => KeyPart::PublicKey { key: read::public_key(&der), pem: whole },
        "RSA PUBLIC KEY" => KeyPart::PublicKey { key: None, pem: whole },
        "DH PARAMETERS" | "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" | "X509 CRL" => {
            KeyPart::Text(whole)
        }
        // They name the curve of the key that follows, which is another one in the clone.
        "EC PARAMETERS" => return Some(Vec::new()),
        _ => return None,
    };
    Some(vec![part])
}
