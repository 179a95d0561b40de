//! The pass `label`.

use super::{context::Context, log::Log, object::Object};

pub(super) fn label(objects: Vec<Object>, _: &Context, _: &mut Log) -> Vec<Object> {
    objects
}

pub(super) fn target(context: &Context) -> Object {
    Object::made("v1", "Namespace", context.request.target.as_str(), serde_json::json!({}))
}
