//! What runs in targets where it is not watched: lists bring it in the place of a watch.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::{Placed, Uid, Watched, World, drop_from, put};

impl World {
    /// When what runs in a target was listed last.
    pub fn listed(&self, uid: &str, target: &str) -> Option<Timestamp> {
        self.seen().listed.get(uid)?.get(target).copied()
    }

    /// Remembers when what runs in a target was listed.
    pub fn note_list(&self, uid: &str, target: &str, at: Timestamp) {
        put(&mut self.seen().listed, uid, target.to_owned(), at);
    }

    /// Takes in all objects of a kind in a target: what is not among them is gone.
    pub fn take_list<K: Watched>(&self, uid: &str, target: &str, objects: &[K]) {
        for object in objects {
            object.put(self);
        }
        let there: Vec<_> = objects.iter().map(Watched::id).collect();
        let within = format!("{target}/");
        let known = K::known(self).into_iter();
        for (owner, name) in known.filter(|it| it.0 == uid && it.1.starts_with(&within)) {
            if !there.iter().any(|it| it.1 == name) {
                K::forget(self, &owner, &name);
            }
        }
    }

    /// Whether a target holds workloads or Jobs of that kind, as far as was seen or written: what others
    /// made there is not known.
    pub fn may_hold(&self, uid: &str, target: &str, kind: &str) -> bool {
        let seen = self.seen();
        if kind == "Job" {
            let mut jobs = seen.attempts.get(uid).into_iter().flat_map(BTreeMap::keys);
            return jobs.any(|at| at.0 == target);
        }
        let watched = seen.workloads.get(uid).into_iter().flat_map(BTreeMap::keys);
        let written = seen.written.get(uid).into_iter().flat_map(BTreeMap::keys);
        watched.chain(written).any(|at| at.0 == target && at.1.kind == kind)
    }

    /// Forgets a namespace and what was in it: of what was only listed nobody says that it is gone.
    pub(in super::super) fn drop_namespace(&self, uid: &str, name: &str) {
        let mut seen = self.seen();
        drop_from(&mut seen.namespaces, uid, name);
        drop_from(&mut seen.listed, uid, name);
        drop_within(&mut seen.workloads, uid, name);
        drop_within(&mut seen.written, uid, name);
        drop_within(&mut seen.attempts, uid, name);
    }
}

fn drop_within<N: Ord, V>(
    all: &mut HashMap<Uid, BTreeMap<Placed<N>, V>>,
    owner: &str,
    namespace: &str,
) {
    if let Some(mine) = all.get_mut(owner) {
        mine.retain(|at, _| at.0 != namespace);
        if mine.is_empty() {
            all.remove(owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use kulisse_core::{api::names, plan::object::Key};
    use serde_json::json;

    use super::*;

    fn deployment(namespace: &str, name: &str) -> Deployment {
        serde_json::from_value(json!({
            "metadata": { "name": name, "namespace": namespace, "resourceVersion": "5",
                "labels": { names::ENVIRONMENT_UID_LABEL: "u" } },
            "spec": { "replicas": 0, "selector": {}, "template": {} },
            "status": {}
        }))
        .unwrap()
    }

    fn seen(world: &World, target: &str) -> Vec<String> {
        world.workloads("u", target).into_keys().map(|key| key.name).collect()
    }

    #[test]
    fn what_a_list_lacks_is_gone_from_its_target_and_from_no_other() {
        let world = World::default();
        world.take_list("u", "stg-a", &[deployment("stg-a", "api"), deployment("stg-a", "web")]);
        world.take_list("u", "stg-b", &[deployment("stg-b", "api")]);
        world.take_list("u", "stg-a", &[deployment("stg-a", "web")]);
        assert_eq!(
            (seen(&world, "stg-a"), seen(&world, "stg-b")),
            (vec!["web".into()], vec!["api".into()])
        );
        world.take_list::<Deployment>("u", "stg-b", &[]);
        assert_eq!((seen(&world, "stg-a").len(), seen(&world, "stg-b").len()), (1, 0));
    }

    #[test]
    fn what_we_have_written_since_a_list_is_not_up_yet() {
        let world = World::default();
        world.take_list("u", "stg-a", &[deployment("stg-a", "web")]);
        let (key, rollout) = world.workloads("u", "stg-a").pop_first().unwrap();
        assert!(rollout.up());
        let mut written = deployment("stg-a", "web");
        written.metadata.resource_version = Some("7".to_owned());
        world.wrote("u", "stg-a", key.clone(), &written.metadata);
        assert!(!world.workloads("u", "stg-a")[&key].up());
        world.take_list("u", "stg-a", &[written]);
        assert!(world.workloads("u", "stg-a")[&key].up());
    }

    #[test]
    fn a_kind_that_was_seen_or_written_may_be_there() {
        let world = World::default();
        let held = |world: &World| {
            ["Deployment", "StatefulSet", "Job"].map(|kind| world.may_hold("u", "stg-a", kind))
        };
        world.take_list("u", "stg-b", &[deployment("stg-b", "web")]);
        assert_eq!(held(&world), [false; 3], "another target's");
        world.take_list("u", "stg-a", &[deployment("stg-a", "web")]);
        assert_eq!(held(&world), [true, false, false]);
        let mut made = deployment("stg-a", "db");
        made.metadata.resource_version = Some("7".to_owned());
        let key = Key { group: "apps".into(), kind: "StatefulSet".into(), name: "db".into() };
        world.wrote("u", "stg-a", key, &made.metadata);
        assert_eq!(held(&world), [true, true, false]);
    }

    #[test]
    fn nothing_is_remembered_of_a_namespace_that_is_gone() {
        let world = World::default();
        world.take_list("u", "stg-a", &[deployment("stg-a", "web")]);
        world.note_list("u", "stg-a", Timestamp::UNIX_EPOCH);
        world.drop_namespace("u", "stg-a");
        assert_eq!((seen(&world, "stg-a").len(), world.listed("u", "stg-a")), (0, None));
    }
}
