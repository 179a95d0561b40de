//! Times as people read and write them.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, Unit};

/// The time of this machine.
#[expect(clippy::disallowed_methods, reason = "a person reads it here and now")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A span of time as people say it: the two largest units.
pub fn span(seconds: i64) -> String {
    parts(seconds).join(" ")
}

/// The same for tables.
pub fn short(seconds: i64) -> String {
    parts(seconds).concat()
}

/// The same where only its size matters: the largest unit.
pub fn rough(seconds: i64) -> String {
    parts(seconds).swap_remove(0)
}

fn parts(seconds: i64) -> Vec<String> {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut left = seconds.max(0);
    let mut parts = Vec::new();
    for (size, name) in units {
        if left >= size || (size == 1 && parts.is_empty()) {
            parts.push(format!("{}{name}", left / size));
            left %= size;
        }
    }
    parts.truncate(2);
    parts
}

/// Seconds from one time to another.
pub fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}

/// How long until (or since) a time.
pub fn until(at: Timestamp, now: Timestamp) -> String {
    let seconds = seconds(now, at);
    if seconds >= 0 { format!("in {}", span(seconds)) } else { format!("{} ago", span(-seconds)) }
}

/// A span of time as a person writes it: `90s`, `1h30m`, `24h`, `1d22h`. A day has 24 hours.
///
/// # Errors
///
/// If it is none, or is not positive.
pub fn length(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text:?} is not a span of time: write 90s, 10m, 24h, 1h30m or 2d");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if length.is_positive() { Ok(length) } else { Err(wrong()) }
}

/// How long to wait, as [`length`].
///
/// # Errors
///
/// As [`length`].
pub fn timeout(text: &str) -> Result<std::time::Duration, String> {
    length(text)?.try_into().map_err(|_| format!("{text:?} is too long"))
}

/// A point in time, to the second.
///
/// # Errors
///
/// If it is none: without a time zone, nobody knows when it is.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || {
        format!("{text:?} is not a time: write 2026-11-23T18:00:00Z, or 2026-11-23T18:00:00+01:00")
    };
    whole(text.parse().map_err(|_| wrong())?).ok_or_else(wrong)
}

/// A time without its fraction of a second.
pub fn whole(time: Timestamp) -> Option<Timestamp> {
    use jiff::{RoundMode, TimestampRound};
    time.round(TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (61, "1m 1s"), (165_600, "1d 22h"), (86_400, "1d")]
        {
            assert_eq!(span(seconds), text);
            assert_eq!(short(seconds), text.replace(' ', ""));
            assert_eq!(rough(seconds), text.split(' ').next().unwrap());
        }
    }

    #[test]
    fn what_is_printed_can_be_typed() {
        for (text, seconds) in [
            ("90s", 90),
            ("1h30m", 5400),
            ("24h", 86_400),
            ("1d22h", 165_600),
            ("1d 22h", 165_600),
            ("1w", 604_800),
        ] {
            assert_eq!(length(text).map(|it| it.as_secs()), Ok(seconds), "{text}");
        }
        for text in ["soon", "", "24", "-1h", "0s", "1 month", "24h ago"] {
            assert!(length(text).unwrap_err().contains("write 90s"), "{text}");
        }
    }

    #[test]
    fn a_time_has_a_zone() {
        let at = moment("2026-11-23T18:00:00+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-23T17:00:00Z");
        assert_eq!(moment("2026-11-23T17:00:00.9Z"), Ok(at));
        for text in ["18:00", "2026-11-23T18:00:00", "tomorrow"] {
            assert!(moment(text).unwrap_err().contains("write 2026-"), "{text}");
        }
    }
}
