//! Labels and annotations that belong to a tool, a cloud or a controller: as data.

use serde_json::{Map, Value};

use crate::{
    api::{names::GROUP, staging_plan::Severity},
    plan::{
        context::Context,
        kinds,
        log::{Log, Rule},
        object::{Object, escape},
    },
};

/// Marks that go for one reason.
struct Marks {
    rule: Rule,
    /// Whole keys.
    keys: &'static [&'static str],
    /// Beginnings of keys; with `*`, a beginning and an end.
    prefixes: &'static [&'static str],
    /// Whether they go from Pod templates as well.
    pods: bool,
}

/// Annotations that are mere bookkeeping: they go without an entry in the report.
const BOOKKEEPING: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "kubectl.kubernetes.io/restartedAt",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "deprecated.daemonset.template.generation",
];

const MARKS: &[Marks] = &[
    Marks {
        rule: Rule {
            name: "tracking",
            why: "a deployment tool would take the clone for its own, and could delete or adopt it",
        },
        keys: &[
            "helm.sh/chart",
            "helm.sh/resource-policy",
            "heritage",
            "config.k8s.io/owning-inventory",
            "olm.managed",
            "addonmanager.kubernetes.io/mode",
            "kubernetes.io/cluster-service",
            "config.kubernetes.io/owning-inventory",
        ],
        prefixes: &[
            "argocd.argoproj.io/",
            "argocd-image-updater.argoproj.io/",
            "notifications.argoproj.io/",
            "rollout.argoproj.io/",
            "argo-rollouts.argoproj.io/",
            "kustomize.toolkit.fluxcd.io/",
            "helm.toolkit.fluxcd.io/",
            "fluxcd.controlplane.io/",
            "fluxcd.io/",
            "meta.helm.sh/",
            "helm.sh/hook",
            "kapp.k14s.io/",
            "applyset.kubernetes.io/",
            "skaffold.dev/",
            "objectset.rio.cattle.io/",
            "fleet.cattle.io/",
            "crossplane.io/",
            "olm.owner",
            "operatorframework.io/",
            "operators.coreos.com/",
            "flagger.app/",
            "reconcile.fluxcd.io/",
            "kots.io/",
            "app.gitlab.com/",
            "sealedsecrets.bitnami.com/",
            "field.cattle.io/",
            "management.cattle.io/",
        ],
        pods: false,
    },
    Marks {
        rule: Rule {
            name: "image-update",
            why: "another tool would change the clone's images; which run is up to the environment",
        },
        keys: &["alpha.image.policy.openshift.io/resolve-names"],
        prefixes: &["image.openshift.io/", "keel.sh/"],
        pods: false,
    },
    Marks {
        rule: Rule { name: "replication", why: "values of production would flow in afterwards" },
        keys: &[],
        prefixes: &[
            "replicator.v1.mittwald.de/",
            "reflector.v1.k8s.emberstack.com/",
            "generate.kyverno.io/",
            "kyverno.io/generated-by",
            "policies.kyverno.io/last-applied",
            "kubed.appscode.com/",
        ],
        pods: true,
    },
    Marks {
        rule: Rule {
            name: "multicluster",
            why: "other clusters and zones would take the clone for a part of production's Service",
        },
        keys: &["istio.io/global", "networking.istio.io/exportTo"],
        prefixes: &[
            "consul.hashicorp.com/service-",
            "multicluster.x-k8s.io/",
            "submariner.io/",
            "mirror.linkerd.io/",
            "multicluster.linkerd.io/",
            "service.kubernetes.io/topology-",
        ],
        pods: false,
    },
    Marks {
        rule: Rule {
            name: "lifecycle",
            why: "another tool would scale or delete the clone; its life is the environment's",
        },
        keys: &["cleanup.kyverno.io/ttl"],
        prefixes: &[
            "janitor/",
            "downscaler/",
            "kube-green.",
            "autoscaling.keda.sh/",
            "autoscaling.alpha.kubernetes.io/",
            "sleepmode.loft.sh/",
        ],
        pods: false,
    },
    Marks {
        rule: Rule { name: "backup", why: "the clone would enter production's backups" },
        keys: &[],
        prefixes: &[
            "velero.io/",
            "backup.velero.io/",
            "pre.hook.backup.velero.io/",
            "post.hook.backup.velero.io/",
            "k10.kasten.io/",
            "k8up.io/",
        ],
        pods: true,
    },
    Marks {
        rule: Rule {
            name: "dns",
            why: "the name belongs to production, and its record would be taken over",
        },
        keys: &[],
        prefixes: &[
            "external-dns.alpha.kubernetes.io/",
            "external-dns.kubernetes.io/",
            "dns.gardener.cloud/",
            "coredns.io/",
        ],
        pods: true,
    },
    Marks {
        rule: Rule {
            name: "certificate",
            why: "a certificate would be ordered for a name that belongs to production",
        },
        keys: &["kubernetes.io/tls-acme"],
        prefixes: &["cert-manager.io/", "acme.cert-manager.io/", "certmanager.k8s.io/"],
        pods: false,
    },
    Marks {
        rule: Rule {
            name: "cloud",
            why: "it asks the cloud for something that production has: an address, a load balancer, a certificate",
        },
        keys: &[
            "kubernetes.io/ingress.global-static-ip-name",
            "kubernetes.io/ingress.regional-static-ip-name",
            "ingress.gcp.kubernetes.io/pre-shared-cert",
        ],
        prefixes: &[
            "service.beta.kubernetes.io/",
            "service.kubernetes.io/load-balancer",
            "alb.ingress.kubernetes.io/",
            "cloud.google.com/",
            "networking.gke.io/",
            "metallb.io/",
            "metallb.universe.tf/",
            "io.cilium/",
            "lbipam.cilium.io/",
            "service.cilium.io/",
            "kube-vip.io/",
            "load-balancer.hetzner.cloud/",
            "kubernetes.digitalocean.com/",
            "oci.oraclecloud.com/",
            "oci-network-load-balancer.oraclecloud.com/",
            "loadbalancer.openstack.org/",
            "k8s.scaleway.com/",
            "service.kubernetes.io/ibm-",
            "service.kubernetes.io/tke-",
            "service.kubernetes.io/qcloud-",
            "service.cloud.tencent.com/",
            "ingress.cloud.tencent.com/",
            "kubernetes.io/elb.",
            "yandex.cloud/",
            "alibabacloud.com/",
            "beta.cloud.google.com/",
            "purelb.io/",
            "tailscale.com/",
            "getambassador.io/",
            "ingress.kubernetes.io/",
        ],
        pods: false,
    },
    Marks {
        rule: Rule {
            name: "pod-network",
            why: "it gives the Pod a network or an address besides its own, where no policy of the fence holds, or one that production has",
        },
        keys: &[],
        prefixes: &[
            "k8s.v1.cni.cncf.io/",
            "v1.multus-cni.io/",
            "cni.projectcalico.org/",
            "k8s.ovn.org/",
            "ovn.kubernetes.io/",
            "networking.gke.io/",
            "vpc.amazonaws.com/",
            "ipam.cilium.io/",
            "k8s.amazonaws.com/eni",
        ],
        pods: true,
    },
    Marks {
        rule: Rule {
            name: "cloud-identity",
            why: "it is an identity of production's in the cloud or a vault",
        },
        keys: &[],
        prefixes: &[
            "eks.amazonaws.com/",
            "iam.amazonaws.com/",
            "iam.gke.io/",
            "azure.workload.identity/",
            "aadpodidbinding",
            "vault.hashicorp.com/",
            "vault.security.banzaicloud.io/",
            "bank-vaults.io/",
            "operator.1password.io/",
            "akeyless/",
            "pod-identity.alibabacloud.com/",
            "spiffe.io/",
            "conjur.org/",
            "org.infisical.com/",
        ],
        pods: true,
    },
    Marks {
        rule: Rule {
            name: "agent",
            why: "an agent that no fence holds does what it says: it would ask production, or take the clone for a part of it",
        },
        keys: &[],
        prefixes: &[
            "ad.datadoghq.com/*.check_names",
            "ad.datadoghq.com/*.checks",
            "ad.datadoghq.com/*.init_configs",
            "ad.datadoghq.com/*.instances",
            "co.elastic.hints/",
            "co.elastic.metrics/",
            "co.elastic.monitor/",
            "consul.hashicorp.com/",
        ],
        pods: true,
    },
    Marks {
        rule: Rule {
            name: "collected",
            why: "sidecars of production collect what bears it in every namespace, and would take the clone's for production's",
        },
        keys: &["prometheus_rule", "alertmanager_config"],
        prefixes: &["grafana_", "loki_rule"],
        pods: false,
    },
];

/// Of a claim: what an annotation asks for only its driver knows.
const CLAIM: Rule = Rule {
    name: "claim-binding",
    why: "it may tie the claim to a volume, a directory, a node or a driver of production",
};
/// Annotations of a claim that Kubernetes writes when it binds one: nobody misses them.
const OF_BINDING: [&str; 3] =
    ["pv.kubernetes.io", "volume.kubernetes.io", "volume.beta.kubernetes.io"];
/// The annotation of a claim that stays: the name of its class, from before there was a field.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

const LABELS: &str = "labels";

const OURS: Rule = Rule { name: "own-mark", why: "only Kulisse itself may set it" };

/// Whether a label or annotation is one of ours.
pub(super) fn is_ours(key: &str) -> bool {
    key.split_once('/').is_some_and(|(domain, _)| {
        domain == GROUP || domain.strip_suffix(GROUP).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// Takes the marks from an object's own labels and annotations.
pub(super) fn top_level(object: &mut Object, log: &mut Log) {
    each(object, "/metadata", |_, _, _| true, log);
    if kinds::shape(object) == kinds::Shape::Claim {
        claim(object, "/metadata/annotations", log);
    }
}

/// Takes from a Pod template only what would reach out from it: its labels are what selectors use, and
/// none looks at annotations.
pub(super) fn pod_template(object: &mut Object, template: &str, context: &Context, log: &mut Log) {
    let which = |marks: &Marks, map: &str, key: &str| {
        marks.pods && !(map == LABELS && context.selected.contains(key))
    };
    each(object, &format!("{template}/metadata"), which, log);
}

/// Takes the marks from what stands between an object and its Pods.
pub(super) fn between(object: &mut Object, part: &str, log: &mut Log) {
    object.remove(&format!("{part}/metadata/creationTimestamp"));
    each(object, &format!("{part}/metadata"), |_, _, _| true, log);
}

/// Takes the marks from the template of a claim.
pub(super) fn claim_template(object: &mut Object, template: &str, log: &mut Log) {
    each(object, &format!("{template}/metadata"), |_, _, _| true, log);
    claim(object, &format!("{template}/metadata/annotations"), log);
}

fn claim(object: &mut Object, annotations: &str, log: &mut Log) {
    let keys = object.get(annotations).and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let going: Vec<String> =
        keys.filter(|it| *it != CLASS).map(|it| escape(it).into_owned()).collect();
    let own = |key: &String| OF_BINDING.iter().any(|it| key.starts_with(it));
    if let Some(key) = going.iter().find(|it| !own(it)) {
        // No patch: whoever asks for environments would lead it to production's directory.
        let settle = "# of the class: a StorageClass whose driver needs to be told nothing\n# storage:\n#   className: NAME";
        let why = "it loses what its driver is told, so that it is not led to production's directory; without that, a driver may put several claims in one place";
        let path = format!("{annotations}/{key}");
        log.find(Severity::Informs, &object.key(), &path, "claim-binding", why, settle);
    }
    for key in &going {
        log.remove(object, &format!("{annotations}/{key}"), &CLAIM);
    }
    if !going.is_empty() {
        drop_empty(object, annotations);
    }
}

/// A map that has become empty is no difference to production.
fn drop_empty(object: &mut Object, map: &str) {
    if object.get(map).and_then(Value::as_object).is_some_and(Map::is_empty) {
        object.remove(map);
    }
}

/// Which marks go, of which of the two maps, by which key.
fn each(
    object: &mut Object,
    metadata: &str,
    which: impl Fn(&Marks, &str, &str) -> bool,
    log: &mut Log,
) {
    for name in [LABELS, "annotations"] {
        let which = |marks: &Marks, key: &str| which(marks, name, key);
        let map = format!("{metadata}/{name}");
        let keys = object.get(&map).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let going = keys.filter_map(|key| {
            let silent = BOOKKEEPING.contains(&key.as_str());
            let rule = if silent { None } else { rule(key, which) };
            (silent || rule.is_some()).then(|| (format!("{map}/{}", escape(key)), rule))
        });
        let going: Vec<(String, Option<&Rule>)> = going.collect();
        for (path, rule) in &going {
            match rule {
                Some(rule) => log.remove(object, path, rule),
                None => drop(object.remove(path)),
            }
        }
        if !going.is_empty() {
            drop_empty(object, &map);
        }
    }
}

/// By which rule a key goes, if it does.
fn rule(key: &str, which: impl Fn(&Marks, &str) -> bool) -> Option<&'static Rule> {
    if is_ours(key) {
        return Some(&OURS);
    }
    let marks = MARKS.iter().find(|it| holds(it, key) && which(it, key))?;
    Some(&marks.rule)
}

fn holds(marks: &Marks, key: &str) -> bool {
    // Nearly every prefix differs in its first letter: that is asked without a call.
    let first = key.as_bytes().first();
    let begins = |prefix: &&str| {
        prefix.as_bytes().first() == first
            && match prefix.split_once('*') {
                Some((begin, end)) => key.starts_with(begin) && key.ends_with(end),
                None => key.starts_with(*prefix),
            }
    };
    marks.keys.contains(&key) || marks.prefixes.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{capture::Capture, fixture};

    #[test]
    fn no_selector_keeps_an_annotation_by_which_a_controller_acts() {
        const ITEM: &str = "operator.1password.io/item-path";
        let marks = json!({ ITEM: "vaults-production" });
        let mut web = fixture::deployment("web", marks.clone(), json!({}));
        web.set("/spec/template/metadata/annotations", marks.clone());
        let selecting = json!({"spec": {"selector": marks}});
        let selecting = fixture::object("example.com/v1", "Custom", "x", selecting);
        let request = fixture::request(json!({}), json!({}));
        let capture = Capture { objects: vec![web.clone(), selecting], ..fixture::capture() };
        let context = Context::new(&request, &capture).unwrap();
        pod_template(&mut web, "/spec/template", &context, &mut Log::default());
        let metadata = web.get("/spec/template/metadata").unwrap();
        assert_eq!(metadata["labels"][ITEM], "vaults-production", "labels are what selectors use");
        assert!(metadata.get("annotations").is_none(), "{metadata}");
    }

    #[test]
    fn a_mark_is_ours_by_the_domain_before_its_slash() {
        for (key, expected) in [
            ("kulisse.dev/task", true),
            ("sub.kulisse.dev/task", true),
            ("notkulisse.dev/task", false),
            ("kulisse.dev", false),
            ("kulisse.dev.example.com/task", false),
            ("example.com/kulisse.dev", false),
            ("/task", false),
        ] {
            assert_eq!(is_ours(key), expected, "{key}");
        }
    }

    #[test]
    fn a_mark_of_a_tool_is_known_by_its_whole_key_or_how_it_begins() {
        let name = |key: &str| rule(key, |_, _| true).map(|it| it.name);
        for (key, expected) in [
            ("helm.sh/chart", Some("tracking")),
            ("helm.sh/charts", None),
            ("argocd.argoproj.io/sync-wave", Some("tracking")),
            ("argocd.example.com/sync-wave", None),
            ("app", None),
            ("", None),
            ("kulisse.dev/task", Some("own-mark")),
        ] {
            assert_eq!(name(key), expected, "{key}");
        }
        assert!(rule("helm.sh/chart", |_, _| false).is_none());
        assert_eq!(rule("kulisse.dev/task", |_, _| false).map(|it| it.name), Some("own-mark"));
    }
}
