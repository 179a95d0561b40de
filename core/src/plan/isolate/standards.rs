//! The Pod Security Standards, as far as they refuse Pods.
//!
//! A workload whose Pods the target would refuse is left behind with the reason, instead of
//! standing there at zero for ever. The API server has the last word: its admission enforces the
//! same level on the target.

use serde_json::Value;

use super::super::{
    kinds,
    object::{Object, escape},
};
use crate::api::class::PodSecurity;

/// Fields of a Pod spec that share something of the node.
const NODE: [&str; 3] = ["hostNetwork", "hostPID", "hostIPC"];

/// Capabilities that a container may add under `baseline`.
const BASELINE_CAPABILITIES: &[&str] = &[
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

/// Beginning of the annotation that says a container's AppArmor profile.
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// A field that a level refuses: its JSON pointer, and what is wrong with it as a clause.
type Refusal = (String, String);

/// The first field that keeps the target from taking Pods of this spec, and why.
pub(in crate::plan) fn first(object: &Object, spec: &str, level: PodSecurity) -> Option<Refusal> {
    let (refusal, level) = match level {
        PodSecurity::Privileged => return None,
        PodSecurity::Baseline => (baseline(object, spec), "baseline"),
        PodSecurity::Restricted => {
            (baseline(object, spec).or_else(|| restricted(object, spec)), "restricted")
        }
    };
    let (path, what) = refusal?;
    Some((path, format!("{what}, which the target refuses (Pod Security {level})")))
}

fn baseline(object: &Object, spec: &str) -> Option<Refusal> {
    if let Some(field) = NODE.iter().find(|it| is_true(object, &format!("{spec}/{it}"))) {
        return Some((format!("{spec}/{field}"), format!("it sets {field}")));
    }
    if let Some(path) = object.expand(&format!("{spec}/volumes/*/hostPath")).first() {
        return Some((path.clone(), "it mounts a directory of its node".to_owned()));
    }
    for path in object.expand(&format!("{spec}/securityContext/sysctls/*/name")) {
        let name = object.text(&path);
        if !SAFE_SYSCTLS.contains(&name) {
            let what = format!("it sets the kernel parameter {name}");
            return Some((path, what));
        }
    }
    contexts(object, spec).iter().find_map(|it| context(object, it)).or_else(|| {
        let (path, _) = app_armor(object, spec).into_iter().find(|(_, it)| *it == "unconfined")?;
        Some((path, "its AppArmor profile is unconfined".to_owned()))
    })
}

/// The AppArmor profiles of containers as they were written before Kubernetes 1.30: JSON pointers of
/// annotations, and their values.
pub(in crate::plan) fn app_armor<'o>(object: &'o Object, spec: &str) -> Vec<(String, &'o str)> {
    let Some(template) = spec.strip_suffix("/spec") else { return Vec::new() };
    let path = format!("{template}/metadata/annotations");
    let all = object.get(&path).and_then(Value::as_object).into_iter().flatten();
    all.filter(|(key, _)| key.starts_with(APP_ARMOR))
        .map(|(key, value)| (format!("{path}/{}", escape(key)), value.as_str().unwrap_or_default()))
        .collect()
}

/// What `baseline` refuses in a security context.
fn context(object: &Object, context: &str) -> Option<Refusal> {
    let refuse = |field: &str, what: String| Some((format!("{context}/{field}"), what));
    if is_true(object, &format!("{context}/privileged")) {
        return refuse("privileged", "it has a privileged container".to_owned());
    }
    for path in object.expand(&format!("{context}/capabilities/add/*")) {
        let name = object.text(&path);
        if !BASELINE_CAPABILITIES.contains(&name.trim_start_matches("CAP_")) {
            return refuse("capabilities/add", format!("it adds the capability {name}"));
        }
    }
    if !["", "Default"].contains(&object.text(&format!("{context}/procMount"))) {
        return refuse("procMount", "it unmasks /proc".to_owned());
    }
    for profile in ["seccompProfile", "appArmorProfile"] {
        let field = format!("{profile}/type");
        if object.text(&format!("{context}/{field}")) == "Unconfined" {
            return refuse(&field, format!("its {profile} is Unconfined"));
        }
    }
    let process = "windowsOptions/hostProcess";
    if is_true(object, &format!("{context}/{process}")) {
        return refuse(process, "it runs as a process of its node".to_owned());
    }
    let option = |field: &str| object.text(&format!("{context}/seLinuxOptions/{field}"));
    let plain = option("user").is_empty() && option("role").is_empty();
    if !plain || !SELINUX_TYPES.contains(&option("type")) {
        return refuse("seLinuxOptions", "it sets SELinux options of its own".to_owned());
    }
    None
}

fn restricted(object: &Object, spec: &str) -> Option<Refusal> {
    for path in object.expand(&format!("{spec}/volumes/*")) {
        let kinds = object.get(&path).and_then(Value::as_object);
        let mut kinds = kinds.into_iter().flat_map(|it| it.keys());
        if let Some(kind) = kinds.find(|it| !RESTRICTED_VOLUMES.contains(&it.as_str())) {
            return Some((format!("{path}/{kind}"), format!("it has a volume of type {kind}")));
        }
    }
    kinds::containers(object).iter().find_map(|it| hardened(object, spec, it))
}

/// What `restricted` misses in a container.
fn hardened(object: &Object, spec: &str, container: &str) -> Option<Refusal> {
    let pod = format!("{spec}/securityContext");
    let own = format!("{container}/securityContext");
    // A container's own word counts before its Pod's.
    let said = |field: &str| {
        object.get(&format!("{own}/{field}")).or_else(|| object.get(&format!("{pod}/{field}")))
    };
    let name = object.text(&format!("{container}/name"));
    let refuse = |field: &str, what: &str| {
        Some((format!("{own}/{field}"), format!("container {name} {what}")))
    };
    if object.get(&format!("{own}/allowPrivilegeEscalation")) != Some(&Value::Bool(false)) {
        return refuse("allowPrivilegeEscalation", "may gain privileges");
    }
    if said("runAsNonRoot") != Some(&Value::Bool(true))
        || said("runAsUser").is_some_and(|it| it == 0)
    {
        return refuse("runAsNonRoot", "may run as root");
    }
    let seccomp = said("seccompProfile").and_then(|it| it.get("type")).and_then(Value::as_str);
    if !matches!(seccomp, Some("RuntimeDefault" | "Localhost")) {
        return refuse("seccompProfile", "has no seccomp profile");
    }
    let list = |which: &str| {
        let paths = object.expand(&format!("{own}/capabilities/{which}/*"));
        paths.iter().map(|path| object.text(path)).collect::<Vec<_>>()
    };
    if !list("drop").contains(&"ALL") || list("add").iter().any(|it| *it != "NET_BIND_SERVICE") {
        return refuse("capabilities", "keeps capabilities");
    }
    None
}

fn is_true(object: &Object, path: &str) -> bool {
    object.get(path) == Some(&Value::Bool(true))
}

/// The security contexts of a Pod spec and its containers, as far as they have some.
fn contexts(object: &Object, spec: &str) -> Vec<String> {
    std::iter::once(spec.to_owned())
        .chain(kinds::containers(object))
        .map(|it| format!("{it}/securityContext"))
        .filter(|it| object.get(it).is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::fixture;

    #[test]
    fn what_baseline_refuses_is_named_by_its_field() {
        let container = |fields: Value| json!({"containers": [{"name": "a"}, fields]});
        for (pod, expected) in [
            (json!({"hostNetwork": true}), Some("hostNetwork")),
            (json!({"hostPID": true}), Some("hostPID")),
            (
                json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/"}}]}),
                Some("volumes/1/hostPath"),
            ),
            (
                container(json!({"securityContext": {"privileged": true}})),
                Some("containers/1/securityContext/privileged"),
            ),
            (
                container(json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}})),
                Some("containers/1/securityContext/capabilities/add"),
            ),
            (
                json!({"initContainers": [{"securityContext": {"privileged": true}}]}),
                Some("initContainers/0/securityContext/privileged"),
            ),
            (container(json!({"securityContext": {"capabilities": {"add": ["CHOWN"]}}})), None),
            (container(json!({"securityContext": {"capabilities": {"add": ["CAP_CHOWN"]}}})), None),
            (container(json!({"securityContext": {"privileged": false}})), None),
            (json!({"hostIPC": true}), Some("hostIPC")),
            (json!({"hostNetwork": false}), None),
            (json!({"containers": []}), None),
        ] {
            let object = fixture::deployment("web", json!({}), pod.clone());
            let spec = "/spec/template/spec";
            let found = first(&object, spec, PodSecurity::Baseline);
            let path = found.as_ref().and_then(|it| it.0.strip_prefix("/spec/template/spec/"));
            assert_eq!(path, expected, "{pod}");
            assert_eq!(first(&object, spec, PodSecurity::Privileged), None);
        }
    }

    const SPEC: &str = "/spec/template/spec";

    /// The field of a Pod spec that a level refuses.
    fn refused(pod: Value, level: PodSecurity) -> Option<String> {
        let (path, why) = first(&fixture::deployment("web", json!({}), pod), SPEC, level)?;
        let level = if level == PodSecurity::Baseline { "baseline" } else { "restricted" };
        assert!(why.ends_with(&format!("(Pod Security {level})")), "{why}");
        path.strip_prefix("/spec/template/spec/").map(str::to_owned)
    }

    #[test]
    fn baseline_looks_into_the_context_of_the_pod_and_of_each_container() {
        for (context, expected) in [
            (json!({"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}), None),
            (
                json!({"sysctls": [{"name": "net.ipv4.tcp_rmem"}, {"name": "kernel.msgmax"}]}),
                Some("sysctls/1/name"),
            ),
            (json!({"seccompProfile": {"type": "RuntimeDefault"}}), None),
            (json!({"seccompProfile": {"type": "Unconfined"}}), Some("seccompProfile/type")),
            (json!({"appArmorProfile": {"type": "Unconfined"}}), Some("appArmorProfile/type")),
            (json!({"windowsOptions": {"hostProcess": false}}), None),
            (json!({"windowsOptions": {"hostProcess": true}}), Some("windowsOptions/hostProcess")),
            (json!({"seLinuxOptions": {"level": "s0:c1", "type": "container_t"}}), None),
            (json!({"seLinuxOptions": {"type": "spc_t"}}), Some("seLinuxOptions")),
            (json!({"seLinuxOptions": {"user": "system_u"}}), Some("seLinuxOptions")),
            (json!({"seLinuxOptions": {"role": "system_r"}}), Some("seLinuxOptions")),
            (json!({"procMount": "Default"}), None),
            (json!({"procMount": "Unmasked"}), Some("procMount")),
        ] {
            let of_pod = refused(json!({"securityContext": context}), PodSecurity::Baseline);
            let expected_of_pod = expected.map(|it| format!("securityContext/{it}"));
            assert_eq!(of_pod, expected_of_pod, "{context}");
            let pod = json!({"containers": [{"securityContext": context}]});
            // Kernel parameters are the Pod's alone.
            let of_container = expected.filter(|_| context.get("sysctls").is_none());
            assert_eq!(
                refused(pod, PodSecurity::Baseline),
                of_container.map(|it| format!("containers/0/securityContext/{it}")),
                "{context}"
            );
        }
    }

    #[test]
    fn a_profile_in_an_annotation_counts_as_one_in_a_field() {
        let annotations = "/spec/template/metadata/annotations";
        for (key, value, counts) in [
            (APP_ARMOR, "unconfined", true),
            (APP_ARMOR, "runtime/default", false),
            ("example.com/", "unconfined", false),
        ] {
            let mut web = fixture::deployment("web", json!({}), json!({"containers": []}));
            let key = escape(&format!("{key}web")).into_owned();
            web.set(&format!("{annotations}/{key}"), json!(value));
            let found = first(&web, SPEC, PodSecurity::Baseline).map(|it| it.0);
            assert_eq!(found, counts.then(|| format!("{annotations}/{key}")), "{key}: {value}");
        }
    }

    #[test]
    fn what_restricted_misses_is_named_by_its_field() {
        let hardened = json!({"containers": [{"name": "a", "securityContext": {
            "allowPrivilegeEscalation": false,
            "runAsNonRoot": true,
            "seccompProfile": {"type": "RuntimeDefault"},
            "capabilities": {"drop": ["ALL"]},
        }}]});
        let with = |field: &str, value: Value| {
            let mut pod = hardened.clone();
            pod["containers"][0]["securityContext"][field] = value;
            pod
        };
        let beside = |field: &str, value: Value| {
            let mut pod = hardened.clone();
            pod[field] = value;
            pod
        };
        let mut of_pod = beside(
            "securityContext",
            json!({"runAsNonRoot": true, "seccompProfile": {"type": "Localhost"}}),
        );
        of_pod["containers"][0]["securityContext"] =
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        let mut outvoted = of_pod.clone();
        outvoted["containers"][0]["securityContext"]["runAsNonRoot"] = json!(false);
        let own = |field: &str| Some(format!("containers/0/securityContext/{field}"));
        for (pod, expected) in [
            (hardened.clone(), None),
            (of_pod, None),
            (outvoted, own("runAsNonRoot")),
            (with("allowPrivilegeEscalation", json!(null)), own("allowPrivilegeEscalation")),
            (with("runAsNonRoot", json!(null)), own("runAsNonRoot")),
            (with("runAsUser", json!(0)), own("runAsNonRoot")),
            (with("runAsUser", json!(1000)), None),
            (with("seccompProfile", json!(null)), own("seccompProfile")),
            (with("seccompProfile", json!({"type": "Unconfined"})), own("seccompProfile/type")),
            (with("capabilities", json!(null)), own("capabilities")),
            (with("capabilities", json!({"drop": ["NET_RAW"]})), own("capabilities")),
            (with("capabilities", json!({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})), None),
            (with("capabilities", json!({"drop": ["ALL"], "add": ["CHOWN"]})), own("capabilities")),
            (beside("volumes", json!([{"name": "a", "emptyDir": {}}])), None),
            (
                beside("volumes", json!([{"name": "a", "nfs": {}}])),
                Some("volumes/0/nfs".to_owned()),
            ),
            (
                beside("initContainers", json!([{"name": "b"}])),
                Some("initContainers/0/securityContext/allowPrivilegeEscalation".to_owned()),
            ),
        ] {
            assert_eq!(refused(pod.clone(), PodSecurity::Restricted), expected, "{pod}");
        }
    }
}
