//! Objects that a controller made from others.

use serde_json::Value;

use super::{Reason, reason};
use crate::plan::{
    capture::controller,
    context::Context,
    kinds::{self, Action, Shape},
    object::{Key, Object},
};

/// Why an object needs no clone of its own: something else leads to it, or nothing can.
pub(super) fn made_anew(object: &Object, context: &Context) -> Option<Reason> {
    let key = object.key();
    match kinds::shape(object) {
        Shape::Addresses => addresses(object, context),
        Shape::Claim => claim(&key, context),
        _ => None,
    }
    .or_else(|| {
        let owner = controller(object)?;
        owned(object, &owner, context)
    })
}

fn owned(object: &Object, owner: &Key, context: &Context) -> Option<Reason> {
    let profile = kinds::named(&owner.group, &owner.kind);
    let here = context.by_key.contains_key(owner);
    match profile.map(|it| (it.action, it.settings_without_it)) {
        Some((Action::Clone, _)) if here => {
            Some(reason("derived", format!("it is made anew from {owner}")))
        }
        Some((Action::Leave(..), true)) if is_settings(object) => None,
        // A controller of Kubernetes' own that is itself controlled: ReplicaSet, Job.
        _ if here && context.by_key.get(owner).is_some_and(|it| controller(it).is_some()) => {
            Some(reason("derived", format!("it is made anew by what makes {owner}")))
        }
        _ if here => Some(reason(
            "owner-not-cloned",
            format!("{owner} makes it, and stays behind: nothing would keep it up to date"),
        )),
        _ => Some(reason(
            "owner-unknown",
            format!("{owner} makes it, which is not in the source or may not be read"),
        )),
    }
}

fn is_settings(object: &Object) -> bool {
    matches!(kinds::shape(object), Shape::Secret | Shape::Settings)
}

/// Addresses of a Service that has a selector are made by a controller, with or without an owner.
fn addresses(object: &Object, context: &Context) -> Option<Reason> {
    let service =
        Key { group: String::new(), kind: "Service".to_owned(), name: object.name().to_owned() };
    let selects = |it: &&Object| it.get("/spec/selector").and_then(Value::as_object).is_some();
    context.by_key.get(&service).filter(|it| selects(it))?;
    Some(reason("derived", format!("it is made anew from {service}")))
}

/// Claims made from a template of a workload carry its name: `<template>-<workload>-<number>`.
fn claim(key: &Key, context: &Context) -> Option<Reason> {
    let (stem, number) = key.name.rsplit_once('-')?;
    number.parse::<u32>().ok()?;
    let of = |(owner, object): (&Key, &&Object)| {
        let templates = kinds::profile(object)?.claim_templates?;
        let made = object.expand(&format!("{templates}/*/metadata/name")).iter().any(|path| {
            stem.strip_prefix(object.text(path))
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|name| name == owner.name)
        });
        made.then(|| owner.clone())
    };
    let owner = context.by_key.iter().find_map(of)?;
    Some(reason("derived", format!("it is made anew from a claim template of {owner}")))
}
