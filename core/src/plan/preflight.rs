//! What would keep the clone from working: names of what will not be there.

use std::collections::BTreeSet;

use super::{
    context::Context,
    kinds,
    log::Log,
    object::{Key, Object},
    select,
};
use crate::api::staging_plan::Severity;

/// Looks through everything that will be in the target.
pub(super) fn preflight(objects: &[Object], context: &Context, log: &mut Log) {
    missing(objects, context, log);
}

/// Names of objects that will not be there.
fn missing(objects: &[Object], context: &Context, log: &mut Log) {
    let there: BTreeSet<Key> = objects.iter().map(Object::key).collect();
    for object in objects {
        for refers in kinds::references(object) {
            if refers.optional || there.contains(&refers.to) || select::is_given(&refers.to) {
                continue;
            }
            let to = &refers.to;
            let (severity, why) = if context.by_key.contains_key(to) {
                (Severity::Warns, format!("it needs {to}, which stays behind"))
            } else {
                (Severity::Informs, format!("it needs {to}, which production has not either"))
            };
            let settle =
                format!("see why {to} stays behind, or leave {} behind as well", object.key());
            log.find(severity, &object.key(), &refers.path, "missing-reference", why, settle);
        }
    }
}
