//! `/livez`, `/readyz` and `/metrics`.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};

use super::metrics::Metrics;

/// What the handlers tell of.
#[derive(Clone)]
pub struct Health {
    /// Every watch has its first list.
    pub ready: Arc<AtomicBool>,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

impl Default for Health {
    /// Not ready, and nothing measured yet.
    fn default() -> Self {
        Self { ready: Arc::default(), metrics: Metrics::new() }
    }
}

/// Serves until `stop` is done. Answers the address it listens at.
///
/// # Errors
///
/// If the address is taken.
pub async fn serve(
    listen: SocketAddr,
    health: Health,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<(SocketAddr, impl Future<Output = std::io::Result<()>>)> {
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health);
    let listener = tokio::net::TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let server = axum::serve(listener, routes).with_graceful_shutdown(stop);
    Ok((address, async move { server.await }))
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    if health.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "waiting for the first list of every watch\n")
    }
}

async fn metrics(State(health): State<Health>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], health.metrics.text())
}
