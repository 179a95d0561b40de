//! How the watched kinds of Kubernetes are projected.

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    batch::v1::Job,
    core::v1,
};
use kube::ResourceExt;
use kulisse_core::{api::names, plan::object::Key};

use super::world::{Namespace, Uid, Watched, World, environment_uid};

impl From<&v1::Namespace> for Namespace {
    fn from(it: &v1::Namespace) -> Self {
        let conditions = it.status.iter().flat_map(|status| status.conditions.iter().flatten());
        Self {
            uid: it.uid().unwrap_or_default(),
            created: it.creation_timestamp().map(|time| time.0),
            proof: it.annotations().get(names::PROOF_ANNOTATION).cloned(),
            incarnation: it.annotations().get(names::INCARNATION_ANNOTATION).cloned(),
            leaving: it.metadata.deletion_timestamp.as_ref().map(|time| time.0),
            finalizers: it.finalizers().to_vec(),
            remains: conditions
                .filter(|condition| condition.status == "True")
                .map(|it| (it.type_.clone(), it.message.clone().unwrap_or_default()))
                .collect(),
        }
    }
}

impl Watched for v1::Namespace {
    fn put(&self, world: &World) -> bool {
        world.put_namespace(&environment_uid(&self.metadata), &self.name_any(), self.into())
    }
    fn drop_from(&self, world: &World) {
        world.drop_namespace(&environment_uid(&self.metadata), &self.name_any());
    }
    fn known(world: &World) -> Vec<(Uid, String)> {
        world.known_namespaces()
    }
    fn forget(world: &World, owner: &str, name: &str) {
        world.drop_namespace(owner, name);
    }
}

impl Watched for Job {
    fn put(&self, world: &World) -> bool {
        world.put_attempt(&environment_uid(&self.metadata), place(self), self.into())
    }
    fn drop_from(&self, world: &World) {
        world.drop_attempt(&environment_uid(&self.metadata), &place(self));
    }
    fn known(world: &World) -> Vec<(Uid, String)> {
        world.known_attempts()
    }
    fn forget(world: &World, owner: &str, name: &str) {
        world.drop_attempt(owner, &split(name));
    }
}

macro_rules! watched_workload {
    ($kind:ident) => {
        impl Watched for $kind {
            fn put(&self, world: &World) -> bool {
                let uid = environment_uid(&self.metadata);
                let at = apps(stringify!($kind), place(self));
                world.put_workload(
                    &uid,
                    &at,
                    self.into(),
                    self.metadata.resource_version.as_deref(),
                )
            }
            fn drop_from(&self, world: &World) {
                let at = apps(stringify!($kind), place(self));
                world.drop_workload(&environment_uid(&self.metadata), &at);
            }
            fn known(world: &World) -> Vec<(Uid, String)> {
                world.known_workloads(stringify!($kind))
            }
            fn forget(world: &World, owner: &str, name: &str) {
                world.drop_workload(owner, &apps(stringify!($kind), split(name)));
            }
        }
    };
}

watched_workload!(Deployment);
watched_workload!(StatefulSet);
watched_workload!(DaemonSet);

fn apps(kind: &str, (namespace, name): (String, String)) -> (String, Key) {
    (namespace, Key { group: "apps".to_owned(), kind: kind.to_owned(), name })
}

fn place(object: &impl ResourceExt) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The other way round from [`super::world::id`].
fn split(id: &str) -> (String, String) {
    let (namespace, name) = id.split_once('/').unwrap_or(("", id));
    (namespace.to_owned(), name.to_owned())
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::controller::world::Relist;

    fn deployment(name: &str, ready: i32) -> Deployment {
        serde_json::from_value(json!({
            "metadata": { "name": name, "namespace": "stg", "generation": 1, "labels": { names::ENVIRONMENT_UID_LABEL: "u" } },
            "spec": { "replicas": 1, "selector": {}, "template": {} },
            "status": { "observedGeneration": 1, "updatedReplicas": ready, "availableReplicas": ready }
        }))
        .unwrap()
    }

    #[test]
    fn only_what_matters_wakes_an_environment() {
        let (world, mut list) = (World::default(), Relist::default());
        assert_eq!(world.take(&Event::Apply(deployment("web", 0)), &mut list), ["u"]);
        assert!(world.take(&Event::Apply(deployment("web", 0)), &mut list).is_empty());
        assert_eq!(world.take(&Event::Apply(deployment("web", 1)), &mut list), ["u"]);
    }

    #[test]
    fn what_we_have_written_since_is_not_up_yet() {
        let (world, mut list) = (World::default(), Relist::default());
        let version = |version: &str| {
            let mut it = deployment("web", 1);
            it.metadata.resource_version = Some(version.to_owned());
            it
        };
        world.take(&Event::Apply(version("5")), &mut list);
        let key = world.workloads("u", "stg").into_keys().next().unwrap();
        assert!(world.workloads("u", "stg")[&key].up());
        world.wrote("u", "stg", key.clone(), &version("7").metadata);
        assert!(!world.workloads("u", "stg")[&key].up(), "the watch has not seen our write");
        assert_eq!(world.take(&Event::Apply(version("7")), &mut list), ["u"]);
        assert!(world.workloads("u", "stg")[&key].up());
    }

    #[test]
    fn what_a_new_list_lacks_is_gone() {
        let (world, mut list) = (World::default(), Relist::default());
        world.take(&Event::Apply(deployment("web", 1)), &mut list);
        world.take(&Event::Apply(deployment("api", 1)), &mut list);
        world.take(&Event::<Deployment>::Init, &mut list);
        world.take(&Event::InitApply(deployment("api", 1)), &mut list);
        assert_eq!(world.take(&Event::<Deployment>::InitDone, &mut list), ["u"]);
        assert_eq!(
            world.workloads("u", "stg").into_keys().map(|key| key.name).collect::<Vec<_>>(),
            ["api"]
        );
    }
}
