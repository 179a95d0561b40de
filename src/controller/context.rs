//! What every pass works with.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::{Client, runtime::events::Recorder};
use tokio::sync::Semaphore;

use kulisse_core::{
    api::identity::{Incarnation, NamespaceName},
    lifecycle::Problem,
    plan::{
        object::Key,
        probe::Place,
        request::{Classes, Endpoint, OperatorAccount},
    },
    secrets::OperatorKey,
};

use super::{
    bindings::Bindings,
    capture::Captures,
    clock::ServerClock,
    discovery::Kinds,
    drifts::Drifts,
    failures::Failures,
    guard::Policies,
    place::Places,
    recent::Recent,
    sources::Sources,
    stored::{Slot, Stored},
    world::World,
    written::Written,
};
use crate::{shard::Shard, telemetry::metrics::Metrics};

/// Pods change by the second while something comes up, and nobody reads faster than this.
const TROUBLES: Duration = Duration::from_millis(1500);
/// Nobody reads progress faster than this.
const TOLD: Duration = Duration::from_secs(1);
/// The Kubernetes API hardly moves.
const ENDPOINTS: Duration = Duration::from_mins(10);
/// Rights in targets change when a platform team adds a kind.
const RIGHTS: Duration = Duration::from_secs(30);
/// Classes of a cluster hardly change.
const CLASSES: Duration = Duration::from_mins(1);
/// How long a look at the rights of accounts counts.
const BINDINGS: Duration = Duration::from_secs(30);
/// Labels of namespaces hardly change.
const LABELS: Duration = Duration::from_secs(20);

/// Artefacts that are fetched at the same time.
const PULLS: usize = 2;

/// What every pass works with.
pub struct Context {
    /// The client.
    pub client: Client,
    /// The API server's time.
    pub clock: ServerClock,
    /// What the watches have seen.
    pub world: Arc<World>,
    /// Which kinds the API server has.
    pub kinds: Kinds,
    /// Captures that are being made.
    pub captures: Captures,
    /// Sources of environments at rest, as they were looked at last.
    pub sources: Sources,
    /// How much has drifted.
    pub drifts: Drifts,
    /// Makes Events.
    pub recorder: Recorder,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// What the operator was started with.
    pub settings: Settings,
    /// The operator's key.
    pub key: OperatorKey,
    /// Whether the admission policies that fence our own account are in force.
    pub policies: Policies,
    /// Versions of environments that we have written and the watch has not seen yet.
    pub written: Written,
    /// How often passes have failed in a row.
    pub failures: Failures,
    /// What keeps workloads from coming up, by target, as of a moment ago.
    pub troubles: Recent<BTreeMap<Key, Problem>>,
    /// Environments whose status was written a moment ago.
    pub told: Recent<()>,
    /// Where the Kubernetes API listens, as of a while ago.
    pub endpoints: Recent<Vec<Endpoint>>,
    /// What we may do in targets, as of a moment ago.
    pub rights: Recent<Vec<PolicyRule>>,
    /// Which classes the cluster has, as of a while ago.
    pub classes: Recent<Arc<Classes>>,
    /// Whose accounts have rights in the cluster, as of a while ago.
    pub bindings: Recent<Arc<Bindings>>,
    /// Labels of request namespaces, as of a moment ago.
    pub labels: Recent<BTreeMap<String, String>>,
    /// Artefacts that may be fetched at the same time: each is held in memory.
    pub pulls: Semaphore,
    /// Who has a place, and who waits for one.
    pub places: Places,
    /// Plans of environments that are being built; those at rest keep none in memory.
    plans: Mutex<HashMap<(String, Incarnation), Arc<Stored>>>,
}

/// What the operator was started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's namespace.
    pub namespace: NamespaceName,
    /// The account it runs as.
    pub account: OperatorAccount,
    /// Its own image, for the probe and HTTP tasks.
    pub image: String,
    /// First parts of the names of targets; the admission policy allows no others.
    pub namespace_prefixes: Vec<String>,
    /// An address that is alive and must be out of reach from a target.
    pub probe_control: Option<Place>,
    /// Whether workloads and Jobs are watched in the whole cluster. Otherwise they are listed, target by
    /// target.
    pub workload_watch: bool,
    /// Whose environments are its own, where several operators share the work.
    pub shard: Shard,
}

impl Context {
    /// Puts a context together.
    #[expect(
        clippy::too_many_arguments,
        reason = "the composition root hands over what it made, once"
    )]
    pub fn new(
        client: Client,
        clock: ServerClock,
        world: Arc<World>,
        recorder: Recorder,
        metrics: Arc<Metrics>,
        settings: Settings,
        key: OperatorKey,
        policies: Policies,
    ) -> Self {
        Self {
            kinds: Kinds::default(),
            captures: Captures::default(),
            sources: Sources::default(),
            drifts: Drifts::default(),
            written: Written::default(),
            failures: Failures::default(),
            troubles: Recent::new(TROUBLES),
            told: Recent::new(TOLD),
            endpoints: Recent::new(ENDPOINTS),
            rights: Recent::new(RIGHTS),
            classes: Recent::new(CLASSES),
            bindings: Recent::new(BINDINGS),
            labels: Recent::new(LABELS),
            pulls: Semaphore::new(PULLS),
            places: Places::default(),
            plans: Mutex::default(),
            client,
            clock,
            world,
            recorder,
            metrics,
            settings,
            key,
            policies,
        }
    }

    /// The plan of an environment that is being built, if it is in memory.
    pub fn plan(&self, slot: Slot<'_>) -> Option<Arc<Stored>> {
        self.plans().get(&(slot.uid.to_owned(), slot.life)).cloned()
    }

    /// Keeps a plan in memory while its environment is being built.
    pub fn keep_plan(&self, slot: Slot<'_>, plan: Arc<Stored>) {
        self.plans().insert((slot.uid.to_owned(), slot.life), plan);
    }

    /// Lets go of a plan.
    pub fn drop_plan(&self, slot: Slot<'_>) {
        self.plans().remove(&(slot.uid.to_owned(), slot.life));
    }

    /// Forgets an environment that is not there any more.
    pub fn forget(&self, uid: &str) {
        self.world.forget(uid);
        self.failures.clear(uid);
        self.written.forget(uid);
        self.drop_plans(uid);
        self.places.forget(uid);
        self.sources.leave(uid);
        self.drifts.forget(uid);
    }

    /// Lets go of all plans of an environment.
    pub fn drop_plans(&self, uid: &str) {
        self.plans().retain(|(of, _), _| of != uid);
    }

    fn plans(&self) -> MutexGuard<'_, HashMap<(String, Incarnation), Arc<Stored>>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
