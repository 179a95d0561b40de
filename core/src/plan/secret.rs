//! The pass `secret`, and the recipes of the cloned Secrets.
//!
//! Objects lose their values; what the clone will hold stands in [`Plan::secrets`], as recipes.
//! A Secret of which nothing, or not what its type demands, can be made stays behind.
//!
//! [`Plan::secrets`]: super::Plan::secrets

mod draft;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use self::{
    draft::{Draft, Note, draft},
    rules::Rules,
};
use super::{
    context::Context,
    log::{Log, Rule},
    object::{Object, escape},
};
use crate::{
    api::staging_plan::Severity,
    secrets::{PlannedSecret, Uses, uses},
};

const IMMUTABLE: Rule = Rule {
    name: "immutable-secret",
    why: "a value that is missing in the clone must be addable: the Secret can be changed there",
};
const GENERATED: Rule = Rule {
    name: "generated",
    why: "the credential is production's; the clone has one of its own, the same wherever this one stands",
};
const GIVEN: Rule = Rule {
    name: "given",
    why: "spec.secrets.rules takes it from a Secret of the request namespace",
};
const OMITTED: Rule = Rule { name: "omitted", why: "spec.secrets leaves it out" };

/// What the API server demands of a Secret by its type: all of these keys.
const DEMANDED: &[(&str, &[&str])] = &[
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
];

/// Takes the values out of Secrets, and leaves those behind that cannot be made. Where the source's
/// Secrets may not be read, the ones that its Pods name and that can be made are added.
pub(super) fn secret(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let rules = Rules::of(context);
    let uses = uses(&objects);
    let mut kept: Vec<Object> = Vec::with_capacity(objects.len());
    for mut object in objects {
        if !is_secret(&object) {
            kept.push(object);
            continue;
        }
        // Not through the log: it shows what stood there.
        object.remove("/data");
        object.remove("/stringData");
        log.remove(&mut object, "/immutable", &IMMUTABLE);
        let draft = draft(object.name(), &rules, &uses, context);
        match obstacle(&object, &draft) {
            None => kept.push(object),
            Some((reason, why)) => {
                log.leave(&object.key(), reason, why);
                report(&object, &draft, log);
            }
        }
    }
    if !context.capture.secrets_readable {
        kept.extend(unread(&kept, &rules, &uses, context, log));
    }
    kept
}

/// What the cloned Secrets will hold, by name.
pub(super) fn recipes(
    objects: &[Object],
    context: &Context,
    log: &mut Log,
) -> BTreeMap<String, PlannedSecret> {
    let rules = Rules::of(context);
    rules.report(context, log);
    let uses = uses(objects);
    let mut recipes = BTreeMap::new();
    for object in objects.iter().filter(|object| is_secret(object)) {
        let draft = draft(object.name(), &rules, &uses, context);
        report(object, &draft, log);
        recipes.insert(object.name().to_owned(), PlannedSecret { keys: draft.keys });
    }
    recipes
}

fn is_secret(object: &Object) -> bool {
    object.kind() == "Secret" && object.group().is_empty()
}

/// Why a Secret cannot be made.
fn obstacle(object: &Object, draft: &Draft) -> Option<(&'static str, String)> {
    let needed = draft.notes.values().any(|note| matches!(note, Note::Needed { .. }));
    if draft.keys.is_empty() && !draft.notes.is_empty() {
        return Some(if needed {
            ("needs-secret", "nothing it holds can be invented".to_owned())
        } else {
            ("omitted", OMITTED.why.to_owned())
        });
    }
    if draft.takes_all() {
        return None;
    }
    let kind = object.text("/type");
    let (_, demanded) = DEMANDED.iter().find(|(demanding, _)| *demanding == kind)?;
    let missing = demanded.iter().find(|key| !draft.keys.contains_key(**key))?;
    Some(("needs-secret", format!("its type {kind} demands {missing}, which cannot be invented")))
}

/// Secrets that Pods name and nobody may read: the ones of which something can be made.
fn unread(
    there: &[Object],
    rules: &Rules,
    uses: &Uses,
    context: &Context,
    log: &mut Log,
) -> Vec<Object> {
    let known: BTreeSet<&str> =
        there.iter().filter(|object| is_secret(object)).map(Object::name).collect();
    let named: BTreeSet<&str> =
        uses.keys().map(|(name, ..)| name).chain(uses.whole().map(|(name, _)| name)).collect();
    let mut made = Vec::new();
    for name in named.difference(&known).filter(|name| !name.is_empty()) {
        let object = Object::made(
            "v1",
            "Secret",
            name,
            json!({"metadata": {"namespace": context.request.target.as_str()}, "type": "Opaque"}),
        );
        let draft = draft(name, rules, uses, context);
        if draft.keys.is_empty() {
            report(&object, &draft, log);
        } else {
            made.push(object);
        }
    }
    made
}

/// Notes what becomes of each key. Never a value.
fn report(object: &Object, draft: &Draft, log: &mut Log) {
    let key = object.key();
    let name = object.name();
    for (field, note) in &draft.notes {
        let path = match field.as_str() {
            "" => "/data".to_owned(),
            field => format!("/data/{}", escape(field)),
        };
        match note {
            Note::Generated => log.changed(key.clone(), &path, None, None, &GENERATED),
            Note::Given => log.changed(key.clone(), &path, None, None, &GIVEN),
            Note::Omitted => log.changed(key.clone(), &path, None, None, &OMITTED),
            Note::Outside { whose } => {
                log.changed(key.clone(), &path, None, None, &GENERATED);
                log.find(
                    Severity::Warns,
                    &key,
                    &path,
                    "outside-credential",
                    format!("{whose} will not know the credential that is made up here"),
                    rules::from_snippet(name, field),
                );
            }
            Note::Kept => log.find(
                Severity::Informs,
                &key,
                &path,
                "kept-setting",
                "it is kept as a setting by its name, but could be more",
                rules::from_snippet(name, field),
            ),
            Note::Needed { why, required } => log.find(
                if *required { Severity::Warns } else { Severity::Informs },
                &key,
                &path,
                "needs-secret",
                why.clone(),
                rules::from_snippet(name, field),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
