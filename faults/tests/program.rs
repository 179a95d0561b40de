//! The program: learning, running, killing a real process, and what it says when it cannot.
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it fails")]

mod api;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use api::Api;
use serde_json::json;
use tokio::{process::Command, time::timeout};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The operator of the example: Cargo builds it beside the tests.
fn operator() -> PathBuf {
    let tests = std::env::current_exe().expect("a path");
    let built = tests.parent().and_then(Path::parent).expect("a folder").join("examples/operator");
    assert!(
        built.is_file(),
        "{} is not there: `cargo test -p kube-faults` builds it",
        built.display()
    );
    built
}

async fn program(arguments: Vec<String>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kube-faults"));
    let run = command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    timeout(Duration::from_mins(2), run).await.expect("an end").expect("to run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A life of the example's operator: there is a wish, it gets one child, and both go.
struct Story {
    kubeconfig: PathBuf,
}

impl Story {
    async fn new(name: &str) -> Self {
        let api = Api::start().await;
        Self { kubeconfig: api.kubeconfig(name, &json!({})) }
    }

    async fn live(&self, mode: &str, options: &[&str], temper: &str) -> (i32, String, String) {
        let mut arguments: Vec<String> = [mode, "--kubeconfig"].map(str::to_owned).to_vec();
        arguments.push(self.kubeconfig.display().to_string());
        arguments.extend(options.iter().map(|it| (*it).to_owned()));
        let operator = operator().display().to_string();
        for (option, verb) in [("--before", "wish"), ("--check", "check"), ("--after", "unwish")] {
            arguments.extend([option.to_owned(), format!("{operator} {verb}")]);
        }
        arguments.extend(["--within", "20", "--"].map(str::to_owned));
        arguments.extend([operator, temper.to_owned()]);
        let ran = program(arguments).await;
        (ran.status.code().unwrap_or(-1), text(&ran.stdout), text(&ran.stderr))
    }
}

#[tokio::test]
async fn a_careful_operator_converges_under_all_that_was_learnt() {
    let story = Story::new("careful").await;
    let plans = file("careful.plans");
    let path = plans.display().to_string();
    let (code, out, err) =
        story.live("learn", &["--plans", &path, "--faults", "kills"], "careful").await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("6  plans: kills"), "{out}");
    let learnt = std::fs::read_to_string(&plans).expect("plans");
    assert!(learnt.starts_with("create configmaps.core no-dry-run #1: kill-before\n"), "{learnt}");
    assert!(learnt.ends_with("delete configmaps.core no-dry-run #1: kill-answered\n"), "{learnt}");
    let more = ["--plans", &path, "--plan", "create configmaps #1: drop-after"];
    let (code, out, err) = story.live("run", &more, "careful").await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.ends_with("7 plans: 7 converged, 0 failed, 0 not reached\n"), "{out}");
}

#[tokio::test]
async fn a_careless_operator_is_found_out_by_a_lost_answer() {
    let story = Story::new("careless").await;
    let more = [
        "--plan",
        "create configmaps #1: kill-after",
        "--plan",
        "create configmaps #1: drop-after",
    ];
    let (code, out, err) = story.live("run", &more, "careless").await;
    assert_eq!(code, 1, "{out}{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[1].contains("kill-after  ") && lines[1].contains("converged"), "{out}");
    assert!(lines[2].contains("FAILED") && lines[2].contains("there are 2 children"), "{out}");
    assert_eq!(lines[3], "2 plans: 1 converged, 1 failed, 0 not reached");
}

#[tokio::test]
async fn a_fault_that_never_struck_is_no_success() {
    let story = Story::new("unreached").await;
    let more = ["--plan", "create secrets #1: kill-after"];
    let (code, out, _) = story.live("run", &more, "careful").await;
    assert_eq!(code, 3, "{out}");
    assert!(out.ends_with("1 plans: 0 converged, 0 failed, 1 not reached\n"), "{out}");
}

#[tokio::test]
async fn a_command_behind_the_proxy_gives_its_exit_code_and_takes_what_it_started_along() {
    let story = Story::new("command").await;
    let (written, pid) = (file("command-written.kubeconfig"), file("command.pid"));
    let script = format!(
        "sleep 600 & echo $! >{}; grep -q kube-faults \"$KUBECONFIG\" && exit 7",
        pid.display()
    );
    let options = ["proxy", "--kubeconfig"].map(str::to_owned).into_iter();
    let options = options.chain([story.kubeconfig.display().to_string()]);
    let written_to = ["--write-kubeconfig".to_owned(), written.display().to_string()];
    let command = ["--", "sh", "-c", &script].map(str::to_owned);
    let ran = program(options.chain(written_to).chain(command).collect()).await;
    assert_eq!(ran.status.code(), Some(7), "{}", text(&ran.stderr));
    let mode = std::fs::metadata(&written).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it may hold credentials");
    let id = std::fs::read_to_string(&pid).expect("an id").trim().to_owned();
    let started = Instant::now();
    while alive(&id) {
        assert!(started.elapsed() < Duration::from_secs(5), "process {id} is left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether a process is there that is not only waiting to be asked how it ended.
fn alive(id: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|it| !it.is_empty() && !it.starts_with(" Z"))
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_what_can() {
    let story = Story::new("errors").await;
    let kubeconfig = story.kubeconfig.display().to_string();
    let table: [(&[&str], &str); 8] = [
        (&["proxy", "--kubeconfig", "/none"], "--write-kubeconfig says where"),
        (&["proxy", "--kubeconfig", "/none", "--", "true"], "/none: No such file"),
        (&["proxy", "--kubeconfig", "IT", "--plan", "any: rest", "--", "true"], "not an action"),
        (&["proxy", "--kubeconfig", "IT", "--", "/no/such"], "cannot start `/no/such`"),
        (&["proxy", "--kubeconfig", "IT", "--write-kubeconfig", "IT"], "names the file of --kubec"),
        (&["proxy", "--kubeconfig", "IT", "--context", "x", "--", "true"], "there are: it"),
        (
            &["run", "--kubeconfig", "IT", "--check", "true", "--", "true"],
            "there is no plan to run",
        ),
        (
            &[
                "learn",
                "--kubeconfig",
                "IT",
                "--check",
                "true",
                "--plans",
                "p",
                "--except",
                "x",
                "--",
                "true",
            ],
            "--except: `x: pass`: `x` is not a verb",
        ),
    ];
    for (arguments, expected) in table {
        let arguments = arguments.iter().map(|it| if *it == "IT" { &kubeconfig } else { *it });
        let ran = program(arguments.map(str::to_owned).collect()).await;
        let said = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}\n  not {expected}");
    }
}
