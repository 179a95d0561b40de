//! The source as it was read in one pass.
//!
//! Secret values are sealed here and nowhere else: what a [`Capture`] holds may be stored.

mod addresses;
mod images;
pub mod marks;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    kinds::{self, Action, Shape},
    object::{Key, Object, escape},
};
use crate::{
    api::identity::NamespaceName,
    secrets::{self, OpenSecret, OperatorKey, SealedSecret},
};

/// The annotation in which kubectl keeps a whole copy of an object, values of Secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The source's objects, Secret values sealed. It is stored with the plan, so that a later
/// generation of the environment changes what it names and not what production did meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// The source.
    pub namespace: NamespaceName,
    /// When it was read.
    pub captured_at: Timestamp,
    /// The artefact that stands for it, with the digest that it had then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Its objects, by key, as the API server gave them, but without `managedFields`; Secrets
    /// without `data`. Objects that a controller made from another object of the source keep only
    /// their identity and owners.
    pub objects: Vec<Object>,
    /// What the Secrets hold, sealed, by name.
    pub secrets: BTreeMap<String, SealedSecret>,
    /// False if the operator may not read the source's Secrets: their names and keys are then taken
    /// from what refers to them.
    pub secrets_readable: bool,
    /// The image that runs, with its digest, by workload and container:
    /// `Deployment.apps/web:nginx` → `docker.io/library/nginx@sha256:…`. Only repository-qualified
    /// digests are here.
    pub running_images: BTreeMap<String, String>,
    /// Addresses at which production answers now: the probe tries the first of them.
    pub addresses: Vec<Address>,
    /// Kinds that may not be read: `Kind.group`.
    pub unreadable: Vec<String>,
    /// The marks of all that was read, as one: another one says that production has moved on. Empty
    /// in captures that are older than marks.
    #[serde(default)]
    pub mark: String,
}

/// An address at which production answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// What it is: `Service/postgres`, `Pod/web-0`.
    pub what: String,
    /// IP address or host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// What was read of a source, before anything is forgotten.
pub struct Reading {
    /// The source.
    pub namespace: NamespaceName,
    /// When it was read.
    pub captured_at: Timestamp,
    /// Its objects, in whatever order. Secrets may be among them: their values are dropped.
    pub objects: Vec<Object>,
    /// Its Secrets, in the clear; `None` if they may not be read.
    pub secrets: Option<Vec<OpenSecret>>,
    /// Kinds that may not be read: `Kind.group`.
    pub unreadable: Vec<String>,
}

/// Makes a capture of what was read: sorts, seals, and keeps of derived objects only what they are.
/// The same reading gives the same capture, in whatever order it came.
pub fn assemble(reading: Reading, key: &OperatorKey) -> Capture {
    let Reading { namespace, captured_at, objects, secrets, mut unreadable } = reading;
    let mut objects: Vec<Object> = objects.into_iter().map(without_values).collect();
    objects.sort_by_cached_key(Object::key);
    // Of an object that was read twice its content says which counts, not the order.
    let content = |object: &Object| object.value().to_string();
    objects.dedup_by(|next, kept| {
        let twice = next.key() == kept.key();
        if twice && content(next) < content(kept) {
            std::mem::swap(next, kept);
        }
        twice
    });
    let running_images = images::running(&objects);
    let addresses = addresses::answering(&objects);
    let uses = secrets::uses(&objects);
    let mut seen: Vec<String> = objects.par_iter().filter_map(marks::mark).collect();
    seen.extend(secrets.iter().flatten().map(|it| marks::of_values(it, key)));
    let mark = marks::together(seen.iter().map(String::as_str));
    let sealed = secrets::seal_all(secrets.as_deref().unwrap_or_default(), &uses, key);
    let keys: BTreeSet<Key> = objects.iter().map(Object::key).collect();
    unreadable.sort();
    unreadable.dedup();
    Capture {
        namespace,
        captured_at,
        artifact: None,
        objects: objects.into_iter().map(|object| reduced(object, &keys)).collect(),
        secrets: sealed,
        secrets_readable: secrets.is_some(),
        running_images,
        addresses,
        unreadable,
        mark,
    }
}

/// The object that controls `object`, as its owner reference names it.
pub fn controller(object: &Object) -> Option<Key> {
    let owners = object.get("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|it| it.get("controller") == Some(&Value::Bool(true)))?;
    let text = |field: &str| owner.get(field).and_then(Value::as_str);
    let group = text("apiVersion")?.split_once('/').map_or("", |(group, _)| group);
    Some(Key {
        group: group.to_owned(),
        kind: text("kind")?.to_owned(),
        name: text("name")?.to_owned(),
    })
}

/// Drops what may hold the value of a Secret.
fn without_values(mut object: Object) -> Object {
    object.remove("/metadata/managedFields");
    if kinds::shape(&object) == Shape::Secret {
        object.remove("/data");
        object.remove("/stringData");
        // Tools of all sorts keep copies in annotations; the one of kubectl is met everywhere.
        object.remove(&format!("/metadata/annotations/{}", escape(LAST_APPLIED)));
    }
    object
}

/// Of what a controller made from another object of the source, only identity and owners.
fn reduced(object: Object, keys: &BTreeSet<Key>) -> Object {
    let stays = kinds::profile(&object).is_some_and(|it| it.action != Action::Clone);
    if !stays || controller(&object).is_none_or(|owner| !keys.contains(&owner)) {
        return object;
    }
    let metadata: serde_json::Map<String, Value> = ["namespace", "uid", "ownerReferences"]
        .into_iter()
        .filter_map(|field| {
            Some((field.to_owned(), object.get(&format!("/metadata/{field}"))?.clone()))
        })
        .collect();
    let (version, kind, name) = (object.api_version(), object.kind(), object.name());
    Object::made(version, kind, name, json!({ "metadata": metadata }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(objects: &[Value]) -> Reading {
        Reading {
            namespace: NamespaceName::parse("shop").unwrap(),
            captured_at: Timestamp::UNIX_EPOCH,
            objects: objects.iter().map(|it| Object::new(it.clone()).unwrap()).collect(),
            secrets: None,
            unreadable: Vec::new(),
        }
    }

    fn key() -> OperatorKey {
        OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap()
    }

    fn owner(group_version: &str, kind: &str, name: &str) -> Value {
        json!([{"apiVersion": group_version, "kind": kind, "name": name, "uid": "1", "controller": true}])
    }

    fn rollout() -> Vec<Value> {
        let set = |name: &str, revision: &str| {
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name,
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": owner("apps/v1", "Deployment", "web")}})
        };
        let pod = |name: &str, set: &str, id: &str| {
            json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": name, "ownerReferences": owner("apps/v1", "ReplicaSet", set)},
                "spec": {"containers": [{"name": "web", "ports": [{"containerPort": 8080}]}]},
                "status": {"phase": "Running", "podIP": "10.1.0.7",
                    "containerStatuses": [{"name": "web", "imageID": id}]}})
        };
        vec![
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}),
            set("web-old", "9"),
            set("web-new", "10"),
            pod("web-old-a", "web-old", "docker.io/acme/web@sha256:aa"),
            pod("web-new-a", "web-new", "docker-pullable://docker.io/acme/web@sha256:bb"),
        ]
    }

    #[test]
    fn values_of_a_secret_are_gone_wherever_they_stood() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db",
            "annotations": {LAST_APPLIED: "{\"data\":{\"p\":\"canary\"}}"},
            "managedFields": [{}]},
            "data": {"p": "canary"}, "stringData": {"q": "canary"}});
        let capture = assemble(reading(&[secret]), &key());
        assert!(!serde_json::to_string(&capture).unwrap().contains("canary"));
    }

    #[test]
    fn in_the_middle_of_a_rollout_the_newest_template_counts() {
        let capture = assemble(reading(&rollout()), &key());
        assert_eq!(
            capture.running_images.get("Deployment.apps/web:web").map(String::as_str),
            Some("docker.io/acme/web@sha256:bb")
        );
    }

    #[test]
    fn what_a_controller_made_keeps_only_what_it_is() {
        let capture = assemble(reading(&rollout()), &key());
        let pod = capture.objects.iter().find(|it| it.kind() == "Pod").unwrap();
        assert!(pod.get("/spec").is_none() && controller(pod).is_some());
    }

    #[test]
    fn the_order_of_reading_does_not_count() {
        let mut objects = rollout();
        let one = assemble(reading(&objects), &key());
        objects.reverse();
        assert_eq!(one, assemble(reading(&objects), &key()));
    }

    #[test]
    fn both_services_and_pods_are_among_the_addresses() {
        let mut objects = rollout();
        for at in 0..20 {
            objects.push(json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": format!("s{at}")},
                "spec": {"clusterIP": format!("10.0.0.{at}"), "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}}));
        }
        let addresses = assemble(reading(&objects), &key()).addresses;
        assert_eq!(addresses.len(), 22);
        let first = addresses[..4].iter().filter(|it| it.what.starts_with("Pod/")).count();
        assert_eq!(first, 2);
        assert!(addresses.iter().all(|it| it.port != 53));
    }

    #[test]
    fn what_comes_or_whose_owner_is_elsewhere_is_kept_whole() {
        let made = |version: &str, kind: &str, owner: Value| {
            json!({"apiVersion": version, "kind": kind,
                "metadata": {"name": "a", "uid": "7", "labels": {"x": "y"}, "ownerReferences": owner},
                "spec": {"x": "y"}})
        };
        let vault = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "b"}});
        let by = |name: &str| owner("external-secrets.io/v1", "ExternalSecret", name);
        for (object, whole) in [
            (made("v1", "ConfigMap", by("b")), true),
            (made("apps/v1", "ReplicaSet", by("elsewhere")), true),
            (made("apps/v1", "ReplicaSet", json!(null)), true),
            (made("apps/v1", "ReplicaSet", by("b")), false),
        ] {
            let kind = object["kind"].as_str().unwrap().to_owned();
            let capture = assemble(reading(&[vault.clone(), object.clone()]), &key());
            let kept = capture.objects.into_iter().find(|it| it.kind() == kind).unwrap();
            assert_eq!(kept.value() == &object, whole, "{object}");
            assert_eq!(kept.text("/metadata/uid"), "7");
        }
    }

    #[test]
    fn an_object_that_was_read_twice_is_one_whichever_came_first() {
        let map = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": value}});
        let read = |objects: &[Value]| assemble(reading(objects), &key()).objects;
        assert_eq!(read(&[map("1"), map("2")]).len(), 1);
        assert_eq!(read(&[map("1"), map("2")]), read(&[map("2"), map("1")]));
        let other = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
        assert_eq!(read(&[map("1"), other]).len(), 2);
    }

    #[test]
    fn only_the_owner_that_controls_counts() {
        let owned = |owners: Value| {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "ownerReferences": owners}});
            controller(&Object::new(pod).unwrap()).map(|it| it.to_string())
        };
        let reference = |name: &str, controls: Value| json!({"apiVersion": "v1", "kind": "Node", "name": name, "controller": controls});
        let both = json!([reference("a", json!(false)), reference("b", json!(true))]);
        assert_eq!(owned(both).as_deref(), Some("Node/b"));
        assert_eq!(owned(json!([reference("a", json!(null))])), None);
        assert_eq!(owned(json!([])), None);
    }
}
