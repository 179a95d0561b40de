//! Waiting for outcomes: often, for a generous time, and with a word about what was awaited.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(75);

/// Looks until it is as wanted. `look` answers what it saw instead.
pub async fn eventually<T, F, A>(what: &str, within: Duration, mut look: F) -> T
where
    F: FnMut() -> A,
    A: Future<Output = Result<T, String>>,
{
    let started = Instant::now();
    loop {
        let seen = match look().await {
            Ok(value) => return value,
            Err(seen) => seen,
        };
        assert!(
            started.elapsed() < within,
            "{what}: not within {} s. Seen last: {seen}",
            within.as_secs()
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks again and again for a while, and fails as soon as it is not as wanted any more.
pub async fn steadily<F, A>(what: &str, during: Duration, mut look: F)
where
    F: FnMut() -> A,
    A: Future<Output = Result<(), String>>,
{
    let started = Instant::now();
    while started.elapsed() < during {
        if let Err(seen) = look().await {
            panic!("{what}: after {:?}: {seen}", started.elapsed());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Seconds, briefly.
pub const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
