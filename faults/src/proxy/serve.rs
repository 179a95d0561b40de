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
    accept::{content_type, is_json, lines_of_json},
    body::{self, Body},
    course::{After, Answer, Before, Course, Trouble},
    frames,
    log::Passed,
    shared::{Blow, Counted, Cut, Shared},
    wire::Connection,
};
use crate::{
    plan::Signal,
    request::{Request as Asked, Verb},
};

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
        return Ok(unknown());
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
    let counted = shared.admit(connection.life, &asked).await?;
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
            action: self.counted.blow.map(|it| it.strike.action),
            status: self.status,
            took: self.arrived.elapsed(),
            error: self.error.take(),
        });
    }
}

impl One {
    async fn happen(&mut self) -> Result<Response<Body>, Cut> {
        let course = self.counted.blow.map_or(Course::PLAIN, |it| Course::of(it.strike.action));
        match course.before {
            Before::Pass => {}
            Before::Wait(time) => {
                // It is late from its first moment on, also for a client that does not wait so long.
                self.struck();
                sleep(time).await;
            }
            Before::Swap => {
                if let Some(blow) = self.counted.blow
                    && self.shared.swap(blow).await
                {
                    self.struck();
                }
            }
            Before::Answer(it) => {
                self.struck();
                let watch = it.code == 410 && self.asked.verb == Verb::Watch;
                return Ok(if watch { json(StatusCode::OK, frames::gone()) } else { trouble(it) });
            }
            Before::Cut => {
                self.struck();
                return Err(Cut("dropped"));
            }
            Before::Reset => {
                self.struck();
                self.connection.reset();
                return Err(Cut("reset"));
            }
            Before::Hang => {
                self.struck();
                // For as long as the client waits.
                return pending().await;
            }
            Before::Kill(signal) => return self.killed(signal).await,
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
        if course.twice {
            self.struck();
        }
        match course.after {
            After::Answer => {}
            After::Wait(time) => {
                self.struck();
                sleep(time).await;
            }
            After::Instead(it) => {
                self.struck();
                return Ok(trouble(it));
            }
            After::Cut => {
                self.struck();
                return Err(Cut("the answer was dropped"));
            }
            After::Kill(signal) => return self.killed(signal).await,
        }
        self.answer(response, course.answer).await
    }

    /// What is to happen to it has happened.
    fn struck(&self) {
        if let Some(blow) = self.counted.blow {
            self.shared.carried_out(blow);
        }
    }

    async fn killed<T>(&self, signal: Signal) -> Result<T, Cut> {
        if let Some(blow) = self.counted.blow {
            self.shared.kill(blow, signal).await;
        }
        Err(Cut("killed"))
    }

    async fn ask(&mut self) -> Result<Response<Incoming>, Cut> {
        let upgrade = self.upgraded.is_some();
        let asked = self.shared.upstream.ask(&self.parts, self.body.clone(), upgrade).await;
        asked.map_err(|error| {
            let why = causes(&error);
            self.shared.complaints.once(&format!("the API server did not answer: {why}"));
            self.error = Some(why);
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
        let watch = self.asked.verb == Verb::Watch;
        let understood = watch && is_json(&response);
        if watch && !understood && response.status() == StatusCode::OK {
            self.shared.complaints.once(&format!(
                "a watch was answered as `{}`, not as JSON: its events are not seen, and no fault \
                 strikes them",
                content_type(&response)
            ));
        }
        let (mut head, given) = response.into_parts();
        head.headers.remove(header::CONNECTION);
        head.headers.remove(header::TRANSFER_ENCODING);
        let given = if understood {
            let (shared, asked) = (self.shared.clone(), self.asked.clone());
            frames::watch(shared, (self.counted.number, self.counted.origin), asked, given)
        } else {
            given.map_err(Into::into).boxed_unsync()
        };
        // All that is left are answers to which something happens.
        let Some(blow) = self.counted.blow.filter(|_| how != Answer::Whole) else {
            return Ok(Response::from_parts(head, given));
        };
        let body = self.changed(blow, how, given, &mut head.headers).await?;
        Ok(Response::from_parts(head, body))
    }

    /// The body of an answer to which something happens.
    async fn changed(
        &self,
        blow: Blow,
        how: Answer,
        given: Body,
        head: &mut HeaderMap,
    ) -> Result<Body, Cut> {
        let shared = self.shared.clone();
        let marked = self.shared.clone();
        let struck = move || marked.carried_out(blow);
        Ok(match how {
            Answer::Whole => given,
            Answer::Silent => {
                struck();
                body::silent()
            }
            Answer::Drip(pause) => body::drip(given, pause, struck),
            Answer::Half if self.asked.verb == Verb::Watch => body::half_a_line(given, struck),
            Answer::Half => {
                let (bytes, all) = body::beginning(given).await?;
                if all {
                    // So that whoever reads half of it can know.
                    head.insert(header::CONTENT_LENGTH, bytes.len().into());
                }
                body::half(bytes, struck)
            }
            Answer::ThenKill(signal) => {
                let kill = move || async move { shared.kill_soon(blow, signal).await };
                if self.asked.verb == Verb::Watch {
                    body::then_after_the_first(given, kill)
                } else {
                    body::then_at_the_end(given, kill)
                }
            }
        })
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

/// Whoever does not show what the proxy wants to see, in words: the API server has not been asked.
fn unknown() -> Response<Body> {
    let mut body = Trouble { code: 401, retry_after: None }.body();
    body["message"] =
        "kube-faults: the proxy shows the API server a client certificate, and wants to \
                       see `Authorization: Bearer` with the token of the kubeconfig that it has \
                       written in this run; the API server was not asked"
            .into();
    json(StatusCode::UNAUTHORIZED, Bytes::from(body.to_string()))
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
