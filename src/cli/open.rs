//! `kulisse open`

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anyhow::Result;
use kulisse_core::api::condition::{ConditionType, find};

use super::cluster::Named;

/// Arguments of `kulisse open`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// All its URLs; the browser gets the first
    #[arg(long)]
    all: bool,
    /// Print only
    #[arg(long)]
    print: bool,
}

/// Prints an environment's URL; on a terminal, a browser gets it as well.
pub async fn open(args: Args) -> Result<ExitCode> {
    let named = &args.environment;
    let (_, environment) = named.find().await?;
    let status = environment.status.unwrap_or_default();
    let ready = find(&status.conditions, ConditionType::Ready);
    let Some(url) = &status.url else {
        eprintln!(
            "{} has no URL: its class or its source has no route; «{}» tells what was left behind",
            named.name,
            named.command("report", "")
        );
        return Ok(ExitCode::from(super::NO));
    };
    if let Some(ready) = ready.filter(|it| it.status != "True") {
        eprintln!("note: {} is not ready: {}", named.name, ready.message);
    }
    let mut out = std::io::stdout();
    if args.all {
        for url in &status.urls {
            writeln!(out, "{url}")?;
        }
    } else {
        writeln!(out, "{url}")?;
    }
    if out.is_terminal() && !args.print && is_of_the_web(url) && open::that_detached(url).is_err() {
        eprintln!("note: no browser was found");
    }
    Ok(ExitCode::SUCCESS)
}

/// Whoever opens a URL starts what the system has for its scheme: only a browser is meant.
fn is_of_the_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_browser_is_started() {
        assert!(is_of_the_web("https://web.preview.example.com"));
        for url in ["file:///etc/passwd", "calculator:", "/bin/sh", "-h"] {
            assert!(!is_of_the_web(url), "{url}");
        }
    }
}
