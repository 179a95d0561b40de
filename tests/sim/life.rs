//! One life of an environment, from the moment that it is asked for until nothing of it is left, with
//! as many operators, one after the other, as it takes.

use std::{net::TcpListener, sync::LazyLock, thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kube_faults::plan::Plan;
use kulisse::{
    controller::{clock::ServerClock, context::Settings},
    run::{Operator, operate},
    shard::Shard,
    telemetry::http::Health,
};
use kulisse_core::{
    api::identity::NamespaceName,
    plan::{probe::Place, request::OperatorAccount},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    log::Log,
    normal,
    server::{
        controllers::named,
        store::{By, Store, text},
    },
    table,
};

/// Where environments are asked for.
pub const TEAM: &str = "team";
/// The same, as part of a request.
pub const ENVIRONMENTS: &str = "/apis/kulisse.dev/v1alpha1/namespaces/team/stagingenvironments";
/// What it is called.
pub const NAME: &str = "pr-1";
/// How long it may live.
pub const TTL: Duration = Duration::from_mins(10);
/// Nothing is written for so long once it is up.
const QUIET: Duration = Duration::from_mins(1);
/// It is up after so long, whatever happens to one or two requests, and if something is never told, at
/// the next list.
const PATIENCE: Duration = Duration::from_mins(8);
/// What is in the cluster before is up after so long.
const SETTLED: Duration = Duration::from_secs(10);
/// So many requests are enough for any life, and ten times as many as a clean one takes.
pub const REQUESTS: usize = 1500;
/// So many operators are enough for any life.
const OPERATORS: u32 = 12;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Ask,
    Ready,
    Quiet,
    Expire,
    Delete,
    Gone,
    Done,
}

/// A life, and what is known of it.
pub struct Life {
    pub cluster: Cluster,
    pub stage: Stage,
    /// What there was before it.
    pub before: Vec<Value>,
    /// What there was of it once it was up, as far as that does not differ from one life to another.
    pub ready: Vec<Value>,
    /// How long after it was asked for it was up.
    pub took: Duration,
    /// What was wrong about it.
    pub wrong: Vec<String>,
    /// How many operators it took.
    pub operators: u32,
    /// What they said, as far as it should not have been said.
    pub log: Log,
}

impl Life {
    /// Lives a whole life with these faults.
    pub fn live(faults: Plan, seed: u64) -> Self {
        let mut life = Self::begin(faults, seed);
        life.with_operators(async |life| life.go().await);
        life
    }

    /// Before anybody asks for anything.
    pub fn begin(faults: Plan, seed: u64) -> Self {
        let cluster = Cluster::new(begun(), faults, seed);
        within(&cluster, async {
            tokio::spawn(cluster.clone().control());
            sleep(SETTLED).await;
        });
        let before = cluster.store().all().map(|(_, it)| it.clone()).collect();
        let (ready, took, wrong, log) = Default::default();
        fastrand::seed(seed);
        Self { cluster, stage: Stage::Ask, before, ready, took, wrong, operators: 0, log }
    }

    /// What people do and wait for, with one operator after the other.
    pub fn with_operators(&mut self, mut go: impl AsyncFnMut(&mut Self)) {
        while self.stage != Stage::Done && self.wrong.is_empty() {
            self.operators += 1;
            if self.operators > OPERATORS {
                self.wrong.push(format!("{OPERATORS} operators were not enough"));
                break;
            }
            self.one_operator(&mut go);
            if self.cluster.heard().len() > REQUESTS {
                self.wrong.push(format!("more than {REQUESTS} requests"));
            }
        }
    }

    /// What one operator sees of it: until it is over, or that operator is.
    fn one_operator(&mut self, go: &mut impl AsyncFnMut(&mut Self)) {
        let cluster = self.cluster.clone();
        // Whoever wants to read the log listens to it alone.
        let _listening = (!table::reads_log()).then(|| self.log.listen());
        let first = self.operators == 1;
        within(&cluster, async {
            tokio::spawn(cluster.clone().control());
            // Somebody starts it again.
            sleep(Duration::from_secs(u64::from(!first))).await;
            cluster.revive();
            let (_going, stopped) = tokio::sync::watch::channel(false);
            let operator = std::pin::pin!(operate(operator(&cluster), stopped));
            tokio::select! {
                () = go(self) => {}
                () = cluster.killed() => {}
                // It gives up, and is started again as well.
                _ = operator => {}
            }
        });
    }

    /// What people do and wait for.
    async fn go(&mut self) {
        while self.stage != Stage::Done {
            let done = match self.stage {
                Stage::Ask => {
                    self.request(http::Method::POST, "", &environment());
                    Ok(())
                }
                Stage::Ready => {
                    let up = self.until("it is ready", PATIENCE, |it| it.is("Ready", "True")).await;
                    let asked = begun_at() + SignedDuration::try_from(SETTLED).unwrap_or_default();
                    let took = self.cluster.store().now().duration_since(asked);
                    self.took = Duration::try_from(took).unwrap_or_default();
                    up
                }
                Stage::Quiet => self.be_quiet().await,
                Stage::Expire => {
                    let expired = |it: &Self| it.is("Expired", "True") && it.targets().is_empty();
                    self.until("it has expired", TTL + PATIENCE, expired).await
                }
                Stage::Delete => {
                    self.request(http::Method::DELETE, &format!("/{NAME}"), &Value::Null);
                    Ok(())
                }
                Stage::Gone => {
                    self.until("it is gone", PATIENCE, |it| it.environment().is_none()).await
                }
                Stage::Done => Ok(()),
            };
            if let Err(why) = done {
                self.wrong.push(why);
                return;
            }
            self.stage = match self.stage {
                Stage::Ask => Stage::Ready,
                Stage::Ready => Stage::Quiet,
                Stage::Quiet => Stage::Expire,
                Stage::Expire => Stage::Delete,
                Stage::Delete => Stage::Gone,
                Stage::Gone | Stage::Done => Stage::Done,
            };
        }
    }

    /// Once it is up, nobody writes anything, and it stays what it is.
    async fn be_quiet(&mut self) -> Result<(), String> {
        // What is said of it may come a moment later.
        sleep(Duration::from_secs(2)).await;
        let from = self.cluster.store().version;
        let was = normal::environment(&self.cluster.store());
        sleep(QUIET).await;
        let store = self.cluster.store();
        // An Event of Kubernetes whose answer was lost is told again; nobody acts on it.
        let written = store
            .events
            .iter()
            .find(|it| it.version > from && it.by == By::Operator && it.kind.plural != "events");
        if let Some(it) = written {
            let (kind, name) = (it.kind.plural, text(&it.after, "name"));
            return Err(format!("not quiet: {kind} {name} was written at rest"));
        }
        self.ready = normal::environment(&store);
        if self.ready == was { Ok(()) } else { Err("it did not stay what it was".to_owned()) }
    }

    /// Waits as long as it takes for anything to be there, whatever happens to some requests.
    pub async fn until_up(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<(), String> {
        self.until(what, PATIENCE, holds).await
    }

    /// Waits until something holds once its time is up.
    pub async fn until_over(
        &self,
        what: &str,
        holds: impl Fn(&Self) -> bool,
    ) -> Result<(), String> {
        self.until(what, TTL + PATIENCE, holds).await
    }

    async fn until(
        &self,
        what: &str,
        within: Duration,
        holds: impl Fn(&Self) -> bool,
    ) -> Result<(), String> {
        let waited = tokio::time::timeout(within, async {
            let mut changed = self.cluster.store().changed.subscribe();
            while !holds(self) {
                let _ = changed.changed().await;
            }
        });
        waited.await.map_err(|_| {
            let status = self.environment().map(|it| it["status"].clone()).unwrap_or_default();
            format!("not in time: {what}; targets {:?}; {}", self.targets(), shown(&status))
        })
    }

    /// Whether a condition has this status.
    pub fn is(&self, condition: &str, status: &str) -> bool {
        let Some(it) = self.environment() else { return false };
        let mut conditions = it["status"]["conditions"].as_array().into_iter().flatten();
        conditions.any(|it| it["type"] == condition && it["status"] == status)
    }

    /// The environment.
    pub fn environment(&self) -> Option<Value> {
        self.cluster.store().get(named("StagingEnvironment"), TEAM, NAME).cloned()
    }

    /// Names of the namespaces that are its own.
    pub fn targets(&self) -> Vec<String> {
        targets(&self.cluster)
    }

    /// What a ConfigMap of its target holds, as production's did when it was planned.
    pub fn word(&self) -> Value {
        let target = self.targets().pop().unwrap_or_default();
        let store = self.cluster.store();
        let it = store.get(named("ConfigMap"), &target, "settings");
        it.map(|it| it["data"]["WORD"].clone()).unwrap_or_default()
    }

    /// Asks for an environment with more in its spec.
    pub fn ask_for(&self, more: &Value) {
        let mut it = environment();
        for (field, value) in more.as_object().expect("fields") {
            it["spec"][field] = value.clone();
        }
        self.request(http::Method::POST, "", &it);
    }

    /// Changes the environment.
    pub fn change(&self, patch: &Value) {
        let uri = format!("{ENVIRONMENTS}/{NAME}");
        self.cluster.ask(http::Method::PATCH, &uri, "application/merge-patch+json", patch);
    }

    fn request(&self, method: http::Method, path: &str, body: &Value) {
        let uri = format!("{ENVIRONMENTS}{path}");
        self.cluster.ask(method, &uri, "application/json", body);
    }
}

/// What there is before anybody asks for anything.
pub fn begun() -> Store {
    let mut store = Store::new(begun_at());
    for object in serde_saphyr::from_multiple::<Value>(include_str!("stage.yaml")).expect("YAML") {
        store.plant(object);
    }
    store
}

/// Does something in the time of a cluster. What was begun there ends with it: nobody takes leave.
pub fn within(cluster: &Cluster, work: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        cluster.store().wind_up();
        work.await;
        cluster.store().stop();
    });
}

/// Somebody does something while an operator works, which ends with it.
pub fn while_one_works(cluster: &Cluster, doing: impl Future<Output = ()>) {
    while_this_works(cluster, |_| {}, doing);
}

/// The same with an operator that is `changed` before it begins.
pub fn while_this_works(
    cluster: &Cluster,
    changed: impl FnOnce(&mut Operator),
    doing: impl Future<Output = ()>,
) {
    within(cluster, async {
        tokio::spawn(cluster.clone().control());
        let mut operator = operator(cluster);
        changed(&mut operator);
        let (_going, stopped) = tokio::sync::watch::channel(false);
        tokio::select! {
            result = operate(operator, stopped) => panic!("{result:?}"),
            () = doing => {}
        }
    });
}

/// Names of the namespaces that are environments' own.
pub fn targets(cluster: &Cluster) -> Vec<String> {
    let store = cluster.store();
    let all = store.of(named("Namespace"), "");
    let own = all.filter(|it| !it["metadata"]["labels"]["kulisse.dev/environment-uid"].is_null());
    own.map(|it| text(it, "name").to_owned()).collect()
}

fn begun_at() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().expect("a time")
}

/// What somebody wants: data, work before and after, a test, an end.
pub fn environment() -> Value {
    let run = json!({ "image": "registry.example.com/check:1" });
    json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": NAME, "namespace": TEAM },
        "spec": {
            "source": { "namespace": "shop" }, "className": "usual",
            "lifecycle": { "ttl": format!("{}s", TTL.as_secs()), "warnBefore": "1m" },
            "seed": [{ "name": "schema", "run": run }, { "name": "users", "when": "AfterWorkloads", "run": run }],
            "smoke": [{ "name": "up", "run": run }],
            "preDelete": [{ "name": "archive", "run": run }],
        },
    })
}

pub fn operator(cluster: &Cluster) -> Operator {
    let clock = ServerClock::default();
    let settings = Settings {
        namespace: NamespaceName::parse("kulisse").expect("a name"),
        account: OperatorAccount { namespace: "kulisse".to_owned(), name: "kulisse".to_owned() },
        image: "registry.example.com/kulisse:1".to_owned(),
        namespace_prefixes: vec!["stg".to_owned()],
        workload_watch: true,
        shard: Shard::default(),
        probe_control: Some(Place { host: "127.0.0.1".to_owned(), port: *CONTROL }),
    };
    Operator { client: cluster.client(&clock), clock, settings, health: Health::default() }
}

/// The one thing that is real: an address that answers outside the fence.
static CONTROL: LazyLock<u16> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
});

/// A status in a line.
fn shown(status: &Value) -> String {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let told = conditions.map(|it| {
        let word = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
        format!("{}={} {}: {}", word("type"), word("status"), word("reason"), word("message"))
    });
    told.collect::<Vec<_>>().join("; ")
}
