//! What can go wrong at the edge, and what a person is told.

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
    /// A name that would change the meaning of a URL.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl Error {
    /// The error of a request. `secret`: it carried a Secret, whose values the server quotes.
    pub fn api(what: &str, error: &kube::Error, secret: bool) -> Self {
        let code = code(error);
        let words = match error {
            kube::Error::Api(status) if secret => format!("{} ({})", status.reason, status.code),
            kube::Error::Api(status) => kulisse_core::secrets::redact(&status.message),
            other => innermost(other),
        };
        Self::Api { what: what.to_owned(), words, code }
    }

    /// A problem for a person.
    pub fn problem(reason: Reason, message: impl Into<String>) -> Self {
        Self::Problem(Problem::new(reason, message))
    }

    /// What a person is told.
    pub fn told(&self) -> Problem {
        match self {
            Self::Problem(problem) => problem.clone(),
            Self::Name(error) => Problem::new(Reason::InvalidSpec, error.to_string()),
            Self::Api { code: 400 | 403 | 413 | 422, .. } => {
                Problem::new(Reason::Refused, format!("the API server refuses: {self}"))
            }
            Self::Api { .. } | Self::Deadline { .. } | Self::Stored(_) => {
                Problem::new(Reason::ApiError, self.to_string())
            }
        }
    }

    /// The HTTP status of a failed request; 0 if there was no answer.
    pub fn code(&self) -> u16 {
        match self {
            Self::Api { code, .. } => *code,
            Self::Deadline { .. } | Self::Problem(_) | Self::Stored(_) | Self::Name(_) => 0,
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
