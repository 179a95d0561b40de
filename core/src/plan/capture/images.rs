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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        Object::new(value).unwrap()
    }

    fn owner(version: &str, kind: &str, name: &str) -> Value {
        json!([{"apiVersion": version, "kind": kind, "name": name, "uid": "1", "controller": true}])
    }

    /// A Pod of a StatefulSet `db`, made from this template of it.
    fn pod(name: &str, template: &str, id: &str) -> Object {
        object(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {TEMPLATE: template},
                "ownerReferences": owner("apps/v1", "StatefulSet", "db")},
            "status": {"containerStatuses": [{"name": "db", "imageID": format!("r.io/db@sha256:{id}")}]}}))
    }

    /// The StatefulSet `db`, whose newest template is this one.
    fn set(newest: &str) -> Object {
        object(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
            "status": {"updateRevision": newest}}))
    }

    #[test]
    fn only_pods_of_the_newest_template_count_and_only_if_they_run_the_same() {
        let of = |objects: &[Object]| running(objects).into_values().collect::<Vec<_>>();
        let (old, new) = (pod("db-0", "db-1", "aa"), pod("db-1", "db-2", "bb"));
        for (newest, expected) in [
            ("db-1", &["r.io/db@sha256:aa"][..]),
            ("db-2", &["r.io/db@sha256:bb"]),
            // Nobody knows which of two is the newest.
            ("", &[]),
            ("db-3", &[]),
        ] {
            assert_eq!(of(&[set(newest), old.clone(), new.clone()]), expected, "{newest}");
        }
        let same = [set(""), old.clone(), pod("db-1", "db-2", "aa")];
        assert_eq!(of(&same), ["r.io/db@sha256:aa"]);
    }

    #[test]
    fn images_are_those_of_the_workload_at_the_end_of_the_owners() {
        let objects = [
            object(
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report"}}),
            ),
            object(
                json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "report-1",
                "ownerReferences": owner("batch/v1", "CronJob", "report")}}),
            ),
            object(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "report-1-a",
            "ownerReferences": owner("batch/v1", "Job", "report-1")},
            "status": {
                "initContainerStatuses": [{"name": "setup", "imageID": "r.io/setup@sha256:aa"}],
                "containerStatuses": [{"name": "run", "imageID": "r.io/run@sha256:bb", "volumeMounts": [
                    {"name": "model", "volumeStatus": {"image": {"imageRef": "r.io/model@sha256:cc"}}}]}],
            }})),
            // Nobody's.
            object(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "debug"},
                "status": {"containerStatuses": [{"name": "run", "imageID": "r.io/debug@sha256:dd"}]}})),
        ];
        let found = running(&objects);
        let expected = [
            ("CronJob.batch/report:run", "r.io/run@sha256:bb"),
            ("CronJob.batch/report:setup", "r.io/setup@sha256:aa"),
            ("CronJob.batch/report:volume/model", "r.io/model@sha256:cc"),
        ];
        let found: Vec<_> = found.iter().map(|(whose, it)| (whose.as_str(), it.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_image_counts_by_repository_and_digest() {
        for (id, expected) in [
            ("r.io/web@sha256:aa", Some("r.io/web@sha256:aa")),
            ("docker-pullable://r.io/web@sha256:aa", Some("r.io/web@sha256:aa")),
            ("docker://sha256:aa", None),
            ("other://r.io/web@sha256:aa", None),
            ("sha256:aa", None),
            ("@sha256:aa", None),
            ("r.io/web:1", None),
        ] {
            assert_eq!(digested(&json!(id)).as_deref(), expected, "{id}");
        }
    }
}
