//! What Kulisse knows about kinds: the one place.
//!
//! A new kind is a new entry: in `kinds/known.rs` (of a mesh: `kinds/mesh.rs`) or, if it stays
//! behind, in `kinds/left.rs`. Passes ask the entry, never the kind's name.

mod known;
mod left;
mod mesh;
mod references;
mod stores;

pub use self::{
    mesh::{Form, Peers, Without},
    references::{Reference, Refers, references},
};

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

use super::object::Object;
use crate::api::status::Wave;

/// What Kulisse knows about a kind.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// API group; empty for the core group; `*.example.com` for all below that domain.
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
    /// Where it selects Pods by the value of each label: JSON pointers with `*` for every element of
    /// a list.
    pub selectors: &'static [&'static str],
    /// Where it names the Services that it leads traffic to: JSON pointers with `*`.
    pub backends: &'static [&'static str],
    /// Where it says which namespaces it holds for, if it may hold for others than its own.
    pub export: Option<&'static str>,
    /// Where it names whoever is in a namespace: its own stay, those of others go.
    pub peers: &'static [Peers],
    /// Whether Secrets and ConfigMaps that its controller made come along without it, although it
    /// stays behind: an ExternalSecret reads production's vault, yet the Pods need its Secret.
    pub settings_without_it: bool,
    /// Where it names the Secrets that its controller makes: JSON pointers with `*`. If none is named,
    /// there is one of its own name.
    pub makes: &'static [&'static str],
    /// What a person does about its staying behind, if the application will miss it.
    pub instead: Option<&'static str>,
}

/// Whether a kind comes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It does.
    Clone,
    /// It does with the scale profile `Full`; else it stays behind, for the reason given.
    WithFull(&'static str, &'static str),
    /// It stays behind unless the class says otherwise, for the reason given: a word and a clause.
    Leave(&'static str, &'static str),
    /// It stays behind whatever the class says, for the reason given: a word and a clause.
    Never(&'static str, &'static str),
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
    /// Takes traffic from outside, for an ingress controller.
    Route,
    /// Takes traffic from outside, for a Gateway.
    GatewayRoute,
    /// Runs Pods through a controller of its own that brings in new ones step by step.
    Rollout,
    /// A Pod.
    Pod,
    /// Changes the replicas of a workload.
    Autoscaler,
    /// Says how many Pods may go at a time.
    Budget,
    /// None in particular.
    Other,
}

/// What is known about the kind of `object`.
pub fn profile(object: &Object) -> Option<&'static Profile> {
    object.profile()
}

/// What is known about a kind: its own entry, else its group's.
pub fn named(group: &str, kind: &str) -> Option<&'static Profile> {
    let entry = |kind| BY_KIND.get(kind)?.iter().copied().find(|it| is_in(group, it.group));
    entry(kind).or_else(|| entry("*"))
}

/// Every entry, by its kind.
static BY_KIND: LazyLock<BTreeMap<&str, Vec<&Profile>>> = LazyLock::new(|| {
    let mut by_kind = BTreeMap::<_, Vec<_>>::new();
    for entry in all() {
        by_kind.entry(entry.kind).or_default().push(entry);
    }
    by_kind
});

/// Whether a group is the one of an entry: `*.crossplane.io` stands for all that end so.
fn is_in(group: &str, entry: &str) -> bool {
    entry == group
        || entry
            .strip_prefix('*')
            .is_some_and(|end| group.ends_with(end) || end.strip_prefix('.') == Some(group))
}

/// Every entry.
fn all() -> impl Iterator<Item = &'static Profile> {
    known::PROFILES.iter().chain(mesh::MESH).chain(left::LEFT).chain(stores::STORES)
}

/// Which rules `object` takes part in.
pub fn shape(object: &Object) -> Shape {
    profile(object).map_or(Shape::Other, |it| it.shape)
}

/// JSON pointer of the Pod spec in `object`, if its kind has one and it is there.
pub fn pod_spec(object: &Object) -> Option<String> {
    let pointer = [profile(object)?.pod_template?, "/spec"].concat();
    object.get(&pointer).is_some_and(Value::is_object).then_some(pointer)
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
    let pod = object.get(&spec);
    let mut found = Vec::new();
    for list in ["initContainers", "containers"] {
        let all = pod.and_then(|it| it.get(list)?.as_array()).map_or(0, Vec::len);
        found.extend((0..all).map(|at| format!("{spec}/{list}/{at}")));
    }
    found
}

/// JSON pointers of all references to images in `object`, and whose they are: a container's name, or
/// `volume/` and the name of a volume that is an image.
pub fn images(object: &Object) -> Vec<(String, String)> {
    let Some(spec) = pod_spec(object) else { return Vec::new() };
    let named = |path: String, image: &str, what: &str| {
        let whose = format!("{what}{}", object.text(&format!("{path}/name")));
        (format!("{path}/{image}"), whose)
    };
    let containers = containers(object).into_iter().map(|it| named(it, "image", ""));
    let volumes = object.expand(&format!("{spec}/volumes/*"));
    let volumes = volumes.into_iter().map(|it| named(it, "image/reference", IMAGE_VOLUME));
    containers.chain(volumes).filter(|(path, _)| !object.text(path).is_empty()).collect()
}

/// What stands before the name of a volume that is an image, where containers are named as well.
pub const IMAGE_VOLUME: &str = "volume/";

/// Groups of Kubernetes itself that look like those of custom resources.
const OWN_GROUPS: [&str; 12] = [
    "admissionregistration.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// Whether objects of a group are somebody else's than Kubernetes' own: a controller of theirs may have
/// to clean up after them.
pub fn is_custom(group: &str) -> bool {
    group.contains('.') && !OWN_GROUPS.contains(&group)
}

/// Names of the Secrets that the controller of `object` makes from it.
pub fn made_secrets(object: &Object) -> Vec<&str> {
    let makes = profile(object).map_or(&[][..], |it| it.makes);
    let named: Vec<String> = makes.iter().flat_map(|it| object.expand(it)).collect();
    let one = makes.iter().any(|it| !it.contains('*'));
    if one && named.is_empty() {
        return vec![object.name()];
    }
    named.iter().map(|path| object.text(path)).collect()
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

/// Whether objects of a kind come along wherever they are. If not, one trouble of the server with them
/// does not hold up the plan: they are named as not readable.
pub fn comes_along(group: &str, kind: &str) -> bool {
    named(group, kind).is_some_and(|it| it.action == Action::Clone)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn no_kind_has_two_entries() {
        let mut seen = BTreeSet::new();
        for it in all() {
            assert!(seen.insert((it.group, it.kind)), "{}/{} stands twice", it.group, it.kind);
        }
    }

    #[test]
    fn a_groups_entry_holds_for_kinds_without_one() {
        let entry = named("argoproj.io", "SomethingNew").map(|it| it.action);
        assert!(matches!(entry, Some(Action::Leave(..))));
        assert!(named("example.com", "Widget").is_none());
    }

    #[test]
    fn an_entry_may_stand_for_all_groups_below_a_domain() {
        let reason = |group| match named(group, "Bucket").map(|it| it.action) {
            Some(Action::Leave(reason, _)) => reason,
            _ => "",
        };
        assert_eq!(reason("s3.aws.upbound.io"), "cloud");
        assert_eq!(reason("crossplane.io"), "cloud");
        assert_eq!(reason("notcrossplane.io"), "");
    }

    fn object(version: &str, kind: &str, spec: &Value) -> Object {
        Object::made(version, kind, "web", json!({"spec": spec}))
    }

    #[test]
    fn the_services_that_a_route_leads_to_are_known_whoever_it_is_written_for() {
        let rules = json!({"rules": [{"backendRefs": [{"name": "a"}, {"name": "b"}]}]});
        let services =
            json!({"routes": [{"services": [{"name": "a"}]}, {"services": [{"name": "b"}]}]});
        let mesh =
            json!([{"route": [{"destination": {"host": "a"}}, {"destination": {"host": "b"}}]}]);
        for (version, kind, spec) in [
            ("gateway.networking.k8s.io/v1", "HTTPRoute", rules.clone()),
            ("gateway.networking.k8s.io/v1", "GRPCRoute", rules),
            ("networking.istio.io/v1", "VirtualService", json!({"http": mesh})),
            ("networking.istio.io/v1", "VirtualService", json!({"tcp": mesh})),
            ("traefik.io/v1alpha1", "IngressRoute", services.clone()),
            ("traefik.containo.us/v1alpha1", "IngressRoute", services.clone()),
            ("projectcontour.io/v1", "HTTPProxy", services),
            (
                "k8s.nginx.org/v1",
                "VirtualServer",
                json!({"upstreams": [{"service": "a"}, {"service": "b"}]}),
            ),
            (
                "apisix.apache.org/v2",
                "ApisixRoute",
                json!({"http": [{"backends": [{"serviceName": "a"}, {"serviceName": "b"}]}]}),
            ),
            (
                "networking.k8s.io/v1",
                "Ingress",
                json!({
                    "defaultBackend": {"service": {"name": "a"}},
                    "rules": [{"http": {"paths": [{"backend": {"service": {"name": "b"}}}]}}],
                }),
            ),
        ] {
            let route = object(version, kind, &spec);
            let backends = profile(&route).unwrap().backends.iter();
            let paths: Vec<String> = backends.flat_map(|it| route.expand(it)).collect();
            let names: Vec<&str> = paths.iter().map(|it| route.text(it)).collect();
            assert_eq!(names, ["a", "b"], "{version} {kind}");
        }
        let route = object("route.openshift.io/v1", "Route", &json!({"to": {"name": "a"}}));
        let paths: Vec<&str> = profile(&route).unwrap().backends.to_vec();
        assert_eq!(paths.iter().map(|it| route.text(it)).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn the_secrets_that_a_controller_makes_are_known_by_name() {
        for (version, kind, spec, expected) in [
            ("cert-manager.io/v1", "Certificate", json!({"secretName": "tls"}), &["tls"][..]),
            ("external-secrets.io/v1", "ExternalSecret", json!({"target": {"name": "a"}}), &["a"]),
            // What is not said is its own name.
            ("external-secrets.io/v1", "ExternalSecret", json!({}), &["web"]),
            ("bitnami.com/v1alpha1", "SealedSecret", json!({}), &["web"]),
            (
                "bitnami.com/v1alpha1",
                "SealedSecret",
                json!({"template": {"metadata": {"name": "a"}}}),
                &["a"],
            ),
            (
                "secrets-store.csi.x-k8s.io/v1",
                "SecretProviderClass",
                json!({"secretObjects": [{"secretName": "a"}, {"secretName": "b"}]}),
                &["a", "b"],
            ),
            // Without a list it makes none, and others make none at all.
            ("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass", json!({}), &[]),
            ("external-secrets.io/v1", "PushSecret", json!({}), &[]),
            ("apps/v1", "Deployment", json!({}), &[]),
            ("example.com/v1", "Widget", json!({}), &[]),
        ] {
            let object = object(version, kind, &spec);
            assert_eq!(made_secrets(&object), expected, "{kind} {spec}");
        }
    }

    #[test]
    fn settings_come_without_their_maker_where_a_store_or_a_vault_made_them() {
        for (group, kind, expected) in [
            ("cert-manager.io", "Certificate", true),
            ("external-secrets.io", "ExternalSecret", true),
            ("bitnami.com", "SealedSecret", true),
            ("postgresql.cnpg.io", "Cluster", true),
            ("kafka.strimzi.io", "KafkaUser", true),
            ("cert-manager.io", "Issuer", false),
            ("external-secrets.io", "PushSecret", false),
            ("apps", "ReplicaSet", false),
        ] {
            let found = named(group, kind).is_some_and(|it| it.settings_without_it);
            assert_eq!(found, expected, "{kind}");
        }
    }

    #[test]
    fn what_the_application_misses_says_what_to_do_instead() {
        for (group, kind) in [
            ("", "ReplicationController"),
            ("apps", "ReplicaSet"),
            ("apps.kruise.io", "CloneSet"),
            ("kafka.strimzi.io", "Kafka"),
            ("networking.istio.io", "EnvoyFilter"),
            ("serving.knative.dev", "Service"),
        ] {
            assert!(named(group, kind).is_some_and(|it| it.instead.is_some()), "{kind}");
        }
        assert!(named("kafka.strimzi.io", "KafkaTopic").is_some_and(|it| it.instead.is_none()));
    }

    #[test]
    fn kubernetes_own_groups_are_nobody_elses() {
        for (group, expected) in [
            ("", false),
            ("apps", false),
            ("networking.k8s.io", false),
            ("rbac.authorization.k8s.io", false),
            ("gateway.networking.k8s.io", true),
            ("example.com", true),
        ] {
            assert_eq!(is_custom(group), expected, "{group}");
        }
    }

    #[test]
    fn what_changes_by_the_second_is_not_read() {
        for (group, kind) in [
            ("", "Event"),
            ("events.k8s.io", "Event"),
            ("", "Endpoints"),
            ("", "PodTemplate"),
            ("coordination.k8s.io", "Lease"),
            ("metrics.k8s.io", "PodMetrics"),
            ("storage.k8s.io", "CSIStorageCapacity"),
        ] {
            assert!(!is_read(group, kind), "{kind}");
        }
        for (group, kind) in [("", "Pod"), ("example.com", "Event"), ("apps", "Deployment")] {
            assert!(is_read(group, kind), "{kind}");
        }
    }

    #[test]
    fn what_comes_along_everywhere_holds_up_the_plan() {
        for (group, kind, expected) in [
            ("", "ConfigMap", true),
            ("argoproj.io", "Rollout", true),
            ("autoscaling", "HorizontalPodAutoscaler", false),
            ("", "Pod", false),
            ("keda.sh", "ScaledObject", false),
            ("example.com", "Widget", false),
        ] {
            assert_eq!(comes_along(group, kind), expected, "{kind}");
        }
    }

    #[test]
    fn an_image_is_a_containers_or_a_volumes() {
        let pod = json!({
            "initContainers": [{"name": "setup", "image": "a"}],
            "containers": [{"name": "injected"}, {"name": "web", "image": "b"}],
            "volumes": [{"name": "files", "emptyDir": {}}, {"name": "model", "image": {"reference": "c"}}],
        });
        let of = |version: &str, kind: &str, spec: Value| {
            let object = object(version, kind, &spec);
            let all = images(&object).into_iter();
            all.map(|(path, whose)| format!("{whose} {}", object.text(&path))).collect::<Vec<_>>()
        };
        let expected = ["setup a", "web b", "volume/model c"];
        assert_eq!(of("apps/v1", "Deployment", json!({"template": {"spec": pod}})), expected);
        let schedule = json!({"jobTemplate": {"spec": {"template": {"spec": pod}}}});
        assert_eq!(of("batch/v1", "CronJob", schedule), expected);
        assert_eq!(of("apps/v1", "Deployment", json!({})), [""; 0]);
        assert_eq!(of("example.com/v1", "Widget", json!({"template": {"spec": pod}})), [""; 0]);
    }

    #[test]
    fn the_labels_by_which_pods_are_selected_are_known() {
        let subsets =
            json!({"subsets": [{"labels": {"version": "1"}}, {"labels": {"version": "2"}}]});
        for (version, kind, spec, expected) in [
            ("v1", "Service", json!({"selector": {"app": "web"}}), &["/spec/selector"][..]),
            (
                "networking.istio.io/v1",
                "DestinationRule",
                subsets,
                &["/spec/subsets/0/labels", "/spec/subsets/1/labels"],
            ),
        ] {
            let object = object(version, kind, &spec);
            let selectors = profile(&object).unwrap().selectors.iter();
            assert_eq!(selectors.flat_map(|it| object.expand(it)).collect::<Vec<_>>(), expected);
        }
    }
}
