//! How soon work goes on: after a kill at any moment, and after a time without an API server.

use std::{sync::Arc, time::Instant};

use kulisse_core::api::condition::{ConditionType::Ready, is_true};
use serde_json::json;

use crate::{
    ends::nothing_is_left,
    support::{
        audit,
        extent::wanted,
        tools,
        wait::{eventually, s},
    },
    world::{APPLICATION, World},
};

/// The operator writes again.
async fn works(world: &World, from: u64) {
    eventually("the operator goes on", s(30), || async {
        let asked = audit::of_operator(world.audit_log(), from);
        if asked.iter().any(audit::Request::wrote) { Ok(()) } else { Err("no write".to_owned()) }
    })
    .await;
}

pub async fn after_a_kill_at_any_moment_work_goes_on_at_once(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let place = world.source("recovers", APPLICATION).await;
    world.operator.kill();
    let idle = Instant::now();
    world.operator.start().await;
    let idle = idle.elapsed();
    let way = Instant::now();
    let undisturbed = place.environment("undisturbed", json!({})).await;
    undisturbed.ready(s(60)).await;
    let way = way.elapsed();
    undisturbed.delete().await;
    undisturbed.gone(s(60)).await;
    let mut took = Vec::new();
    let mut ends = Vec::new();
    for round in 0_u32..if wanted("all") { 100 } else { 4 } {
        let it = place.environment(&format!("pr-{round}"), json!({})).await;
        // Each time at another moment of the way, and seldom after its end.
        tokio::time::sleep(way * (round * 137 % 800) / 1000).await;
        world.operator.kill();
        let from = audit::mark(world.audit_log());
        let killed = Instant::now();
        let over = is_true(&it.status().await.conditions, Ready);
        world.operator.spawn(&[]);
        if !over {
            works(world, from).await;
            took.push(killed.elapsed().as_secs_f64());
        }
        it.ready(s(60)).await;
        ends.push((it.uid().await, it.target().await));
        it.delete().await;
        it.gone(s(60)).await;
    }
    for (uid, target) in &ends {
        nothing_is_left(world, uid, target).await;
    }
    took.sort_by(f64::total_cmp);
    let most = took.last().copied().unwrap_or_default();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    println!(
        "figure: killed at {} moments: the first write {median:.1} s later (median), {most:.1} s at most; a start alone takes {:.1} s",
        took.len(),
        idle.as_secs_f64()
    );
    assert!(took.len() * 2 > ends.len(), "most kills came too late");
    let bar = 3.0_f64.max(8.0 * idle.as_secs_f64());
    assert!(most <= bar, "{most} s, and a start alone takes {idle:?}");
}

pub async fn a_time_without_an_api_server_disturbs_nobody(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let place = world.source("without", APPLICATION).await;
    let (many, away) = if wanted("all") { (100, s(30)) } else { (20, s(12)) };
    let mut all = Vec::new();
    for at in 0..many {
        all.push(place.environment(&format!("pr-{at}"), json!({})).await);
    }
    for it in &all {
        it.ready(s(180)).await;
    }
    // One is on its way at that moment.
    let late = place.environment("late", json!({})).await;
    let server = format!("kube-apiserver .*{}", world.cluster.state.display());
    let signal = |name: &str| tools::sh("pkill", &[name, "-f", &server]).ok("a signal");
    let from = audit::mark(world.audit_log());
    signal("-STOP");
    tokio::time::sleep(away).await;
    signal("-CONT");
    let back = Instant::now();
    late.ready(s(30) + away).await;
    for it in &all {
        it.ready(s(30)).await;
    }
    let ready = back.elapsed();
    let asked = audit::of_operator(world.audit_log(), from);
    let (mine, others): (Vec<_>, Vec<_>) =
        asked.iter().partition(|it| it.name == "late" || it.namespace.contains("-late-"));
    let others: Vec<String> = others
        .into_iter()
        .filter(|it| it.namespace.starts_with("stg-") && it.verb != "watch")
        .map(audit::Request::line)
        .collect();
    println!(
        "figure: {} s without an API server, with {many} environments: steady {:.1} s after it was back; {} requests in all, {} of them for the one on its way; 0 in the others' targets",
        away.as_secs(),
        ready.as_secs_f64(),
        asked.len(),
        mine.len(),
    );
    for it in all.iter().chain([&late]) {
        it.delete().await;
    }
    for it in all.iter().chain([&late]) {
        it.gone(s(120)).await;
    }
    assert_eq!(others, Vec::<String>::new());
    assert!(ready <= s(60), "{ready:?}");
    assert!(asked.len() <= 150 + many, "{} requests", asked.len());
}
