//! The pass `scale`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn scale(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}
