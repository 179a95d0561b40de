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
    match lower.as_bytes() {
        [.., b'a' | b'e' | b'o' | b'u', b'y'] => format!("{lower}s"),
        [.., b'y'] => format!("{}ies", &lower[..lower.len() - 1]),
        [.., b's' | b'x'] | [.., b's' | b'c', b'h'] => format!("{lower}es"),
        _ => format!("{lower}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::task::{Expect, When},
        plan::{fixture::object, task::HttpWork},
    };

    fn of(objects: &[Object], tasks: &[PlannedTask]) -> Demand {
        Demand::of(objects.iter(), tasks, &Bounds::default())
    }

    /// What is needed of each of these; `-` if nothing is said of it.
    fn needs(demand: &Demand, names: &[&str]) -> Vec<String> {
        let shown = |name: &&str| demand.needs.get(*name).map(|it| it.show(name));
        names.iter().map(|it| shown(it).unwrap_or_else(|| "-".to_owned())).collect()
    }

    /// A Pod template that asks for so many CPUs.
    fn template(cpu: u32) -> Value {
        let resources = json!({
            "requests": {"cpu": cpu, "memory": "1Gi", "example.com/gpu": 1},
            "limits": {"memory": "2Gi"},
        });
        json!({"spec": {"containers": [{"name": "a", "resources": resources}]}})
    }

    fn workload(kind: &str, cpu: u32, spec: &Value) -> Object {
        let mut workload = object("apps/v1", kind, "web", json!({"spec": spec}));
        workload.set("/spec/template", template(cpu));
        workload
    }

    fn task(role: TaskRole, retries: u32, work: Work) -> PlannedTask {
        PlannedTask {
            name: "a".to_owned(),
            role,
            job_name: None,
            needs: Vec::new(),
            timeout_seconds: 1,
            retries,
            content: String::new(),
            work,
        }
    }

    fn job(cpu: u32) -> Work {
        let spec = json!({"spec": {"template": template(cpu)}});
        Work::Job(object("batch/v1", "Job", "a", spec))
    }

    fn http() -> Work {
        let (url, expect) = ("http://web".to_owned(), Expect::default());
        Work::Http(HttpWork { url, expect, within_seconds: 1 })
    }

    #[test]
    fn kinds_are_counted_by_the_names_of_their_resources() {
        for (kind, expected) in [
            ("NetworkPolicy", "networkpolicies"),
            ("Ingress", "ingresses"),
            ("ConfigMap", "configmaps"),
            ("Gateway", "gateways"),
            ("Mesh", "meshes"),
            ("Deployment", "deployments"),
        ] {
            assert_eq!(plural(kind), expected);
        }
    }

    #[test]
    fn a_workload_needs_its_pods_and_one_more_while_it_rolls_out() {
        let schedule = json!({"spec": {"jobTemplate": {"spec": {"template": template(1)}}}});
        let recreated = json!({"replicas": 3, "strategy": {"type": "Recreate"}});
        for (object, pods) in [
            (workload("Deployment", 1, &json!({"replicas": 3})), "4"),
            (workload("Deployment", 1, &json!({})), "2"),
            (workload("Deployment", 1, &json!({"replicas": 0})), "0"),
            (workload("Deployment", 1, &json!({"replicas": -1})), "0"),
            (workload("Deployment", 1, &recreated), "3"),
            (workload("StatefulSet", 1, &json!({"replicas": 3})), "3"),
            (workload("DaemonSet", 1, &json!({})), "1"),
            (object("batch/v1", "CronJob", "web", schedule), "0"),
        ] {
            let demand = of(std::slice::from_ref(&object), &[]);
            let found = needs(&demand, &["pods", "requests.cpu", "cpu"]);
            assert_eq!(found, [pods, pods, pods], "{object:?}");
        }
    }

    #[test]
    fn there_is_room_for_the_largest_pod_that_is_replaced() {
        let one = json!({"replicas": 1});
        let both = [workload("Deployment", 1, &one), workload("Deployment", 2, &one)];
        for (name, expected) in [
            ("pods", "3"),
            ("requests.cpu", "5"),
            ("memory", "3Gi"),
            ("requests.memory", "3Gi"),
            ("limits.memory", "6Gi"),
            ("limits.cpu", "-"),
            ("requests.example.com/gpu", "3"),
            // Only what Kubernetes itself knows has a short name.
            ("example.com/gpu", "-"),
        ] {
            assert_eq!(needs(&of(&both, &[]), &[name]), [expected], "{name}");
        }
    }

    #[test]
    fn there_is_room_for_a_task_and_for_smokes_side_by_side() {
        let seed = |cpu| task(TaskRole::Seed(When::BeforeWorkloads), 0, job(cpu));
        let smoke = |cpu| task(TaskRole::Smoke, 0, job(cpu));
        for (tasks, expected) in [
            (vec![], ["-", "-"]),
            (vec![task(TaskRole::Smoke, 0, http())], ["1", "-"]),
            (vec![seed(2), seed(3)], ["1", "3"]),
            (vec![smoke(1), smoke(1), seed(3)], ["2", "3"]),
            (vec![smoke(1); 3], ["3", "3"]),
            (vec![smoke(1); 6], ["4", "4"]),
        ] {
            assert_eq!(needs(&of(&[], &tasks), &["pods", "cpu"]), expected, "{tasks:?}");
        }
    }

    #[test]
    fn every_attempt_of_a_task_leaves_a_job_and_so_does_the_probe() {
        let tasks = [task(TaskRole::Smoke, 0, http()), task(TaskRole::Smoke, 2, http())];
        for (probe, expected) in [(ProbeMode::Never, "4"), (ProbeMode::Always, "5")] {
            let mut demand = Demand::default();
            demand.jobs(&tasks, probe);
            assert_eq!(needs(&demand, &["count/jobs.batch"]), [expected]);
        }
    }

    #[test]
    fn objects_are_counted_by_every_name_that_a_quota_has_for_them() {
        let claim = |class: Value| {
            let resources = json!({"requests": {"storage": "10Gi"}});
            json!({"spec": {"storageClassName": class, "resources": resources}})
        };
        let made = |kind: &str| object("v1", kind, kind, json!({}));
        let service = |kind: &str| object("v1", "Service", "web", json!({"spec": {"type": kind}}));
        let with_claims = workload(
            "StatefulSet",
            1,
            &json!({"replicas": 3, "volumeClaimTemplates": [claim(json!("fast"))]}),
        );
        let of_fast = [
            "persistentvolumeclaims",
            "requests.storage",
            "fast.storageclass.storage.k8s.io/persistentvolumeclaims",
            "fast.storageclass.storage.k8s.io/requests.storage",
        ];
        let of_none = ["requests.storage", ".storageclass.storage.k8s.io/requests.storage"];
        let services = ["services", "services.loadbalancers", "services.nodeports"];
        for (objects, names, expected) in [
            // One is in every namespace.
            (vec![made("ConfigMap")], &["configmaps", "count/configmaps"][..], &["2", "2"][..]),
            (vec![made("ConfigMap"), made("ConfigMap")], &["configmaps"], &["3"]),
            (
                vec![made("ServiceAccount")],
                &["serviceaccounts", "count/serviceaccounts"],
                &["-", "2"],
            ),
            (vec![made("Secret")], &["secrets", "count/secrets"], &["1", "1"]),
            (
                vec![object("apps/v1", "Deployment", "web", json!({}))],
                &["count/deployments.apps", "count/deployments"],
                &["1", "-"],
            ),
            (vec![service("LoadBalancer")], &services, &["1", "1", "1"]),
            (vec![service("NodePort")], &services, &["1", "-", "1"]),
            (vec![service("ClusterIP")], &services, &["1", "-", "-"]),
            (
                vec![object("v1", "PersistentVolumeClaim", "a", claim(json!("fast")))],
                &of_fast,
                &["1", "10Gi", "1", "10Gi"],
            ),
            (
                vec![object("v1", "PersistentVolumeClaim", "a", claim(json!(null)))],
                &of_none,
                &["10Gi", "-"],
            ),
            (vec![with_claims], &of_fast, &["3", "30Gi", "3", "30Gi"]),
        ] {
            assert_eq!(needs(&of(&objects, &[]), names), expected, "{objects:?}");
        }
    }

    #[test]
    fn what_is_needed_may_be_all_that_is_allowed() {
        let demand = of(&[workload("Deployment", 1, &json!({"replicas": 3}))], &[]);
        let quota = json!({"hard": {"pods": "4", "requests.cpu": "3", "secrets": "0"}});
        let beyond = demand.beyond(&serde_json::from_value(quota).unwrap());
        assert_eq!(beyond, ["requests.cpu 4, 3 allowed"]);
    }
}
