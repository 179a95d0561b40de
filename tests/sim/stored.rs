//! Stored plans: what is left of one that was cut short, and whose they are.

use std::time::Duration;

use kube_faults::plan::Plan;
use kulisse::{run::Operator, shard::Shard};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    life::{ENVIRONMENTS, Life, Stage, TEAM, begun, environment, while_this_works},
    lives::Deed,
    server::{controllers::named, store::text},
};

/// So long all that is there has been looked at.
const SEEN: Duration = Duration::from_secs(30);

/// A part of a first plan, one of three.
fn part(uid: &str, part: u32) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": { "name": format!("plan-{uid}-1-0-{part}"), "namespace": "kulisse",
            "labels": { "kulisse.dev/environment-uid": uid, "app.kubernetes.io/managed-by": "kulisse" } },
        "data": { "plan": "bm8gbW9yZQ==", "parts": "Mw==" } })
}

#[test]
fn what_is_left_of_a_larger_plan_that_was_cut_short_does_not_make_the_first_one_unreadable() {
    let mut life = Life::begin(Plan::nothing(), 1);
    let lives = async |life: &Life| {
        life.ask_for(&json!({}));
        let uid = text(&life.environment().expect("it"), "uid").to_owned();
        life.cluster.store().plant(part(&uid, 1));
        life.until_up("it is ready", |it| it.is("Ready", "True")).await?;
        // Whoever cannot read the plan makes another one, of production as it is by now.
        Deed::MoveProduction.done(life, 1);
        Deed::Sleep.done(life, 2);
        life.until_up("it sleeps", |it| it.is("Asleep", "True")).await?;
        Deed::Wake.done(life, 3);
        life.until_up("it is ready again", |it| it.is("Ready", "True")).await
    };
    life.with_operators(async |life| {
        life.wrong.extend(lives(life).await.err());
        life.stage = Stage::Done;
    });
    assert!(life.wrong.is_empty(), "{:?}", life.wrong);
    assert_eq!(life.word(), "shop", "nobody asked for another plan");
}

#[test]
fn the_stored_plan_of_an_environment_that_the_watch_has_not_told_of_stays_and_that_of_nobody_goes()
{
    let late = "watch stagingenvironments.kulisse.dev event added #1: drop";
    let cluster = Cluster::new(begun(), late.parse().expect("a plan"), 1);
    let mut theirs = String::new();
    // Another operator works on it, and has stored the plan.
    let shared = |operator: &mut Operator| {
        operator.settings.shard = Shard { left: [TEAM.to_owned()].into(), ..Shard::default() };
    };
    while_this_works(&cluster, shared, async {
        sleep(SEEN).await;
        let post = http::Method::POST;
        let (_, made) = cluster.ask(post, ENVIRONMENTS, "application/json", &environment());
        theirs = text(&made, "uid").to_owned();
        for uid in [&theirs, "nobody"] {
            cluster.store().plant(part(uid, 0));
        }
        // A target of nobody has the operator look for what is left.
        cluster.store().plant(json!({ "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": "stg-x", "labels": { "kulisse.dev/environment-uid": "nobody" } } }));
        sleep(SEEN).await;
    });
    assert!(cluster.struck(), "the watch told of it");
    let store = cluster.store();
    let left: Vec<&str> = store
        .of(named("Secret"), "kulisse")
        .map(|it| text(it, "name"))
        .filter(|it| it.starts_with("plan-"))
        .collect();
    assert_eq!(left, [format!("plan-{theirs}-1-0-0")]);
}
