//! Another version of the operator takes over, and the one before takes over again.

use std::{path::PathBuf, sync::Arc};

use serde_json::json;

use crate::{
    clones::{changed, settled},
    ends::nothing_is_left,
    support::{environment::Environment, operator::Operator, wait::s},
    world::{APPLICATION, Place, World},
};

/// Environments that live, that come and that go when the operator is replaced.
const OF_EACH: usize = 3;

async fn some<'a>(place: &'a Place<'a>, what: &str) -> Vec<Environment<'a>> {
    let mut all = Vec::new();
    for at in 0..OF_EACH {
        all.push(place.environment(&format!("{what}-{at}"), json!({})).await);
    }
    all
}

async fn come(all: &[Environment<'_>]) {
    for it in all {
        it.ready(s(90)).await;
    }
}

/// Both operators run, the other one waiting, and then the first is told to stop in the midst of work.
async fn replaced(place: &Place<'_>, before: &Operator, after: &Operator, by: &str) {
    let world = place.world;
    let (lives, goes) =
        (some(place, &format!("lives-{by}")).await, some(place, &format!("goes-{by}")).await);
    come(&lives).await;
    come(&goes).await;
    let mut untouched = Vec::new();
    for it in &lives {
        let target = it.target().await;
        untouched.push((settled(world.objects(), &target).await, target));
    }
    after.start().await;
    let mut ends = Vec::new();
    for it in &goes {
        ends.push((it.uid().await, it.target().await));
        it.delete().await;
    }
    let comes = some(place, &format!("comes-{by}")).await;
    before.stop();

    come(&comes).await;
    for (it, (uid, target)) in goes.iter().zip(&ends) {
        it.gone(s(90)).await;
        nothing_is_left(world, uid, target).await;
    }
    come(&lives).await;
    for (before, target) in &untouched {
        let moved = changed(before, &settled(world.objects(), target).await);
        assert!(moved.is_empty(), "{target}: {moved:?}");
    }
    for it in lives.iter().chain(&comes) {
        it.delete().await;
    }
    for it in lives.iter().chain(&comes) {
        it.gone(s(90)).await;
    }
}

pub async fn an_operator_that_is_replaced_amid_work_leaves_everything_right(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    world.operator.kill();
    // KULISSE_OTHER_BINARY: an operator of another version. Without it, of the same.
    let other = std::env::var_os("KULISSE_OTHER_BINARY").map(PathBuf::from);
    let before = Operator::prepare(&world.cluster, "before");
    let before = match &other {
        Some(program) => before.of_version(program.clone()),
        None => before,
    };
    let after = Operator::prepare(&world.cluster, "after");
    let place = world.source("replaced", APPLICATION).await;
    before.start().await;
    replaced(&place, &before, &after, "upgrade").await;
    replaced(&place, &after, &before, "rollback").await;
    drop((before, after));
    println!(
        "figure: replaced twice amid {OF_EACH} that came, {OF_EACH} that went and {OF_EACH} that lived, {}: all ended right, no clone was written",
        if other.is_some() { "by another version" } else { "by the same version" }
    );
    world.operator.start().await;
}
