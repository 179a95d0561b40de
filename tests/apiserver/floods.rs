//! One tenant asks for more than anybody needs, while another one asks for what they need: how much
//! longer that takes. On the second cluster, where nobody else is meanwhile.

use std::{sync::Arc, time::Instant};

use futures::{StreamExt, stream};
use serde_json::json;

use crate::{
    support::{environment::Environment, extent::wanted, wait::s},
    world::{APPLICATION, Place, World},
};

/// How many environments of the one who floods are there at a time.
const PLACES: usize = 12;
/// Environments of the one whose time is taken, one after the other.
pub const TAKEN: usize = 5;
/// How much longer another one may take. The API server and the machine are shared as well.
const RATIO: f64 = 8.0;

/// Environments that are asked for at once.
fn flood() -> usize {
    if wanted("all") { 300 } else { 60 }
}

/// Seconds until environments of a quiet tenant are ready, each asked for when the one before is.
pub async fn taken(place: &Place<'_>, round: &str) -> Vec<f64> {
    let mut all = Vec::new();
    for at in 0..TAKEN {
        let started = Instant::now();
        let it = place.environment(&format!("{round}-{at}"), json!({})).await;
        it.ready(s(180)).await;
        all.push(started.elapsed().as_secs_f64());
        it.delete().await;
    }
    all.sort_by(f64::total_cmp);
    all
}

/// Deletes them, and waits until they are gone.
async fn gone(all: &[Environment<'_>]) {
    for it in all {
        it.delete().await;
    }
    for it in all {
        it.gone(s(300)).await;
    }
}

pub async fn a_tenant_that_floods_does_not_keep_others_from_being_ready(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let quiet = world.source("quiet", APPLICATION).await;
    let loud = world.source("loud", APPLICATION).await;
    let before = taken(&quiet, "before").await;

    world.class("loud", &json!({ "limits": { "maxPerNamespace": PLACES } })).await;
    let made = stream::iter(0..flood()).map(|at| {
        let loud = &loud;
        let spec = json!({ "className": "loud" });
        async move { loud.environment(&format!("pr-{at}"), spec).await }
    });
    let flood: Vec<_> = made.buffered(16).collect().await;
    let during = taken(&quiet, "during").await;
    gone(&flood).await;
    let (middle, most) = (TAKEN / 2, TAKEN - 1);
    println!(
        "figure: until ready for one tenant, while another one has asked for {} environments, of which {PLACES} may be there at a time: {:.1} s (median), {:.1} s at most; before: {:.1} s, {:.1} s",
        flood.len(),
        during[middle],
        during[most],
        before[middle],
        before[most],
    );
    let ratio = during[middle] / before[middle];
    assert!(ratio < RATIO, "{ratio} times as long: {before:?} {during:?}");
}
