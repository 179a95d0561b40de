//! Waiting for outcomes: often, for a generous time, and with a word about what was awaited.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Between two looks: soon at first, then rarely, since a dozen scenarios look at the same time.
const PAUSE: Duration = Duration::from_millis(75);
const LONG_PAUSE: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(3);

/// How many times the limit a machine that is slower, or busy with something else, is given. A limit is
/// there for what hangs; what is claimed about time has a test that measures it.
const PATIENCE: u32 = 4;

/// Looks until it is as wanted. `look` answers what it saw instead.
pub async fn eventually<T, F, A>(what: &str, within: Duration, look: F) -> T
where
    F: FnMut() -> A,
    A: Future<Output = Result<T, String>>,
{
    match wait(within, look).await {
        Ok(value) => value,
        Err(seen) => panic!("{what}: {seen}"),
    }
}

/// The same, and answers what was seen last where it is never as wanted.
pub async fn wait<T, F, A>(within: Duration, mut look: F) -> Result<T, String>
where
    F: FnMut() -> A,
    A: Future<Output = Result<T, String>>,
{
    let (started, within) = (Instant::now(), within * PATIENCE);
    loop {
        let seen = match look().await {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        let waited = started.elapsed();
        if waited >= within {
            return Err(format!("not within {} s. Seen last: {seen}", within.as_secs()));
        }
        tokio::time::sleep(if waited < SOON { PAUSE } else { LONG_PAUSE }).await;
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
