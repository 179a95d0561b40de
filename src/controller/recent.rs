//! Answers that count for a moment: a burst of watch events must not become a burst of requests.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Answers by what was asked, each for a moment.
pub struct Recent<V> {
    fresh: Duration,
    answers: Mutex<HashMap<String, (Instant, V)>>,
}

impl<V: Clone> Recent<V> {
    /// Nothing asked yet; answers count for `fresh`.
    pub fn new(fresh: Duration) -> Self {
        Self { fresh, answers: Mutex::default() }
    }

    /// The answer, if it was given a moment ago.
    pub fn get(&self, asked: &str) -> Option<V> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|_, (when, _)| when.elapsed() < self.fresh);
        answers.get(asked).map(|(_, answer)| answer.clone())
    }

    /// Remembers an answer.
    pub fn put(&self, asked: &str, answer: V) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(asked.to_owned(), (Instant::now(), answer));
    }
}
