//! When a fault has struck: once it was carried out, on the life that it was meant for.
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it fails")]

mod api;

use std::{
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use kube_faults::{
    plan::{Plan, Signal},
    proxy::{Options, Output, Program, Victim},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use api::{
    SLOW,
    scene::{SOON, Scene, WATCH, create, get, watch_under},
};

/// Nobody is at home where the API server should be.
fn away(it: &mut Options) {
    let text = std::fs::read_to_string(&it.kubeconfig).expect("a kubeconfig");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1".into();
    std::fs::write(&it.kubeconfig, config.to_string()).expect("a file");
}

#[tokio::test]
async fn what_should_follow_an_answer_that_never_came_did_not_strike() {
    for action in
        ["kill-after", "kill-answered", "drop-after", "status-after 504", "duplicate", "truncate"]
    {
        let plan = format!("create #1: {action}");
        let scene = Scene::with("unanswered", &plan, &json!({}), away).await;
        scene.create("a").await.expect_err("no answer");
        sleep(Duration::from_millis(50)).await;
        assert!(!scene.proxy.complete(), "{action}");
        assert_eq!(scene.proxy.struck(), 0, "{action}");
        assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 0, "{action}");
    }
}

#[tokio::test]
async fn a_request_is_swapped_only_when_another_one_was_answered() {
    let scene = Scene::new("swapped", "create configmaps #1: swap").await;
    let client = scene.client().await;
    let first = client.clone();
    let first = tokio::spawn(async move { create(&first, "first").await });
    while scene.proxy.seen().is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_millis(50)).await;
    assert!(!scene.proxy.complete(), "it only waits");
    create(&client, "second").await.expect("an answer");
    first.await.expect("a task").expect("an answer");
    assert!(scene.proxy.complete());
}

#[tokio::test]
async fn an_event_with_none_behind_it_was_not_put_out_of_order() {
    let (said, _, scene) = watch_under("last", "watch configmaps event #4: reorder").await;
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(!scene.proxy.complete());
}

#[tokio::test]
async fn requests_of_one_life_kill_it_once() {
    let plan = "create configmaps #1: kill-after; create configmaps #2: kill-after";
    let scene = Scene::new("once", plan).await;
    let client = scene.client().await;
    let (one, other) = tokio::join!(create(&client, "slow"), create(&client, "slow"));
    assert!(one.is_err() && other.is_err());
    sleep(Duration::from_millis(50)).await;
    assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 1);
    assert_eq!(scene.proxy.struck(), 1, "the second fault found nobody");
    assert!(!scene.proxy.complete());
}

#[tokio::test]
async fn a_late_fault_does_not_hit_the_next_life() {
    for action in ["kill-after", "kill-after TERM", "kill-answered", "drop-after"] {
        let scene = Scene::new("late-kill", &format!("create configmaps #1: {action}")).await;
        let client = scene.client().await;
        let asking = tokio::spawn(async move { create(&client, "slow").await });
        while scene.api.count("POST") == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        let next: Plan = "create secrets #1: reset".parse().expect("a plan");
        scene.proxy.begin(next);
        let _ = asking.await;
        sleep(SLOW).await;
        assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 0, "{action}");
        assert_eq!(scene.proxy.struck(), 0, "{action}");
    }
}

#[tokio::test]
async fn what_is_let_pass_does_not_have_to_come() {
    let scene = Scene::new("let", "any leases: pass; create #1: reset").await;
    assert!(!scene.proxy.complete());
    scene.create("a").await.expect_err("reset");
    assert!(scene.proxy.complete());
}

#[tokio::test]
async fn a_frozen_watch_and_a_hanging_request_have_struck_while_they_last() {
    let scene = Scene::new("lasting", "get path /healthz #1: hang").await;
    let client = scene.client().await;
    let asking = tokio::spawn(async move { get(&client, "/healthz").await });
    let started = Instant::now();
    while !scene.proxy.complete() {
        assert!(started.elapsed() < SOON);
        sleep(Duration::from_millis(5)).await;
    }
    asking.abort();
    let (_, _, scene) = watch_under("frozen-struck", "watch configmaps #1: freeze-watch").await;
    assert!(scene.proxy.complete(), "{WATCH}");
    assert!(Path::new(&scene.log).is_file());
}

#[tokio::test]
async fn whoever_is_asked_to_end_has_another_life_once_it_has_ended() {
    let scene = Scene::new("asked", "create configmaps #1: kill-after TERM").await;
    let client = scene.client().await;
    create(&client, "a").await.expect_err("killed");
    let started = Instant::now();
    while scene.victim.started.load(Ordering::SeqCst) == 0 {
        assert!(started.elapsed() < SOON, "nobody was started");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(scene.proxy.complete());
    scene.create("b").await.expect("the next life is answered");
    assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 1);
    let lives: Vec<_> = scene.log().iter().map(|it| it["life"].clone()).collect();
    assert_eq!(lives, [json!(2), json!(3)]);
}

#[tokio::test]
async fn whoever_is_asked_to_end_sends_what_it_tidies_up_with_when_it_has_been_asked() {
    let scene = Scene::new("tidies", "create configmaps #1: kill-after TERM").await;
    scene.victim.slow.store(400, Ordering::SeqCst);
    let client = scene.client().await;
    let first = client.clone();
    let first = tokio::spawn(async move { create(&first, "a").await });
    while scene.api.count("POST") == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let second = tokio::spawn(async move { create(&client, "b").await });
    sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.api.count("POST"), 1, "nothing passes before the signal is sent");
    assert!(!scene.proxy.complete());
    second.await.expect("a task").expect("it may tidy up");
    assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 0, "and has not ended yet");
    first.await.expect("a task").expect_err("killed");
    assert!(scene.proxy.complete());
}

#[tokio::test]
async fn between_two_plans_whoever_is_killed_is_not_started_again() {
    let plan = "create configmaps #1: kill-after";
    let scene = Scene::new("resting", plan).await;
    for (rests, started) in [(true, 0), (false, 1)] {
        scene.proxy.begin(plan.parse().expect("a plan"));
        if rests {
            scene.proxy.rest().await;
        }
        scene.create("a").await.expect_err("killed");
        sleep(Duration::from_millis(50)).await;
        assert!(scene.proxy.complete());
        assert_eq!(scene.victim.started.load(Ordering::SeqCst), started, "rests: {rests}");
    }
}

#[tokio::test]
async fn whoever_rests_waits_until_a_kill_that_has_begun_is_over() {
    let scene = Scene::new("begun", "create configmaps #1: kill-answered").await;
    scene.create("a").await.expect("an answer");
    scene.proxy.rest().await;
    assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 1);
    assert!(scene.proxy.complete());
}

#[tokio::test]
async fn a_command_that_does_not_end_when_it_is_asked_to_can_still_be_killed() {
    let script = "trap '' TERM; echo; while :; do sleep 0.1; done";
    let command = ["sh", "-c", script].map(Into::into);
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deaf.output");
    let _ = std::fs::remove_file(&output);
    let to = Output::File(output.clone());
    let program = Program::new(&command, "/none".into(), to, true).expect("a program");
    program.start().await;
    let started = Instant::now();
    while std::fs::metadata(&output).map_or(0, |it| it.len()) == 0 {
        assert!(started.elapsed() < SOON, "it is not there");
        sleep(Duration::from_millis(5)).await;
    }
    let asked = program.clone();
    let asked = tokio::spawn(async move { asked.end(Signal::Term).await });
    sleep(Duration::from_millis(300)).await;
    assert!(!asked.is_finished());
    // One more who asks is told at once that the signal was sent: requests pass.
    let (told, is_told) = tokio::sync::oneshot::channel();
    let again = program.clone();
    let again = tokio::spawn(async move {
        let sent = Box::new(move || told.send(()).expect("somebody listens"));
        again.end_and_say(Signal::Term, sent).await;
    });
    timeout(SOON, is_told).await.expect("no wait").expect("a word");
    timeout(SOON, program.end(Signal::Kill)).await.expect("no wait");
    timeout(SOON, asked).await.expect("an end").expect("an end");
    timeout(SOON, again).await.expect("an end").expect("an end");
    assert_eq!(program.ended(), 0, "not by itself");
}
