//! Certificates in ConfigMaps: bundles of authorities that clients trust.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    keys::{self, Keys, Rewritten},
    report::CERTIFICATE,
};
use crate::{
    api::staging_plan::Severity,
    plan::{
        context::Context,
        kinds::{self, Shape},
        log::Log,
        object::{Object, escape},
        settle,
    },
    secrets::{PlannedSecret, PlannedValue, keys_in},
};

/// Stands in a planned ConfigMap where the applied one holds certificates.
const PLACEHOLDER: &str = "# certificates of this environment's own\n";

/// What cloned ConfigMaps will hold of certificates, by name. In the objects a comment takes its
/// place.
pub(in crate::plan) fn settings(
    objects: &mut [Object],
    context: &Context,
    log: &mut Log,
) -> BTreeMap<String, PlannedSecret> {
    let keys = Keys::of(context);
    let mut settings = BTreeMap::new();
    for object in objects.iter_mut().filter(|it| kinds::shape(it) == Shape::Settings) {
        let mut planned = BTreeMap::new();
        for (key, text) in keys::texts(object) {
            let rewritten = keys_in(text).map(|parts| keys.rewrite(&parts, context));
            match rewritten {
                Some(Ok(Rewritten { parts, is_new: true, .. })) => {
                    planned.insert(key.to_owned(), PlannedValue::Keys(parts));
                }
                None if keys.replaces_in(text) => within(object, key, log),
                _ => {}
            }
        }
        for key in planned.keys() {
            let path = format!("/data/{}", escape(key));
            // Not through the log: it shows what stood there.
            object.set(&path, json!(PLACEHOLDER));
            log.changed(object.key(), &path, None, None, &CERTIFICATE);
        }
        if !planned.is_empty() {
            settings.insert(object.name().to_owned(), PlannedSecret { keys: planned });
        }
    }
    settings
}

/// A certificate of production's in a text that is more than certificates stays, and its clients
/// will not trust the clone's servers.
fn within(object: &Object, key: &str, log: &mut Log) {
    let path = format!("/data/{}", escape(key));
    log.find(
        Severity::Warns,
        &object.key(),
        &path,
        "certificate-in-text",
        "it holds the certificate of an authority that the clone replaces, in a text that is not rewritten: whoever trusts it will not trust the clone",
        format!(
            "# better: keep the certificate in a key of its own, from which it is mounted as a file\n{}",
            settle::patch(
                &object.key(),
                &json!([{ "op": "replace", "path": path, "value": "<the text, with what the clone is to trust>" }]),
            )
        ),
    );
}
