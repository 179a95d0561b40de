//! The operator behind a proxy that carries out plans of faults: killed with SIGKILL before, after and
//! between its writes of a whole life, in front of a real API server.
//!
//! A sample of the plans; all of them with `FAULTS=all`, and those of answers and events instead with
//! `FAULTS=answers` and `FAULTS=events`, or each so many-th of them (`EVERY=6`).

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use futures::{
    FutureExt, StreamExt,
    future::{join_all, pending},
    stream,
};
use jiff::Timestamp;
use kube_faults::{
    learn::{self, Family},
    plan::{Plan, Signal},
    proxy::{Doing, Options, Proxy, Victim},
};
use serde_json::json;

use crate::{
    clones::settled,
    ends::left,
    support::{
        audit, canary::sings, environment::Environment, extent, operator::Operator, pods, wait::s,
    },
    world::{APPLICATION, Place, World},
};

/// How many plans are tried where not all are: one of each kind of kill.
const SAMPLE: usize = 3;

pub async fn an_operator_killed_at_its_writes_converges_leaks_nothing_and_touches_nothing_foreign(
    world: Arc<World>,
) {
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    let family = Family::ALL.into_iter().find(|it| it.word() == wanted).unwrap_or(Family::Kills);
    let worlds =
        if wanted.is_empty() { vec![world.alone().await] } else { world.all_alone().await };
    let started = Instant::now();
    let players: Vec<_> =
        stream::iter(&worlds).then(|(world, _)| Behind::start(world)).collect().await;

    let clean = players[0].live(0, Plan::nothing()).await;
    assert!(clean.trouble.is_none(), "without a fault: {:?}", clean.trouble);
    let seen = players[0].proxy.seen();
    let mut plans = learn::plans(&seen, family, &[]);
    if wanted.is_empty() {
        plans = few(&plans);
    }
    let plans = extent::sample(plans);

    let sum = Mutex::new(Sum { writes: learn::writes(&seen), ..Sum::default() });
    let remaining = Mutex::new(plans.iter().zip(1..));
    let next = || locked(&remaining).next();
    join_all(players.iter().map(async |player| {
        while let Some((text, number)) = next() {
            let plan: Plan = text.parse().unwrap_or_else(|error| panic!("{error}"));
            let life = player.live(number, plan).await;
            locked(&sum).add(text, &life, &clean.made);
        }
    }))
    .await;

    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    for player in players {
        player.end(&mut sum).await;
    }
    println!("figure: {}", sum.line(family, started.elapsed()));
    assert!(sum.wrong.is_empty(), "{:#?}", sum.wrong);
    assert!(
        sum.leaked.is_empty() && sum.foreign.is_empty(),
        "{:#?} {:#?}",
        sum.leaked,
        sum.foreign
    );
    assert!(
        sum.seeded_twice.is_empty() && sum.early.is_empty(),
        "{:#?} {:#?}",
        sum.seeded_twice,
        sum.early
    );
    assert!(sum.canaries == 0, "{} lines of the log hold a secret value", sum.canaries);
    assert!(sum.converged > 0, "something was shown");
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plans from all of the life, and of each kind of kill: they come in threes.
fn few(plans: &[String]) -> Vec<String> {
    let writes = plans.len() / 3;
    (0..SAMPLE).map(|it| plans[it * writes / SAMPLE * 3 + it % 3].clone()).collect()
}

/// The operator, behind the proxy.
struct Behind<'a> {
    world: &'a World,
    place: Place<'a>,
    /// Where its part of the audit log begins.
    mark: u64,
    proxy: Proxy,
    operator: Arc<Operator>,
    /// When somebody asked for the end of a target.
    ends: Mutex<BTreeMap<String, Timestamp>>,
}

/// The operator as somebody who is killed.
struct Killed(Arc<Operator>);

impl Victim for Killed {
    fn end(&self, _: Signal) -> Doing<'_> {
        let operator = Arc::clone(&self.0);
        Box::pin(async move {
            let _ = tokio::task::spawn_blocking(move || operator.kill()).await;
        })
    }

    fn start(&self) -> Doing<'_> {
        let operator = Arc::clone(&self.0);
        Box::pin(async move {
            let _ = tokio::task::spawn_blocking(move || operator.spawn(&[])).await;
        })
    }
}

/// How a life went.
struct Life {
    /// What was in the target when it was ready, by kind and name.
    made: BTreeSet<String>,
    /// Whether every fault of the plan has struck.
    struck: bool,
    /// What is left of it.
    left: BTreeSet<String>,
    /// Why it did not converge.
    trouble: Option<String>,
    seconds: f64,
}

impl<'a> Behind<'a> {
    async fn start(world: &'a World) -> Self {
        let place = world.source("faults", APPLICATION).await;
        world.operator.kill();
        let mark = audit::mark(world.audit_log());
        let kubeconfig = world.cluster.state.join("faults.kubeconfig");
        let operator =
            Arc::new(world.operator.behind(kubeconfig.clone(), &format!("{}-faults", world.name)));
        let options = Options {
            kubeconfig: world.operator.kubeconfig().to_owned(),
            context: None,
            listen: "127.0.0.1:0".parse().expect("an address"),
            certificate: None,
            log: Some(operator.log.with_extension("requests")),
        };
        let victim = Arc::new(Killed(Arc::clone(&operator)));
        let proxy = Proxy::start(&options, victim).await.unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(&kubeconfig, proxy.kubeconfig()).expect("a kubeconfig");
        Self { world, place, mark, proxy, operator, ends: Mutex::default() }
    }

    /// Gives the world its own operator back, and says what this one did.
    async fn end(self, sum: &mut Sum) {
        self.operator.kill();
        self.world.operator.start().await;
        let asked = audit::of_operator(self.world.audit_log(), self.mark);
        sum.foreign.extend(audit::strange_writes(&asked));
        let mut seeded = BTreeSet::new();
        let ends = locked(&self.ends);
        for it in asked.iter().filter(|it| it.wrote()) {
            let is_seed = it.resource == "jobs" && it.name.starts_with("seed-");
            if is_seed && it.verb == "create" && !seeded.insert(&it.namespace) {
                sum.seeded_twice.insert(it.line());
            }
            let is_end = it.resource == "namespaces" && it.verb == "delete";
            if is_end && ends.get(&it.name).is_none_or(|asked| it.at < *asked) {
                sum.early.push(it.line());
            }
        }
        drop(ends);
        let log = std::fs::read_to_string(&self.operator.log).expect("the operator's log");
        sum.canaries += log.lines().filter(|it| sings(it)).count();
    }

    /// One environment, from its creation until nothing is left of it, with an operator that has just
    /// been started.
    #[expect(clippy::disallowed_methods, reason = "the test and the server share a machine")]
    async fn live(&self, number: usize, plan: Plan) -> Life {
        let started = Instant::now();
        self.operator.kill();
        self.proxy.begin(plan);
        self.operator.spawn(&[]);
        let run = json!({ "image": "registry.example.com/fill:1" });
        let spec = json!({ "seed": [{ "name": "fill", "run": run }] });
        let it = self.place.environment(&format!("pr-{number}"), spec).await;
        let uid = it.uid().await;
        let mut life = Life {
            made: BTreeSet::new(),
            struck: false,
            left: BTreeSet::new(),
            trouble: None,
            seconds: 0.0,
        };
        let lived = AssertUnwindSafe(async {
            tokio::select! {
                _ = it.ready(s(90)) => {}
                () = self.seeds(&it) => {}
            }
            let target = it.target().await;
            let made = settled(self.world.objects(), &target).await;
            let made = made.into_keys().map(|key| key.replace(&target, "TARGET")).collect();
            let now = Timestamp::try_from(SystemTime::now()).expect("a time");
            locked(&self.ends).insert(target.clone(), now);
            it.delete().await;
            it.gone(s(90)).await;
            (made, left(self.world, &uid, &target).await)
        });
        match lived.catch_unwind().await {
            Ok((made, left)) => (life.made, life.left) = (made, left),
            Err(why) => {
                let text = why.downcast::<String>().map_or_else(|_| "it failed".into(), |it| *it);
                life.trouble = Some(text);
            }
        }
        life.struck = self.proxy.complete();
        life.seconds = started.elapsed().as_secs_f64();
        if life.trouble.is_some() {
            // What follows is not to suffer from it.
            self.proxy.begin(Plan::nothing());
            let _ = AssertUnwindSafe(it.remove()).catch_unwind().await;
        }
        life
    }
}

impl Behind<'_> {
    /// Lets the first seed come to its end, as a node would.
    async fn seeds(&self, it: &Environment<'_>) {
        loop {
            let status = it.find().await.and_then(|it| it.status).unwrap_or_default();
            for target in status.namespaces {
                if pods::end(self.world.objects(), &target.name, "Succeeded").await > 0 {
                    return pending().await;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The table.
#[derive(Default)]
struct Sum {
    writes: usize,
    plans: usize,
    converged: usize,
    not_reached: usize,
    leaked: BTreeSet<String>,
    foreign: Vec<String>,
    /// Jobs of seeds that were made although there was one.
    seeded_twice: BTreeSet<String>,
    /// Deletions of targets for which nobody had asked.
    early: Vec<String>,
    /// Lines of logs that hold a secret value.
    canaries: usize,
    wrong: Vec<String>,
}

impl Sum {
    fn add(&mut self, plan: &str, life: &Life, clean: &BTreeSet<String>) {
        self.plans += 1;
        self.leaked.extend(life.left.iter().cloned());
        let differs: Vec<&String> = life.made.symmetric_difference(clean).collect();
        let result = match &life.trouble {
            Some(why) => Err(why.clone()),
            None if !differs.is_empty() => {
                Err(format!("other objects than without a fault: {differs:?}"))
            }
            None if !life.struck => Ok("not reached"),
            None => Ok("converged"),
        };
        match result {
            Ok("converged") => self.converged += 1,
            Ok(_) => self.not_reached += 1,
            Err(_) => {}
        }
        let told = result.as_ref().map_or("FAILED", |it| it);
        println!("fault: {plan}  {told}  {:.1} s  {} left", life.seconds, life.left.len());
        if let Err(why) = result {
            self.wrong.push(format!("{plan}: {why}"));
        }
    }

    fn line(&self, family: Family, took: Duration) -> String {
        format!(
            "{}: writes {}, plans {}, converged {}, failed {}, not reached {}, leaked {}, foreign \
             writes {}, seeds run twice {}, early deletions {}, secrets in the log {}, {} s",
            family.word(),
            self.writes,
            self.plans,
            self.converged,
            self.wrong.len(),
            self.not_reached,
            self.leaked.len(),
            self.foreign.len(),
            self.seeded_twice.len(),
            self.early.len(),
            self.canaries,
            took.as_secs(),
        )
    }
}
