//! What a whole target needs, counted as Kubernetes' quotas count it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bounds::{Asked, Bounds, Part};
use crate::{
    api::class::{ProbeMode, Quota},
    plan::{
        kinds::{self, Shape},
        object::Object,
        quantity::Quantity,
        task::{PlannedTask, SMOKES_AT_ONCE, TaskRole, Work},
    },
};

/// What quotas also know without `requests.` before it.
const SHORT: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// What quotas also know without `count/` before it.
const COUNTED: [&str; 6] =
    ["pods", "services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas"];
/// What every namespace holds without being asked.
const GIVEN: [&str; 2] = ["configmaps", "serviceaccounts"];

/// What is needed, as far as it can be known beforehand: what controllers make of the clones is left
/// to the API server.
#[derive(Default)]
pub(super) struct Demand {
    /// By the names that quotas use.
    needs: BTreeMap<String, Quantity>,
    /// There is a time at which there is one Pod more.
    surge: bool,
}

impl Demand {
    /// Of objects, and of the Pods of tasks.
    pub(super) fn of<'a>(
        objects: impl Iterator<Item = &'a Object>,
        tasks: &[PlannedTask],
        bounds: &Bounds,
    ) -> Self {
        let mut demand = Self::default();
        // One Pod more at a time: the new one of a rollout, or a task's; or smokes, side by side.
        let mut more = Asked::default();
        for object in objects {
            demand.count(object);
            let Some(spec) = kinds::pod_spec(object) else { continue };
            let pod = bounds.pod(object, &spec);
            let replicas = running(object);
            demand.pods(&pod, replicas);
            for template in kinds::claim_templates(object) {
                demand.claim(object, &template, replicas);
            }
            if replicas > 0 && surges(object) {
                more.raise(&pod);
                demand.surge = true;
            }
        }
        let mut smoke = Asked::default();
        for task in tasks {
            demand.surge = true;
            if let Work::Job(job) = &task.work {
                let one = if task.role == TaskRole::Smoke { &mut smoke } else { &mut more };
                one.raise(&bounds.pod(job, "/spec/template/spec"));
            }
        }
        let smokes = tasks.iter().filter(|it| it.role == TaskRole::Smoke).count();
        let smokes = i64::try_from(smokes.min(SMOKES_AT_ONCE)).unwrap_or(1);
        more.raise(&smoke.times(smokes));
        if demand.surge {
            demand.pods(&more, 1);
            demand.add_count("pods", "", (smokes - 1).max(0));
        }
        demand
    }

    /// Jobs stay when they are over: one for each attempt of a task, and the probe's.
    pub(super) fn jobs(&mut self, tasks: &[PlannedTask], probe: ProbeMode) {
        let attempts: i64 = tasks.iter().map(|task| i64::from(task.retries) + 1).sum();
        let probe = match probe {
            ProbeMode::Always => 1,
            ProbeMode::Never => 0,
        };
        self.add_count("jobs", "batch", attempts + probe);
    }

    /// What exceeds the quota: what is needed and what is allowed.
    pub(super) fn beyond(&self, quota: &Quota) -> Vec<String> {
        let over = quota.hard.iter().filter_map(|(name, allowed)| {
            let (needed, allowed) = (*self.needs.get(name)?, Quantity::parse(&allowed.0)?);
            (needed > allowed)
                .then(|| format!("{name} {}, {} allowed", needed.show(name), allowed.show(name)))
        });
        over.collect()
    }

    fn add(&mut self, name: &str, amount: Quantity) {
        let here = self.needs.entry(name.to_owned()).or_default();
        *here = here.plus(amount);
    }

    fn add_count(&mut self, plural: &str, group: &str, count: i64) {
        let amount = Quantity::whole(count);
        if !group.is_empty() {
            return self.add(&format!("count/{plural}.{group}"), amount);
        }
        self.add(&format!("count/{plural}"), amount);
        if COUNTED.contains(&plural) {
            self.add(plural, amount);
        }
    }

    fn pods(&mut self, pod: &Asked, count: i64) {
        self.add_count("pods", "", count);
        for (part, name, amount) in pod.all() {
            let amount = amount.times(count);
            self.add(&format!("{}.{name}", part.field()), amount);
            if part == Part::Requests && SHORT.contains(&name.as_str()) {
                self.add(&name, amount);
            }
        }
    }

    fn count(&mut self, object: &Object) {
        let plural = plural(object.kind());
        let given = object.group().is_empty() && GIVEN.contains(&plural.as_str());
        let first = given && !self.needs.contains_key(&format!("count/{plural}"));
        self.add_count(&plural, object.group(), 1 + i64::from(first));
        match kinds::shape(object) {
            Shape::Claim => self.storage(object, "", 1),
            Shape::Service => {
                let kind = object.text("/spec/type");
                if kind == "LoadBalancer" {
                    self.add("services.loadbalancers", Quantity::whole(1));
                }
                if ["LoadBalancer", "NodePort"].contains(&kind) {
                    self.add("services.nodeports", Quantity::whole(1));
                }
            }
            _ => {}
        }
    }

    /// A claim that is made from a template.
    fn claim(&mut self, object: &Object, template: &str, count: i64) {
        self.add_count("persistentvolumeclaims", "", count);
        self.storage(object, template, count);
    }

    fn storage(&mut self, object: &Object, base: &str, count: i64) {
        let size = object.get(&format!("{base}/spec/resources/requests/storage"));
        let size = size.and_then(Quantity::of).unwrap_or_default().times(count);
        self.add("requests.storage", size);
        let class = object.text(&format!("{base}/spec/storageClassName"));
        if !class.is_empty() {
            let class = format!("{class}.storageclass.storage.k8s.io");
            self.add(&format!("{class}/requests.storage"), size);
            self.add(&format!("{class}/persistentvolumeclaims"), Quantity::whole(count));
        }
    }
}

/// How many Pods of an object run. How many nodes there are is not known: one at least.
fn running(object: &Object) -> i64 {
    match kinds::profile(object) {
        Some(it) if it.workload => it
            .replicas
            .map_or(1, |pointer| object.get(pointer).and_then(Value::as_i64).unwrap_or(1).max(0)),
        Some(_) | None => 0,
    }
}

/// Whether a rollout makes a new Pod before an old one goes.
fn surges(object: &Object) -> bool {
    kinds::profile(object).is_some_and(|it| it.replicas.is_some() && it.claim_templates.is_none())
        && object.text("/spec/strategy/type") != "Recreate"
}

/// The plural of a kind, as resources are called.
fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.as_bytes().last() {
        Some(b'y') => format!("{}ies", &lower[..lower.len() - 1]),
        Some(b's' | b'x') => format!("{lower}es"),
        _ => format!("{lower}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_by_the_names_of_their_resources() {
        for (kind, expected) in [
            ("NetworkPolicy", "networkpolicies"),
            ("Ingress", "ingresses"),
            ("ConfigMap", "configmaps"),
            ("Deployment", "deployments"),
        ] {
            assert_eq!(plural(kind), expected);
        }
    }
}
