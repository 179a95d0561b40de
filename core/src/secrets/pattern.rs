//! Regular expressions as constants, compiled when first used.

use std::sync::OnceLock;

use regex::Regex;

/// A regular expression.
pub(crate) struct Pattern {
    text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// An expression; a test of the module that names it compiles it.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// The compiled expression. `None` would mean a mistake in the constant.
    pub(crate) fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(self.text).ok()).as_ref()
    }

    /// Whether it matches somewhere in `text`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.get().is_some_and(|expression| expression.is_match(text))
    }

    /// The first match.
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        Some(self.get()?.find(text)?.as_str())
    }

    /// The groups of the first match, as `N` texts; a group that took no part is empty.
    pub(crate) fn groups<'t, const N: usize>(&self, text: &'t str) -> Option<[&'t str; N]> {
        // Most texts do not match, and to find that out needs no memory.
        let expression = self.get().filter(|it| it.is_match(text))?;
        let groups = expression.captures(text)?;
        let mut found = [""; N];
        for (at, slot) in found.iter_mut().enumerate() {
            *slot = groups.get(at + 1).map_or("", |group| group.as_str());
        }
        Some(found)
    }
}
