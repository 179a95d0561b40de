//! For tests: environments as a cluster had them, and what the reference shows of the output.

use std::{fs, path::Path};

use kulisse_core::api::environment::StagingEnvironment;

/// Documents that show what is printed. The reference shows all of it.
const DOCUMENTS: [&str; 2] = ["docs/reference/cli.md", "README.md"];

/// An environment of `tests/fixtures/statuses`.
pub fn recorded(name: &str) -> StagingEnvironment {
    let path = root().join("tests/fixtures/statuses").join(format!("{name}.yaml"));
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Holds documents to what a command prints; `BLESS=1` writes them anew.
pub fn is_documented(command: &str, printed: &str) {
    let head = format!("```console\n$ {command}\n");
    let block = format!("{head}{}\n```\n", printed.trim_end());
    for (at, document) in DOCUMENTS.iter().enumerate() {
        let path = root().join(document);
        let text = fs::read_to_string(&path).unwrap();
        let Some(from) = text.find(&head) else {
            assert!(at > 0, "{document} does not show «{command}»");
            continue;
        };
        let to = from + 3 + text[from + 3..].find("```\n").expect("the block ends") + 4;
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, format!("{}{block}{}", &text[..from], &text[to..])).unwrap();
        } else {
            assert_eq!(
                &text[from..to],
                block,
                "BLESS=1 cargo test --lib cli writes {document} anew"
            );
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
