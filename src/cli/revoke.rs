//! `kulisse revoke`

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions},
};
use kulisse_core::api::{grant::StagingGrant, identity::NamespaceName, names};

use super::{
    cluster::{Cluster, explained},
    slowly::slowly,
};

/// Arguments of `kulisse revoke`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Namespace that may be cloned so far
    source: String,
    /// Namespace whose environments may no longer clone it
    #[arg(long, value_name = "NAMESPACE")]
    from: String,
    /// Leave the operator its right to read the source
    #[arg(long)]
    keep_rights: bool,
    /// Withdraw it instead of printing how
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    cluster: Cluster,
}

/// What stands for a consent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Withdrawn {
    /// Grants to this namespace alone.
    grants: Vec<String>,
    /// Grants to others as well, which a person must change.
    shared: Vec<String>,
    /// Whether nobody is left to whom the source is granted.
    last: bool,
}

/// Prints, or does, what withdraws the consent that `kulisse grant` gives.
pub async fn revoke(args: Args) -> Result<ExitCode> {
    let source = NamespaceName::parse(&args.source)?;
    let from = NamespaceName::parse(&args.from)?;
    let (client, _) = args.cluster.client().await?;
    let grants: Api<StagingGrant> = Api::namespaced(client.clone(), source.as_str());
    let there = slowly("reading grants", grants.list(&ListParams::default()))
        .await
        .map_err(|error| explained(error, "read the StagingGrants of the source"))?
        .items;
    let it = withdrawn(&there, from.as_str());
    let mut out = std::io::stdout();
    for name in &it.grants {
        if args.apply {
            let uid = there.iter().find(|it| it.name_any() == *name).and_then(ResourceExt::uid);
            let params = DeleteParams {
                preconditions: Some(Preconditions { uid, resource_version: None }),
                ..DeleteParams::default()
            };
            grants
                .delete(name, &params)
                .await
                .map_err(|error| explained(error, "delete the StagingGrant"))?;
            writeln!(out, "staginggrant.kulisse.dev/{name} deleted")?;
        } else {
            writeln!(out, "kubectl delete staginggrant {name} -n {source}")?;
        }
    }
    if it.last && !args.keep_rights {
        unbind(&client, &source, args.apply).await?;
    }
    if it.grants.is_empty() && it.shared.is_empty() {
        eprintln!("no StagingGrant in {source} names {from}");
    }
    for name in &it.shared {
        eprintln!(
            "StagingGrant {name} names others, too, or names {from} by its labels: «kubectl edit staginggrant {name} -n {source}»"
        );
    }
    Ok(if it.shared.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(super::NO) })
}

/// Which grants go, and which a person must look at.
fn withdrawn(grants: &[StagingGrant], from: &str) -> Withdrawn {
    let mut it = Withdrawn { last: true, ..Withdrawn::default() };
    for grant in grants {
        let named = grant.spec.from.iter().any(|it| it.namespace.as_deref() == Some(from));
        let alone = grant.spec.from.iter().all(|it| it.namespace.as_deref() == Some(from));
        let labels = grant.spec.from.iter().any(|it| it.namespace_selector.is_some());
        match (named, alone) {
            (true, true) => it.grants.push(grant.name_any()),
            // Whom labels name is not known here.
            (named, _) => {
                it.last = false;
                if named || labels {
                    it.shared.push(grant.name_any());
                }
            }
        }
    }
    it
}

/// Takes the operator its right to read the source.
async fn unbind(client: &Client, source: &NamespaceName, apply: bool) -> Result<()> {
    let api: Api<RoleBinding> = Api::namespaced(client.clone(), source.as_str());
    let mut out = std::io::stdout();
    for role in [names::SOURCE_READER_ROLE, names::SOURCE_SECRETS_ROLE] {
        let found = api.get_metadata_opt(role).await;
        if found.map_err(|error| explained(error, "read the RoleBindings of the source"))?.is_none()
        {
            continue;
        }
        if apply {
            api.delete(role, &DeleteParams::default())
                .await
                .map_err(|error| explained(error, "delete the RoleBinding"))?;
            writeln!(out, "rolebinding.rbac.authorization.k8s.io/{role} deleted")?;
        } else {
            writeln!(out, "kubectl delete rolebinding {role} -n {source}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn grant(name: &str, from: &Value) -> StagingGrant {
        serde_json::from_value(json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingGrant",
            "metadata": { "name": name }, "spec": { "from": from }
        }))
        .unwrap()
    }

    #[test]
    fn a_grant_goes_if_it_is_to_nobody_else() {
        let own = grant("own", &json!([{ "namespace": "previews" }]));
        let other = grant("other", &json!([{ "namespace": "team-a" }]));
        let both = grant("both", &json!([{ "namespace": "previews" }, { "namespace": "team-a" }]));
        let labels =
            grant("labels", &json!([{ "namespaceSelector": { "matchLabels": { "a": "b" } } }]));
        let names = |it: &[&str]| it.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (grants, gone, shared, last) in [
            (vec![own.clone()], vec!["own"], vec![], true),
            (vec![own.clone(), other.clone()], vec!["own"], vec![], false),
            (vec![own, both, labels], vec!["own"], vec!["both", "labels"], false),
            (vec![other], vec![], vec![], false),
        ] {
            let wanted = Withdrawn { grants: names(&gone), shared: names(&shared), last };
            assert_eq!(withdrawn(&grants, "previews"), wanted);
        }
    }
}
