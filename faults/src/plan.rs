//! Faults as text: `match → nth → action`.
//!
//! ```text
//! create secrets in kulisse-system #2: kill-after
//! write no-dry-run #7: status 503 retry-after 2s
//! watch jobs.batch event deleted #1: drop
//! create namespaces #1: kill-after; delete namespaces #1: kill-before
//! ```
//!
//! The same with arrows: `create secrets in kulisse-system → 2 → kill-after` (or `->`). One line is
//! one plan, several faults of it stand between semicolons; a file holds one plan per line, and lines
//! that begin with `# ` are comments. What is printed can be read again.

mod action;
mod matches;
mod nth;
mod pattern;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

pub use action::{Action, Signal, Stage};
pub use matches::{EventType, Events, Match, ResourceMatch, SubresourceMatch, VerbMatch};
pub use nth::Nth;
pub use pattern::Pattern;

/// Faults that happen in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The faults. Where several would strike the same request, the first one does.
    pub faults: Vec<Fault>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which requests, or which events of which watches.
    pub matches: Match,
    /// Which of them.
    pub nth: Nth,
    /// What happens to it.
    pub action: Action,
}

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {why}")]
pub struct PlanError {
    /// The fault or the line.
    pub text: String,
    /// What is wrong with it, and what is allowed.
    pub why: String,
}

/// What is wrong with a part of a fault.
type Parsed<T> = Result<T, String>;

impl Plan {
    /// A run in which nothing happens.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The plans of a file: one per line; empty lines and those that begin with `# ` are passed over.
    pub fn read_file(text: &str) -> Result<Vec<Self>, PlanError> {
        let lines = text.lines().enumerate().filter(|(_, line)| {
            let line = line.trim();
            !line.is_empty() && line != "#" && !line.starts_with("# ")
        });
        lines
            .map(|(at, line)| {
                line.parse().map_err(|error: PlanError| PlanError {
                    why: format!("line {}: {}", at + 1, error.why),
                    ..error
                })
            })
            .collect()
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let text = text.trim();
        if text.is_empty() || text == NOTHING {
            return Ok(Self::nothing());
        }
        text.split(';').map(str::parse).collect::<Result<_, _>>().map(|faults| Self { faults })
    }
}

/// The plan without a fault, as text.
const NOTHING: &str = "nothing";

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.is_empty() {
            return f.write_str(NOTHING);
        }
        for (at, fault) in self.faults.iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{fault}")?;
        }
        Ok(())
    }
}

impl FromStr for Fault {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let text = text.trim();
        fault(text).map_err(|why| PlanError { text: text.to_owned(), why })
    }
}

fn fault(text: &str) -> Parsed<Fault> {
    const FORM: &str = "a fault is `MATCH #N: ACTION` or `MATCH → N → ACTION`, \
                        such as `create secrets in shop #2: drop-after`";
    let arrows = text.replace("->", "→");
    let parts: Vec<&str> = arrows.split('→').map(str::trim).collect();
    let (words, apart, action) = match parts.as_slice() {
        [_] => {
            let (words, action) = text.rsplit_once(':').ok_or(FORM)?;
            (words, None, action.trim())
        }
        [words, action] => (*words, None, *action),
        [words, nth, action] => (*words, Some(*nth), *action),
        _ => return Err(FORM.to_owned()),
    };
    let mut words: Vec<&str> = words.split_whitespace().collect();
    let at = words.iter().position(|it| it.starts_with('#'));
    let among = at.map(|at| words.remove(at));
    let nth = match (among, apart) {
        (Some(one), Some(other)) => {
            return Err(format!("which ones is said twice: `{one}` and `{other}`"));
        }
        (among, apart) => among.or(apart),
    };
    let matches = Match::from_words(&words)?;
    let nth = nth.map_or(Ok(Nth::EVERY), str::parse)?;
    let action: Action = action.parse()?;
    action.fits(&matches)?;
    Ok(Fault { matches, nth, action })
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.matches)?;
        if self.nth != Nth::EVERY {
            write!(f, " {}", self.nth)?;
        }
        write!(f, ": {}", self.action)
    }
}
