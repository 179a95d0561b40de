//! What the API server or another controller owns goes.
//!
//! What only the API server writes (`uid`, `resourceVersion`, `status` …) is no part of a manifest
//! and goes without an entry in the report. Everything else that goes has its reason.
//!
//! Labels that a selector may use stand in Pod templates and are kept there; tool marks are taken
//! from top-level metadata only. What would reach out from a Pod template (identity in a cloud,
//! our own marks) is the exception, and never used by a selector of what is cloned.

mod marks;

use serde_json::{Value, json};

use super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::{Object, escape},
};

/// `metadata` fields that a person writes.
const WRITTEN: &[&str] = &["name", "namespace", "labels", "annotations"];
/// `metadata` fields that only the API server writes.
const SERVERS: &[&str] = &[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "generateName",
];
/// The label by which charts tell instances apart, and by which Argo CD may track what it manages.
const INSTANCE: &str = "app.kubernetes.io/instance";

const OWNERS: Rule = Rule {
    name: "owner",
    why: "its owner has another UID in the clone: the garbage collector would delete it",
};
const FINALIZER: Rule = Rule {
    name: "finalizer",
    why: "it would wait for a controller that acts on production, and keep the target from going",
};
const METADATA: Rule =
    Rule { name: "metadata", why: "only names, labels and annotations are carried over" };
const INSTANCE_RULE: Rule = Rule {
    name: "tracking",
    why: "a tool that tracks by this label would count the clone as production's; Pods keep theirs, since selectors use it",
};
const VOLUME: Rule =
    Rule { name: "claim-binding", why: "it would bind production's volume, or none at all" };
const CLAIM_SOURCE: Rule = Rule {
    name: "claim-source",
    why: "the snapshot or claim it was filled from is not in the target",
};
const TOKENS: Rule = Rule { name: "account-token", why: "tokens of production do not hold here" };
const RESERVED: &str = "its Pods are selected by a label that only Kulisse may set";

const CONTROLLERS_LABEL: Rule = Rule {
    name: "controller-label",
    why: "a controller puts it on Pods with a value that only production's have",
};
/// Labels that a controller adds to Pods and to selectors, with a hash of the Pods' template.
const CONTROLLERS: &[&str] = &["rollouts-pod-template-hash"];

/// The pass.
pub(super) fn strip(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    log.each(objects, |object, log| one(object, context, log))
}

fn one(mut object: Object, context: &Context, log: &mut Log) -> Option<Object> {
    if selects_reserved(&object) {
        log.leave(&object.key(), "reserved-label", RESERVED);
        return None;
    }
    object.remove("/status");
    metadata(&mut object, log);
    marks::top_level(&mut object, log);
    if object.label(INSTANCE).is_some() {
        let path = format!("/metadata/labels/{}", escape(INSTANCE));
        log.set(&mut object, &path, json!(context.target()), &INSTANCE_RULE);
    }
    if let Some(template) = kinds::profile(&object).and_then(|it| it.pod_template) {
        within(&mut object, template, log);
        account(&mut object, template);
        marks::pod_template(&mut object, template, context, log);
        // What stands between the object and its Pods (the Job of a CronJob) has metadata as well.
        for (at, _) in template.match_indices('/').skip(1) {
            within(&mut object, &template[..at], log);
            marks::between(&mut object, &template[..at], log);
        }
    }
    for selector in kinds::profile(&object).map_or(&[][..], |it| it.selectors) {
        for path in object.expand(selector) {
            for label in CONTROLLERS {
                log.remove(&mut object, &format!("{path}/{}", escape(label)), &CONTROLLERS_LABEL);
            }
        }
    }
    match kinds::shape(&object) {
        Shape::Claim => claim(&mut object, "", log),
        Shape::Account => log.remove(&mut object, "/secrets", &TOKENS),
        _ => {}
    }
    for template in kinds::claim_templates(&object) {
        object.remove(&format!("{template}/status"));
        within(&mut object, &template, log);
        marks::claim_template(&mut object, &template, log);
        claim(&mut object, &template, log);
    }
    Some(object)
}

fn metadata(object: &mut Object, log: &mut Log) {
    let fields: Vec<String> = object
        .get("/metadata")
        .and_then(Value::as_object)
        .map(|map| map.keys().cloned().collect())
        .unwrap_or_default();
    for field in fields {
        let path = format!("/metadata/{}", escape(&field));
        match field.as_str() {
            it if WRITTEN.contains(&it) => {}
            it if SERVERS.contains(&it) => {
                object.remove(&path);
            }
            "ownerReferences" => log.remove(object, &path, &OWNERS),
            "finalizers" => log.remove(object, &path, &FINALIZER),
            _ => log.remove(object, &path, &METADATA),
        }
    }
}

/// The metadata of a template: a finalizer in it would keep the target from ever going, and an
/// owner would take what is made from it along.
fn within(object: &mut Object, template: &str, log: &mut Log) {
    object.remove(&format!("{template}/metadata/creationTimestamp"));
    log.remove(object, &format!("{template}/metadata/finalizers"), &FINALIZER);
    log.remove(object, &format!("{template}/metadata/ownerReferences"), &OWNERS);
}

/// Pods may name their account by a field of Kubernetes' beginnings, and mean the same. All that looks
/// for it finds it in one place.
fn account(object: &mut Object, template: &str) {
    let (name, old) = ("serviceAccountName", "serviceAccount");
    let [name, old] = [name, old].map(|it| format!("{template}/spec/{it}"));
    let Some(account) = object.get(&old).cloned() else { return };
    if object.text(&name).is_empty() {
        object.set(&name, account);
    }
}

/// What ties a claim, or the template of one, to a volume.
fn claim(object: &mut Object, base: &str, log: &mut Log) {
    log.remove(object, &format!("{base}/spec/volumeName"), &VOLUME);
    log.remove(object, &format!("{base}/spec/dataSource"), &CLAIM_SOURCE);
    log.remove(object, &format!("{base}/spec/dataSourceRef"), &CLAIM_SOURCE);
}

/// A workload whose own selector needs one of our labels cannot do without it, and with it could
/// pass for what the fence lets through.
fn selects_reserved(object: &Object) -> bool {
    let labels = object.get("/spec/selector/matchLabels").and_then(Value::as_object);
    let keys = object.expand("/spec/selector/matchExpressions/*/key");
    kinds::pod_spec(object).is_some()
        && (labels.is_some_and(|labels| labels.keys().any(|key| marks::is_ours(key)))
            || keys.iter().any(|path| marks::is_ours(object.text(path))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    #[test]
    fn a_workload_that_selects_by_a_label_of_ours_stays_behind() {
        for (kind, selector, stays) in [
            ("Deployment", json!({"matchLabels": {"app": "web", "kulisse.dev/task": "x"}}), true),
            (
                "Deployment",
                json!({"matchLabels": {"app": "web"}, "matchExpressions": [
                    {"key": "a", "operator": "Exists"}, {"key": "kulisse.dev/task", "operator": "Exists"},
                ]}),
                true,
            ),
            ("Deployment", json!({"matchLabels": {"app": "kulisse.dev/task"}}), false),
            ("Custom", json!({"matchLabels": {"kulisse.dev/task": "x"}}), false),
        ] {
            let spec = json!({"selector": selector, "template": {"spec": {}}});
            let object = fixture::object("apps/v1", kind, "web", json!({ "spec": spec }));
            assert_eq!(selects_reserved(&object), stays, "{kind} {selector}");
        }
    }
}
