//! The pass `secret`, and the recipes of the cloned Secrets.
//!
//! Objects lose their values; what the clone will hold stands in [`Plan::secrets`], as recipes.
//! A Secret of which nothing, or not what its type demands, can be made stays behind.
//!
//! [`Plan::secrets`]: super::Plan::secrets

mod consent;
mod draft;
mod keys;
mod report;
mod rules;
mod settings;
mod template;

pub(super) use self::{
    consent::{Consent, pulls},
    settings::settings,
};

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::json;

pub(super) use self::rules::from_snippet;
use self::{
    consent::is_pull,
    draft::{Desk, Draft, Note, draft},
    keys::Keys,
    report::{OMITTED, report},
    rules::{Policy, Rules},
    template::Words,
};
use super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::Object,
};
use crate::secrets::{PlannedSecret, uses};

/// What a finding is called on what nobody can invent.
pub(super) const NEEDS_SECRET: &str = "needs-secret";
const IMMUTABLE: Rule = Rule {
    name: "immutable",
    why: "what is given or corrected later must get into the clone: it can be changed there",
};
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
    desk.rules.unused(&known(&desk, &named(context)), context, log);
    let mut recipes = BTreeMap::new();
    for object in objects.iter().filter(|object| is_secret(object)) {
        let draft = draft(object.name(), &desk);
        report(object, &draft, context, log);
        recipes.insert(object.name().to_owned(), PlannedSecret { keys: draft.keys });
    }
    Words::new(objects, urls, context).fill_all(&mut recipes, log);
    recipes
}

/// The Secrets that the source holds or names, and their keys as far as they are known.
fn known<'a>(desk: &'a Desk<'a>, named: &'a BTreeSet<String>) -> BTreeSet<(&'a str, &'a str)> {
    let capture = desk.context.capture;
    let sealed = capture.secrets.iter();
    let mut known: BTreeSet<(&str, &str)> = sealed
        .flat_map(|(name, it)| it.keys.keys().map(move |key| (name.as_str(), key.as_str())))
        .collect();
    known.extend(desk.uses.keys().map(|(name, key, _)| (name, key)));
    let whole = desk.uses.whole().map(|(name, _)| name);
    let objects = capture.objects.iter().filter(|it| is_secret(it)).map(Object::name);
    let open = whole.chain(objects).chain(named.iter().map(String::as_str));
    known.extend(open.filter(|it| !capture.secrets.contains_key(*it)).map(|it| (it, "")));
    known
}

/// The Secrets that something in the source names, pull secrets included.
fn named(context: &Context) -> BTreeSet<String> {
    let all = context.capture.objects.par_iter().flat_map_iter(kinds::references);
    all.filter(|it| it.to.kind == "Secret").map(|it| it.to.name).collect()
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
            (NEEDS_SECRET, "nothing it holds can be invented".to_owned())
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
    Some((NEEDS_SECRET, format!("its type {kind} demands {missing}, which cannot be invented")))
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

#[cfg(test)]
mod tests;
