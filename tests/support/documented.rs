//! What documents show of a command: exactly what it prints.

use std::{fs, path::Path};

/// Holds documents to what a command prints; `BLESS=1` writes them anew. The first one shows the
/// command, the others may.
pub fn is_shown(command: &str, printed: &str, documents: &[&str]) {
    let head = format!("```console\n$ {command}\n");
    let block = format!("{head}{}\n```\n", printed.trim_end());
    for (at, document) in documents.iter().enumerate() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let text = fs::read_to_string(&path).unwrap();
        let Some(from) = text.find(&head) else {
            assert!(at > 0, "{document} does not show «{command}»");
            continue;
        };
        let to = from + 3 + text[from + 3..].find("```\n").expect("the block ends") + 4;
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, format!("{}{block}{}", &text[..from], &text[to..])).unwrap();
        } else {
            assert_eq!(&text[from..to], block, "BLESS=1 cargo test writes {document} anew");
        }
    }
}
