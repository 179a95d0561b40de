//! Kinds that stay behind, and why.
//!
//! A custom resource that comes along makes some controller *do* something, so the unknown ones
//! stay behind as well; those that are met everywhere have a reason of their own here.

use super::{Profile, left};

const AUTOSCALER: &str = "it would undo the scaling down, and at a queue of production's it would scale on production's load";
const BACKUP: &str = "the clone would enter production's backups or write into them";
const MONITORING: &str = "alerts would page whoever is on call, and series would be counted twice";
const DELIVERY: &str =
    "the clone would deploy itself again, or fight with the tool that deploys production";
const CERTIFICATE: &str = "certificates would be ordered for names that belong to production";
const VAULT: &str = "it reads production's vault with production's identity; the Secrets made from it come along with new values";
const CLOUD: &str = "it stands for something in the cloud: a copy would create it again, or adopt and later delete production's";
const DERIVED: &str = "a controller makes it anew";
const RUNTIME: &str = "it is state of what runs, not configuration";
const CLUSTER: &str = "it belongs to the whole cluster, not to the namespace";
const SIZES: &str = "it is made for production's size; the target's limits come from its class";
const MESH: &str = "a copy can change the traffic of production itself, since meshes share their configuration between namespaces";
const PIPELINE: &str = "it would start a pipeline";
const GATEWAY: &str = "a copy would ask for production's listener, address or certificate; previews use the class's own";
const OPERATOR: &str =
    "its controller would start a second instance with production's size, backups and listeners";

const fn from_vault(group: &'static str, kind: &'static str) -> Profile {
    Profile { settings_without_it: true, ..left(group, kind, "external-secret", VAULT) }
}

pub(super) const LEFT: &[Profile] = &[
    // Kubernetes' own.
    left("apps", "ReplicaSet", "derived", DERIVED),
    left("apps", "ControllerRevision", "derived", DERIVED),
    left("", "ReplicationController", "outdated", "Kubernetes has replaced it by Deployment"),
    left("", "Event", "runtime-state", RUNTIME),
    left("events.k8s.io", "Event", "runtime-state", RUNTIME),
    left(
        "coordination.k8s.io",
        "*",
        "runtime-state",
        "a clone would read the lock of what runs in production",
    ),
    left("metrics.k8s.io", "*", "runtime-state", RUNTIME),
    left("", "PodTemplate", "unused", "nothing runs from it by itself"),
    left("", "ResourceQuota", "limits", SIZES),
    left("", "LimitRange", "limits", SIZES),
    left(
        "policy",
        "PodDisruptionBudget",
        "disruption-budget",
        "with one replica left it would keep nodes from being drained",
    ),
    left("autoscaling", "*", "autoscaler", AUTOSCALER),
    left("autoscaling.k8s.io", "*", "autoscaler", AUTOSCALER),
    left("storage.k8s.io", "CSIStorageCapacity", "runtime-state", RUNTIME),
    left("resource.k8s.io", "*", "devices", "devices are shared out by claims of their own"),
    // Of the cluster.
    left("", "Namespace", "cluster-scoped", "the target is made by the operator"),
    left("", "Node", "cluster-scoped", CLUSTER),
    left("", "PersistentVolume", "cluster-scoped", CLUSTER),
    left("rbac.authorization.k8s.io", "ClusterRole", "cluster-scoped", CLUSTER),
    left("rbac.authorization.k8s.io", "ClusterRoleBinding", "cluster-scoped", CLUSTER),
    left("apiextensions.k8s.io", "*", "cluster-scoped", CLUSTER),
    left("apiregistration.k8s.io", "*", "cluster-scoped", CLUSTER),
    left("admissionregistration.k8s.io", "*", "cluster-scoped", CLUSTER),
    left("storage.k8s.io", "*", "cluster-scoped", CLUSTER),
    left("scheduling.k8s.io", "*", "cluster-scoped", CLUSTER),
    left("networking.k8s.io", "IngressClass", "cluster-scoped", CLUSTER),
    left("networking.k8s.io", "*", "cluster-scoped", CLUSTER),
    // Autoscalers.
    left("keda.sh", "*", "autoscaler", AUTOSCALER),
    // Backups and snapshots.
    left("snapshot.storage.k8s.io", "*", "backup", BACKUP),
    left("groupsnapshot.storage.k8s.io", "*", "backup", BACKUP),
    left("velero.io", "*", "backup", BACKUP),
    left("stork.libopenstorage.org", "*", "backup", BACKUP),
    left("config.kio.kasten.io", "*", "backup", BACKUP),
    left("apps.kio.kasten.io", "*", "backup", BACKUP),
    left("k8up.io", "*", "backup", BACKUP),
    // Monitoring.
    left("monitoring.coreos.com", "*", "monitoring", MONITORING),
    left("monitoring.googleapis.com", "*", "monitoring", MONITORING),
    left("operator.victoriametrics.com", "*", "monitoring", MONITORING),
    left("grafana.integreatly.org", "*", "monitoring", MONITORING),
    left("datadoghq.com", "*", "monitoring", MONITORING),
    // Delivery.
    left(
        "argoproj.io",
        "Rollout",
        "workload-kind",
        "its traffic steps lead through routes of production; Rollouts are not cloned yet",
    ),
    left("argoproj.io", "Workflow", "pipeline", PIPELINE),
    left("argoproj.io", "CronWorkflow", "pipeline", PIPELINE),
    left("argoproj.io", "*", "delivery", DELIVERY),
    left("kustomize.toolkit.fluxcd.io", "*", "delivery", DELIVERY),
    left("helm.toolkit.fluxcd.io", "*", "delivery", DELIVERY),
    left("source.toolkit.fluxcd.io", "*", "delivery", DELIVERY),
    left("image.toolkit.fluxcd.io", "*", "delivery", DELIVERY),
    left("notification.toolkit.fluxcd.io", "*", "delivery", DELIVERY),
    left("fluxcd.controlplane.io", "*", "delivery", DELIVERY),
    left("helm.cattle.io", "*", "delivery", DELIVERY),
    left("fleet.cattle.io", "*", "delivery", DELIVERY),
    left("operators.coreos.com", "*", "delivery", DELIVERY),
    left("kappctrl.k14s.io", "*", "delivery", DELIVERY),
    left("flagger.app", "*", "delivery", DELIVERY),
    left("tekton.dev", "*", "pipeline", PIPELINE),
    left("triggers.tekton.dev", "*", "pipeline", PIPELINE),
    left("build.openshift.io", "*", "pipeline", PIPELINE),
    left("image.openshift.io", "*", "pipeline", PIPELINE),
    // Certificates and Secrets.
    Profile {
        settings_without_it: true,
        ..left("cert-manager.io", "Certificate", "certificate", CERTIFICATE)
    },
    left("cert-manager.io", "*", "certificate", CERTIFICATE),
    left("acme.cert-manager.io", "*", "certificate", CERTIFICATE),
    left("networking.gke.io", "ManagedCertificate", "certificate", CERTIFICATE),
    left("networking.gke.io", "*", "cloud", CLOUD),
    left("cloud.google.com", "*", "cloud", CLOUD),
    from_vault("external-secrets.io", "ExternalSecret"),
    from_vault("external-secrets.io", "*"),
    from_vault("generators.external-secrets.io", "*"),
    from_vault("secrets.hashicorp.com", "*"),
    from_vault("secrets-store.csi.x-k8s.io", "*"),
    from_vault("ricoberger.de", "*"),
    from_vault("onepassword.com", "*"),
    from_vault("secrets.infisical.com", "*"),
    from_vault("secrets.doppler.com", "*"),
    Profile {
        settings_without_it: true,
        ..left(
            "bitnami.com",
            "SealedSecret",
            "sealed-secret",
            "it can be opened only in the namespace it was sealed for; the Secret made from it comes along with new values",
        )
    },
    // Meshes and gateways.
    left("networking.istio.io", "*", "mesh", MESH),
    left("security.istio.io", "*", "mesh", MESH),
    left("telemetry.istio.io", "*", "mesh", MESH),
    left("extensions.istio.io", "*", "mesh", MESH),
    left("policy.linkerd.io", "*", "mesh", MESH),
    left("linkerd.io", "*", "mesh", MESH),
    left("multicluster.x-k8s.io", "*", "mesh", MESH),
    left(
        "cilium.io",
        "*",
        "mesh",
        "the fence is made of Kubernetes' own policies, and a copy could open it",
    ),
    left(
        "crd.projectcalico.org",
        "*",
        "mesh",
        "the fence is made of Kubernetes' own policies, and a copy could open it",
    ),
    left(
        "projectcalico.org",
        "*",
        "mesh",
        "the fence is made of Kubernetes' own policies, and a copy could open it",
    ),
    left("gateway.networking.k8s.io", "*", "gateway", GATEWAY),
    left("gateway.envoyproxy.io", "*", "gateway", GATEWAY),
    left("traefik.io", "*", "gateway", GATEWAY),
    left("projectcontour.io", "*", "gateway", GATEWAY),
    left("configuration.konghq.com", "*", "gateway", GATEWAY),
    left("getambassador.io", "*", "gateway", GATEWAY),
    left("route.openshift.io", "*", "gateway", GATEWAY),
    left("elbv2.k8s.aws", "*", "cloud", CLOUD),
    left("externaldns.k8s.io", "*", "dns", "it would write names into production's zones"),
    // Clouds.
    left("crossplane.io", "*", "cloud", CLOUD),
    left("apiextensions.crossplane.io", "*", "cloud", CLOUD),
    left("core.cnrm.cloud.google.com", "*", "cloud", CLOUD),
    left("services.k8s.aws", "*", "cloud", CLOUD),
    left("infra.contrib.fluxcd.io", "*", "cloud", CLOUD),
    // Operators of stores.
    left("postgresql.cnpg.io", "*", "operator", OPERATOR),
    left("acid.zalan.do", "*", "operator", OPERATOR),
    left("postgres-operator.crunchydata.com", "*", "operator", OPERATOR),
    left("kafka.strimzi.io", "*", "operator", OPERATOR),
    left("cluster.redpanda.com", "*", "operator", OPERATOR),
    left("rabbitmq.com", "*", "operator", OPERATOR),
    left("mongodbcommunity.mongodb.com", "*", "operator", OPERATOR),
    left("psmdb.percona.com", "*", "operator", OPERATOR),
    left("pxc.percona.com", "*", "operator", OPERATOR),
    left("mysql.oracle.com", "*", "operator", OPERATOR),
    left("databases.spotahome.com", "*", "operator", OPERATOR),
    left("elasticsearch.k8s.elastic.co", "*", "operator", OPERATOR),
    left("serving.knative.dev", "*", "workload-kind", "Knative Services are not cloned yet"),
    left("apps.kruise.io", "*", "workload-kind", "OpenKruise workloads are not cloned yet"),
    left("apps.openshift.io", "*", "workload-kind", "DeploymentConfigs are not cloned yet"),
    // Ours: no environment within an environment.
    left("kulisse.dev", "*", "own", "it asks for environments and is no part of the application"),
];
