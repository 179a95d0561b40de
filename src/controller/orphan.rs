//! Targets whose environment is gone: somebody took our finalizer off, or the operator was away.
//!
//! Nothing of them may be left over. A namespace is deleted only if it carries our proof, and only
//! after the API server itself has said that its environment is not there: a watch may be behind,
//! and a restored etcd may lack what it had.

use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Does what comes next of the end of all targets without an environment. Whether none is left: who is
/// stuck is looked at again with all others, and keeps none of them waiting.
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
                let is_left = look(namespace, ctx).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, name = namespace.name_any(), "a target was not looked at");
                    true
                });
                left.fetch_add(usize::from(is_left), Ordering::Relaxed);
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

/// Looks at one. Whether it has to go, and is there yet.
async fn look(namespace: &V1Namespace, ctx: &Context) -> Result<bool, Error> {
    let label = |key: &str| namespace.labels().get(key).cloned().unwrap_or_default();
    let uid = label(names::ENVIRONMENT_UID_LABEL);
    if ctx.world.whose(&uid).is_some() {
        return Ok(false);
    }
    let (target, there) =
        (NamespaceName::parse(&namespace.name_any())?, Namespace::from(namespace));
    // What labels say of somebody else's is nobody's concern.
    let is_ours = !matches!(judged(&uid, &target, &there, ctx), Target::None | Target::Foreign(_));
    let (place, name) = (label(names::REQUEST_NAMESPACE_LABEL), label(names::ENVIRONMENT_LABEL));
    if is_ours && lives(&uid, &place, &name, ctx).await? {
        return Ok(false);
    }
    end(&uid, &target, &there, ctx).await
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

/// Does what comes next of the end of a namespace that was there a moment ago. One that is not ours is left
/// alone; whether it is ours.
async fn end(
    uid: &str,
    name: &NamespaceName,
    namespace: &Namespace,
    ctx: &Context,
) -> Result<bool, Error> {
    match judged(uid, name, namespace, ctx) {
        Target::None | Target::Foreign(_) => {
            tracing::info!(%name, "a namespace has our label but not our proof: it is left alone");
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

fn judged(uid: &str, name: &NamespaceName, namespace: &Namespace, ctx: &Context) -> Target {
    let life = namespace.incarnation.as_deref().and_then(|it| it.parse().ok());
    let proof = target::proof_of(uid, name, life.map_or(Incarnation(0), Incarnation), ctx);
    target::judge(Some(namespace), None, name.as_str(), &proof)
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
