//! `kulisse doctor`: is this cluster ready?
//!
//! `look.rs` reads what may be read with a person's own rights, `checks.rs` judges it. What may not be
//! read is not known, which is neither good nor bad.

mod checks;
mod definitions;
mod enforcement;
mod look;
mod rights;

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use kulisse_core::api::names;

use self::look::look;
use super::{
    cluster::Cluster,
    screen::{Mark, Screen},
    slowly::slowly,
    text::filled,
};

/// Width of the column of names.
const NAMES: usize = 12;

/// Arguments of `kulisse doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Namespace of the operator
    #[arg(long, default_value = names::OPERATOR)]
    operator_namespace: String,
    /// ServiceAccount of the operator
    #[arg(long, default_value = names::OPERATOR)]
    operator_account: String,
    #[command(flatten)]
    cluster: Cluster,
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    name: &'static str,
    mark: Mark,
    said: String,
    /// What to do about it.
    todo: Option<String>,
}

impl Check {
    fn fine(name: &'static str, said: impl Into<String>) -> Self {
        Self { name, mark: Mark::Fine, said: said.into(), todo: None }
    }

    fn wrong(name: &'static str, said: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { name, mark: Mark::Wrong, said: said.into(), todo: Some(todo.into()) }
    }

    fn doubt(name: &'static str, said: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { name, mark: Mark::Doubt, said: said.into(), todo: Some(todo.into()) }
    }
}

/// Looks at a cluster. Exit code 3 if something is missing.
pub async fn doctor(args: Args) -> Result<ExitCode> {
    let facts = slowly("looking at the cluster", Box::pin(look(&args))).await?;
    let checks = checks::checks(&facts);
    let screen = Screen::of_stdout();
    let text = shown(&checks, screen, screen.room().width);
    write!(std::io::stdout(), "{text}")?;
    let missing = checks.iter().any(|it| it.mark == Mark::Wrong);
    Ok(if missing { ExitCode::from(super::NO) } else { ExitCode::SUCCESS })
}

fn shown(checks: &[Check], screen: Screen, width: usize) -> String {
    let indent = NAMES + if screen.live { 4 } else { 5 };
    let room = width.saturating_sub(indent);
    let mut lines = Vec::new();
    for check in checks {
        let mut said = filled(check.said.split_whitespace(), room).into_iter();
        let first = said.next().unwrap_or_default();
        lines.push(format!(" {} {:<NAMES$} {first}", screen.mark(check.mark), check.name));
        lines.extend(said.map(|it| " ".repeat(indent) + &it));
        let todo =
            check.todo.iter().flat_map(|it| filled(it.split_whitespace(), room.saturating_sub(2)));
        lines.extend(todo.enumerate().map(|(at, it)| {
            let arrow = if at == 0 { "> " } else { "  " };
            " ".repeat(indent) + &screen.faint(&format!("{arrow}{it}"))
        }));
    }
    let count = |mark| checks.iter().filter(|it| it.mark == mark).count();
    let (wrong, doubt) = (count(Mark::Wrong), count(Mark::Doubt));
    let verdict = match (wrong, doubt) {
        (0, 0) => "this cluster is ready".to_owned(),
        (0, doubt) => format!("this cluster is ready, as far as is known; {doubt} to look at"),
        (wrong, doubt) => format!("this cluster is not ready: {wrong} missing, {doubt} to look at"),
    };
    lines.push(String::new());
    lines.push(screen.strong(&verdict));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Vec<Check> {
        vec![
            Check::fine("definitions", "all 4, as this kulisse knows them"),
            Check::wrong(
                "operator",
                "a ".repeat(60),
                "«kubectl logs -n kulisse deploy/kulisse» tells more",
            ),
            Check::doubt("storage", "no default", "name one"),
        ]
    }

    #[test]
    fn it_fits_a_terminal_and_says_what_to_do() {
        let text = shown(&checks(), Screen::terminal(false), 80);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(text.starts_with(" ✔ definitions  all 4, as this"), "{text}");
        assert!(text.contains("\n                > «kubectl logs"), "{text}");
        assert!(text.contains(" ! storage      no default\n"), "{text}");
        assert!(text.ends_with("not ready: 1 missing, 1 to look at\n"), "{text}");
    }

    #[test]
    fn without_a_terminal_marks_are_words() {
        let text = shown(&checks(), Screen::plain(), 80);
        assert!(text.starts_with(" ok definitions  all 4"), "{text}");
        assert!(text.contains("\n !! operator     a a"), "{text}");
        assert!(text.contains("\n ?? storage"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
