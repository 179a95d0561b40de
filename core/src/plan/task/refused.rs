//! What Pod Security refuses in a Job that a task brings along. The API server would refuse its
//! Pods too, but only after the Job stands, and nobody looks there.

use serde_json::Value;

use crate::{api::class::PodSecurity, plan::isolate::standards::BASELINE_CAPABILITIES};

/// Fields of a Pod spec that share something of the node.
const NODE: [&str; 3] = ["hostNetwork", "hostPID", "hostIPC"];

/// What a task may mount: what is made for its Pod, and what the target holds. Anything else the
/// node mounts, past every network policy.
const VOLUMES: [&str; 6] =
    ["configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"];

/// What would place a task's Pod on production's nodes, or before its Pods.
const PLACEMENT: [&str; 5] =
    ["nodeName", "nodeSelector", "priority", "priorityClassName", "tolerations"];

/// The first field of a Pod spec that leads past the fence, whatever the class allows.
pub(super) fn past_the_fence(pod: &Value) -> Option<(String, String)> {
    if let Some(field) = PLACEMENT.into_iter().find(|field| !pod[*field].is_null()) {
        let why = "it would compete with production for its nodes: the cluster places tasks";
        return Some((field.to_owned(), why.to_owned()));
    }
    let volumes = pod["volumes"].as_array()?;
    volumes.iter().enumerate().find_map(|(at, volume)| {
        let kinds = volume.as_object()?.keys().filter(|key| key.as_str() != "name");
        let other = kinds.into_iter().find(|key| !VOLUMES.contains(&key.as_str()))?;
        let why = format!(
            "the node would mount it, past the fence: a task may mount {}",
            VOLUMES.join(", ")
        );
        Some((format!("volumes[{at}].{other}"), why))
    })
}

/// The first field of a Pod spec that `level` refuses, as a path, and why.
pub(super) fn first(pod: &Value, level: PodSecurity) -> Option<(String, String)> {
    let level = match level {
        PodSecurity::Privileged => return None,
        PodSecurity::Baseline => "Baseline",
        PodSecurity::Restricted => "Restricted",
    };
    let (path, what) = node(pod).or_else(|| volumes(pod)).or_else(|| containers(pod))?;
    Some((path, format!("{what}, which the class's Pod Security level {level} refuses")))
}

type Refusal = (String, &'static str);

fn node(pod: &Value) -> Option<Refusal> {
    let field = NODE.into_iter().find(|field| pod[*field] == true)?;
    Some((field.to_owned(), "it shares a namespace of the node"))
}

fn volumes(pod: &Value) -> Option<Refusal> {
    let volumes = pod["volumes"].as_array()?;
    let at = volumes.iter().position(|volume| !volume["hostPath"].is_null())?;
    Some((format!("volumes[{at}].hostPath"), "it mounts a path of the node"))
}

fn containers(pod: &Value) -> Option<Refusal> {
    ["initContainers", "containers"].into_iter().find_map(|list| {
        let containers = pod[list].as_array()?;
        containers.iter().enumerate().find_map(|(at, container)| {
            let (field, why) = container_field(container)?;
            Some((format!("{list}[{at}].{field}"), why))
        })
    })
}

fn container_field(container: &Value) -> Option<(&'static str, &'static str)> {
    let security = &container["securityContext"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let foreign = |it: &Value| {
        it.as_str().is_none_or(|capability| !BASELINE_CAPABILITIES.contains(&capability))
    };
    let checks = [
        (security["privileged"] == true, "securityContext.privileged", "it is privileged"),
        (
            list(&security["capabilities"]["add"]).iter().any(foreign),
            "securityContext.capabilities.add",
            "it adds capabilities",
        ),
        (
            list(&container["ports"])
                .iter()
                .any(|port| port["hostPort"].as_i64().unwrap_or(0) != 0),
            "ports",
            "it takes a port of the node",
        ),
        (
            security["procMount"] == "Unmasked",
            "securityContext.procMount",
            "it sees the node's /proc unmasked",
        ),
        (
            security["seccompProfile"]["type"] == "Unconfined",
            "securityContext.seccompProfile.type",
            "it may make any system call",
        ),
    ];
    checks.into_iter().find_map(|(is, field, why)| is.then_some((field, why)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_baseline_refuses_is_named_by_its_field() {
        let container = |fields: Value| json!({"containers": [{"name": "a"}, fields]});
        for (pod, expected) in [
            (json!({"hostNetwork": true}), Some("hostNetwork")),
            (json!({"hostPID": true}), Some("hostPID")),
            (
                json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/"}}]}),
                Some("volumes[1].hostPath"),
            ),
            (
                container(json!({"securityContext": {"privileged": true}})),
                Some("containers[1].securityContext.privileged"),
            ),
            (
                container(json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}})),
                Some("containers[1].securityContext.capabilities.add"),
            ),
            (container(json!({"ports": [{"hostPort": 80}]})), Some("containers[1].ports")),
            (
                json!({"initContainers": [{"securityContext": {"privileged": true}}]}),
                Some("initContainers[0].securityContext.privileged"),
            ),
            (container(json!({"securityContext": {"capabilities": {"add": ["CHOWN"]}}})), None),
            (json!({"containers": []}), None),
        ] {
            let found = first(&pod, PodSecurity::Baseline).map(|(path, _)| path);
            assert_eq!(found.as_deref(), expected, "{pod}");
            assert_eq!(first(&pod, PodSecurity::Privileged), None);
        }
    }
}
