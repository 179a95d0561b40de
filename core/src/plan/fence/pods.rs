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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::fixture::{deployment, object};

    #[test]
    fn pods_are_known_by_the_labels_that_a_plan_knows_the_values_of() {
        let labels = json!({
            "app": "web",
            "kulisse.dev/environment": "pr-7",
            names::TASK_LABEL: "load",
            "pod-template-hash": "1",
            "job-name": "a",
        });
        let template = json!({"template": {"metadata": {"labels": labels}}});
        let schedule = json!({"jobTemplate": {"spec": template}});
        for (version, kind, spec, expected, run_once) in [
            (
                "apps/v1",
                "Deployment",
                &template,
                &["app", "job-name", names::TASK_LABEL][..],
                false,
            ),
            ("batch/v1", "Job", &template, &["app", names::TASK_LABEL, "pod-template-hash"], true),
            (
                "batch/v1",
                "CronJob",
                &schedule,
                &["app", names::TASK_LABEL, "pod-template-hash"],
                true,
            ),
        ] {
            let pods = of_clones(&[object(version, kind, "web", json!({"spec": spec}))]);
            let keys: Vec<&str> = pods[0].labels().map(|(key, _)| key).collect();
            assert_eq!(keys, expected, "{kind}");
            assert_eq!(pods[0].run_once(), run_once, "{kind}");
        }
        assert!(of_clones(&[object("v1", "Service", "web", json!({}))]).is_empty());
    }

    #[test]
    fn pods_run_as_the_account_that_is_named_by_its_new_or_its_old_field() {
        for (pod, account, automount) in [
            (json!({"serviceAccountName": "new", "serviceAccount": "old"}), "new", None),
            (json!({"serviceAccountName": "", "serviceAccount": "old"}), "old", None),
            (json!({"automountServiceAccountToken": false}), "default", Some(false)),
        ] {
            let found = of_clones(&[deployment("web", json!({}), pod.clone())]).remove(0);
            assert_eq!((found.account.as_str(), found.automount), (account, automount), "{pod}");
        }
    }
}
