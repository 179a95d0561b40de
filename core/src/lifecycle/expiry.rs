//! When the time is up.

use jiff::{SignedDuration, Timestamp};

use crate::api::{
    class::Limits,
    duration::{Duration, InvalidDuration},
    lifecycle::Lifecycle,
};

/// For environments that give no `ttl` where the class gives none either.
pub const DEFAULT_TTL: &str = "24h";
/// What no environment outlives where the class does not say.
pub const MAX_TTL: &str = "168h";
/// How long before expiry a warning is given.
pub const WARN_BEFORE: &str = "1h";

/// When an environment is warned and when its time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The warning.
    pub warns_at: Timestamp,
    /// The end.
    pub ends_at: Timestamp,
}

/// The term of an environment whose target was made at `started`. The clock starts there: waiting
/// before it does not count. Where another end was asked for (`extended`), that one holds, within
/// what the class allows.
///
/// # Errors
///
/// If a duration of the environment or its class cannot be read; stored objects may be older than
/// the schema.
pub fn term(
    started: Timestamp,
    lifecycle: &Lifecycle,
    limits: &Limits,
    extended: Option<Timestamp>,
) -> Result<Term, InvalidDuration> {
    let ttl = span(lifecycle.ttl.as_ref().or(limits.default_ttl.as_ref()), DEFAULT_TTL)?;
    let most = span(limits.max_ttl.as_ref(), MAX_TTL)?;
    let warn_before = span(lifecycle.warn_before.as_ref(), WARN_BEFORE)?;
    let ends_at = extended.unwrap_or_else(|| add(started, ttl)).min(add(started, most));
    let warns_at = ends_at.checked_sub(warn_before).unwrap_or(started).max(started);
    Ok(Term { warns_at, ends_at })
}

fn span(given: Option<&Duration>, built_in: &str) -> Result<SignedDuration, InvalidDuration> {
    let span = match given {
        Some(duration) => duration.span()?,
        None => Duration::new(built_in).span()?,
    };
    Ok(SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX))
}

fn add(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_ttl_counts_from_the_start_and_the_warning_from_the_end() {
        let lifecycle = Lifecycle { ttl: Some(Duration::new("2h")), ..Lifecycle::default() };
        let term = term(at("2026-01-01T00:00:00Z"), &lifecycle, &Limits::default(), None).unwrap();
        assert_eq!(term.ends_at, at("2026-01-01T02:00:00Z"));
        assert_eq!(term.warns_at, at("2026-01-01T01:00:00Z"));
    }

    #[test]
    fn nobody_outlives_the_class() {
        let lifecycle = Lifecycle { ttl: Some(Duration::new("100h")), ..Lifecycle::default() };
        let limits = Limits { max_ttl: Some(Duration::new("10h")), ..Limits::default() };
        let start = at("2026-01-01T00:00:00Z");
        let most = at("2026-01-01T10:00:00Z");
        assert_eq!(term(start, &lifecycle, &limits, None).unwrap().ends_at, most);
        let later = Some(at("2026-01-02T00:00:00Z"));
        assert_eq!(term(start, &lifecycle, &limits, later).unwrap().ends_at, most);
    }

    #[test]
    fn another_end_may_be_earlier_or_later_than_the_ttl_says() {
        let lifecycle = Lifecycle { ttl: Some(Duration::new("5h")), ..Lifecycle::default() };
        let start = at("2026-01-01T00:00:00Z");
        for end in [at("2026-01-01T01:00:00Z"), at("2026-01-01T09:00:00Z")] {
            assert_eq!(
                term(start, &lifecycle, &Limits::default(), Some(end)).unwrap().ends_at,
                end
            );
        }
    }

    #[test]
    fn a_warning_longer_than_the_life_is_given_at_its_start() {
        let lifecycle = Lifecycle { ttl: Some(Duration::new("30s")), ..Lifecycle::default() };
        let start = at("2026-01-01T00:00:00Z");
        assert_eq!(term(start, &lifecycle, &Limits::default(), None).unwrap().warns_at, start);
    }

    #[test]
    fn a_stored_duration_that_cannot_be_read_is_an_error() {
        let lifecycle = Lifecycle { ttl: Some(Duration::new("3d")), ..Lifecycle::default() };
        assert!(term(Timestamp::UNIX_EPOCH, &lifecycle, &Limits::default(), None).is_err());
    }
}
