//! Every request to the API server goes through here: it has a deadline, and what may be tried
//! again is.
//!
//! The client has neither a deadline nor a policy of its own (it would re-send any POST up to
//! fifteen times). Here a request is repeated when the server asked for it or did not answer;
//! POSTs may be, since every name we create is deterministic and *already exists* is looked into
//! by the caller.

use std::{future::Future, ops::ControlFlow, time::Duration};

use http_body_util::Limited;
use kube::{
    Api, Client,
    api::{
        DeleteParams, ListParams, ObjectList, Patch, PostParams, Preconditions, PropagationPolicy,
    },
};
use kulisse_core::api::names;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Error, code, is_too_large};

/// A request that is not a list is answered within this.
const DEADLINE: Duration = Duration::from_secs(10);
/// A list is answered within this.
const LIST_DEADLINE: Duration = Duration::from_secs(30);
/// Objects that a list has at once.
const PAGE: u32 = 500;
/// Most bytes of an answer that is made of what others have written, see [`bounded`]: several are read
/// at a time, and read they take three times as much.
const ANSWER: usize = 4 * 1024 * 1024;
/// Attempts, the first included.
const ATTEMPTS: u32 = 4;
/// Pause after the first attempt; it triples.
const PAUSE: Duration = Duration::from_millis(60);
/// The longest pause that a server may ask for within one pass.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Makes a request. `what` names it for people: `get Namespace shop`.
///
/// # Errors
///
/// The last attempt's error, or that there was no answer in time.
pub async fn call<T, F>(what: &str, request: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = kube::Result<T>>,
{
    attempt(what, DEADLINE, false, request).await
}

/// As [`call`], for requests that carry a Secret: the server quotes the body in its errors.
///
/// # Errors
///
/// As [`call`], without the server's words.
pub async fn call_secret<T, F>(what: &str, request: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = kube::Result<T>>,
{
    attempt(what, DEADLINE, true, request).await
}

/// As [`call`], for lists.
///
/// # Errors
///
/// As [`call`].
pub async fn call_list<T, F>(what: &str, request: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = kube::Result<T>>,
{
    attempt(what, LIST_DEADLINE, false, request).await
}

/// Makes the requests of a list that comes in pages, each by `list`, and answers all of it.
///
/// # Errors
///
/// As [`each_page`].
pub async fn pages_of<T, F>(list: impl Fn(ListParams) -> F) -> Result<Vec<T>, Error>
where
    T: Clone,
    F: Future<Output = Result<ObjectList<T>, Error>>,
{
    let mut items = Vec::new();
    let taken = each_page(list, |page| {
        items.extend(page);
        ControlFlow::Continue(())
    });
    let _ = taken.await?;
    Ok(items)
}

/// The same, but each page goes to `take` as it comes, until that has enough: so no more need be kept of
/// what others write than is wanted. Pages that are too large come again as smaller ones. Tells whether
/// `take` had enough.
///
/// # Errors
///
/// The first other error of `list`.
pub async fn each_page<T, F>(
    list: impl Fn(ListParams) -> F,
    mut take: impl FnMut(Vec<T>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error>
where
    T: Clone,
    F: Future<Output = Result<ObjectList<T>, Error>>,
{
    let mut limit = PAGE;
    let mut params = ListParams::default().limit(limit);
    loop {
        let page = match list(params.clone()).await {
            Err(error) if error.is_too_large() && limit > 1 => {
                limit = (limit / 8).max(1);
                params = params.limit(limit);
                continue;
            }
            page => page?,
        };
        limit = (limit * 2).min(PAGE);
        params = params.limit(limit);
        if take(page.items).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(ControlFlow::Continue(())),
        }
    }
}

/// All that `api` lists, page by page; nothing that carries a Secret.
///
/// # Errors
///
/// As [`call_list`].
pub async fn pages<T>(api: &Api<T>, what: &str) -> Result<Vec<T>, Error>
where
    T: Clone + DeserializeOwned + std::fmt::Debug,
{
    pages_of(|params| async move { call_list(what, || api.list(&params)).await }).await
}

/// A client whose every request is answered within a while, or counts as lost: the lists of watches go
/// through no [`call`], and one that is never answered would be waited for for ever. What a watch says
/// after that may take its time.
pub fn answered(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request| {
        let client = client.clone();
        async move {
            match tokio::time::timeout(LIST_DEADLINE, client.send(request)).await {
                Ok(answer) => answer.map_err(tower::BoxError::from),
                Err(late) => Err(tower::BoxError::from(late)),
            }
        }
    });
    Client::new(service, namespace)
}

/// A client whose answers are read only as far as [`ANSWER`]: how large the objects of a namespace are,
/// others decide. An answer that is larger is an error, see [`Error::is_too_large`].
pub fn bounded(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request| {
        let client = client.clone();
        async move {
            let answer = client.send(request).await?;
            Ok::<_, tower::BoxError>(answer.map(|body| Limited::new(body, ANSWER)))
        }
    });
    Client::new(service, namespace)
}

/// How the operator creates: under its own field manager.
pub fn creation() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

/// A JSON patch of these operations.
pub fn json_patch(operations: Vec<Value>) -> Result<Patch<()>, Error> {
    let operations = serde_json::from_value(Value::Array(operations));
    Ok(Patch::Json(operations.map_err(|_| Error::Malformed("a patch"))?))
}

/// How the operator deletes what it looked at, and not another object of the same name.
pub fn deletion_of(uid: &str) -> DeleteParams {
    DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        ..DeleteParams::default()
    }
}

/// The same with what it owns, before it or after it.
pub fn deletion_with(owned: PropagationPolicy, uid: &str) -> DeleteParams {
    DeleteParams { propagation_policy: Some(owned), ..deletion_of(uid) }
}

/// An object of this name is on its way out: another one has to wait until it is gone.
pub fn going(what: &str, held_by: &[String]) -> Error {
    let held = match held_by.join(", ") {
        none if none.is_empty() => none,
        finalizers => format!(" (held by {finalizers})"),
    };
    Error::Api {
        what: format!("make {what}"),
        words: format!("the last one of that name is still going{held}; this one waits for it"),
        code: 0,
        reason: String::new(),
    }
}

/// What is gone already needs no deletion.
///
/// # Errors
///
/// Any other error of `answer`.
pub fn gone_is_fine<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Err(error) if error.code() != 404 => Err(error),
        _ => Ok(()),
    }
}

/// What is there already needs no creation: for names that only the operator gives.
///
/// # Errors
///
/// Any other error of `answer`.
pub fn there_is_fine<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Err(error) if !error.already_exists() => Err(error),
        _ => Ok(()),
    }
}

async fn attempt<T, F>(
    what: &str,
    deadline: Duration,
    secret: bool,
    request: impl Fn() -> F,
) -> Result<T, Error>
where
    F: Future<Output = kube::Result<T>>,
{
    let mut pause = PAUSE;
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let error = match tokio::time::timeout(deadline, request()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                let lists = deadline == LIST_DEADLINE;
                let wanted = again(&error, lists).filter(|_| !is_too_large(&error));
                let Some(wanted) = wanted else {
                    return Err(Error::api(what, &error, secret));
                };
                pause = pause.max(wanted);
                Error::api(what, &error, secret)
            }
            Err(_) => Error::Deadline { what: what.to_owned(), seconds: deadline.as_secs() },
        };
        if left == 0 {
            return Err(error);
        }
        tracing::debug!(what, error = %error, ?pause, "trying again");
        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        pause *= 3;
    }
}

/// Whether it is worth trying again, and how long the server wants us to wait. A list is nothing but
/// read, and a kind that one trouble of the server makes unreadable is said to be so as long as the
/// plan holds.
fn again(error: &kube::Error, lists: bool) -> Option<Duration> {
    match error {
        kube::Error::Api(status) => match code(error) {
            500 if lists => Some(Duration::ZERO),
            429 | 503 | 504 => {
                let asked = status.details.as_ref().map_or(0, |it| it.retry_after_seconds);
                Some(Duration::from_secs(u64::from(asked)))
            }
            _ => None,
        },
        kube::Error::HyperError(_) | kube::Error::Service(_) => Some(Duration::ZERO),
        // It broke off, or it is the page of whatever stands between.
        kube::Error::SerdeError(error) if lists && (error.is_eof() || error.is_syntax()) => {
            Some(Duration::ZERO)
        }
        _ => None,
    }
}
