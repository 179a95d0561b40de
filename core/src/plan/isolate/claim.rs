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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{self, object};

    /// A claim of production's, bound to a volume; made on demand, if somebody is named who did.
    fn bound(name: &str, volume: &str, provisioner: Option<&str>) -> Object {
        let annotations = provisioner.map(|it| json!({it: "ebs.csi.aws.com"}));
        object(
            "v1",
            "PersistentVolumeClaim",
            name,
            json!({"metadata": {"annotations": annotations}, "spec": {"volumeName": volume}}),
        )
    }

    /// What becomes of a claim where the source holds these.
    fn fresh(object: &Object, base: &str, source: Vec<Object>, class: Value) -> (Object, Log) {
        let request = fixture::request(json!({}), class);
        let mut capture = fixture::capture();
        capture.objects = source;
        let (mut object, mut log) = (object.clone(), Log::default());
        super::fresh(&mut object, base, &Context::new(&request, &capture).unwrap(), &mut log);
        (object, log)
    }

    #[test]
    fn a_claim_whose_volume_nobody_made_on_demand_is_told_to_start_empty() {
        let spec = json!({"storageClassName": "nfs"});
        let claim = object("v1", "PersistentVolumeClaim", "files", json!({"spec": spec}));
        for (volume, provisioner, by_hand) in [
            ("pv-1", None, true),
            ("pv-1", Some(PROVISIONERS[0]), false),
            ("pv-1", Some(PROVISIONERS[1]), false),
            ("", None, false),
        ] {
            let source = vec![bound("files", volume, provisioner)];
            let (made, log) = fresh(&claim, "", source, json!({}));
            let told: Vec<_> = log.findings.iter().map(|it| it.kind.as_str()).collect();
            let expected: &[&str] = if by_hand { &["claim-empty"] } else { &[] };
            assert_eq!(told, expected, "{volume} {provisioner:?}");
            // Its class would give the clone another volume of production's.
            assert_eq!(made.get("/spec/storageClassName").is_none(), by_hand, "{volume}");
        }
    }

    #[test]
    fn the_claims_of_a_template_are_those_that_end_in_a_number() {
        let template = json!({"metadata": {"name": "data"}, "spec": {}});
        let spec = json!({"volumeClaimTemplates": [template]});
        let set = object("apps/v1", "StatefulSet", "db", json!({"spec": spec}));
        for (name, by_hand) in [
            ("data-db-0", true),
            ("data-db-12", true),
            ("data-db-", false),
            ("data-db-x", false),
            ("data-db-1x", false),
            ("data-db", false),
            ("data-db2-0", false),
            ("logs-db-0", false),
        ] {
            let source = vec![bound("data-da-0", "", None), bound(name, "pv-1", None)];
            let (_, log) = fresh(&set, "/spec/volumeClaimTemplates/0", source, json!({}));
            assert_eq!(!log.findings.is_empty(), by_hand, "{name}");
        }
    }

    #[test]
    fn a_claim_is_as_large_as_the_class_and_its_limit_range_let_it_be() {
        let class = json!({
            "storage": {"maxSize": "20Gi"},
            "limitRange": {"limits": [
                {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "10Gi"}},
                {"type": "PersistentVolumeClaim", "min": {"storage": "2Gi"}},
                {"type": "Container", "min": {"storage": "5Gi"}, "max": {"storage": "6Gi"}},
            ]},
        });
        for (size, expected) in
            [("1Gi", "2Gi"), ("2Gi", "2Gi"), ("7Gi", "7Gi"), ("10Gi", "10Gi"), ("15Gi", "10Gi")]
        {
            let spec = json!({"resources": {"requests": {"storage": size}}});
            let claim = object("v1", "PersistentVolumeClaim", "files", json!({"spec": spec}));
            let (made, _) = fresh(&claim, "", Vec::new(), class.clone());
            assert_eq!(made.text("/spec/resources/requests/storage"), expected, "{size}");
            let (same, _) = fresh(&claim, "", Vec::new(), json!({}));
            assert_eq!(same.text("/spec/resources/requests/storage"), size);
        }
    }
}
