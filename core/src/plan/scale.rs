//! How large the clone is.
//!
//! Limits stay as production has them: a limit cut below a fixed heap kills the process. Requests
//! stay too, unless an override says otherwise.

use k8s_openapi::api::core::v1::ResourceRequirements;
use serde_json::{Value, json};

use super::{
    context::Context,
    kinds,
    log::{Log, Rule},
    object::Object,
};
use crate::api::environment::{ScaleOverride, ScaleProfile};

/// Annotations in which tools that put workloads to sleep remember how many replicas there were.
const ORIGINALS: &[&str] = &["downscaler/original-replicas"];

const MINIMAL: Rule = Rule { name: "scale", why: "the profile Minimal runs one of everything" };
const OVERRIDE: Rule = Rule { name: "scale", why: "spec.scale.overrides says so" };
const ASLEEP: Rule =
    Rule { name: "scale", why: "production was asleep when it was read, and would run again" };
const PAUSED: Rule = Rule {
    name: "rollout",
    why: "a rollout that stands still in production would stand still here",
};
const RETENTION: Rule = Rule {
    name: "claim-retention",
    why: "volumes must not outlive the clone; while it sleeps they stay",
};

/// The pass.
pub(super) fn scale(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    objects.into_iter().map(|object| one(object, context, log)).collect()
}

fn one(mut object: Object, context: &Context, log: &mut Log) -> Object {
    let Some(profile) = kinds::profile(&object) else { return object };
    let over = context.scaled(&object.key());
    if let Some(pointer) = profile.replicas {
        replicas(&mut object, pointer, over, context, log);
    }
    if let Some(resources) = over.and_then(|it| it.resources.as_ref()) {
        for container in kinds::containers(&object) {
            lay_over(&mut object, &container, resources, log);
        }
    }
    if profile.workload {
        log.remove(&mut object, "/spec/paused", &PAUSED);
        log.remove(&mut object, "/spec/updateStrategy/rollingUpdate/partition", &PAUSED);
    }
    if profile.claim_templates.is_some_and(|list| object.get(list).is_some()) {
        let policy = json!({ "whenDeleted": "Delete", "whenScaled": "Retain" });
        log.set(&mut object, "/spec/persistentVolumeClaimRetentionPolicy", policy, &RETENTION);
    }
    object
}

/// Zero stays zero: what production has switched off is off here too, unless it only sleeps.
fn replicas(
    object: &mut Object,
    pointer: &str,
    over: Option<&ScaleOverride>,
    context: &Context,
    log: &mut Log,
) {
    let said = object.get(pointer).and_then(Value::as_i64);
    let (count, rule) = match (over.and_then(|it| it.replicas), context.request.spec.scale.profile)
    {
        (Some(count), _) => (i64::from(count), &OVERRIDE),
        (None, ScaleProfile::Minimal) if said == Some(0) && !asleep(object, context) => return,
        (None, ScaleProfile::Minimal) if said == Some(0) => (1, &ASLEEP),
        (None, ScaleProfile::Minimal) => (1, &MINIMAL),
    };
    // Left out, it is 1: saying so is no change.
    if said.is_none() && count == 1 {
        object.set(pointer, json!(1));
    } else {
        log.set(object, pointer, json!(count), rule);
    }
}

/// Whether a tool has put the source's workload to sleep. Its mark is already stripped from the
/// clone.
fn asleep(object: &Object, context: &Context) -> bool {
    let source = context.by_key.get(&object.key());
    source.is_some_and(|it| ORIGINALS.iter().any(|key| it.annotation(key).is_some()))
}

fn lay_over(object: &mut Object, container: &str, resources: &ResourceRequirements, log: &mut Log) {
    for (part, wanted) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        for (name, quantity) in wanted.iter().flatten() {
            let path = format!("{container}/resources/{part}/{}", super::object::escape(name));
            log.set(object, &path, json!(quantity.0), &OVERRIDE);
        }
    }
}
