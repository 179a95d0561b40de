//! Kinds that come along, and those of Kubernetes' own that run by themselves and do not.

use super::{Action, Profile, Reference, Shape, left, references};
use crate::api::status::Wave;

pub(super) const fn config(
    group: &'static str,
    kind: &'static str,
    shape: Shape,
    rank: u8,
) -> Profile {
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
        selectors: &[],
        backends: &[],
        export: None,
        peers: &[],
        settings_without_it: false,
        makes: &[],
        instead: None,
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

pub(super) const fn left(
    group: &'static str,
    kind: &'static str,
    reason: &'static str,
    why: &'static str,
) -> Profile {
    Profile { action: Action::Leave(reason, why), ..config(group, kind, Shape::Other, 99) }
}

pub(super) const fn never(
    group: &'static str,
    kind: &'static str,
    reason: &'static str,
    why: &'static str,
) -> Profile {
    Profile { action: Action::Never(reason, why), ..config(group, kind, Shape::Other, 99) }
}

const fn route(
    group: &'static str,
    kind: &'static str,
    shape: Shape,
    names: &'static [Reference],
) -> Profile {
    Profile { wave: Wave::Workloads, references: names, ..config(group, kind, shape, 80) }
}

const fn gateway_route(kind: &'static str) -> Profile {
    Profile {
        backends: &["/spec/rules/*/backendRefs/*/name"],
        ..route("gateway.networking.k8s.io", kind, Shape::GatewayRoute, references::GATEWAY_ROUTE)
    }
}

/// Every kind that comes along, and every kind of Kubernetes' own that does not.
pub(super) const PROFILES: &[Profile] = &[
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
    Profile { selectors: &["/spec/selector"], ..config("", "Service", Shape::Service, 40) },
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
        ..never(
            "batch",
            "Job",
            "job",
            "it would run once more, and a migration or an import is not repeated unasked: name it under spec.seed",
        )
    },
    Profile {
        shape: Shape::Pod,
        ..never(
            "",
            "Pod",
            "bare-pod",
            "nothing would replace it: a workload's Pods come from its template, and this one has no workload",
        )
    },
    Profile {
        action: Action::WithFull("autoscaler", left::AUTOSCALER),
        wave: Wave::Workloads,
        ..config("autoscaling", "HorizontalPodAutoscaler", Shape::Autoscaler, 70)
    },
    Profile {
        action: Action::WithFull(
            "disruption-budget",
            "with one replica left it would keep nodes from being drained",
        ),
        ..config("policy", "PodDisruptionBudget", Shape::Budget, 45)
    },
    Profile {
        shape: Shape::Addresses,
        ..never(
            "",
            "Endpoints",
            "manual-endpoints",
            "it holds addresses of production, written by hand",
        )
    },
    Profile {
        shape: Shape::Addresses,
        ..never(
            "discovery.k8s.io",
            "EndpointSlice",
            "manual-endpoints",
            "it holds addresses of production, written by hand",
        )
    },
    Profile {
        backends: &[
            "/spec/defaultBackend/service/name",
            "/spec/rules/*/http/paths/*/backend/service/name",
        ],
        ..route("networking.k8s.io", "Ingress", Shape::Route, references::INGRESS)
    },
    gateway_route("HTTPRoute"),
    gateway_route("GRPCRoute"),
    Profile { group: "argoproj.io", ..workload("Rollout", Shape::Rollout, Some("/spec/replicas")) },
];
