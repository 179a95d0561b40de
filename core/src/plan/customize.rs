//! The pass `customize`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn customize(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}
