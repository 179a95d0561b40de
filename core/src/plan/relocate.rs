//! The pass `relocate`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn relocate(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}

/// The text with every reference to the source turned into one to the target; `None` if it has none.
pub(super) fn rewrite_text(_: &Context, _: &str) -> Option<String> {
    None
}
