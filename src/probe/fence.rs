//! Tries the ways to production, all at once.

use std::time::Duration;

use futures::future::join_all;
use kulisse_core::plan::probe::{ControlAnswer, ProbeAnswer, ProbeSpec};
use tokio::net::{TcpStream, lookup_host};

/// How often a name is looked up: DNS may still be starting in a young cluster.
const LOOK_UPS: u32 = 5;

/// Longest list of open ways, in characters: a termination message holds 4 KiB.
const LISTED: usize = 3000;

/// Tries all ways of `spec`.
pub async fn run(spec: &ProbeSpec) -> ProbeAnswer {
    let patience = Duration::from_secs(u64::from(spec.timeout_seconds));
    let ways = spec.ways.iter().map(|way| (way.what.as_str(), way.host.as_str(), way.port));
    let metadata = ("metadata", spec.metadata.host.as_str(), spec.metadata.port);
    let ways = join_all(ways.chain([metadata]).map(|(what, host, port)| async move {
        answers(host, port, patience).await.then(|| what.to_owned())
    }));
    let api = join_all(
        spec.api
            .iter()
            .map(|it| async move { answers(&it.address.to_string(), it.port, patience).await }),
    );
    let control = async {
        match &spec.control {
            None => ControlAnswer::NotTried,
            Some(at) if answers(&at.host, at.port, patience).await => ControlAnswer::Answered,
            Some(_) => ControlAnswer::Silent,
        }
    };
    let (ways, api, control, dns) = futures::join!(ways, api, control, resolves(&spec.dns));
    let tried = u32::try_from(ways.len()).unwrap_or(u32::MAX);
    let mut room = LISTED;
    let open = ways.into_iter().flatten().take_while(|what| {
        room = room.saturating_sub(what.len() + 4);
        room > 0
    });
    ProbeAnswer {
        tried,
        open: open.collect(),
        left_out: spec.left_out,
        control,
        control_at: spec.control.clone(),
        dns,
        api: api.contains(&true),
    }
}

/// Whether anything takes up a connection. A refusal does not count: policies may refuse as well as
/// drop, and the control tells the two apart from a dead address.
async fn answers(host: &str, port: u16, patience: Duration) -> bool {
    let dial = TcpStream::connect((host, port));
    matches!(tokio::time::timeout(patience, dial).await, Ok(Ok(_)))
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
