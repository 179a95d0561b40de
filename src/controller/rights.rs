//! What of the cluster's rights belongs to a source: the ClusterRoles that its bindings name, and the
//! bindings of the cluster that name its accounts.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::{Api, Client, ResourceExt};
use kulisse_core::{
    api::identity::{NamespaceName, ObjectName},
    plan::object::Object,
};
use serde_json::json;

use super::{
    call::{call, pages},
    error::Error,
};

/// Requests at the same time.
const AT_ONCE: usize = 8;
const API: &str = "rbac.authorization.k8s.io/v1";

/// Reads it. An operator without the right to do so goes without: bindings to ClusterRoles stay
/// behind then.
pub async fn of_source(
    source: &NamespaceName,
    objects: &[Object],
    client: &Client,
) -> Result<Vec<Object>, Error> {
    let named: BTreeSet<&str> = objects
        .iter()
        .filter(|it| it.kind() == "RoleBinding" && it.text("/roleRef/kind") == "ClusterRole")
        .map(|it| it.text("/roleRef/name"))
        .collect();
    let roles =
        stream::iter(named).map(|name| role(name, client)).buffered(AT_ONCE).collect::<Vec<_>>();
    let (roles, bindings) = futures::join!(roles, bindings(source, client));
    let mut found = bindings?;
    for role in roles {
        found.extend(role?);
    }
    Ok(found)
}

async fn role(name: &str, client: &Client) -> Result<Option<Object>, Error> {
    ObjectName::parse(name)?;
    let api: Api<ClusterRole> = Api::all(client.clone());
    match call(&format!("get ClusterRole {name}"), || api.get_opt(name)).await {
        Ok(role) => role
            .map(|it| {
                Ok(Object::new(json!({
                    "apiVersion": API,
                    "kind": "ClusterRole",
                    "metadata": { "name": name },
                    "rules": it.rules,
                }))?)
            })
            .transpose(),
        Err(error) if error.code() == 403 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Of each binding only what it says of the source: the others' accounts are none of its business.
async fn bindings(source: &NamespaceName, client: &Client) -> Result<Vec<Object>, Error> {
    let mut found = Vec::new();
    for binding in cluster_bindings(client).await? {
        let name = binding.name_any();
        let own = |it: &k8s_openapi::api::rbac::v1::Subject| {
            it.kind == "ServiceAccount" && it.namespace.as_deref() == Some(source.as_str())
        };
        let subjects: Vec<_> = binding.subjects.into_iter().flatten().filter(own).collect();
        if !subjects.is_empty() {
            found.push(Object::new(json!({
                "apiVersion": API,
                "kind": "ClusterRoleBinding",
                "metadata": { "name": name },
                "roleRef": binding.role_ref,
                "subjects": subjects,
            }))?);
        }
    }
    Ok(found)
}

/// Every ClusterRoleBinding; none, where they may not be read.
pub async fn cluster_bindings(client: &Client) -> Result<Vec<ClusterRoleBinding>, Error> {
    let api: Api<ClusterRoleBinding> = Api::all(client.clone());
    match pages(&api, "list clusterrolebindings").await {
        Err(error) if error.code() == 403 => Ok(Vec::new()),
        answer => answer,
    }
}
