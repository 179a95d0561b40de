//! What a person asks of a living environment, by annotation.
//!
//! The operator never writes `spec`, and a GitOps tool may revert an annotation at any time: a
//! request is copied into the status the moment it is seen, and holds from there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{identity::Incarnation, names, schema};

/// Longest value of a request that is taken.
pub const LONGEST: usize = 128;

/// What can be asked.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Verb {
    /// Live until another time.
    Extend,
    /// Sleep.
    Sleep,
    /// Wake.
    Wake,
    /// Repeat failed tasks, or begin a rebuild that is stuck anew.
    Retry,
    /// Run all seeds again.
    Reseed,
    /// Apply exactly this plan.
    Approve,
}

impl Verb {
    /// All of them, in the order in which they are taken up.
    pub const ALL: [Self; 6] =
        [Self::Extend, Self::Sleep, Self::Wake, Self::Retry, Self::Reseed, Self::Approve];

    /// The annotation by which it is asked.
    pub fn annotation(self) -> &'static str {
        match self {
            Self::Extend => names::EXTEND_ANNOTATION,
            Self::Sleep => names::SLEEP_ANNOTATION,
            Self::Wake => names::WAKE_ANNOTATION,
            Self::Retry => names::RETRY_ANNOTATION,
            Self::Reseed => names::RESEED_ANNOTATION,
            Self::Approve => names::APPROVE_ANNOTATION,
        }
    }

    /// What asks for the opposite: of two that are seen for the first time at once, nobody knows which came
    /// later.
    pub fn opposite(self) -> Option<Self> {
        match self {
            Self::Sleep => Some(Self::Wake),
            Self::Wake => Some(Self::Sleep),
            Self::Extend | Self::Retry | Self::Reseed | Self::Approve => None,
        }
    }
}

/// The last request of a kind, as it was taken up or refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What was asked.
    pub verb: Verb,
    /// The annotation's value: the same value asks nothing new.
    #[schemars(length(max = 128))]
    pub value: String,
    /// When it was taken up.
    pub at: Time,
    /// The life for which it was asked. In another it means nothing any more.
    #[schemars(schema_with = "schema::incarnation")]
    pub incarnation: Incarnation,
    /// Why it was not taken up, and what would be.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub refused: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_an_annotation_that_is_called_as_it_is() {
        for verb in Verb::ALL {
            let name = format!("{verb:?}").to_lowercase();
            assert_eq!(verb.annotation(), format!("{}/{name}", names::GROUP));
        }
    }
}
