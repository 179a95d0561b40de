//! The certificate that clients see.

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use p256::{
    SecretKey,
    ecdsa::{DerSignature, SigningKey},
    pkcs8::EncodePrivateKey,
};
use rustls::{
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
};
use x509_cert::{
    builder::{Builder, CertificateBuilder, profile::BuilderProfile},
    certificate::TbsCertificate,
    der::{Encode, EncodePem, asn1::Ia5String, oid::ObjectIdentifier, pem::LineEnding},
    ext::{
        Extension, ToExtension,
        pkix::{
            BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            name::GeneralName,
        },
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef},
    time::Validity,
};

use super::Error;

/// As long as somebody may debug one run.
const VALID: Duration = Duration::from_hours(30 * 24);
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";

/// A certificate with its key. The key is secret: no `Debug`.
pub struct Identity {
    /// The certificate first, then those that vouch for it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key.
    pub key: PrivateKeyDer<'static>,
    /// What clients are to trust.
    pub pem: String,
}

/// The one TLS implementation of this program.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Identity {
    /// From PEM files. Clients are to trust what the file of the certificate holds.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let unusable = |path: &Path, why: String| {
            Error::Issue(format!("{} holds no usable PEM: {why}", path.display()))
        };
        let pem = std::fs::read_to_string(certificate)
            .map_err(|why| Error::File { path: certificate.to_owned(), why })?;
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| unusable(certificate, why.to_string()))?;
        let key =
            PrivateKeyDer::from_pem_file(key).map_err(|why| unusable(key, why.to_string()))?;
        Ok(Self { chain, key, pem })
    }

    /// Made now, for `localhost` and for these names and addresses. It vouches for itself: it is the one
    /// certificate that clients trust, and it can vouch for no other.
    pub fn make(names: &[&str]) -> Result<Self, Error> {
        make(names).map_err(|why| Error::Issue(why.to_string()))
    }
}

/// What nobody can guess: 32 hexadecimal digits.
pub fn secret_text() -> Result<String, Error> {
    let bytes = random().map_err(|why| Error::Issue(why.to_string()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

type Made<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn make(more: &[&str]) -> Made<Identity> {
    // All but one of 2^32 draws are a key of this curve.
    let signer = SigningKey::from_slice(&random::<32>()?)?;
    let mut names = vec![GeneralName::DnsName(Ia5String::new("localhost")?)];
    for it in more {
        names.push(match it.parse::<IpAddr>() {
            Ok(address) => GeneralName::from(address),
            Err(_) => GeneralName::DnsName(Ia5String::new(it)?),
        });
    }
    let mut serial: [u8; 16] = random()?;
    // Positive, and not zero.
    serial[0] = serial[0] & 0x3f | 0x40;
    let builder = CertificateBuilder::new(
        Itself { subject: "CN=kube-faults".parse()?, names: SubjectAltName(names) },
        SerialNumber::new(&serial)?,
        Validity::from_now(VALID)?,
        SubjectPublicKeyInfo::from_key(signer.verifying_key())?,
    )?;
    let certificate = builder.build::<_, DerSignature>(&signer)?;
    let key = SecretKey::from(signer).to_pkcs8_der()?;
    Ok(Identity {
        chain: vec![CertificateDer::from(certificate.to_der()?)],
        key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec())),
        pem: certificate.to_pem(LineEnding::LF)?,
    })
}

/// A server that vouches for itself.
struct Itself {
    subject: Name,
    names: SubjectAltName,
}

impl BuilderProfile for Itself {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let subject = &self.subject;
        let none = BasicConstraints { ca: false, path_len_constraint: None };
        let purpose = ExtendedKeyUsage(vec![ObjectIdentifier::new_unwrap(SERVER_AUTH)]);
        Ok(vec![
            none.to_extension(subject, &[])?,
            KeyUsage(KeyUsages::DigitalSignature.into()).to_extension(subject, &[])?,
            purpose.to_extension(subject, &[])?,
            self.names.to_extension(subject, &[])?,
        ])
    }
}
