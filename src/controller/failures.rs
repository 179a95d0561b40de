//! How often passes have failed in a row: what backing off goes by.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

/// Our own status wakes its environment, and a message that changes with every failure would make
/// that a circle: what failed a moment ago is not tried again by being woken.
const REST: Duration = Duration::from_secs(5);

/// What failed in a row.
struct Failure {
    /// How often.
    count: u32,
    /// Not tried before.
    until: Instant,
    /// What is due then, whatever fails until then.
    due: Option<Timestamp>,
    /// What was tried: with another generation, or once it is being deleted, it is tried at once.
    what: (i64, bool),
}

/// Failures in a row, by UID of the environment.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<String, Failure>>);

impl Failures {
    /// One more. `what`: generation, and whether it is being deleted.
    pub fn add(&self, uid: &str, what: (i64, bool)) {
        self.change(uid, |it| {
            it.count += 1;
            it.what = what;
            it.until = Instant::now() + REST.min(Duration::from_millis(250) * it.count);
        });
    }

    /// What is due next, as a pass that fails has found out.
    pub fn expect(&self, uid: &str, due: Option<Timestamp>) {
        self.change(uid, |it| it.due = due);
    }

    /// What is due next, if that is known.
    pub fn due(&self, uid: &str) -> Option<Timestamp> {
        self.all().get(uid)?.due
    }

    /// How long what failed a moment ago is left alone.
    pub fn rest(&self, uid: &str, what: (i64, bool)) -> Option<Duration> {
        let all = self.all();
        let it = all.get(uid).filter(|it| it.what == what)?;
        // One that ends now is over: whoever comes back after it would come back for ever.
        it.until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
    }

    /// None any more.
    pub fn clear(&self, uid: &str) {
        self.all().remove(uid);
    }

    /// How many.
    pub fn count(&self, uid: &str) -> u32 {
        self.all().get(uid).map_or(0, |it| it.count)
    }

    fn change(&self, uid: &str, how: impl FnOnce(&mut Failure)) {
        let fresh =
            || Failure { count: 0, until: Instant::now(), due: None, what: Default::default() };
        how(self.all().entry(uid.to_owned()).or_insert_with(fresh));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_rests_until_something_else_is_asked() {
        let failures = Failures::default();
        assert_eq!(failures.rest("a", (1, false)), None);
        failures.add("a", (1, false));
        assert!(failures.rest("a", (1, false)).is_some());
        assert_eq!(failures.rest("a", (2, false)), None, "a new generation");
        assert_eq!(failures.rest("a", (1, true)), None, "its deletion");
        failures.clear("a");
        assert_eq!(failures.rest("a", (1, false)), None);
    }
    #[tokio::test(start_paused = true)]
    async fn a_rest_that_ends_now_is_over() {
        let failures = Failures::default();
        failures.add("a", (1, false));
        let rest = failures.rest("a", (1, false)).unwrap();
        tokio::time::advance(rest).await;
        assert_eq!(failures.rest("a", (1, false)), None);
    }
}
