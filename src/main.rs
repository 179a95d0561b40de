//! `kulisse`: the operator, its prober and its command line in one binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    kulisse::cli::main()
}
