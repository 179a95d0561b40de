//! The cluster with production in it, and the clone that most scenarios look at.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt, api::ListParams};
use kulisse_core::api::{
    condition::{ConditionType, find},
    environment::StagingEnvironment,
    status::StagingEnvironmentStatus,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{
    audit::OPERATOR,
    cluster::{Cluster, Keeper},
    environment::{Environment, granted_source, roles_filled, shown},
    objects::Objects,
    suite::RUNTIME,
    tools::{self, root, run, yaml_file},
    wait::{eventually, s},
};

/// What the scenarios run on.
pub struct World {
    /// The cluster.
    pub cluster: Cluster,
    /// Where the operator's log goes: all of it, as nodes keep only the last part.
    pub operator_log: PathBuf,
    follower: Keeper,
    /// Cluster-scoped objects before the first environment.
    pub before: BTreeSet<String>,
    clone: OnceCell<(String, StagingEnvironmentStatus)>,
}

impl World {
    /// Starts the cluster, installs the operator and deploys production.
    pub fn start() -> Result<Self, String> {
        let helm = tools::helm()?;
        let cluster = match std::env::var_os("KULISSE_TEST_KUBECONFIG").filter(|it| !it.is_empty())
        {
            Some(path) => Cluster::given(&PathBuf::from(path))?,
            None => node("e2e", &[])?,
        };
        install(&cluster, &helm, "trace");
        let (operator_log, follower) = follow(&cluster);
        let path = |it: &str| root().join(it).display().to_string();
        cluster.kubectl(&["apply", "-f", &path("examples/shop")]).ok("the shop");
        cluster.kubectl(&["apply", "-f", &path("examples/shop/data")]).ok("its data");
        for file in ["00-namespace", "10-grant", "20-class"] {
            let file = path(&format!("examples/quickstart/{file}.yaml"));
            cluster.kubectl(&["apply", "-f", &file]).ok("the quick start");
        }
        RUNTIME.block_on(async {
            roles_filled(&cluster).await;
            cluster.objects.apply(CLASS).await;
            let wait = [
                "-n",
                "shop",
                "wait",
                "--for=condition=Available",
                "deployment",
                "--all",
                "--timeout=480s",
            ];
            cluster.kubectl(&wait).ok("production runs");
            let before = cluster.objects.everything(None).await.into_keys().collect();
            Ok(Self { cluster, operator_log, follower, before, clone: OnceCell::new() })
        })
    }

    /// Takes it down.
    pub fn finish(&self) {
        self.follower.end();
        self.cluster.stop();
    }

    /// What is in the cluster.
    pub fn objects(&self) -> &Objects {
        &self.cluster.objects
    }

    /// Makes a Service in a clone that is another name for a host. Everybody is refused that; made as the
    /// operator, what holds it is the network.
    pub fn alias(&self, service: &Value) {
        let text = service.to_string();
        let refused = self.cluster.kubectl_with(&["apply", "-f", "-"], &text);
        assert!(refused.err.contains("kulisse-fence-contents"), "{}", refused.err);
        let as_operator = ["apply", "--server-side", "-f", "-", "--as", OPERATOR];
        self.cluster.kubectl_with(&as_operator, &text).ok("a Service");
    }

    /// The environment that most scenarios look at: the quick start's.
    pub fn shop(&self) -> Environment<'_> {
        Environment::of(self.objects(), "previews", "pr-1234")
    }

    /// Its target and status, once it is ready; whoever comes first makes it.
    pub async fn clone_of_the_shop(&self) -> (String, StagingEnvironmentStatus) {
        let it = self.shop();
        let made = self
            .clone
            .get_or_init(|| async {
                let file = root().join("examples/quickstart/30-environment.yaml");
                let object = yaml_file(&file).remove(0);
                self.objects().try_apply(&object, false).await.expect("the environment");
                // Once a person is called, nobody need wait any longer.
                let over = |it: &StagingEnvironment| {
                    let over = is(it, ConditionType::Ready, "True")
                        || is(it, ConditionType::Stalled, "True");
                    over.then(|| it.status.clone().unwrap_or_default())
                };
                let status = it.until_that("the shop's clone is ready", s(240), over).await;
                let stalled = find(&status.conditions, ConditionType::Stalled);
                assert!(stalled.is_none(), "the shop's clone: {}", shown(&status));
                (it.target().await, status)
            })
            .await;
        made.clone()
    }

    /// A small granted source: a web server, a store with a volume.
    pub async fn small(&self, name: &str) -> Small<'_> {
        let (source, requests) = (format!("src-{name}"), format!("req-{name}"));
        granted_source(self.objects(), &source, &requests).await;
        self.objects().apply(&SMALL.replace("{ns}", &source)).await;
        let wait = ["-n", &source, "rollout", "status", "deployment/web", "--timeout=480s"];
        self.kubectl(&wait).await.ok("the source runs");
        Small { world: self, source, requests }
    }

    /// Runs `kubectl` without holding up the others.
    pub async fn kubectl(&self, arguments: &[&str]) -> tools::Answer {
        let mut command = self.cluster.command(arguments);
        tokio::task::spawn_blocking(move || run(&mut command, None)).await.expect("kubectl")
    }

    /// Runs a command in a Pod.
    pub async fn exec(&self, namespace: &str, pod: &str, command: &[&str]) -> tools::Answer {
        let mut arguments = vec!["-n", namespace, "exec", pod, "--"];
        arguments.extend(command);
        self.kubectl(&arguments).await
    }

    /// Asks PostgreSQL in a namespace.
    pub async fn psql(&self, namespace: &str, query: &str) -> String {
        let command = format!(r#"exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -Atc "{query}""#);
        let answer = self.exec(namespace, "postgres-0", &["sh", "-c", &command]).await;
        answer.ok(query).trim().to_owned()
    }

    /// Asks the ingress for a path of a host, until it answers with a page.
    pub async fn page(&self, host: &str, path: &str) -> String {
        eventually(&format!("http://{host}{path} answers"), s(30), || async {
            let answer = tokio::task::block_in_place(|| get(&self.cluster.ingress, host, path));
            let answer = answer.map_err(|it| it.to_string())?;
            let first = answer.lines().next().unwrap_or_default().to_owned();
            if first.contains(" 200 ") { Ok(answer) } else { Err(first) }
        })
        .await
    }
}

/// Keeps a status as it was seen on a real cluster, for the tests of health checks: with BLESS=1.
/// The first one of which `wanted` holds.
pub async fn record(
    it: &Environment<'_>,
    name: &str,
    wanted: impl Fn(&StagingEnvironment) -> bool,
) {
    if std::env::var_os("BLESS").is_none() {
        return;
    }
    let fits = |it: &StagingEnvironment| wanted(it).then(|| it.clone());
    let environment = it.until_that(&format!("{name} is seen"), s(90), fits).await;
    let mut object = serde_json::to_value(environment).expect("JSON");
    if let Some(metadata) = object["metadata"].as_object_mut() {
        let noise = ["managedFields", "annotations", "resourceVersion"];
        metadata.retain(|key, _| !noise.contains(&key.as_str()));
    }
    let created = object["metadata"]["creationTimestamp"].as_str().and_then(|it| it.parse().ok());
    let created: Timestamp = created.expect("when it was created");
    let recorded: Timestamp = RECORDED.parse().expect("a time");
    moved(&mut object, recorded.duration_since(created));
    let text = serde_saphyr::to_string(&object).expect("YAML");
    let path = root().join("tests/fixtures/statuses").join(format!("{name}.yaml"));
    let note = "# Recorded on a real cluster by the e2e tests (BLESS=1).";
    std::fs::write(path, format!("{note}\n{text}")).expect("a file");
}

/// When what is recorded was created: what tests say of it is the same for every recording.
const RECORDED: &str = "2026-11-21T16:55:00Z";

/// Moves every time in it, also those that messages name.
fn moved(value: &mut Value, by: SignedDuration) {
    match value {
        Value::String(text) => {
            let words = text.split(' ').map(|word| match word.parse::<Timestamp>() {
                Ok(time) => time.saturating_add(by).expect("a duration").to_string(),
                Err(_) => word.to_owned(),
            });
            *text = words.collect::<Vec<_>>().join(" ");
        }
        Value::Array(values) => values.iter_mut().for_each(|it| moved(it, by)),
        Value::Object(fields) => fields.values_mut().for_each(|it| moved(it, by)),
        _ => {}
    }
}

/// Whether a condition of a current status is so.
pub fn is(it: &StagingEnvironment, kind: ConditionType, status: &str) -> bool {
    let Some(now) = &it.status else { return false };
    Some(now.observed_generation) == it.metadata.generation
        && find(&now.conditions, kind).is_some_and(|it| it.status == status)
}

/// What Secrets of a namespace hold, by their name and key.
pub async fn secrets(world: &World, namespace: &str) -> BTreeMap<(String, String), String> {
    let api: Api<Secret> = Api::namespaced(world.objects().client.clone(), namespace);
    let mut all = BTreeMap::new();
    for secret in api.list(&ListParams::default()).await.expect("Secrets").items {
        let name = secret.name_any();
        for (key, value) in secret.data.unwrap_or_default() {
            all.insert((name.clone(), key), String::from_utf8_lossy(&value.0).into_owned());
        }
    }
    all
}

/// A cluster with a node and the operator's image.
pub fn node(name: &str, arguments: &[&str]) -> Result<Cluster, String> {
    let binary = tools::program("KULISSE_IMAGE_BINARY", "dev/image/build.sh --binary")?;
    if tools::sh("id", &["-u"]).out.trim() != "0" {
        return Err("a node needs root; KULISSE_TEST_KUBECONFIG names a cluster instead".into());
    }
    let mut all = vec!["--mode", "node"];
    all.extend(arguments);
    let cluster = Cluster::start(name, &all)?;
    let reference = format!("ghcr.io/kulisse-dev/kulisse:{}", env!("CARGO_PKG_VERSION"));
    let mut image = Command::new(tools::devcluster()?);
    image.args(["image", "--ref", &reference, "--entrypoint", "/kulisse", "--user", "65532"]);
    image.arg("--file").arg(format!("{}=/kulisse", binary.display()));
    image.arg("--state").arg(&cluster.state);
    run(&mut image, None).ok("the operator's image");
    Ok(cluster)
}

/// Writes the operator's log into a file, as it comes.
fn follow(cluster: &Cluster) -> (PathBuf, Keeper) {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e-operator.log");
    let script = r#""$0" --kubeconfig "$1" -n kulisse logs -f deployment/kulisse >"$2" & cat >/dev/null; kill $!"#;
    let (kubectl, kubeconfig) = (cluster.bin.join("kubectl"), &cluster.kubeconfig);
    let arguments = [kubectl.as_os_str(), kubeconfig.as_os_str(), log.as_os_str()];
    let follower = Keeper::start(script, &arguments);
    (log, follower)
}

/// Installs the chart.
pub fn install(cluster: &Cluster, helm: &std::path::Path, log: &str) {
    let mut command = Command::new(helm);
    command.env("KUBECONFIG", &cluster.kubeconfig).current_dir(root());
    command.args(["upgrade", "--install", "kulisse", "charts/kulisse", "-n", "kulisse"]);
    command.args(["--create-namespace", "--wait", "--timeout", "3m"]);
    command.args(["--set", &format!("logLevel={log}")]);
    run(&mut command, None).ok("helm upgrade --install");
}

/// Asks the ingress once for a path of a host: the answer, head and body.
pub fn get(ingress: &str, host: &str, path: &str) -> std::io::Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(ingress)?;
    stream.set_read_timeout(Some(s(10)))?;
    // 1.0, so that the body comes in one piece.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A small source and where environments of it are asked for.
pub struct Small<'a> {
    /// The stage of all.
    pub world: &'a World,
    /// What is cloned.
    pub source: String,
    /// Where environments are asked for.
    pub requests: String,
}

impl<'a> Small<'a> {
    /// An environment of it, with more in its `spec`.
    pub async fn environment(&self, name: &str, more: Value) -> Environment<'a> {
        let mut spec = json!({
            "source": { "namespace": self.source },
            "className": "small",
            "lifecycle": { "ttl": "3h" },
        });
        for (key, value) in more.as_object().expect("fields").clone() {
            spec[key] = value;
        }
        Environment::apply(self.world.objects(), &self.requests, name, spec).await
    }
}

const CLASS: &str = "
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: small }
spec:
  expose:
    domain: small.localhost
    ingressClassName: dev
    from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ingress } } }]
";

/// A web server and a store with a volume.
pub const SMALL: &str = "
apiVersion: v1
kind: Service
metadata: { name: web, namespace: '{ns}' }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: '{ns}' }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: docker.io/library/nginx:1.27
          readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: store, namespace: '{ns}' }
spec: { clusterIP: None, selector: { app: store }, ports: [{ name: x, port: 1 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: store, namespace: '{ns}' }
spec:
  serviceName: store
  selector: { matchLabels: { app: store } }
  template:
    metadata: { labels: { app: store } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: store
          image: docker.io/library/busybox:1.36
          command: [sh, -c, 'exec sleep 100000']
          env: [{ name: PASSWORD, valueFrom: { secretKeyRef: { name: store, key: password } } }]
          volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
---
apiVersion: v1
kind: Secret
metadata: { name: store, namespace: '{ns}' }
stringData: { password: canary-Tq7vXz3LpW9s }
";
