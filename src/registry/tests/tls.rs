//! The same over TLS, with an authority that nobody else knows.

use std::io;

use axum::serve::Listener;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::*;

/// Takes connections in TLS.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            // Whoever does not believe us goes away.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A registry that shows a certificate for `name`; its authority, in PEM.
async fn serve(world: World, name: &str) -> (String, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = KeyPair::generate().unwrap();
    let bundle = params.self_signed(&authority).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(params, authority);
    let shown =
        CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![shown.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let app = world.app(&host).1;
    let tls = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
    tokio::spawn(async move { axum::serve(tls, app).await });
    (host, bundle)
}

async fn pulls(host: &str, bundle: Option<&str>) -> Result<(), Problem> {
    let mut more = json!({ "scheme": "https" });
    if let Some(bundle) = bundle {
        more["caBundle"] = json!(BASE64.encode(bundle));
    }
    pull_with(host, ":1", &entry(host, &more), None).await.map(|_| ())
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed_where_the_class_names_it() {
    let (host, bundle) = serve(flux(&[("a.yaml", ONE)]), "127.0.0.1").await;
    pulls(&host, Some(&bundle)).await.unwrap();
    let said = pulls(&host, None).await.unwrap_err();
    assert_eq!(said.reason, Reason::SourceNotReadable);
    assert!(said.message.contains("UnknownIssuer"), "{}", said.message);
    let (_, other) = serve(World::default(), "127.0.0.1").await;
    assert!(pulls(&host, Some(&other)).await.unwrap_err().message.contains("certificate"));
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_believed() {
    let (host, bundle) = serve(flux(&[("a.yaml", ONE)]), "registry.example.com").await;
    let said = pulls(&host, Some(&bundle)).await.unwrap_err();
    assert!(said.message.contains("not valid for"), "{}", said.message);
}

#[tokio::test]
async fn a_bundle_that_is_none_is_named() {
    for bundle in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let said = pulls("127.0.0.1:1", Some(bundle)).await.unwrap_err();
        assert_eq!(said.reason, Reason::NotAllowedByClass);
        assert!(said.message.contains("caBundle"), "{}", said.message);
    }
}
