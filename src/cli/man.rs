//! `kulisse man`

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};

/// Arguments of `kulisse man`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write the pages of all verbs into this directory, instead of the first to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the manual as `man` reads it.
pub fn man(args: &Args, command: clap::Command) -> Result<ExitCode> {
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(command, dir))
            .with_context(|| format!("cannot write into {}", dir.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    std::io::stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}
