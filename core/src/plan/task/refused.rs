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
