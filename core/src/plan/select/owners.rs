//! Objects that a controller made from others.

use serde_json::Value;

use super::{Reason, reason};
use crate::plan::{
    capture::controller,
    context::Context,
    kinds::{self, Action, Shape},
    object::{Key, Object},
};

/// Longest chain of owners that is followed: nobody has one, unless it is a circle.
const CHAIN: usize = 8;

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
    let direct = kinds::named(&owner.group, &owner.kind);
    let stays = context.action(&owner.group, &owner.kind) != Some(Action::Clone);
    if stays && direct.is_some_and(|it| it.settings_without_it) && is_settings(object) {
        return None;
    }
    let root = root(owner, context);
    if !context.by_key.contains_key(&root) {
        let why = format!("{root} makes it, which is not in the source or may not be read");
        return Some(reason("owner-unknown", why));
    }
    match context.action(&root.group, &root.kind) {
        Some(Action::Clone) => Some(reason("derived", format!("it is made anew from {root}"))),
        Some(Action::Leave(..) | Action::Never(..) | Action::WithFull(..)) | None => Some(reason(
            "owner-not-cloned",
            format!("{root} makes it, and stays behind: nothing would keep it up to date"),
        )),
    }
}

/// The owner at the end of the chain: CronJob → Job → Pod.
fn root(owner: &Key, context: &Context) -> Key {
    let mut root = owner.clone();
    for _ in 0..CHAIN {
        let Some(next) = context.by_key.get(&root).and_then(|it| controller(it)) else { break };
        root = next;
    }
    root
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
