//! Two operators at once: one works, the other stands by.

use std::{sync::Arc, time::Instant};

use kulisse_core::api::names;
use serde_json::json;

use crate::{
    ends::nothing_is_left,
    support::{
        audit::{self, Request, of_operator},
        cluster::Cluster,
        extent::wanted,
        operator::Operator,
        wait::{eventually, s},
    },
    world::{APPLICATION, World},
};

const LEASE: &str = "coordination.k8s.io/v1 Lease";

/// Rights that the chart adds with `replicaCount: 2`.
fn permit(cluster: &Cluster) {
    let rule = |verbs: &[&str], names: &[&str]| {
        let mut rule = json!({ "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs });
        if !names.is_empty() {
            rule["resourceNames"] = json!(names);
        }
        json!({ "op": "add", "path": "/rules/-", "value": rule })
    };
    let patch =
        json!([rule(&["create"], &[]), rule(&["get", "update"], &[names::LEASE])]).to_string();
    let command =
        ["patch", "role", "kulisse-operator", "-n", "kulisse", "--type=json", "-p", &patch];
    cluster.kubectl(&command).ok("rights for leases");
}

/// An operator that stands for election.
struct Candidate {
    name: &'static str,
    operator: Operator,
}

impl Candidate {
    async fn start(world: &World, name: &'static str) -> Self {
        let it = Self { name, operator: Operator::prepare(&world.cluster, name) };
        it.again().await;
        it
    }

    async fn again(&self) {
        let election = [("KULISSE_LEADER_ELECT", "true"), ("KULISSE_POD_NAME", self.name)];
        self.operator.start_with(&election).await;
    }

    /// Waits until it leads; how long that took.
    async fn leads(&self, world: &World) -> f64 {
        let since = Instant::now();
        eventually(&format!("{} leads", self.name), s(25), || async {
            let lease = world.objects().find(LEASE, "kulisse", names::LEASE).await;
            let holder = lease.map(|it| it.data["spec"]["holderIdentity"].to_string());
            let holder = holder.unwrap_or_default();
            if holder.contains(&format!("\"{}_", self.name)) { Ok(()) } else { Err(holder) }
        })
        .await;
        since.elapsed().as_secs_f64()
    }

    /// What it wrote since then, the lease left out.
    fn wrote(&self, world: &World, from: u64) -> Vec<String> {
        let agent = format!("({})", self.name);
        let all = of_operator(world.audit_log(), from).into_iter();
        let mine =
            all.filter(|it| it.wrote() && it.resource != "leases" && it.agent.contains(&agent));
        mine.map(|it: Request| it.line()).collect()
    }
}

pub async fn of_two_operators_one_works_and_the_other_goes_on_where_it_ends(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    world.operator.kill();
    permit(&world.cluster);
    let place = world.source("leaders", APPLICATION).await;
    let first = Candidate::start(world, "first").await;
    let took = first.leads(world).await;
    println!("figure: nobody has ever held the lease: taken after {took:.1} s");
    let second = Candidate::start(world, "second").await;
    let from = audit::mark(world.audit_log());
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(60)).await;
    assert!(!first.wrote(world, from).is_empty());
    assert_eq!(second.wrote(world, from), Vec::<String>::new(), "it stands by");

    // Killed in the middle of its work.
    let other = place.environment("pr-2", json!({})).await;
    first.operator.kill();
    let killed = Instant::now();
    let took = second.leads(world).await;
    other.ready(s(60)).await;
    let ready = killed.elapsed().as_secs_f64();
    println!(
        "figure: killed: the other leads after {took:.1} s, the environment is ready after {ready:.1} s"
    );
    // A lease and a look, and what a loaded machine takes; in virtual time it is held to the second.
    assert!(took <= 30.0, "{took}");

    // Told to stop: it gives the lease back.
    first.again().await;
    tokio::time::sleep(s(3)).await;
    let stopped = second.operator.stop();
    let took = first.leads(world).await;
    println!("figure: told to stop: ends after {stopped:?}, the other leads {took:.1} s later");
    assert!(took <= 10.0, "{took}");
    for it in [&it, &other] {
        let (uid, target) = (it.uid().await, it.target().await);
        it.delete().await;
        it.gone(s(60)).await;
        nothing_is_left(world, &uid, &target).await;
    }
    drop((first, second));
    world.operator.start().await;
}

/// How often an operator is stopped.
fn rounds() -> usize {
    if wanted("all") { 50 } else { 2 }
}

pub async fn an_operator_that_was_stopped_past_its_lease_writes_nothing_when_it_wakes(
    world: Arc<World>,
) {
    let (world, _turn) = world.alone().await;
    world.operator.kill();
    permit(&world.cluster);
    let place = world.source("stopped", APPLICATION).await;
    let mut leader = Candidate::start(world, "third").await;
    leader.leads(world).await;
    let mut other = Candidate::start(world, "fourth").await;
    for round in 1..=rounds() {
        // In the middle of its work: each time at another moment.
        let it = place.environment(&format!("pr-{round}"), json!({})).await;
        tokio::time::sleep(s(1) * u32::try_from(round % 10).unwrap_or_default() / 10).await;
        leader.operator.signal("STOP");
        other.leads(world).await;
        it.ready(s(60)).await;
        let from = audit::mark(world.audit_log());
        leader.operator.signal("CONT");
        eventually("it ends by itself", s(10), || async {
            if leader.operator.runs() { Err("it still runs".to_owned()) } else { Ok(()) }
        })
        .await;
        let said = leader.operator.tail("");
        assert!(said.contains("lease"), "{said}");
        tokio::time::sleep(s(1)).await;
        assert_eq!(leader.wrote(world, from), Vec::<String>::new(), "round {round}");
        it.delete().await;
        leader.operator.kill();
        leader.again().await;
        std::mem::swap(&mut leader, &mut other);
        it.gone(s(60)).await;
    }
    println!("figure: stopped past its lease and woken {} times: 0 writes", rounds());
    drop((leader, other));
    world.operator.start().await;
}
