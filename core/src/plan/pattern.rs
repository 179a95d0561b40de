//! Patterns for objects: group, kind and name as globs.

use globset::{GlobBuilder, GlobMatcher};

use super::{PlanError, object::Key};
use crate::api::environment::ObjectPattern;

/// A compiled [`ObjectPattern`].
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    group: Option<GlobMatcher>,
    kind: Option<GlobMatcher>,
    name: Option<GlobMatcher>,
}

impl Pattern {
    /// Whether it matches `key`. What is left out matches all.
    pub(super) fn matches(&self, key: &Key) -> bool {
        let fits = |glob: &Option<GlobMatcher>, text: &str| {
            glob.as_ref().is_none_or(|glob| glob.is_match(text))
        };
        fits(&self.group, &key.group) && fits(&self.kind, &key.kind) && fits(&self.name, &key.name)
    }
}

/// Compiles the patterns of the list `field`.
pub(super) fn compile(field: &str, patterns: &[ObjectPattern]) -> Result<Vec<Pattern>, PlanError> {
    patterns.iter().enumerate().map(|(at, it)| one(&format!("{field}[{at}]"), it)).collect()
}

/// Compiles one pattern that stands at `field`.
pub(super) fn one(field: &str, pattern: &ObjectPattern) -> Result<Pattern, PlanError> {
    let part = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| glob(&format!("{field}.{name}"), text)).transpose()
    };
    Ok(Pattern {
        group: part("group", &pattern.group)?,
        kind: part("kind", &pattern.kind)?,
        name: part("name", &pattern.name)?,
    })
}

/// Compiles one glob that stands at `field`.
pub(super) fn glob(field: &str, text: &str) -> Result<GlobMatcher, PlanError> {
    GlobBuilder::new(text).build().map(|glob| glob.compile_matcher()).map_err(|error| {
        PlanError::InvalidSpec { field: field.to_owned(), why: format!("not a glob: {error}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_what_each_of_its_parts_matches() {
        let part = |text: &str| (text != "-").then(|| text.to_owned());
        let key = Key { group: "apps".into(), kind: "Deployment".into(), name: "web".into() };
        for (group, kind, name, expected) in [
            ("-", "-", "-", true),
            ("apps", "Deployment", "web", true),
            ("a*", "Deploy*", "w?b", true),
            ("-", "-", "web", true),
            ("batch", "Deployment", "web", false),
            ("apps", "StatefulSet", "web", false),
            ("apps", "Deployment", "api", false),
            ("-", "-", "api", false),
            ("", "-", "-", false),
        ] {
            let written = ObjectPattern { group: part(group), kind: part(kind), name: part(name) };
            let pattern = one("", &written).unwrap();
            assert_eq!(pattern.matches(&key), expected, "{group} {kind} {name}");
        }
    }
}
