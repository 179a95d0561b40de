//! What Kulisse knows about kinds: the one place.
//!
//! A new kind is a new entry in [`PROFILES`]. Passes ask the entry, never the kind's name.

use super::object::Object;
use crate::api::status::Wave;

/// What Kulisse knows about a kind.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Whether it comes along.
    pub action: Action,
    /// When it is applied, if it comes along. Stores move ahead of other workloads.
    pub wave: Wave,
    /// JSON pointer of the Pod template, if it has one.
    pub pod_template: Option<&'static str>,
    /// JSON pointer of the number of replicas, if it has one.
    pub replicas: Option<&'static str>,
    /// Whether it runs Pods all the time: what a person waits for.
    pub workload: bool,
}

/// Whether a kind comes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It does.
    Clone,
    /// It stays behind, for the reason given: a word and a clause.
    Leave(&'static str, &'static str),
}

const fn config(group: &'static str, kind: &'static str) -> Profile {
    Profile {
        group,
        kind,
        action: Action::Clone,
        wave: Wave::Config,
        pod_template: None,
        replicas: None,
        workload: false,
    }
}

const fn workload(
    group: &'static str,
    kind: &'static str,
    replicas: Option<&'static str>,
) -> Profile {
    Profile {
        wave: Wave::Workloads,
        pod_template: Some("/spec/template"),
        replicas,
        workload: true,
        ..config(group, kind)
    }
}

/// Every kind with a rule of its own.
pub const PROFILES: &[Profile] = &[
    config("", "ConfigMap"),
    config("", "Secret"),
    config("", "Service"),
    config("", "ServiceAccount"),
    workload("apps", "Deployment", Some("/spec/replicas")),
    workload("apps", "StatefulSet", Some("/spec/replicas")),
    workload("apps", "DaemonSet", None),
];

/// What is known about the kind of `object`.
pub fn profile(object: &Object) -> Option<&'static Profile> {
    PROFILES.iter().find(|it| it.kind == object.kind() && it.group == object.group())
}
