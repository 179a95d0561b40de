//! How often passes have failed in a row: what backing off goes by.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Failures in a row, by UID of the environment.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<String, u32>>);

impl Failures {
    /// One more.
    pub fn add(&self, uid: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(uid.to_owned()).or_default() += 1;
    }

    /// None any more.
    pub fn clear(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// How many.
    pub fn count(&self, uid: &str) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).copied().unwrap_or(0)
    }
}
