//! `kulisse version`

use std::{io::Write, process::ExitCode};

use anyhow::Result;

/// Prints the version.
pub fn version() -> Result<ExitCode> {
    writeln!(std::io::stdout(), "kulisse {}", env!("CARGO_PKG_VERSION"))?;
    Ok(ExitCode::SUCCESS)
}
