//! How an environment and production drift apart.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration::Duration, rebuild::Rebuilt};

/// Most objects that a status names.
pub const NAMED: usize = 8;
/// Most paths that are named of an object.
pub const PATHS: usize = 4;
/// How often production is looked at where nothing else is said.
pub const INTERVAL: &str = "10m";

/// What is done about production that moves on, and about an environment that somebody changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Drift {
    /// How often production is looked at, once for all environments of a source: the shortest of
    /// their intervals counts. Default `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s') && duration(self) <= duration('168h')")
        .message("interval is between 10s and 168h"))]
    pub interval: Option<Duration>,
    /// What is done when production has moved on, or somebody has changed the environment.
    #[serde(default)]
    pub action: DriftAction,
}

impl Drift {
    /// How often production is looked at; what cannot be read counts as not said.
    #[must_use]
    pub fn interval(&self) -> std::time::Duration {
        let said = self.interval.as_ref().and_then(|it| it.span().ok());
        said.or_else(|| Duration::new(INTERVAL).span().ok()).unwrap_or_default()
    }
}

/// What is done when production has moved on, or somebody has changed the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftAction {
    /// It is said, and nothing is changed.
    #[default]
    Report,
    /// Production is read and planned anew, and what differs is applied in place, at most once in
    /// an `interval`. Seeds are not repeated, smokes are.
    Resync,
    /// Production is read and planned anew, and a second namespace is made of it, seeded and tested,
    /// while the first one serves. Then its routes take the place of the first one's, which goes. What
    /// somebody has changed in the environment is only said.
    Rebuild,
}

/// How an environment, its plan and production differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftSummary {
    /// The state of production that was looked at last, as a hash: nothing is compared again until
    /// it is another.
    #[schemars(length(max = 128))]
    pub compared: String,
    /// What a new plan would change.
    #[serde(default, skip_serializing_if = "Differences::is_empty")]
    pub source: Differences,
    /// The state of the workloads in which the target was compared with its plan last, as a hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub inspected: String,
    /// What of the target is not as planned, because somebody changed it there.
    #[serde(default, skip_serializing_if = "Differences::is_empty")]
    pub target: Differences,
    /// Why a new plan could not be applied.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub held_back: String,
    /// When production was followed in place last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resynced_at: Option<Time>,
    /// When a namespace made of newer production took the place of another one last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilt: Option<Rebuilt>,
}

/// Objects that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Differences {
    /// How many came.
    #[serde(default)]
    pub came: u32,
    /// How many went.
    #[serde(default)]
    pub went: u32,
    /// How many changed.
    #[serde(default)]
    pub changed: u32,
    /// The first of them; the StagingPlan names all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub objects: Vec<Drifted>,
}

/// An object that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drifted {
    /// `Kind.group/name`.
    #[schemars(length(max = 640))]
    pub object: String,
    /// What became of it.
    pub what: Became,
    /// JSON pointers (RFC 6901) of the first fields that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), inner(length(max = 512)))]
    pub paths: Vec<String>,
}

/// What became of an object.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Became {
    /// It was not there.
    Came,
    /// It is not there any more.
    Went,
    /// It is another.
    Changed,
}

impl Differences {
    /// Objects in figures, and the first of them by name.
    pub fn of(objects: &[Drifted]) -> Self {
        let count = |what| {
            let all = objects.iter().filter(|it| it.what == what).count();
            u32::try_from(all).unwrap_or(u32::MAX)
        };
        Self {
            came: count(Became::Came),
            went: count(Became::Went),
            changed: count(Became::Changed),
            objects: objects.iter().take(NAMED).cloned().collect(),
        }
    }

    /// Counts others in, without their names.
    pub fn add(&mut self, others: &Self) {
        self.came = self.came.saturating_add(others.came);
        self.went = self.went.saturating_add(others.went);
        self.changed = self.changed.saturating_add(others.changed);
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// How many objects differ.
    pub fn count(&self) -> u32 {
        self.came.saturating_add(self.went).saturating_add(self.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_looked_at_as_often_as_is_said_in_words_that_can_be_read() {
        let minutes = |said: Option<&str>| {
            let interval = said.map(Duration::new);
            Drift { interval, ..Drift::default() }.interval().as_secs() / 60
        };
        assert_eq!(minutes(Some("1h")), 60);
        assert_eq!(minutes(Some("soon")), 10);
        assert_eq!(minutes(None), 10);
    }

    #[test]
    fn what_differs_is_counted_by_what_became_of_it() {
        let one = |what| Drifted { object: "Service/web".into(), what, paths: vec![] };
        let mut all =
            Differences::of(&[one(Became::Came), one(Became::Changed), one(Became::Changed)]);
        assert_eq!((all.came, all.went, all.changed), (1, 0, 2));
        all.add(&Differences::of(&[one(Became::Went), one(Became::Came)]));
        assert_eq!((all.came, all.went, all.changed, all.count()), (2, 1, 2, 5));
        assert_eq!(all.objects.len(), 3, "the others without their names");
        assert!(!all.is_empty() && Differences::of(&[]).is_empty());
        let many = vec![one(Became::Went); 9];
        let many = Differences::of(&many);
        assert_eq!((many.count(), many.objects.len()), (9, 8));
    }
}
