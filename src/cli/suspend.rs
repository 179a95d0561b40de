//! `kulisse suspend`, `kulisse resume`

use std::{io::Write, process::ExitCode};

use anyhow::{Result, bail};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use kulisse_core::api::{environment::StagingEnvironment, names};
use serde_json::{Value, json};

use super::cluster::{Named, explained};

/// Where `kubectl apply` and Argo CD note what they have applied.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Arguments of both.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// Also if a file elsewhere sets spec.suspend: it holds until that file is applied again
    #[arg(long)]
    force_conflicts: bool,
}

/// Sets `spec.suspend`.
pub async fn suspend(args: Args, wanted: bool) -> Result<ExitCode> {
    let named = &args.environment;
    let (api, environment) = named.find().await?;
    let mut out = std::io::stdout();
    let now = if wanted { "is suspended" } else { "goes on" };
    if environment.spec.suspend == wanted {
        writeln!(out, "{} {now} already", named.name)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(owner) = setter(&environment).filter(|_| !args.force_conflicts) {
        bail!(
            "spec.suspend of {} is set by {owner}, which would set it back: write «suspend: {wanted}» in the file that it applies, or give --force-conflicts to have it until that file is applied again",
            named.name
        );
    }
    let patch = Patch::Merge(json!({
        "metadata": { "uid": environment.uid() },
        "spec": { "suspend": wanted }
    }));
    let params = PatchParams {
        field_manager: Some(names::CLI_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(&named.name, &params, &patch)
        .await
        .map_err(|error| explained(error, "change the environment"))?;
    writeln!(out, "{} {now}", named.name)?;
    Ok(ExitCode::SUCCESS)
}

/// Who sets `spec.suspend` from a file, and would do so again.
fn setter(environment: &StagingEnvironment) -> Option<String> {
    let applied = environment.managed_fields().iter().find(|it| {
        let field = it.fields_v1.as_ref().and_then(|it| it.0.pointer("/f:spec/f:suspend"));
        it.operation.as_deref() == Some("Apply") && field.is_some()
    });
    if let Some(by) = applied {
        return by.manager.clone();
    }
    let noted: Value = serde_json::from_str(environment.annotations().get(APPLIED)?).ok()?;
    noted
        .pointer("/spec/suspend")
        .map(|_| "«kubectl apply», or a tool that works like it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(metadata: &Value) -> StagingEnvironment {
        serde_json::from_value(json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": metadata,
            "spec": { "source": { "namespace": "shop" } }
        }))
        .unwrap()
    }

    fn managed(operation: &str, field: &str) -> StagingEnvironment {
        environment(&json!({ "name": "pr-1", "managedFields": [{
            "manager": "kustomize-controller", "operation": operation,
            "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": { field: {} } }
        }] }))
    }

    #[test]
    fn a_tool_that_would_set_it_back_is_named() {
        let owner = setter(&managed("Apply", "f:suspend"));
        assert_eq!(owner.as_deref(), Some("kustomize-controller"));
        let text = r#"{"spec":{"suspend":false}}"#;
        let noted = environment(&json!({ "name": "pr-1", "annotations": { APPLIED: text } }));
        assert!(setter(&noted).unwrap().contains("kubectl apply"));
    }

    #[test]
    fn nobody_else_keeps_a_person_from_setting_it() {
        assert_eq!(setter(&managed("Apply", "f:source")), None);
        // Whoever created the object by POST owns the defaults, too, and does not set them again.
        assert_eq!(setter(&managed("Update", "f:suspend")), None);
        assert_eq!(setter(&environment(&json!({ "name": "pr-1" }))), None);
    }
}
