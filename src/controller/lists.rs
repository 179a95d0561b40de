//! What runs in a target, read by lists where it is not watched (`--workload-watch=false`).
//!
//! While something is awaited, at most once in a [`MOMENT`]; at rest, once in an interval of
//! `spec.drift`.

use std::fmt::Debug;

use jiff::SignedDuration;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        batch::v1::Job,
    },
};
use kube::{Api, Resource, api::ListParams};
use kulisse_core::api::names;
use serde::de::DeserializeOwned;

use super::{call::call_list, context::Context, error::Error, seen::Seen, world::Watched};

/// So long a list counts while something is awaited: nobody reads faster than this.
const MOMENT: SignedDuration = SignedDuration::from_millis(1500);

/// Brings what is known of a target up to date, if it is time to. `rests`: nothing is awaited in it.
pub async fn look(seen: &mut Seen, rests: bool, ctx: &Context) -> Result<(), Error> {
    // Before that there is nothing of ours in it, and we may not look.
    if ctx.settings.workload_watch || seen.applied().is_none() {
        return Ok(());
    }
    let (now, ends) = (ctx.clock.now(), seen.ends(ctx.clock.now()));
    let interval = SignedDuration::try_from(seen.environment.spec.drift.interval())
        .unwrap_or(SignedDuration::MAX);
    let counts = if rests && !ends { interval } else { MOMENT };
    let (uid, target) = (seen.identity.uid.clone(), seen.target_name.to_string());
    let last = ctx.world.listed(&uid, &target);
    let listed = match last.filter(|at| now.duration_since(*at) < counts) {
        Some(at) => at,
        None => {
            Box::pin(list(seen, rests, ends, ctx)).await?;
            ctx.world.note_list(&uid, &target, now);
            now
        }
    };
    seen.looks_at = listed.checked_add(interval).ok();
    Ok(())
}

async fn list(seen: &Seen, rests: bool, ends: bool, ctx: &Context) -> Result<(), Error> {
    if ends {
        // Of what ends only its last tasks matter.
        let tasks = !seen.environment.spec.pre_delete.is_empty();
        return if tasks { all::<Job>(seen, ctx).await } else { Ok(()) };
    }
    let jobs = async { if rests { Ok(()) } else { all::<Job>(seen, ctx).await } };
    futures::try_join!(
        all::<Deployment>(seen, ctx),
        all::<StatefulSet>(seen, ctx),
        all::<DaemonSet>(seen, ctx),
        jobs,
    )?;
    Ok(())
}

async fn all<K>(seen: &Seen, ctx: &Context) -> Result<(), Error>
where
    K: Watched + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    let (uid, target) = (seen.identity.uid.as_str(), seen.target_name.as_str());
    let api: Api<K> = Api::namespaced(ctx.client.clone(), target);
    let mine = format!("{}={uid}", names::ENVIRONMENT_UID_LABEL);
    let params = ListParams::default().labels(&mine);
    let what = format!("list {} in {target}", K::plural(&()));
    match call_list(&what, || api.list(&params)).await {
        Ok(found) => ctx.world.take_list(uid, target, &found.items),
        // Our rights in it have gone before it.
        Err(error) if error.code() == 403 && seen.ends(ctx.clock.now()) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
