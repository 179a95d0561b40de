//! Watches, event by event: a line of JSON each.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use tokio::{sync::mpsc, time::sleep};

use super::{
    body::{Body, piped},
    course::Trouble,
    shared::{Cut, Shared},
};
use crate::{
    plan::{Action, EventType},
    request::Request,
};

/// A watch, as its client sees it.
pub fn watch(shared: Arc<Shared>, number: u64, request: Request, answer: Incoming) -> Body {
    let (sender, body) = piped();
    let stream = Stream { shared, number, events: 0, request, sender, late: None };
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
    events: u64,
    request: Request,
    sender: mpsc::Sender<Result<Bytes, Cut>>,
    /// The event that comes after the next one.
    late: Option<Bytes>,
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
        if let Some(late) = self.late.take() {
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
        let action = self.shared.event(&self.request, event).map(|it| it.action);
        self.shared.log.event(self.number, self.events, &self.request, event, action);
        let late = self.late.take();
        match action.unwrap_or(Action::Pass) {
            Action::Delay(time) => {
                sleep(time).await;
                self.send(line).await?;
            }
            Action::Duplicate => {
                self.send(line.clone()).await?;
                self.send(line).await?;
            }
            Action::Drop => {}
            Action::Reorder => self.late = Some(line),
            Action::Close => return Err(Ended),
            Action::Gone => {
                self.send(gone()).await?;
                return Err(Ended);
            }
            Action::FreezeWatch => {
                self.sender.closed().await;
                return Err(Ended);
            }
            Action::KillBefore(signal) => {
                self.shared.kill(signal).await;
                let _ = self.sender.send(Err(Cut("killed"))).await;
                return Err(Ended);
            }
            Action::KillAnswered(signal) => {
                self.send(line).await?;
                self.shared.kill_soon(signal).await;
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
            | Action::KillAfter(_) => self.send(line).await?,
        }
        match late {
            Some(late) => self.send(late).await,
            None => Ok(()),
        }
    }
}
