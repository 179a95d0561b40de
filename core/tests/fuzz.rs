//! The fuzzers' corpus, tried without a fuzzer: `make fuzz` looks for more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{fs, path::Path};

use common::{anything, golden_folder, said};
use kulisse_core::api::environment::StagingEnvironment;

fn kept(target: &str, check: fn(&str)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut tried = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        // As the fuzzer does: what is no text is no manifest.
        if let Ok(text) = std::str::from_utf8(&bytes) {
            eprintln!("{}", path.display());
            check(text);
            tried += 1;
        }
    }
    assert!(tried > 0, "the corpus of {target} is empty");
}

#[test]
fn manifests_that_once_reached_new_code_are_planned() {
    kept("manifests", anything::manifests);
}

#[test]
fn files_that_once_reached_new_code_are_planned() {
    kept("file", anything::file);
}

#[test]
fn words_that_once_reached_new_code_are_read_or_refused() {
    kept("words", said::words);
}

#[test]
fn environments_of_other_versions_are_read_or_refused() {
    kept("environment", said::environment);
}

/// So that the corpus does not become one of texts that nobody can read.
#[test]
fn environments_that_are_kept_are_environments() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/environment");
    for name in ["ready", "rebuilding", "of-a-later-version"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let it: StagingEnvironment = serde_json::from_str(&text).unwrap();
        assert!(!it.status.unwrap().conditions.is_empty(), "{name}");
    }
}

/// The golden cases are what the fuzzer starts from.
#[test]
fn golden_cases_hold_as_texts() {
    for folder in fs::read_dir(golden_folder()).unwrap().map(|it| it.unwrap().path()) {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        eprintln!("{}", folder.display());
        anything::manifests(&format!("{}\n---\n{}", read("environment.yaml"), read("source.yaml")));
    }
}
