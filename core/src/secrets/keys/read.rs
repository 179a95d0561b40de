//! DER → what is remembered of a certificate or key. No private half outlives this.

use std::net::IpAddr;

use jiff::Timestamp;
use p256::pkcs8::PrivateKeyInfoRef;
use sha2::{Digest, Sha256};
use x509_cert::{
    Certificate as X509,
    der::{
        Decode, Encode,
        asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, Uint, Utf8StringRef},
    },
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName, name::GeneralName},
    name::Name,
    spki::SubjectPublicKeyInfoRef,
};

use super::{Attribute, Certificate, KeyForm, KeyId, Names};
use crate::secrets::hash::hex;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A certificate, by its DER; `pem` is how it is written.
pub(super) fn certificate(der: &[u8], pem: &str) -> Option<Certificate> {
    let whole = X509::from_der(der).ok()?;
    let it = whole.tbs_certificate();
    let constraints = it.get_extension::<BasicConstraints>().ok()?;
    let purposes = it.get_extension::<ExtendedKeyUsage>().ok()?;
    let purposes = purposes.map(|(_, purposes)| purposes.0).unwrap_or_default();
    let expires = it.validity().not_after.to_unix_duration().as_secs();
    Some(Certificate {
        key: id(it.subject_public_key_info().subject_public_key.raw_bytes()),
        subject: attributes(it.subject()),
        subject_id: name_id(it.subject())?,
        issuer_id: name_id(it.issuer())?,
        is_authority: constraints.is_some_and(|(_, it)| it.ca),
        names: names(it.get_extension::<SubjectAltName>().ok()?.map(|(_, names)| names)),
        purposes: purposes.iter().map(ToString::to_string).collect(),
        expires: Timestamp::from_second(i64::try_from(expires).ok()?).ok()?,
        pem: pem.to_owned(),
    })
}

/// The public half of a private key, and how it is written; `None` for kinds of keys that nothing is
/// known about, and for encrypted ones.
pub(super) fn private_key(label: &str, der: &[u8]) -> Option<(KeyId, KeyForm)> {
    match label {
        "PRIVATE KEY" => {
            let info = PrivateKeyInfoRef::from_der(der).ok()?;
            let inner = info.private_key.as_bytes();
            let id = match info.algorithm.oid {
                RSA => rsa(inner)?,
                EC => {
                    let curve = info.algorithm.parameters.and_then(|it| it.decode_as().ok());
                    elliptic(inner, curve)?
                }
                _ => return None,
            };
            Some((id, KeyForm::Pkcs8))
        }
        "RSA PRIVATE KEY" => Some((rsa(der)?, KeyForm::Pkcs8)),
        "EC PRIVATE KEY" => Some((elliptic(der, None)?, KeyForm::Sec1)),
        _ => None,
    }
}

/// A public key, if another of its kind can be made.
pub(super) fn public_key(der: &[u8]) -> Option<KeyId> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let curve: Option<ObjectIdentifier> =
        info.algorithm.parameters.and_then(|it| it.decode_as().ok());
    (info.algorithm.oid == EC && curve == Some(P256))
        .then(|| id(info.subject_public_key.raw_bytes()))
}

/// A private key of RSA is a list of numbers: version, modulus, public exponent …
fn rsa(der: &[u8]) -> Option<KeyId> {
    let numbers = Vec::<Uint>::from_der(der).ok()?;
    let [_, modulus, exponent, ..] = numbers.as_slice() else { return None };
    Some(id(&vec![modulus.clone(), exponent.clone()].to_der().ok()?))
}

fn elliptic(der: &[u8], curve: Option<ObjectIdentifier>) -> Option<KeyId> {
    let key = sec1::EcPrivateKey::from_der(der).ok()?;
    if let Some(public) = key.public_key {
        return Some(id(public));
    }
    // Without its public half it has to be computed, which is done for one curve.
    let named = key.parameters.and_then(sec1::EcParameters::named_curve);
    if curve.or(named) != Some(P256) {
        return None;
    }
    let secret = p256::SecretKey::from_slice(key.private_key).ok()?;
    Some(id(&secret.public_key().to_sec1_bytes()))
}

fn id(public: &[u8]) -> KeyId {
    KeyId(hex(&Sha256::digest(public)))
}

fn name_id(name: &Name) -> Option<String> {
    Some(hex(&Sha256::digest(name.to_der().ok()?)))
}

fn attributes(name: &Name) -> Vec<Attribute> {
    let text = |value: &x509_cert::attr::AttributeValue| {
        let utf8 = value.decode_as::<Utf8StringRef<'_>>().map(|it| it.as_str().to_owned());
        utf8.or_else(|_| {
            value.decode_as::<PrintableStringRef<'_>>().map(|it| it.as_str().to_owned())
        })
        .or_else(|_| value.decode_as::<Ia5StringRef<'_>>().map(|it| it.as_str().to_owned()))
        .ok()
    };
    let attributes = name.iter().filter_map(|it| Some((it.oid.to_string(), text(&it.value)?)));
    attributes.map(|(kind, value)| Attribute { kind, value }).collect()
}

fn names(given: Option<SubjectAltName>) -> Names {
    let mut names = Names::default();
    for name in given.map(|it| it.0).unwrap_or_default() {
        match name {
            GeneralName::DnsName(name) => names.dns.push(name.to_string()),
            GeneralName::UniformResourceIdentifier(uri) => names.uris.push(uri.to_string()),
            GeneralName::Rfc822Name(email) => names.emails.push(email.to_string()),
            GeneralName::IpAddress(bytes) => names.addresses.extend(address(bytes.as_bytes())),
            // Somebody else's kinds of names.
            GeneralName::OtherName(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::RegisteredId(_) => {}
        }
    }
    names
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}
