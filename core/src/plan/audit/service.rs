//! Services of the target that texts name and that will not be there.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    api::staging_plan::Severity,
    plan::{
        context::Context,
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
    missing: Places<Key>,
    context: &'a Context<'a>,
}

impl<'a> OwnServices<'a> {
    pub(super) fn of(objects: &'a [Object], context: &'a Context<'a>) -> Self {
        let services = objects.iter().filter(|it| kinds::shape(it) == Shape::Service);
        Self { there: services.map(Object::name).collect(), missing: Places::new(), context }
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
                let key =
                    Key { group: String::new(), kind: "Service".to_owned(), name: name.to_owned() };
                self.missing.add(key, text.place());
            }
        }
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
        let stores = self.context.capture.objects.iter().filter(|it| {
            let of_store = kinds::profile(it).is_some_and(|it| it.instead.is_some());
            let rest = service.strip_prefix(it.name());
            of_store && rest.is_some_and(|it| it.is_empty() || it.starts_with('-'))
        });
        stores.max_by_key(|it| it.name().len()).map(Object::key)
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
