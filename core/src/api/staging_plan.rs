//! `StagingPlan`: the report of a plan. Only the operator writes it.

use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{drift::Drifted, evidence::Evidence};

/// How the clone differs from production, and why. Credential-like values are redacted wherever
/// they stood. It belongs to the environment of the same name and goes with it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kulisse.dev",
    version = "v1alpha1",
    kind = "StagingPlan",
    plural = "stagingplans",
    singular = "stagingplan",
    shortname = "splan",
    category = "kulisse",
    namespaced,
    derive = "PartialEq",
    doc = "The parity report of a staging environment: what was cloned, changed and left behind, and why. Written by the operator only.",
    printcolumn(name = "Source", type_ = "string", json_path = ".spec.source"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.target"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".spec.digest", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    crates(kube_core = "::kube_core")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct StagingPlanSpec {
    /// Digest of the plan.
    #[schemars(length(max = 128))]
    pub digest: String,
    /// The generation of the environment it was made for.
    pub generation: i64,
    /// The cloned namespace.
    #[schemars(length(max = 63))]
    pub source: String,
    /// With `source.manifests.oci`: the artefact that was read instead, with its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640))]
    pub artifact: Option<String>,
    /// The namespace it is cloned into.
    #[schemars(length(max = 63))]
    pub target: String,
    /// The clones, in the order in which they are applied: `Kind.group/name`.
    #[schemars(length(max = 20000), inner(length(max = 640)))]
    pub clones: Vec<String>,
    /// What was changed, and why.
    #[schemars(length(max = 20000))]
    pub changes: Vec<Change>,
    /// What stays behind, and why.
    #[schemars(length(max = 20000))]
    pub left_behind: Vec<LeftBehind>,
    /// What could still lead back to production or keep the clone from working.
    #[schemars(length(max = 2000))]
    pub findings: Vec<Finding>,
    /// How production has moved on since: what a new plan would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3000))]
    pub drift: Vec<Drifted>,
    /// What somebody has changed in the environment: objects that are not as planned, the first 500 of
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub edited: Vec<Drifted>,
    /// What is known of what failed last: of workloads that do not come up, tasks, the probe. Empty as
    /// soon as all of it works.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub evidence: Vec<Evidence>,
    /// Entries that did not fit, by list. Nothing is dropped without being counted here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncated>,
}

/// Entries that did not fit into the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Truncated {
    /// Of `changes`.
    pub changes: u32,
    /// Of `leftBehind`.
    pub left_behind: u32,
    /// Of `clones`.
    #[serde(default)]
    pub clones: u32,
    /// Of `findings`.
    #[serde(default)]
    pub findings: u32,
    /// Of `drift`.
    #[serde(default)]
    pub drift: u32,
}

/// A changed field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `Kind.group/name`.
    #[schemars(length(max = 640))]
    pub object: String,
    /// JSON pointer (RFC 6901) of the field.
    #[schemars(length(max = 2048))]
    pub path: String,
    /// What stood there; left out if nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub from: Option<String>,
    /// What stands there now; left out if nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub to: Option<String>,
    /// The rule, as a word.
    #[schemars(length(max = 64))]
    pub rule: String,
    /// Why, as a sentence.
    #[schemars(length(max = 512))]
    pub why: String,
}

/// An object that stays behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftBehind {
    /// `Kind.group/name`.
    #[schemars(length(max = 640))]
    pub object: String,
    /// The reason, as a word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Why, as a sentence.
    #[schemars(length(max = 512))]
    pub why: String,
}

/// Something a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// `Kind.group/name`.
    #[schemars(length(max = 640))]
    pub object: String,
    /// JSON pointer (RFC 6901) of the field.
    #[schemars(length(max = 2048))]
    pub path: String,
    /// What it is, as a word.
    #[schemars(length(max = 64))]
    pub kind: String,
    /// Why it matters, as a sentence.
    #[schemars(length(max = 512))]
    pub why: String,
    /// What settles it: YAML, a command, or a sentence.
    #[schemars(length(max = 2048))]
    pub settle: String,
}

impl Finding {
    /// What and where it is, why it matters, and what settles it.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{}{}: {}: {}", self.object, self.path, self.why, self.settle)
    }
}

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Severity {
    /// Nothing is created until it is settled.
    Blocks,
    /// The fence stops it, or the clone may not work.
    Warns,
    /// Good to know.
    Informs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_tells_where_it_is_why_it_matters_and_what_settles_it() {
        let finding = Finding {
            severity: Severity::Warns,
            object: "ConfigMap/web".into(),
            path: "/data/url".into(),
            kind: "Host".into(),
            why: "a host of production".into(),
            settle: "block it".into(),
        };
        assert_eq!(finding.told(), "ConfigMap/web/data/url: a host of production: block it");
    }
}
