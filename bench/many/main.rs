//! A thousand environments at once: brought up, at rest, and due within one minute, while new ones
//! are asked for. `make bench` runs it; bench/README.md says how to read it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement ends where something fails, and prints what it measured"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

#[path = "../apply/log.rs"]
#[allow(dead_code, reason = "each measurement uses another part of it")]
mod log;
#[path = "../apply/operator.rs"]
#[allow(dead_code, reason = "each measurement uses another part of it")]
mod operator;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use kulisse_core::api::{
    condition::{ConditionType, is_true},
    environment::StagingEnvironment,
    names::EXTEND_ANNOTATION,
};
use serde_json::{Value, json};

use operator::Operator;
use support::{
    audit,
    cluster::Cluster,
    environment::{granted_source, installed},
    suite::RUNTIME,
    wait::{eventually, s},
};

/// How many are due within [`MINUTE`]; `ENVIRONMENTS` says otherwise.
const MANY: u32 = 1000;
/// How many there are in the end, most of them suspended: what the operator keeps of each in memory.
const MOST: u32 = 10_000;
/// Within which all are due.
const MINUTE: Duration = Duration::from_mins(1);
/// How late an end may be at the 99th percentile.
const LATE: Duration = Duration::from_secs(2);
/// How many are made one after the other before.
const ALONE: u32 = 10;
/// How many requests go at a time.
const WIDE: usize = 16;
/// Between two new ones while others end.
const PAUSE: Duration = Duration::from_secs(5);
/// The namespace that is cloned.
const SOURCE: &str = "production";
/// Where environments are asked for.
const REQUESTS: &str = "requests";

/// Nothing in it runs.
const APPLICATION: &str = "
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: measured }
spec: { boundary: { probe: Never } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: production }
data: { NEXT: http://app.production.svc:80 }
---
apiVersion: v1
kind: Service
metadata: { name: app, namespace: production }
spec: { selector: { app: app }, ports: [{ port: 80 }] }
";

fn main() -> ExitCode {
    if std::env::args().any(|it| it == "--list") {
        return ExitCode::SUCCESS;
    }
    let cluster = match Cluster::start("many", &["--mode", "control-plane"]) {
        Ok(cluster) => cluster,
        Err(why) => {
            eprintln!("nothing was measured: {why}");
            return ExitCode::FAILURE;
        }
    };
    let fine = RUNTIME.block_on(measure(&cluster));
    cluster.stop();
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The environments of the measurement.
struct Many {
    api: Api<StagingEnvironment>,
}

async fn measure(cluster: &Cluster) -> bool {
    let many = std::env::var("ENVIRONMENTS").ok().and_then(|it| it.parse().ok()).unwrap_or(MANY);
    installed(cluster).await;
    granted_source(&cluster.objects, SOURCE, REQUESTS).await;
    cluster.objects.apply(APPLICATION).await;
    let audit_log = cluster.audit_log.as_deref().expect("a cluster of our own has an audit log");
    log::quiet(audit_log).await;
    let operator = Operator::start(cluster).await;
    let it = Many { api: api(&cluster.objects.client) };
    println!("{many} environments, {}", now().strftime("%Y-%m-%d"));
    println!("memory: {} MiB with none", mib(&operator));

    let alone = it.one_by_one("alone", ALONE).await;
    let began = Instant::now();
    it.create("pr", many - ALONE, &json!({})).await;
    it.all_ready(many).await;
    let took = began.elapsed().as_secs_f64();
    println!("all ready after {took:.0} s; memory: {} MiB", mib(&operator));

    log::quiet(audit_log).await;
    tokio::time::sleep(s(5)).await;
    let mark = audit::mark(audit_log);
    tokio::time::sleep(MINUTE).await;
    let rest = audit::of_operator(audit_log, mark).iter().filter(|it| it.verb != "watch").count();
    println!("at rest: {rest} requests in a minute");

    let mark = audit::mark(audit_log);
    let due = it.shorten(many).await;
    let (first, last) = (due.values().map(|it| it.0).min(), due.values().map(|it| it.0).max());
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    assert!(now() < first, "shortening took too long: nothing was measured");
    tokio::time::sleep(until(first)).await;
    let beside = it.beside(last).await;
    let lateness = ends(audit_log, mark, &due).await;

    println!("an end takes {}", requests(audit_log, mark, &due));
    let early = lateness.iter().filter(|it| **it < 0.0).count();
    let at = |hundredths| percentile(&lateness, hundredths);
    println!(
        "due within a minute: {early} early; late by {:.2} s at the median, {:.2} s at the 99th percentile, {:.2} s at most",
        at(50),
        at(99),
        at(100),
    );
    println!(
        "new ones: ready after {:.2} s alone, {:.2} s beside the ends (medians), {:.2} s at most",
        percentile(&alone, 50),
        percentile(&beside, 50),
        percentile(&beside, 100),
    );
    it.create("kept", MOST.saturating_sub(many), &json!({ "suspend": true })).await;
    tokio::time::sleep(s(10)).await;
    println!("memory: {} MiB with {MOST}, most of them suspended", mib(&operator));
    let fine = early == 0 && at(99) <= LATE.as_secs_f64() && rest == 0;
    println!(
        "0 early, p99 within {} s, 0 requests at rest: {}",
        LATE.as_secs(),
        if fine { "holds" } else { "BROKEN" }
    );
    fine
}

impl Many {
    /// Makes one after the other; how long each took to be ready, in seconds, in order.
    async fn one_by_one(&self, name: &str, count: u32) -> Vec<f64> {
        let mut took = Vec::new();
        for at in 0..count {
            took.push(self.ready(&format!("{name}-{at}")).await);
        }
        took.sort_by(f64::total_cmp);
        took
    }

    /// Makes one and waits until it is ready; how long that took, in seconds.
    async fn ready(&self, name: &str) -> f64 {
        let began = Instant::now();
        self.make(name, &json!({})).await;
        eventually(&format!("{name} is ready"), s(60), || async {
            let environment = self.api.get(name).await.map_err(|error| error.to_string())?;
            if is_ready(&environment) { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
        began.elapsed().as_secs_f64()
    }

    async fn make(&self, name: &str, more: &Value) {
        let mut spec = json!({
            "source": { "namespace": SOURCE },
            "className": "measured",
            "lifecycle": { "ttl": "3h" },
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let object = json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": { "name": name, "namespace": REQUESTS }, "spec": spec,
        });
        let object = serde_json::from_value(object).expect("an environment");
        self.api.create(&PostParams::default(), &object).await.expect("it is taken");
    }

    async fn create(&self, name: &str, count: u32, more: &Value) {
        let names: Vec<String> = (0..count).map(|at| format!("{name}-{at}")).collect();
        stream::iter(&names).for_each_concurrent(WIDE, |name| self.make(name, more)).await;
    }

    async fn all(&self) -> Vec<StagingEnvironment> {
        self.api.list(&ListParams::default()).await.expect("a list").items
    }

    async fn all_ready(&self, count: u32) {
        let began = Instant::now();
        loop {
            let ready = self.all().await.iter().filter(|it| is_ready(it)).count();
            if ready >= count as usize {
                return;
            }
            assert!(began.elapsed() < s(900), "{ready} of {count} are ready");
            tokio::time::sleep(s(3)).await;
        }
    }

    /// Lets all be due within a minute, soon; when each is, and which namespace goes, by name.
    async fn shorten(&self, count: u32) -> BTreeMap<String, (Timestamp, String)> {
        let all = self.all().await;
        let ahead = s(30) + Duration::from_millis(60) * count;
        let first = later(now(), ahead);
        let due: BTreeMap<String, (Timestamp, String)> = all
            .iter()
            .zip(0..)
            .map(|(it, at)| {
                let share = MINUTE * at / count;
                // The API keeps whole seconds.
                let due = later(first, share).as_second();
                let due = Timestamp::from_second(due).expect("a time");
                let target = it.status.as_ref().and_then(|it| it.namespaces.first());
                (it.name_any(), (due, target.expect("a target").name.clone()))
            })
            .collect();
        stream::iter(&due)
            .for_each_concurrent(WIDE, |(name, (due, _))| async move {
                let annotation = json!({ EXTEND_ANNOTATION: due.to_string() });
                let patch = Patch::Merge(json!({ "metadata": { "annotations": annotation } }));
                let patched = self.api.patch(name, &PatchParams::default(), &patch).await;
                patched.expect("it is taken");
            })
            .await;
        eventually("all know when they are due", s(120), || async {
            let all = self.all().await;
            let knows = |it: &&StagingEnvironment| {
                let expires = it.status.as_ref().and_then(|it| it.expires_at.as_ref());
                expires.map(|it| it.0) == due.get(&it.name_any()).map(|it| it.0)
            };
            let told = all.iter().filter(knows).count();
            if told == due.len() { Ok(()) } else { Err(format!("{told} of {}", due.len())) }
        })
        .await;
        due
    }

    /// Asks for new ones until a time; how long each took to be ready, in seconds, in order.
    async fn beside(&self, end: Timestamp) -> Vec<f64> {
        let mut took = Vec::new();
        while now() < end {
            took.push(self.ready(&format!("new-{}", took.len())).await);
            tokio::time::sleep(PAUSE).await;
        }
        took.sort_by(f64::total_cmp);
        took
    }
}

/// How late the deletion of each namespace was asked for, in seconds, in order.
async fn ends(log: &Path, mark: u64, due: &BTreeMap<String, (Timestamp, String)>) -> Vec<f64> {
    let whose: BTreeMap<&str, Timestamp> =
        due.values().map(|(at, target)| (target.as_str(), *at)).collect();
    eventually("all have ended", s(180), || async {
        let mut asked: BTreeMap<String, Timestamp> = BTreeMap::new();
        for it in audit::of_operator(log, mark) {
            let deletes = it.verb == "delete" && it.resource == "namespaces" && it.wrote();
            if deletes && whose.contains_key(it.name.as_str()) {
                asked.entry(it.name).or_insert(it.at);
            }
        }
        if asked.len() < whose.len() {
            return Err(format!("{} of {}", asked.len(), whose.len()));
        }
        let late = |(name, at): (&String, &Timestamp)| {
            let due = whose.get(name.as_str()).copied().unwrap_or_default();
            at.duration_since(due).as_secs_f64()
        };
        let mut all: Vec<f64> = asked.iter().map(late).collect();
        all.sort_by(f64::total_cmp);
        Ok(all)
    })
    .await
}

/// What the operator asked for in the targets that ended, and of these: per target, the most frequent
/// first.
fn requests(log: &Path, mark: u64, due: &BTreeMap<String, (Timestamp, String)>) -> String {
    let targets: BTreeSet<&str> = due.values().map(|(_, target)| target.as_str()).collect();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for it in audit::of_operator(log, mark) {
        let of_target =
            targets.contains(it.namespace.as_str()) || targets.contains(it.name.as_str());
        let of_environment = due.contains_key(&it.name);
        if it.verb != "watch" && (of_target || of_environment) {
            *kinds.entry(format!("{} {}", it.verb, it.resource)).or_default() += 1;
        }
    }
    let all: usize = kinds.values().sum();
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let each = |count: usize| format!("{}.{}", count / due.len(), count * 10 / due.len() % 10);
    let shown = kinds.iter().map(|(kind, count)| format!("{} {kind}", each(*count)));
    format!("{} requests: {}", each(all), shown.collect::<Vec<_>>().join(", "))
}

fn api(client: &Client) -> Api<StagingEnvironment> {
    Api::namespaced(client.clone(), REQUESTS)
}

fn is_ready(environment: &StagingEnvironment) -> bool {
    let conditions = environment.status.as_ref().map_or(&[][..], |it| &it.conditions);
    is_true(conditions, ConditionType::Ready)
}

/// The value up to which a hundredth, or many, of some lie that are in order.
fn percentile(sorted: &[f64], hundredths: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last * hundredths).div_ceil(100)).copied().unwrap_or_default()
}

fn mib(operator: &Operator) -> u64 {
    operator.memory().resident / 1024
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| from.checked_add(by).ok()).unwrap_or(from)
}

fn until(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now())).unwrap_or_default()
}

/// The machine's time: the API server is on the same machine.
#[expect(clippy::disallowed_methods, reason = "what is measured is the time on this machine")]
fn now() -> Timestamp {
    Timestamp::now()
}
