//! A target that stands still: nothing runs in it and nobody may look inside.
//!
//! What is in it counts, not what was planned: a newer plan may lack what an older one made.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::{CronJob, Job},
        rbac::v1::RoleBinding,
    },
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy},
};
use kulisse_core::{
    api::{names, status::TaskState},
    lifecycle::readiness::Attempt,
    plan::{access, object::Object, pause},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{
    call::{call, call_list, deletion_with, gone_is_fine},
    context::Context,
    error::Error,
    seen::Seen,
    stored::{self, Stored},
};

/// Requests at the same time.
const AT_ONCE: usize = 8;

/// Takes the Pods of all workloads and Jobs away, and the rights of those who look inside.
pub async fn freeze(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    // What exactly the target holds is not known any more, from the first request on: thawed, all of it is
    // applied anew.
    if let Some(stored) = &seen.stored {
        let unknown = Stored {
            serial: stored.serial + 1,
            held: stored.held_after(false),
            ..(**stored).clone()
        };
        stored::save(seen.slot(), &unknown, ctx).await?;
        ctx.drop_plan(seen.slot());
    }
    futures::try_join!(
        stop::<Deployment>(seen, ctx),
        stop::<StatefulSet>(seen, ctx),
        stop::<DaemonSet>(seen, ctx),
        stop::<CronJob>(seen, ctx),
        shut(seen, ctx),
    )?;
    // No schedule makes another one by now.
    cut_off(seen, ctx).await?;
    if let Some(withdrawn) = &mut seen.record.withdrawn {
        withdrawn.frozen = true;
    }
    Ok(())
}

/// Takes the Pods of all workloads of a kind away, now and to come. The next apply takes the field over, and
/// away where the plan says nothing of it.
async fn stop<K>(seen: &Seen, ctx: &Context) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    let (kind, version) = (K::kind(&()), K::api_version(&()));
    let all = ListParams::default();
    let what = format!("list {} in {}", K::plural(&()), seen.target_name);
    let found = call_list(&what, || api.list_metadata(&all)).await?;
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    stream::iter(found.items)
        .map(|it| {
            let (api, params, kind, version) = (&api, &params, &kind, &version);
            async move {
                let name = it.name_any();
                let mut object = Object::made(version, kind, &name, json!({}));
                pause::pause(&mut object);
                let patch = Patch::Merge(json!({ "spec": object.get("/spec") }));
                let what = format!("take the Pods of {kind} {name} away");
                gone_is_fine(call(&what, || api.patch(&name, params, &patch)).await)
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
}

/// Deletes every Job that is not over: a task has failed then, and nobody takes it up again unasked.
async fn cut_off(seen: &Seen, ctx: &Context) -> Result<(), Error> {
    let api: Api<Job> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    let all = ListParams::default();
    let what = format!("list jobs in {}", seen.target_name);
    let found = call_list(&what, || api.list(&all)).await?;
    let running = found.items.iter().filter(|it| Attempt::from(*it).state == TaskState::Running);
    stream::iter(running)
        .map(|it| {
            let (api, name) = (&api, it.name_any());
            async move {
                let uid = it.uid().unwrap_or_default();
                let params = deletion_with(PropagationPolicy::Background, &uid);
                let what = format!("delete Job {name}");
                gone_is_fine(call(&what, || api.delete(&name, &params)).await)
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
}

/// Takes away the rights of those who look inside.
async fn shut(seen: &Seen, ctx: &Context) -> Result<(), Error> {
    let api: Api<RoleBinding> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    for name in access::BINDINGS {
        let params = DeleteParams::default();
        let what = format!("delete RoleBinding {name} in {}", seen.target_name);
        gone_is_fine(call(&what, || api.delete(name, &params)).await)?;
    }
    Ok(())
}
