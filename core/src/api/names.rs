//! Every load-bearing name: API group, labels, annotations, finalizers, field managers, and the
//! names of what the operator makes.
//!
//! Changing one of these orphans objects (or the ownership of their fields) in every cluster that
//! runs an older version. Nothing outside this file may spell them.

use super::identity::{Incarnation, NamespaceName, digest_word};

/// API group of all four kinds.
pub const GROUP: &str = "kulisse.dev";
/// The one served and stored version.
pub const VERSION: &str = "v1alpha1";

/// Field manager of everything the operator creates in a target.
pub const FIELD_MANAGER: &str = "kulisse";
/// Field manager of status and of our finalizer on environments.
pub const STATUS_MANAGER: &str = "kulisse-status";
/// Field manager of the evidence of failures in a StagingPlan.
pub const EVIDENCE_MANAGER: &str = "kulisse-evidence";
/// Field manager of what a StagingPlan says that somebody has changed.
pub const EDITED_MANAGER: &str = "kulisse-edited";
/// Field manager of the command line.
pub const CLI_MANAGER: &str = "kulisse-cli";
/// `reportingController` of Events, and the value of `app.kubernetes.io/managed-by`.
pub const CONTROLLER: &str = "kulisse.dev/operator";

/// On environments: nothing of it is left once this is gone.
pub const TEARDOWN_FINALIZER: &str = "kulisse.dev/teardown";
/// On the operator's own RoleBinding in a target: keeps our rights alive until the rest is gone.
pub const RIGHTS_FINALIZER: &str = "kulisse.dev/rights";

/// Label on targets, clones, tasks and stored plans: UID of the environment they belong to.
pub const ENVIRONMENT_UID_LABEL: &str = "kulisse.dev/environment-uid";
/// Label on targets and clones: name of the environment (at most 40 characters).
pub const ENVIRONMENT_LABEL: &str = "kulisse.dev/environment";
/// Label on targets: the request namespace.
pub const REQUEST_NAMESPACE_LABEL: &str = "kulisse.dev/request-namespace";
/// Label on clones that start first and hold data.
pub const STORE_LABEL: &str = "kulisse.dev/store";
/// Label on Jobs and Pods of seeds and smokes: name of the task.
pub const TASK_LABEL: &str = "kulisse.dev/task";
/// Label on Jobs of seeds and smokes: which attempt it is, counted from 1.
pub const ATTEMPT_LABEL: &str = "kulisse.dev/attempt";
/// Label on the Job and Pod that show that production cannot be reached.
pub const PROBE_LABEL: &str = "kulisse.dev/probe";
/// Label of what the fence consists of (policies, bindings).
pub const FENCE_LABEL: &str = "kulisse.dev/fence";
/// Label on Secrets of a request namespace that environments may use (`"true"`).
pub const USABLE_LABEL: &str = "kulisse.dev/usable";
/// Kubernetes' label for the tool that manages an object.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY_LABEL`] on everything of ours.
pub const MANAGED_BY: &str = "kulisse";
/// The label that Kubernetes itself puts on every namespace: its name.
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Annotation on targets: shows that we made it, for the time before its UID is recorded.
pub const PROOF_ANNOTATION: &str = "kulisse.dev/proof";
/// Annotation on targets: which life of the environment this is.
pub const INCARNATION_ANNOTATION: &str = "kulisse.dev/incarnation";
/// Annotation on targets: the cloned namespace.
pub const SOURCE_ANNOTATION: &str = "kulisse.dev/source-namespace";
/// Annotation on pod templates whose image is overridden: the commit, so that a moved tag restarts.
pub const COMMIT_ANNOTATION: &str = "kulisse.dev/commit";
/// Annotation on environments, a request: live until this time (RFC 3339), as far as the class allows.
pub const EXTEND_ANNOTATION: &str = "kulisse.dev/extend";
/// Annotation on environments, a request: sleep. Every new value asks once.
pub const SLEEP_ANNOTATION: &str = "kulisse.dev/sleep";
/// Annotation on environments, a request: wake. Every new value asks once.
pub const WAKE_ANNOTATION: &str = "kulisse.dev/wake";
/// Annotation on environments, a request: repeat failed tasks. Every new value asks once.
pub const RETRY_ANNOTATION: &str = "kulisse.dev/retry";
/// Annotation on environments, a request: run all seeds again. Every new value asks once.
pub const RESEED_ANNOTATION: &str = "kulisse.dev/reseed";
/// Annotation on environments, a request: apply exactly the plan with this digest.
pub const APPROVE_ANNOTATION: &str = "kulisse.dev/approve";
/// Prefix of the annotations that describe the pull request on a target.
pub const PULL_REQUEST_PREFIX: &str = "kulisse.dev/pull-request-";
/// Node label that no node has: a workload of one Pod per node sleeps by asking for it.
pub const ASLEEP_LABEL: &str = "kulisse.dev/asleep";
/// Annotation that marks a StagingClass as the one used when none is named (`"true"`).
pub const DEFAULT_CLASS_ANNOTATION: &str = "kulisse.dev/is-default-class";

/// ClusterRole that a source's owners bind to the operator: read everything but Secrets.
pub const SOURCE_READER_ROLE: &str = "kulisse-source-reader";
/// ClusterRole that a source's owners bind to the operator to let it read Secrets as well.
pub const SOURCE_SECRETS_ROLE: &str = "kulisse-source-secrets";
/// ClusterRole for the request namespaces' usable Secrets and ConfigMaps.
pub const REQUEST_READER_ROLE: &str = "kulisse-request-reader";
/// ClusterRole that the operator binds to itself in each target.
pub const CLONE_WRITER_ROLE: &str = "kulisse-clone-writer";
/// ClusterRole for people with `role: View`.
pub const VIEWER_ROLE: &str = "kulisse-environment-viewer";
/// ClusterRole for people with `role: Edit`.
pub const EDITOR_ROLE: &str = "kulisse-environment-editor";

/// Name of the operator's own RoleBinding in a target.
pub const RIGHTS_BINDING: &str = "kulisse-rights";
/// Name of the Job that shows that production cannot be reached.
pub const PROBE_JOB: &str = "kulisse-probe";
/// Name of the Secret in a target with the class's certificate for previews.
pub const TLS_SECRET: &str = "kulisse-tls";
/// Name of the Secret with the operator's key, in the operator's namespace.
pub const OPERATOR_KEY_SECRET: &str = "kulisse-operator-key";
/// Namespace of the operator, and its account, where the chart is installed as it comes.
pub const OPERATOR: &str = "kulisse";
/// Name of the Lease by which one of several operators leads, in the operator's namespace.
pub const LEASE: &str = "kulisse";

/// The target's name: `<prefix>-<environment>-<5 of hash(UID, incarnation)>`, at most 63 characters.
pub fn target_namespace(
    prefix: &str,
    environment: &str,
    uid: &str,
    incarnation: Incarnation,
) -> NamespaceName {
    let hash = digest_word(&[uid, &incarnation.to_string()], 5);
    NamespaceName::built(&format!("{prefix}-{environment}-{hash}"))
}

/// The part of a preview host that tells environments apart. Of the UID alone, so that a URL
/// outlives its incarnations.
pub fn host_hash(uid: &str) -> String {
    digest_word(&[uid], 5)
}

/// Name of the StagingPlan of an environment (one per environment, replaced with each plan).
pub fn staging_plan(environment: &str) -> String {
    environment.to_owned()
}

/// Name in a target of a pull secret that the class gives.
pub fn pull_secret(given: &str) -> String {
    format!("kulisse-pull-{given}")
}

/// Name of part `part` of the plan with number `serial` of a life of an environment, in the operator's
/// namespace.
pub fn stored_plan(uid: &str, life: Incarnation, serial: u64, part: usize) -> String {
    format!("plan-{uid}-{life}-{serial}-{part}")
}

/// The life, the number and the part that the name of a stored plan of an environment says. Operators
/// before the first rebuild wrote no life: there was but one at a time.
pub fn stored_plan_of(uid: &str, name: &str) -> Option<(Option<Incarnation>, u64, usize)> {
    let rest = name.strip_prefix("plan-")?.strip_prefix(uid)?.strip_prefix('-')?;
    let mut parts = rest.rsplit('-');
    let part = parts.next()?.parse().ok()?;
    let serial = parts.next()?.parse().ok()?;
    match parts.next() {
        None => Some((None, serial, part)),
        Some(life) => Some((Some(Incarnation(life.parse().ok()?)), serial, part)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_makes_is_called_the_same_in_every_version() {
        let target = |life| target_namespace("stg", "shop", "u", Incarnation(life));
        assert_eq!(target(1).as_str(), "stg-shop-j4lw5");
        assert_eq!(target(2).as_str(), "stg-shop-gt806");
        assert_eq!(host_hash("u"), "8n8hm");
        assert_eq!(staging_plan("shop"), "shop");
        assert_eq!(pull_secret("registry"), "kulisse-pull-registry");
        assert_eq!(stored_plan("u", Incarnation(2), 7, 0), "plan-u-2-7-0");
    }

    #[test]
    fn the_name_of_a_stored_plan_says_whose_and_which_it_is() {
        let uid = "0b7f-5a52";
        for (name, told) in [
            ("plan-0b7f-5a52-2-7-3", Some((Some(Incarnation(2)), 7, 3))),
            ("plan-0b7f-5a52-7-3", Some((None, 7, 3))),
            ("plan-0b7f-5a53-2-7-3", None),
            ("plan-0b7f-5a522-7-3", None),
            ("plan-0b7f-5a52-x-7-3", None),
            ("plan-0b7f-5a52-7", None),
            ("other-0b7f-5a52-2-7-3", None),
        ] {
            assert_eq!(stored_plan_of(uid, name), told, "{name}");
        }
    }
}
