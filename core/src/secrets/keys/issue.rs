//! Recipes → certificates and keys of one environment.
//!
//! Everything follows from the operator's key: the same recipe gives the same bytes, today and after
//! a crash, so that a certificate in one Secret and the authority in another always fit. ECDSA P-256
//! whatever production has: it is what a seed makes deterministically, and what every TLS takes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use p256::{
    SecretKey,
    ecdsa::{DerSignature, SigningKey},
    pkcs8::{EncodePrivateKey, EncodePublicKey},
};
use sha2::{Digest, Sha256};
use x509_cert::{
    Certificate as X509,
    builder::{Builder, CertificateBuilder, profile::BuilderProfile},
    certificate::TbsCertificate,
    der::{
        EncodePem,
        asn1::{
            GeneralizedTime, Ia5String, ObjectIdentifier, OctetString, PrintableStringRef,
            Utf8StringRef,
        },
        pem::LineEnding,
    },
    ext::{
        Extension, ToExtension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
            SubjectAltName, SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::{Name, RdnSequence, RelativeDistinguishedName},
    serial_number::SerialNumber,
    spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef},
    time::{Time, Validity},
};

use super::{Attribute, KeyForm, KeyId, Leaf, PlannedKey};
use crate::secrets::{OperatorKey, alphabet::Stream};

/// Some clients refuse certificates that are valid for more than 825 days.
const VALID: SignedDuration = SignedDuration::from_hours(800 * 24);
/// The authority outlives what it signs.
const AUTHORITY_VALID: SignedDuration = SignedDuration::from_hours(3650 * 24);
/// Clocks differ.
const EARLIER: SignedDuration = SignedDuration::from_hours(1);

const COMMON_NAME: &str = "2.5.4.3";
const ORGANISATION: &str = "2.5.4.10";
/// Written in a narrower alphabet than all other attributes.
const COUNTRY: &str = "2.5.4.6";

/// Makes the keys and certificates of one environment. It holds private keys: no `Debug`.
pub(in crate::secrets) struct Issuer<'a> {
    key: &'a OperatorKey,
    environment: &'a str,
}

/// Why something cannot be made: what of the recipe cannot be written as X.509.
type Made<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl<'a> Issuer<'a> {
    pub(in crate::secrets) fn new(key: &'a OperatorKey, environment: &'a str) -> Self {
        Self { key, environment }
    }

    /// Writes a text with keys and certificates.
    pub(in crate::secrets) fn write(&self, parts: &[PlannedKey]) -> Made<String> {
        let mut text = String::new();
        for part in parts {
            match part {
                PlannedKey::Text(kept) => text.push_str(kept),
                PlannedKey::Authority { from } => text.push_str(&self.authority(*from)?),
                PlannedKey::Certificate(leaf) => text.push_str(&self.certificate(leaf)?),
                PlannedKey::PrivateKey { key, form } => {
                    let secret = SecretKey::from(self.secret(key.as_ref())?);
                    text.push_str(&match form {
                        KeyForm::Pkcs8 => secret.to_pkcs8_pem(LineEnding::LF)?,
                        KeyForm::Sec1 => secret.to_sec1_pem(LineEnding::LF)?,
                    });
                }
                PlannedKey::PublicKey { key } => {
                    let public = SecretKey::from(self.secret(key.as_ref())?).public_key();
                    text.push_str(&public.to_public_key_pem(LineEnding::LF)?);
                }
            }
        }
        Ok(text)
    }

    /// The key that stands for one of production's; the authority's own without one.
    fn secret(&self, of: Option<&KeyId>) -> Made<SigningKey> {
        let what = of.map_or_else(|| "authority".to_owned(), |id| format!("key {}", id.0));
        // All but one of 2^32 draws are a key of this curve.
        for draw in 0..8 {
            let bytes = Stream::new(self.key, self.environment, &what, draw).take(32);
            if let Ok(key) = SigningKey::from_slice(&bytes) {
                return Ok(key);
            }
        }
        Err("no key could be drawn".into())
    }

    fn authority(&self, from: Timestamp) -> Made<String> {
        let key = self.secret(None)?;
        let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
        let extensions = Extensions::new(self.authority_name()?)
            .with(&BasicConstraints { ca: true, path_len_constraint: None })?
            .with(&usage)?;
        let about = About { seed: "authority", from, valid: AUTHORITY_VALID };
        let name = extensions.subject.clone();
        self.sign(&about, name, extensions, &key)?.to_pem(LineEnding::LF).map_err(Into::into)
    }

    fn certificate(&self, leaf: &Leaf) -> Made<String> {
        let mut extensions = Extensions::new(name(&leaf.subject)?)
            .with(&BasicConstraints { ca: false, path_len_constraint: None })?
            .with(&KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyAgreement))?;
        let purposes: Vec<ObjectIdentifier> =
            leaf.purposes.iter().filter_map(|it| it.parse().ok()).collect();
        if !purposes.is_empty() {
            extensions = extensions.with(&ExtendedKeyUsage(purposes))?;
        }
        let names = alternative_names(leaf)?;
        if !names.0.is_empty() {
            extensions = extensions.with(&names)?;
        }
        let seed = serde_json::to_string(leaf)?;
        let about = About { seed: &seed, from: leaf.from, valid: VALID };
        let issuer = self.authority_name()?;
        let key = self.secret(Some(&leaf.key))?;
        self.sign(&about, issuer, extensions, &key)?.to_pem(LineEnding::LF).map_err(Into::into)
    }

    /// The name says what it is, to whoever meets it.
    fn authority_name(&self) -> Made<Name> {
        let attribute =
            |kind: &str, value: &str| Attribute { kind: kind.to_owned(), value: value.to_owned() };
        name(&[
            attribute(ORGANISATION, &format!("Kulisse environment {}", self.environment)),
            attribute(COMMON_NAME, "Kulisse throw-away authority"),
        ])
    }

    fn sign(
        &self,
        about: &About<'_>,
        issuer: Name,
        extensions: Extensions,
        key: &SigningKey,
    ) -> Made<X509> {
        let authority = self.secret(None)?;
        let public = SubjectPublicKeyInfo::from_key(key.verifying_key())?;
        let signer = SubjectPublicKeyInfo::from_key(authority.verifying_key())?;
        let id = |info: &x509_cert::spki::SubjectPublicKeyInfoOwned| {
            let digest = Sha256::digest(info.subject_public_key.raw_bytes());
            OctetString::new(digest[..20].to_vec())
        };
        let extensions = extensions.with(&SubjectKeyIdentifier(id(&public)?))?.with(
            &AuthorityKeyIdentifier {
                key_identifier: Some(id(&signer)?),
                ..AuthorityKeyIdentifier::default()
            },
        )?;
        let digest = Sha256::new()
            .chain_update(self.environment)
            .chain_update([0])
            .chain_update(about.seed)
            .chain_update(about.from.as_second().to_be_bytes())
            .finalize();
        // Positive, and not zero.
        let mut serial = digest[..16].to_vec();
        if let Some(first) = serial.first_mut() {
            *first = *first & 0x3f | 0x40;
        }
        let validity = Validity::new(
            time(about.from.checked_sub(EARLIER)?)?,
            time(about.from.checked_add(about.valid)?)?,
        );
        let whose = Whose { issuer, extensions };
        let builder =
            CertificateBuilder::new(whose, SerialNumber::new(&serial)?, validity, public)?;
        Ok(builder.build::<_, DerSignature>(&authority)?)
    }
}

/// What tells a certificate from another, and when it holds.
struct About<'a> {
    seed: &'a str,
    from: Timestamp,
    valid: SignedDuration,
}

/// A subject, and what is said about it.
struct Extensions {
    subject: Name,
    list: Vec<Extension>,
}

impl Extensions {
    fn new(subject: Name) -> Self {
        Self { subject, list: Vec::new() }
    }

    fn with<E: ToExtension>(mut self, extension: E) -> Result<Self, E::Error> {
        let extension = extension.to_extension(&self.subject, &self.list)?;
        self.list.push(extension);
        Ok(self)
    }
}

/// Who vouches for whom.
struct Whose {
    issuer: Name,
    extensions: Extensions,
}

impl BuilderProfile for Whose {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.extensions.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.extensions.list.clone())
    }
}

fn name(attributes: &[Attribute]) -> Made<Name> {
    let mut sequence = RdnSequence::default();
    for attribute in attributes {
        let value = if attribute.kind == COUNTRY {
            PrintableStringRef::new(&attribute.value)?.into()
        } else {
            Utf8StringRef::new(&attribute.value)?.into()
        };
        let one = x509_cert::attr::AttributeTypeAndValue { oid: attribute.kind.parse()?, value };
        sequence.push(RelativeDistinguishedName::try_from(vec![one])?);
    }
    Ok(Name::hazmat_from_rdn_sequence(sequence))
}

fn alternative_names(leaf: &Leaf) -> Made<SubjectAltName> {
    let mut names = Vec::new();
    for name in &leaf.names.dns {
        names.push(GeneralName::DnsName(Ia5String::new(name)?));
    }
    for uri in &leaf.names.uris {
        names.push(GeneralName::UniformResourceIdentifier(Ia5String::new(uri)?));
    }
    for email in &leaf.names.emails {
        names.push(GeneralName::Rfc822Name(Ia5String::new(email)?));
    }
    names.extend(leaf.names.addresses.iter().copied().map(GeneralName::from));
    Ok(SubjectAltName(names))
}

fn time(at: Timestamp) -> Made<Time> {
    // Nothing was read before 1970.
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let time = GeneralizedTime::from_unix_duration(Duration::from_secs(seconds))?;
    Ok(Time::GeneralTime(time))
}
