//! The pass `relocate`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn relocate(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}

pub(super) fn rewrite_text(_: &Context, _: &str) -> Option<String> {
    None
}
