//! How much has drifted, over all environments: for the metrics.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kulisse_core::api::drift::{Differences, DriftSummary};

/// Environments that drifted, by UID.
#[derive(Default)]
pub struct Drifts(Mutex<HashMap<String, DriftSummary>>);

/// What differs over all environments.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many environments differ from what production is now.
    pub behind: usize,
    /// What new plans would change.
    pub source: Differences,
    /// How many environments were changed.
    pub changed: usize,
    /// What is not as planned.
    pub target: Differences,
}

impl Drifts {
    fn all(&self) -> MutexGuard<'_, HashMap<String, DriftSummary>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of how an environment stands.
    pub fn tell(&self, uid: &str, drift: Option<&DriftSummary>) {
        let drifted = drift.filter(|it| !(it.source.is_empty() && it.target.is_empty()));
        let mut all = self.all();
        match drifted {
            Some(drift) => all.insert(uid.to_owned(), drift.clone()),
            None => all.remove(uid),
        };
    }

    /// Forgets an environment that is not there any more.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    /// All of it together.
    pub fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        for it in self.all().values() {
            sum.behind += usize::from(!it.source.is_empty());
            sum.source.add(&it.source);
            sum.changed += usize::from(!it.target.is_empty());
            sum.target.add(&it.target);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_that_differ_are_counted_and_each_once() {
        let drifts = Drifts::default();
        let one = Differences { changed: 2, ..Differences::default() };
        let behind = DriftSummary { source: one.clone(), ..DriftSummary::default() };
        drifts.tell("a", Some(&behind));
        drifts.tell("a", Some(&DriftSummary { target: one.clone(), ..behind }));
        drifts.tell("b", Some(&DriftSummary { target: one, ..DriftSummary::default() }));
        drifts.tell("c", Some(&DriftSummary::default()));
        let sum = drifts.sum();
        assert_eq!((sum.behind, sum.source.changed), (1, 2));
        assert_eq!((sum.changed, sum.target.changed), (2, 4));
        drifts.forget("b");
        drifts.tell("a", None);
        assert_eq!(drifts.sum(), Sum::default());
    }
}
