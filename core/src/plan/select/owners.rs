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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::fixture::{self, object, service};

    /// An object that another one made.
    fn made(version: &str, kind: &str, name: &str, owner: (&str, &str, &str)) -> Object {
        let (owner_version, owner_kind, owner) = owner;
        let owner = json!({
            "apiVersion": owner_version, "kind": owner_kind, "name": owner, "controller": true,
        });
        object(version, kind, name, json!({"metadata": {"ownerReferences": [owner]}}))
    }

    fn source() -> Vec<Object> {
        let templates = json!([{"metadata": {"name": "logs"}}, {"metadata": {"name": "data"}}]);
        vec![
            object("apps/v1", "Deployment", "web", json!({})),
            object(
                "apps/v1",
                "StatefulSet",
                "db",
                json!({"spec": {"volumeClaimTemplates": templates}}),
            ),
            made("apps/v1", "ReplicaSet", "web-1", ("apps/v1", "Deployment", "web")),
            object("batch/v1", "Job", "import", json!({})),
            object("external-secrets.io/v1", "ExternalSecret", "keys", json!({})),
            service("web"),
            object("v1", "Service", "manual", json!({"spec": {"ports": [{"port": 80}]}})),
        ]
    }

    fn reasons(objects: &[Object], class: &Value) -> Vec<Option<String>> {
        let request = fixture::request(json!({}), class.clone());
        let mut capture = fixture::capture();
        capture.objects = source();
        let context = Context::new(&request, &capture).unwrap();
        objects.iter().map(|it| made_anew(it, &context).map(|it| it.0)).collect()
    }

    #[test]
    fn what_another_object_makes_is_made_anew_if_that_one_comes() {
        let vault = ("external-secrets.io/v1", "ExternalSecret", "keys");
        let vaults = json!({"kinds": [
            {"group": "external-secrets.io", "kind": "ExternalSecret", "action": "Clone"},
        ]});
        let plain = json!({});
        for (object, class, word) in [
            (object("v1", "Pod", "alone", json!({})), &plain, None),
            (
                made("v1", "Pod", "web-1-x", ("apps/v1", "ReplicaSet", "web-1")),
                &plain,
                Some("derived"),
            ),
            (
                made("v1", "ConfigMap", "x", ("apps/v1", "Deployment", "web")),
                &plain,
                Some("derived"),
            ),
            (
                made("v1", "ConfigMap", "x", ("batch/v1", "Job", "import")),
                &plain,
                Some("owner-not-cloned"),
            ),
            (
                made("v1", "ConfigMap", "x", ("apps/v1", "Deployment", "gone")),
                &plain,
                Some("owner-unknown"),
            ),
            (made("v1", "Secret", "x", vault), &plain, None),
            (made("v1", "ConfigMap", "x", vault), &plain, None),
            (made("v1", "Service", "x", vault), &plain, Some("owner-not-cloned")),
            (made("v1", "Secret", "x", vault), &vaults, Some("derived")),
            (object("v1", "Endpoints", "web", json!({})), &plain, Some("derived")),
            (object("v1", "Endpoints", "manual", json!({})), &plain, None),
            (object("v1", "Endpoints", "gone", json!({})), &plain, None),
            (object("v1", "ConfigMap", "web", json!({})), &plain, None),
        ] {
            let found = reasons(std::slice::from_ref(&object), class).remove(0);
            assert_eq!(found.as_deref(), word, "{}", object.value());
        }
    }

    #[test]
    fn a_claim_of_a_template_bears_the_names_of_the_template_and_of_its_workload() {
        for (name, word) in [
            ("data-db-0", Some("derived")),
            ("logs-db-12", Some("derived")),
            ("data-db-x", None),
            ("data-db", None),
            ("data-web-0", None),
            ("other-db-0", None),
            ("data-my-db-0", None),
        ] {
            let claim = object("v1", "PersistentVolumeClaim", name, json!({}));
            let found = reasons(&[claim], &json!({})).remove(0);
            assert_eq!(found.as_deref(), word, "{name}");
            let other = object("v1", "ConfigMap", name, json!({}));
            assert_eq!(reasons(&[other], &json!({})), [None], "{name}");
        }
    }
}
