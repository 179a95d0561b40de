//! What could still lead back to production.
//!
//! ```text
//! reference    the source itself                  blocks
//! host         other namespaces, outside hosts, production's own names
//! service      the target's own that are not there
//! address      private addresses; addresses that are production's own
//! cloud        buckets, ARNs, projects            by their form
//! credential   credentials outside Secrets        never shown
//! shared       topics, queues, groups             where something outside is named as well
//! unread       files that are no text
//! keystore     private keys in them
//! template     Pods that an application starts by itself
//! ```
//!
//! Everything that will be in the target is looked through, whatever pass it came from. Findings are
//! for people: what leads to one place is one finding, however often it is named.

mod address;
mod cloud;
mod credential;
mod host;
mod keystore;
mod reference;
mod service;
mod shared;
mod template;
mod unread;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    context::Context,
    hosts,
    log::Log,
    object::{Key, Object},
    places::Place,
    production::Production,
    task::PlannedTask,
    texts,
};
use crate::secrets::PlannedSecret;

pub(super) fn audit(
    objects: &[Object],
    secrets: &BTreeMap<String, PlannedSecret>,
    tasks: &[PlannedTask],
    context: &Context,
    log: &mut Log,
) {
    let texts = texts::of_plan(objects, secrets, tasks, context);
    let by_key: BTreeMap<Key, &Object> = objects.iter().map(|it| (it.key(), it)).collect();
    let residual = reference::Residual { objects: &by_key, context };
    residual.report_all(secrets, tasks, log);
    residual.report_filled(&texts, log);
    let production = Production::of(context);
    let mut leading_out: Vec<Place> =
        host::hosts(objects, &by_key, &texts, &production, context, log);
    leading_out.extend(address::addresses(&texts, &production, &by_key, context, log));
    leading_out.extend(cloud::resources(&texts, &by_key, log));
    credential::literals(&texts, &by_key, log);
    unread::files(objects, context, log);
    keystore::files(&by_key, secrets, log);
    template::pods(&by_key, log);
    shared::names(&by_key, &texts, &leading_out, context, log);
    if !context.request.spec.hosts.is_empty() {
        let named = |it: &'_ texts::Text| hosts::find(&it.named, &it.value);
        let hosts: BTreeSet<&str> = texts
            .iter()
            .flat_map(|it| named(it).into_iter().map(|found| &it.value[found.host]))
            .collect();
        context.decisions.unused(context, &hosts, log);
    }
}

#[cfg(test)]
mod tests;
