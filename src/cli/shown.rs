//! For tests: environments as a cluster had them, and what the reference shows of the output.

#[path = "../../tests/support/documented.rs"]
mod documented;

use std::{fs, path::Path};

use kulisse_core::api::environment::StagingEnvironment;

/// Documents that show what is printed. The reference shows all of it.
const DOCUMENTS: [&str; 2] = ["docs/reference/cli.md", "README.md"];

/// An environment of `tests/fixtures/statuses`.
pub fn recorded(name: &str) -> StagingEnvironment {
    let path = root().join("tests/fixtures/statuses").join(format!("{name}.yaml"));
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Holds documents to what a command prints.
pub fn is_documented(command: &str, printed: &str) {
    documented::is_shown(command, printed, &DOCUMENTS);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
