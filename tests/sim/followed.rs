//! Environments that follow production, and what goes wrong just then.

use std::time::Duration;

use kube_faults::plan::Plan;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    life::{Life, Stage},
    lives::Deed,
};

/// So long everything is done that is going to be done.
const SETTLED: Duration = Duration::from_mins(1);

fn begin(faults: &str) -> Life {
    Life::begin(faults.parse::<Plan>().expect("a plan"), 1)
}

#[test]
fn what_was_replaced_goes_also_where_the_report_of_what_took_its_place_could_not_be_written() {
    // The first is of the first plan, the second of how production has moved on.
    let mut life = begin("apply stagingplans.kulisse.dev #3: status 500");
    let lives = async |life: &Life| {
        life.ask_for(&json!({ "drift": { "interval": "10s", "action": "Rebuild" } }));
        life.until_up("it is ready", |it| it.is("Ready", "True")).await?;
        let first = life.targets();
        Deed::MoveProduction.done(life, 1);
        let taken_over = |it: &Life| it.is("Ready", "True") && it.targets().len() == 1;
        life.until_up("another one serves, alone", |it| taken_over(it) && it.targets() != first)
            .await
    };
    life.with_operators(async |life| {
        life.wrong.extend(lives(life).await.err());
        life.stage = Stage::Done;
    });
    assert!(life.wrong.is_empty(), "{:?}", life.wrong);
    assert!(life.cluster.struck(), "the report was written");
}

/// Lives until the operator has stored a plan that follows production, and dies before it says so; then
/// `go` says what happens under the next one.
fn cut_off(mode: &str, mut go: impl AsyncFnMut(&Life) -> Result<(), String>) -> Life {
    let mut life = begin("apply secrets in kulisse named plan-*-1-0 #1: kill-after");
    let begins = async |life: &Life| {
        let drift = json!({ "interval": "10s", "action": "Resync" });
        life.ask_for(&json!({ "mode": mode, "drift": drift }));
        if mode == "Plan" {
            life.until_up("it is planned", |it| !digest(it).is_null()).await?;
            approve(life);
        }
        life.until_up("it is ready", |it| it.is("Ready", "True")).await?;
        Deed::MoveProduction.done(life, 1);
        life.until_up("the operator dies", |_| false).await
    };
    life.with_operators(async |life| {
        let lived = if life.operators == 1 { begins(life).await } else { go(life).await };
        life.wrong.extend(lived.err());
        life.stage = Stage::Done;
    });
    life
}

/// Of the plan that holds, as the status says.
fn digest(life: &Life) -> Value {
    life.environment().map(|it| it["status"]["plan"]["digest"].clone()).unwrap_or_default()
}

fn approve(life: &Life) {
    life.change(&json!({ "metadata": { "annotations": { "kulisse.dev/approve": digest(life) } } }));
}

#[test]
fn a_plan_that_was_stored_and_never_told_is_applied_once_also_around_a_sleep() {
    let life = cut_off("Apply", async |life| {
        assert_eq!(life.word(), "shop");
        Deed::Sleep.done(life, 1);
        life.until_up("it sleeps", |it| it.is("Asleep", "True")).await?;
        Deed::Wake.done(life, 2);
        life.until_up("it is ready again", |it| it.is("Ready", "True")).await?;
        assert_eq!(life.word(), "shop 1");
        Ok(())
    });
    assert_eq!((&life.wrong[..], life.operators), (&[][..], 2));
}

#[test]
fn a_plan_that_was_stored_and_never_told_waits_to_be_approved() {
    let life = cut_off("Plan", async |life| {
        Deed::Sleep.done(life, 1);
        sleep(SETTLED).await;
        Deed::Wake.done(life, 2);
        sleep(SETTLED).await;
        assert_eq!(life.word(), "shop", "nobody has approved more");
        approve(life);
        let holds = |it: &Life| it.is("Ready", "True") && it.word() == "shop 1";
        life.until_up("it is what was approved", holds).await
    });
    assert_eq!((&life.wrong[..], life.operators), (&[][..], 2));
}
