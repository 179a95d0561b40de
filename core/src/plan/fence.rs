//! What stands in the target before any workload.

use super::{context::Context, log::Log, object::Object, task::PlannedTask};

pub(super) fn fence(_: &[Object], _: &[PlannedTask], _: &Context, _: &mut Log) -> Vec<Object> {
    Vec::new()
}
