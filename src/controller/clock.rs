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

/// So far ahead of an answer may be what was known before: the rest of its second, and its way to us.
const AHEAD: SignedDuration = SignedDuration::from_secs(2);

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
        let (date, now) = (date.timestamp(), Instant::now());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of two times that are not too late, the later one is nearer: time does not go back within a
        // second, in which somebody comes before somebody else.
        let is_nearer = |before: Timestamp| before >= date && before.duration_since(date) <= AHEAD;
        if !known.is_some_and(|it| is_nearer(at(it, now))) {
            *known = Some((date, now));
        }
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
            Some(known) => at(known, Instant::now()),
        }
    }
}

/// What time it is, by what was known at another moment.
fn at((date, since): (Timestamp, Instant), now: Instant) -> Timestamp {
    let passed =
        SignedDuration::try_from(now.duration_since(since)).unwrap_or(SignedDuration::ZERO);
    date.checked_add(passed).unwrap_or(date)
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

    #[tokio::test(start_paused = true)]
    async fn time_does_not_go_back_with_another_answer_of_the_same_second() {
        let clock = ServerClock::default();
        let told = |second: u32| {
            let mut headers = HeaderMap::new();
            let date = format!("Sat, 21 Nov 2020 14:00:{second:02} GMT");
            headers.insert(DATE, date.parse().unwrap());
            clock.observe(&headers);
            clock.now().duration_since("2020-11-21T14:00:00Z".parse().unwrap()).as_millis()
        };
        assert_eq!(told(10), 10_000);
        tokio::time::advance(std::time::Duration::from_millis(700)).await;
        assert_eq!(told(10), 10_700);
        assert_eq!(told(11), 11_000, "it was later than was known");
        tokio::time::advance(std::time::Duration::from_millis(1_500)).await;
        assert_eq!(told(11), 12_500, "an answer that was on its way");
        assert_eq!(told(5), 5_000, "somebody has set the server's clock");
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
