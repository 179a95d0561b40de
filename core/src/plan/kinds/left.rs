//! Kinds that stay behind, and why.
//!
//! A custom resource that comes along makes some controller *do* something, so the unknown ones
//! stay behind as well; those that are met everywhere have a reason of their own here.

use super::{
    Profile,
    known::{left, never},
};

pub(super) const AUTOSCALER: &str = "it would undo the scaling down, and at a queue of production's it would scale on production's load";
const BACKUP: &str = "the clone would enter production's backups or write into them";
const MONITORING: &str = "alerts would page whoever is on call, and series would be counted twice";
const DELIVERY: &str =
    "the clone would deploy itself again, or fight with the tool that deploys production";
const CERTIFICATE: &str = "certificates would be ordered for names that belong to production";
const VAULT: &str = "it reads production's vault with production's identity; the Secrets made from it come along with new values";
const TO_VAULT: &str = "it would write the clone's values into production's vault";
const CLOUD: &str = "it stands for something in the cloud: a copy would create it again, or adopt and later delete production's";
const DERIVED: &str = "a controller makes it anew";
const RUNTIME: &str = "it is state of what runs, not configuration";
const CLUSTER: &str = "it belongs to the whole cluster, not to the namespace";
const SIZES: &str = "it is made for production's size; the target's limits come from its class";
const MESH: &str = "a copy can change the traffic of production itself, since meshes share their configuration between namespaces";
const ANALYSIS: &str =
    "it measures production's traffic to judge a release; a Rollout comes along without it";
const PIPELINE: &str = "it would start a pipeline";
const GATEWAY: &str = "a copy would ask for production's listener, address or certificate; previews use the class's own";
const LISTENER: &str = "a Gateway has one listener per port, and it is production's";
const FOREIGN_ROUTE: &str =
    "it is written for a controller of production's, with hosts in a form of its own";

const AS_DEPLOYMENT: &str =
    "if the application needs it, write it as a Deployment, in production or under spec.overlay";
const KRUISE: &str =
    "OpenKruise's controller decides what runs, and Kulisse does not know its fields";
const MIGRATION: &str =
    "its controller would change the schema of the database that it names, which is production's";
const JOBS: &str =
    "its controller would start its jobs at production's size, over production's data";
const EVENTS: &str = "it would take production's events";
const JUDGED: &str = "a controller wrote down what it found, and will do so in the target";
const OBSERVED: &str = "what it sets up would report to production's telemetry, as production";

/// A workload of another controller's, which the application may miss.
const fn foreign(group: &'static str, kind: &'static str, why: &'static str) -> Profile {
    Profile { instead: Some(AS_DEPLOYMENT), ..left(group, kind, "workload-kind", why) }
}

const fn from_vault(group: &'static str, kind: &'static str) -> Profile {
    Profile { settings_without_it: true, ..left(group, kind, "external-secret", VAULT) }
}

pub(super) const LEFT: &[Profile] = &[
    // Kubernetes' own.
    Profile {
        instead: Some(AS_DEPLOYMENT),
        ..never(
            "apps",
            "ReplicaSet",
            "workload-kind",
            "no Deployment made it, and only a Deployment is cloned: its Pods would never be replaced by newer ones",
        )
    },
    never("apps", "ControllerRevision", "derived", DERIVED),
    Profile {
        instead: Some(AS_DEPLOYMENT),
        ..never(
            "",
            "ReplicationController",
            "outdated",
            "Kubernetes has replaced the kind by Deployment, and only that is cloned",
        )
    },
    never("", "Event", "runtime-state", RUNTIME),
    never("events.k8s.io", "Event", "runtime-state", RUNTIME),
    never(
        "coordination.k8s.io",
        "*",
        "runtime-state",
        "a clone would read the lock of what runs in production",
    ),
    never("metrics.k8s.io", "*", "runtime-state", RUNTIME),
    never("", "PodTemplate", "unused", "nothing runs from it by itself"),
    never("", "ResourceQuota", "limits", SIZES),
    never("", "LimitRange", "limits", SIZES),
    left("autoscaling", "*", "autoscaler", AUTOSCALER),
    left("autoscaling.k8s.io", "*", "autoscaler", AUTOSCALER),
    never("storage.k8s.io", "CSIStorageCapacity", "runtime-state", RUNTIME),
    never("resource.k8s.io", "*", "devices", "devices are shared out by claims of their own"),
    // Of the cluster.
    never("", "Namespace", "cluster-scoped", CLUSTER),
    never("", "Node", "cluster-scoped", CLUSTER),
    never("", "PersistentVolume", "cluster-scoped", CLUSTER),
    never("rbac.authorization.k8s.io", "ClusterRole", "cluster-scoped", CLUSTER),
    never("rbac.authorization.k8s.io", "ClusterRoleBinding", "cluster-scoped", CLUSTER),
    never("apiextensions.k8s.io", "*", "cluster-scoped", CLUSTER),
    never("apiregistration.k8s.io", "*", "cluster-scoped", CLUSTER),
    never("admissionregistration.k8s.io", "*", "cluster-scoped", CLUSTER),
    never("storage.k8s.io", "*", "cluster-scoped", CLUSTER),
    never("scheduling.k8s.io", "*", "cluster-scoped", CLUSTER),
    never("networking.k8s.io", "IngressClass", "cluster-scoped", CLUSTER),
    never("networking.k8s.io", "*", "cluster-scoped", CLUSTER),
    // Autoscalers.
    left("keda.sh", "*", "autoscaler", AUTOSCALER),
    // Backups and snapshots.
    left("snapshot.storage.k8s.io", "*", "backup", BACKUP),
    left("groupsnapshot.storage.k8s.io", "*", "backup", BACKUP),
    left("postgresql.cnpg.io", "Backup", "backup", BACKUP),
    left("postgresql.cnpg.io", "ScheduledBackup", "backup", BACKUP),
    left("barmancloud.cnpg.io", "*", "backup", BACKUP),
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
    left("opentelemetry.io", "*", "monitoring", OBSERVED),
    left("jaegertracing.io", "*", "monitoring", OBSERVED),
    left("logging.banzaicloud.io", "*", "monitoring", OBSERVED),
    left("elasticsearch.logging.openshift.io", "*", "monitoring", OBSERVED),
    // What others found out about production.
    left("wgpolicyk8s.io", "*", "runtime-state", JUDGED),
    left("reports.kyverno.io", "*", "runtime-state", JUDGED),
    left("aquasecurity.github.io", "*", "runtime-state", JUDGED),
    left("kyverno.io", "*", "policy", "which policies hold in targets is up to the cluster"),
    left(
        "policies.kyverno.io",
        "*",
        "policy",
        "which policies hold in targets is up to the cluster",
    ),
    // Delivery.
    left("argoproj.io", "AnalysisTemplate", "analysis", ANALYSIS),
    left("argoproj.io", "AnalysisRun", "analysis", ANALYSIS),
    left("argoproj.io", "Experiment", "analysis", ANALYSIS),
    left("argoproj.io", "Workflow", "pipeline", PIPELINE),
    left("argoproj.io", "CronWorkflow", "pipeline", PIPELINE),
    left("argoproj.io", "WorkflowTemplate", "pipeline", PIPELINE),
    left("argoproj.io", "WorkflowEventBinding", "pipeline", EVENTS),
    left("argoproj.io", "EventSource", "pipeline", EVENTS),
    left("argoproj.io", "EventBus", "pipeline", EVENTS),
    left("argoproj.io", "Sensor", "pipeline", EVENTS),
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
    left("*.tekton.dev", "*", "pipeline", PIPELINE),
    left("build.openshift.io", "*", "pipeline", PIPELINE),
    left("image.openshift.io", "*", "pipeline", PIPELINE),
    left("networking.internal.knative.dev", "*", "derived", DERIVED),
    left("autoscaling.internal.knative.dev", "*", "derived", DERIVED),
    left("caching.internal.knative.dev", "*", "derived", DERIVED),
    // Certificates and Secrets.
    Profile {
        settings_without_it: true,
        makes: &["/spec/secretName"],
        ..left("cert-manager.io", "Certificate", "certificate", CERTIFICATE)
    },
    left("cert-manager.io", "*", "certificate", CERTIFICATE),
    left("acme.cert-manager.io", "*", "certificate", CERTIFICATE),
    left("networking.gke.io", "ManagedCertificate", "certificate", CERTIFICATE),
    left("networking.gke.io", "*", "cloud", CLOUD),
    left("cloud.google.com", "*", "cloud", CLOUD),
    Profile {
        makes: &["/spec/target/name"],
        ..from_vault("external-secrets.io", "ExternalSecret")
    },
    left("external-secrets.io", "PushSecret", "external-secret", TO_VAULT),
    left("external-secrets.io", "ClusterPushSecret", "external-secret", TO_VAULT),
    from_vault("external-secrets.io", "*"),
    from_vault("generators.external-secrets.io", "*"),
    from_vault("secrets.hashicorp.com", "*"),
    Profile {
        makes: &["/spec/secretObjects/*/secretName"],
        ..from_vault("secrets-store.csi.x-k8s.io", "SecretProviderClass")
    },
    from_vault("secrets-store.csi.x-k8s.io", "*"),
    from_vault("ricoberger.de", "*"),
    from_vault("onepassword.com", "*"),
    from_vault("secrets.infisical.com", "*"),
    from_vault("secrets.doppler.com", "*"),
    Profile {
        makes: &["/spec/template/metadata/name"],
        settings_without_it: true,
        ..left(
            "bitnami.com",
            "SealedSecret",
            "sealed-secret",
            "it can be opened only in the namespace it was sealed for; the Secret made from it comes along with new values",
        )
    },
    // Meshes and gateways.
    left("networking.istio.io", "Gateway", "gateway", GATEWAY),
    Profile {
        instead: Some(
            "if the application cannot do without it, apply one made for the target after you have read it: its patches may name namespaces, clusters and addresses in any form",
        ),
        ..left(
            "networking.istio.io",
            "EnvoyFilter",
            "mesh-patch",
            "it patches proxies in a way that no rule can read: it may lead anywhere",
        )
    },
    left(
        "networking.istio.io",
        "WorkloadEntry",
        "mesh-address",
        "it stands for a machine of production's outside the cluster",
    ),
    left("networking.istio.io", "*", "mesh", MESH),
    left("security.istio.io", "*", "mesh", MESH),
    left("telemetry.istio.io", "*", "mesh", MESH),
    left("extensions.istio.io", "*", "mesh", MESH),
    left("policy.linkerd.io", "*", "mesh", MESH),
    left(
        "linkerd.io",
        "ServiceProfile",
        "mesh-name",
        "its name is the Service's name in production's namespace, and names never change; an HTTPRoute says the same without it",
    ),
    left("linkerd.io", "*", "mesh", MESH),
    left("multicluster.x-k8s.io", "*", "mesh", MESH),
    left("net.gke.io", "*", "mesh", MESH),
    left(
        "spire.spiffe.io",
        "*",
        "identity",
        "it gives out identities by which production's peers would know the clone",
    ),
    left(
        "dapr.io",
        "*",
        "sidecar",
        "Dapr's sidecars would load production's stores, queues and secrets by it",
    ),
    left("submariner.io", "*", "mesh", MESH),
    left("consul.hashicorp.com", "*", "mesh", MESH),
    left(
        "k8s.cni.cncf.io",
        "*",
        "pod-network",
        "it is a network besides that of the Pods, where no policy of the fence holds",
    ),
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
    left(
        "gateway.networking.k8s.io",
        "TLSRoute",
        "gateway-listener",
        "it passes TLS through to Pods whose certificate is for production's host, and needs a listener of its own",
    ),
    left("gateway.networking.k8s.io", "TCPRoute", "gateway-listener", LISTENER),
    left("gateway.networking.k8s.io", "UDPRoute", "gateway-listener", LISTENER),
    left(
        "gateway.networking.k8s.io",
        "ReferenceGrant",
        "reference-grant",
        "it lets other namespaces lead into this one; what is in the target needs no permission for it",
    ),
    left("gateway.networking.k8s.io", "*", "gateway", GATEWAY),
    left("gateway.envoyproxy.io", "*", "gateway", GATEWAY),
    Profile {
        backends: &["/spec/routes/*/services/*/name"],
        ..left("traefik.io", "IngressRoute", "gateway", FOREIGN_ROUTE)
    },
    Profile {
        backends: &["/spec/routes/*/services/*/name"],
        ..left("traefik.containo.us", "IngressRoute", "gateway", FOREIGN_ROUTE)
    },
    left(
        "traefik.io",
        "Middleware",
        "gateway",
        "only IngressRoutes use it, which stay behind; it may ask production's login",
    ),
    left("traefik.io", "*", "gateway", GATEWAY),
    left("traefik.containo.us", "*", "gateway", GATEWAY),
    Profile {
        backends: &["/spec/routes/*/services/*/name"],
        ..left("projectcontour.io", "HTTPProxy", "gateway", FOREIGN_ROUTE)
    },
    left("projectcontour.io", "*", "gateway", GATEWAY),
    left("configuration.konghq.com", "*", "gateway", GATEWAY),
    Profile {
        backends: &["/spec/upstreams/*/service"],
        ..left("k8s.nginx.org", "VirtualServer", "gateway", FOREIGN_ROUTE)
    },
    left("k8s.nginx.org", "*", "gateway", GATEWAY),
    Profile {
        backends: &["/spec/http/*/backends/*/serviceName"],
        ..left("apisix.apache.org", "ApisixRoute", "gateway", FOREIGN_ROUTE)
    },
    left("apisix.apache.org", "*", "gateway", GATEWAY),
    left("gateway.nginx.org", "*", "gateway", GATEWAY),
    left("*.solo.io", "*", "gateway", GATEWAY),
    left("gateway.kgateway.dev", "*", "gateway", GATEWAY),
    left("*.haproxy.org", "*", "gateway", GATEWAY),
    left("tailscale.com", "*", "gateway", GATEWAY),
    left("networking.cfargotunnel.com", "*", "gateway", GATEWAY),
    left("getambassador.io", "*", "gateway", GATEWAY),
    Profile {
        backends: &["/spec/to/name"],
        ..left("route.openshift.io", "Route", "gateway", FOREIGN_ROUTE)
    },
    left("route.openshift.io", "*", "gateway", GATEWAY),
    left("elbv2.k8s.aws", "*", "cloud", CLOUD),
    left("externaldns.k8s.io", "*", "dns", "it would write names into production's zones"),
    // Clouds.
    left("*.crossplane.io", "*", "cloud", CLOUD),
    left("*.upbound.io", "*", "cloud", CLOUD),
    left("*.cnrm.cloud.google.com", "*", "cloud", CLOUD),
    left("*.services.k8s.aws", "*", "cloud", CLOUD),
    left("*.azure.com", "*", "cloud", CLOUD),
    left("app.terraform.io", "*", "cloud", CLOUD),
    left("infra.contrib.fluxcd.io", "*", "cloud", CLOUD),
    left("tf.galleybytes.com", "*", "cloud", CLOUD),
    left("pulumi.com", "*", "cloud", CLOUD),
    left("aiven.io", "*", "cloud", CLOUD),
    left("atlas.mongodb.com", "*", "cloud", CLOUD),
    left("objectbucket.io", "*", "cloud", CLOUD),
    left("ibmcloud.ibm.com", "*", "cloud", CLOUD),
    left("services.cloud.sap.com", "*", "cloud", CLOUD),
    left("servicecatalog.k8s.io", "*", "cloud", CLOUD),
    left("*.schemahero.io", "*", "operator", MIGRATION),
    left("db.atlasgo.io", "*", "operator", MIGRATION),
    foreign("flink.apache.org", "FlinkDeployment", JOBS),
    left("flink.apache.org", "*", "pipeline", JOBS),
    left("sparkoperator.k8s.io", "*", "pipeline", JOBS),
    left("ray.io", "*", "pipeline", JOBS),
    Profile {
        instead: Some("deploy the same image as a Deployment and a Service in the environment"),
        ..left(
            "serving.knative.dev",
            "Service",
            "workload-kind",
            "Knative's activator and autoscaler stand outside the fence and could not wake it, and its host would be production's",
        )
    },
    left("serving.knative.dev", "*", "derived", DERIVED),
    left("eventing.knative.dev", "*", "pipeline", "it would take production's events"),
    left("messaging.knative.dev", "*", "pipeline", "it would take production's events"),
    left("sources.knative.dev", "*", "pipeline", "it would take production's events"),
    foreign("apps.kruise.io", "CloneSet", KRUISE),
    foreign("apps.kruise.io", "StatefulSet", KRUISE),
    left("apps.kruise.io", "*", "workload-kind", KRUISE),
    foreign(
        "apps.openshift.io",
        "DeploymentConfig",
        "it starts from images that production builds; OpenShift has replaced it by Deployment",
    ),
    // Ours: no environment within an environment.
    never("kulisse.dev", "*", "own", "it asks for environments and is no part of the application"),
];
