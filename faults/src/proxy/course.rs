//! An action → what comes before the request passes, after it has, and what becomes of the answer.

use std::time::Duration;

use crate::plan::{Action, Signal};

/// What happens to one request, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Before it passes.
    pub before: Before,
    /// Whether it passes a second time.
    pub twice: bool,
    /// When the API server has begun to answer.
    pub after: After,
    /// What becomes of the answer.
    pub answer: Answer,
}

/// Before a request passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Pass,
    /// A pause.
    Wait(Duration),
    /// The next one goes first.
    Swap,
    /// It does not pass: this is answered.
    Answer(Trouble),
    /// It does not pass: the connection is closed.
    Cut,
    /// It does not pass: the connection is reset.
    Reset,
    /// It does not pass, and nothing is answered.
    Hang,
    /// It does not pass: the client gets a signal.
    Kill(Signal),
}

/// When the API server has begun to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The answer is given.
    Answer,
    /// The answer is given after a pause.
    Wait(Duration),
    /// Another one is given.
    Instead(Trouble),
    /// The connection is closed.
    Cut,
    /// The client gets a signal.
    Kill(Signal),
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It arrives.
    Whole,
    /// Byte by byte, with pauses.
    Drip(Duration),
    /// Half of it.
    Half,
    /// Its head, and then nothing, for ever.
    Silent,
    /// It arrives, and then the client gets a signal.
    ThenKill(Signal),
}

/// An error in the API server's stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The HTTP status.
    pub code: u16,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}

impl Course {
    /// Of a request to which nothing happens.
    pub const PLAIN: Self =
        Self { before: Before::Pass, twice: false, after: After::Answer, answer: Answer::Whole };

    /// Of a request that is struck.
    pub fn of(action: Action) -> Self {
        let before = |before| Self { before, ..Self::PLAIN };
        let after = |after| Self { after, ..Self::PLAIN };
        let answer = |answer| Self { answer, ..Self::PLAIN };
        match action {
            // The last three happen to events alone; a plan that says otherwise cannot be read.
            Action::Pass | Action::Drop | Action::Reorder | Action::Close => Self::PLAIN,
            Action::Hold(time) => before(Before::Wait(time)),
            Action::Swap => before(Before::Swap),
            Action::DropBefore => before(Before::Cut),
            Action::Reset => before(Before::Reset),
            Action::Status { code, committed: false, retry_after } => {
                before(Before::Answer(Trouble { code, retry_after }))
            }
            Action::Gone => before(Before::Answer(Trouble { code: 410, retry_after: None })),
            Action::Hang => before(Before::Hang),
            Action::KillBefore(signal) => before(Before::Kill(signal)),
            Action::Duplicate => Self { twice: true, ..Self::PLAIN },
            Action::Delay(time) => after(After::Wait(time)),
            Action::DropAfter => after(After::Cut),
            Action::Status { code, committed: true, retry_after } => {
                after(After::Instead(Trouble { code, retry_after }))
            }
            Action::KillAfter(signal) => after(After::Kill(signal)),
            Action::Drip(time) => answer(Answer::Drip(time)),
            Action::Truncate => answer(Answer::Half),
            Action::FreezeWatch => answer(Answer::Silent),
            Action::KillAnswered(signal) => answer(Answer::ThenKill(signal)),
        }
    }
}

impl Trouble {
    /// As the API server says it: a `Status`.
    pub fn body(self) -> serde_json::Value {
        let reason = match self.code {
            400 => "BadRequest",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            410 => "Expired",
            413 => "RequestEntityTooLarge",
            422 => "Invalid",
            429 => "TooManyRequests",
            500 => "InternalError",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "",
        };
        let mut body = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": {},
            "status": "Failure",
            "message": format!("kube-faults: {} {reason}", self.code),
            "reason": reason,
            "code": self.code,
        });
        if let Some(seconds) = self.retry_after {
            body["details"] = serde_json::json!({ "retryAfterSeconds": seconds });
        }
        body
    }
}
