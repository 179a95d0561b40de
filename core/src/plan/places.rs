//! Where a thing is named: one finding, however often.

use std::collections::{BTreeMap, BTreeSet};

use super::object::Key;

/// Places that a finding names besides its own.
const NAMED: usize = 3;

/// An object, and a JSON pointer in it.
pub(in crate::plan) type Place = (Key, String);

/// Things and where they are named, in the order of the plan.
pub(in crate::plan) struct Places<T>(BTreeMap<T, Vec<Place>>);

impl<T: Ord> Places<T> {
    pub(in crate::plan) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Notes that `thing` is named at `place`.
    pub(in crate::plan) fn add(&mut self, thing: T, place: Place) {
        let places = self.0.entry(thing).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }

    /// Each thing with the first place that names it, and a clause on the others.
    pub(in crate::plan) fn each(&self) -> impl Iterator<Item = (&T, &Place, String)> {
        self.whole().filter_map(|(thing, places)| {
            let (first, also) = told(places)?;
            Some((thing, first, also))
        })
    }

    /// Each thing with all places that name it.
    pub(in crate::plan) fn whole(&self) -> impl Iterator<Item = (&T, &[Place])> {
        self.0.iter().map(|(thing, places)| (thing, places.as_slice()))
    }

    /// Each thing with the objects that name it, and how many places there are.
    pub(in crate::plan) fn objects(&self) -> impl Iterator<Item = (&T, BTreeSet<&Key>, usize)> {
        self.0.iter().map(|(thing, places)| {
            (thing, places.iter().map(|(object, _)| object).collect(), places.len())
        })
    }

    /// Only some of the things.
    pub(in crate::plan) fn but(mut self, keep: impl Fn(&T) -> bool) -> Self {
        self.0.retain(|thing, _| keep(thing));
        self
    }

    /// Every place.
    pub(in crate::plan) fn all(self) -> Vec<Place> {
        self.0.into_values().flatten().collect()
    }
}

impl<T: Ord> FromIterator<(T, Place)> for Places<T> {
    fn from_iter<I: IntoIterator<Item = (T, Place)>>(named: I) -> Self {
        let mut places = Self::new();
        named.into_iter().for_each(|(thing, place)| places.add(thing, place));
        places
    }
}

/// The first of some names, and how many more there are.
pub(in crate::plan) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The first place, and a clause on the others.
pub(in crate::plan) fn told(places: &[Place]) -> Option<(&Place, String)> {
    let (first, others) = places.split_first()?;
    Some((first, also(others)))
}

fn also(others: &[Place]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let places: Vec<String> =
        others.iter().map(|(object, path)| format!("{object} {path}")).collect();
    format!("; also in {}", listed(&places))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, path: &str) -> Place {
        let key = Key { group: String::new(), kind: "ConfigMap".into(), name: name.into() };
        (key, path.to_owned())
    }

    fn places() -> Places<&'static str> {
        let named = [
            ("b", place("web", "/data/x")),
            ("a", place("api", "/data/x")),
            ("b", place("web", "/data/x")),
            ("b", place("web", "/data/y")),
            ("b", place("db", "/data/x")),
        ];
        named.into_iter().collect()
    }

    #[test]
    fn a_thing_is_told_once_with_its_first_place_and_a_clause_on_the_others() {
        let places = places();
        let told: Vec<String> = places
            .each()
            .map(|(thing, (object, path), also)| format!("{thing} in {object} {path}{also}"))
            .collect();
        assert_eq!(
            told,
            [
                "a in ConfigMap/api /data/x",
                "b in ConfigMap/web /data/x; also in ConfigMap/web /data/y, ConfigMap/db /data/x",
            ]
        );
        assert_eq!(super::told(&[]), None);
    }

    #[test]
    fn a_place_counts_once_and_an_object_once_for_all_its_places() {
        let places = places();
        let whole: Vec<(&str, usize)> = places.whole().map(|(it, all)| (*it, all.len())).collect();
        assert_eq!(whole, [("a", 1), ("b", 3)]);
        let objects: Vec<(&str, usize, usize)> =
            places.objects().map(|(it, objects, count)| (*it, objects.len(), count)).collect();
        assert_eq!(objects, [("a", 1, 1), ("b", 2, 3)]);
    }

    #[test]
    fn things_that_are_not_kept_go_with_their_places() {
        assert_eq!(places().but(|it| *it == "a").all(), [place("api", "/data/x")]);
    }

    #[test]
    fn three_names_are_written_out_and_the_others_counted() {
        for (count, expected) in
            [(0, ""), (1, "n0"), (3, "n0, n1, n2"), (4, "n0, n1, n2 and 1 more")]
        {
            let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
            assert_eq!(listed(&names), expected);
        }
    }
}
