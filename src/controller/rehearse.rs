//! What applying a plan would change in its target: every object is tried, and nothing is written.
//!
//! The API server merges what was planned into what is there, so that defaults, fields that others
//! set and what admission webhooks add do not count. What it answers is compared with what is there.

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::DynamicObject;
use kulisse_core::{
    api::{
        drift::{Became, Drifted},
        status::Wave,
    },
    plan::drift::paths,
};
use serde_json::Value;

use super::{
    apply::{Parcel, Part, Running, Way, parcels, rehearsed},
    context::Context,
    error::Error,
    seen::Seen,
    stored::Stored,
};

/// Objects that are tried at the same time.
const AT_ONCE: usize = 8;
/// Metadata that only the API server writes.
const KEPT_BOOKS: [&str; 5] =
    ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"];

/// The objects of the target that are not as planned, in the order of the plan.
pub async fn rehearse(seen: &Seen, stored: &Stored, ctx: &Context) -> Result<Vec<Drifted>, Error> {
    let whole =
        Part { from: Wave::Fence, to: Wave::Workloads, running: Running::All, there: false };
    let parcels = parcels(seen, stored, whole, |_| Some(Way::Change), ctx).await?;
    stream::iter(parcels)
        .map(|parcel| async move { differs(seen, &parcel, ctx).await })
        .buffered(AT_ONCE)
        .try_filter_map(|differs| async { Ok(differs) })
        .try_collect()
        .await
}

async fn differs(seen: &Seen, parcel: &Parcel, ctx: &Context) -> Result<Option<Drifted>, Error> {
    let object = parcel.object.key().to_string();
    // A kind that was removed from the cluster has nothing to compare.
    let Some(api) = ctx.kinds.find(&ctx.client, &parcel.object, &seen.target_name).await? else {
        return Ok(None);
    };
    let (what, paths) = match rehearsed(&api, parcel, ctx).await {
        Ok(None) => (Became::Went, Vec::new()),
        Ok(Some((there, applied))) => match paths(&plain(&applied), &plain(&there)) {
            paths if paths.is_empty() => return Ok(None),
            paths => (Became::Changed, paths),
        },
        // It cannot become what was planned without being made again.
        Err(error) if error.code() == 422 => (Became::Changed, Vec::new()),
        // Somebody's admission has no dry run, or refuses by now what it let through.
        Err(error) if matches!(error.code(), 400 | 403) => {
            tracing::warn!(%error, object, "cannot be compared with the plan");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(Some(Drifted { object, what, paths }))
}

/// An object without the API server's own books and what its controller says.
fn plain(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !KEPT_BOOKS.contains(&field.as_str()));
    }
    value
}
