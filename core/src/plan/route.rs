//! The pass `route`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn route(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}

pub(super) fn urls(_: &[Object], _: &Context) -> Vec<String> {
    Vec::new()
}
