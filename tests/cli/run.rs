//! Running the command line: without a cluster, and without anybody's configuration.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Values that `canaries.yaml` plants.
pub const CANARIES: [&str; 6] = [
    "hunter2-canary-plain",
    // The same as base64.
    "aHVudGVyMi1jYW5hcnktcGxhaW4",
    "canary-in-url",
    "canary-in-json",
    "canary-applied",
    "MIIcanary",
];

/// What was printed.
pub struct Printed {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `kulisse` in the repository.
pub fn kulisse(args: &[&str]) -> Printed {
    kulisse_with(args, "")
}

/// Runs `kulisse` with something on standard input.
pub fn kulisse_with(args: &[&str], stdin: &str) -> Printed {
    run(Path::new(env!("CARGO_BIN_EXE_kulisse")), args, stdin)
}

/// Plans the example application.
pub fn shop(more: &[&str]) -> Printed {
    let args = [
        "plan",
        "-f",
        "examples/quickstart/30-environment.yaml",
        "--class",
        "examples/quickstart/20-class.yaml",
        "--source",
        "examples/shop",
    ];
    let printed = kulisse(&[&args, more].concat());
    assert_eq!(printed.code, 0, "{}", printed.err);
    printed
}

/// Plans a source for an environment.
pub fn plan(environment: &str, source: &str, more: &[&str]) -> Printed {
    kulisse(&[&["plan", "-f", environment, "--source", source], more].concat())
}

/// An environment of the namespace `shop`, with more in its spec.
pub fn environment(more: &str) -> String {
    format!(
        "apiVersion: kulisse.dev/v1alpha1\nkind: StagingEnvironment\nmetadata: {{name: pr-1}}\nspec: {{source: {{namespace: shop}}{more}}}\n"
    )
}

pub fn run(program: &Path, args: &[&str], stdin: &str) -> Printed {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(root())
        .env("KUBECONFIG", "/dev/null")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who does not read it closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Printed {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder of one test.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> String {
        self.0.display().to_string()
    }

    /// The path of something in it.
    pub fn at(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a file and answers its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}
