//! Watches, event by event: a line of JSON each.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use tokio::time::sleep;

use super::{
    body::{Body, Pipe, piped},
    course::Trouble,
    shared::{Blow, Cut, Origin, Shared},
};
use crate::{
    plan::{Action, EventType},
    request::Request,
};

/// The watch with this number, as its client sees it. Each line comes as one piece.
pub fn watch(
    shared: Arc<Shared>,
    (number, origin): (u64, Origin),
    request: Request,
    answer: Incoming,
) -> Body {
    let (sender, body) = piped();
    let stream = Stream { shared, number, origin, events: 0, request, sender, late: None };
    tokio::spawn(async move {
        // Whoever is on the other end has gone, or been told.
        let _ = stream.run(answer).await;
    });
    body
}

/// The event that ends a watch whose past is gone.
pub fn gone() -> Bytes {
    let trouble = Trouble { code: 410, retry_after: None };
    let event = serde_json::json!({ "type": "ERROR", "object": trouble.body() });
    Bytes::from(format!("{event}\n"))
}

struct Stream {
    shared: Arc<Shared>,
    number: u64,
    origin: Origin,
    events: u64,
    request: Request,
    sender: Pipe,
    /// The event that comes after the next one.
    late: Option<(Bytes, Blow)>,
}

/// Why a watch ends: the client is gone, or is to be.
struct Ended;

/// The type of an event; the rest of it is passed over.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    of: String,
}

impl Stream {
    async fn run(mut self, mut answer: Incoming) -> Result<(), Ended> {
        let mut rest: Vec<u8> = Vec::new();
        loop {
            // A client that goes must not leave its watch open at the API server.
            let frame = tokio::select! {
                frame = answer.frame() => frame,
                () = self.sender.closed() => return Err(Ended),
            };
            let data = match frame {
                None => break,
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(_)) => {
                    let _ = self.sender.send(Err(Cut("the API server ended the watch"))).await;
                    return Err(Ended);
                }
            };
            rest.extend_from_slice(&data);
            while let Some(end) = rest.iter().position(|it| *it == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                self.line(Bytes::from(line)).await?;
            }
        }
        // There was none that it could come after: it is lost no more than any other.
        if let Some((late, _)) = self.late.take() {
            self.send(late).await?;
        }
        if rest.is_empty() { Ok(()) } else { self.send(Bytes::from(rest)).await }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Ended> {
        self.sender.send(Ok(bytes)).await.map_err(|_| Ended)
    }

    async fn line(&mut self, line: Bytes) -> Result<(), Ended> {
        let event = serde_json::from_slice::<Event>(&line).ok();
        let Some(event) = event.and_then(|it| EventType::of_field(&it.of)) else {
            return self.send(line).await;
        };
        self.events += 1;
        let blow = self.shared.event(&self.request, self.origin, event);
        let action = blow.map(|it| it.strike.action);
        self.shared.log.event(self.number, self.events, &self.request, event, action);
        let late = self.late.take();
        match blow {
            None => self.send(line).await?,
            Some(blow) => self.struck(line, blow).await?,
        }
        if let Some((late, blow)) = late {
            self.send(late).await?;
            self.shared.carried_out(blow);
        }
        Ok(())
    }

    /// What happens to an event.
    async fn struck(&mut self, line: Bytes, blow: Blow) -> Result<(), Ended> {
        let done = || self.shared.carried_out(blow);
        match blow.strike.action {
            Action::Delay(time) => {
                done();
                sleep(time).await;
                self.send(line).await
            }
            Action::Duplicate => {
                self.send(line.clone()).await?;
                self.send(line).await?;
                done();
                Ok(())
            }
            Action::Drop => {
                done();
                Ok(())
            }
            Action::Reorder => {
                self.late = Some((line, blow));
                Ok(())
            }
            Action::Close => {
                done();
                Err(Ended)
            }
            Action::Gone => {
                self.send(gone()).await?;
                done();
                Err(Ended)
            }
            Action::FreezeWatch => {
                done();
                self.sender.closed().await;
                Err(Ended)
            }
            Action::KillBefore(signal) => {
                self.shared.kill(blow, signal).await;
                let _ = self.sender.send(Err(Cut("killed"))).await;
                Err(Ended)
            }
            Action::KillAnswered(signal) => {
                self.send(line).await?;
                self.shared.kill_soon(blow, signal).await;
                Ok(())
            }
            // All but the first happen to requests alone; a plan that says otherwise cannot be read.
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
            | Action::KillAfter(_) => self.send(line).await,
        }
    }
}
