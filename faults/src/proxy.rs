//! Between an operator and a real API server.
//!
//! ```text
//! kubeconfig, certificate   what is spoken to, and as whom; what clients are given
//! wire                      connections of clients, which can be reset
//! upstream                  the API server
//! course                    an action → what comes before, after and in the answer (pure)
//! serve, accept             one request; in what form it is to be answered
//! frames, body              watches event by event; answers that drip or break off
//! shared, kill              the plan and how far it is; the client is ended and started again
//! victim, process, program  whoever is killed; somebody else's process; a command of ours
//! lookup, group             whether a command can be started; all that it has started
//! log, complaints           what has passed, as lines of JSON; what goes wrong beside the plan
//! ```
//!
//! HTTP/1.1 on both sides: each connection has one request at a time, so that what happens to one
//! happens to no other. Requests are numbered as they pass. Bodies, queries, tokens and keys are in
//! no log and no error.

mod accept;
mod body;
mod certificate;
mod complaints;
mod course;
mod error;
mod frames;
mod group;
mod kill;
mod kubeconfig;
mod log;
mod lookup;
mod process;
mod program;
mod serve;
mod shared;
mod upstream;
mod victim;
mod wire;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use hyper::http::uri::Authority;
use rustls::ServerConfig;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

pub use error::Error;
pub use process::Process;
pub use program::{Output, Program};
pub use victim::{Doing, Nobody, Sent, Victim};

use crate::{
    learn::Seen,
    plan::{Fault, Plan},
};
use certificate::Identity;
use kubeconfig::Kubeconfig;
use shared::Shared;

/// What a proxy stands in front of, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kubeconfig of the API server.
    pub kubeconfig: PathBuf,
    /// A context of it; without one, its current context.
    pub context: Option<String>,
    /// Where to listen; port 0 is any that is free.
    pub listen: SocketAddr,
    /// Certificate and key, as PEM files; without them, one is made.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Where the log goes.
    pub log: Option<PathBuf>,
}

/// A proxy that is running. It stops when this is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    kubeconfig: String,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Starts it, with the plan in which nothing happens.
    pub async fn start(options: &Options, victim: Arc<dyn Victim>) -> Result<Self, Error> {
        Self::start_as(options, None, victim).await
    }

    /// Starts it for clients that reach it under another name than the address it listens on:
    /// `proxy.test`, or with a port `proxy.test:8443`.
    pub async fn start_as(
        options: &Options,
        name: Option<&str>,
        victim: Arc<dyn Victim>,
    ) -> Result<Self, Error> {
        if name.is_none() && options.listen.ip().is_unspecified() {
            return Err(Error::Nameless(options.listen));
        }
        let given = Kubeconfig::read(&options.kubeconfig, options.context.as_deref())?;
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(|why| Error::Listen { address: options.listen, why })?;
        let address =
            listener.local_addr().map_err(|why| Error::Listen { address: options.listen, why })?;
        let (host, reached) = match name {
            None => (address.ip().to_string(), address.to_string()),
            Some(name) => advertised(name, address.port())?,
        };
        let identity = match &options.certificate {
            None => Identity::make(&[&host, &address.ip().to_string()])?,
            Some((certificate, key)) => Identity::read(certificate, key)?,
        };
        // Whoever reaches the proxy would have the identity that it holds.
        let pass = given.holds_a_certificate().then(certificate::secret_text).transpose()?;
        let kubeconfig = given.for_clients(&reached, &identity.pem, pass.as_deref());
        let tls = ServerConfig::builder_with_provider(certificate::provider())
            .with_safe_default_protocol_versions()
            .and_then(|it| it.with_no_client_auth().with_single_cert(identity.chain, identity.key))
            .map_err(Error::Certificate)?;
        let upstream = upstream::Upstream::new(&given)?;
        let log = log::Log::open(options.log.as_deref())?;
        let shared = Arc::new(Shared::new(upstream, victim, log, pass));
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listening = tokio::spawn(wire::listen(listener, acceptor, shared.clone()));
        Ok(Self { shared, kubeconfig, listening })
    }

    /// The kubeconfig for clients: the given one, with the proxy instead of the API server. It holds
    /// what clients authenticate with.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Carries out another plan from now on, and counts anew. Connections that are open are cut with
    /// their next request.
    pub fn begin(&self, plan: Plan) {
        self.shared.begin(plan);
    }

    /// What has passed since the plan began.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// From now on whoever is killed is not started again, until another plan begins.
    pub async fn rest(&self) {
        self.shared.rest().await;
    }

    /// The faults of the plan that have not struck.
    pub fn unreached(&self) -> Vec<Fault> {
        self.shared.state().schedule.unreached().cloned().collect()
    }

    /// Whether each fault of the plan has struck.
    pub fn complete(&self) -> bool {
        self.shared.state().schedule.complete()
    }

    /// How often faults have struck since the plan began.
    pub fn struck(&self) -> u64 {
        self.shared.state().schedule.struck()
    }
}

/// `NAME[:PORT]` → the name for the certificate, and where clients reach it.
fn advertised(text: &str, port: u16) -> Result<(String, String), Error> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((text.to_owned(), SocketAddr::new(address, port).to_string()));
    }
    let authority = text.parse::<Authority>().ok().filter(|it| !it.as_str().contains('@'));
    let authority = authority.ok_or_else(|| Error::Name(text.to_owned()))?;
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((bare, format!("{host}:{}", authority.port_u16().unwrap_or(port))))
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_advertised_with_its_own_port_or_the_one_that_is_listened_on() {
        for (text, expected) in [
            ("proxy.test", Some(("proxy.test", "proxy.test:9"))),
            ("proxy.test:8443", Some(("proxy.test", "proxy.test:8443"))),
            ("10.0.0.1", Some(("10.0.0.1", "10.0.0.1:9"))),
            ("fd00::1", Some(("fd00::1", "[fd00::1]:9"))),
            ("[fd00::1]:8443", Some(("fd00::1", "[fd00::1]:8443"))),
            ("https://proxy.test", None),
            ("somebody@proxy.test", None),
            ("", None),
        ] {
            let expected = expected.map(|(host, reached)| (host.to_owned(), reached.to_owned()));
            assert_eq!(advertised(text, 9).ok(), expected, "{text}");
        }
    }
}
