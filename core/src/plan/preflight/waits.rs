//! Containers that wait for a Job that will not be there.
//!
//! `kubectl wait job/migrate`, `k8s-wait-for job migrate` and their kind: an init container that
//! looks for a Job goes on looking for ever, since Jobs stay behind unless a task runs them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Looked, Target};
use crate::{
    api::{identity::MAX_LABEL, staging_plan::Severity, task::When},
    plan::{
        kinds::{self, Shape},
        log::Log,
        object::Object,
        settle,
        task::TaskRole,
    },
};

/// Images and programs that wait for something of the Kubernetes API, by a piece of their name.
const WAITERS: [&str; 4] = ["wait-for", "wait_for", "waitfor", "kubewait"];
/// What the resource is called, before its name.
const JOB: [&str; 5] = ["job", "jobs", "job.batch", "jobs.batch", "jobs.v1.batch"];

pub(super) fn look(looked: &Looked, target: &Target, log: &mut Log) {
    let object = looked.object;
    for container in kinds::containers(object) {
        for name in awaited(object, &container) {
            report(looked, &container, &name, target, log);
        }
    }
}

fn report(looked: &Looked, container: &str, name: &str, target: &Target, log: &mut Log) {
    let mut captured = target.context.by_key.values();
    let known = captured.any(|it| kinds::shape(it) == Shape::Once && it.name() == name);
    let run = target.tasks.iter().find(|it| it.job_name.as_deref() == Some(name));
    let (why, settle) = match run.map(|it| it.role) {
        Some(TaskRole::Seed(When::AfterWorkloads)) if in_the_way(looked.object) => (
            format!("it waits for Job {name}, which runs only after all workloads are up"),
            "leave out «when» of that seed: it then runs before the workloads start".to_owned(),
        ),
        Some(_) => return,
        None if known => (
            format!("it waits for Job {name}, which stays behind unless a task runs it"),
            snippet(name),
        ),
        None => (
            format!("it waits for Job {name}, which production has not any more"),
            settle::environment(&json!({
                "overlay": { "inline": [{
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "metadata": { "name": name },
                    "spec": { "template": { "spec": {
                        "restartPolicy": "Never",
                        "containers": [{ "name": "main", "image": "<image>" }],
                    } } },
                }] },
                "seed": [{ "name": task(name), "fromJob": name }],
            })),
        ),
    };
    looked.find(log, Severity::Warns, container, "waits-for-job", why, settle);
}

/// Whether seeds that come after the workloads wait for the object.
fn in_the_way(object: &Object) -> bool {
    kinds::profile(object).is_some_and(|it| it.workload)
}

fn snippet(job: &str) -> String {
    format!("spec:\n  seed:\n  - {{ name: {}, fromJob: {job} }}", task(job))
}

/// A name for the task that runs a Job.
fn task(job: &str) -> String {
    let name: String = job.replace('.', "-").chars().take(30).collect();
    name.trim_end_matches('-').to_owned()
}

/// The names of the Jobs that a container waits for.
fn awaited(object: &Object, container: &str) -> BTreeSet<String> {
    let texts = |list: &str| {
        let list = object.get(&format!("{container}/{list}")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    };
    let words: Vec<&str> = texts("command")
        .chain(texts("args"))
        .flat_map(|text| text.split(|c: char| c.is_whitespace() || "\"'`;|&()".contains(c)))
        .filter(|word| !word.is_empty())
        .collect();
    let image = object.text(&format!("{container}/image"));
    let repository = image.split(['@', ':']).next().unwrap_or_default();
    let is_waiter = |text: &str| WAITERS.iter().any(|it| text.contains(it));
    let kubectl = words.iter().any(|it| it.rsplit('/').next() == Some("kubectl"))
        || repository.ends_with("kubectl");
    let asks = words.iter().any(|it| ["wait", "get"].contains(it));
    if !(is_waiter(repository) || words.iter().any(|it| is_waiter(it)) || (kubectl && asks)) {
        return BTreeSet::new();
    }
    let mut found = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let name = match word.split_once('/') {
            Some((kind, name)) if JOB.contains(&kind) => Some(name),
            None if JOB.contains(word) => words.get(at + 1).copied(),
            _ => None,
        };
        found.extend(name.filter(|it| is_name(it)).map(str::to_owned));
    }
    found
}

/// Whether it may be an object's name: not a flag, not a variable.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_LABEL
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::fixture::deployment;

    fn waits(container: &Value) -> Vec<String> {
        let pod = json!({"initContainers": [container]});
        let object = deployment("web", json!({}), pod);
        awaited(&object, "/spec/template/spec/initContainers/0").into_iter().collect()
    }

    #[test]
    fn what_waits_for_a_job_is_known_by_how_it_asks() {
        for (container, jobs) in [
            (
                json!({"command": ["kubectl", "wait", "--for=condition=complete", "job/migrate"]}),
                &["migrate"][..],
            ),
            (
                json!({"command": ["sh", "-c", "until kubectl get job migrate -o jsonpath='{.status.succeeded}'; do sleep 1; done"]}),
                &["migrate"],
            ),
            (
                json!({"command": ["/bin/bash", "-c", "kubectl wait --timeout=1h jobs.batch/a job/b"]}),
                &["a", "b"],
            ),
            (
                json!({"image": "ghcr.io/groundnuty/k8s-wait-for:v2.0", "args": ["job", "db-init"]}),
                &["db-init"],
            ),
            (
                json!({"image": "bitnami/kubectl:1.30", "args": ["wait", "job/schema", "--for", "condition=complete"]}),
                &["schema"],
            ),
            (json!({"image": "k8s-wait-for:1", "args": ["job", "-lapp=develop"]}), &[]),
            (json!({"image": "k8s-wait-for:1", "args": ["pod", "-lapp=develop"]}), &[]),
            (json!({"command": ["run", "job", "import"]}), &[]),
            (json!({"command": ["kubectl", "wait", "job/$(NAME)"]}), &[]),
        ] {
            assert_eq!(waits(&container), jobs, "{container}");
        }
    }

    #[test]
    fn a_name_is_one_that_an_object_may_have() {
        let (longest, too_long) = ("a".repeat(MAX_LABEL), "a".repeat(MAX_LABEL + 1));
        for (text, expected) in [
            ("migrate", true),
            ("db-init.v2", true),
            ("0", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            ("-lapp", false),
            ("migrate-", false),
            (".migrate", false),
            ("mi_grate", false),
            ("Migrate", false),
            ("migratE", false),
            ("miGrate", false),
        ] {
            assert_eq!(is_name(text), expected, "{text}");
        }
    }

    #[test]
    fn a_task_is_called_as_its_job_as_far_as_a_task_may_be() {
        let cut = "a".repeat(29);
        let long = format!("{cut}-b");
        for (job, expected) in
            [("migrate", "migrate"), ("db.v2", "db-v2"), (long.as_str(), cut.as_str())]
        {
            assert_eq!(task(job), expected);
        }
    }
}
