//! The pass `secret`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn secret(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}

pub(super) fn recipes(
    _: &[Object],
    _: &Context,
    _: &mut Log,
) -> std::collections::BTreeMap<String, crate::secrets::PlannedSecret> {
    std::collections::BTreeMap::new()
}
