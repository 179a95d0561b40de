//! Whose fields are whose, in the API server's books.
//!
//! Kulisse applies (server-side), which takes nothing away that another has set. Three ways lead there
//! from elsewhere: what was POSTed, what was frozen, and what no apply can mend.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{
    Api,
    api::{DynamicObject, PatchParams},
};
use kulisse_core::{api::names, plan::object::escape};
use serde_json::{Value, json};

use super::{
    call::{call_secret, json_patch},
    error::Error,
};

/// What an object is besides what Kubernetes keeps of it.
const KEPT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// Turns the ownership that a POST left, a freeze, or [`put_back`], into that of an apply: the next one
/// takes away what it does not hold.
pub async fn take_over(api: &Api<DynamicObject>, there: &DynamicObject) -> Result<(), Error> {
    let Some(name) = &there.metadata.name else { return Ok(()) };
    let Some(mut patch) = owned(there.metadata.managed_fields.as_deref().unwrap_or_default())
    else {
        return Ok(());
    };
    let version = there.metadata.resource_version.clone().unwrap_or_default();
    patch.push(json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version }));
    let params = PatchParams::default();
    let patch = json_patch(patch)?;
    call_secret(&format!("own the fields of {name}"), || api.patch_metadata(name, &params, &patch))
        .await?;
    Ok(())
}

/// What makes all fields of ours those of an apply; `None` if they are.
fn owned(fields: &[ManagedFieldsEntry]) -> Option<Vec<Value>> {
    let of = |operation: &str| {
        fields.iter().enumerate().find(|(_, it)| {
            it.manager.as_deref() == Some(names::FIELD_MANAGER)
                && it.operation.as_deref() == Some(operation)
                && it.subresource.is_none()
        })
    };
    let path = |at: usize| format!("/metadata/managedFields/{at}");
    let set = |it: &ManagedFieldsEntry| it.fields_v1.clone().map_or_else(|| json!({}), |it| it.0);
    let (at, updated) = of("Update")?;
    let Some((ours, applied)) = of("Apply") else {
        let operation = format!("{}/operation", path(at));
        return Some(vec![json!({ "op": "replace", "path": operation, "value": "Apply" })]);
    };
    let mut both = set(applied);
    json_patch::merge(&mut both, &set(updated));
    Some(vec![
        json!({ "op": "replace", "path": format!("{}/fieldsV1", path(ours)), "value": both }),
        json!({ "op": "remove", "path": path(at) }),
    ])
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> ManagedFieldsEntry {
        let entry = json!({ "manager": manager, "operation": operation, "fieldsV1": fields });
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn two_sets_of_fields_are_one_that_holds_both() {
        let applied = json!({ "f:spec": { "f:template": { "f:spec": {} }, "f:paused": {} } });
        let frozen = json!({ "f:spec": { "f:replicas": {}, "f:template": { "f:metadata": {} } } });
        let both = json!({ "f:spec": {
            "f:template": { "f:spec": {}, "f:metadata": {} }, "f:paused": {}, "f:replicas": {}
        } });
        let fields = [
            entry("kubectl", "Update", &json!({ "f:metadata": {} })),
            entry(names::FIELD_MANAGER, "Update", &frozen),
            entry(names::FIELD_MANAGER, "Apply", &applied),
        ];
        let expected = json!([
            { "op": "replace", "path": "/metadata/managedFields/2/fieldsV1", "value": both },
            { "op": "remove", "path": "/metadata/managedFields/1" },
        ]);
        assert_eq!(json!(owned(&fields)), expected);
        let operation = "/metadata/managedFields/1/operation";
        let expected = json!([{ "op": "replace", "path": operation, "value": "Apply" }]);
        assert_eq!(json!(owned(&fields[..2])), expected);
        assert!(owned(&fields[..1]).is_none() && owned(&fields[2..]).is_none());
    }
}
