//! The verbs of the command line, each against a real API server with the operator beside it.

use std::{
    fs::{File, read_to_string},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::Arc,
};

use kulisse_core::api::condition::ConditionType;
use serde_json::{Value, json};

use crate::{
    support::{
        tools::{Answer, run},
        wait::{eventually, s},
    },
    world::{APPLICATION, World},
};

const KULISSE: &str = env!("CARGO_BIN_EXE_kulisse");

fn kulisse(world: &World, arguments: &[&str]) -> Answer {
    called(world, Path::new(KULISSE), arguments)
}

fn called(world: &World, program: &Path, arguments: &[&str]) -> Answer {
    let mut command = Command::new(program);
    command.env("KUBECONFIG", &world.cluster.kubeconfig);
    tokio::task::block_in_place(|| run(command.args(arguments), None))
}

/// A command that goes on, and what it has printed so far.
struct Follower {
    child: Child,
    out: PathBuf,
}

impl Follower {
    fn of(command: &mut Command, name: &str) -> Self {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.out"));
        let file = File::create(&out).expect("a file");
        let child = command.stdout(file).spawn().expect("a process");
        Self { child, out }
    }

    async fn says(&self, what: &str) {
        eventually(&format!("«{what}» is printed"), s(20), || async {
            let text = read_to_string(&self.out).expect("its output");
            if text.contains(what) { Ok(()) } else { Err(text) }
        })
        .await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asserts an exit code and answers both outputs.
fn told(answer: Answer, code: i32, what: &str) -> String {
    let text = answer.out + &answer.err;
    assert_eq!(answer.code, code, "{what}: {text}");
    text
}

pub async fn an_environment_is_made_listed_changed_and_deleted_by_command(world: Arc<World>) {
    let place = world.source("by-verbs", APPLICATION).await;
    let namespace = place.requests.clone();
    let at = |arguments: &[&str]| kulisse(&world, &[arguments, &["-n", &namespace]].concat());
    let create = |more: &[&str]| {
        let words = ["create", "pr-1", "--from", &place.source, "--class", "unprobed"];
        at(&[&words, more].concat())
    };
    told(create(&["--ttl", "3h", "--dry-run", "server"]), 0, "a dry run");
    assert_eq!(at(&["list"]).out, "", "a dry run keeps nothing");
    let refused = told(create(&["--ttl", "1s"]), 1, "the server refuses it");
    assert!(refused.contains("ttl is between 30s and 8760h"), "{refused}");
    let made = create(&["--ttl", "3h", "--wait", "--timeout", "240s"]).ok("create");
    assert!(made.starts_with("stagingenvironment.kulisse.dev/pr-1 created\n"), "{made}");
    assert!(create(&["--ttl", "3h"]).ok("again").contains("unchanged"));
    assert!(create(&["--ttl", "4h"]).ok("with another ttl").contains("configured"));

    let list = at(&["list"]).ok("list");
    assert!(list.lines().nth(1).is_some_and(|it| it.starts_with("pr-1 ")), "{list}");
    assert_eq!(at(&["list", "-o", "name"]).out, "stagingenvironment.kulisse.dev/pr-1\n");
    assert_eq!(at(&["list", "-l", "nobody=has-it"]).out, "");
    let all = kulisse(&world, &["list", "-A", "-o", "json"]).ok("list -A");
    let all: Value = serde_json::from_str(&all).expect("JSON");
    let items = all["items"].as_array().expect("items");
    assert!(items.iter().any(|it| it["metadata"]["namespace"] == namespace.as_str()));
    assert!(items.iter().all(|it| it["metadata"]["managedFields"].is_null()));

    // No Pod runs here, and the class has no domain.
    let logs = told(at(&["logs", "stagingenvironment.kulisse.dev/pr-1"]), 3, "logs");
    assert!(logs.contains("no Pod runs in stg-pr-1-"), "{logs}");
    let logs = told(at(&["logs", "pr-1", "--workload", "nothing"]), 1, "logs of nothing");
    assert!(logs.contains("there is no workload nothing") && logs.contains("api"), "{logs}");
    let url = told(at(&["open", "pr-1"]), 3, "open");
    assert!(url.contains("pr-1 has no URL"), "{url}");
    let events = at(&["events", "pr-1"]).ok("events");
    assert!(events.contains("StagingEnvironment/pr-1"), "{events}");

    let completed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubectl_complete-kulisse");
    let _ = std::fs::remove_file(&completed);
    std::os::unix::fs::symlink(KULISSE, &completed).expect("a link");
    let words = called(&world, &completed, &["status", "-n", &namespace, "pr"]).ok("completion");
    assert_eq!(words, "pr-1\n:4\n");

    let missing = told(at(&["status", "no-such"]), 1, "no such");
    assert!(missing.contains("there is no StagingEnvironment no-such in namespace"), "{missing}");
    let deleted = at(&["delete", "pr-1", "--wait"]).ok("delete --wait");
    assert!(deleted.contains("pr-1 is deleted"), "{deleted}");
    assert_eq!(at(&["delete", "pr-1", "--ignore-not-found"]).code, 0);
    assert_eq!(at(&["delete", "pr-1"]).code, 1);
}

pub async fn one_that_cannot_be_read_keeps_nobody_from_the_others(world: Arc<World>) {
    let place = world.source("strange-by-verb", APPLICATION).await;
    let namespace = place.requests.clone();
    let at = |arguments: &[&str]| kulisse(&world, &[arguments, &["-n", &namespace]].concat());
    let (it, other) =
        (place.environment("pr-1", json!({})).await, place.environment("pr-2", json!({})).await);
    it.ready(s(45)).await;
    other.ready(s(45)).await;
    let mut watch = Command::new(KULISSE);
    watch.env("KUBECONFIG", &world.cluster.kubeconfig).args(["list", "-w", "-n", &namespace]);
    let watch = Follower::of(&mut watch, "strange-by-verb");
    watch.says("pr-2 Ready").await;
    // The definition takes any number here, the type does not.
    it.patch_status(json!({ "workloads": { "ready": 5_000_000_000_u64 } })).await;
    let why = "status.workloads.ready: invalid value: integer `5000000000`, expected u32";
    watch.says(&format!("pr-1 Unreadable: {why}")).await;

    for (list, begin) in [(at(&["list"]), ""), (kulisse(&world, &["list", "-A"]), &namespace[..])] {
        let list = list.ok("list");
        let line = |name| {
            let mut mine = list.lines().filter(|it| it.starts_with(begin));
            mine.find(|it| it.split_whitespace().any(|it| it == name)).unwrap_or_default()
        };
        assert!(line("pr-1").ends_with(why), "{list}");
        assert!(line("pr-2").contains("  Ready  "), "{list}");
    }
    let printed: Value =
        serde_json::from_str(&at(&["list", "-o", "json"]).ok("json")).expect("JSON");
    assert_eq!(printed["items"][0]["status"]["workloads"]["ready"], 5_000_000_000_u64);
    let printed = at(&["status", "pr-1", "-o", "yaml"]).ok("status -o yaml");
    assert!(printed.contains("5000000000"), "{printed}");
    let (of_status, of_wait) = (at(&["status", "pr-1"]), at(&["wait", "pr-1"]));
    for (answer, what) in
        [(of_status, "status"), (of_wait, "wait"), (at(&["sleep", "pr-1"]), "sleep")]
    {
        let said = told(answer, 1, what);
        let mends = format!("edit stagingenvironment pr-1 -n {namespace} --subresource=status");
        assert!(said.contains(why) && said.contains(&mends), "{what}: {said}");
    }
    let event = at(&["events", "pr-2"]).ok("events");
    assert!(event.contains("pr-2"), "{event}");

    let deleted = at(&["delete", "pr-1", "--wait", "--timeout", "240s"]).ok("delete --wait");
    assert!(deleted.contains("pr-1 is deleted"), "{deleted}");
    watch.says("pr-1 is gone").await;
    other.remove().await;
}

pub async fn an_environment_is_suspended_by_command_unless_a_file_says_otherwise(
    world: Arc<World>,
) {
    let place = world.source("suspended-by-verb", APPLICATION).await;
    let namespace = place.requests.clone();
    let at = |arguments: &[&str]| kulisse(&world, &[arguments, &["-n", &namespace]].concat());
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    assert_eq!(at(&["suspend", "pr-1"]).ok("suspend"), "pr-1 is suspended\n");
    it.until(ConditionType::Suspended, "True", "", s(10)).await;
    assert!(at(&["suspend", "pr-1"]).ok("again").contains("already"));
    assert_eq!(at(&["resume", "pr-1"]).ok("resume"), "pr-1 goes on\n");
    it.ready(s(10)).await;
    it.remove().await;

    // As a GitOps tool applies it: with the field.
    let other = place.environment("pr-2", json!({ "suspend": false })).await;
    other.ready(s(45)).await;
    let kept = told(at(&["suspend", "pr-2"]), 1, "a file says otherwise");
    assert!(kept.contains("spec.suspend of pr-2 is set by "), "{kept}");
    assert!(kept.contains("--force-conflicts"), "{kept}");
    at(&["suspend", "pr-2", "--force-conflicts"]).ok("by force");
    assert!(other.get().await.spec.suspend);
    // What it has set by its own hand, nobody else changes unasked.
    let words = ["create", "pr-2", "--from", &place.source, "--class", "unprobed", "--ttl", "5h"];
    let conflict = told(at(&words), 1, "a conflict");
    assert!(conflict.contains("conflict") && conflict.contains("--force-conflicts"), "{conflict}");
    other.remove().await;
}

pub async fn what_is_asked_by_command_is_answered(world: Arc<World>) {
    let place = world.source("asked-by-verb", APPLICATION).await;
    let namespace = place.requests.clone();
    let at = |arguments: &[&str]| kulisse(&world, &[arguments, &["-n", &namespace]].concat());
    let it = place.environment("pr-1", json!({})).await;
    let before = it.ready(s(45)).await.expires_at.expect("an end").0;
    let longer = at(&["extend", "pr-1", "24h"]).ok("extend");
    assert!(longer.starts_with("pr-1 expires in 1d "), "{longer}");
    let after = it.status().await.expires_at.expect("an end").0;
    assert_eq!(after.duration_since(before).as_hours(), 24);
    // The class allows 100 h in all.
    let capped = at(&["extend", "pr-1", "30d"]).ok("extend by too much");
    assert!(capped.trim_end().ends_with("its class allows no more"), "{capped}");
    let past = told(at(&["extend", "pr-1", "--until", "2026-01-01T00:00:00Z"]), 1, "the past");
    assert!(past.contains("kulisse delete pr-1 -n "), "{past}");

    // The answer comes when it is done, which may take longer than a person waits.
    at(&["sleep", "pr-1"]).ok("sleep");
    it.until(ConditionType::Asleep, "True", "", s(20)).await;
    assert_eq!(at(&["wait", "pr-1"]).code, 3, "who sleeps is not ready, and will not be by itself");
    at(&["wake", "pr-1"]).ok("wake");
    it.ready(s(20)).await;

    let refused = told(at(&["retry", "pr-1"]), 3, "retry");
    assert!(refused.starts_with("refused: no task of this environment has failed"), "{refused}");
    assert!(told(at(&["reseed", "pr-1"]), 3, "reseed").starts_with("refused: "));
    let status = at(&["status", "pr-1"]).ok("status");
    assert!(status.contains("kulisse.dev/retry was refused: "), "{status}");
    assert!(told(at(&["approve", "pr-1"]), 1, "approve").contains("no plan of pr-1 awaits"));
    it.remove().await;

    let other = place.environment("pr-2", json!({ "mode": "Plan" })).await;
    other.until(ConditionType::Planned, "False", "AwaitingApproval", s(45)).await;
    let wrong = told(at(&["approve", "pr-2", "000000000000"]), 1, "another digest");
    assert!(wrong.contains("is not the plan of pr-2"), "{wrong}");
    at(&["approve", "pr-2"]).ok("approve");
    other.ready(s(45)).await;
    other.remove().await;
}

pub async fn consent_is_given_and_withdrawn_by_command(world: Arc<World>) {
    let objects = world.objects();
    let place = world.place("granted-by-verb");
    objects.namespace(&place.source).await;
    objects.namespace(&place.requests).await;
    let (source, from) = (place.source.as_str(), place.requests.as_str());
    let revoke =
        |more: &[&str]| kulisse(&world, &[&["revoke", source, "--from", from], more].concat());
    assert!(told(revoke(&[]), 0, "nothing to revoke").contains("no StagingGrant in"));
    kulisse(&world, &["grant", source, "--from", from, "--apply"]).ok("grant");
    let printed = revoke(&[]).ok("revoke");
    let commands: Vec<&str> = printed.lines().collect();
    assert_eq!(commands.len(), 3, "{printed}");
    assert!(commands.iter().all(|it| it.starts_with("kubectl delete ")), "{printed}");
    revoke(&["--apply"]).ok("revoke --apply");
    let bindings = async || objects.names("rbac.authorization.k8s.io/v1 RoleBinding", source).await;
    let grants = objects.names("kulisse.dev/v1alpha1 StagingGrant", source).await;
    let left = bindings().await;
    assert!(grants.is_empty() && left.is_empty(), "{grants:?} {left:?}");

    let apply = |more: &[&str]| {
        let typed = ["grant", source, "--from", from, "--apply"];
        kulisse(&world, &[&typed, more].concat())
    };
    apply(&["--without-secrets"]).ok("grant --without-secrets");
    let again = apply(&[]);
    assert!(again.err.contains("stay unread"), "{}", again.err);
    assert_eq!(bindings().await, ["kulisse-source-reader"], "what was left out stays so");
    apply(&["--with-secrets"]).ok("grant --with-secrets");
    assert_eq!(bindings().await.len(), 2);
}

pub async fn the_doctor_sees_what_is_there_and_what_is_not(world: Arc<World>) {
    // There is no node here: the Deployment's Pod does not run, the operator does so beside it.
    let text = told(kulisse(&world, &["doctor"]), 3, "doctor");
    for line in [
        " ok kubernetes   v1.",
        " ok definitions  all 4, as this kulisse knows them",
        " !! operator     it does not run: ",
        " ok rights       the operator may do all that it must",
        " ok account      admission policies hold the operator's account",
        " ?? fence        it is not known whether network policy is enforced",
        " ok quota        none on the number of environments in default",
        " ok you          you may ask for environments in default",
    ] {
        assert!(text.contains(line), "«{line}» is not in:\n{text}");
    }
    assert!(text.contains("this cluster is not ready: "), "{text}");
    let elsewhere = told(kulisse(&world, &["doctor", "--operator-account", "nobody"]), 3, "doctor");
    for line in [" !! operator     no Deployment in", " !! rights       the operator may not"] {
        assert!(elsewhere.contains(line), "«{line}» is not in:\n{elsewhere}");
    }
}
