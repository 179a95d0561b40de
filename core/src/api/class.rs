//! `StagingClass`: what is allowed and how it is exposed, as StorageClass is for volumes.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{LimitRangeSpec, Toleration},
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::LabelSelector},
};
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    boundary::{Egress, PublicEgress},
    duration::Duration,
    environment::{Access, AccessRole, Subject},
    registry::Registry,
    schema,
    secrets::SecretReference,
};

/// What a platform team allows. Every field has a built-in value, which also holds where there is
/// no class at all.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kulisse.dev",
    version = "v1alpha1",
    kind = "StagingClass",
    plural = "stagingclasses",
    singular = "stagingclass",
    shortname = "sclass",
    category = "kulisse",
    derive = "PartialEq",
    doc = "What staging environments of this class may do and how they are exposed.",
    printcolumn(name = "Domain", type_ = "string", json_path = ".spec.expose.domain"),
    printcolumn(name = "Max TTL", type_ = "string", json_path = ".spec.limits.maxTTL"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    crates(kube_core = "::kube_core")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct StagingClassSpec {
    /// Globs of namespaces that may be cloned. Default: any; the grant decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)))]
    pub allowed_sources: Vec<String>,
    /// Labels of the namespaces that may ask. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub request_from: Option<LabelSelector>,
    /// How long an environment whose grant was withdrawn is kept, without Pods and with nobody who may
    /// look inside, until it goes. Default `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal_grace: Option<Duration>,
    /// First part of the targets' names; one of the chart's `namespacePrefixes`. Default `stg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace_prefix: Option<String>,
    /// Preview URLs. Default: none; routes stay behind and are reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<ClassExpose>,
    /// Labels that targets get besides their own: for the mesh to inject its proxies, or for a
    /// Gateway to take their routes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::labels")]
    #[x_kube(validation = Rule::new("self.all(key, !key.matches('(^|[.])(kulisse[.]dev|kubernetes[.]io)/|^velero[.]io/'))").message("labels of kulisse.dev, kubernetes.io and velero.io are the operator's own"))]
    pub namespace_labels: BTreeMap<String, String>,
    /// Annotations that targets get besides their own: `linkerd.io/inject: enabled`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::annotations")]
    #[x_kube(validation = Rule::new("self.all(key, !key.matches('(^|[.])(kulisse[.]dev|kubernetes[.]io)/|^velero[.]io/'))").message("annotations of kulisse.dev, kubernetes.io and velero.io are the operator's own"))]
    pub namespace_annotations: BTreeMap<String, String>,
    /// Kinds that come along although Kulisse would leave them behind, or that stay behind although
    /// it would clone them. The first entry that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub kinds: Vec<ClassKind>,
    /// Limits.
    #[serde(default)]
    pub limits: Limits,
    /// Pod Security level that targets enforce. Default `Baseline`.
    #[serde(default)]
    pub pod_security: PodSecurity,
    /// What a target may hold and use in all, as in a ResourceQuota. Default: anything. A clone that
    /// does not fit is refused before anything is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// What each container, Pod and claim of a target may ask for, as in a LimitRange. Default:
    /// anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::limit_range")]
    pub limit_range: Option<LimitRangeSpec>,
    /// The volumes of targets.
    #[serde(default)]
    pub storage: Storage,
    /// Where Pods run. Default: anywhere; what production says of its nodes is dropped.
    #[serde(default)]
    pub placement: Placement,
    /// How it is made sure that nothing leads back.
    #[serde(default)]
    pub boundary: Boundary,
    /// Who may look into targets.
    #[serde(default)]
    pub access: ClassAccess,
    /// What of production's own Secrets may come along.
    #[serde(default)]
    pub secrets: ClassSecrets,
    /// Pull secrets of staging: Secrets of type `kubernetes.io/dockerconfigjson` in the operator's
    /// namespace. Every Pod of a target pulls with them instead of with production's. Default:
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<SecretReference>,
    /// Identities of staging, in a cloud or a vault, for ServiceAccounts that come along: production's
    /// own never do. The first entry that fits counts. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub service_accounts: Vec<ClassAccount>,
    /// Whether environments may be made from manifests instead of a live namespace: no source
    /// consents to these.
    #[serde(default)]
    pub manifests: ManifestPolicy,
    /// With `manifests: Allow`, repositories of registries that artefacts of manifests may come from.
    /// The first entry that fits counts. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub registries: Vec<Registry>,
}

/// Whether environments may be made from manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ManifestPolicy {
    /// Only live namespaces are cloned, which their owners have granted.
    #[default]
    Refuse,
    /// Whoever may create environments decides what runs in them, within everything else that the
    /// class says.
    Allow,
}

/// Preview URLs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.ingressClassName) != has(self.gatewayRef)")
    .message("give either ingressClassName or gatewayRef"))]
#[x_kube(validation = Rule::new("!has(self.tlsSecretRef) || has(self.ingressClassName)")
    .message("tlsSecretRef needs ingressClassName: on a Gateway, the listener holds the certificate"))]
#[x_kube(validation = Rule::new("!has(self.tlsSecretRef) || self.scheme == 'https'")
    .message("tlsSecretRef needs scheme https"))]
pub struct ClassExpose {
    /// Domain below which the hosts lie: `staging.example.com`. It needs a wildcard DNS record.
    #[schemars(length(min = 1, max = 190), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub domain: String,
    /// One label of the host, from `{service}`, `{environment}`, `{namespace}` and `{hash}`.
    /// Default `{service}-{environment}-{hash}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^([a-z0-9-]|\{(service|environment|namespace|hash)\})+$")
    )]
    pub host_template: Option<String>,
    /// The IngressClass of the cloned Ingresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub ingress_class_name: Option<String>,
    /// The Gateway that previews attach to; it must take routes from the targets' namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_ref: Option<GatewayRef>,
    /// Secret of type `kubernetes.io/tls` in the operator's namespace with a wildcard certificate for
    /// the domain. It is copied into every target that has a preview URL. Default: none; the
    /// ingress controller's own default certificate is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_secret_ref: Option<SecretReference>,
    /// Annotations that every route gets: for a login in front of previews, or a list of addresses
    /// that may see them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::annotations")]
    pub annotations: BTreeMap<String, String>,
    /// `http` or `https`, as people reach it. Default `http`.
    #[serde(default)]
    pub scheme: Scheme,
    /// Port in the URL where it is not the scheme's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Where route traffic comes from: the Pods of the ingress controller or the Gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub from: Vec<Peer>,
}

/// A Gateway of the Gateway API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// Its namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The listener to attach to. Default: every one that fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
}

/// A decision about a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClassKind {
    /// API group; empty for the core group.
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind; `*` for all of the group.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// What is done.
    pub action: KindAction,
}

/// What is done with the objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KindAction {
    /// They come along. What Kubernetes itself makes or keeps book of never does.
    Clone,
    /// They stay behind.
    Leave,
}

/// What a ServiceAccount is known by in staging. Whoever may clone can act as it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct ClassAccount {
    /// Glob of the ServiceAccounts' names. `default` is the target's own and gets nothing.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Glob of the namespaces that are cloned. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub source: Option<String>,
    /// Annotations of the ServiceAccount: `eks.amazonaws.com/role-arn` and the role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::annotations")]
    #[x_kube(validation = Rule::new("self.all(key, !key.matches('(^|[.])(kulisse[.]dev|kubernetes[.]io)/|^velero[.]io/'))").message("annotations of kulisse.dev, kubernetes.io and velero.io are the operator's own"))]
    pub annotations: BTreeMap<String, String>,
    /// Labels of the Pods that run as it: `azure.workload.identity/use: "true"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::labels")]
    #[x_kube(validation = Rule::new("self.all(key, !key.matches('(^|[.])(kulisse[.]dev|kubernetes[.]io)/|^velero[.]io/'))").message("labels of kulisse.dev, kubernetes.io and velero.io are the operator's own"))]
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the Pods that run as it: `vault.hashicorp.com/role`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::annotations")]
    #[x_kube(validation = Rule::new("self.all(key, !key.matches('(^|[.])(kulisse[.]dev|kubernetes[.]io)/|^velero[.]io/'))").message("annotations of kulisse.dev, kubernetes.io and velero.io are the operator's own"))]
    pub pod_annotations: BTreeMap<String, String>,
}

/// How a URL begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Scheme {
    /// `http://`
    #[default]
    #[serde(rename = "http")]
    Http,
    /// `https://`
    #[serde(rename = "https")]
    Https,
}

impl Scheme {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Pods, as a NetworkPolicy names them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Peer {
    /// Labels of the namespace.
    #[schemars(schema_with = "schema::selector")]
    pub namespace_selector: LabelSelector,
    /// Labels of the Pods. Default: all of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub pod_selector: Option<LabelSelector>,
}

/// Limits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Limits {
    /// For environments that give no `ttl`. Default `24h`.
    #[serde(default, rename = "defaultTTL", skip_serializing_if = "Option::is_none")]
    pub default_ttl: Option<Duration>,
    /// No environment lives longer. Default `168h`.
    #[serde(default, rename = "maxTTL", skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Duration>,
    /// No more environments of the class are in the cluster at a time: the others wait for a place.
    /// Default: as many as are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_environments: Option<u32>,
    /// No more than this of one request namespace. Default: as many as it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_per_namespace: Option<u32>,
    /// No plan has more clones. Default 2000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 20000))]
    pub max_objects: Option<u32>,
}

/// Pod Security Standards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodSecurity {
    /// Everything is allowed.
    Privileged,
    /// Known privilege escalations are refused.
    #[default]
    Baseline,
    /// Hardened Pods only.
    Restricted,
}

/// What a target may hold and use in all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// The most of each resource: `requests.memory: 8Gi`, `pods: "20"`, `count/jobs.batch: "5"`.
    #[schemars(schema_with = "schema::quantities")]
    pub hard: BTreeMap<String, Quantity>,
}

/// The volumes of targets. They start empty, and go with the target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// The StorageClass of all claims. Default: production's; the cluster's for volumes that were made
    /// by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// No claim is larger: `20Gi`. Default: as in production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantity")]
    pub max_size: Option<Quantity>,
}

/// Where Pods run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// Labels of the nodes that take Pods of targets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::labels")]
    pub node_selector: BTreeMap<String, String>,
    /// What Pods of targets tolerate, as in a Pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::tolerations")]
    pub tolerations: Vec<Toleration>,
    /// The PriorityClass of Pods of targets: a low one, or they push others from their nodes. Default:
    /// the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Extended resources that clones may ask for: `nvidia.com/gpu`. Default: none; Pods run without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 317)))]
    pub extended_resources: Vec<String>,
}

/// How it is made sure that nothing leads back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Boundary {
    /// Whether environments may have `boundary.mode: Warn`.
    #[serde(default)]
    pub allow_warn: bool,
    /// Whether a Pod in the target tries the ways to production before anything starts.
    #[serde(default)]
    pub probe: ProbeMode,
    /// Where DNS is: node-local caches, DNS on another port. Default: Pods labelled `k8s-app:
    /// kube-dns` in `kube-system`, on port 53.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub dns: Vec<Egress>,
    /// The public internet, for hosts with the decision `Allow`. Default: no host can be allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_egress: Option<PublicEgress>,
    /// The most that `egress` of an environment and of its tasks may open. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub allow: Vec<Egress>,
}

/// Whether the ways to production are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProbeMode {
    /// Before the first workload of each incarnation.
    #[default]
    Always,
    /// Not at all: that nothing leads back is then not promised, and the status says so.
    Never,
}

/// Who may look into targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClassAccess {
    /// For environments that name nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub defaults: Vec<Access>,
    /// Globs of the subjects that may be named. Default: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub allowed_subjects: Vec<Subject>,
    /// The most that may be given. Default `View`.
    #[serde(default)]
    pub max_role: AccessRole,
}

/// What of production's own Secrets may come along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClassSecrets {
    /// Globs of the Secrets that environments may take with policy `Copy`, if the source's grants
    /// list them too. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub allow_copy: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_written_as_urls_begin() {
        assert_eq!((Scheme::Http.as_str(), Scheme::Https.as_str()), ("http", "https"));
    }
}
