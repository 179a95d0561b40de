use p256::ecdsa::{DerSignature, VerifyingKey, signature::Verifier};
use x509_cert::{
    Certificate as X509,
    der::{DecodePem, Encode},
};

use super::*;
use crate::secrets::OperatorKey;

/// A certificate of `shop.shop.svc`'s client, its key after its parameters, and its authority.
const PAIR: &str = include_str!("testdata/pair.pem");
/// The same key in another form.
const PKCS8: &str = include_str!("testdata/pkcs8.pem");

fn from() -> Timestamp {
    "2026-11-01T08:00:00Z".parse().unwrap()
}

fn key() -> OperatorKey {
    OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap()
}

/// The pair as it is made anew.
fn planned() -> Vec<PlannedKey> {
    parse(PAIR)
        .unwrap()
        .into_iter()
        .map(|part| match part {
            KeyPart::Certificate(it) if it.is_authority => PlannedKey::Authority { from: from() },
            KeyPart::Certificate(it) => PlannedKey::Certificate(Box::new(Leaf {
                key: it.key,
                subject: it.subject,
                names: it.names,
                purposes: it.purposes,
                from: from(),
            })),
            KeyPart::PrivateKey { key, form } => PlannedKey::PrivateKey { key: Some(key), form },
            other => panic!("{other:?}"),
        })
        .collect()
}

fn made(environment: &str) -> String {
    Issuer::new(&key(), environment).write(&planned()).unwrap()
}

#[test]
fn every_pattern_compiles() {
    assert!(pem::patterns().iter().all(|pattern| pattern.get().is_some()));
}

#[test]
fn a_certificate_and_its_key_have_one_identity_however_the_key_is_written() {
    let parts = parse(PAIR).unwrap();
    let [KeyPart::Certificate(leaf), KeyPart::PrivateKey { key, form }, KeyPart::Certificate(ca)] =
        parts.as_slice()
    else {
        panic!("{parts:?}")
    };
    assert_eq!((&leaf.key, *form), (key, KeyForm::Sec1));
    assert!(ca.is_authority && !leaf.is_authority && leaf.issuer_id == ca.subject_id);
    assert_eq!(leaf.names.dns, ["client.shop"]);
    assert_eq!(leaf.expires, "2026-01-01T00:00:00Z".parse().unwrap());
    let again = parse(PKCS8).unwrap();
    assert_eq!(again, [KeyPart::PrivateKey { key: key.clone(), form: KeyForm::Pkcs8 }]);
}

#[test]
fn what_is_made_fits_together() {
    let made = made("uid-1");
    let parts = parse(&made).unwrap();
    let [KeyPart::Certificate(leaf), KeyPart::PrivateKey { key, .. }, KeyPart::Certificate(ca)] =
        parts.as_slice()
    else {
        panic!("{parts:?}")
    };
    assert_eq!(&leaf.key, key);
    assert_eq!(leaf.issuer_id, ca.subject_id);
    assert!(ca.is_authority && leaf.expires > from() && ca.expires > leaf.expires);
    assert_eq!(leaf.purposes, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    let (leaf, ca) = (X509::from_pem(&leaf.pem).unwrap(), X509::from_pem(&ca.pem).unwrap());
    let authority = ca.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    let authority = VerifyingKey::from_sec1_bytes(authority).unwrap();
    for signed in [&leaf, &ca] {
        let signature = DerSignature::try_from(signed.signature().raw_bytes()).unwrap();
        let body = signed.tbs_certificate().to_der().unwrap();
        authority.verify(&body, &signature).unwrap();
    }
}

#[test]
fn the_same_environment_makes_the_same_and_another_one_others() {
    assert_eq!(made("uid-1"), made("uid-1"));
    assert_ne!(made("uid-1"), made("uid-2"));
    // Whatever the rest of a text: the key in it is that of its place.
    let alone = Issuer::new(&key(), "uid-1").write(&planned()[1..2]).unwrap();
    assert!(made("uid-1").contains(&alone));
}

#[test]
fn nothing_private_is_remembered() {
    let remembered = format!("{:?}{}", parse(PKCS8), serde_json::to_string(&parse(PKCS8)).unwrap());
    let body: Vec<&str> = PKCS8.lines().filter(|line| !line.starts_with("--")).collect();
    assert!(body.iter().all(|line| !remembered.contains(line)), "{remembered}");
}

#[test]
fn what_is_more_than_keys_or_not_understood_is_not_taken_apart() {
    for text in [
        "",
        "nothing",
        &format!("password=x\n{PKCS8}"),
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN DH PARAMETERS-----\nMIIB\n-----END DH PARAMETERS-----\n",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
    let commented = format!("Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No>\n{PKCS8}");
    assert_eq!(parse(&commented).unwrap().len(), 1);
}
