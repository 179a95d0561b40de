//! `fromJob` and `fromCronJob`: the source's own Jobs, planned like clones and run as tasks.
//!
//! A seed from a Job keeps the Job's name, since something in the target may wait for it. So there
//! is one such Job in a life of the target: it is repeated by Kubernetes, and run once whatever the
//! spec says later.

use serde_json::{Value, json};

use super::{Place, TaskRole, there_are};
use crate::{
    api::task::Task,
    plan::{
        PlanError,
        context::Context,
        kinds::{self, Shape},
        log::Log,
        object::{Key, Object, escape},
    },
};

const BATCH: &str = "batch";

/// What the Job controller puts on a Job's Pods.
const CONTROLLERS: [&str; 4] = [
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
];

/// Fields that say how much work a Job does: its own, also as a task.
const AMOUNT: [&str; 3] = ["completions", "completionMode", "parallelism"];

/// Takes the Jobs that tasks name from the objects: they are applied when their task runs.
pub(in crate::plan) fn own_jobs(
    objects: Vec<Object>,
    context: &Context,
) -> (Vec<Object>, Vec<Object>) {
    objects.into_iter().partition(|it| is_own_job(it, context))
}

/// Whether a task names an object as the Job that it runs.
pub(in crate::plan) fn is_own_job(object: &Object, context: &Context) -> bool {
    kinds::shape(object) == Shape::Once && context.task_jobs.contains(object.name())
}

/// What a seed from that Job is told apart by.
pub(super) fn content(job: &str) -> String {
    crate::plan::digest::of(&("fromJob", job))
}

impl Place<'_> {
    /// The source's Job `name`, as a task.
    pub(super) fn own_job(
        &self,
        task: &Task,
        role: TaskRole,
        name: &str,
        timeout_seconds: u32,
        log: &mut Log,
    ) -> Result<Object, PlanError> {
        let found = self.jobs.iter().find(|it| it.name() == name);
        let Some(found) = found else {
            return Err(self.absent("fromJob", "Job", name, log));
        };
        let spec = found.get("/spec").cloned().unwrap_or_default();
        let mut job = self.own(task, &spec, timeout_seconds, log);
        if keeps_name(role) {
            let repeated = u32::try_from(task.retries).unwrap_or(0);
            job.set("/spec/backoffLimit", json!(repeated));
            let deadline = timeout_seconds.saturating_mul(repeated.saturating_add(1));
            job.set("/spec/activeDeadlineSeconds", json!(deadline));
        }
        Ok(job)
    }

    /// The Job that the source's CronJob `name` would make, as a task.
    pub(super) fn scheduled_job(
        &self,
        task: &Task,
        name: &str,
        timeout_seconds: u32,
        log: &mut Log,
    ) -> Result<Object, PlanError> {
        let is_it = |it: &&Object| kinds::shape(it) == Shape::Schedule && it.name() == name;
        let Some(found) = self.clones.iter().find(is_it) else {
            return Err(self.absent("fromCronJob", "CronJob", name, log));
        };
        let spec = found.get("/spec/jobTemplate/spec").cloned().unwrap_or_default();
        Ok(self.own(task, &spec, timeout_seconds, log))
    }

    fn own(&self, task: &Task, spec: &Value, timeout_seconds: u32, log: &mut Log) -> Object {
        let mut job = self.job(task, spec, timeout_seconds, log);
        for field in AMOUNT {
            if let Some(value) = spec.get(field) {
                job.set(&format!("/spec/{field}"), value.clone());
            }
        }
        for label in CONTROLLERS {
            job.remove(&format!("/spec/template/metadata/labels/{}", escape(label)));
        }
        job
    }

    fn absent(&self, field: &str, kind: &str, name: &str, log: &Log) -> PlanError {
        let key = Key { group: BATCH.to_owned(), kind: kind.to_owned(), name: name.to_owned() };
        let text = key.to_string();
        if let Some(left) = log.left_behind.iter().find(|it| it.object == text) {
            return self.invalid(field, &format!("{text} stays behind: {}", left.why));
        }
        let mut known: Vec<&str> = self
            .context
            .by_key
            .keys()
            .filter(|it| it.group == BATCH && it.kind == kind)
            .map(|it| it.name.as_str())
            .collect();
        known.sort_unstable();
        self.invalid(field, &format!("the source has no {kind} {name:?}; {}", there_are(&known)))
    }
}

/// Smokes run once per plan, and nothing waits for one.
pub(super) fn keeps_name(role: TaskRole) -> bool {
    match role {
        TaskRole::Seed(_) => true,
        TaskRole::Smoke | TaskRole::PreDelete => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::names,
        plan::{fixture, task::tasks},
    };

    fn migrate() -> Object {
        fixture::object(
            "batch/v1",
            "Job",
            "migrate",
            json!({"spec": {
                "backoffLimit": 6, "completions": 3, "selector": {"matchLabels": {"a": "b"}},
                "template": {
                    "metadata": {"labels": {"app": "migrate", "job-name": "migrate"}},
                    "spec": {"containers": [{"name": "m", "image": "m:1"}]},
                },
            }}),
        )
    }

    fn planned(spec: Value) -> Result<Vec<super::super::PlannedTask>, PlanError> {
        let request = fixture::request(spec, json!({}));
        let mut capture = fixture::capture();
        capture.objects.push(migrate());
        let context = Context::new(&request, &capture).unwrap();
        let (jobs, clones) = own_jobs(capture.objects.clone(), &context);
        tasks(&clones, &jobs, &context, &mut Log::default())
    }

    #[test]
    fn a_seed_from_a_job_keeps_its_name_and_is_repeated_by_kubernetes() {
        let seed = json!({"name": "schema", "fromJob": "migrate", "retries": 2, "timeout": "1m"});
        let task = planned(json!({"seed": [seed]})).unwrap().remove(0);
        assert_eq!(task.job_name.as_deref(), Some("migrate"));
        assert_eq!(task.retries, 0);
        let super::super::Work::Job(job) = task.work else { panic!("a Job") };
        assert_eq!(job.get("/spec/backoffLimit"), Some(&json!(2)));
        assert_eq!(job.get("/spec/activeDeadlineSeconds"), Some(&json!(180)));
        assert_eq!(job.get("/spec/completions"), Some(&json!(3)));
        assert_eq!(job.get("/spec/selector"), None);
        let labels = job.get("/spec/template/metadata/labels").unwrap();
        assert_eq!(labels, &json!({"app": "migrate", names::TASK_LABEL: "schema"}));
    }

    #[test]
    fn what_is_said_about_it_later_does_not_run_it_again() {
        let content = |timeout: &str| {
            let seed = json!({"name": "schema", "fromJob": "migrate", "timeout": timeout});
            planned(json!({"seed": [seed]})).unwrap().remove(0).content
        };
        assert_eq!(content("1m"), content("2m"));
    }

    #[test]
    fn a_smoke_from_a_job_has_a_name_of_its_own() {
        let smoke = json!({"name": "again", "fromJob": "migrate"});
        let task = planned(json!({"smoke": [smoke]})).unwrap().remove(0);
        assert_eq!(task.job_name, None);
    }

    #[test]
    fn a_job_that_is_not_there_is_named_with_those_that_are() {
        let wrong = |spec: Value| planned(spec).unwrap_err().to_string();
        let said = wrong(json!({"seed": [{"name": "x", "fromJob": "migrat"}]}));
        assert!(said.contains("spec.seed[0].fromJob") && said.contains("migrate"), "{said}");
        let said = wrong(json!({"smoke": [{"name": "x", "fromCronJob": "nightly"}]}));
        assert!(said.contains("spec.smoke[0].fromCronJob") && said.contains("none"), "{said}");
        let twice =
            json!([{"name": "a", "fromJob": "migrate"}, {"name": "b", "fromJob": "migrate"}]);
        assert!(wrong(json!({"seed": twice})).contains("spec.seed[1].fromJob"));
    }

    #[test]
    fn a_task_runs_the_job_of_its_name_and_kind() {
        let pod = |image: &str| {
            let containers = json!([{"name": "c", "image": image}]);
            json!({"template": {"spec": {"containers": containers}}})
        };
        let job = |name: &str| {
            let spec = pod(&format!("job-{name}:1"));
            fixture::object("batch/v1", "Job", name, json!({ "spec": spec }))
        };
        let scheduled = |name: &str| {
            let spec = pod(&format!("cron-{name}:1"));
            let spec = json!({"jobTemplate": {"spec": spec}});
            fixture::object("batch/v1", "CronJob", name, json!({ "spec": spec }))
        };
        let request = fixture::request(
            json!({
                "seed": [{"name": "x", "fromJob": "b"}, {"name": "y", "fromCronJob": "b"}],
                "smoke": [{"name": "z", "fromJob": "a"}],
            }),
            json!({}),
        );
        let mut capture = fixture::capture();
        let other = fixture::deployment("b", json!({}), json!({}));
        capture.objects = vec![other, scheduled("a"), scheduled("b"), job("a"), job("b"), job("c")];
        let context = Context::new(&request, &capture).unwrap();
        let (jobs, clones) = own_jobs(capture.objects.clone(), &context);
        assert_eq!(jobs, [job("a"), job("b")]);
        let tasks = tasks(&clones, &jobs, &context, &mut Log::default()).unwrap();
        let images: Vec<&str> = tasks
            .iter()
            .map(|it| match &it.work {
                super::super::Work::Job(job) => job.text("/spec/template/spec/containers/0/image"),
                super::super::Work::Http(_) => "",
            })
            .collect();
        assert_eq!(images, ["job-b:1", "cron-b:1", "job-a:1"]);
    }

    #[test]
    fn a_job_that_stays_behind_is_named_with_its_own_reason() {
        let request = fixture::request(
            json!({"smoke": [{"name": "x", "fromCronJob": "nightly"}]}),
            json!({}),
        );
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        for (name, why) in [("weekly", "of another"), ("nightly", "it is excluded")] {
            let key = Key { group: BATCH.into(), kind: "CronJob".into(), name: name.into() };
            log.leave(&key, "excluded", why);
        }
        let said = tasks(&[], &[], &context, &mut log).unwrap_err().to_string();
        assert!(said.contains("CronJob.batch/nightly stays behind: it is excluded"), "{said}");
    }
}
