//! What Kulisse knows about kinds: the one place.
//!
//! A new kind is a new entry in [`PROFILES`] (or, if it stays behind, in `kinds/left.rs`). Passes
//! ask the entry, never the kind's name.

mod left;
mod references;

pub use self::references::{Reference, Refers, references};

use super::object::Object;
use crate::api::status::Wave;

/// What Kulisse knows about a kind.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Kind; `*` for all kinds of a group that have no entry of their own.
    pub kind: &'static str,
    /// Whether it comes along.
    pub action: Action,
    /// Which rules it takes part in.
    pub shape: Shape,
    /// When it is applied, if it comes along. Stores move ahead of other workloads.
    pub wave: Wave,
    /// Its place within the wave: what others refer to comes first.
    pub rank: u8,
    /// JSON pointer of the Pod template, if it has one.
    pub pod_template: Option<&'static str>,
    /// JSON pointer of the number of replicas, if it has one.
    pub replicas: Option<&'static str>,
    /// JSON pointer of the templates of its claims, if it has some.
    pub claim_templates: Option<&'static str>,
    /// Whether it runs Pods all the time: what a person waits for.
    pub workload: bool,
    /// Where it names other objects, besides its Pod template.
    pub references: &'static [Reference],
    /// Whether Secrets and ConfigMaps that its controller made come along without it, although it
    /// stays behind: an ExternalSecret reads production's vault, yet the Pods need its Secret.
    pub settings_without_it: bool,
}

/// Whether a kind comes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It does.
    Clone,
    /// It stays behind, for the reason given: a word and a clause.
    Leave(&'static str, &'static str),
}

/// The rules a kind takes part in, apart from what its pointers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text under `data`.
    Settings,
    /// Values that are never seen: a recipe instead.
    Secret,
    /// An account that Pods run as.
    Account,
    /// Storage.
    Claim,
    /// A stable address for Pods.
    Service,
    /// Addresses written by hand, or by a controller on behalf of a Service.
    Addresses,
    /// Rights.
    Role,
    /// Who has rights.
    RoleBinding,
    /// Who may talk to whom.
    Policy,
    /// Runs Pods.
    Workload,
    /// Runs Pods on every node.
    NodeWorkload,
    /// Runs Pods at set times.
    Schedule,
    /// Runs Pods once.
    Once,
    /// Takes traffic from outside.
    Route,
    /// A Pod.
    Pod,
    /// None in particular.
    Other,
}

const fn config(group: &'static str, kind: &'static str, shape: Shape, rank: u8) -> Profile {
    Profile {
        group,
        kind,
        action: Action::Clone,
        shape,
        wave: Wave::Config,
        rank,
        pod_template: None,
        replicas: None,
        claim_templates: None,
        workload: false,
        references: &[],
        settings_without_it: false,
    }
}

const fn workload(kind: &'static str, shape: Shape, replicas: Option<&'static str>) -> Profile {
    Profile {
        wave: Wave::Workloads,
        pod_template: Some("/spec/template"),
        replicas,
        workload: true,
        ..config("apps", kind, shape, 50)
    }
}

const fn left(
    group: &'static str,
    kind: &'static str,
    reason: &'static str,
    why: &'static str,
) -> Profile {
    Profile { action: Action::Leave(reason, why), ..config(group, kind, Shape::Other, 99) }
}

const fn route(group: &'static str, kind: &'static str, names: &'static [Reference]) -> Profile {
    Profile { wave: Wave::Workloads, references: names, ..config(group, kind, Shape::Route, 80) }
}

/// Every kind that comes along, and every kind of Kubernetes' own that does not.
pub const PROFILES: &[Profile] = &[
    config("", "ServiceAccount", Shape::Account, 10),
    config("rbac.authorization.k8s.io", "Role", Shape::Role, 12),
    Profile {
        references: references::BINDING,
        ..config("rbac.authorization.k8s.io", "RoleBinding", Shape::RoleBinding, 14)
    },
    config("networking.k8s.io", "NetworkPolicy", Shape::Policy, 16),
    config("", "ConfigMap", Shape::Settings, 20),
    config("", "Secret", Shape::Secret, 22),
    config("", "PersistentVolumeClaim", Shape::Claim, 30),
    config("", "Service", Shape::Service, 40),
    workload("Deployment", Shape::Workload, Some("/spec/replicas")),
    Profile {
        claim_templates: Some("/spec/volumeClaimTemplates"),
        references: references::STATEFUL,
        ..workload("StatefulSet", Shape::Workload, Some("/spec/replicas"))
    },
    workload("DaemonSet", Shape::NodeWorkload, None),
    Profile {
        wave: Wave::Workloads,
        pod_template: Some("/spec/jobTemplate/spec/template"),
        ..config("batch", "CronJob", Shape::Schedule, 60)
    },
    Profile {
        pod_template: Some("/spec/template"),
        shape: Shape::Once,
        ..left(
            "batch",
            "Job",
            "job",
            "it would run once more, and a migration or an import is not repeated unasked: name it under spec.seed",
        )
    },
    Profile {
        shape: Shape::Pod,
        ..left(
            "",
            "Pod",
            "bare-pod",
            "nothing would replace it: a workload's Pods come from its template, and this one has no workload",
        )
    },
    Profile {
        shape: Shape::Addresses,
        ..left(
            "",
            "Endpoints",
            "manual-endpoints",
            "it holds addresses of production, written by hand",
        )
    },
    Profile {
        shape: Shape::Addresses,
        ..left(
            "discovery.k8s.io",
            "EndpointSlice",
            "manual-endpoints",
            "it holds addresses of production, written by hand",
        )
    },
    route("networking.k8s.io", "Ingress", references::INGRESS),
    Profile {
        shape: Shape::Route,
        references: references::GATEWAY_ROUTE,
        ..left(
            "gateway.networking.k8s.io",
            "HTTPRoute",
            "gateway",
            "it would join production's Gateway; previews go through Ingresses of the class",
        )
    },
];

/// What is known about the kind of `object`.
pub fn profile(object: &Object) -> Option<&'static Profile> {
    named(object.group(), object.kind())
}

/// What is known about a kind: its own entry, else its group's.
pub fn named(group: &str, kind: &str) -> Option<&'static Profile> {
    let all = || PROFILES.iter().chain(left::LEFT).filter(|it| it.group == group);
    all().find(|it| it.kind == kind).or_else(|| all().find(|it| it.kind == "*"))
}

/// Which rules `object` takes part in.
pub fn shape(object: &Object) -> Shape {
    profile(object).map_or(Shape::Other, |it| it.shape)
}

/// JSON pointer of the Pod spec in `object`, if its kind has one and it is there.
pub fn pod_spec(object: &Object) -> Option<String> {
    let pointer = format!("{}/spec", profile(object)?.pod_template?);
    object.get(&pointer).is_some_and(serde_json::Value::is_object).then_some(pointer)
}

/// JSON pointers of all templates of claims in `object`: its own, and those of ephemeral volumes.
pub fn claim_templates(object: &Object) -> Vec<String> {
    let own = profile(object).and_then(|it| it.claim_templates);
    let own = own.map(|list| object.expand(&format!("{list}/*"))).unwrap_or_default();
    let ephemeral = pod_spec(object)
        .map(|spec| object.expand(&format!("{spec}/volumes/*/ephemeral/volumeClaimTemplate")))
        .unwrap_or_default();
    own.into_iter().chain(ephemeral).collect()
}

/// JSON pointers of all containers in `object`, init containers included.
pub fn containers(object: &Object) -> Vec<String> {
    let Some(spec) = pod_spec(object) else { return Vec::new() };
    ["initContainers", "containers"]
        .iter()
        .flat_map(|list| object.expand(&format!("{spec}/{list}/*")))
        .collect()
}

/// Whether objects of a kind are read at all. These change by the second, are the API server's own
/// book-keeping, and would never come along.
pub fn is_read(group: &str, kind: &str) -> bool {
    !matches!(
        (group, kind),
        ("" | "events.k8s.io", "Event")
            | ("", "Endpoints" | "PodTemplate")
            | ("coordination.k8s.io", "Lease")
            | ("metrics.k8s.io", "PodMetrics")
            | ("storage.k8s.io", "CSIStorageCapacity")
    )
}

/// Whether objects of a kind may come along: if not, a plan is whole without having read them.
pub fn comes_along(group: &str, kind: &str) -> bool {
    named(group, kind).is_some_and(|it| it.action == Action::Clone)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_kind_has_two_entries() {
        let mut seen = BTreeSet::new();
        for it in PROFILES.iter().chain(left::LEFT) {
            assert!(seen.insert((it.group, it.kind)), "{}/{} stands twice", it.group, it.kind);
        }
    }

    #[test]
    fn a_groups_entry_holds_for_kinds_without_one() {
        let entry = named("argoproj.io", "SomethingNew").map(|it| it.action);
        assert!(matches!(entry, Some(Action::Leave(..))));
        assert!(named("example.com", "Widget").is_none());
    }
}
