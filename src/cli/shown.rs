//! For tests: environments as a cluster had them, and what the reference shows of the output.

use std::{fs, path::Path};

use kulisse_core::api::environment::StagingEnvironment;

const REFERENCE: &str = "docs/reference/cli.md";

/// An environment of `tests/fixtures/statuses`.
pub fn recorded(name: &str) -> StagingEnvironment {
    let path = root().join("tests/fixtures/statuses").join(format!("{name}.yaml"));
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Holds the reference to what a command prints; `BLESS=1` writes it anew.
pub fn is_documented(command: &str, printed: &str) {
    let path = root().join(REFERENCE);
    let text = fs::read_to_string(&path).unwrap();
    let head = format!("```console\n$ {command}\n");
    let from = text.find(&head).unwrap_or_else(|| panic!("{REFERENCE} does not show «{command}»"));
    let to = from + 3 + text[from + 3..].find("```\n").expect("the block ends") + 4;
    let block = format!("{head}{}\n```\n", printed.trim_end());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{}{block}{}", &text[..from], &text[to..])).unwrap();
    } else {
        assert_eq!(&text[from..to], block, "BLESS=1 cargo test --lib cli writes {REFERENCE} anew");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
