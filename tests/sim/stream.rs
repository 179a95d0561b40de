//! Watches on their way to the operator: what becomes of single events.

use std::{io, time::Duration};

use futures::{Stream, StreamExt, stream};
use hyper::body::{Bytes, Frame};
use kube_faults::{plan::Action, request::Request as Heard};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    server::watch::{Told, expired},
};

/// A piece of an answer.
pub type Piece = Result<Frame<Bytes>, io::Error>;

/// A watch, as its client sees it.
pub fn on_its_way(
    cluster: Cluster,
    watch: Heard,
    events: impl Stream<Item = Told> + Send + 'static,
) -> impl Stream<Item = String> + Send + 'static {
    let way = Way { cluster, watch, events: events.boxed(), late: None, ended: false };
    stream::unfold(way, |mut way| async move { way.next().await.map(|lines| (lines, way)) })
}

struct Way {
    cluster: Cluster,
    watch: Heard,
    events: stream::BoxStream<'static, Told>,
    /// The event that comes after the next one.
    late: Option<String>,
    ended: bool,
}

impl Way {
    /// The next lines that arrive; none at the end.
    async fn next(&mut self) -> Option<String> {
        while !self.ended {
            let Some(Told { of, line }) = self.events.next().await else { break };
            let action = self.cluster.tell(&self.watch, of);
            let late = self.late.take();
            let lines = match action {
                Action::Drop => String::new(),
                Action::Duplicate => line.repeat(2),
                Action::Reorder => {
                    self.late = Some(line);
                    String::new()
                }
                Action::Delay(time) => {
                    sleep(time).await;
                    line
                }
                Action::FreezeWatch => std::future::pending().await,
                Action::Close => break,
                Action::Gone => {
                    self.ended = true;
                    expired(1, 2).line
                }
                Action::KillBefore(_) => {
                    self.cluster.die().await;
                    break;
                }
                Action::KillAnswered(_) => {
                    self.cluster.kill();
                    line
                }
                // What happens to requests happened before.
                Action::Pass
                | Action::Hold(_)
                | Action::Swap
                | Action::DropBefore
                | Action::DropAfter
                | Action::Reset
                | Action::Status { .. }
                | Action::Hang
                | Action::Drip(_)
                | Action::Truncate
                | Action::KillAfter(_) => line,
            };
            let lines = lines + late.as_deref().unwrap_or_default();
            if !lines.is_empty() {
                return Some(lines);
            }
        }
        self.ended = true;
        self.late.take()
    }
}

/// Bytes as they are sent: at once, or one by one.
pub fn pieces(bytes: &[u8], drip: Option<Duration>) -> impl Stream<Item = Piece> + Send + use<> {
    let size = if drip.is_some() { 1 } else { bytes.len().max(1) };
    let pieces: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    stream::iter(pieces).then(move |it| async move {
        if let Some(time) = drip {
            sleep(time).await;
        }
        Ok(Frame::data(it))
    })
}
