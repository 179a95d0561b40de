//! `kulisse completion`, and what the shells ask: which words may come next, names of environments
//! among them.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::Write,
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use clap_complete::{CompletionCandidate, engine::complete, env::Shells};
use kube::{ResourceExt, api::ListParams};

use super::cluster::Cluster;

/// The variable by which a shell's script asks.
const ASKED: &str = "COMPLETE";
/// What kubectl calls to complete the words of a plugin.
const OF_KUBECTL: &str = "kubectl_complete-kulisse";
/// kubectl's word for: these and no files.
const NO_FILES: &str = ":4";
/// Longer than this nobody waits for a completion.
const PATIENCE: Duration = Duration::from_secs(2);

/// Arguments of `kulisse completion`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Shells that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

/// Prints the script that a shell reads at its start.
pub fn completion(args: &Args) -> Result<ExitCode> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
    };
    let shells = Shells::builtins();
    let completer = shells.completer(name).with_context(|| format!("{name} is not known"))?;
    let mut text = Vec::new();
    completer.write_registration(ASKED, "kulisse", "kulisse", "kulisse", &mut text)?;
    std::io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Answers a shell or kubectl, if it is one of them that asks.
///
/// # Errors
///
/// If the answer cannot be written.
pub fn asked(command: fn() -> clap::Command) -> Result<bool> {
    let mut words: Vec<OsString> = env::args_os().collect();
    let called = words.first().map(|it| Path::new(it).file_stem().unwrap_or_default().to_owned());
    if called.as_deref() == Some(OsStr::new(OF_KUBECTL)) {
        let at = words.len().saturating_sub(1);
        words[0] = "kulisse".into();
        let mut out = std::io::stdout();
        for it in complete(&mut command(), words, at, None)? {
            let help = it.get_help().map(|it| format!("\t{it}")).unwrap_or_default();
            writeln!(out, "{}{help}", it.get_value().to_string_lossy())?;
        }
        writeln!(out, "{NO_FILES}")?;
        return Ok(true);
    }
    let shell = clap_complete::CompleteEnv::with_factory(command).var(ASKED);
    Ok(shell.try_complete(words, env::current_dir().ok().as_deref())?)
}

/// Names of environments that begin so.
pub fn environments(begin: &OsStr) -> Vec<CompletionCandidate> {
    let Some(begin) = begin.to_str() else { return Vec::new() };
    let cluster = meant(env::args());
    let names = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        runtime.block_on(async { tokio::time::timeout(PATIENCE, names(&cluster)).await })
    });
    // Nobody wants to read an error in the middle of a line.
    let Ok(Ok(Ok(names))) = names else { return Vec::new() };
    names.into_iter().filter(|it| it.starts_with(begin)).map(CompletionCandidate::new).collect()
}

async fn names(cluster: &Cluster) -> Result<Vec<String>> {
    let (api, _) = cluster.environments().await?;
    let found = api.list_metadata(&ListParams::default()).await?;
    Ok(found.items.iter().map(ResourceExt::name_any).collect())
}

/// The cluster that an unfinished line is about.
fn meant(words: impl Iterator<Item = String>) -> Cluster {
    let mut cluster = Cluster::default();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        if matches!(option.as_str(), "-n" | "--namespace" | "--context" | "--kubeconfig")
            && let Some(value) = value.or_else(|| words.next())
        {
            cluster.give(&option, value);
        }
    }
    cluster
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_namespace_that_the_line_says() {
        let typed = |line: &str| meant(line.split(' ').map(str::to_owned)).command("list");
        assert_eq!(typed("kulisse -- kulisse status pr-"), "kulisse list");
        assert_eq!(typed("kulisse status -n previews pr-"), "kulisse list -n previews");
        assert_eq!(
            typed("kulisse --namespace=a --context b status"),
            "kulisse list -n a --context b"
        );
        assert_eq!(typed("kulisse status -n"), "kulisse list");
    }
}
