//! Read your own writes.
//!
//! A pass that begins right after another one may get an environment from the watch that is older
//! than what that pass wrote: it would do everything again. So it waits for the watch.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The newest version that we have written, by UID of the environment.
#[derive(Default)]
pub struct Written(Mutex<HashMap<String, u64>>);

impl Written {
    /// Remembers a version that the API server answered. Versions that are no numbers cannot be
    /// compared: then the watch is believed.
    pub fn note(&self, uid: &str, version: Option<&str>) {
        let Some(version) = version.and_then(|it| it.parse().ok()) else { return };
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.insert(uid.to_owned(), version);
    }

    /// Whether an environment of that version is older than what we have written.
    pub fn is_stale(&self, uid: &str, version: Option<&str>) -> bool {
        let Some(version) = version.and_then(|it| it.parse::<u64>().ok()) else { return false };
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match written.get(uid) {
            Some(ours) if version < *ours => true,
            Some(_) => {
                written.remove(uid);
                false
            }
            None => false,
        }
    }

    /// Forgets an environment.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_our_write_is_stale_until_the_watch_has_caught_up() {
        let written = Written::default();
        assert!(!written.is_stale("u", Some("5")));
        written.note("u", Some("7"));
        assert!(written.is_stale("u", Some("5")));
        assert!(!written.is_stale("u", Some("7")));
        assert!(
            !written.is_stale("u", Some("6")),
            "caught up once, an old answer does not come back"
        );
    }

    #[test]
    fn versions_that_cannot_be_compared_are_believed() {
        let written = Written::default();
        written.note("u", Some("abc"));
        assert!(!written.is_stale("u", Some("5")));
    }
}
