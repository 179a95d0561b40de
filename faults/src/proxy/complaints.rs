//! What goes wrong beside the plan, on standard error: each once.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// What has been said.
#[derive(Default)]
pub struct Complaints(Mutex<BTreeSet<String>>);

impl Complaints {
    /// Says it, unless it has been said.
    pub fn once(&self, text: &str) {
        /// Whoever runs for days does not read more.
        const MOST: usize = 100;
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < MOST && said.insert(text.to_owned()) {
            eprintln!("kube-faults: {text}");
        }
    }
}
