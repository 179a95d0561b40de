//! Durations as Flux and cert-manager write them: `72h`, `1h30m`, `90s`.

use std::{borrow::Cow, fmt, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the API server accepts; anything else is refused before we see it.
const PATTERN: &str = r"^([0-9]{1,6}(\.[0-9]{1,6})?(ms|s|m|h))+$";
/// More digits in a row than this are no span of time that anybody means.
const DIGITS: usize = 9;

/// A span of time, written as a Go duration. It is kept as it was written, so that it is never
/// shown back in another form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(String);

impl Duration {
    /// A duration as written, for defaults.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The time meant. Stored objects may be older than the schema, so a text that does not parse
    /// is an error and not a panic.
    pub fn span(&self) -> Result<time::Duration, InvalidDuration> {
        // The parser panics on what does not fit into a duration.
        let longest = self.0.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
        if self.0.len() > 32 || longest > Some(DIGITS) {
            return Err(InvalidDuration(self.0.chars().take(40).collect()));
        }
        let parsed: kube_core::Duration =
            self.0.parse().map_err(|_| InvalidDuration(self.0.clone()))?;
        if parsed.is_negative() {
            return Err(InvalidDuration(self.0.clone()));
        }
        Ok(parsed.into())
    }
}

/// A text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration: write hours, minutes and seconds like 72h, 1h30m or 90s")]
pub struct InvalidDuration(String);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN, "maxLength": 32 })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_minutes_add_up() {
        assert_eq!(Duration::new("1h30m").span(), Ok(time::Duration::from_mins(90)));
    }

    #[test]
    fn a_number_that_no_duration_holds_is_an_error_and_not_the_end_of_the_operator() {
        assert!(Duration::new("99999999999999999999h").span().is_err());
        assert!(Duration::new("999999999h999999999h99999999h9h").span().is_ok());
    }

    #[test]
    fn days_and_negative_spans_are_refused() {
        assert!(Duration::new("3d").span().is_err());
        assert!(Duration::new("-1h").span().is_err());
    }

    #[test]
    fn a_text_of_32_characters_may_be_a_duration_and_no_longer_one() {
        assert_eq!(Duration::new(&"1h".repeat(16)).span(), Ok(time::Duration::from_hours(16)));
        assert!(Duration::new(&"1h".repeat(17)).span().is_err());
        assert!(Duration::new(&format!("{}10h", "1h".repeat(15))).span().is_err());
    }

    #[test]
    fn a_duration_is_shown_as_it_was_written() {
        assert_eq!(Duration::new("90m").to_string(), "90m");
    }
}
