use p256::ecdsa::{DerSignature, VerifyingKey, signature::Verifier};
use x509_cert::{
    Certificate as X509,
    der::{DecodePem, Encode},
    ext::pkix::{AuthorityKeyIdentifier, KeyUsage, SubjectKeyIdentifier},
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

/// What a leaf says of itself, in every kind of name that there is.
fn leaf() -> Leaf {
    let attribute = |kind: &str, value: &str| Attribute { kind: kind.into(), value: value.into() };
    Leaf {
        key: KeyId("a".to_owned()),
        subject: vec![attribute("2.5.4.6", "DE"), attribute("2.5.4.3", "Größe & Söhne")],
        names: Names {
            dns: vec!["*.shop.svc".to_owned()],
            addresses: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
            uris: vec!["spiffe://shop/web".to_owned()],
            emails: vec!["ops@acme.com".to_owned()],
        },
        purposes: Vec::new(),
        from: from(),
    }
}

fn written(part: PlannedKey) -> String {
    Issuer::new(&key(), "uid-1").write(&[part]).unwrap()
}

#[test]
fn a_made_certificate_says_what_its_recipe_says() {
    let text = written(PlannedKey::Certificate(Box::new(leaf())));
    let parts = parse(&text).unwrap();
    let [KeyPart::Certificate(it)] = parts.as_slice() else { panic!("{parts:?}") };
    assert_eq!((&it.subject, &it.names, &it.purposes), (&leaf().subject, &leaf().names, &vec![]));
    assert!(!it.is_authority && it.subject_id != it.issuer_id);
    // 800 days.
    assert_eq!(it.expires, "2029-01-09T08:00:00Z".parse().unwrap());
}

#[test]
fn an_authority_signs_certificates_and_a_leaf_agrees_on_keys() {
    let authority = written(PlannedKey::Authority { from: from() });
    let parts = parse(&authority).unwrap();
    let [KeyPart::Certificate(it)] = parts.as_slice() else { panic!("{parts:?}") };
    // 3650 days.
    assert_eq!(it.expires, "2036-10-29T08:00:00Z".parse().unwrap());
    let read = |text: &str| X509::from_pem(text).unwrap();
    let (authority, leaf) =
        (read(&authority), read(&written(PlannedKey::Certificate(Box::new(leaf())))));
    let usage = |it: &X509| it.tbs_certificate().get_extension::<KeyUsage>().unwrap().unwrap().1;
    let (signs, agrees) = (usage(&authority), usage(&leaf));
    assert!(signs.key_cert_sign() && signs.crl_sign() && !signs.digital_signature());
    assert!(agrees.digital_signature() && agrees.key_agreement() && !agrees.key_cert_sign());
    let own = authority.tbs_certificate().get_extension::<SubjectKeyIdentifier>();
    let above = leaf.tbs_certificate().get_extension::<AuthorityKeyIdentifier>();
    assert_eq!(above.unwrap().unwrap().1.key_identifier, Some(own.unwrap().unwrap().1.0));
}

#[test]
fn a_serial_number_is_positive_and_of_16_bytes() {
    let key = key();
    for environment in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
        let issuer = Issuer::new(&key, environment);
        let text = issuer.write(&[PlannedKey::Authority { from: from() }]).unwrap();
        let it = X509::from_pem(text).unwrap();
        let bytes = it.tbs_certificate().serial_number().as_bytes();
        assert!(bytes.len() == 16 && (0x40..0x80).contains(&bytes[0]), "{bytes:?}");
    }
}

#[test]
fn a_public_key_and_both_forms_of_its_private_one_have_one_identity() {
    let id = Some(KeyId("a".to_owned()));
    let private = |form| parse(&written(PlannedKey::PrivateKey { key: id.clone(), form })).unwrap();
    let pem = written(PlannedKey::PublicKey { key: id.clone() });
    let parts = parse(&pem).unwrap();
    let [KeyPart::PublicKey { key: Some(key), pem: kept }] = parts.as_slice() else {
        panic!("{parts:?}")
    };
    assert_eq!(*kept, pem);
    for form in [KeyForm::Pkcs8, KeyForm::Sec1] {
        assert_eq!(private(form), [KeyPart::PrivateKey { key: key.clone(), form }]);
    }
}

#[test]
fn what_is_public_beside_a_key_stays_and_the_curve_of_the_old_one_goes() {
    let block = |label: &str| format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----\n");
    let beside = |label: &str| parse(&format!("{}{PKCS8}", block(label))).map(|it| it[0].clone());
    for label in ["DH PARAMETERS", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "X509 CRL"] {
        assert_eq!(beside(label), Some(KeyPart::Text(block(label))), "{label}");
    }
    let pem = block("RSA PUBLIC KEY");
    assert_eq!(beside("RSA PUBLIC KEY"), Some(KeyPart::PublicKey { key: None, pem }));
    assert_eq!(beside("EC PARAMETERS"), parse(PKCS8).map(|it| it[0].clone()));
    assert_eq!(beside("ENCRYPTED PRIVATE KEY"), None);
}

#[test]
fn certificates_are_found_within_another_text_and_indented() {
    let indented = PAIR.replace('\n', "\n    ");
    let found = certificates(&format!("ca: |\n    {indented}\nuser: shop\n"));
    let keys = |it: Vec<Certificate>| it.into_iter().map(|it| it.key).collect::<Vec<_>>();
    let alone = parse(PAIR).unwrap().into_iter().filter_map(|part| match part {
        KeyPart::Certificate(it) => Some(*it),
        _ => None,
    });
    assert_eq!(keys(found), keys(alone.collect()));
}

/// `SEQUENCE { 0, modulus, 65537 }`
fn rsa(modulus: u8) -> Vec<u8> {
    vec![0x30, 12, 2, 1, 0, 2, 2, 0x5a, modulus, 2, 3, 1, 0, 1]
}

#[test]
fn a_private_key_of_rsa_is_told_by_its_modulus_however_it_is_written() {
    let id = |label: &str, der: &[u8]| read::private_key(label, der);
    let one = id("RSA PRIVATE KEY", &rsa(1)).unwrap();
    assert_ne!(one.0, id("RSA PRIVATE KEY", &rsa(2)).unwrap().0);
    // The same in PKCS#8: version, algorithm, key.
    let mut wrapped: Vec<u8> = vec![0x30, 34, 2, 1, 0, 0x30, 13, 6, 9];
    wrapped.extend([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0, 4, 14]);
    wrapped.extend(rsa(1));
    assert_eq!(id("PRIVATE KEY", &wrapped), Some(one));
}

/// Curves, as object identifiers.
const P256: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: [u8; 7] = [6, 5, 0x2b, 0x81, 4, 0, 0x22];

#[test]
fn the_public_half_of_a_private_key_is_computed_where_it_is_left_out() {
    let without = |curve: &[u8]| {
        let length = |more: usize| u8::try_from(curve.len() + more).unwrap();
        let mut der = vec![0x30, length(39), 2, 1, 1, 4, 32];
        der.extend([7; 32]);
        der.extend([0xa0, length(0)]);
        der.extend(curve);
        read::private_key("EC PRIVATE KEY", &der)
    };
    let whole = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_sec1_der().unwrap();
    let whole = read::private_key("EC PRIVATE KEY", &whole);
    assert!(whole.is_some());
    assert_eq!(without(&P256), whole);
    assert_eq!(without(&P384), None);
}

#[test]
fn a_public_key_of_another_curve_is_not_made() {
    let mut der: Vec<u8> = vec![0x30, 23, 0x30, 16, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    der.extend(P384);
    der.extend([3, 3, 0, 4, 1]);
    assert_eq!(read::public_key(&der), None);
}
