//! How an environment treats the Secrets of its source.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How Secrets are treated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// For what no rule names.
    #[serde(default)]
    pub default: SecretDefault,
    /// The first rule that matches a key counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub rules: Vec<SecretRule>,
}

/// What happens to Secrets that no rule names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SecretDefault {
    /// Credentials are invented anew; users, databases, hosts and settings are kept.
    #[default]
    Generate,
    /// Secrets stay behind.
    Omit,
}

/// What happens to the keys of some Secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("(self.policy == 'From') == has(self.from)")
    .message("from goes with policy From, and policy From needs it"))]
#[x_kube(validation = Rule::new("(self.policy == 'Template') == has(self.template)")
    .message("template goes with policy Template, and policy Template needs it"))]
#[x_kube(validation = Rule::new("self.policy != 'Template' || has(self.keys)")
    .message("policy Template needs keys: the names of the keys that get the text"))]
pub struct SecretRule {
    /// Glob of Secret names.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Globs of keys. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 253)))]
    pub keys: Vec<String>,
    /// What happens to them.
    pub policy: SecretPolicy,
    /// With `From`: a Secret of the request namespace labelled `kulisse.dev/usable: "true"`. The
    /// value of the same key is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SecretReference>,
    /// With `Template`: the text that the keys get. `${secret:NAME/KEY}` is what a cloned Secret
    /// holds, `${environment}` the environment's name, `${namespace}` the target, `${url}` the first
    /// preview URL, `${host:SERVICE}` the preview host of a Service; `$$` is a `$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub template: Option<String>,
}

/// What happens to a key of a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SecretPolicy {
    /// Credentials are invented anew; users, databases, hosts and settings are kept.
    Generate,
    /// The value is production's own. The source's grants and the class must both list the Secret.
    Copy,
    /// The value comes from a Secret of the request namespace.
    From,
    /// The value is a text in which names of the clone are filled in.
    Template,
    /// The key is left out.
    Omit,
}

/// A Secret by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
