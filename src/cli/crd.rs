//! `kulisse crd`

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use kulisse_core::api::{crds::crds, names};

/// Arguments of `kulisse crd`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write one file per definition into this directory, instead of all to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the definitions as YAML.
pub fn crd(args: &Args) -> Result<ExitCode> {
    let mut out = std::io::stdout();
    for definition in crds() {
        let text = serde_saphyr::to_string(&definition)?;
        match &args.dir {
            None => write!(out, "---\n{text}")?,
            Some(dir) => {
                let path =
                    dir.join(format!("{}_{}.yaml", names::GROUP, definition.spec.names.plural));
                std::fs::write(&path, text)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
