//! The order in which the target is filled.

use serde_json::json;

use super::{
    PlannedClone,
    context::Context,
    kinds,
    object::{Key, Object, escape},
};
use crate::api::{names, status::Wave};

/// Rank of kinds without an entry.
const LAST: u8 = u8::MAX;

/// Sorts the objects into waves, and within a wave so that what others refer to comes first.
/// Stores are marked as such.
pub(super) fn order(objects: Vec<Object>, context: &Context) -> Vec<PlannedClone> {
    let mut clones: Vec<PlannedClone> = objects
        .into_iter()
        .map(|mut object| {
            let wave = wave(&object, context);
            if wave == Wave::Stores {
                let path = format!("/metadata/labels/{}", escape(names::STORE_LABEL));
                object.set(&path, json!("true"));
            }
            PlannedClone { wave, object }
        })
        .collect();
    clones.sort_by_cached_key(place);
    clones
}

fn place(clone: &PlannedClone) -> (Wave, u8, Key) {
    let rank = kinds::profile(&clone.object).map_or(LAST, |it| it.rank);
    (clone.wave, rank, clone.object.key())
}

fn wave(object: &Object, context: &Context) -> Wave {
    if object.label(names::FENCE_LABEL).is_some() {
        return Wave::Fence;
    }
    let Some(profile) = kinds::profile(object) else { return Wave::Config };
    if profile.workload && is_store(object, context) {
        return Wave::Stores;
    }
    profile.wave
}

/// Whether a workload holds data: by request, or because it has a claim.
fn is_store(object: &Object, context: &Context) -> bool {
    let key = object.key();
    let (include, exclude) = &context.stores;
    if exclude.iter().any(|pattern| pattern.matches(&key)) {
        return false;
    }
    include.iter().any(|pattern| pattern.matches(&key))
        || kinds::profile(object).is_some_and(|it| it.claim_templates.is_some())
        || kinds::pod_spec(object).is_some_and(|spec| {
            ["persistentVolumeClaim", "ephemeral"]
                .iter()
                .any(|kind| !object.expand(&format!("{spec}/volumes/*/{kind}")).is_empty())
        })
}
