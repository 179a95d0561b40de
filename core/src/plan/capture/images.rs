//! Which images production's Pods run, by digest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::controller;
use crate::plan::{
    kinds::{self, Shape},
    object::{Key, Object},
};

/// What Docker puts before an image's name.
const DOCKER: &str = "docker-pullable://";
/// Annotation in which a Deployment counts its templates.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// Label with the hash of a StatefulSet's or DaemonSet's template.
const TEMPLATE: &str = "controller-revision-hash";
/// Owners between a Pod and its workload: CronJob → Job → Pod.
const CHAIN: usize = 4;

/// The images by `Kind.group/name:container`. A container is left out if its Pods run different
/// digests of the newest template, or none that names its repository.
pub(super) fn running(objects: &[Object]) -> BTreeMap<String, String> {
    let by_key: BTreeMap<Key, &Object> = objects.iter().map(|it| (it.key(), it)).collect();
    let newest = newest(objects);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pod in objects.iter().filter(|it| kinds::shape(it) == Shape::Pod) {
        let Some((workload, outdated)) = workload(pod, &by_key, &newest) else { continue };
        if outdated {
            continue;
        }
        for (container, image) in of_pod(pod) {
            found.entry(format!("{workload}:{container}")).or_default().insert(image);
        }
    }
    found
        .into_iter()
        .filter(|(_, images)| images.len() == 1)
        .filter_map(|(key, images)| Some((key, images.into_iter().next()?)))
        .collect()
}

/// The owner at the end of the chain, and whether the Pod is of an older template of it.
fn workload(
    pod: &Object,
    by_key: &BTreeMap<Key, &Object>,
    newest: &BTreeMap<Key, u64>,
) -> Option<(Key, bool)> {
    let mut owner = controller(pod)?;
    let mut outdated = false;
    for _ in 0..CHAIN {
        let Some(object) = by_key.get(&owner) else { break };
        let template = object.text("/status/updateRevision");
        if let Some(hash) = pod.label(TEMPLATE).filter(|_| !template.is_empty()) {
            outdated |= hash != template;
        }
        let Some(next) = controller(object) else { break };
        if let (Some(newest), Some(own)) = (newest.get(&next), revision(object)) {
            outdated |= own < *newest;
        }
        owner = next;
    }
    Some((owner, outdated))
}

/// The newest template of each Deployment, by its number.
fn newest(objects: &[Object]) -> BTreeMap<Key, u64> {
    let mut newest = BTreeMap::new();
    for object in objects {
        if let (Some(owner), Some(own)) = (controller(object), revision(object)) {
            let entry = newest.entry(owner).or_insert(own);
            *entry = own.max(*entry);
        }
    }
    newest
}

fn revision(object: &Object) -> Option<u64> {
    object.annotation(REVISION)?.parse().ok()
}

/// Containers, volumes that are images, and their images, where the runtime names a repository and a digest.
pub(super) fn of_pod(pod: &Object) -> Vec<(String, String)> {
    let mut found = BTreeMap::new();
    let lists = ["initContainerStatuses", "containerStatuses"].iter();
    for status in lists.filter_map(|it| pod.get(&format!("/status/{it}"))?.as_array()).flatten() {
        let name = |of: &Value| of.get("name").and_then(Value::as_str).map(str::to_owned);
        let running = status.get("imageID").and_then(digested);
        found.extend(name(status).zip(running));
        let mounts = status.get("volumeMounts").and_then(Value::as_array);
        for mount in mounts.into_iter().flatten() {
            let mounted = mount.pointer("/volumeStatus/image/imageRef").and_then(digested);
            let name = name(mount).map(|it| format!("{}{it}", kinds::IMAGE_VOLUME));
            found.extend(name.zip(mounted));
        }
    }
    found.into_iter().collect()
}

/// An image as the runtime names it, if that is by repository and digest.
fn digested(id: &Value) -> Option<String> {
    let id = id.as_str()?;
    let image = id.strip_prefix(DOCKER).unwrap_or(id);
    let (repository, _) = image.split_once("@sha256:")?;
    (!repository.is_empty() && !repository.contains("://")).then(|| image.to_owned())
}
