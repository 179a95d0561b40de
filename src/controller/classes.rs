//! Which classes the cluster has, read once for all environments and kept for a while.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::api::{
    networking::v1::IngressClass, scheduling::v1::PriorityClass, storage::v1::StorageClass,
};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use kulisse_core::plan::request::{Classes, StorageFacts};
use serde::de::DeserializeOwned;

use super::{
    call::{call_list, pages},
    context::Context,
    error::Error,
};

/// What Kubernetes marks the StorageClass with that is used when none is named.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// The classes, as of a while ago. What may not be read is not known.
pub async fn classes(ctx: &Context) -> Result<Arc<Classes>, Error> {
    if let Some(known) = ctx.classes.get("all") {
        return Ok(known);
    }
    let client = &ctx.client;
    let (storage, priority, ingress) = futures::try_join!(
        storage(client),
        names::<PriorityClass>(client),
        names::<IngressClass>(client),
    )?;
    let classes = Arc::new(Classes { storage, priority, ingress });
    ctx.classes.put("all", Arc::clone(&classes));
    Ok(classes)
}

async fn storage(client: &Client) -> Result<Option<BTreeMap<String, StorageFacts>>, Error> {
    let api: Api<StorageClass> = Api::all(client.clone());
    let found = readable(pages(&api, "list storageclasses").await)?;
    Ok(found.map(|all| all.iter().map(|it| (it.name_any(), facts(it))).collect()))
}

fn facts(class: &StorageClass) -> StorageFacts {
    StorageFacts {
        default: class.annotations().get(DEFAULT).is_some_and(|it| it == "true"),
        retains: class.reclaim_policy.as_deref() == Some("Retain"),
    }
}

async fn names<K>(client: &Client) -> Result<Option<BTreeSet<String>>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<K> = Api::all(client.clone());
    let what = format!("list {}", K::plural(&()));
    let params = ListParams::default();
    let found = readable(call_list(&what, || api.list_metadata(&params)).await)?;
    Ok(found.map(|all| all.items.iter().map(ResourceExt::name_any).collect()))
}

/// Installed by an older chart, the operator may not look; and not every cluster has every kind.
fn readable<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.code(), 403 | 404) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_matters_of_a_storage_class_is_whether_it_is_the_default_and_keeps_volumes() {
        let class = |policy: &str, default: &str| {
            let class = json!({ "provisioner": "x", "reclaimPolicy": policy,
                "metadata": { "name": "a", "annotations": { DEFAULT: default } } });
            let facts = facts(&serde_json::from_value(class).unwrap());
            (facts.default, facts.retains)
        };
        assert_eq!(class("Delete", "true"), (true, false));
        assert_eq!(class("Retain", "false"), (false, true));
    }
}
