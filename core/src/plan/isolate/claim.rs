//! Claims get volumes of their own: of the class's kind and size.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Written;
use serde_json::{Value, json};

use super::super::{
    context::Context,
    log::{Log, Rule},
    object::{Object, escape},
    quantity::Quantity,
};
use crate::api::staging_plan::Severity;

const FRESH: Rule = Rule {
    name: "claim-class",
    why: "it would look for a volume made by hand, such as production's; a new one is made instead",
};
const CLASS: Rule =
    Rule { name: "claim-class", why: "the class says of which StorageClass volumes are" };
const ATTRIBUTES: Rule =
    Rule { name: "claim-class", why: "it buys production's speed, and only its driver knows it" };
const SIZE: Rule = Rule {
    name: "claim-size",
    why: "the volume starts empty, and the class says how large volumes are",
};

/// The annotation by which claims named their class before they had a field for it.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const BETA: Rule = Rule {
    name: "claim-class",
    why: "the annotation counts before the field, and would say of which class volumes are instead of it",
};

/// What whoever makes volumes on demand writes on the claims it makes them for.
const PROVISIONERS: [&str; 2] =
    ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"];

/// Takes from a claim, or the template of one, what chooses among volumes that exist, and gives it
/// what the class says.
pub(super) fn fresh(object: &mut Object, base: &str, context: &Context, log: &mut Log) {
    let by_hand = claims_of(object, base, context).into_iter().any(is_bound_by_hand);
    log.remove(object, &format!("{base}/spec/selector"), &FRESH);
    log.remove(object, &format!("{base}/spec/volumeAttributesClassName"), &ATTRIBUTES);
    let class = format!("{base}/spec/storageClassName");
    let annotated = format!("{base}/metadata/annotations/{}", escape(BETA_CLASS));
    if let Some(name) = object.get(&annotated).cloned() {
        log.remove(object, &annotated, &BETA);
        let all = format!("{base}/metadata/annotations");
        if object.get(&all).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
            object.remove(&all);
        }
        if object.get(&class).is_none() {
            log.set(object, &class, name, &BETA);
        }
    }
    if let Some(name) = &context.request.class.storage.class_name {
        log.set(object, &class, json!(name), &CLASS);
    } else if by_hand || object.get(&class).is_some_and(|it| it == "") {
        log.remove(object, &class, &FRESH);
    }
    if by_hand {
        log.find(
            Severity::Informs,
            &object.key(),
            &format!("{base}/spec"),
            "claim-empty",
            "production's volume was made by hand, and the clone gets an empty one: what lies in it may be files that the application was given",
            "fill it by a task under spec.seed, or leave its workload behind (spec.source.exclude)",
        );
    }
    sized(object, base, context, log);
}

/// A size between what the class asks for and what it allows.
fn sized(object: &mut Object, base: &str, context: &Context, log: &mut Log) {
    let (least, most) = bounds(context);
    for part in ["requests", "limits"] {
        let path = format!("{base}/spec/resources/{part}/storage");
        let Some(size) = object.get(&path).and_then(Quantity::of) else { continue };
        let new = size.max(least.unwrap_or(size)).min(most.unwrap_or(size));
        if new != size {
            log.set(object, &path, json!(new.show("storage")), &SIZE);
        }
    }
}

/// The least and the most that a claim may ask for.
fn bounds(context: &Context) -> (Option<Quantity>, Option<Quantity>) {
    let class = &context.request.class;
    let range = class.limit_range.iter().flat_map(|it| &it.limits);
    let ranges = || range.clone().filter(|it| it.type_ == "PersistentVolumeClaim");
    let least = ranges().filter_map(|it| bound(it.min.as_ref())).max();
    let most = class.storage.max_size.as_ref().and_then(|it| Quantity::parse(&it.0));
    (least, ranges().filter_map(|it| bound(it.max.as_ref())).chain(most).min())
}

fn bound(map: Option<&BTreeMap<String, Written>>) -> Option<Quantity> {
    Quantity::parse(&map?.get("storage")?.0)
}

/// The source's claims that are behind a claim or the template of one.
fn claims_of<'a>(object: &Object, base: &str, context: &'a Context) -> Vec<&'a Object> {
    let (claims, name) = (&context.claims, object.name());
    if base.is_empty() {
        return claims.get(name).copied().into_iter().collect();
    }
    let before = format!("{}-{name}-", object.text(&format!("{base}/metadata/name")));
    let of_template = |it: &str| {
        let number = it.strip_prefix(&before);
        number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
    };
    claims
        .range(before.as_str()..)
        .take_while(|(it, _)| it.starts_with(&before))
        .filter(|(it, _)| of_template(it))
        .map(|(_, claim)| *claim)
        .collect()
}

/// Whether a claim has a volume that nobody made for it. A class of such volumes would give the
/// clone another one of production's.
fn is_bound_by_hand(claim: &Object) -> bool {
    claim.get("/spec/volumeName").and_then(Value::as_str).is_some_and(|it| !it.is_empty())
        && PROVISIONERS.iter().all(|key| claim.annotation(key).is_none())
}
