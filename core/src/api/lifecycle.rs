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
    /// How long it waits for a place, where the class has only so many. Default: for as long as it
    /// takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout: Option<Duration>,
    /// When the environment sleeps: its workloads have no Pods, its claims, its data and its routes
    /// stay. Where several windows overlap, it sleeps until the last of them ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub sleep: Vec<SleepWindow>,
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

/// A weekly time of rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("self.from != self.to")
    .message("from and to are not the same; a whole day is from 00:00 to 24:00"))]
pub struct SleepWindow {
    /// The days on which it begins. Default: every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub weekdays: Vec<Weekday>,
    /// When it begins, as `HH:MM` on the clocks of `timeZone`.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), length(max = 5))]
    pub from: String,
    /// When it ends: on the same day, or on the next where that is not after `from`. `24:00` is the
    /// end of the day.
    #[schemars(regex(pattern = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"), length(max = 5))]
    pub to: String,
    /// Name of a time zone of the IANA database, such as `Europe/Zurich`. Default `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}
