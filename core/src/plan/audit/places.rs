//! Where a thing is named: one finding, however often.

use std::collections::BTreeMap;

use crate::plan::{object::Key, texts::Text};

/// Places that a finding names besides its own.
const NAMED: usize = 3;

/// An object, and a JSON pointer in it.
pub(super) type Place = (Key, String);

/// Things and where they are named, in the order of the plan.
pub(super) struct Places<T>(BTreeMap<T, Vec<Place>>);

impl<T: Ord> Places<T> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Notes that `text` names `thing`.
    pub(super) fn add(&mut self, thing: T, text: &Text) {
        let places = self.0.entry(thing).or_default();
        let place = (text.object.clone(), text.path.clone());
        if !places.contains(&place) {
            places.push(place);
        }
    }

    /// Each thing with the first place that names it, and a clause on the others.
    pub(super) fn each(&self) -> impl Iterator<Item = (&T, &Place, String)> {
        self.0.iter().filter_map(|(thing, places)| {
            let (first, others) = places.split_first()?;
            Some((thing, first, also(others)))
        })
    }

    /// Only some of the things.
    pub(super) fn but(mut self, keep: impl Fn(&T) -> bool) -> Self {
        self.0.retain(|thing, _| keep(thing));
        self
    }

    /// Every place.
    pub(super) fn all(self) -> Vec<Place> {
        self.0.into_values().flatten().collect()
    }
}

fn also(others: &[Place]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let shown: Vec<String> =
        others.iter().take(NAMED).map(|(object, path)| format!("{object} {path}")).collect();
    let more = match others.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("; also in {}{more}", shown.join(", "))
}
