//! Why a proxy cannot start.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A kubeconfig that cannot be used.
    #[error("kubeconfig {}: {why}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what is allowed.
        why: String,
    },
    /// Nobody can listen there.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        why: io::Error,
    },
    /// Clients would be told an address that leads nowhere.
    #[error(
        "{0} is every address of this machine and leads clients to none: --advertise NAME[:PORT] \
             says where they reach the proxy"
    )]
    Nameless(SocketAddr),
    /// Not a name that clients could reach.
    #[error("`{0}` is not a name to advertise; allowed are NAME, NAME:PORT and addresses")]
    Name(String),
    /// Certificate and key do not go together, or are none.
    #[error("certificate and key cannot be used: {0}")]
    Certificate(rustls::Error),
    /// No certificate can be made.
    #[error("no certificate can be made: {0}")]
    Issue(String),
    /// The command cannot be started.
    #[error("cannot start `{command}`: {why}")]
    Command {
        /// The program.
        command: String,
        /// Why.
        why: io::Error,
    },
}
