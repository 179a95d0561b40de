//! What a Job that a task brings along may not ask for, whatever the class allows. What Pod Security
//! refuses is the same for tasks and clones.

use serde_json::Value;

/// What a task may mount: what is made for its Pod, and what the target holds. Anything else the
/// node mounts, past every network policy.
const VOLUMES: [&str; 6] =
    ["configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"];

/// What would place a task's Pod on production's nodes, or before its Pods.
const PLACEMENT: [&str; 5] =
    ["nodeName", "nodeSelector", "priority", "priorityClassName", "tolerations"];

/// The first field of a Pod spec that leads past the fence, as a JSON pointer below it, and why.
pub(super) fn past_the_fence(pod: &Value) -> Option<(String, String)> {
    if let Some(field) = PLACEMENT.into_iter().find(|field| !pod[*field].is_null()) {
        let why = "it would compete with production for its nodes: the class places tasks";
        return Some((format!("/{field}"), why.to_owned()));
    }
    if pod["hostNetwork"] == true {
        let why = "no network policy holds on the node's own network";
        return Some(("/hostNetwork".to_owned(), why.to_owned()));
    }
    node_port(pod).or_else(|| volumes(pod))
}

fn node_port(pod: &Value) -> Option<(String, String)> {
    ["initContainers", "containers"].into_iter().find_map(|list| {
        let containers = pod[list].as_array()?;
        let is_taken = |port: &Value| port["hostPort"].as_i64().unwrap_or(0) != 0;
        let at = containers.iter().position(|container| {
            container["ports"].as_array().is_some_and(|ports| ports.iter().any(is_taken))
        })?;
        let why = "it takes a port of the node, which production may use";
        Some((format!("/{list}/{at}/ports"), why.to_owned()))
    })
}

fn volumes(pod: &Value) -> Option<(String, String)> {
    let volumes = pod["volumes"].as_array()?;
    volumes.iter().enumerate().find_map(|(at, volume)| {
        let kinds = volume.as_object()?.keys().filter(|key| key.as_str() != "name");
        let other = kinds.into_iter().find(|key| !VOLUMES.contains(&key.as_str()))?;
        let why = format!(
            "the node would mount it, past the fence: a task may mount {}",
            VOLUMES.join(", ")
        );
        Some((format!("/volumes/{at}/{other}"), why))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_leads_past_the_fence_is_told_by_its_field() {
        for (pod, field) in [
            (json!({}), None),
            (json!({"hostNetwork": false, "nodeName": null, "volumes": []}), None),
            (json!({"nodeName": "production-1"}), Some("/nodeName")),
            (json!({"tolerations": [{"operator": "Exists"}]}), Some("/tolerations")),
            (json!({"priorityClassName": "high"}), Some("/priorityClassName")),
            (json!({"hostNetwork": true}), Some("/hostNetwork")),
            (
                json!({"initContainers": [{}], "containers": [
                    {"ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}]},
                ]}),
                None,
            ),
            (
                json!({"containers": [{}, {"ports": [{"containerPort": 80}, {"hostPort": 81}]}]}),
                Some("/containers/1/ports"),
            ),
            (
                json!({"initContainers": [{"ports": [{"hostPort": 80}]}], "containers": [{}]}),
                Some("/initContainers/0/ports"),
            ),
            (
                json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "secret": {}}]}),
                None,
            ),
            (
                json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {}}]}),
                Some("/volumes/1/hostPath"),
            ),
        ] {
            let refused = past_the_fence(&pod);
            assert_eq!(refused.as_ref().map(|it| it.0.as_str()), field, "{pod}");
            assert!(refused.is_none_or(|it| it.1.contains("production") || it.1.contains("node")));
        }
    }
}
