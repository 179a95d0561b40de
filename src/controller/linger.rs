//! Custom resources that somebody has to clean up after: they go before the namespace, while their
//! controller, which may run in the target itself, still does.
//!
//! Nothing here holds up an end: what cannot be listed or deleted is left to the namespace controller.

use futures::{StreamExt, future::join_all, stream};
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, ListParams},
};
use kulisse_core::{
    lifecycle::{facts::Lingering, remains::is_kubernetes_own},
    plan::{
        kinds::{self, Shape},
        object::Object,
    },
};
use serde_json::json;

use super::{
    call::{call, call_list, deletion_of},
    context::Context,
    error::Error,
    seen::Seen,
};

/// Requests at the same time.
const AT_ONCE: usize = 8;
/// Objects that are named.
const NAMED: usize = 16;

/// One object of a custom kind.
struct Custom {
    kind: String,
    name: String,
    uid: String,
    api: Api<DynamicObject>,
    /// Somebody else than Kubernetes takes leave of it.
    held: bool,
    /// It leads traffic to the target.
    route: bool,
}

/// The custom resources in the target that somebody has to clean up after, if there are any.
pub async fn look(seen: &Seen, ctx: &Context) -> Option<Lingering> {
    let found = all(seen, ctx).await;
    let names: Vec<String> = found
        .iter()
        .filter(|it| it.held)
        .take(NAMED)
        .map(|it| format!("{} {}", it.kind, it.name))
        .collect();
    let since = seen
        .record
        .teardown
        .as_ref()
        .and_then(|it| it.resources_deleted_at.as_ref())
        .map(|it| it.0);
    (!names.is_empty()).then_some(Lingering { names, since })
}

/// Deletes those that are held.
pub async fn end(seen: &Seen, ctx: &Context) {
    delete(all(seen, ctx).await.into_iter().filter(|it| it.held)).await;
}

/// Deletes those that lead traffic to the target.
pub async fn end_routes(seen: &Seen, ctx: &Context) {
    delete(all(seen, ctx).await.into_iter().filter(|it| it.route)).await;
}

async fn delete(objects: impl Iterator<Item = Custom>) {
    stream::iter(objects)
        .for_each_concurrent(AT_ONCE, |it| async move {
            let params: DeleteParams = deletion_of(&it.uid);
            let what = format!("delete {} {}", it.kind, it.name);
            if let Err(error) = call(&what, || it.api.delete(&it.name, &params)).await {
                tracing::debug!(%error, "left to the namespace controller");
            }
        })
        .await;
}

/// All objects of the custom kinds that the target may hold.
async fn all(seen: &Seen, ctx: &Context) -> Vec<Custom> {
    let kinds = seen.record.plan.iter().flat_map(|it| &it.custom_kinds);
    let lists = join_all(kinds.map(|kind| async move {
        list(kind, seen, ctx).await.unwrap_or_else(|error| {
            tracing::debug!(%error, kind, "custom resources were not looked at");
            Vec::new()
        })
    }));
    lists.await.into_iter().flatten().collect()
}

async fn list(kind: &str, seen: &Seen, ctx: &Context) -> Result<Vec<Custom>, Error> {
    let (version, kind) = kind.split_once(' ').unwrap_or(("", kind));
    let one = Object::made(version, kind, "any", json!({}));
    let Some(api) = ctx.kinds.find(&ctx.client, &one, &seen.target_name).await? else {
        return Ok(Vec::new());
    };
    let route = kinds::shape(&one) == Shape::GatewayRoute;
    let params = ListParams::default().limit(500);
    let what = format!("list {kind} in {}", seen.target_name);
    let found = call_list(&what, || api.list_metadata(&params)).await?.items;
    Ok(found
        .into_iter()
        .map(|it| Custom {
            kind: kind.to_owned(),
            name: it.metadata.name.unwrap_or_default(),
            uid: it.metadata.uid.unwrap_or_default(),
            api: api.clone(),
            held: it.metadata.finalizers.iter().flatten().any(|it| !is_kubernetes_own(it)),
            route,
        })
        .collect())
}
