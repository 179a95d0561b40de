//! Connections of clients.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{serve::serve, shared::Shared};

/// Whoever opens a connection and says nothing goes.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection, as those who serve its requests see it.
pub struct Connection {
    /// Of which life of the client it is.
    pub life: u64,
    reset: Arc<AtomicBool>,
}

impl Connection {
    /// Has it end with a reset instead of a goodbye.
    pub fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }
}

/// Serves whoever comes, for ever.
pub async fn listen(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                tokio::spawn(connection(tcp, acceptor.clone(), shared.clone()));
            }
            // Too many open files: those that are closed make room.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(tcp: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let _ = tcp.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let connection = Arc::new(Connection { life: shared.now().life, reset: reset.clone() });
    let accepted = timeout(HANDSHAKE, acceptor.accept(Wire { tcp, reset })).await;
    let Ok(Ok(tls)) = accepted else { return };
    let service = service_fn(|request| serve(shared.clone(), connection.clone(), request));
    // A connection that is cut is an error here; that is its purpose.
    let _ = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(tls), service)
        .with_upgrades()
        .await;
}

/// A TCP connection that can end with a reset.
struct Wire {
    tcp: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            let _ = self.tcp.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
