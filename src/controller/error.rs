//! What can go wrong at the edge, and what a person is told.

use http_body_util::LengthLimitError;

use crate::cause::innermost;
use kulisse_core::{
    api::{condition::Reason, duration::InvalidDuration, identity::InvalidName},
    lifecycle::{Problem, readiness::passes},
    plan::{PlanError, object::NotAnObject},
    secrets::Unmade,
};

/// What can go wrong in a pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request to the API server failed.
    #[error("{what}: {words}")]
    Api {
        /// What was asked for: `list configmaps in shop`.
        what: String,
        /// The server's words, without what may be secret.
        words: String,
        /// The HTTP status; 0 if there was no answer.
        code: u16,
        /// The server's word for it: `AlreadyExists`.
        reason: String,
    },
    /// A request was not answered in time.
    #[error("{what}: no answer within {seconds} s")]
    Deadline {
        /// What was asked for.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Something that a person must know and that trying again alone does not mend.
    #[error("{}", .0.message)]
    Problem(Problem),
    /// What was stored for an environment cannot be read.
    #[error("the stored plan of the environment cannot be read: {0}")]
    Stored(String),
    /// Something that is sent, or was read, is no object of its kind. Not in the words of whoever found that:
    /// they quote the value that does not fit.
    #[error("{0} has not the form that it should have")]
    Malformed(&'static str),
    /// The work was cut off: the operator stops.
    #[error("the operator stops")]
    CutOff,
}

/// The reason of an answer that is larger than what is read of one; no server gives it.
const TOO_LARGE: &str = "AnswerTooLarge";

impl Error {
    /// The error of a request. `secret`: it carried a Secret, whose values the server quotes.
    pub fn api(what: &str, error: &kube::Error, secret: bool) -> Self {
        let code = code(error);
        let words = match error {
            kube::Error::Api(status) if secret => format!("{} ({})", status.reason, status.code),
            kube::Error::Api(status) => kulisse_core::secrets::redact(&status.message),
            // Its own words quote the value that does not fit.
            kube::Error::SerdeError(error) => format!(
                "the answer is not what it should be, at line {}, column {}",
                error.line(),
                error.column()
            ),
            other => innermost(other),
        };
        let reason = match error {
            kube::Error::Api(status) => status.reason.clone(),
            error if is_too_large(error) => TOO_LARGE.to_owned(),
            _ => String::new(),
        };
        Self::Api { what: what.to_owned(), words, code, reason }
    }

    /// Whether an object of that name is there. A conflict is another thing and passes: of those who
    /// count at the same time against a quota, say.
    pub fn already_exists(&self) -> bool {
        matches!(self, Self::Api { reason, .. } if reason == "AlreadyExists")
    }

    /// Whether an answer was larger than what is read of one.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Api { reason, .. } if reason == TOO_LARGE)
    }

    /// Whether the object with the UID that was named is not there: gone, or another one of its name. Of
    /// one that is gone, an apply is told so by a conflict; of another one, that its UID cannot change.
    pub fn other_uid(&self) -> bool {
        let Self::Api { code, words, .. } = self else { return false };
        let words = words.to_ascii_lowercase();
        match code {
            409 => words.contains("uid"),
            422 => words.contains("metadata.uid"),
            _ => false,
        }
    }

    /// Whether a patch was refused by the test that it begins with: the server does not say which one.
    pub fn failed_its_test(&self) -> bool {
        matches!(self, Self::Api { code: 422, words, .. } if words.contains("the server rejected our request"))
    }

    /// A problem for a person.
    pub fn problem(reason: Reason, message: impl Into<String>) -> Self {
        Self::Problem(Problem::new(reason, message))
    }

    /// What a person is told.
    pub fn told(&self) -> Problem {
        match self {
            Self::Problem(problem) => problem.clone(),
            Self::Api { code: 400 | 403 | 413 | 422, .. } => {
                Problem::new(Reason::Refused, format!("the API server refuses: {self}"))
            }
            Self::Api { .. }
            | Self::Deadline { .. }
            | Self::Stored(_)
            | Self::Malformed(_)
            | Self::CutOff => Problem::new(Reason::ApiError, self.to_string()),
        }
    }

    /// The HTTP status of a failed request; 0 if there was no answer.
    pub fn code(&self) -> u16 {
        match self {
            Self::Api { code, .. } => *code,
            _ => 0,
        }
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        let reason = match &error {
            PlanError::TooLarge { .. } | PlanError::BeyondClass { .. } => Reason::TooLarge,
            PlanError::InvalidClass { .. } => Reason::InvalidClass,
            PlanError::PatchFailed { .. } => Reason::PatchFailed,
            PlanError::InvalidManifest { .. } => Reason::InvalidManifest,
            PlanError::InvalidSpec { .. } => Reason::InvalidSpec,
        };
        Self::problem(reason, error.to_string())
    }
}

impl From<Unmade> for Error {
    fn from(error: Unmade) -> Self {
        let reason = match &error {
            Unmade::Missing(_) | Unmade::Keys { .. } => Reason::SecretMissing,
            Unmade::NoSuchValue { .. } => Reason::InvalidSpec,
            Unmade::Production { .. } => Reason::ProductionReference,
        };
        Self::problem(reason, error.to_string())
    }
}

/// A name that would change the meaning of a URL: nobody but whoever wrote it can mend it.
impl From<InvalidName> for Error {
    fn from(error: InvalidName) -> Self {
        Self::problem(Reason::InvalidSpec, error.to_string())
    }
}

impl From<InvalidDuration> for Error {
    fn from(error: InvalidDuration) -> Self {
        Self::problem(Reason::InvalidSpec, error.to_string())
    }
}

impl From<NotAnObject> for Error {
    fn from(error: NotAnObject) -> Self {
        Self::problem(Reason::InvalidManifest, error.to_string())
    }
}

/// The HTTP status of a failed request; 0 if there was no answer. What is forbidden for a moment only
/// counts as *not available yet*: it is tried again, and nobody is called.
pub fn code(error: &kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) if status.code == 403 && passes(&status.message) => 503,
        kube::Error::Api(status) => status.code,
        _ => 0,
    }
}

/// Whether an answer was larger than what is read of one.
pub fn is_too_large(error: &kube::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, words: &str) -> Error {
        let (what, words, reason) = ("ask".to_owned(), words.to_owned(), String::new());
        Error::Api { what, words, code, reason }
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        let answer = r#"{ "data": "canary-in-an-answer" }"#;
        let odd = serde_json::from_str::<k8s_openapi::api::core::v1::Secret>(answer).unwrap_err();
        assert!(odd.to_string().contains("canary"), "{odd}");
        let told = Error::api("read a Secret", &kube::Error::SerdeError(odd), false).to_string();
        assert!(told.contains("read a Secret") && told.contains("column"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }

    /// In the words of `tests/sim/conformance.yaml`.
    #[test]
    fn one_that_is_gone_and_another_of_its_name_are_told_from_what_is_only_in_conflict() {
        let gone = "Operation cannot be fulfilled on staginggrants.kulisse.dev \"gone\": uid mismatch: the provided object specified uid 0, and no existing object was found";
        let another = "StagingGrant.kulisse.dev \"h\" is invalid: metadata.uid: Invalid value: \"0\": field is immutable";
        let changed =
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified";
        let invalid = "StagingGrant.kulisse.dev \"g\" is invalid: spec.from: Required value";
        for (code, words, other) in
            [(409, gone, true), (422, another, true), (409, changed, false), (422, invalid, false)]
        {
            assert_eq!(refused(code, words).other_uid(), other, "{words}");
        }
        let rejected = "the server rejected our request due to an error in our request";
        assert!(refused(422, rejected).failed_its_test());
        assert!(!refused(422, invalid).failed_its_test());
    }
}
