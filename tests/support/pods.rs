//! Pods where there is no kubelet.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::objects::{Objects, gvk};

/// Lets the Pods of Jobs end, in this phase. Answers how many.
pub async fn end(objects: &Objects, target: &str, phase: &str) -> usize {
    let api = objects.api(&gvk("v1 Pod"), target).await;
    let mut ended = 0;
    for pod in objects.list("v1 Pod", target).await {
        if pod.data["status"]["phase"] == "Pending" {
            let patch = Patch::Merge(json!({ "status": { "phase": phase } }));
            let name = pod.metadata.name.clone().unwrap_or_default();
            let patched = api.patch_status(&name, &PatchParams::default(), &patch).await;
            ended += usize::from(patched.is_ok());
        }
    }
    ended
}
