//! `kulisse`: the operator, its prober and its command line in one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    kulisse::cli::main()
}
