//! Stored plans: what is left of one that was cut short.

use kube_faults::plan::Plan;
use serde_json::{Value, json};

use crate::{
    life::{Life, Stage},
    lives::Deed,
    server::store::text,
};

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
