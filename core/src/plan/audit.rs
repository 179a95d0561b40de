//! What could still lead back to production.

use std::collections::BTreeMap;

use super::{context::Context, log::Log, object::Object, task::PlannedTask};
use crate::secrets::PlannedSecret;

pub(super) fn audit(
    _: &[Object],
    _: &BTreeMap<String, PlannedSecret>,
    _: &[PlannedTask],
    _: &Context,
    _: &mut Log,
) {
}
