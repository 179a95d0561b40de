//! The ways back to production are cut, and what would act by itself is put to sleep.
//!
//! What a cloned object may still do is what the fence around it can hold: policies never open more
//! than the own namespace, rights never reach the fence, Pods never share a node's network, files
//! or a volume of production's.

mod claim;
pub(super) mod host;
mod identity;
mod mesh;
pub(super) mod placement;
mod policy;
pub(super) mod rights;
mod service;
pub(super) mod standards;
pub(super) mod telemetry;
mod template;

use serde_json::json;

use super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::Object,
    pull,
};

const ASLEEP: Rule = Rule {
    name: "cronjob-asleep",
    why: "it would run production's schedule a second time: mails, bills, clean-ups",
};

/// The pass.
pub(super) fn isolate(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let confined = confine(objects, context, log);
    let mut kept = log.each(confined, |mut object, log| {
        telemetry::as_staging(&mut object, context, log);
        if kinds::shape(&object) == Shape::Schedule {
            log.set(&mut object, "/spec/suspend", json!(true), &ASLEEP);
        }
        Some(object)
    });
    let roles = rights::roles(&kept, context, log);
    rights::beyond(context, log);
    kept.extend(roles);
    kept
}

/// What holds for every object in the target, whoever wrote it.
pub(super) fn confine(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    log.each(objects, |object, log| one(object, context, log))
}

/// Why no fence can hold the Pods of an object, or the target would refuse them: a word and a
/// clause.
pub(super) fn refused(object: &Object, context: &Context) -> Option<(&'static str, String)> {
    let spec = kinds::pod_spec(object)?;
    host::shared(object, &spec).or_else(|| {
        let (_, why) = standards::first(object, &spec, context.request.class.pod_security)?;
        Some(("pod-security", why))
    })
}

/// One object, cut off; `None` if that leaves nothing of it.
fn one(object: Object, context: &Context, log: &mut Log) -> Option<Object> {
    let mut object = mesh::apart(object, context, log)?;
    if let Some(spec) = kinds::pod_spec(&object) {
        host::apart(&mut object, &spec, log);
        placement::anywhere(&mut object, &spec, context, log);
        pull::pods(&mut object, &spec, context, log);
        identity::tokens(&object, &spec, log);
        identity::pods(&mut object, &spec, context, log);
        template::settle(&mut object, &spec, log);
    }
    for template in kinds::claim_templates(&object) {
        claim::fresh(&mut object, &template, context, log);
    }
    match kinds::shape(&object) {
        Shape::Service => service::inside(&mut object, log),
        Shape::Policy => policy::confined(&mut object, context, log),
        Shape::Role => rights::role(&mut object, context, log),
        Shape::RoleBinding => return rights::binding(object, context, log),
        Shape::Account => {
            pull::account(&mut object, context, log);
            identity::account(&mut object, context, log);
        }
        Shape::Claim => claim::fresh(&mut object, "", context, log),
        Shape::Settings
        | Shape::Secret
        | Shape::Addresses
        | Shape::Workload
        | Shape::NodeWorkload
        | Shape::Schedule
        | Shape::Once
        | Shape::Route
        | Shape::GatewayRoute
        | Shape::Rollout
        | Shape::Pod
        | Shape::Autoscaler
        | Shape::Budget
        | Shape::Other => {}
    }
    Some(object)
}
