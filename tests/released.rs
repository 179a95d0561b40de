//! The program that is released, as `dev/image/compile.sh` makes it. KULISSE_IMAGE_BINARY names it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it fails")]

#[path = "support/tools.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
mod tools;

use std::{collections::BTreeSet, env, path::PathBuf, process::Command};

use auditable_info::{Limits, audit_info_from_file};

use tools::{root, run};

/// Without it, the test says so and is over.
macro_rules! released {
    () => {
        match tools::program("KULISSE_IMAGE_BINARY", "dev/image/build.sh --binary") {
            Ok(path) => path,
            Err(why) => {
                eprintln!("skipped: released: {why}");
                return;
            }
        }
    };
}

#[test]
fn it_runs_where_nothing_else_is() {
    let program = released!();
    let headers =
        Command::new("readelf").args(["--wide", "--program-headers"]).arg(&program).output();
    let headers = String::from_utf8(headers.expect("readelf, of binutils").stdout).expect("text");
    assert!(headers.contains("LOAD"), "no program: {headers}");
    assert!(!headers.contains("INTERP"), "it asks for a loader and libraries: {headers}");
    let said = run(Command::new(&program).env_clear().arg("version"), None).ok("kulisse version");
    assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said}");
}

#[test]
fn it_names_the_crates_that_are_in_it() {
    let told = audit_info_from_file(&released!(), Limits::default()).expect("a list of crates");
    let told: BTreeSet<(String, String)> =
        told.packages.iter().map(|it| (it.name.clone(), it.version.to_string())).collect();
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let mut locked = BTreeSet::new();
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let mut name = String::new();
    for line in lock.lines() {
        if let Some(it) = value(line, "name = ") {
            name = it;
        } else if let Some(version) = value(line, "version = ") {
            locked.insert((name.clone(), version));
        }
    }
    let strange: Vec<_> = told.difference(&locked).collect();
    assert!(strange.is_empty(), "in the program and not in Cargo.lock: {strange:?}");
    for name in ["kulisse", "kulisse-core", "kube", "rustls", "ring", "tokio"] {
        assert!(told.iter().any(|it| it.0 == name), "{name} is not told");
    }
    // Tests and benchmarks have crates of their own, which are not released.
    for name in ["kube-faults", "libtest-mimic", "proptest", "mlua", "openssl-sys", "aws-lc-sys"] {
        assert!(told.iter().all(|it| it.0 != name), "{name} is in it");
    }
}

#[test]
fn it_does_not_tell_where_it_was_compiled() {
    let program = std::fs::read(released!()).expect("the program");
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let folders =
        [Some(root()), home.as_deref()].into_iter().flatten().filter(|it| it.is_absolute());
    for folder in folders {
        let folder = folder.to_str().expect("text").as_bytes().to_vec();
        let at = program.windows(folder.len()).position(|it| it == folder);
        let around =
            at.map(|at| String::from_utf8_lossy(&program[at..(at + 120).min(program.len())]));
        assert_eq!(around, None);
    }
}

#[test]
fn it_does_not_tell_when_it_was_compiled() {
    let program = std::fs::read(released!()).expect("the program");
    // As C compilers write it: `Nov 24 2026`, and a zero.
    let is_date = |it: &&[u8]| {
        let months =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        months.iter().any(|month| it.starts_with(month.as_bytes()))
            && it[3] == b' '
            && it[6..].starts_with(b" 20")
            && it.ends_with(b"\0")
    };
    let found = program.windows(12).find(is_date).map(String::from_utf8_lossy);
    assert_eq!(found, None);
}
