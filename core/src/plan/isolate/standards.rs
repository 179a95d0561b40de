//! The Pod Security Standards, as far as they refuse Pods.
//!
//! A workload whose Pods the target would refuse is left behind with the reason, instead of
//! standing there at zero for ever. The API server has the last word: its admission enforces the
//! same level on the target.

use serde_json::Value;

use super::super::{kinds, object::Object};
use crate::api::class::PodSecurity;

/// Capabilities that a container may add under `baseline`.
pub(in crate::plan) const BASELINE_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Kernel settings that a Pod may make under `baseline`.
const SAFE_SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];
/// Volumes that a Pod may have under `restricted`.
const RESTRICTED_VOLUMES: &[&str] = &[
    "name",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
    "image",
];
const SELINUX_TYPES: &[&str] =
    &["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Why the target would refuse the Pods of a workload: a word and a clause.
pub(super) fn refused(
    object: &Object,
    spec: &str,
    level: PodSecurity,
) -> Option<(&'static str, String)> {
    let what = match level {
        PodSecurity::Privileged => None,
        PodSecurity::Baseline => baseline(object, spec).map(|it| (it, "baseline")),
        PodSecurity::Restricted => {
            baseline(object, spec).or_else(|| restricted(object, spec)).map(|it| (it, "restricted"))
        }
    };
    let (what, level) = what?;
    let why = format!("{what}, which the target refuses (Pod Security {level})");
    Some(("pod-security", why))
}

fn baseline(object: &Object, spec: &str) -> Option<String> {
    let is = |path: &str, value: Value| object.get(path) == Some(&value);
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if is(&format!("{spec}/{field}"), Value::Bool(true)) {
            return Some(format!("it sets {field}"));
        }
    }
    if !object.expand(&format!("{spec}/volumes/*/hostPath")).is_empty() {
        return Some("it mounts a directory of its node".to_owned());
    }
    for path in object.expand(&format!("{spec}/securityContext/sysctls/*/name")) {
        let name = object.text(&path);
        if !SAFE_SYSCTLS.contains(&name) {
            return Some(format!("it sets the kernel parameter {name}"));
        }
    }
    let contexts = contexts(object, spec);
    for context in &contexts {
        if is(&format!("{context}/privileged"), Value::Bool(true)) {
            return Some("it has a privileged container".to_owned());
        }
        for path in object.expand(&format!("{context}/capabilities/add/*")) {
            let name = object.text(&path);
            if !BASELINE_CAPABILITIES.contains(&name.trim_start_matches("CAP_")) {
                return Some(format!("it adds the capability {name}"));
            }
        }
        if !["", "Default"].contains(&object.text(&format!("{context}/procMount"))) {
            return Some("it unmasks /proc".to_owned());
        }
        for profile in ["seccompProfile", "appArmorProfile"] {
            if object.text(&format!("{context}/{profile}/type")) == "Unconfined" {
                return Some(format!("its {profile} is Unconfined"));
            }
        }
        if is(&format!("{context}/windowsOptions/hostProcess"), Value::Bool(true)) {
            return Some("it runs as a process of its node".to_owned());
        }
        let options = format!("{context}/seLinuxOptions");
        let plain =
            ["user", "role"].iter().all(|it| object.text(&format!("{options}/{it}")).is_empty());
        if !plain || !SELINUX_TYPES.contains(&object.text(&format!("{options}/type"))) {
            return Some("it sets SELinux options of its own".to_owned());
        }
    }
    None
}

fn restricted(object: &Object, spec: &str) -> Option<String> {
    for path in object.expand(&format!("{spec}/volumes/*")) {
        let kinds = object.get(&path).and_then(Value::as_object);
        if let Some(kind) = kinds
            .into_iter()
            .flat_map(|it| it.keys())
            .find(|it| !RESTRICTED_VOLUMES.contains(&it.as_str()))
        {
            return Some(format!("it has a volume of type {kind}"));
        }
    }
    let pod = format!("{spec}/securityContext");
    for container in kinds::containers(object) {
        let own = format!("{container}/securityContext");
        // A container's own word counts before its Pod's.
        let said = |field: &str| {
            object.get(&format!("{own}/{field}")).or_else(|| object.get(&format!("{pod}/{field}")))
        };
        let name = object.text(&format!("{container}/name"));
        if object.get(&format!("{own}/allowPrivilegeEscalation")) != Some(&Value::Bool(false)) {
            return Some(format!("container {name} may gain privileges"));
        }
        if said("runAsNonRoot") != Some(&Value::Bool(true))
            || said("runAsUser").is_some_and(|it| it == 0)
        {
            return Some(format!("container {name} may run as root"));
        }
        let seccomp = said("seccompProfile").and_then(|it| it.get("type")).and_then(Value::as_str);
        if !matches!(seccomp, Some("RuntimeDefault" | "Localhost")) {
            return Some(format!("container {name} has no seccomp profile"));
        }
        let list = |which: &str| {
            let paths = object.expand(&format!("{own}/capabilities/{which}/*"));
            paths.iter().map(|path| object.text(path)).collect::<Vec<_>>()
        };
        if !list("drop").contains(&"ALL") || list("add").iter().any(|it| *it != "NET_BIND_SERVICE")
        {
            return Some(format!("container {name} keeps capabilities"));
        }
    }
    None
}

/// The security contexts of a Pod spec and its containers.
fn contexts(object: &Object, spec: &str) -> Vec<String> {
    std::iter::once(spec.to_owned())
        .chain(kinds::containers(object))
        .map(|it| format!("{it}/securityContext"))
        .collect()
}
