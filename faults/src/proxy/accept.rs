//! What clients accept as an answer, and what they are given.

use hyper::{
    Response, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};

const JSON: &str = "application/json";

/// Watches are understood as lines of JSON: what is not that is not asked for. Where nothing is left
/// JSON is asked for all the same: every client that takes `*/*` understands it, and clients of the
/// core types say `application/vnd.kubernetes.protobuf, */*`.
pub fn lines_of_json(headers: &mut HeaderMap) {
    headers.remove(header::ACCEPT_ENCODING);
    let all = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
    let kept: Vec<&str> =
        all.flat_map(|it| it.split(',')).map(str::trim).filter(|it| names_json(it)).collect();
    let kept = HeaderValue::from_str(&kept.join(",")).ok().filter(|it| !it.is_empty());
    headers.insert(header::ACCEPT, kept.unwrap_or_else(|| HeaderValue::from_static(JSON)));
}

/// Whether these are the lines of a watch that can be understood.
pub fn is_json<T>(response: &Response<T>) -> bool {
    response.status() == StatusCode::OK && names_json(content_type(response))
}

/// What an answer says that it is.
pub fn content_type<T>(response: &Response<T>) -> &str {
    let content = response.headers().get(header::CONTENT_TYPE);
    content.and_then(|it| it.to_str().ok()).unwrap_or_default()
}

/// `application/json;as=Table` is JSON, too.
fn names_json(of: &str) -> bool {
    of.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case(JSON))
}
