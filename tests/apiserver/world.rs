//! The cluster of this binary, with the operator beside it.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use futures::{FutureExt, StreamExt, future::select_all, stream};
use kube::ResourceExt;
use kulisse_core::api::names;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use crate::support::{
    audit::OPERATOR,
    cluster::Cluster,
    environment::{Environment, granted_source, installed},
    objects::Objects,
    operator::Operator,
    suite::RUNTIME,
    wait::{eventually, s},
};

/// What the scenarios run on.
pub struct World {
    /// What tells it from the others.
    pub name: String,
    /// The cluster.
    pub cluster: Cluster,
    /// The operator.
    pub operator: Operator,
    /// When that was.
    pub began: SystemTime,
    /// Sources that scenarios made.
    pub sources: Mutex<BTreeSet<String>>,
    /// Cluster-scoped objects before the first environment.
    pub before: BTreeSet<String>,
    /// For scenarios that cannot have others beside them.
    pub turn: tokio::sync::Mutex<()>,
    twins: Vec<World>,
}

/// Clusters whose operators come and go: what plays there mostly waits.
const TWINS: usize = 5;

impl World {
    /// Starts one whose operator is left alone, and others whose operators come and go.
    pub fn start() -> Result<Self, String> {
        let twins: Vec<_> = (1..=TWINS)
            .map(|at| std::thread::spawn(move || Self::one(&format!("restarts-{at}"), &[])))
            .collect();
        let mut world = Self::one("apiserver", &[])?;
        for twin in twins {
            let twin = twin.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            world.twins.push(twin?);
        }
        Ok(world)
    }

    /// Starts a cluster, applies these files, installs the operator's objects and starts the
    /// operator.
    pub fn one(name: &str, files: &[PathBuf]) -> Result<Self, String> {
        let cluster = Cluster::start(name, &["--mode", "control-plane"])?;
        for file in files {
            let file = file.display().to_string();
            cluster.kubectl(&["apply", "--server-side", "-f", &file]).ok(&file);
        }
        RUNTIME.block_on(async {
            installed(&cluster).await;
            Ok(Self::on(cluster, name).await)
        })
    }

    /// Starts the operator on a cluster on which its objects are installed.
    pub async fn on(cluster: Cluster, name: &str) -> Self {
        cluster.objects.apply(CLASS).await;
        cluster.objects.apply(VENDOR).await;
        let before = cluster.objects.everything(None).await.into_keys().collect();
        fenced(&cluster, true).await;
        let operator = Operator::prepare(&cluster, name);
        let began = fs::metadata(&operator.log).and_then(|it| it.modified()).expect("a log");
        operator.start().await;
        let (sources, turn, twins) = Default::default();
        Self { name: name.to_owned(), cluster, operator, began, sources, before, turn, twins }
    }

    /// One whose operator may come and go, as soon as nobody else plays there.
    pub async fn alone(&self) -> (&Self, MutexGuard<'_, ()>) {
        let turns = self.twins.iter().map(|it| it.turn.lock().boxed());
        let (turn, at, _) = select_all(turns).await;
        (&self.twins[at], turn)
    }

    /// All of those, as soon as nobody else plays on any.
    pub async fn all_alone(&self) -> Vec<(&Self, MutexGuard<'_, ()>)> {
        stream::iter(&self.twins).then(async |it| (it, it.turn.lock().await)).collect().await
    }

    /// This one and the others.
    pub fn everywhere(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.twins)
    }

    /// Takes everything down.
    pub fn finish(&self) {
        for world in self.everywhere() {
            world.operator.kill();
            world.cluster.stop();
        }
    }

    /// Removes what scenarios that failed have left: what follows counts requests.
    pub async fn clear(&self) {
        let kind = "kulisse.dev/v1alpha1 StagingEnvironment";
        for it in self.objects().list(kind, "").await {
            let namespace = it.namespace().unwrap_or_default();
            self.objects().delete(kind, &namespace, &it.name_any()).await;
        }
        eventually("no environment is left", s(60), || async {
            let left = self.objects().names(kind, "").await;
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
    }

    /// What is in the cluster.
    pub fn objects(&self) -> &Objects {
        &self.cluster.objects
    }

    /// A granted, readable source with these objects, and a request namespace for it. `{ns}` in
    /// `objects` is the source's name.
    pub async fn source(&self, name: &str, objects: &str) -> Place<'_> {
        let place = self.place(name);
        granted_source(self.objects(), &place.source, &place.requests).await;
        self.objects().apply(&objects.replace("{ns}", &place.source)).await;
        place
    }

    /// A class without a probe, since no Pod runs here, with more in its `spec`.
    pub async fn class(&self, name: &str, more: &Value) {
        let mut spec = json!({ "boundary": { "probe": "Never" } });
        merge(&mut spec, more);
        let class = json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingClass",
            "metadata": { "name": name }, "spec": spec });
        self.objects().try_apply(&class, false).await.expect("a class");
    }

    /// Has the API server refuse updates of resources, while `when` (CEL) is true, in all targets of a
    /// request namespace. It does so in its own time. Answers what [`World::allow`] takes.
    pub async fn deny(&self, requests: &str, resources: &[&str], when: &str) -> String {
        let name = format!("denied-in-{requests}");
        let spec = json!({
            "matchConstraints": {
                "namespaceSelector": { "matchLabels": { names::REQUEST_NAMESPACE_LABEL: requests } },
                "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
                    "resources": resources }],
            },
            "validations": [{ "expression": format!("!({when})"), "message": "denied by a test" }],
        });
        let bound = json!({ "policyName": name, "validationActions": ["Deny"] });
        for (kind, spec) in POLICIES.into_iter().zip([spec, bound]) {
            let (version, kind) = kind.split_once(' ').expect("a version and a kind");
            let object = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name }, "spec": spec });
            self.objects().try_apply(&object, false).await.expect("a policy");
        }
        name
    }

    /// Takes such a refusal back.
    pub async fn allow(&self, name: &str) {
        for kind in POLICIES {
            self.objects().delete(kind, "", name).await;
        }
    }

    /// Names of a source and a request namespace, of which nothing is made.
    pub fn place(&self, name: &str) -> Place<'_> {
        let source = format!("src-{name}");
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).insert(source.clone());
        Place { world: self, source, requests: format!("req-{name}") }
    }

    /// Sources that scenarios made.
    pub fn all_sources(&self) -> BTreeSet<String> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The audit log.
    pub fn audit_log(&self) -> &std::path::Path {
        self.cluster.audit_log.as_deref().expect("a cluster of our own has an audit log")
    }
}

/// Waits until the API server acts by the policy that fences the operator's account, or no longer
/// does: it notices in its own time.
pub async fn fenced(cluster: &Cluster, wanted: bool) {
    let account = format!("--as={OPERATOR}");
    eventually("the fence policy is as it should be", s(30), || async {
        let arguments = ["create", "namespace", "evil", "--dry-run=server", &account];
        let answer = cluster.kubectl(&arguments);
        let refused = answer.err.contains("ValidatingAdmissionPolicy");
        if refused == wanted { Ok(()) } else { Err(answer.err) }
    })
    .await;
}

/// Where one scenario plays.
pub struct Place<'a> {
    /// The stage of all.
    pub world: &'a World,
    /// What is cloned.
    pub source: String,
    /// Where environments are asked for.
    pub requests: String,
}

impl<'a> Place<'a> {
    /// An environment of the source, with more in its `spec`.
    pub async fn environment(&self, name: &str, spec: Value) -> Environment<'a> {
        let spec = self.spec(&spec);
        Environment::apply(self.world.objects(), &self.requests, name, spec).await
    }

    /// The `spec` of an environment of the source, with more in it.
    pub fn spec(&self, more: &Value) -> Value {
        let mut spec = json!({
            "source": { "namespace": self.source },
            "className": "unprobed",
            "lifecycle": { "ttl": "3h" },
        });
        merge(&mut spec, more);
        spec
    }
}

/// Puts fields in, or in the place of others.
fn merge(fields: &mut Value, more: &Value) {
    for (key, value) in more.as_object().expect("fields") {
        fields[key] = value.clone();
    }
}

const POLICIES: [&str; 2] = [
    "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding",
];

/// No Pod runs here, so no probe can.
const CLASS: &str = "
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: unprobed }
spec:
  boundary: { probe: Never }
  limits: { maxTTL: 100h }
";

/// What the vendor of kinds adds to Kubernetes' `view` and `edit`, and a platform team to what the operator
/// may write; scenarios bring the kinds themselves.
const VENDOR: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: acme-view, labels: { rbac.authorization.k8s.io/aggregate-to-view: 'true' } }
rules: [{ apiGroups: [acme.example], resources: [gadgets, widgets], verbs: [get, list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: acme-edit, labels: { rbac.authorization.k8s.io/aggregate-to-edit: 'true' } }
rules: [{ apiGroups: [acme.example], resources: [levers], verbs: ['*'] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: acme-write, labels: { kulisse.dev/aggregate-to-clone-writer: 'true' } }
rules: [{ apiGroups: [acme.example], resources: [gadgets, widgets], verbs: [get, list, create, update, patch, delete] }]
";

/// A small application of which everything is up although no Pod runs.
pub const APPLICATION: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: '{ns}' }
data:
  API: http://api.{ns}.svc.cluster.local:8080
  WORD: '{ns}'
---
apiVersion: v1
kind: Secret
metadata: { name: database, namespace: '{ns}' }
stringData:
  user: shop
  password: canary-Tq7vXz3LpW9s-1
  url: postgres://shop:canary-Tq7vXz3LpW9s-1@db.{ns}.svc:5432/shop
---
apiVersion: v1
kind: Service
metadata: { name: api, namespace: '{ns}' }
spec:
  selector: { app: api }
  ports: [{ name: http, port: 8080 }]
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: api, namespace: '{ns}' }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: api, namespace: '{ns}' }
rules: [{ apiGroups: [''], resources: [pods, secrets], verbs: [get, list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: api, namespace: '{ns}' }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: api }
subjects: [{ kind: ServiceAccount, name: api, namespace: '{ns}' }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: api, namespace: '{ns}' }
spec:
  replicas: 0
  selector: { matchLabels: { app: api } }
  template:
    metadata: { labels: { app: api } }
    spec:
      serviceAccountName: api
      containers:
        - name: api
          image: registry.example.com/api:1
          args: ['--database=db.{ns}.svc.cluster.local']
          env:
            - { name: SETTINGS, valueFrom: { configMapKeyRef: { name: settings, key: API } } }
            - { name: PASSWORD, valueFrom: { secretKeyRef: { name: database, key: password } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: '{ns}' }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: 'registry.example.com/web:1' }] }
";

/// A DaemonSet, which counts as up without a node: what is asleep or frozen shows there.
pub fn agent() -> Value {
    let labels = json!({ "app": "agent" });
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "agent" },
        "spec": { "selector": { "matchLabels": labels }, "template": {
            "metadata": { "labels": labels },
            "spec": { "containers": [{ "name": "agent", "image": "registry.example.com/agent:1" }] },
        } },
    })
}

/// What has it come along.
pub fn one_agent() -> Value {
    json!({ "target": { "kind": "DaemonSet", "name": "agent" }, "resources": { "requests": { "cpu": "10m" } } })
}

/// Whether its Pods may run; `None` if it is not there.
pub async fn agent_runs(objects: &Objects, target: &str) -> Option<bool> {
    let agent = objects.find("apps/v1 DaemonSet", target, "agent").await?;
    Some(agent.data["spec"]["template"]["spec"]["nodeSelector"].is_null())
}
