//! Whose fields are whose, in the API server's books.
//!
//! Kulisse applies (server-side), which takes nothing away that another has set. Two ways lead there
//! from elsewhere: what was POSTed, and what no apply can mend.

use kube::{
    Api,
    api::{DynamicObject, PatchParams},
};
use kulisse_core::{api::names, plan::object::escape};
use serde_json::json;

use super::{
    call::{call_secret, json_patch},
    error::Error,
};

/// What an object is besides what Kubernetes keeps of it.
const KEPT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// Turns the ownership that a POST left, or [`put_back`], into that of an apply.
pub async fn take_over(api: &Api<DynamicObject>, there: &DynamicObject) -> Result<(), Error> {
    let fields = || there.metadata.managed_fields.iter().flatten();
    let of = |operation: &str| {
        fields().position(|it| {
            it.manager.as_deref() == Some(names::FIELD_MANAGER)
                && it.operation.as_deref() == Some(operation)
                && it.subresource.is_none()
        })
    };
    let (Some(name), Some(at)) = (&there.metadata.name, of("Update")) else { return Ok(()) };
    let entry = format!("/metadata/managedFields/{at}");
    let owned = match of("Apply") {
        None => json!({ "op": "replace", "path": format!("{entry}/operation"), "value": "Apply" }),
        Some(_) => json!({ "op": "remove", "path": entry }),
    };
    let version = there.metadata.resource_version.clone().unwrap_or_default();
    let unchanged =
        json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version });
    let params = PatchParams::default();
    let patch = json_patch(vec![owned, unchanged])?;
    call_secret(&format!("own the fields of {name}"), || api.patch_metadata(name, &params, &patch))
        .await?;
    Ok(())
}

/// Gives an object that is there what it was planned with, and nothing else beside it in what is not
/// metadata. An apply follows, and owns it.
pub async fn put_back(api: &Api<DynamicObject>, body: &DynamicObject) -> Result<(), Error> {
    let Some(name) = &body.metadata.name else { return Ok(()) };
    let planned = body.data.as_object().into_iter().flatten();
    let whole = planned.filter(|(key, _)| !KEPT.contains(&key.as_str())).map(
        |(key, value)| json!({ "op": "add", "path": format!("/{}", escape(key)), "value": value }),
    );
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = json_patch(whole.collect())?;
    call_secret(&format!("put back {name}"), || api.patch(name, &params, &patch)).await?;
    Ok(())
}
