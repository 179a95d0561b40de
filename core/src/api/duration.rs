//! Durations as Flux and cert-manager write them: `72h`, `1h30m`, `90s`.

use std::{borrow::Cow, fmt, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the API server accepts; anything else is refused before we see it.
const PATTERN: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";

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
    fn days_and_negative_spans_are_refused() {
        assert!(Duration::new("3d").span().is_err());
        assert!(Duration::new("-1h").span().is_err());
    }
}
