//! One request, from its arrival to its end.

use std::{future::pending, sync::Arc, time::Instant};

use http_body_util::{BodyExt, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderMap, HeaderValue},
    http::request::Parts,
};
use hyper_util::rt::TokioIo;
use tokio::time::sleep;

use super::{
    body::{self, Body},
    course::{After, Answer, Before, Course, Trouble},
    frames,
    log::Passed,
    shared::{Counted, Cut, Shared},
    wire::Connection,
};
use crate::request::{Request as Asked, Verb};

/// More than any API server takes.
const LARGEST: usize = 32 << 20;

/// Answers a request, or closes its connection.
pub async fn serve(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let arrived = Instant::now();
    let upgrade = request.headers().contains_key(header::UPGRADE);
    let upgraded = upgrade.then(|| hyper::upgrade::on(&mut request));
    let (mut parts, given) = request.into_parts();
    if !authenticated(&shared, &mut parts.headers) {
        return Ok(trouble(Trouble { code: 401, retry_after: None }));
    }
    let body = if upgrade {
        Bytes::new()
    } else {
        let whole = Limited::new(given, LARGEST).collect().await;
        whole.map_err(|_| Cut("the request broke off, or is too large"))?.to_bytes()
    };
    let asked = asked(&parts, &body);
    if asked.verb == Verb::Watch {
        lines_of_json(&mut parts.headers);
    }
    shared.pass(&connection).await?;
    let counted = shared.request(&asked);
    let (status, error) = (None, None);
    let mut one =
        One { shared, connection, asked, parts, body, upgraded, counted, arrived, status, error };
    let answer = one.happen().await;
    one.status = answer.as_ref().ok().map(|it| it.status().as_u16());
    answer
}

/// A request that is being answered.
struct One {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    asked: Asked,
    parts: Parts,
    body: Bytes,
    upgraded: Option<hyper::upgrade::OnUpgrade>,
    counted: Counted,
    arrived: Instant,
    status: Option<u16>,
    error: Option<String>,
}

impl Drop for One {
    /// Also when the client has gone while it waited.
    fn drop(&mut self) {
        self.shared.log.passed(&Passed {
            number: self.counted.number,
            life: self.connection.life,
            request: &self.asked,
            action: self.counted.strike.map(|it| it.action),
            status: self.status,
            took: self.arrived.elapsed(),
            error: self.error.take(),
        });
    }
}

impl One {
    async fn happen(&mut self) -> Result<Response<Body>, Cut> {
        let strike = self.counted.strike;
        let course = strike.map_or(Course::PLAIN, |it| Course::of(it.action));
        match course.before {
            Before::Pass => {}
            Before::Wait(time) => sleep(time).await,
            Before::Swap => self.shared.swap(strike.map_or(0, |it| it.fault)).await,
            Before::Answer(it) if it.code == 410 && self.asked.verb == Verb::Watch => {
                return Ok(json(StatusCode::OK, frames::gone()));
            }
            Before::Answer(it) => return Ok(trouble(it)),
            Before::Cut => return Err(Cut("dropped")),
            Before::Reset => {
                self.connection.reset();
                return Err(Cut("reset"));
            }
            // For as long as the client waits.
            Before::Hang => return pending().await,
            Before::Kill(signal) => {
                self.shared.kill(signal).await;
                return Err(Cut("killed"));
            }
        }
        if course.before != Before::Pass {
            // Time has passed: the client may have gone, and what it sent with it.
            self.shared.pass(&self.connection).await?;
        }
        if course.twice {
            drop(self.ask().await?);
        }
        let response = self.ask().await?;
        for waiting in self.counted.waiting.drain(..) {
            // Whoever waited too long has gone on.
            let _ = waiting.send(());
        }
        match course.after {
            After::Answer => {}
            After::Wait(time) => sleep(time).await,
            After::Instead(it) => return Ok(trouble(it)),
            After::Cut => return Err(Cut("the answer was dropped")),
            After::Kill(signal) => {
                self.shared.kill(signal).await;
                return Err(Cut("killed"));
            }
        }
        self.answer(response, course.answer).await
    }

    async fn ask(&mut self) -> Result<Response<Incoming>, Cut> {
        let upgrade = self.upgraded.is_some();
        let asked = self.shared.upstream.ask(&self.parts, self.body.clone(), upgrade).await;
        asked.map_err(|error| {
            self.error = Some(causes(&error));
            Cut("the API server did not answer")
        })
    }

    async fn answer(
        &mut self,
        mut response: Response<Incoming>,
        how: Answer,
    ) -> Result<Response<Body>, Cut> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.join(&mut response);
            return Ok(response.map(|_| body::empty()));
        }
        let watch = self.asked.verb == Verb::Watch && is_json(&response);
        let (mut head, given) = response.into_parts();
        head.headers.remove(header::CONNECTION);
        head.headers.remove(header::TRANSFER_ENCODING);
        if watch && matches!(how, Answer::Whole | Answer::ThenKill(_)) {
            if let Answer::ThenKill(signal) = how {
                self.shared.kill_soon(signal).await;
            }
            let (shared, asked) = (self.shared.clone(), self.asked.clone());
            let stream = frames::watch(shared, self.counted.number, asked, given);
            return Ok(Response::from_parts(head, stream));
        }
        let body = match how {
            Answer::Whole => given.map_err(Into::into).boxed_unsync(),
            Answer::Silent => body::silent(),
            Answer::Drip(_) | Answer::Half | Answer::ThenKill(_) => {
                let whole = given.collect().await;
                let whole = whole.map_err(|_| Cut("the API server broke off"))?.to_bytes();
                // So that whoever reads half of it can know.
                head.headers.insert(header::CONTENT_LENGTH, whole.len().into());
                match how {
                    Answer::Drip(pause) => body::drip(whole, pause),
                    Answer::Half => body::half(&whole),
                    Answer::ThenKill(signal) => {
                        self.shared.kill_soon(signal).await;
                        body::full(whole)
                    }
                    Answer::Whole | Answer::Silent => body::full(whole),
                }
            }
        };
        Ok(Response::from_parts(head, body))
    }

    /// What comes after the answer belongs to another protocol: it passes as it is.
    fn join(&mut self, response: &mut Response<Incoming>) {
        let Some(client) = self.upgraded.take() else { return };
        let server = hyper::upgrade::on(response);
        tokio::spawn(async move {
            if let (Ok(client), Ok(server)) = tokio::join!(client, server) {
                let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

fn asked(parts: &Parts, body: &[u8]) -> Asked {
    let uri = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    let content = parts.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let mut asked = Asked::new(parts.method.as_str(), uri, content);
    asked.read_body(body);
    asked
}

/// Where the proxy shows its own certificate, a client has to show that it was given the kubeconfig.
/// What it shows goes no further.
fn authenticated(shared: &Shared, headers: &mut HeaderMap) -> bool {
    let Some(pass) = &shared.pass else { return true };
    let shown = headers.remove(header::AUTHORIZATION);
    shown.is_some_and(|it| it.to_str().ok().and_then(|it| it.strip_prefix("Bearer ")) == Some(pass))
}

/// Watches are understood as lines of JSON: what is not that is not asked for.
fn lines_of_json(headers: &mut HeaderMap) {
    headers.remove(header::ACCEPT_ENCODING);
    let accepted = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let of_json =
        |it: &&str| it.split(';').next().is_some_and(|it| it.trim() == "application/json");
    let kept: Vec<&str> = accepted.split(',').filter(of_json).collect();
    if let Ok(kept) = HeaderValue::from_str(&kept.join(","))
        && !kept.is_empty()
    {
        headers.insert(header::ACCEPT, kept);
    }
}

fn is_json(response: &Response<Incoming>) -> bool {
    let content = response.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    response.status() == StatusCode::OK
        && content.is_some_and(|it| it.starts_with("application/json"))
}

fn trouble(it: Trouble) -> Response<Body> {
    let code = StatusCode::from_u16(it.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(code, Bytes::from(it.body().to_string()));
    if let Some(seconds) = it.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn json(code: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(body::full(bytes));
    *response.status_mut() = code;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An error with its causes: the innermost says most. They are about connections, and hold nothing
/// that was sent.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
