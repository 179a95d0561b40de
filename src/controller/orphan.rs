//! Targets whose environment is gone: somebody took our finalizer off, or the operator was away.
//!
//! Nothing of them may be left over. A namespace is deleted only if it carries our proof, and only
//! after the API server itself has said that its environment is not there: a watch may be behind,
//! and a restored etcd may lack what it had.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::{StreamExt, stream};
use k8s_openapi::api::{core::v1::Namespace as V1Namespace, rbac::v1::RoleBinding};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use kulisse_core::{
    api::{
        condition::Reason,
        identity::{Incarnation, NamespaceName},
        names,
    },
    lifecycle::facts::Target,
};
use serde_json::json;

use super::{
    call::{call, call_list, gone_is_fine},
    context::Context,
    error::Error,
    report, target,
    world::Namespace,
};

/// Targets that are looked at together.
const AT_ONCE: usize = 8;
/// How often a going namespace is looked at.
const PAUSE: Duration = Duration::from_secs(2);
/// How often at most, in one sweep.
const LOOKS: u32 = 300;

/// Removes all targets without an environment. Whether none is left.
pub async fn sweep(ctx: &Context) -> Result<bool, Error> {
    let api: Api<V1Namespace> = Api::all(ctx.client.clone());
    let params = ListParams::default().labels(names::ENVIRONMENT_UID_LABEL);
    let found = call_list("list targets", || api.list(&params)).await?;
    // Together, and each by itself: one that is stuck, or that may not be looked at, holds up none.
    let left = AtomicUsize::new(0);
    stream::iter(&found.items)
        .for_each_concurrent(AT_ONCE, |namespace| {
            let left = &left;
            async move {
                if let Err(error) = look(namespace, ctx).await {
                    tracing::warn!(%error, name = namespace.name_any(), "a target was not looked at");
                    left.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
        .await;
    Ok(left.into_inner() == 0)
}

/// Removes the targets of an environment that cannot be read, as far as that goes by now.
///
/// # Errors
///
/// As long as one of them is there.
pub async fn remove_all(uid: &str, ctx: &Context) -> Result<(), Error> {
    let api: Api<V1Namespace> = Api::all(ctx.client.clone());
    let params = ListParams::default().labels(&format!("{}={uid}", names::ENVIRONMENT_UID_LABEL));
    let mut left = Vec::new();
    for namespace in call_list("list targets", || api.list(&params)).await?.items {
        let name = NamespaceName::parse(&namespace.name_any())?;
        if end(uid, &name, &Namespace::from(&namespace), ctx).await? {
            left.push(name.to_string());
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::problem(Reason::Deleting, format!("not gone yet: {}", left.join(", "))))
}

async fn look(namespace: &V1Namespace, ctx: &Context) -> Result<(), Error> {
    let label = |key: &str| namespace.labels().get(key).cloned().unwrap_or_default();
    let uid = label(names::ENVIRONMENT_UID_LABEL);
    let (place, name) = (label(names::REQUEST_NAMESPACE_LABEL), label(names::ENVIRONMENT_LABEL));
    if ctx.world.whose(&uid).is_some() || lives(&uid, &place, &name, ctx).await? {
        return Ok(());
    }
    remove(&uid, namespace, ctx).await
}

/// Whether the environment with that UID is there, by the API server's own word.
async fn lives(uid: &str, namespace: &str, name: &str, ctx: &Context) -> Result<bool, Error> {
    let namespace = NamespaceName::parse(namespace)?;
    let name = NamespaceName::parse(name)?;
    let api = report::environments(&namespace, ctx);
    let params = ListParams::default().fields(&format!("metadata.name={name}"));
    let what = format!("look for StagingEnvironment {name}");
    let found = call_list(&what, || api.list_metadata(&params)).await?;
    Ok(found.items.iter().any(|it| it.uid().as_deref() == Some(uid)))
}

/// Removes a target, and waits for its end.
async fn remove(uid: &str, namespace: &V1Namespace, ctx: &Context) -> Result<(), Error> {
    let name = NamespaceName::parse(&namespace.name_any())?;
    let mut now = Namespace::from(namespace);
    let first = now.uid.clone();
    for _ in 0..LOOKS {
        if !end(uid, &name, &now, ctx).await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        match target::find(&name, ctx).await?.filter(|it| it.uid == first) {
            Some(it) => now = it,
            None => return Ok(()),
        }
    }
    Err(Error::problem(Reason::Deleting, format!("{name} is not gone yet")))
}

/// Does what comes next of the end of a namespace that was there a moment ago. One that is not ours is left
/// alone; whether it is ours.
async fn end(
    uid: &str,
    name: &NamespaceName,
    namespace: &Namespace,
    ctx: &Context,
) -> Result<bool, Error> {
    let life = namespace.incarnation.as_deref().and_then(|it| it.parse().ok());
    let proof = target::proof_of(uid, name, life.map_or(Incarnation(0), Incarnation), ctx);
    match target::judge(Some(namespace), None, name.as_str(), &proof) {
        Target::None | Target::Foreign(_) => {
            tracing::warn!(%name, "a namespace has our label but not our proof: it is left alone");
            return Ok(false);
        }
        Target::Living => {
            tracing::info!(%name, uid, "a target without an environment is deleted");
            target::delete(name, &namespace.uid, ctx).await?;
        }
        Target::Leaving { only_rights: true, .. } => release(name, ctx).await?,
        Target::Leaving { only_rights: false, .. } => {}
    }
    Ok(true)
}

/// Lets go of our rights in a target that holds nothing else any more. Safe to repeat: whoever may not
/// has let go already, since the right to is in that very binding; the namespace says for a while yet
/// that it is there.
pub async fn release(name: &NamespaceName, ctx: &Context) -> Result<(), Error> {
    let api: Api<RoleBinding> = Api::namespaced(ctx.client.clone(), name.as_str());
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    let params = PatchParams::default();
    let what = format!("release RoleBinding {} in {name}", names::RIGHTS_BINDING);
    match call(&what, || api.patch(names::RIGHTS_BINDING, &params, &patch)).await {
        Err(error) if error.code() == 403 => Ok(()),
        answer => gone_is_fine(answer),
    }
}
