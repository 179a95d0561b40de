//! What keeps workloads from coming up: the Pods are asked, and only while something is not up.

use std::{collections::BTreeMap, ops::ControlFlow};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use kulisse_core::{
    api::names,
    lifecycle::{Problem, readiness},
    plan::object::Key,
};

use super::{
    call::{bounded, call_list, each_page},
    context::Context,
    error::Error,
    seen::Seen,
};

/// The first cause for each workload that is not up.
pub async fn troubles(seen: &Seen, ctx: &Context) -> Result<BTreeMap<Key, Problem>, Error> {
    if let Some(known) = ctx.troubles.get(seen.target_name.as_str()) {
        return Ok(known);
    }
    let mut found = BTreeMap::new();
    each_pod(seen, ctx, |pod| {
        if let (Some(key), Some(problem)) = (owner(&pod), readiness::trouble(&pod)) {
            found.entry(key).or_insert(problem);
        }
    })
    .await?;
    ctx.troubles.put(seen.target_name.as_str(), found.clone());
    Ok(found)
}

/// What keeps the probe from running.
pub async fn of_probe(seen: &Seen, ctx: &Context) -> Result<Option<Problem>, Error> {
    let troubles = troubles(seen, ctx).await?;
    Ok(troubles
        .into_iter()
        .find(|(key, _)| key.name == names::PROBE_JOB)
        .map(|(_, problem)| problem))
}

/// Takes all Pods of the target, one by one: who may write there decides how many there are.
pub async fn each_pod(seen: &Seen, ctx: &Context, mut take: impl FnMut(Pod)) -> Result<(), Error> {
    let api: Api<Pod> = Api::namespaced(bounded(ctx.client.clone()), seen.target_name.as_str());
    let (api, what) = (&api, &format!("list pods in {}", seen.target_name));
    let all = each_page(
        |params| async move { call_list(what, || api.list(&params)).await },
        |page| {
            page.into_iter().for_each(&mut take);
            ControlFlow::Continue(())
        },
    );
    all.await.map(|_| ())
}

/// The workload that a Pod belongs to. A ReplicaSet is named after its Deployment and the hash of
/// its template.
pub fn owner(pod: &Pod) -> Option<Key> {
    let owner = pod.owner_references().iter().find(|it| it.controller == Some(true))?;
    let (kind, name) = match owner.kind.as_str() {
        "ReplicaSet" => ("Deployment", owner.name.rsplit_once('-')?.0),
        other => (other, owner.name.as_str()),
    };
    Some(Key { group: "apps".to_owned(), kind: kind.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_of_a_replica_set_belongs_to_the_deployment() {
        let pod: Pod = serde_json::from_value(json!({ "metadata": { "name": "web-5f-x", "ownerReferences": [
            { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-api-5f", "uid": "u", "controller": true }
        ] } }))
        .unwrap();
        assert_eq!(owner(&pod).unwrap().to_string(), "Deployment.apps/web-api");
    }
}
