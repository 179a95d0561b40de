//! The clone fits the class's quota and limit range, or there is no plan.
//!
//! Both are enforced when Pods are admitted. A workload that is refused there stands at zero for
//! ever, so everything is worked out beforehand: what has to be said and is not is added, what is
//! too little is raised, and what is too much is refused with what is needed and what is allowed.

mod bounds;
mod demand;

use serde_json::{Value, json};

use self::{
    bounds::{Bounds, Part},
    demand::Demand,
};
use super::{
    PlanError, access,
    context::Context,
    kinds,
    log::{Log, Rule},
    object::{Object, escape},
    task::{PlannedTask, Work},
};
use crate::api::class::StagingClassSpec;

const FITTED: Rule = Rule {
    name: "class-limits",
    why: "the class's quota counts it, or its limit range bounds it: a Pod that says less is refused",
};

/// Makes Pods say what the class's quota and limit range ask for.
///
/// # Errors
///
/// If the class cannot be worked with, or a Pod asks for more than the limit range allows.
pub(super) fn fit(
    clones: &mut [Object],
    tasks: &mut [PlannedTask],
    context: &Context,
    log: &mut Log,
) -> Result<(), PlanError> {
    let class = &context.request.class;
    if class.quota.is_none() && class.limit_range.is_none() {
        return Ok(());
    }
    let bounds = Bounds::new(class)?;
    let jobs = tasks.iter_mut().filter_map(|task| match &mut task.work {
        Work::Job(job) => Some(job),
        Work::Http(_) => None,
    });
    let mut outside = Vec::new();
    for object in clones.iter_mut().chain(jobs) {
        pod(object, &bounds, &mut outside, log);
    }
    refuse("limitRange", outside)
}

/// Whether all that will be applied fits the class's quota.
///
/// # Errors
///
/// If it does not.
pub(super) fn check(
    objects: &[Object],
    tasks: &[PlannedTask],
    context: &Context,
) -> Result<(), PlanError> {
    let class = &context.request.class;
    let Some(quota) = &class.quota else { return Ok(()) };
    let bounds = Bounds::new(class)?;
    // Not of the plan, and counted all the same: what is made of the target and its tasks.
    let rights = access::rights(context.request);
    let mut demand = Demand::of(objects.iter().chain([&rights]), tasks, &bounds);
    demand.jobs(tasks, class.boundary.probe);
    refuse("quota", demand.beyond(quota))
}

/// Makes a container of our own fit: it needs little, and takes what it gets.
pub(super) fn own(container: &mut Value, class: &StagingClassSpec) {
    let Ok(bounds) = Bounds::new(class) else { return };
    let mut asked = bounds::asked(&container["resources"]);
    bounds.shrink(&mut asked);
    for (part, name, amount) in asked.all().chain(bounds.fit(&asked).writes) {
        container["resources"][part.field()][&name] = json!(amount.show(&name));
    }
}

fn pod(object: &mut Object, bounds: &Bounds, outside: &mut Vec<String>, log: &mut Log) {
    let Some(spec) = kinds::pod_spec(object) else { return };
    let key = object.key();
    for container in kinds::containers(object) {
        let resources = object.get(&format!("{container}/resources")).unwrap_or(&Value::Null);
        let fitted = bounds.fit(&bounds::asked(resources));
        let name = object.text(&format!("{container}/name")).to_owned();
        outside.extend(fitted.outside.iter().map(|it| format!("{key}, container {name}: {it}")));
        for (part, name, amount) in fitted.writes {
            let path = format!("{container}/resources/{}/{}", part.field(), escape(&name));
            log.set(object, &path, json!(amount.show(&name)), &FITTED);
        }
    }
    let whole = bounds.pod(object, &spec);
    outside.extend(bounds.outside_for_pods(&whole).into_iter().map(|it| format!("{key}: {it}")));
}

fn refuse(what: &'static str, needs: Vec<String>) -> Result<(), PlanError> {
    if needs.is_empty() { Ok(()) } else { Err(PlanError::BeyondClass { what, needs }) }
}

/// Both parts, for whoever goes through them.
const PARTS: [Part; 2] = [Part::Requests, Part::Limits];
