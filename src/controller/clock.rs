//! The API server's time.
//!
//! An environment must not end early because the operator's clock is fast. Every answer of the API
//! server carries its time (`Date`, whole seconds, rounded down), which is therefore never later
//! than the time it was sent; what has passed since is measured by a clock that nobody sets.

use std::sync::{Arc, Mutex, PoisonError};

use http::{
    HeaderMap, Response,
    header::{CONTENT_TYPE, DATE},
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use tokio::time::Instant;
use tower::util::MapResponseLayer;

/// The API server's time, never later than it really is and at most about a second earlier.
#[derive(Clone, Debug, Default)]
pub struct ServerClock(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl ServerClock {
    /// Has every answer of a client read.
    pub fn layer<B>(
        &self,
    ) -> MapResponseLayer<impl Fn(Response<B>) -> Response<B> + Clone + use<B>> {
        let clock = self.clone();
        MapResponseLayer::new(move |answer: Response<B>| {
            // What stands between us and the API server answers with a clock of its own.
            let kind = answer.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
            if !answer.status().is_server_error()
                && kind.is_some_and(|it| it.starts_with("application/"))
            {
                clock.observe(answer.headers());
            }
            answer
        })
    }

    /// Reads the server's time from the headers of an answer.
    pub fn observe(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|it| it.to_str().ok());
        let Some(date) = date.and_then(|it| rfc2822::parse(it).ok()) else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((date.timestamp(), Instant::now()));
    }

    /// What time it is at the API server; the machine's own time before its first answer.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that may look at the machine's clock"
    )]
    pub fn now(&self) -> Timestamp {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            None => Timestamp::now(),
            Some((date, since)) => {
                let passed =
                    SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::ZERO);
                date.checked_add(passed).unwrap_or(date)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_time_is_taken_from_its_answers() {
        let clock = ServerClock::default();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sat, 21 Nov 2020 14:00:00 GMT".parse().unwrap());
        clock.observe(&headers);
        let late = clock.now().duration_since("2020-11-21T14:00:00Z".parse().unwrap());
        assert!(late >= SignedDuration::ZERO && late < SignedDuration::from_secs(5));
    }

    #[test]
    fn an_answer_without_a_time_changes_nothing() {
        let clock = ServerClock::default();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "yesterday".parse().unwrap());
        clock.observe(&headers);
        assert!(clock.0.lock().unwrap().is_none());
    }
}
