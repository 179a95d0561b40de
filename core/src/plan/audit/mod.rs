//! What could still lead back to production.
//!
//! ```text
//! reference    the source itself                  blocks
//! host         other namespaces, outside hosts, production's own names
//! address      private addresses; addresses that are production's own
//! cloud        buckets, ARNs, projects            by their form
//! credential   credentials outside Secrets        never shown
//! shared       topics, queues, groups             where something outside is named as well
//! ```
//!
//! Everything that will be in the target is looked through, whatever pass it came from. Findings are
//! for people: what leads to one place is one finding, however often it is named.

mod address;
mod cloud;
mod credential;
mod host;
mod reference;
mod shared;

use std::collections::BTreeMap;

use super::{
    context::Context, log::Log, object::Object, places::Place, production::Production,
    task::PlannedTask, texts,
};
use crate::secrets::PlannedSecret;

pub(super) fn audit(
    objects: &[Object],
    secrets: &BTreeMap<String, PlannedSecret>,
    tasks: &[PlannedTask],
    context: &Context,
    log: &mut Log,
) {
    reference::residual(objects, secrets, tasks, context, log);

    let texts = texts::of_plan(objects, secrets, tasks, context);
    let production = Production::of(context);
    let mut leading_out: Vec<Place> = host::hosts(objects, &texts, &production, context, log);
    leading_out.extend(address::addresses(&texts, &production, log));
    leading_out.extend(cloud::resources(&texts, log));
    credential::literals(&texts, log);
    shared::names(objects, &texts, &leading_out, log);
}
