//! Tries the ways to production, all at once.

use std::time::Duration;

use futures::future::join_all;
use kulisse_core::plan::probe::{ProbeAnswer, ProbeSpec};
use tokio::net::{TcpStream, lookup_host};

/// How often a name is looked up: DNS may still be starting in a young cluster.
const LOOK_UPS: u32 = 5;

/// Tries all ways of `spec`.
pub async fn run(spec: &ProbeSpec) -> ProbeAnswer {
    let patience = Duration::from_secs(u64::from(spec.timeout_seconds));
    let ways = join_all(spec.all_ways().into_iter().map(|way| async move {
        let open = answers(&way.host, way.port, patience).await;
        open.then(|| way.what.clone())
    }));
    let control = async {
        match &spec.control {
            Some(control) => Some(answers(&control.host, control.port, patience).await),
            None => None,
        }
    };
    let (ways, control, dns) = futures::join!(ways, control, resolves(&spec.dns));
    ProbeAnswer {
        tried: u32::try_from(ways.len()).unwrap_or(u32::MAX),
        open: ways.into_iter().flatten().collect(),
        control,
        dns,
    }
}

/// Whether anything takes up a connection. A refusal does not count: policies may refuse as well as
/// drop, and the control tells the two apart from a dead address.
async fn answers(host: &str, port: u16, patience: Duration) -> bool {
    match tokio::time::timeout(patience, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == std::io::ErrorKind::ConnectionReset,
        Err(_) => false,
    }
}

async fn resolves(name: &str) -> bool {
    for _ in 0..LOOK_UPS {
        if lookup_host((name, 443)).await.is_ok_and(|mut it| it.next().is_some()) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    false
}
