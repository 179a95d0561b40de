//! Nodes, and the volumes on the network, are shared with production: no policy stands between a
//! Pod and them.

use serde_json::Value;

use super::{
    super::{
        kinds,
        log::{Log, Rule},
        object::Object,
    },
    identity,
};

/// Volumes whose place is written into the Pod: production's own data, mounted by the node, past
/// every policy.
const NETWORK_VOLUMES: &[&str] = &[
    "nfs",
    "iscsi",
    "cephfs",
    "rbd",
    "glusterfs",
    "fc",
    "azureFile",
    "azureDisk",
    "awsElasticBlockStore",
    "gcePersistentDisk",
    "vsphereVolume",
    "portworxVolume",
    "scaleIO",
    "storageos",
    "flexVolume",
    "quobyte",
    "cinder",
    "photonPersistentDisk",
    "flocker",
    // The node itself fetches it.
    "gitRepo",
];

/// The driver that mounts values of a vault. What it would read stays behind with its
/// SecretProviderClass.
pub(in crate::plan) const VAULT_DRIVER: &str = "secrets-store.csi.k8s.io";

/// Probes and hooks of a container.
const HANDLERS: &[&str] = &[
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle/postStart",
    "lifecycle/preStop",
];

const PROBE_HOST: Rule = Rule {
    name: "probe-host",
    why: "the node would ask another host than the Pod, past every policy; Pod Security refuses it as well",
};
const HOST_PORT: Rule = Rule { name: "host-port", why: "production uses this port on its nodes" };
const GATES: Rule = Rule {
    name: "readiness-gate",
    why: "a controller of production's would have to set it: the Pod would never be ready",
};
const NAMESERVERS: Rule = Rule {
    name: "nameserver",
    why: "names are resolved by the cluster's DNS, which the fence allows",
};

/// Why a workload cannot be fenced off at all.
pub(super) fn shared(object: &Object, spec: &str) -> Option<(&'static str, String)> {
    let is_true = |field: &str| object.get(&format!("{spec}/{field}")) == Some(&Value::Bool(true));
    if is_true("hostNetwork") {
        let why = "it uses the network of its node, where no policy holds: production would be within reach";
        return Some(("host-network", why.to_owned()));
    }
    let drivers = object.expand(&format!("{spec}/volumes/*/csi/driver"));
    let harmless = |it: &&str| *it == VAULT_DRIVER || identity::DRIVERS.contains(it);
    if let Some(driver) = drivers.iter().map(|it| object.text(it)).find(|it| !harmless(it)) {
        let why =
            format!("the driver {driver} mounts what is written into the Pod, past every policy");
        return Some(("production-volume", why));
    }
    let volumes = object.get(&format!("{spec}/volumes")).and_then(Value::as_array);
    let has = |kind: &str| volumes.into_iter().flatten().any(|it| it.get(kind).is_some());
    let volume = NETWORK_VOLUMES.iter().find(|kind| has(kind))?;
    Some((
        "production-volume",
        format!(
            "it mounts a volume of type {volume} whose place is written into it: production's own data"
        ),
    ))
}

/// Probes and hooks that name a host are asked by the node, past every policy.
fn foreign_handlers(object: &mut Object, container: &str, log: &mut Log) {
    for handler in HANDLERS {
        let path = format!("{container}/{handler}");
        let names_host = ["httpGet", "tcpSocket"]
            .iter()
            .any(|kind| !object.text(&format!("{path}/{kind}/host")).is_empty());
        if names_host {
            log.remove(object, &path, &PROBE_HOST);
        }
    }
    let hooks = format!("{container}/lifecycle");
    if object.get(&hooks).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
        object.remove(&hooks);
    }
}

/// Takes what would meet production on a node, or wait for its controllers.
pub(super) fn apart(object: &mut Object, spec: &str, log: &mut Log) {
    for list in ["containers", "initContainers"] {
        for path in object.expand(&format!("{spec}/{list}/*/ports/*/hostPort")) {
            log.remove(object, &path, &HOST_PORT);
        }
    }
    for container in kinds::containers(object) {
        foreign_handlers(object, &container, log);
    }
    log.remove(object, &format!("{spec}/readinessGates"), &GATES);
    log.remove(object, &format!("{spec}/dnsConfig/nameservers"), &NAMESERVERS);
    // Without a nameserver of its own, this policy would leave the Pod without any.
    let policy = format!("{spec}/dnsPolicy");
    if object.text(&policy) == "None" {
        log.remove(object, &policy, &NAMESERVERS);
    }
}
