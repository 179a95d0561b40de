//! A Rollout arrives as the Deployment that it stands for.
//!
//! What a Rollout adds to a Deployment is how production gets a new version: steps that wait for a
//! person, analyses of production's traffic, weights in routes. Until then both run the same Pods
//! behind the same Services, and those are what a clone is about.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::{Key, Object},
    scale,
};

const GROUP: &str = "apps";
const VERSION: &str = "apps/v1";
const KIND: &str = "Deployment";
/// Fields of a spec that mean the same in both.
const SHARED: &[&str] = &[
    "minReadySeconds",
    "progressDeadlineSeconds",
    "replicas",
    "revisionHistoryLimit",
    "selector",
    "template",
];
const SCALED: Rule = Rule {
    name: "rollout-scaled",
    why: "a Deployment runs the Pods of the Rollout that it scales",
};
const REPLICAS: Rule = Rule {
    name: "rollout-replicas",
    why: "the Rollout that runs Pods from this template has so many; here the Deployment runs them itself",
};

/// The pass.
pub(super) fn rollout(objects: Vec<Object>, _: &Context, log: &mut Log) -> Vec<Object> {
    let (rollouts, mut objects): (Vec<Object>, Vec<Object>) =
        objects.into_iter().partition(|it| kinds::shape(it) == Shape::Rollout);
    let mut taken: BTreeSet<String> = objects
        .iter()
        .filter(|it| it.kind() == KIND && it.group() == GROUP)
        .map(|it| it.name().to_owned())
        .collect();
    for rollout in rollouts {
        let key = rollout.key();
        let stands_for = if rollout.get("/spec/workloadRef").is_some() {
            referring(&rollout, &mut objects, log)
        } else {
            let made = own(&rollout, &mut taken, log);
            let key = made.key();
            objects.push(made);
            Some(key)
        };
        if let Some(deployment) = stands_for {
            scaled(&key, &deployment, &mut objects, log);
        }
    }
    objects
}

/// What scales a Rollout scales the Deployment in its place.
fn scaled(rollout: &Key, deployment: &Key, objects: &mut [Object], log: &mut Log) {
    let scalers = objects.iter_mut().filter(|it| kinds::shape(it) == Shape::Autoscaler);
    for it in scalers.filter(|it| scale::autoscaled(it).as_ref() == Some(rollout)) {
        let target = json!({ "apiVersion": VERSION, "kind": KIND, "name": deployment.name });
        log.set(it, "/spec/scaleTargetRef", target, &SCALED);
    }
}

/// A Rollout with a template of its own.
fn own(rollout: &Object, taken: &mut BTreeSet<String>, log: &mut Log) -> Object {
    let mut name = rollout.name().to_owned();
    while !taken.insert(name.clone()) {
        name.push_str("-rollout");
    }
    leave(rollout, &name, log);
    let spec: serde_json::Map<String, Value> = rollout
        .get("/spec")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(field, _)| SHARED.contains(&field.as_str()))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    let metadata = rollout.get("/metadata").cloned().unwrap_or_default();
    let made = Object::made(VERSION, KIND, &name, json!({ "metadata": metadata, "spec": spec }));
    log.moved(&rollout.key(), &made.key());
    made
}

/// A Rollout that runs the Pods of a Deployment, which has none itself.
fn referring(rollout: &Object, objects: &mut [Object], log: &mut Log) -> Option<Key> {
    let (kind, name) =
        (rollout.text("/spec/workloadRef/kind"), rollout.text("/spec/workloadRef/name"));
    let meant = Key { group: GROUP.to_owned(), kind: kind.to_owned(), name: name.to_owned() };
    let found = objects.iter_mut().find(|it| kind == KIND && it.key() == meant);
    let Some(deployment) = found else {
        let why = format!("it takes its Pods from {meant}, which is not cloned");
        log.leave(&rollout.key(), "workload-missing", why);
        return None;
    };
    leave(rollout, name, log);
    let replicas = rollout.get("/spec/replicas").cloned().unwrap_or_else(|| json!(1));
    log.set(deployment, "/spec/replicas", replicas, &REPLICAS);
    Some(meant)
}

fn leave(rollout: &Object, name: &str, log: &mut Log) {
    log.leave(
        &rollout.key(),
        "as-deployment",
        format!(
            "Deployment.apps/{name} runs its Pods: steps, analyses and weights in routes are for production's releases"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    fn named(version: &str, kind: &str, name: &str, spec: &Value) -> Object {
        fixture::object(version, kind, name, json!({ "spec": spec }))
    }

    fn arrived(objects: Vec<Object>) -> (Vec<Object>, Log) {
        let request = fixture::request(json!({}), json!({}));
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        (rollout(objects, &context, &mut log), log)
    }

    #[test]
    fn a_rollout_gets_another_name_only_beside_a_deployment_of_its_own() {
        for (version, kind, name, expected) in [
            ("apps/v1", "Deployment", "web", "web-rollout"),
            ("apps/v1", "Deployment", "api", "web"),
            ("apps/v1", "StatefulSet", "web", "web"),
            ("example.com/v1", "Deployment", "web", "web"),
        ] {
            let beside = named(version, kind, name, &json!({}));
            let web = named("argoproj.io/v1alpha1", "Rollout", "web", &json!({"replicas": 2}));
            let (made, _) = arrived(vec![web, beside.clone()]);
            assert_eq!(made[0], beside);
            assert_eq!((made[1].kind(), made[1].name()), ("Deployment", expected), "{kind} {name}");
        }
    }

    #[test]
    fn a_rollout_gives_its_replicas_to_the_deployment_that_it_names_and_to_no_other() {
        let deployment = |name: &str| named("apps/v1", "Deployment", name, &json!({"replicas": 0}));
        for (kind, name, replicas) in [
            ("Deployment", "web", [0, 3]),
            ("Deployment", "gone", [0, 0]),
            ("ReplicaSet", "web", [0, 0]),
        ] {
            let spec = json!({"replicas": 3, "workloadRef": {"kind": kind, "name": name}});
            let set = named("apps/v1", "ReplicaSet", "web", &json!({}));
            let rollout = named("argoproj.io/v1alpha1", "Rollout", "web", &spec);
            let (made, log) =
                arrived(vec![deployment("api"), deployment("web"), set.clone(), rollout]);
            let found: Vec<_> = made[..2].iter().map(|it| it.get("/spec/replicas")).collect();
            let expected = replicas.map(|it| json!(it));
            assert_eq!(found, [Some(&expected[0]), Some(&expected[1])], "{kind} {name}");
            assert_eq!(made[2], set);
            let missing = log.left_behind.iter().any(|it| it.reason == "workload-missing");
            assert_eq!(missing, replicas == [0, 0], "{kind} {name}");
        }
    }
}
