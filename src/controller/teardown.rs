//! The end of a target: everything in it, and nothing else.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    batch::v1::Job,
    networking::v1::Ingress,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams},
};
use kulisse_core::{
    api::{
        condition::Reason,
        identity::NamespaceName,
        names,
        staging_plan::StagingPlan,
        status::{TargetRole, Teardown},
    },
    lifecycle::{facts::Target, step::Cause},
};
use serde::de::DeserializeOwned;

use super::{
    bindings,
    call::{call, deletion_of, gone_is_fine},
    context::Context,
    error::Error,
    linger, observe, report,
    seen::Seen,
    stored, target, volumes,
};

/// Takes down that the end has begun.
pub fn close(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    guard(seen, ctx)?;
    if seen.record.teardown.is_none() {
        note(seen, Vec::new(), ctx);
    }
    Ok(())
}

/// Deletes all routes that lead to the target.
pub async fn end_routes(seen: &Seen, ctx: &Context) {
    futures::join!(wipe::<Ingress>(seen, ctx), linger::end_routes(seen, ctx));
}

/// Looks with certainty whether a namespace of the target's name is there and ours.
pub async fn is_there(seen: &mut Seen, ctx: &Context) -> Result<bool, Error> {
    target::look(seen, ctx).await?;
    Ok(seen.target.is_ours())
}

/// That a namespace is left which the operator does not know for its own any more.
fn unproven(name: &NamespaceName) -> String {
    format!(
        "namespace {name} is left: it was made for this environment and does not bear its proof any more, as the Secret kulisse-operator-key is another one, or as somebody has changed the annotation; «kubectl delete namespace {name}» removes it"
    )
}

/// Deletes the custom resources that somebody has to clean up after; the routes first.
pub async fn end_resources(seen: &mut Seen, ctx: &Context) {
    end_routes(seen, ctx).await;
    linger::end(seen, ctx).await;
    let now = Time(ctx.clock.now());
    if let Some(lingering) = &mut seen.lingering {
        lingering.since = Some(now.0);
    }
    if let Some(teardown) = &mut seen.record.teardown {
        teardown.resources_deleted_at = Some(now);
    }
}

/// Deletes the namespace, and in the same instant its routes and its workloads, since the namespace
/// controller only starts after a while. In this order: what is deleted comes back for nobody.
pub async fn begin(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let name = seen.target_name.clone();
    guard(seen, ctx)?;
    // Its UID, asked for now: the namespace that is deleted is the one that was judged.
    let Some(namespace) = target::look(seen, ctx).await? else {
        seen.record.namespaces.clear();
        return Ok(());
    };
    if seen.target != Target::Living {
        return Ok(());
    }
    target::record(seen, &name, &namespace);
    target::delete(&name, &namespace.uid, ctx).await?;
    let has_routes = seen.record.teardown.is_none();
    close(seen, ctx)?;
    let routes = async {
        if has_routes {
            end_routes(seen, ctx).await;
        }
    };
    futures::join!(
        routes,
        wipe_known::<Deployment>(seen, ctx),
        wipe_known::<StatefulSet>(seen, ctx),
        wipe_known::<DaemonSet>(seen, ctx),
        wipe_known::<Job>(seen, ctx),
    );
    if let Some(record) = seen.target_record_mut() {
        record.role = TargetRole::Leaving;
    }
    seen.target = Target::Leaving { only_rights: false, blocked_by: Vec::new() };
    seen.leaving_since = Some(ctx.clock.now());
    Ok(())
}

/// Takes down what holds up the deletion.
pub fn note(seen: &mut Seen, blocked_by: Vec<String>, ctx: &Context) {
    let before = seen.record.teardown.take();
    seen.record.teardown = Some(match before {
        Some(it) => Teardown { blocked_by, ..it },
        None => {
            Teardown { started_at: Time(ctx.clock.now()), resources_deleted_at: None, blocked_by }
        }
    });
}

/// Drops what was stored, and lets the environment go or marks it as expired. Looks once more, with
/// certainty: a namespace that was made and never recorded must not be left behind.
pub async fn forget(seen: &mut Seen, cause: Cause, ctx: &Context) -> Result<(), Error> {
    let there = target::look(seen, ctx).await?;
    if seen.target.is_ours() {
        return Ok(());
    }
    let reason = cause.reason();
    let recorded = seen.target_record().map(|it| it.uid.as_str());
    if there.is_some_and(|it| Some(it.uid.as_str()) == recorded) {
        report::left_behind(seen, reason, unproven(&seen.target_name), ctx).await;
    }
    Box::pin(volumes::tell(seen, reason, ctx)).await?;
    Box::pin(bindings::tell(seen, reason, ctx)).await?;
    stored::delete_all(&seen.identity.uid, ctx).await?;
    seen.record.namespaces.clear();
    seen.record.plan = None;
    seen.record.teardown = None;
    seen.record.url = None;
    seen.record.urls.clear();
    ctx.world.release_urls(&seen.identity.uid);
    seen.stored = None;
    seen.record.queue = None;
    ctx.places.release(&seen.identity.uid);
    match cause {
        Cause::Deleted => {
            drop_report(seen, ctx).await?;
            report::release(&seen.identity, ctx).await?;
            seen.claimed = false;
            Ok(())
        }
        // Granted again, it begins another life.
        Cause::Withdrawn => {
            observe::begin_anew(&mut seen.record);
            Ok(())
        }
        // That a namespace was replaced is said of none that serves.
        Cause::Replaced | Cause::Expired | Cause::Renewed => Ok(()),
    }
}

async fn drop_report(seen: &Seen, ctx: &Context) -> Result<(), Error> {
    let api: Api<StagingPlan> =
        Api::namespaced(ctx.client.clone(), seen.identity.namespace.as_str());
    let name = names::staging_plan(&seen.identity.name);
    let params = DeleteParams::default();
    gone_is_fine(call(&format!("delete StagingPlan {name}"), || api.delete(&name, &params)).await)
}

/// Asks for the deletion of an environment that does not outlive its target.
pub async fn delete_environment(seen: &Seen, ctx: &Context) -> Result<(), Error> {
    let api = report::environments(&seen.identity.namespace, ctx);
    let params = deletion_of(&seen.identity.uid);
    let what = format!("delete StagingEnvironment {}", seen.identity.name);
    gone_is_fine(call(&what, || api.delete(&seen.identity.name, &params)).await)
}

/// Never a namespace of the system, never a source, never one without one of our prefixes; even if
/// somebody wrote its name and UID into a status.
fn guard(seen: &Seen, ctx: &Context) -> Result<(), Error> {
    let name = seen.target_name.as_str();
    let prefixed = ctx
        .settings
        .namespace_prefixes
        .iter()
        .any(|prefix| name.starts_with(&format!("{prefix}-")));
    let system = name == "default" || name.starts_with("kube-");
    let source = name == seen.environment.spec.source.namespace;
    if prefixed && !system && !source {
        return Ok(());
    }
    Err(Error::problem(
        Reason::Conflict,
        format!(
            "namespace {name} is not deleted: targets start with one of {}",
            ctx.settings.namespace_prefixes.join(", ")
        ),
    ))
}

/// The same as [`wipe`], if one of ours was ever seen there: a kind that nobody has used costs no request.
async fn wipe_known<K>(seen: &Seen, ctx: &Context)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    if ctx.world.may_hold(&seen.identity.uid, seen.target_name.as_str(), &K::kind(&())) {
        wipe::<K>(seen, ctx).await;
    }
}

/// Deletes all objects of a kind in the target. Only speeds up what the namespace's deletion does
/// anyway, so its failure is none.
async fn wipe<K>(seen: &Seen, ctx: &Context)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    let what = format!("delete all {} in {}", K::plural(&()), seen.target_name);
    let params = DeleteParams::background();
    let all = ListParams::default();
    if let Err(error) = call(&what, || api.delete_collection(&params, &all)).await {
        tracing::debug!(%error, "left to the namespace controller");
    }
}
