//! Between an operator and a real API server.
//!
//! ```text
//! kubeconfig, certificate   what is spoken to, and as whom; what clients are given
//! wire                      connections of clients, which can be reset
//! upstream                  the API server
//! course                    an action → what comes before, after and in the answer (pure)
//! serve                     one request
//! frames, body              watches event by event; answers that drip or break off
//! victim, program           whoever is killed; a command that is started again
//! log                       what has passed, as lines of JSON
//! ```
//!
//! HTTP/1.1 on both sides: each connection has one request at a time, so that what happens to one
//! happens to no other. Requests are numbered as they pass. Bodies, queries, tokens and keys are in
//! no log and no error.

mod body;
mod certificate;
mod course;
mod error;
mod frames;
mod kubeconfig;
mod log;
mod program;
mod serve;
mod shared;
mod upstream;
mod victim;
mod wire;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::ServerConfig;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

pub use error::Error;
pub use program::{Output, Program};
pub use victim::{Doing, Nobody, Process, Victim};

use crate::{learn::Seen, plan::Plan};
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
        let given = Kubeconfig::read(&options.kubeconfig, options.context.as_deref())?;
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(|why| Error::Listen { address: options.listen, why })?;
        let address =
            listener.local_addr().map_err(|why| Error::Listen { address: options.listen, why })?;
        let identity = match &options.certificate {
            None => Identity::make(address.ip())?,
            Some((certificate, key)) => Identity::read(certificate, key)?,
        };
        // Whoever reaches the proxy would have the identity that it holds.
        let pass = given.holds_a_certificate().then(certificate::secret_text).transpose()?;
        let kubeconfig = given.for_clients(address, &identity.pem, pass.as_deref());
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

    /// Whether each fault of the plan has struck.
    pub fn complete(&self) -> bool {
        self.shared.state().schedule.complete()
    }

    /// How often faults have struck since the plan began.
    pub fn struck(&self) -> u64 {
        self.shared.state().schedule.struck()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
