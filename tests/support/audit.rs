//! The API server's audit log.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

use serde_json::Value;

use super::cluster::Cluster;

/// The operator's account, as the API server names it.
pub const OPERATOR: &str = "system:serviceaccount:kulisse:kulisse";

/// A finished request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asked.
    pub user: String,
    /// With which program.
    pub agent: String,
    /// `get`, `create`, …
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// `pods`, `stagingenvironments/status`.
    pub resource: String,
    /// Namespace; empty for what has none.
    pub namespace: String,
    /// Name; empty for lists and for names that the server makes.
    pub name: String,
    /// HTTP status.
    pub code: u64,
    /// Whether nothing was to be kept.
    pub dry: bool,
    /// When it was received.
    pub at: jiff::Timestamp,
    /// When it was answered.
    pub until: jiff::Timestamp,
    /// Path and query.
    pub uri: String,
}

impl Request {
    /// Whether it may change something.
    pub fn writes(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch") && !self.dry
    }

    /// Whether the server did it.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether it changed something.
    pub fn wrote(&self) -> bool {
        self.succeeded() && self.writes()
    }

    /// Whether a watch of the operator asked: it follows kinds in all namespaces, and lists them now and
    /// then.
    pub fn follows(&self) -> bool {
        self.verb == "watch" || self.verb == "list" && self.namespace.is_empty()
    }

    /// Whether it is about a namespace or what is in it.
    pub fn within(&self, namespace: &str) -> bool {
        self.namespace == namespace || (self.resource == "namespaces" && self.name == namespace)
    }

    /// Path without query.
    pub fn path(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }

    /// In a line, for messages.
    pub fn line(&self) -> String {
        format!(
            "{} {} {}/{} {}/{} → {}",
            self.at, self.verb, self.group, self.resource, self.namespace, self.name, self.code
        )
    }
}

/// Where the log ends now: what comes later is read from here.
pub fn mark(log: &Path) -> u64 {
    std::fs::metadata(log).map(|it| it.len()).unwrap_or_default()
}

/// All finished requests since `from`, in the order of their ends.
pub fn since(log: &Path, from: u64) -> Vec<Request> {
    let mut file = File::open(log).expect("the audit log");
    file.seek(SeekFrom::Start(from)).expect("the audit log");
    let mut requests = Vec::new();
    let mut watches = BTreeSet::new();
    for line in BufReader::new(file).lines() {
        let Ok(event) = serde_json::from_str::<Value>(&line.expect("a line")) else { continue };
        // A watch that goes on has only begun; it counts once.
        let stage = event["stage"].as_str().unwrap_or_default();
        let begun = stage == "ResponseStarted";
        let id = event["auditID"].as_str().unwrap_or_default().to_owned();
        if begun {
            watches.insert(id);
        } else if stage != "ResponseComplete" || watches.contains(&id) {
            continue;
        }
        requests.push(request(&event));
    }
    requests
}

/// The operator's requests since `from`.
pub fn of_operator(log: &Path, from: u64) -> Vec<Request> {
    since(log, from).into_iter().filter(|it| it.user == OPERATOR).collect()
}

fn request(event: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = |value: &Value| text(value).parse().unwrap_or_default();
    let about = &event["objectRef"];
    let mut resource = text(&about["resource"]);
    if let Some(sub) = about["subresource"].as_str() {
        resource = format!("{resource}/{sub}");
    }
    let uri = text(&event["requestURI"]);
    Request {
        user: text(&event["user"]["username"]),
        agent: text(&event["userAgent"]),
        verb: text(&event["verb"]),
        group: text(&about["apiGroup"]),
        resource,
        namespace: text(&about["namespace"]),
        name: text(&about["name"]),
        code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        dry: uri.contains("dryRun="),
        at: time(&event["requestReceivedTimestamp"]),
        until: time(&event["stageTimestamp"]),
        uri,
    }
}

/// Writes that are in nothing of the operator's own: targets from their creation on, Secrets of its
/// own namespace and its Lease, environments' finalizers and status and their deletion, plans, Events.
pub fn strange_writes(requests: &[Request]) -> Vec<String> {
    let mut targets = BTreeSet::new();
    let mut strange = Vec::new();
    let mut requests: Vec<&Request> = requests.iter().filter(|it| it.writes()).collect();
    requests.sort_by_key(|it| it.at);
    for it in requests {
        let fine = match (it.group.as_str(), it.resource.as_str(), it.verb.as_str()) {
            ("", "namespaces", "create") => {
                if it.succeeded() {
                    targets.insert(it.name.clone());
                }
                it.name.starts_with("stg-")
            }
            ("", "namespaces", _) => targets.contains(&it.name),
            ("", "secrets", _) | ("coordination.k8s.io", "leases", "create" | "update")
                if it.namespace == "kulisse" =>
            {
                true
            }
            (
                "kulisse.dev",
                "stagingenvironments" | "stagingenvironments/status" | "stagingplans",
                "patch" | "delete",
            )
            | ("events.k8s.io", "events", "create" | "patch") => true,
            _ => targets.contains(&it.namespace),
        };
        if !fine {
            strange.push(it.line());
        }
    }
    strange
}

/// The rules of a role that the chart installs.
async fn rules(cluster: &Cluster, kind: &str, namespace: &str, name: &str) -> Vec<Value> {
    let role = cluster.objects.get(kind, namespace, name).await;
    role.data["rules"].as_array().cloned().unwrap_or_default()
}

const CLUSTER_ROLE: &str = "rbac.authorization.k8s.io/v1 ClusterRole";
const ROLE: &str = "rbac.authorization.k8s.io/v1 Role";

fn allows(rules: &[Value], it: &Request) -> bool {
    let has = |list: &Value, text: &str| {
        list.as_array().is_some_and(|all| all.iter().any(|it| it == text))
    };
    rules.iter().any(|rule| {
        let named = &rule["resourceNames"];
        has(&rule["verbs"], &it.verb)
            && has(&rule["apiGroups"], &it.group)
            && has(&rule["resources"], &it.resource)
            && (named.is_null() || has(named, &it.name))
    })
}

/// Requests that succeeded by a right that the chart's tables do not list.
pub async fn unlisted_rights(cluster: &Cluster, requests: &[Request]) -> BTreeSet<String> {
    let everywhere = rules(cluster, CLUSTER_ROLE, "", "kulisse-operator").await;
    let own = rules(cluster, ROLE, "kulisse", "kulisse-operator").await;
    let address = rules(cluster, ROLE, "default", "kulisse-api-address").await;
    let target = rules(cluster, CLUSTER_ROLE, "", "kulisse-clone-writer").await;
    let mut source = rules(cluster, CLUSTER_ROLE, "", "kulisse-source-reader").await;
    source.extend(rules(cluster, CLUSTER_ROLE, "", "kulisse-source-secrets").await);
    let usable = rules(cluster, CLUSTER_ROLE, "", "kulisse-request-reader").await;
    let targets: BTreeSet<&str> = requests
        .iter()
        .filter(|it| it.resource == "namespaces" && it.verb == "create" && it.succeeded())
        .map(|it| it.name.as_str())
        .collect();
    let mut unlisted = BTreeSet::new();
    for it in requests {
        // Discovery and health are open to every account.
        if it.resource.is_empty() || !(it.succeeded() || it.code == 404) {
            continue;
        }
        let there = match it.namespace.as_str() {
            "" => false,
            "kulisse" => allows(&own, it),
            "default" => allows(&address, it),
            name if targets.contains(name) => allows(&target, it),
            _ => allows(&source, it) || allows(&usable, it),
        };
        if !there && !allows(&everywhere, it) {
            unlisted
                .insert(format!("{} {}/{} in «{}»", it.verb, it.group, it.resource, it.namespace));
        }
    }
    unlisted
}

/// Rules of the chart that are not aggregated and that no request has used.
pub async fn unused_rights(cluster: &Cluster, requests: &[Request]) -> BTreeSet<String> {
    let tables = [
        (rules(cluster, CLUSTER_ROLE, "", "kulisse-operator").await, None),
        (rules(cluster, ROLE, "kulisse", "kulisse-operator").await, Some("kulisse")),
        (rules(cluster, ROLE, "default", "kulisse-api-address").await, Some("default")),
    ];
    // Asked of the authorizer by the API server itself, not by a request of their own: an apply that
    // makes an object needs `create`, too.
    let implied = [
        "bind rbac.authorization.k8s.io/clusterroles",
        "update kulisse.dev/stagingenvironments/finalizers",
        "create kulisse.dev/stagingplans",
    ];
    let mut unused = BTreeSet::new();
    for (rules, namespace) in tables {
        for rule in rules {
            let texts = |field: &str| -> Vec<String> {
                let all = rule[field].as_array().into_iter().flatten();
                all.filter_map(|it| it.as_str().map(str::to_owned)).collect()
            };
            for group in texts("apiGroups") {
                for resource in texts("resources") {
                    for verb in texts("verbs") {
                        let right = format!("{verb} {group}/{resource}");
                        let used = requests.iter().any(|it| {
                            it.verb == verb
                                && it.group == group
                                && it.resource == resource
                                && namespace.is_none_or(|name| it.namespace == name)
                        });
                        if !used && !implied.contains(&right.as_str()) {
                            unused.insert(right);
                        }
                    }
                }
            }
        }
    }
    unused
}
