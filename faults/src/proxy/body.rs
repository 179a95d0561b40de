//! Bodies of answers. None of them is collected that may not end: watches, and logs that are followed.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::shared::Cut;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// What is sent into the other end of a body.
pub type Pipe = mpsc::Sender<Result<Bytes, Cut>>;

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
pub fn piped() -> (Pipe, Body) {
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

/// What comes next of a body; none at its end.
async fn next(given: &mut Body) -> Option<Result<Bytes, Cut>> {
    let frame = given.frame().await?;
    let data = frame.map(|it| it.into_data().unwrap_or_default());
    Some(data.map_err(|_| Cut("the API server broke off")))
}

/// The same, for as long as somebody reads what is made of it.
async fn next_for(pipe: &Pipe, given: &mut Body) -> Option<Result<Bytes, Cut>> {
    tokio::select! {
        data = next(given) => data,
        // A client that goes must not leave its stream open at the API server.
        () = pipe.closed() => Some(Err(Cut("the client is gone"))),
    }
}

/// Byte by byte, with pauses. `struck` is called with the first one.
pub fn drip(mut given: Body, pause: Duration, struck: impl FnOnce() + Send + 'static) -> Body {
    let (pipe, body) = piped();
    tokio::spawn(async move {
        let mut struck = Some(struck);
        while let Some(data) = next_for(&pipe, &mut given).await {
            let data = match data {
                Ok(data) => data,
                Err(cut) => {
                    let _ = pipe.send(Err(cut)).await;
                    return;
                }
            };
            for at in 0..data.len() {
                sleep(pause).await;
                if pipe.send(Ok(data.slice(at..=at))).await.is_err() {
                    return;
                }
                if let Some(struck) = struck.take() {
                    struck();
                }
            }
        }
    });
    body
}

/// What is sent without a break, and whether that was all. What does not end is given up soon.
pub async fn beginning(mut given: Body) -> Result<(Bytes, bool), Cut> {
    /// An answer is one piece; a log that is followed pauses.
    const SOON: Duration = Duration::from_secs(2);
    let mut all = Vec::new();
    let collected = timeout(SOON, async {
        while let Some(data) = next(&mut given).await {
            all.extend_from_slice(&data?);
        }
        Ok(())
    });
    let ended = match collected.await {
        Ok(ended) => ended.map(|()| true)?,
        Err(_) => false,
    };
    Ok((Bytes::from(all), ended))
}

/// The first half of this, and then the connection is closed.
pub fn half(bytes: Bytes, struck: impl FnOnce() + Send + 'static) -> Body {
    let (pipe, body) = piped();
    tokio::spawn(async move { break_off(&pipe, &bytes, struck).await });
    body
}

/// The first half of the first line of a watch, and then the connection is closed.
pub fn half_a_line(mut given: Body, struck: impl FnOnce() + Send + 'static) -> Body {
    let (pipe, body) = piped();
    tokio::spawn(async move {
        match next_for(&pipe, &mut given).await {
            Some(Ok(line)) => break_off(&pipe, &line, struck).await,
            Some(Err(cut)) => drop(pipe.send(Err(cut)).await),
            None => {}
        }
    });
    body
}

async fn break_off(pipe: &Pipe, bytes: &Bytes, struck: impl FnOnce()) {
    /// What is not on its way when a connection is cut is lost with it.
    const SENT: Duration = Duration::from_millis(20);
    let _ = pipe.send(Ok(bytes.slice(..bytes.len() / 2))).await;
    sleep(SENT).await;
    struck();
    let _ = pipe.send(Err(Cut("truncated"))).await;
}

/// This, and something is done between its first line and what follows.
pub fn then_after_the_first<F>(mut given: Body, act: impl FnOnce() -> F + Send + 'static) -> Body
where
    F: Future<Output = ()> + Send,
{
    let (pipe, body) = piped();
    tokio::spawn(async move {
        let mut act = Some(act);
        while let Some(data) = next_for(&pipe, &mut given).await {
            let well = data.is_ok();
            if pipe.send(data).await.is_err() || !well {
                return;
            }
            if let Some(act) = act.take() {
                act().await;
            }
        }
    });
    body
}

/// This, and something is done before the last of it, if it comes so far.
pub fn then_at_the_end<F>(mut given: Body, act: impl FnOnce() -> F + Send + 'static) -> Body
where
    F: Future<Output = ()> + Send,
{
    let (pipe, body) = piped();
    tokio::spawn(async move {
        // Kept back until it is known whether another one follows.
        let mut last = None;
        while let Some(data) = next_for(&pipe, &mut given).await {
            match data {
                Ok(data) => {
                    if let Some(before) = last.replace(data)
                        && pipe.send(Ok(before)).await.is_err()
                    {
                        return;
                    }
                }
                Err(cut) => {
                    let _ = pipe.send(Err(cut)).await;
                    return;
                }
            }
        }
        act().await;
        if let Some(last) = last {
            let _ = pipe.send(Ok(last)).await;
        }
    });
    body
}

/// Nothing, for as long as the client waits.
pub fn silent() -> Body {
    let (sender, body) = piped();
    tokio::spawn(async move { sender.closed().await });
    body
}
