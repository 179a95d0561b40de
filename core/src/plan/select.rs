//! The pass `select`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn select(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}
