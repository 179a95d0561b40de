//! Programs that a test runs, and where they are.

use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program whose path stands in an environment variable; the reason to skip if it does not.
pub fn program(variable: &str, built_by: &str) -> Result<PathBuf, String> {
    let Some(path) = std::env::var_os(variable).filter(|it| !it.is_empty()) else {
        return Err(format!("{variable} is not set ({built_by} prints what belongs there)"));
    };
    let path = PathBuf::from(path);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("{variable} names {}, which is not there", path.display()))
}

/// `devcluster`.
pub fn devcluster() -> Result<PathBuf, String> {
    program("KULISSE_DEVCLUSTER", "dev/cluster/build.sh")
}

/// `helm`.
pub fn helm() -> Result<PathBuf, String> {
    program("KULISSE_HELM", "dev/helm/build.sh")
}

/// `kubectl`: beside `devcluster`.
pub fn kubectl() -> Result<PathBuf, String> {
    Ok(devcluster()?.with_file_name("kubectl"))
}

/// What a program answered.
pub struct Answer {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Answer {
    /// Standard output of a program that must have succeeded.
    pub fn ok(self, what: &str) -> String {
        assert!(self.code == 0, "{what}: exit code {}\n{}{}", self.code, self.out, self.err);
        self.out
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command, input: Option<&str>) -> Answer {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => panic!("{}: {error}", command.get_program().display()),
    };
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        let text = text.to_owned();
        std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().expect("its output");
    Answer {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Runs a program with these arguments to its end.
pub fn sh(program: impl AsRef<OsStr>, args: &[&str]) -> Answer {
    run(Command::new(program).args(args), None)
}

/// All documents of a YAML text as JSON.
pub fn yaml(text: &str) -> Vec<serde_json::Value> {
    // Modes like `0644` are read as kubectl reads them.
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<serde_json::Value> =
        match serde_saphyr::from_multiple_with_options(text, options) {
            Ok(documents) => documents,
            Err(error) => panic!("{error}\n{text}"),
        };
    documents.into_iter().filter(|it| !it.is_null()).collect()
}

/// All documents of a YAML file as JSON.
pub fn yaml_file(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    yaml(&text)
}

/// All files below a folder of the repository with one of these endings.
pub fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|it| path.extension() == Some(OsStr::new(it))) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
