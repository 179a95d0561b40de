//! What happens to a request, or to an event of a watch.

use std::{fmt, str::FromStr, time::Duration};

use super::{Match, Parsed};
use crate::request::Verb;

/// What happens. A request *passes* if it reaches the server; the server then has *committed* it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: what comes later in the plan does not strike it either.
    Pass,
    /// The request passes at once; its answer, or the event, comes this much later.
    Delay(Duration),
    /// The request passes this much later.
    Hold(Duration),
    /// The request waits until the next one that matches has been answered, and then passes. It has not
    /// struck if none came.
    Swap,
    /// The request does not pass; the connection is closed.
    DropBefore,
    /// The request passes; its answer is lost, and the connection closed.
    DropAfter,
    /// The request does not pass; the connection is reset.
    Reset,
    /// The request passes twice; the second answer is given.
    Duplicate,
    /// An error is answered.
    Status {
        /// The HTTP status.
        code: u16,
        /// Whether the request passes all the same: committed, and yet an error.
        committed: bool,
        /// The header `Retry-After`, in seconds.
        retry_after: Option<u32>,
    },
    /// A list is answered with 410 `Expired`; a watch gets the event `ERROR` with 410, and ends.
    Gone,
    /// The request does not pass and is never answered; the connection stays open.
    Hang,
    /// The answer comes byte by byte, with this much time between them.
    Drip(Duration),
    /// The answer stops in the middle of its body, a watch in the middle of its first line, and the
    /// connection is closed.
    Truncate,
    /// The watch stays open and says nothing any more.
    FreezeWatch,
    /// The event is left out.
    Drop,
    /// The event comes after the next one. The last one of a watch has not been struck.
    Reorder,
    /// The watch ends before the event.
    Close,
    /// The client gets a signal before the request passes, or before it sees the event; the request
    /// does not pass.
    KillBefore(Signal),
    /// The request passes; the client gets a signal before it sees the answer.
    KillAfter(Signal),
    /// The client gets a signal as soon as it has the whole answer, the first event of the watch, or the
    /// event, before its next request passes.
    KillAnswered(Signal),
}

/// What a process is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signal {
    /// At once.
    #[default]
    Kill,
    /// May tidy up.
    Term,
    /// As by Ctrl-C.
    Int,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kill, Self::Term, Self::Int];

    /// `KILL`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Int => "INT",
        }
    }
}

/// What an action can happen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A request.
    Request,
    /// An event of a watch.
    Event,
}

impl Action {
    /// The first word of its text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Delay(_) => "delay",
            Self::Hold(_) => "hold",
            Self::Swap => "swap",
            Self::DropBefore => "drop-before",
            Self::DropAfter => "drop-after",
            Self::Reset => "reset",
            Self::Duplicate => "duplicate",
            Self::Status { committed: false, .. } => "status",
            Self::Status { committed: true, .. } => "status-after",
            Self::Gone => "gone",
            Self::Hang => "hang",
            Self::Drip(_) => "drip",
            Self::Truncate => "truncate",
            Self::FreezeWatch => "freeze-watch",
            Self::Drop => "drop",
            Self::Reorder => "reorder",
            Self::Close => "close",
            Self::KillBefore(_) => "kill-before",
            Self::KillAfter(_) => "kill-after",
            Self::KillAnswered(_) => "kill-answered",
        }
    }

    /// Whether the client gets a signal.
    pub fn kills(self) -> bool {
        matches!(self, Self::KillBefore(_) | Self::KillAfter(_) | Self::KillAnswered(_))
    }

    /// Whether it can happen to this.
    pub fn happens_to(self, stage: Stage) -> bool {
        match self {
            Self::Pass
            | Self::Delay(_)
            | Self::Duplicate
            | Self::Gone
            | Self::FreezeWatch
            | Self::KillBefore(_)
            | Self::KillAnswered(_) => true,
            Self::Hold(_)
            | Self::Swap
            | Self::DropBefore
            | Self::DropAfter
            | Self::Reset
            | Self::Status { .. }
            | Self::Hang
            | Self::Drip(_)
            | Self::Truncate
            | Self::KillAfter(_) => stage == Stage::Request,
            Self::Drop | Self::Reorder | Self::Close => stage == Stage::Event,
        }
    }

    /// Whether it can happen to what is matched; if not, what can.
    pub(super) fn fits(self, matches: &Match) -> Parsed<()> {
        let (stage, what) = match matches.events {
            Some(_) => (Stage::Event, "an event"),
            None => (Stage::Request, "a request"),
        };
        if !self.happens_to(stage) {
            let can: Vec<&str> = FORMS
                .iter()
                .filter(|(example, _)| example.happens_to(stage))
                .map(|(_, form)| *form)
                .collect();
            return Err(format!(
                "`{}` cannot happen to {what}; allowed are {}",
                self.word(),
                can.join(", ")
            ));
        }
        let streams = matches.events.is_some() || matches.verb.only() == Some(Verb::Watch);
        if self == Self::FreezeWatch && !streams {
            return Err("`freeze-watch` needs the verb `watch`".to_owned());
        }
        Ok(())
    }
}

/// One of each, and how it is written.
const FORMS: [(Action, &str); 21] = [
    (Action::Pass, "pass"),
    (Action::Delay(Duration::ZERO), "delay 2s"),
    (Action::Hold(Duration::ZERO), "hold 2s"),
    (Action::Swap, "swap"),
    (Action::DropBefore, "drop-before"),
    (Action::DropAfter, "drop-after"),
    (Action::Reset, "reset"),
    (Action::Duplicate, "duplicate"),
    (
        Action::Status { code: 500, committed: false, retry_after: None },
        "status 503 [retry-after 2s]",
    ),
    (Action::Status { code: 500, committed: true, retry_after: None }, "status-after 504"),
    (Action::Gone, "gone"),
    (Action::Hang, "hang"),
    (Action::Drip(Duration::ZERO), "drip [1s]"),
    (Action::Truncate, "truncate"),
    (Action::FreezeWatch, "freeze-watch"),
    (Action::Drop, "drop"),
    (Action::Reorder, "reorder"),
    (Action::Close, "close"),
    (Action::KillBefore(Signal::Kill), "kill-before [KILL|TERM|INT]"),
    (Action::KillAfter(Signal::Kill), "kill-after [KILL|TERM|INT]"),
    (Action::KillAnswered(Signal::Kill), "kill-answered [KILL|TERM|INT]"),
];

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Parsed<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let Some((word, arguments)) = words.split_first() else {
            return Err(
                "the action is missing: what is to happen stands after the colon".to_owned()
            );
        };
        let plain = |action: Self| match arguments {
            [] => Ok(action),
            [more, ..] => Err(format!("`{word}` takes no `{more}`")),
        };
        let time = || match arguments {
            [time] => duration(time),
            _ => Err(format!("`{word}` takes a time, such as `{word} 2s`")),
        };
        let signal = || match arguments {
            [] => Ok(Signal::default()),
            [name] => {
                let found = Signal::ALL.into_iter().find(|it| it.word() == *name);
                found
                    .ok_or_else(|| format!("`{name}` is not a signal; allowed are KILL, TERM, INT"))
            }
            _ => Err(format!("`{word}` takes one signal: KILL, TERM or INT")),
        };
        match *word {
            "pass" => plain(Self::Pass),
            "delay" => time().map(Self::Delay),
            "hold" => time().map(Self::Hold),
            "swap" => plain(Self::Swap),
            "drop-before" => plain(Self::DropBefore),
            "drop-after" => plain(Self::DropAfter),
            "reset" => plain(Self::Reset),
            "duplicate" => plain(Self::Duplicate),
            "status" => status(arguments, false),
            "status-after" => status(arguments, true),
            "gone" => plain(Self::Gone),
            "hang" => plain(Self::Hang),
            "drip" if arguments.is_empty() => Ok(Self::Drip(Duration::from_secs(1))),
            "drip" => time().map(Self::Drip),
            "truncate" => plain(Self::Truncate),
            "freeze-watch" => plain(Self::FreezeWatch),
            "drop" => plain(Self::Drop),
            "reorder" => plain(Self::Reorder),
            "close" => plain(Self::Close),
            "kill-before" => signal().map(Self::KillBefore),
            "kill-after" => signal().map(Self::KillAfter),
            "kill-answered" => signal().map(Self::KillAnswered),
            _ => Err(format!(
                "`{word}` is not an action; allowed are {}",
                FORMS.map(|(_, form)| form).join(", ")
            )),
        }
    }
}

fn status(arguments: &[&str], committed: bool) -> Parsed<Action> {
    let (code, retry_after) = match arguments {
        [code] => (code, None),
        [code, "retry-after", time] => (code, Some(whole_seconds(time)?)),
        _ => {
            return Err("`status` takes a code, and maybe when to try again: \
                        `status 429 retry-after 2s`"
                .to_owned());
        }
    };
    match code.parse() {
        Ok(code @ 400..=599) => Ok(Action::Status { code, committed, retry_after }),
        _ => Err(format!("`{code}` is not the status of an error; allowed are 400 to 599")),
    }
}

fn whole_seconds(text: &str) -> Parsed<u32> {
    let time = duration(text)?;
    match u32::try_from(time.as_secs()) {
        Ok(seconds) if time.subsec_millis() == 0 => Ok(seconds),
        _ => Err(format!("`{text}`: `retry-after` takes whole seconds")),
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Delay(time) | Self::Hold(time) | Self::Drip(time) => {
                write!(f, " {}", shown(*time))
            }
            Self::Status { code, committed: _, retry_after } => {
                write!(f, " {code}")?;
                match retry_after {
                    Some(seconds) => write!(f, " retry-after {seconds}s"),
                    None => Ok(()),
                }
            }
            Self::KillBefore(signal) | Self::KillAfter(signal) | Self::KillAnswered(signal) => {
                if *signal == Signal::default() {
                    Ok(())
                } else {
                    write!(f, " {}", signal.word())
                }
            }
            Self::Pass
            | Self::Swap
            | Self::DropBefore
            | Self::DropAfter
            | Self::Reset
            | Self::Duplicate
            | Self::Gone
            | Self::Hang
            | Self::Truncate
            | Self::FreezeWatch
            | Self::Drop
            | Self::Reorder
            | Self::Close => Ok(()),
        }
    }
}

/// `250ms`, `3s`, `2m`.
fn duration(text: &str) -> Parsed<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let number = number.parse::<u64>().ok();
    match number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor)) {
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        None => {
            Err(format!("`{text}` is not a time; allowed are whole `ms`, `s` and `m`: `250ms`"))
        }
    }
}

fn shown(time: Duration) -> String {
    match time.as_millis() {
        it if it % 60_000 == 0 && it > 0 => format!("{}m", it / 60_000),
        it if it % 1000 == 0 => format!("{}s", it / 1000),
        it => format!("{it}ms"),
    }
}
