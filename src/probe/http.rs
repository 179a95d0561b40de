//! One HTTP request, repeated until its answer is as expected or the time is up.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, body::Bytes};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use kulisse_core::{api::task::Expect, plan::task::HttpWork};
use serde_json::Value;

use crate::cause::innermost;

/// One request has this long.
const ONE: Duration = Duration::from_secs(10);
/// One that has less says nothing.
const LEAST: Duration = Duration::from_secs(1);
/// Pause between requests.
const PAUSE: Duration = Duration::from_millis(500);
/// Most bytes of an answer that are looked at.
const MOST: usize = 4 * 1024 * 1024;

/// Makes the request until its answer is as expected. Redirects are not followed: an answer that
/// leads elsewhere is an answer.
///
/// # Errors
///
/// What the last answer lacked, when the time was up.
pub async fn run(work: &HttpWork) -> Result<String, String> {
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| format!("no certificates to trust: {error}"));
    let connector = match connector {
        Ok(builder) => builder.https_or_http().enable_http1().build(),
        // An image without certificates can still speak plain HTTP.
        Err(_) => HttpsConnectorBuilder::new()
            .with_tls_config(no_roots())
            .https_or_http()
            .enable_http1()
            .build(),
    };
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let until = tokio::time::Instant::now() + Duration::from_secs(u64::from(work.within_seconds));
    let mut said = None;
    loop {
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let patience = ONE.min(left);
        let lacks = match tokio::time::timeout(patience, once(&client, work)).await {
            Ok(Ok(fine)) => return Ok(fine),
            Ok(Err(lacks)) => lacks,
            Err(_) => {
                let silent = || format!("no answer within {} s", patience.as_secs_f32().round());
                // One that is cut short says less than what was answered before.
                said.filter(|_| patience < ONE).unwrap_or_else(silent)
            }
        };
        if tokio::time::Instant::now() + PAUSE + LEAST >= until {
            return Err(format!("{}: {lacks}", work.url));
        }
        said = Some(lacks);
        tokio::time::sleep(PAUSE).await;
    }
}

type Caller = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

async fn once(client: &Caller, work: &HttpWork) -> Result<String, String> {
    let request = Request::get(&work.url)
        .header("user-agent", concat!("kulisse/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|error| format!("not a URL: {error}"))?;
    let answer = client.request(request).await.map_err(|error| innermost(&error))?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MOST)
        .collect()
        .await
        .map_err(|error| format!("the body ended early: {error}"))?
        .to_bytes();
    judge(status, &body, &work.expect)?;
    Ok(format!("{status} from {}", work.url))
}

/// Whether an answer is as expected.
///
/// # Errors
///
/// What it lacks.
fn judge(status: u16, body: &[u8], expect: &Expect) -> Result<(), String> {
    match expect.status {
        Some(wanted) if wanted != status => {
            return Err(format!("status {status} instead of {wanted}"));
        }
        None if !(200..300).contains(&status) => {
            return Err(format!("status {status} instead of 2xx"));
        }
        _ => {}
    }
    if let Some(text) = &expect.body_contains
        && !String::from_utf8_lossy(body).contains(text.as_str())
    {
        return Err(format!("the body does not contain {text:?}"));
    }
    if expect.json.is_empty() {
        return Ok(());
    }
    let json: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    for (pointer, wanted) in &expect.json {
        let found = match json.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => return Err(format!("the body has nothing at {pointer}")),
        };
        if found != *wanted {
            return Err(format!("{found:?} instead of {wanted:?} at {pointer}"));
        }
    }
    Ok(())
}

fn no_roots() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;

    fn expect(status: Option<u16>, text: Option<&str>, json: &[(&str, &str)]) -> Expect {
        Expect {
            status,
            body_contains: text.map(str::to_owned),
            json: json.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
        }
    }

    #[test]
    fn without_expectations_any_2xx_will_do() {
        assert!(judge(204, b"", &Expect::default()).is_ok());
        assert!(judge(302, b"", &Expect::default()).is_err());
    }

    #[test]
    fn all_that_is_expected_must_hold() {
        let body = br#"{"items":[{"id":7}],"status":"ok"}"#;
        assert!(judge(200, body, &expect(Some(200), Some("ok"), &[("/items/0/id", "7")])).is_ok());
        for (wrong, names) in [
            (expect(Some(201), None, &[]), "201"),
            (expect(None, Some("nope"), &[]), "nope"),
            (expect(None, None, &[("/status", "bad")]), "/status"),
            (expect(None, None, &[("/missing", "x")]), "/missing"),
        ] {
            assert!(judge(200, body, &wrong).unwrap_err().contains(names), "{names}");
        }
    }

    /// Answers every request with this, and counts them.
    fn answering(with: String) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let come = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&come);
        thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(with.as_bytes());
            }
        });
        (port, come)
    }

    fn work(url: String) -> HttpWork {
        HttpWork { url, expect: Expect::default(), within_seconds: 1 }
    }

    #[tokio::test]
    async fn an_answer_that_leads_elsewhere_is_followed_nowhere() {
        let (other, come) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into());
        assert!(run(&work(format!("http://127.0.0.1:{other}/"))).await.is_ok(), "it would answer");
        let alone = come.load(Ordering::SeqCst);
        for code in [301, 302, 303, 307, 308] {
            for to in ["http://127.0.0.1:{p}/", "//127.0.0.1:{p}/", "http://localhost:{p}/"] {
                let to = to.replace("{p}", &other.to_string());
                let head =
                    format!("HTTP/1.1 {code} x\r\nlocation: {to}\r\nrefresh: 0; url={to}\r\n");
                let (port, _) = answering(format!("{head}content-length: 0\r\n\r\n"));
                let said = run(&work(format!("http://127.0.0.1:{port}/"))).await.unwrap_err();
                assert!(said.contains(&code.to_string()), "{said}");
            }
        }
        assert_eq!(come.load(Ordering::SeqCst), alone);
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_not_held() {
        let body = "x".repeat(MOST + 1);
        let (port, _) = answering(format!("HTTP/1.1 200 OK\r\n\r\n{body}"));
        let said = run(&work(format!("http://127.0.0.1:{port}/"))).await.unwrap_err();
        assert!(said.contains("the body ended early"), "{said}");
    }

    #[tokio::test]
    async fn an_address_that_never_answers_has_the_time_of_the_task_and_no_more() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let said = run(&work(format!("http://127.0.0.1:{port}/"))).await.unwrap_err();
        assert!(said.contains("no answer within 1 s"), "{said}");
    }
}
