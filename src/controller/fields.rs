//! Whose fields are whose, in the API server's books.
//!
//! Kulisse applies (server-side), which takes nothing away that another has set. Three ways lead there
//! from elsewhere: what was POSTed, what was frozen, and what no apply can mend.

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

/// Turns the ownership that a POST left, a freeze, or [`put_back`], into that of an apply: the next one
/// takes away what it does not hold.
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
    let entry = |at: usize| format!("/metadata/managedFields/{at}");
    let owned = |at: usize| fields().nth(at).and_then(|it| it.fields_v1.clone()).map(|it| it.0);
    let mut patch = match of("Apply") {
        None => vec![
            json!({ "op": "replace", "path": format!("{}/operation", entry(at)), "value": "Apply" }),
        ],
        Some(ours) => {
            let mut both = owned(ours).unwrap_or_else(|| json!({}));
            json_patch::merge(&mut both, &owned(at).unwrap_or_else(|| json!({})));
            vec![
                json!({ "op": "replace", "path": format!("{}/fieldsV1", entry(ours)), "value": both }),
                json!({ "op": "remove", "path": entry(at) }),
            ]
        }
    };
    let version = there.metadata.resource_version.clone().unwrap_or_default();
    patch.push(json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version }));
    let params = PatchParams::default();
    let patch = json_patch(patch)?;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn two_sets_of_fields_are_one_that_holds_both() {
        let mut all = json!({ "f:spec": { "f:template": { "f:spec": {} }, "f:paused": {} } });
        json_patch::merge(
            &mut all,
            &json!({ "f:spec": { "f:replicas": {}, "f:template": { "f:metadata": {} } } }),
        );
        let both = json!({ "f:spec": {
            "f:template": { "f:spec": {}, "f:metadata": {} }, "f:paused": {}, "f:replicas": {}
        } });
        assert_eq!(all, both);
    }
}
