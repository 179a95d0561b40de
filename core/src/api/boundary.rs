//! What may leave a target: decisions about hosts, and openings of the fence.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{class::Scheme, schema};

/// What is decided about a host outside the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("(self.action == 'Replace') == (has(self.with) || has(self.withService))")
    .message("with or withService goes with action Replace, which needs one of them"))]
#[x_kube(validation = Rule::new("!has(self.with) || !has(self.withService)")
    .message("give with or withService, not both"))]
pub struct HostDecision {
    /// Glob of hosts: `api.example.com`, `*.example.com`.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// What happens to them.
    pub action: HostAction,
    /// With `Replace`: the host that takes their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub with: Option<String>,
    /// With `Replace`: the Service of the target that takes their place, a mock for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_service: Option<WithService>,
}

/// What happens to a host outside the target.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum HostAction {
    /// It stays as it is written, and the fence stops it: nothing more is said about it.
    Block,
    /// Another host, or a Service of the target, is written in its place.
    Replace,
    /// The fence opens the public internet, on the ports of the class's `boundary.publicEgress`: a
    /// network policy knows no names, so that every public host can be reached then.
    Allow,
}

/// A Service that takes the place of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WithService {
    /// Its name in the target.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Its port, written where the host's stands or should stand. Default: as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// `http` or `https`, written instead of the other in a URL. Default: as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
}

/// An opening of the fence: these peers on these ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Egress {
    /// Who may be reached.
    #[schemars(length(min = 1, max = 16))]
    pub to: Vec<EgressPeer>,
    /// On which ports. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub ports: Vec<EgressPort>,
}

/// Whom an opening leads to, as a NetworkPolicy names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("has(self.ipBlock) != has(self.namespaceSelector)")
    .message("a peer has either ipBlock, or namespaceSelector with an optional podSelector"))]
#[x_kube(validation = Rule::new("!has(self.podSelector) || has(self.namespaceSelector)")
    .message("podSelector goes with namespaceSelector"))]
pub struct EgressPeer {
    /// Addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_block: Option<IpBlock>,
    /// Labels of namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// Labels of Pods. Default: all of those namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub pod_selector: Option<LabelSelector>,
}

/// Addresses, as a NetworkPolicy names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IpBlock {
    /// Range: `203.0.113.0/24`, `2001:db8::/64`.
    #[schemars(length(min = 1, max = 43))]
    pub cidr: String,
    /// Ranges within it that stay closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 43)))]
    pub except: Vec<String>,
}

/// Ports of an opening, by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("!has(self.endPort) || self.endPort >= self.port")
    .message("endPort is not below port"))]
pub struct EgressPort {
    /// Protocol.
    #[serde(default)]
    pub protocol: Protocol,
    /// Port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Last port of a range. Default: `port` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub end_port: Option<u16>,
}

/// Protocol of a port.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Protocol {
    /// TCP.
    #[default]
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP.
    #[serde(rename = "UDP")]
    Udp,
    /// SCTP.
    #[serde(rename = "SCTP")]
    Sctp,
}

/// How strict the boundary of an environment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentBoundary {
    /// What becomes of an environment of which something leads back to production.
    #[serde(default)]
    pub mode: BoundaryMode,
}

/// What becomes of an environment of which something leads back to production.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BoundaryMode {
    /// It does not start.
    #[default]
    Enforce,
    /// It starts, and the status says what leads back. The class must allow it; the fence stands all
    /// the same.
    Warn,
}

/// The public internet, for hosts with the decision `Allow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicEgress {
    /// Ports on which public addresses may be reached.
    #[schemars(length(min = 1, max = 16))]
    pub ports: Vec<EgressPort>,
    /// Public ranges that stay closed: production's own, if the source does not tell them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 43)))]
    pub except: Vec<String>,
}
