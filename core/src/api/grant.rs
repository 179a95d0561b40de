//! `StagingGrant`: a source's owners consent to its being cloned.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_derive::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::schema;

/// Consent. Whoever is granted can read this namespace's configuration (values of Secrets that
/// `secrets` does not list apart) and run code beside a copy of it; withdraw it by deleting the
/// grant.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kulisse.dev",
    version = "v1alpha1",
    kind = "StagingGrant",
    plural = "staginggrants",
    singular = "staginggrant",
    shortname = "sgrant",
    category = "kulisse",
    namespaced,
    derive = "PartialEq",
    doc = "Consent of a namespace's owners to its being cloned: environments in the named namespaces may. Whoever is granted can read this namespace's configuration (values of Secrets that `secrets` does not list apart) and run code beside a copy of it.",
    printcolumn(name = "From", type_ = "string", json_path = ".spec.from[*].namespace"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    crates(kube_core = "::kube_core")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct StagingGrantSpec {
    /// Namespaces whose environments may clone this one; any one that matches is enough.
    #[schemars(length(min = 1, max = 64))]
    pub from: Vec<Requester>,
    /// Globs of Secrets that may come along as they are: pull secrets at once, others where the
    /// class of the environment allows it too. Whoever is granted can then read them. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub secrets: Vec<String>,
}

/// A namespace, by name or by its labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.namespace) != has(self.namespaceSelector)")
    .message("give either namespace or namespaceSelector"))]
pub struct Requester {
    /// By name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// By labels. An empty selector matches every namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub namespace_selector: Option<LabelSelector>,
}
