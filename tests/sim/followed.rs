//! Environments that follow production, and what goes wrong just then.

use kube_faults::plan::Plan;
use serde_json::json;

use crate::{
    life::{Life, Stage},
    lives::Deed,
};

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
