//! Keystores and private keys in files of ConfigMaps. They come along as they are, and whoever has a
//! password invented for one does not open it.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

use crate::{
    api::staging_plan::Severity,
    plan::{
        kinds::{self, Shape},
        log::Log,
        object::{Key, Object, escape},
        places::listed,
        settle,
    },
    secrets::{Part, PlannedSecret, PlannedValue},
};

/// First bytes of keystores of Java: JKS and JCEKS.
const JAVA: [&[u8]; 2] = [b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"];
/// What names of passwords for keystores have in them.
const STORES: [&str; 6] = ["truststore", "keystore", "jks", "p12", "pfx", "pkcs12"];

/// Says which files of ConfigMaps hold keys, and which passwords of the clone open none of them.
pub(super) fn files(
    objects: &BTreeMap<Key, &Object>,
    secrets: &BTreeMap<String, PlannedSecret>,
    log: &mut Log,
) {
    let mut all = Vec::new();
    for (key, object) in objects.iter().filter(|(_, it)| kinds::shape(it) == Shape::Settings) {
        let files = object.get("/binaryData").and_then(Value::as_object).into_iter().flatten();
        let read = |file: &Value| BASE64.decode(file.as_str()?.replace(['\r', '\n'], "")).ok();
        let keys = files.filter(|(_, file)| read(file).is_some_and(|it| is_key(&it)));
        let names: Vec<String> = keys.map(|(name, _)| name.clone()).collect();
        let Some(first) = names.first() else { continue };
        log.find(
            Severity::Warns,
            key,
            &format!("/binaryData/{}", escape(first)),
            "keystore",
            format!(
                "outside a Secret stands what keys are kept in ({}): whatever private key is there is production's, and comes along as it is",
                listed(&names)
            ),
            "nothing, if it holds certificates alone; else put it into a Secret in production, which is asked for instead of copied",
        );
        all.extend(names);
    }
    if all.is_empty() {
        return;
    }
    for (name, secret) in secrets {
        for (field, _) in secret.keys.iter().filter(|(field, value)| opens(field, value)) {
            let key = Key { group: String::new(), kind: "Secret".to_owned(), name: name.clone() };
            let path = format!("/data/{}", escape(field));
            let place = [(key.clone(), path.clone())];
            log.find(
                Severity::Warns,
                &key,
                &path,
                "keystore-password",
                format!("the password in it is invented, and {} came as it is: if that is what it opens, it does not", listed(&all)),
                settle::texts(&place, objects, "", |_| None).unwrap_or_default(),
            );
        }
    }
}

/// Whether a file holds private keys, or may. In DER all those forms, PKCS #12 among them, begin with a
/// version; certificates and public keys do not.
pub(super) fn is_key(file: &[u8]) -> bool {
    let version = match file {
        [0x30, length @ 0x80..=0x84, rest @ ..] => rest.get(usize::from(length & 0x0f)..),
        [0x30, _, rest @ ..] => Some(rest),
        _ => None,
    };
    version.is_some_and(|it| it.starts_with(&[2, 1])) || JAVA.iter().any(|it| file.starts_with(it))
}

/// Whether a key of a Secret holds an invented password of a keystore, by its own name or one in it.
fn opens(field: &str, value: &PlannedValue) -> bool {
    let PlannedValue::Parts(parts) = value else { return false };
    let of_store = |name: &str| {
        let flat = name.to_ascii_lowercase().replace(['_', '-', '.'], "");
        STORES.iter().any(|it| flat.contains(it))
    };
    let named = |before: Option<&Part>| match before {
        Some(Part::Text(text)) => text.lines().last().is_some_and(of_store),
        _ => of_store(field),
    };
    let invented = |at: &usize| matches!(parts[*at], Part::Credential { .. });
    (0..parts.len()).filter(invented).any(|at| named(at.checked_sub(1).map(|it| &parts[it])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_private_keys_is_told_from_what_does_not() {
        for (file, expected) in [
            (&b"\xfe\xed\xfe\xed\0\0\0\x02"[..], true),
            (b"\xce\xce\xce\xce", true),
            // PKCS #12, in DER and in BER; PKCS #8; a key of an elliptic curve.
            (b"\x30\x82\x0a\x00\x02\x01\x03\x30", true),
            (b"\x30\x80\x02\x01\x03", true),
            (b"\x30\x82\x04\xbe\x02\x01\x00\x30", true),
            (b"\x30\x77\x02\x01\x01\x04", true),
            // A certificate, and a public key.
            (b"\x30\x82\x03\x00\x30\x82\x02\x00", false),
            (b"\x30\x82\x01\x0a\x02\x82\x01\x01", false),
            (b"0 2\x01", false),
            (b"\x30", false),
            (b"\x30\x82\x04", false),
            (b"", false),
        ] {
            assert_eq!(is_key(file), expected, "{file:x?}");
        }
    }
}
