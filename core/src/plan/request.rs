//! What a plan is made for.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::{Deserialize, Serialize};

use super::{manifests::Manifests, object::Key, storage::StorageFacts};
use crate::api::{
    class::StagingClassSpec,
    environment::StagingEnvironmentSpec,
    identity::{Incarnation, NamespaceName},
    names,
};

/// Everything but the source's objects that a plan depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The environment.
    pub environment: Identity,
    /// What it asks for.
    pub spec: StagingEnvironmentSpec,
    /// What its class allows; the built-in values where there is none.
    pub class: StagingClassSpec,
    /// Globs of Secrets that the source's grants let this request namespace have as they are.
    #[serde(default)]
    pub granted_secrets: Vec<String>,
    /// Which life of the environment.
    pub incarnation: Incarnation,
    /// The namespace that is cloned into.
    pub target: NamespaceName,
    /// What `spec.overlay.configMapRef` refers to, as read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlay: Vec<Manifests>,
    /// What of the cluster matters.
    pub cluster: Cluster,
}

/// Which environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// The request namespace.
    pub namespace: NamespaceName,
    /// Its UID.
    pub uid: String,
}

impl Identity {
    /// The StagingEnvironment, as findings name it.
    pub(super) fn key(&self) -> Key {
        Key {
            group: names::GROUP.to_owned(),
            kind: "StagingEnvironment".to_owned(),
            name: self.name.clone(),
        }
    }
}

/// What of the cluster matters to a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Where the Kubernetes API listens, after the `kubernetes` Service: network policies see
    /// addresses after translation.
    pub api_endpoints: Vec<Endpoint>,
    /// The subject of the operator's rights in a target.
    pub operator: OperatorAccount,
    /// What the operator may do in a target, and so may let others do there; empty if that is not
    /// known.
    #[serde(default)]
    pub rights: Vec<PolicyRule>,
    /// Which classes there are.
    #[serde(default)]
    pub classes: Classes,
}

/// Classes of the cluster, by name; of each sort `None` if they are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Classes {
    /// StorageClasses.
    #[serde(default)]
    pub storage: Option<BTreeMap<String, StorageFacts>>,
    /// PriorityClasses.
    #[serde(default)]
    pub priority: Option<BTreeSet<String>>,
    /// IngressClasses.
    #[serde(default)]
    pub ingress: Option<BTreeSet<String>>,
}

/// An address and a TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address.
    pub address: IpAddr,
    /// TCP port.
    pub port: u16,
}

/// The ServiceAccount the operator runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl OperatorAccount {
    /// What the owners of `source` type so that environments in `from` may clone it.
    pub fn grant(&self, source: &str, from: &str) -> String {
        let mut command = format!("kulisse grant {source} --from {from} --apply");
        let flags = [("--operator-namespace", &self.namespace), ("--operator-account", &self.name)];
        // It is not known to a plan that is made without a cluster.
        for (flag, value) in flags.into_iter().filter(|(_, it)| !it.is_empty()) {
            if value != names::OPERATOR {
                command.extend([" ", flag, " ", value]);
            }
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_owners_type_names_the_account_unless_it_is_the_usual_one() {
        let typed = |namespace: &str, name: &str| {
            let account = OperatorAccount { namespace: namespace.into(), name: name.into() };
            account.grant("shop", "previews")
        };
        let usual = "kulisse grant shop --from previews --apply";
        assert_eq!(typed("", ""), usual);
        assert_eq!(typed("kulisse", "kulisse"), usual);
        assert_eq!(
            typed("platform", "stager"),
            format!("{usual} --operator-namespace platform --operator-account stager")
        );
    }
}
