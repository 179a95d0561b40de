//! Entries of a report, put together by what they have in common.

use std::collections::BTreeMap;

use kulisse_core::api::staging_plan::{Change, Finding, LeftBehind};

/// Entries with the same word.
#[derive(Debug)]
pub struct Group<'a, T> {
    /// The rule, reason or kind.
    pub word: &'a str,
    /// Why, in the words that most of them have.
    pub why: &'a str,
    /// The entries, in the report's order.
    pub entries: Vec<&'a T>,
}

/// An entry that has a word to group by and a sentence.
pub trait Entry {
    /// The rule, reason or kind.
    fn word(&self) -> &str;
    /// Why.
    fn why(&self) -> &str;
}

impl Entry for Change {
    fn word(&self) -> &str {
        &self.rule
    }
    fn why(&self) -> &str {
        &self.why
    }
}

impl Entry for LeftBehind {
    fn word(&self) -> &str {
        &self.reason
    }
    fn why(&self) -> &str {
        &self.why
    }
}

impl Entry for Finding {
    fn word(&self) -> &str {
        &self.kind
    }
    fn why(&self) -> &str {
        &self.why
    }
}

/// Groups of entries, the largest first, and by their words.
pub fn by_word<T: Entry>(entries: &[T]) -> Vec<Group<'_, T>> {
    let mut groups: BTreeMap<&str, Vec<&T>> = BTreeMap::new();
    for entry in entries {
        groups.entry(entry.word()).or_default().push(entry);
    }
    let mut groups: Vec<Group<'_, T>> = groups
        .into_iter()
        .map(|(word, entries)| Group { word, why: commonest(&entries), entries })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.entries.len()));
    groups
}

/// The sentence that most entries have.
fn commonest<'a, T: Entry>(entries: &[&'a T]) -> &'a str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.why()).or_default() += 1;
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map(|(why, _)| why).unwrap_or_default()
}

/// Names of objects (`Kind.group/name`) by kind, the kind with the most first.
pub fn by_kind(objects: &[String]) -> Vec<(&str, Vec<&str>)> {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for object in objects {
        let (kind, name) = object.split_once('/').unwrap_or((object, ""));
        let kind = kind.split('.').next().unwrap_or_default();
        kinds.entry(kind).or_default().push(name);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    kinds
}
