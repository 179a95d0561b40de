//! How large the clone is.
//!
//! ```text
//!                replicas                    requests of CPU, memory    autoscalers, budgets
//! Minimal        1                           10 %, 50 %                 stay behind
//! Proportional   percent, rounded up         percent                    stay behind
//! Full           as production               as production              come along, capped
//! ```
//!
//! A set whose members know of each other goes to one or stays whole, whatever the profile.
//!
//! An override comes before the profile. Zero stays zero: what production has switched off is off
//! here too, unless it only sleeps. Limits stay as production has them whatever the profile: a
//! limit cut below a fixed heap kills the process.

mod clients;
mod coupled;
mod figures;
mod heap;
mod members;
mod quorum;
mod replicas;
mod requests;
mod spelled;
mod state;
mod texts;

pub(super) use self::{coupled::target as autoscaled, requests::within_limits};

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    PlanError,
    context::Context,
    kinds,
    log::{Log, Rule},
    object::{Key, Object},
    request::Request,
};

const PAUSED: Rule = Rule {
    name: "rollout",
    why: "a rollout that stands still in production would stand still here",
};
const WATCHED: Rule = Rule {
    name: "rollout",
    why: "production waits so that somebody sees a bad release in time; the clone would be waited for as long",
};
const RETENTION: Rule = Rule {
    name: "claim-retention",
    why: "volumes must not outlive the clone; while it sleeps they stay",
};

/// The pass.
pub(super) fn scale(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let mut objects = objects;
    let sizes = quorum::settle(&mut objects, context, log);
    let objects = log.each(objects, |object, log| Some(one(object, &sizes, context, log)));
    heap::fits(&objects, &texts::numbered(&objects), context, log);
    coupled::coupled(objects, context, log)
}

/// What `spec.scale` asks for that no cluster could do.
///
/// # Errors
///
/// If an override asks for less than nothing, or for more than its own limit.
pub(super) fn check(request: &Request) -> Result<(), PlanError> {
    for (at, over) in request.spec.scale.overrides.iter().enumerate() {
        requests::check(&format!("spec.scale.overrides[{at}].resources"), over)?;
    }
    Ok(())
}

fn one(mut object: Object, sizes: &BTreeMap<Key, i64>, context: &Context, log: &mut Log) -> Object {
    state::fresh(&mut object, log);
    let Some(profile) = kinds::profile(&object) else { return object };
    if let Some(pointer) = profile.replicas {
        replicas::scale(&mut object, pointer, sizes, context, log);
    }
    requests::scale(&mut object, context, log);
    if profile.workload {
        rolling(&mut object, log);
    }
    if profile.claim_templates.is_some_and(|list| object.get(list).is_some()) {
        let policy = json!({ "whenDeleted": "Delete", "whenScaled": "Retain" });
        log.set(&mut object, "/spec/persistentVolumeClaimRetentionPolicy", policy, &RETENTION);
    }
    object
}

/// A new plan must come through by itself: nobody lets a rollout go on, or deletes Pods by hand.
fn rolling(object: &mut Object, log: &mut Log) {
    log.remove(object, "/spec/paused", &PAUSED);
    log.remove(object, "/spec/minReadySeconds", &WATCHED);
    log.remove(object, "/spec/updateStrategy/rollingUpdate/partition", &PAUSED);
    let strategy = "/spec/updateStrategy/type";
    if object.get(strategy).and_then(Value::as_str) == Some("OnDelete") {
        log.set(object, strategy, json!("RollingUpdate"), &PAUSED);
    }
}
