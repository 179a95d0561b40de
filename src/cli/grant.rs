//! `kulisse grant`

use std::{io::Write, process::ExitCode};

use anyhow::{Context, Result};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use kulisse_core::api::{
    grant::StagingGrant,
    identity::{NamespaceName, fit},
    names,
};
use serde_json::json;

use super::cluster::Cluster;

/// Arguments of `kulisse grant`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Namespace that may be cloned
    source: String,
    /// Namespace whose environments may clone it
    #[arg(long, value_name = "NAMESPACE")]
    from: String,
    /// Do not let the operator read Secrets: their keys are then taken from what refers to them
    #[arg(long)]
    without_secrets: bool,
    /// Let the operator read Secrets, also where an earlier grant has left them out
    #[arg(long, conflicts_with = "without_secrets")]
    with_secrets: bool,
    /// Secret that may come along as it is: a pull secret, or one that the class lets be copied
    /// too. A glob; can be given several times
    #[arg(long = "secret", value_name = "NAME", conflicts_with = "without_secrets")]
    secrets: Vec<String>,
    /// Namespace of the operator
    #[arg(long, default_value = names::OPERATOR)]
    operator_namespace: String,
    /// ServiceAccount of the operator
    #[arg(long, default_value = names::OPERATOR)]
    operator_account: String,
    /// Apply it instead of printing it
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    cluster: Cluster,
}

/// Prints or applies the consent of a namespace's owners.
pub async fn grant(args: Args) -> Result<ExitCode> {
    let source = NamespaceName::parse(&args.source)?;
    let from = NamespaceName::parse(&args.from)?;
    let grant = consent(&source, &from, &args.secrets)?;
    let mut out = std::io::stdout();
    if !args.apply {
        let bindings = bindings(&args, &source, !args.without_secrets)?;
        write!(out, "---\n{}", serde_saphyr::to_string(&grant)?)?;
        for binding in &bindings {
            write!(out, "---\n{}", serde_saphyr::to_string(binding)?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (client, _) = args.cluster.client().await?;
    let api: Api<RoleBinding> = Api::namespaced(client.clone(), source.as_str());
    // Whoever types this for one more asker must not thereby open what was left shut on purpose.
    let left_out = !(args.without_secrets || args.with_secrets) && are_left_out(&api).await?;
    let bindings = bindings(&args, &source, !(args.without_secrets || left_out))?;
    let params = PatchParams::apply(names::CLI_MANAGER).force();
    let grants: Api<StagingGrant> = Api::namespaced(client.clone(), source.as_str());
    let name = grant.metadata.name.clone().unwrap_or_default();
    grants
        .patch(&name, &params, &Patch::Apply(&grant))
        .await
        .context("cannot apply the StagingGrant")?;
    writeln!(out, "staginggrant.kulisse.dev/{name} applied")?;
    for binding in &bindings {
        let name = binding.metadata.name.clone().unwrap_or_default();
        api.patch(&name, &params, &Patch::Apply(binding))
            .await
            .context("cannot apply the RoleBinding")?;
        writeln!(out, "rolebinding.rbac.authorization.k8s.io/{name} applied")?;
    }
    if left_out {
        eprintln!(
            "Secrets of {source} stay unread, as an earlier grant has it; --with-secrets lets the operator read them"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the operator may read a source, and has no right to its Secrets.
async fn are_left_out(api: &Api<RoleBinding>) -> Result<bool> {
    let bound = async |role| {
        let found = api.get_opt(role).await.context("cannot read the RoleBindings of the source");
        found.map(|it| it.is_some())
    };
    Ok(bound(names::SOURCE_READER_ROLE).await? && !bound(names::SOURCE_SECRETS_ROLE).await?)
}

fn consent(
    source: &NamespaceName,
    from: &NamespaceName,
    secrets: &[String],
) -> Result<StagingGrant> {
    // One grant for each asking namespace, so that one can be withdrawn alone.
    let name = fit(&format!("from-{from}"), 63, 5);
    Ok(serde_json::from_value(json!({
        "apiVersion": format!("{}/{}", names::GROUP, names::VERSION),
        "kind": "StagingGrant",
        "metadata": { "name": name, "namespace": source },
        "spec": { "from": [{ "namespace": from }], "secrets": secrets }
    }))?)
}

/// What lets the operator read the source: everything but Secrets, and Secrets apart.
fn bindings(args: &Args, source: &NamespaceName, secrets: bool) -> Result<Vec<RoleBinding>> {
    let mut roles = vec![names::SOURCE_READER_ROLE];
    if secrets {
        roles.push(names::SOURCE_SECRETS_ROLE);
    }
    let binding = |role: &str| {
        serde_json::from_value(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": { "name": role, "namespace": source },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [{
                "kind": "ServiceAccount",
                "name": args.operator_account,
                "namespace": args.operator_namespace
            }]
        }))
    };
    Ok(roles.into_iter().map(binding).collect::<Result<_, _>>()?)
}
