//! How long an environment lives.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Duration;

/// How long an environment lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Lifecycle {
    /// From the creation of the target to its expiry. Default: the class's `defaultTTL`; never more
    /// than its `maxTTL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('30s') && duration(self) <= duration('8760h')")
        .message("ttl is between 30s and 8760h"))]
    pub ttl: Option<Duration>,
    /// How long before expiry a warning is given. Default `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_before: Option<Duration>,
    /// What becomes of this object when its time is up. The target is gone in either case.
    #[serde(default)]
    pub on_expiry: OnExpiry,
}

/// What becomes of the environment object at expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnExpiry {
    /// It stays, with its verdicts: a GitOps tool that still wants it does not bring it back for ever.
    #[default]
    Retain,
    /// It is deleted.
    Delete,
}
