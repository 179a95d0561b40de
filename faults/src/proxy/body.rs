//! Bodies of answers.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use tokio::{sync::mpsc, time::sleep};

use super::shared::Cut;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// No body.
pub fn empty() -> Body {
    boxed(Empty::new())
}

/// This.
pub fn full(bytes: Bytes) -> Body {
    boxed(Full::new(bytes))
}

fn boxed(body: impl HttpBody<Data = Bytes, Error = Infallible> + Send + 'static) -> Body {
    body.map_err(|never| match never {}).boxed_unsync()
}

/// What is sent into the other end. It ends well when that is dropped, and badly with an error.
pub fn piped() -> (mpsc::Sender<Result<Bytes, Cut>>, Body) {
    let (sender, receiver) = mpsc::channel(16);
    (sender, Piped(receiver).map_err(Into::into).boxed_unsync())
}

struct Piped(mpsc::Receiver<Result<Bytes, Cut>>);

impl HttpBody for Piped {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.poll_recv(context).map(|it| it.map(|it| it.map(Frame::data)))
    }
}

/// Byte by byte, with pauses.
pub fn drip(bytes: Bytes, pause: Duration) -> Body {
    let (sender, body) = piped();
    tokio::spawn(async move {
        for at in 0..bytes.len() {
            sleep(pause).await;
            if sender.send(Ok(bytes.slice(at..=at))).await.is_err() {
                return;
            }
        }
    });
    body
}

/// The first half, and then the connection is closed.
pub fn half(bytes: &Bytes) -> Body {
    /// What is not on its way when a connection is cut is lost with it.
    const SENT: Duration = Duration::from_millis(20);
    let (sender, body) = piped();
    let half = bytes.slice(..bytes.len() / 2);
    tokio::spawn(async move {
        let _ = sender.send(Ok(half)).await;
        sleep(SENT).await;
        let _ = sender.send(Err(Cut("truncated"))).await;
    });
    body
}

/// Nothing, for as long as the client waits.
pub fn silent() -> Body {
    let (sender, body) = piped();
    tokio::spawn(async move { sender.closed().await });
    body
}
