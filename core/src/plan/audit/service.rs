//! Services of the target that texts name and that will not be there.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    api::staging_plan::Severity,
    plan::{
        context::Context,
        hosts,
        kinds::{self, Shape},
        log::Log,
        object::{Key, Object},
        places::Places,
        settle,
        texts::Text,
    },
};

/// The Services of the target, and what names others there.
pub(super) struct OwnServices<'a> {
    there: BTreeSet<&'a str>,
    /// Services of the source that stay behind.
    behind: BTreeSet<&'a str>,
    /// Stores of operators, which stay behind and whose Services begin with their names.
    stores: Vec<&'a Object>,
    missing: Places<Key>,
    context: &'a Context<'a>,
}

impl<'a> OwnServices<'a> {
    pub(super) fn of(objects: &'a [Object], context: &'a Context<'a>) -> Self {
        let services = objects.iter().filter(|it| kinds::shape(it) == Shape::Service);
        let there: BTreeSet<&str> = services.map(Object::name).collect();
        let behind = context.services.difference(&there).copied().collect();
        let of_store = |it: &&Object| kinds::profile(it).is_some_and(|it| it.instead.is_some());
        let stores = context.capture.objects.iter().filter(of_store).collect();
        Self { there, behind, stores, missing: Places::new(), context }
    }

    /// The names without a dot in a text that name a Service which stays behind.
    pub(super) fn short<'t>(&self, text: &'t Text) -> Vec<&'t str> {
        if self.behind.is_empty() && self.stores.is_empty() {
            return Vec::new();
        }
        let known = |name: &str| {
            self.behind.contains(name) || !self.there.contains(name) && self.maker(name).is_some()
        };
        let found = hosts::find_short(&text.named, &text.value, known);
        found.into_iter().map(|it| &text.value[it.host]).collect()
    }

    /// Notes a host, if it names a Service of the target that is not there.
    pub(super) fn note(&mut self, host: &str, text: &Text) {
        let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
        let target = self.context.target();
        let Some(at) = labels.iter().position(|it| *it == target).filter(|at| *at > 0) else {
            return;
        };
        // `db.stg-1` and `db.stg-1.svc…`, but not `10-1-2-3.stg-1.pod`.
        if labels.get(at + 1).is_none_or(|it| *it == "svc") {
            let name = labels[at - 1];
            if !self.there.contains(name) && !name.starts_with(['_', '*']) {
                self.miss(name, text);
            }
        }
    }

    /// Notes that a text names a Service which is not there.
    pub(super) fn miss(&mut self, name: &str, text: &Text) {
        let key = Key { group: String::new(), kind: "Service".to_owned(), name: name.to_owned() };
        self.missing.add(key, text.place());
    }

    /// Says once of each such Service what names it.
    pub(super) fn report(&self, log: &mut Log) {
        for (service, (object, path), also) in self.missing.each() {
            let (severity, why) = if self.context.by_key.contains_key(service) {
                (Severity::Warns, format!("it asks {service}, which stays behind{also}"))
            } else if let Some(maker) = self.maker(&service.name) {
                let why = format!(
                    "it asks {service}, which by its name {maker} makes, and that stays behind{also}"
                );
                (Severity::Warns, why)
            } else {
                let why = format!("it asks {service}, which production has not either{also}");
                (Severity::Informs, why)
            };
            log.find(severity, object, path, "missing-service", why, in_place(&service.name));
        }
    }

    /// The store of an operator whose Services begin with its name.
    fn maker(&self, service: &str) -> Option<Key> {
        let makes = |it: &&&Object| {
            let rest = service.strip_prefix(it.name());
            rest.is_some_and(|it| it.is_empty() || it.starts_with('-'))
        };
        self.stores.iter().filter(makes).max_by_key(|it| it.name().len()).map(|it| it.key())
    }
}

/// YAML for a Service of that name.
fn in_place(name: &str) -> String {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name },
        "spec": {
            "selector": { "app": "<a label of Pods that answer instead>" },
            "ports": [{ "port": 80 }],
        },
    });
    let yaml = settle::environment(&json!({ "overlay": { "inline": [service] } }));
    format!("# nothing, if nobody asks it here; else with the port that is asked\n{yaml}")
}
