//! The Pods that a target will have, as far as policies see them.

use serde_json::Value;

use super::selector::Labels;
use crate::{
    api::names,
    plan::{
        kinds,
        object::{Key, Object},
        ours,
        task::{PlannedTask, Work},
    },
};

/// Labels that controllers put on Pods with values that a plan does not know. Policies may ask for
/// them: `statefulset.kubernetes.io/pod-name: db-0`.
const ADDED: [(&str, &[&str]); 5] = [
    ("Deployment", &["pod-template-hash"]),
    (
        "StatefulSet",
        &[
            "statefulset.kubernetes.io/pod-name",
            "apps.kubernetes.io/pod-index",
            "controller-revision-hash",
        ],
    ),
    ("DaemonSet", &["controller-revision-hash", "pod-template-generation"]),
    ("Job", JOB),
    ("CronJob", JOB),
];

const JOB: &[&str] = &[
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
];

/// The Pods of one template.
#[derive(Clone, Debug)]
pub(super) struct Pods {
    /// Whose they are.
    pub(super) owner: Key,
    /// JSON pointer of the template in its owner.
    pub(super) template: &'static str,
    /// Labels of the template.
    pub(super) labels: Labels,
    /// Keys of labels that the controller adds.
    pub(super) added: &'static [&'static str],
    /// The ServiceAccount they run as.
    pub(super) account: String,
    /// Whether the Pod spec asks for the account's token.
    pub(super) automount: Option<bool>,
}

impl Pods {
    /// Whether they are a Job's.
    pub(super) fn run_once(&self) -> bool {
        self.added == JOB
    }

    /// Labels of the template.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// Whether some controller adds labels of this key.
pub(super) fn is_added(key: &str) -> bool {
    ADDED.iter().any(|(_, keys)| keys.contains(&key))
}

/// The Pods of all clones.
pub(super) fn of_clones(clones: &[Object]) -> Vec<Pods> {
    clones.iter().filter_map(|clone| of(clone, kinds::profile(clone)?.pod_template?)).collect()
}

/// The Pods of the tasks that bring their own.
pub(super) fn of_tasks(tasks: &[PlannedTask]) -> Vec<Pods> {
    tasks
        .iter()
        .filter_map(|task| match &task.work {
            Work::Job(job) => of(job, "/spec/template"),
            Work::Http(_) => None,
        })
        .collect()
}

fn of(owner: &Object, pointer: &'static str) -> Option<Pods> {
    let template = owner.get(pointer)?;
    let kind = owner.kind();
    let added = ADDED.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, keys)| keys);
    let labels = template.pointer("/metadata/labels").and_then(Value::as_object);
    let account = ["serviceAccountName", "serviceAccount"]
        .iter()
        .filter_map(|field| template["spec"][field].as_str())
        .find(|name| !name.is_empty());
    Some(Pods {
        owner: owner.key(),
        template: pointer,
        labels: labels
            .into_iter()
            .flatten()
            // The controller overwrites these.
            .filter(|(key, _)| !added.contains(&key.as_str()))
            // The probe's Pods have labels of ours as well: only a task's name sets Pods apart.
            .filter(|(key, _)| *key == names::TASK_LABEL || !ours::is_label(key))
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        added,
        account: account.unwrap_or("default").to_owned(),
        automount: template["spec"]["automountServiceAccountToken"].as_bool(),
    })
}

#[cfg(test)]
impl Default for Pods {
    fn default() -> Self {
        Self {
            owner: Key { group: "apps".into(), kind: "Deployment".into(), name: "web".into() },
            template: "/spec/template",
            labels: Labels::new(),
            added: &[],
            account: "default".into(),
            automount: None,
        }
    }
}
