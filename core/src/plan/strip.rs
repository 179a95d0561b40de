//! The pass `strip`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn strip(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}
