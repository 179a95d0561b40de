//! The API server.

use std::sync::Arc;

use http_body_util::Full;
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    header::{self, HeaderMap, HeaderValue},
    http::request::Parts,
};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

use super::{Error, certificate::provider, kubeconfig::Kubeconfig};

/// The API server.
pub struct Upstream {
    server: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Headers that are about one connection, and those that are made anew.
const OF_THE_CONNECTION: [header::HeaderName; 5] = [
    header::CONNECTION,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
];

impl Upstream {
    pub fn new(given: &Kubeconfig) -> Result<Self, Error> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls(given)?).https_or_http();
        let builder = match &given.server_name {
            None => builder,
            Some(name) => {
                let name = ServerName::try_from(name.clone())
                    .map_err(|_| Error::Issue(format!("tls-server-name {name} is not a name")))?;
                builder.with_server_name_resolver(FixedServerNameResolver::new(name))
            }
        };
        let connector = builder.enable_http1().wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { server: given.server.clone(), client })
    }

    /// Passes a request on, with its body.
    pub async fn ask(
        &self,
        parts: &Parts,
        body: Bytes,
        upgrade: bool,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = self.address(&parts.uri);
        *request.headers_mut() = passed_on(&parts.headers, upgrade);
        self.client.request(request).await
    }

    /// Below the path of the server: some clusters share one host.
    fn address(&self, asked: &Uri) -> Uri {
        let below = asked.path_and_query().map_or("/", |it| it.as_str());
        let prefix = self.server.path().trim_end_matches('/');
        let mut parts = self.server.clone().into_parts();
        parts.path_and_query = format!("{prefix}{below}").parse().ok();
        // Its scheme and host are there, and the path was one in the request.
        Uri::from_parts(parts).unwrap_or_else(|_| self.server.clone())
    }
}

fn passed_on(given: &HeaderMap, upgrade: bool) -> HeaderMap {
    let mut headers = given.clone();
    for name in &OF_THE_CONNECTION {
        headers.remove(name);
    }
    if upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    headers
}

fn tls(given: &Kubeconfig) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match &given.authority {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in certificates(pem)? {
                roots.add(certificate).map_err(Error::Certificate)?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(Error::Certificate)?
        .with_root_certificates(Arc::new(roots));
    match &given.certificate {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|why| Error::Issue(format!("client-key is no usable PEM: {why}")))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, key)
                .map_err(Error::Certificate)
        }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.map_err(|why| Error::Issue(format!("a certificate of the kubeconfig is no PEM: {why}")))
}
