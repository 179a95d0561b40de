//! Which classes the cluster has, read once for all environments and kept for a while.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::api::{
    networking::v1::IngressClass, scheduling::v1::PriorityClass, storage::v1::StorageClass,
};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use kulisse_core::plan::{request::Classes, storage::StorageFacts};
use serde::de::DeserializeOwned;

use super::{
    call::{call_list, pages},
    context::Context,
    error::Error,
};

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
    Ok(found.map(|all| all.iter().map(|it| (it.name_any(), it.into())).collect()))
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
