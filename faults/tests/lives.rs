//! The program: its shell commands, whom it ends and how, and what it says when it cannot.
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it fails")]

mod api;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use api::{
    Api,
    scene::{SOON, client, create},
};
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time::timeout,
};

/// A file of this test, which is not there.
fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

/// The program with its arguments; `IT` is the kubeconfig. It ends with a test that fails.
fn command(kubeconfig: &Path, arguments: &[&str]) -> Command {
    let kubeconfig = kubeconfig.display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kube-faults"));
    command.args(arguments.iter().map(|it| if *it == "IT" { &kubeconfig } else { *it }));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Runs it to its end: code, standard output, standard error.
async fn run(kubeconfig: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = command(kubeconfig, arguments);
    let ran = timeout(Duration::from_mins(1), command.output()).await.expect("an end");
    let ran = ran.expect("to run");
    let text = |it: Vec<u8>| String::from_utf8(it).expect("text");
    (ran.status.code().unwrap_or(-1), text(ran.stdout), text(ran.stderr))
}

/// Runs lives of a command that does nothing, with these orders.
async fn lives(kubeconfig: &Path, orders: &[&str]) -> (i32, String, String) {
    let begin = ["run", "--kubeconfig", "IT", "--plan", "any: pass"];
    let all = begin.iter().chain(orders).chain(&["--", "sleep", "600"]);
    run(kubeconfig, &all.copied().collect::<Vec<_>>()).await
}

/// Waits until a file is there and not empty.
async fn content(path: &Path) -> String {
    let started = Instant::now();
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.is_empty() => return text,
            _ => assert!(started.elapsed() < SOON, "{} is not there", path.display()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends the signal that asks to end, and waits: code and standard error.
async fn interrupted(mut child: Child) -> (Option<i32>, String) {
    let id = child.id().and_then(|it| i32::try_from(it).ok());
    let id = id.and_then(rustix::process::Pid::from_raw);
    let _ = rustix::process::kill_process(id.expect("an id"), rustix::process::Signal::TERM);
    let ended = async {
        let mut said = String::new();
        let _ = child.stderr.take().expect("a pipe").read_to_string(&mut said).await;
        (child.wait().await.expect("an end").code(), said)
    };
    timeout(Duration::from_mins(1), ended).await.expect("an end")
}

/// Whether a process is there that is not only waiting to be asked how it ended.
fn alive(id: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|it| !it.is_empty() && !it.starts_with(" Z"))
}

async fn gone(id: &str) {
    let started = Instant::now();
    while alive(id) {
        assert!(started.elapsed() < SOON, "process {id} is left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn shell_commands_speak_to_the_cluster_of_the_context_that_is_named() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("contexts", &json!({ "tokenFile": "contexts.token" }));
    let text = std::fs::read_to_string(&kubeconfig).expect("a kubeconfig");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    let other = json!({ "name": "production", "context": { "cluster": "it", "user": "it" } });
    config["contexts"].as_array_mut().expect("a list").push(other);
    config["current-context"] = "production".into();
    std::fs::write(&kubeconfig, config.to_string()).expect("a file");
    let (copy, mode) = (file("contexts.copy"), file("contexts.mode"));
    let check = format!(
        "cp \"$KUBECONFIG\" {}; stat -c '%a %n' \"$KUBECONFIG\" >{}",
        copy.display(),
        mode.display()
    );
    let (code, out, err) = lives(&kubeconfig, &["--context", "it", "--check", &check]).await;
    assert_eq!(code, 0, "{out}{err}");
    let seen: Value = serde_saphyr::from_str(&content(&copy).await).expect("YAML");
    assert_eq!(seen["current-context"], "it");
    let token = seen["users"][0]["user"]["tokenFile"].as_str().expect("a path");
    assert_eq!(Path::new(token), kubeconfig.with_file_name("contexts.token"));
    let mode = content(&mode).await;
    let (bits, path) = mode.trim().split_once(' ').expect("mode and path");
    assert_eq!(bits, "600", "it may hold credentials");
    assert!(!Path::new(path).exists(), "{path} is left");
    assert!(kubeconfig.exists());
}

#[tokio::test]
async fn a_life_that_does_not_converge_is_cleaned_up_all_the_same() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("unclean", &json!({}));
    let place = file("unclean.folder");
    let _ = std::fs::remove_dir(&place);
    let (begin, end) = (format!("mkdir {}", place.display()), format!("rmdir {}", place.display()));
    let (code, out, err) = lives(
        &kubeconfig,
        &[
            "--before",
            &begin,
            "--check",
            "test \"$KUBE_FAULTS_RUN\" = 2",
            "--after",
            &end,
            "--within",
            "2",
            "--plan",
            "any: pass",
        ],
    )
    .await;
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("2 plans: 1 converged, 1 failed"), "{out}{err}");
    assert!(!place.exists());
}

#[tokio::test]
async fn where_a_life_cannot_be_cleaned_up_no_other_one_begins() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("stuck", &json!({}));
    let (code, out, err) = lives(
        &kubeconfig,
        &[
            "--check",
            "true",
            "--after",
            "echo stuck >&2; false",
            "--within",
            "3",
            "--plan",
            "any: pass",
        ],
    )
    .await;
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("1 plans: 0 converged, 1 failed"), "{out}{err}");
    assert!(err.contains("1 plan was not run") && err.contains("stuck"), "{err}");
}

#[tokio::test]
async fn what_a_shell_command_started_ends_with_it_when_its_time_is_over() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("group", &json!({}));
    let id = file("group.pid");
    let check = format!("sleep 600 & echo $! >{}; wait", id.display());
    let (code, out, err) = lives(&kubeconfig, &["--check", &check, "--within", "2"]).await;
    assert_eq!(code, 1, "{out}{err}");
    gone(&content(&id).await).await;
}

#[tokio::test]
async fn a_process_that_somebody_else_started_is_killed_and_nobody_waits_until_it_is_buried() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("pid", &json!({}));
    // It is ours: until we ask how it ended, its id stays.
    let victim = Command::new("sleep").arg("600").kill_on_drop(true).spawn();
    let mut victim = victim.expect("a process");
    let id = victim.id().map(|it| it.to_string()).unwrap_or_default();
    let written = file("pid-written.kubeconfig");
    let to = written.display().to_string();
    let plan = "create configmaps #1: kill-before";
    let arguments =
        ["proxy", "--kubeconfig", "IT", "--write-kubeconfig", &to, "--pid", &id, "--plan", plan];
    let child = command(&kubeconfig, &arguments).spawn().expect("to run");
    let client = client(&content(&written).await).await;
    create(&client, "a").await.expect_err("killed");
    gone(&id).await;
    create(&client, "a").await.expect("whoever comes then is answered");
    let (code, said) = interrupted(child).await;
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("faults struck: 1; not reached: none"), "{said}");
    let _ = victim.wait().await;
}

#[tokio::test]
async fn a_proxy_that_is_interrupted_says_what_has_not_struck() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("interrupted", &json!({}));
    let written = file("interrupted-written.kubeconfig");
    let to = written.display().to_string();
    let plan = "create configmaps #1: reset; create secrets #1: reset";
    let arguments = ["proxy", "--kubeconfig", "IT", "--write-kubeconfig", &to, "--plan", plan];
    let child = command(&kubeconfig, &arguments).spawn().expect("to run");
    let client = client(&content(&written).await).await;
    create(&client, "a").await.expect_err("reset");
    let (code, said) = interrupted(child).await;
    assert_eq!(code, Some(130), "{said}");
    let expected = "faults struck: 1; not reached: create secrets #1: reset";
    assert!(said.contains(expected), "{said}");
}

#[tokio::test]
async fn all_of_a_group_may_tidy_up_before_it_is_killed() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("tidy", &json!({}));
    let (ready, done) = (file("tidy.ready"), file("tidy.done"));
    // The one that is waited for goes at once, the other one needs a moment.
    let script = format!(
        "(trap 'sleep 1; echo done >{}; exit' TERM; echo ready >{}; while :; do sleep 0.1; done) & exec sleep 600",
        done.display(),
        ready.display()
    );
    let arguments = ["proxy", "--kubeconfig", "IT", "--", "sh", "-c", &script];
    let child = command(&kubeconfig, &arguments).spawn().expect("to run");
    content(&ready).await;
    let (code, said) = interrupted(child).await;
    assert_eq!(code, Some(130), "{said}");
    assert!(done.exists(), "it was killed while it tidied up");
}

#[tokio::test]
async fn a_command_that_cannot_be_started_costs_no_life() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("no-start", &json!({}));
    let (plain, broken) = (file("no-start.plain"), file("no-start.broken"));
    std::fs::write(&plain, "text").expect("a file");
    std::fs::write(&broken, "#!/no/such/interpreter\n").expect("a file");
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let (plain, broken) = (plain.display().to_string(), broken.display().to_string());
    for program in ["/no/such", "no-such-program", &plain, &broken] {
        for mode in [&["run", "--plan", "any #1: reset"], &["learn", "--plans", "/dev/null"]] {
            let started = Instant::now();
            let rest = ["--kubeconfig", "IT", "--check", "false", "--within", "20", "--", program];
            let arguments: Vec<&str> = mode.iter().chain(&rest).copied().collect();
            let (code, out, err) = run(&kubeconfig, &arguments).await;
            assert_eq!(code, 2, "{program}: {out}{err}");
            assert!(err.contains(&format!("cannot start `{program}`")), "{err}");
            assert!(started.elapsed() < Duration::from_secs(15), "{program}: {err}");
        }
    }
}

#[tokio::test]
async fn how_a_command_ended_by_itself_is_named() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("ended", &json!({}));
    let rest =
        ["--kubeconfig", "IT", "--check", "false", "--within", "2", "--", "sh", "-c", "exit 7"];
    let learn: Vec<&str> = ["learn", "--plans", "/dev/null"].iter().chain(&rest).copied().collect();
    let (code, _, err) = run(&kubeconfig, &learn).await;
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("ended by itself") && err.contains("with 7"), "{err}");
    let plan: Vec<&str> = ["run", "--plan", "any: reset"].iter().chain(&rest).copied().collect();
    let (code, out, _) = run(&kubeconfig, &plan).await;
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("ended by itself") && out.contains("with 7"), "{out}");
}

#[tokio::test]
async fn what_keeps_requests_from_the_api_server_is_said_once() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("upstream", &json!({}));
    let text = std::fs::read_to_string(&kubeconfig).expect("a kubeconfig");
    let away = text.replace(&api.address.to_string(), "127.0.0.1:1");
    std::fs::write(&kubeconfig, away).expect("a file");
    let written = file("upstream-written.kubeconfig");
    let to = written.display().to_string();
    let arguments = ["proxy", "--kubeconfig", "IT", "--write-kubeconfig", &to];
    let child = command(&kubeconfig, &arguments).spawn().expect("to run");
    let client = client(&content(&written).await).await;
    for _ in 0..3 {
        create(&client, "a").await.expect_err("no answer");
    }
    let (_, said) = interrupted(child).await;
    assert_eq!(said.matches("the API server did not answer").count(), 1, "{said}");
    assert!(said.contains("refused"), "{said}");
}

#[tokio::test]
async fn a_watch_that_is_not_json_is_said_once() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("stubborn", &json!({}));
    let written = file("stubborn-written.kubeconfig");
    let to = written.display().to_string();
    let arguments = ["proxy", "--kubeconfig", "IT", "--write-kubeconfig", &to];
    let child = command(&kubeconfig, &arguments).spawn().expect("to run");
    let client = client(&content(&written).await).await;
    for _ in 0..2 {
        let uri = "/api/v1/namespaces/shop/configmaps?watch=true&stubborn";
        let request = hyper::Request::get(uri).body(kube::client::Body::empty());
        client.send(request.expect("a request")).await.expect("an answer");
    }
    let (_, said) = interrupted(child).await;
    assert_eq!(said.matches("not as JSON").count(), 1, "{said}");
}

#[tokio::test]
async fn whoever_reaches_the_proxy_from_elsewhere_is_told_a_name_that_leads_there() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("advertise", &json!({}));
    let written = file("advertise-written.kubeconfig");
    let to = written.display().to_string();
    let listen = ["proxy", "--kubeconfig", "IT", "--write-kubeconfig", &to, "--listen"];
    let nowhere: Vec<&str> = listen.iter().chain(&["0.0.0.0:0"]).copied().collect();
    let (code, _, err) = run(&kubeconfig, &nowhere).await;
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("--advertise"), "{err}");
    for (name, expected) in
        [("127.0.0.2", "https://127.0.0.2:"), ("localhost", "https://localhost:")]
    {
        let _ = std::fs::remove_file(&written);
        let all = ["0.0.0.0:0", "--advertise", name];
        let all: Vec<&str> = listen.iter().chain(&all).copied().collect();
        let child = command(&kubeconfig, &all).spawn().expect("to run");
        let text = content(&written).await;
        assert!(text.contains(expected), "{text}");
        create(&client(&text).await, "a").await.expect("an answer");
        interrupted(child).await;
    }
}

#[tokio::test]
async fn a_plan_that_cannot_be_carried_out_there_is_refused_in_words() {
    let api = Api::start().await;
    let kubeconfig = api.kubeconfig("refused", &json!({}));
    let ours = std::process::id().to_string();
    let to = file("refused-written.kubeconfig").display().to_string();
    let table: [(&[&str], &str, &str); 4] = [
        (&[], "create #1: kill-after", "nobody to kill"),
        (&["--pid", &ours], "create #1: kill-after; create #2: kill-after", "more than once"),
        (&["--pid", &ours], "create: kill-after", "more than once"),
        (&["--pid", "4000000"], "create #1: kill-after", "there is no process 4000000"),
    ];
    for (more, plan, expected) in table {
        let first = ["proxy", "--kubeconfig", "IT", "--write-kubeconfig", &to, "--plan", plan];
        let arguments: Vec<&str> = first.iter().chain(more).copied().collect();
        let run = run(&kubeconfig, &arguments);
        let (code, _, err) = timeout(SOON, run).await.unwrap_or((-1, String::new(), "runs".into()));
        assert_eq!(code, 2, "{plan}: {err}");
        assert!(err.contains(expected), "{plan}: {err}\n  not {expected}");
    }
    let except = ["learn", "--kubeconfig", "IT", "--check", "true", "--plans", "/dev/null"];
    let except: Vec<&str> =
        except.iter().chain(&["--except", "any leases #2", "--", "true"]).copied().collect();
    let (code, _, err) = run(&kubeconfig, &except).await;
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("`#2`"), "{err}");
}
