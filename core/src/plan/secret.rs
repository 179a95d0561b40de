//! The pass `secret`, and the recipes of the cloned Secrets.
//!
//! Objects lose their values; what the clone will hold stands in [`Plan::secrets`], as recipes.
//! A Secret of which nothing, or not what its type demands, can be made stays behind.
//!
//! [`Plan::secrets`]: super::Plan::secrets

mod consent;
mod draft;
mod keys;
mod rules;
mod template;

pub(super) use self::consent::{Consent, is_pull};

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use self::{
    draft::{Desk, Draft, Note, draft},
    keys::{Keys, Rewritten},
    rules::{Policy, Rules},
    template::Words,
};
use super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::{Object, escape},
};
use crate::{
    api::staging_plan::Severity,
    secrets::{EVERY_KEY, PlannedSecret, PlannedValue, TemplatePart, keys_in, uses},
};

const IMMUTABLE: Rule = Rule {
    name: "immutable",
    why: "what is given or corrected later must get into the clone: it can be changed there",
};
const GENERATED: Rule = Rule {
    name: "generated",
    why: "the credential is production's; the clone has one of its own, the same wherever this one stands",
};
const GIVEN: Rule = Rule {
    name: "given",
    why: "spec.secrets.rules takes it from a Secret of the request namespace",
};
const CERTIFICATE: Rule = Rule {
    name: "certificate",
    why: "its key is production's; the clone has one of its own (ECDSA P-256, whatever production's is), for names of the clone, vouched for by an authority of this environment alone",
};
const COPIED: Rule = Rule {
    name: "copied",
    why: "it is production's own: the source's owners and, unless it is a pull secret, the class consent",
};
const TEMPLATED: Rule = Rule {
    name: "templated",
    why: "spec.secrets.rules gives the text, filled with names of the clone",
};
const OMITTED: Rule = Rule { name: "omitted", why: "spec.secrets leaves it out" };

/// Stands in a planned ConfigMap where the applied one holds certificates.
const PLACEHOLDER: &str = "# certificates of this environment's own\n";

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
    let desk = desk(&objects, context);
    let mut kept: Vec<Object> = Vec::with_capacity(objects.len());
    for mut object in objects {
        if kinds::shape(&object) == Shape::Settings {
            log.remove(&mut object, "/immutable", &IMMUTABLE);
        }
        if !is_secret(&object) {
            kept.push(object);
            continue;
        }
        // Not through the log: it shows what stood there.
        object.remove("/data");
        object.remove("/stringData");
        log.remove(&mut object, "/immutable", &IMMUTABLE);
        let draft = draft(object.name(), &desk);
        match obstacle(&object, &draft) {
            None => kept.push(object),
            Some((reason, why)) => {
                log.leave(&object.key(), reason, why);
                report(&object, &draft, context, log);
            }
        }
    }
    if !context.capture.secrets_readable {
        kept.extend(unread(&kept, &desk, log));
    }
    kept
}

/// What cloned ConfigMaps will hold of certificates, by name. In the objects a comment takes its
/// place.
pub(super) fn settings(
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
            if let Some(Ok(Rewritten { parts, is_new: true, .. })) = rewritten {
                planned.insert(key.to_owned(), PlannedValue::Keys(parts));
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

fn desk<'a>(objects: &[Object], context: &'a Context<'a>) -> Desk<'a> {
    Desk {
        rules: Rules::of(context),
        uses: uses(objects),
        keys: Keys::of(context),
        consent: Consent::of(context),
        context,
    }
}

/// Whether a pull secret of the source comes along: because the environment gives another in its
/// place, or because the source's owners granted it.
pub(super) fn comes_along(name: &str, consent: &Consent, context: &Context) -> bool {
    let sealed = context.capture.secrets.get(name).filter(|it| is_pull(&it.kind));
    let key = sealed.and_then(|it| it.keys.keys().next()).map_or("", String::as_str);
    match Rules::of(context).policy(name, key) {
        Policy::From(_) | Policy::Template(_) => true,
        Policy::Generate | Policy::Copy => sealed.is_some() && consent.grants(name),
        Policy::Omit => false,
    }
}

/// What the cloned Secrets will hold, by name. `urls` are the clone's.
pub(super) fn recipes(
    objects: &[Object],
    urls: &[String],
    context: &Context,
    log: &mut Log,
) -> BTreeMap<String, PlannedSecret> {
    let desk = desk(objects, context);
    desk.rules.report(context, log);
    let mut recipes = BTreeMap::new();
    for object in objects.iter().filter(|object| is_secret(object)) {
        let draft = draft(object.name(), &desk);
        report(object, &draft, context, log);
        recipes.insert(object.name().to_owned(), PlannedSecret { keys: draft.keys });
    }
    fill(&mut recipes, &Words::new(objects, urls, context), context, log);
    recipes
}

/// Fills the templates among the recipes with names of the clone.
fn fill(
    recipes: &mut BTreeMap<String, PlannedSecret>,
    words: &Words,
    context: &Context,
    log: &mut Log,
) {
    let mut invalid = |secret: &str, key: &str, why: String| {
        log.find(
            Severity::Blocks,
            &rules::environment(context),
            "/spec/secrets/rules",
            "invalid-template",
            format!("the template for key {key} of Secret {secret}: {why}"),
            "correct template in the rule",
        );
    };
    for (secret, recipe) in recipes.iter_mut() {
        for (key, value) in &mut recipe.keys {
            let PlannedValue::Template(parts) = value else { continue };
            let [TemplatePart::Text(text)] = parts.as_slice() else { continue };
            match words.fill(text) {
                Ok(filled) => *parts = filled,
                Err(why) => invalid(secret, key, why),
            }
        }
    }
    for (secret, recipe) in &*recipes {
        for (key, value) in &recipe.keys {
            let PlannedValue::Template(parts) = value else { continue };
            for part in parts {
                let TemplatePart::Value { secret: from, key: named } = part else { continue };
                if let Some(why) = no_value(recipes, from, named) {
                    invalid(secret, key, why);
                }
            }
        }
    }
}

/// Why a template cannot take a key of a cloned Secret.
fn no_value(recipes: &BTreeMap<String, PlannedSecret>, secret: &str, key: &str) -> Option<String> {
    let Some(recipe) = recipes.get(secret) else {
        let known: Vec<&str> = recipes.keys().map(String::as_str).collect();
        return Some(format!("no Secret {secret} is cloned; there are {}", known.join(", ")));
    };
    match recipe.keys.get(key) {
        Some(PlannedValue::Parts(_) | PlannedValue::Keys(_) | PlannedValue::From(_)) => None,
        Some(PlannedValue::Template(_)) => {
            Some(format!("{secret}/{key} is a template itself: write its text here"))
        }
        None if recipe.keys.contains_key(EVERY_KEY) => None,
        None => {
            let known: Vec<&str> = recipe.keys.keys().map(String::as_str).collect();
            Some(format!("Secret {secret} has no key {key}; it has {}", known.join(", ")))
        }
    }
}

fn is_secret(object: &Object) -> bool {
    object.kind() == "Secret" && object.group().is_empty()
}

/// Why a Secret cannot be made.
fn obstacle(object: &Object, draft: &Draft) -> Option<(&'static str, String)> {
    let any = |is: fn(&Note) -> bool| draft.notes.values().any(is);
    if draft.keys.is_empty() && !draft.notes.is_empty() {
        return Some(if any(|note| matches!(note, Note::Refused(_))) {
            ("not-consented", "policy Copy, and not all consent whom it takes".to_owned())
        } else if any(|note| matches!(note, Note::Needed { .. })) {
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
fn unread(there: &[Object], desk: &Desk, log: &mut Log) -> Vec<Object> {
    let (uses, context) = (&desk.uses, desk.context);
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
        let draft = draft(name, desk);
        if draft.keys.is_empty() {
            report(&object, &draft, context, log);
        } else {
            made.push(object);
        }
    }
    made
}

/// Notes what becomes of each key. Never a value.
fn report(object: &Object, draft: &Draft, context: &Context, log: &mut Log) {
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
            Note::Templated => log.changed(key.clone(), &path, None, None, &TEMPLATED),
            Note::Copied => log.changed(key.clone(), &path, None, None, &COPIED),
            Note::Refused(missing) => {
                let (kind, why, settle) = missing.told(name, context);
                log.find(Severity::Blocks, &key, &path, kind, why, settle);
            }
            Note::Keys { is_new, keeps_leaf, expired } => {
                if *is_new {
                    log.changed(key.clone(), &path, None, None, &CERTIFICATE);
                }
                if *keeps_leaf {
                    log.find(
                        Severity::Informs,
                        &key,
                        &path,
                        "kept-certificate",
                        "it holds a certificate that is kept, since its private key is elsewhere",
                        rules::from_snippet(name, field),
                    );
                }
                if let Some(at) = expired {
                    let (severity, here) = if *is_new {
                        (Severity::Informs, "; the clone's own is valid")
                    } else {
                        (Severity::Warns, "")
                    };
                    log.find(
                        severity,
                        &key,
                        &path,
                        "expired-certificate",
                        format!("production's certificate expired at {at}{here}"),
                        rules::from_snippet(name, field),
                    );
                }
            }
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
