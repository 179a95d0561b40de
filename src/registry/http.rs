//! Requests to a registry, and to nobody else.
//!
//! Names are resolved here, and what may not be called is dropped before it is connected to, so that
//! a name that changes its address changes nothing. Redirects are followed for contents alone,
//! without credentials.

use std::{
    collections::BTreeSet,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use ::http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{Request, StatusCode, body::Bytes};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use kulisse_core::{
    api::{
        class::Scheme,
        registry::{Addresses, Registry},
    },
    lifecycle::Problem,
    plan::{artifact::Reference, internet},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tower::Service;

use super::{Credentials, forbidden, refused, token, too_large, unreadable};
use crate::cause::innermost;

/// A connection is there within this.
const CONNECT: Duration = Duration::from_secs(5);
/// One request is answered within this.
const ONE: Duration = Duration::from_secs(20);
/// Most redirects of one request.
const REDIRECTS: usize = 3;
/// Docker Hub's API is not where its name says.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Ask {
    /// Media types.
    pub accept: &'static str,
    /// Most bytes of the answer.
    pub most: usize,
    /// Whether the answer may lie elsewhere.
    pub elsewhere: bool,
}

/// Whoever asks one repository.
pub struct Caller {
    /// The artefact.
    pub reference: Reference,
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>,
    rules: Arc<Rules>,
    /// The registry's API.
    authority: String,
    credentials: Option<Credentials>,
    authorization: Option<HeaderValue>,
}

/// Who may be called.
struct Rules {
    scheme: Scheme,
    addresses: Addresses,
    /// The registry and the hosts that belong to it, as they stand in URLs.
    own: BTreeSet<String>,
}

impl Rules {
    /// Whether a URL is the registry's own, or that of a host that the class puts beside it.
    fn is_own(&self, uri: &Uri) -> bool {
        let scheme = uri.scheme_str().unwrap_or_default();
        let default = if scheme == "https" { 443 } else { 80 };
        let whose = uri.authority().map(|it| plain(it, default)).unwrap_or_default();
        self.own
            .iter()
            .any(|own| own.parse::<Authority>().is_ok_and(|own| plain(&own, default) == whose))
    }

    /// Whether a host is the registry's own, whatever the port.
    fn is_host(&self, host: &str) -> bool {
        self.own.iter().any(|own| {
            own.parse::<Authority>().is_ok_and(|own| own.host().eq_ignore_ascii_case(host))
        })
    }

    /// Whether an address of a host may be called.
    fn permits(&self, host: &str, ip: IpAddr) -> bool {
        if internet::is_public(ip) {
            return true;
        }
        let node = match ip.to_canonical() {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified() || ip.is_multicast(),
            // Also where Amazon's nodes hand out credentials.
            IpAddr::V6(ip) => {
                ip.is_unicast_link_local()
                    || ip.is_unspecified()
                    || ip.is_multicast()
                    || ip.segments()[..2] == [0xfd00, 0xec2]
            }
        };
        self.is_host(host) && self.addresses == Addresses::Private && !node
    }

    /// Whether a URL may be called as it is written; its addresses are looked at when they are known.
    fn check(&self, uri: &Uri) -> Result<(), String> {
        let whose = uri.authority().map(Authority::as_str).unwrap_or_default();
        let plain_http = uri.scheme_str() != Some("https");
        if plain_http && !(self.scheme == Scheme::Http && self.is_own(uri)) {
            return Err(format!("{whose} would be called without TLS"));
        }
        let host = uri.host().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if literal.is_ok_and(|ip| !self.permits(host, ip)) {
            return Err(format!("{whose} is not on the internet"));
        }
        // A name counts wherever it leads, so what listens beside a private registry must not be called.
        if self.addresses == Addresses::Private && self.is_host(host) && !self.is_own(uri) {
            return Err(format!("{whose} is another port of the registry's host"));
        }
        Ok(())
    }
}

/// TLS that believes these authorities and no others.
fn believing(bundle: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle) {
        let certificate = certificate.map_err(|_| "is not PEM".to_owned())?;
        roots.add(certificate).map_err(|error| format!("holds what is no authority: {error}"))?;
    }
    if roots.is_empty() {
        return Err("holds no certificate in PEM".to_owned());
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Host and port, where the port is not the default one.
fn plain(authority: &Authority, default: u16) -> String {
    let host = authority.host().to_ascii_lowercase();
    match authority.port_u16().filter(|it| *it != default) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

impl Caller {
    /// Whoever asks for one artefact, with the rules of the class's entry.
    pub fn new(
        reference: &Reference,
        registry: &Registry,
        credentials: Option<Credentials>,
    ) -> Result<Self, Problem> {
        let authority = match reference.registry.as_str() {
            name if name == HUB.0 => HUB.1.to_owned(),
            other => other.to_owned(),
        };
        let own = registry.hosts.iter().cloned().chain([authority.clone()]);
        let rules = Arc::new(Rules {
            scheme: registry.scheme,
            addresses: registry.addresses,
            own: own.map(|it| it.to_ascii_lowercase()).collect(),
        });
        let mut http = HttpConnector::new_with_resolver(Resolver(Arc::clone(&rules)));
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        let connector = match &registry.ca_bundle {
            Some(bundle) => HttpsConnectorBuilder::new().with_tls_config(
                believing(&bundle.0).map_err(|why| {
                    forbidden(
                        reference,
                        &format!("caBundle of its entry in the class's registries {why}"),
                    )
                })?,
            ),
            // The release image holds no certificates: where the system has none, Mozilla's count.
            None => match HttpsConnectorBuilder::new().with_native_roots() {
                Ok(builder) => builder,
                Err(_) => HttpsConnectorBuilder::new().with_webpki_roots(),
            },
        };
        let connector = connector.https_or_http().enable_http1().wrap_connector(http);
        Ok(Self {
            reference: reference.clone(),
            client: Client::builder(TokioExecutor::new()).build(connector),
            rules,
            authority,
            credentials,
            authorization: None,
        })
    }

    /// What stands at a path of the repository.
    pub async fn get(&mut self, path: &str, ask: Ask) -> Result<Bytes, Problem> {
        let scheme = self.rules.scheme.as_str();
        let url = format!("{scheme}://{}/v2/{}/{path}", self.authority, self.reference.repository);
        let url = self.url(&url)?;
        let mut answer = self.once(&url, ask, self.authorization.clone()).await?;
        if answer.status == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            self.authorization = Some(self.authorize(&answer.headers).await?);
            answer = self.once(&url, ask, self.authorization.clone()).await?;
        }
        let mut at = url;
        for _ in 0..REDIRECTS {
            if !answer.status.is_redirection() {
                break;
            }
            let to = self.onward(&at, &answer, ask)?;
            let home = to.authority().is_some_and(|it| it.as_str() == self.authority);
            let authorization = self.authorization.clone().filter(|_| home);
            answer = self.once(&to, ask, authorization).await?;
            at = to;
        }
        if answer.status != StatusCode::OK {
            return Err(refused(&self.reference, answer.status, self.credentials.is_some()));
        }
        Ok(answer.body)
    }

    /// Where a redirect leads, if it may be followed.
    fn onward(&self, from: &Uri, answer: &Answer, ask: Ask) -> Result<Uri, Problem> {
        let to = answer.headers.get(header::LOCATION).and_then(|it| it.to_str().ok());
        let to = to.unwrap_or_default();
        let to = if to.starts_with('/') {
            let scheme = from.scheme_str().unwrap_or_default();
            let authority = from.authority().map(Authority::as_str).unwrap_or_default();
            self.url(&format!("{scheme}://{authority}{to}"))?
        } else {
            self.url(to)?
        };
        if !ask.elsewhere && to.authority() != from.authority() {
            return Err(unreadable(&self.reference, "the registry sends callers elsewhere for it"));
        }
        Ok(to)
    }

    /// What the registry wants to see, from what it says.
    async fn authorize(&self, headers: &HeaderMap) -> Result<HeaderValue, Problem> {
        let with = self.credentials.is_some();
        let refused = || refused(&self.reference, StatusCode::UNAUTHORIZED, with);
        match token::challenge(headers).ok_or_else(refused)? {
            token::Challenge::Basic => {
                self.credentials.as_ref().and_then(Credentials::header).ok_or_else(refused)
            }
            token::Challenge::Bearer { realm, service } => {
                let scope = format!("repository:{}:pull", self.reference.repository);
                let url = self.url(&token::url(&realm, service.as_deref(), &scope))?;
                if !self.rules.is_own(&url) {
                    let host = url.authority().map(Authority::as_str).unwrap_or_default();
                    return Err(forbidden(
                        &self.reference,
                        &format!(
                            "the registry has its tokens made by {host}, which is not among the hosts of its entry in the class's registries"
                        ),
                    ));
                }
                let basic = self.credentials.as_ref().and_then(Credentials::header);
                let ask = Ask { accept: "application/json", most: 64 * 1024, elsewhere: false };
                let answer = self.once(&url, ask, basic).await?;
                if answer.status != StatusCode::OK {
                    return Err(super::refused(&self.reference, answer.status, with));
                }
                token::header(&answer.body).ok_or_else(refused)
            }
        }
    }

    fn url(&self, text: &str) -> Result<Uri, Problem> {
        let uri = text.parse::<Uri>().ok().filter(|it| it.host().is_some());
        let uri = uri.ok_or_else(|| {
            unreadable(&self.reference, "the registry names an address that is none")
        })?;
        self.rules.check(&uri).map_err(|why| forbidden(&self.reference, &why))?;
        Ok(uri)
    }

    /// One request, without its redirects.
    async fn once(
        &self,
        url: &Uri,
        ask: Ask,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, Problem> {
        let whose = url.authority().map(Authority::as_str).unwrap_or_default();
        let failed = |why: String| unreadable(&self.reference, &format!("{whose}: {why}"));
        let mut request = Request::get(url.clone())
            .header(header::ACCEPT, ask.accept)
            .header(header::USER_AGENT, concat!("kulisse/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| failed(error.to_string()))?;
        if let Some(value) = authorization {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let answer = async {
            let answer = self.client.request(request).await.map_err(|it| failed(innermost(&it)))?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            if status != StatusCode::OK {
                // What else is said is not looked at.
                return Ok(Answer { status, headers, body: Bytes::new() });
            }
            let body = Limited::new(answer.into_body(), ask.most).collect().await;
            let body = body.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    let most = ask.most;
                    return too_large(
                        &self.reference,
                        &format!("{whose} sends more than {most} bytes"),
                    );
                }
                failed(innermost(error.as_ref()))
            })?;
            Ok(Answer { status, headers, body: body.to_bytes() })
        };
        match tokio::time::timeout(ONE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(failed(format!("no answer within {} s", ONE.as_secs()))),
        }
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Resolves names to what may be called.
#[derive(Clone)]
struct Resolver(Arc<Rules>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> =
                found.filter(|it| rules.permits(name.as_str(), it.ip())).collect();
            if found.is_empty() {
                return Err(io::Error::other(
                    "it has no address on the internet: a registry with private ones needs addresses: Private in the class's registries",
                ));
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(addresses: Addresses, scheme: Scheme) -> Rules {
        Rules { scheme, addresses, own: ["r.io".to_owned(), "auth.r.io:8443".to_owned()].into() }
    }

    #[test]
    fn private_addresses_need_the_class_and_those_of_a_node_are_never_called() {
        let permits = |addresses, host: &str, ip: &str| {
            rules(addresses, Scheme::Https).permits(host, ip.parse().unwrap())
        };
        assert!(permits(Addresses::Public, "r.io", "140.82.112.34"));
        assert!(!permits(Addresses::Public, "r.io", "10.0.0.1"));
        assert!(permits(Addresses::Private, "r.io", "10.0.0.1"));
        assert!(permits(Addresses::Private, "AUTH.r.io", "fd12::1"));
        // Where a redirect leads: never into the cluster, unless the class names it.
        assert!(!permits(Addresses::Private, "cdn.example", "10.0.0.1"));
        for ip in
            ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"]
        {
            assert!(!permits(Addresses::Private, "r.io", ip), "{ip}");
        }
    }

    #[test]
    fn addresses_in_urls_count_as_those_of_names_do_and_tls_is_not_left_off() {
        let check = |addresses, scheme, url: &str| {
            rules(addresses, scheme).check(&url.parse().unwrap()).is_ok()
        };
        assert!(check(Addresses::Public, Scheme::Https, "https://cdn.example/x"));
        assert!(!check(Addresses::Public, Scheme::Https, "http://r.io/x"));
        assert!(check(Addresses::Public, Scheme::Http, "http://r.io/x"));
        assert!(!check(Addresses::Public, Scheme::Http, "http://cdn.example/x"));
        for url in ["https://127.0.0.1/", "https://[::1]/", "https://10.96.0.1:443/"] {
            assert!(!check(Addresses::Private, Scheme::Https, url), "{url}");
        }
    }

    #[test]
    fn a_host_is_the_registrys_own_with_its_port() {
        let own = |url: &str| rules(Addresses::Public, Scheme::Https).is_own(&url.parse().unwrap());
        assert!(
            own("https://r.io/token") && own("https://R.io:443/") && own("https://auth.r.io:8443/")
        );
        assert!(
            !own("https://r.io:8443/") && !own("https://auth.r.io/") && !own("https://r.io.evil/")
        );
        assert!(!own("https://r.io@evil.example/"));
    }
}
