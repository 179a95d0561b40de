//! What others ask of a store that has become smaller: three copies of what is stored are no longer
//! kept where one member is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use aho_corasick::AhoCorasick;
use serde_json::{Value, json};

use super::{
    super::{
        kinds::{self, Shape},
        log::{Log, Rule},
        object::{Key, Object},
    },
    figures, texts,
};

const FEWER: Rule = Rule {
    name: "missing-member",
    why: "the store that it uses keeps no more copies than it has members",
};

/// A set that has become smaller.
pub(super) struct Smaller {
    /// The number of its object.
    pub(super) at: usize,
    /// How many members it had.
    pub(super) size: i64,
    /// How many are left.
    pub(super) left: i64,
}

/// Lets those who name the Service of a smaller set ask for no more copies than it has members.
pub(super) fn settle(
    objects: &mut [Object],
    numbers: &BTreeMap<Key, usize>,
    smaller: &[Smaller],
    log: &mut Log,
) {
    let smaller: Vec<&Smaller> = smaller.iter().filter(|it| it.left > 0).collect();
    let services: Vec<(String, &Smaller)> = objects
        .iter()
        .filter(|it| kinds::shape(it) == Shape::Service)
        .flat_map(|service| {
            let served = smaller.iter().filter(|it| serves(service, &objects[it.at]));
            served.map(|it| (service.name().to_owned(), *it)).collect::<Vec<_>>()
        })
        .collect();
    if services.is_empty() {
        return;
    }
    let Ok(finder) = AhoCorasick::new(services.iter().map(|it| &it.0)) else { return };
    for at in 0..objects.len() {
        if is_set(&objects[at]) {
            continue;
        }
        let own = texts::own(objects, numbers, at);
        let mut used = BTreeSet::new();
        for (of, path) in &own {
            let text = objects[*of].text(path);
            let found = finder.find_overlapping_iter(text).filter(|it| is_name(text, it.range()));
            used.extend(found.map(|it| it.pattern().as_usize()));
        }
        for (_, Smaller { size, left, .. }) in used.iter().filter_map(|it| services.get(*it)) {
            for (of, path) in &own {
                let (name, text) = (texts::name(&objects[*of], path), objects[*of].text(path));
                let places = figures::copies(&name, text, *left, *size);
                if !places.is_empty() {
                    let left = left.to_string();
                    let places = places.into_iter().map(|it| (it, left.as_str())).collect();
                    let new = figures::replaced(text, places);
                    log.set(&mut objects[*of], path, json!(new), &FEWER);
                }
            }
        }
    }
}

/// Whether a Service leads to a set.
fn serves(service: &Object, set: &Object) -> bool {
    let labels = set.get("/spec/template/metadata/labels");
    let selector = service.get("/spec/selector").and_then(Value::as_object);
    selector.is_some_and(|it| {
        !it.is_empty()
            && it.iter().all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value))
    })
}

/// Whether it is a set of several: what it asks for, it may ask of itself.
fn is_set(object: &Object) -> bool {
    kinds::profile(object).is_some_and(|it| {
        let count = it.replicas.and_then(|it| object.get(it)).and_then(Value::as_i64);
        it.claim_templates.is_some() && count.is_some_and(|it| it > 1)
    })
}

/// Whether something is a whole name where it stands.
fn is_name(text: &str, place: Range<usize>) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !text[..place.start].ends_with(part) && !text[place.end..].starts_with(part)
}
