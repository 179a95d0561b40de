//! The order in which the target is filled.

use super::{PlannedClone, kinds, object::Object};
use crate::api::status::Wave;

pub(super) fn order(objects: Vec<Object>) -> Vec<PlannedClone> {
    objects
        .into_iter()
        .map(|object| PlannedClone {
            wave: kinds::profile(&object).map_or(Wave::Config, |kind| kind.wave),
            object,
        })
        .collect()
}
