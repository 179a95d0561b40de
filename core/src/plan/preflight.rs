//! What would keep the clone from working: names of what will not be there, and Pods that wait for
//! what never comes.

mod classes;
mod pods;
mod ports;
mod references;
mod rights;
mod routes;
mod waits;

pub(super) use self::classes::RETAINED;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    context::Context,
    kinds,
    log::Log,
    object::{Key, Object},
    places::Place,
    secret::NEEDS_SECRET,
    selectors::ByLabel,
    task::{PlannedTask, Work},
    texts::task_path,
};
use crate::{api::staging_plan::Severity, secrets::PlannedSecret};

/// Everything that will be in the target.
struct Target<'a> {
    objects: BTreeMap<Key, &'a Object>,
    /// What has a Pod template, by the labels in that.
    workloads: ByLabel<'a, (&'a Object, &'a Map<String, Value>)>,
    secrets: &'a BTreeMap<String, PlannedSecret>,
    tasks: &'a [PlannedTask],
    /// Keys of Secrets that nobody can invent, as the pass `secret` has told: object and path.
    told: BTreeSet<(String, String)>,
    context: &'a Context<'a>,
}

/// What is told once of all objects that it is found in.
#[derive(Default)]
struct Shared {
    /// Objects that will not be there, and what names them.
    missing: Vec<(Key, Place)>,
    /// What is to be told of StorageClasses, and the claims of them.
    volumes: Vec<(classes::Volumes, Place)>,
}

/// An object that is looked through, and how findings name it.
struct Looked<'a> {
    object: &'a Object,
    key: Key,
    /// What stands before the paths in it: tasks are named by their place in the spec.
    base: String,
}

impl Looked<'_> {
    fn find(
        &self,
        log: &mut Log,
        severity: Severity,
        path: &str,
        kind: &str,
        why: String,
        settle: String,
    ) {
        log.find(severity, &self.key, &format!("{}{path}", self.base), kind, why, settle);
    }
}

/// Looks through everything that will be in the target, the Jobs of tasks included.
pub(super) fn preflight(
    objects: &[Object],
    secrets: &BTreeMap<String, PlannedSecret>,
    tasks: &[PlannedTask],
    context: &Context,
    log: &mut Log,
) {
    let by_key: BTreeMap<Key, &Object> = objects.iter().map(|it| (it.key(), it)).collect();
    let workloads = by_key.values().filter_map(|it| Some((*it, pod_labels(it)?)));
    let workloads = workloads.map(|it| (it, it.1.iter().filter_map(label)));
    let told = log.findings.iter().filter(|it| it.kind == NEEDS_SECRET);
    let target = Target {
        workloads: ByLabel::of(workloads),
        told: told.map(|it| (it.object.clone(), it.path.clone())).collect(),
        objects: by_key,
        secrets,
        tasks,
        context,
    };
    let clones =
        objects.iter().map(|object| Looked { object, key: object.key(), base: String::new() });
    let jobs = tasks.iter().filter_map(|task| of_task(task, context));
    let shared = log.each(clones.chain(jobs).collect(), |looked, log| {
        let mut shared = Shared::default();
        references::look(&looked, &target, &mut shared.missing, log);
        pods::look(&looked, log);
        ports::look(&looked, &target, log);
        waits::look(&looked, &target, log);
        rights::look(&looked, &target, log);
        classes::look(&looked, &target, &mut shared.volumes, log);
        Some(shared)
    });
    let (missing, volumes): (Vec<_>, Vec<_>) =
        shared.into_iter().map(|it| (it.missing, it.volumes)).unzip();
    classes::report(&volumes.into_iter().flatten().collect(), log);
    references::report(&missing.into_iter().flatten().collect(), &target, log);
    routes::look(objects, log);
}

/// The labels in the Pod template of an object.
fn pod_labels(object: &Object) -> Option<&Map<String, Value>> {
    let template = kinds::profile(object)?.pod_template?;
    object.get(&format!("{template}/metadata/labels"))?.as_object()
}

/// A label that is one.
fn label<'a>((key, value): (&'a String, &'a Value)) -> Option<(&'a str, &'a str)> {
    Some((key, value.as_str()?))
}

fn of_task<'a>(task: &'a PlannedTask, context: &Context) -> Option<Looked<'a>> {
    let Work::Job(object) = &task.work else { return None };
    let key = context.environment();
    Some(Looked { object, key, base: task_path(task) })
}

impl Target<'_> {
    /// Whether a ConfigMap or Secret of the target has a key; `None` if its keys are not known.
    fn has(&self, of: &Key, key: &str) -> Option<bool> {
        let object = self.objects.get(of)?;
        if of.kind == "Secret" {
            let keys = &self.secrets.get(&of.name)?.keys;
            let all = keys.contains_key(crate::secrets::EVERY_KEY);
            return (!all).then(|| keys.contains_key(key));
        }
        let mut maps = ["/data", "/binaryData"].into_iter().filter_map(|map| object.get(map));
        Some(maps.any(|it| it.as_object().is_some_and(|it| it.contains_key(key))))
    }

    /// Whether the source's object has a key.
    fn source_has(&self, of: &Key, key: &str) -> bool {
        if of.kind == "Secret" {
            let sealed = self.context.capture.secrets.get(&of.name);
            return sealed.is_some_and(|it| it.keys.contains_key(key));
        }
        let object = self.context.by_key.get(of);
        let map = |map: &str| object.and_then(|it| it.get(map)).and_then(|it| it.get(key));
        map("/data").or_else(|| map("/binaryData")).is_some()
    }
}

#[cfg(test)]
mod tests;
