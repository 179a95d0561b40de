//! The pass `isolate`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn isolate(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}
