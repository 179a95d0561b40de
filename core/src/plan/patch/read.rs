//! One entry of `spec.patches`, ready to be applied.

use std::collections::BTreeMap;

use json_patch::PatchOperation;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::{Selector, SelectorExt};
use serde_json::{Map, Value};

use super::{
    keys::Keys,
    strategic::{self, Wrong},
};
use crate::{
    api::{
        customize::{Patch as Written, PatchTarget},
        environment::ObjectPattern,
    },
    plan::{
        PlanError, manifests,
        object::{Key, Object},
        pattern::{self, Pattern},
        size,
    },
};

/// A patch, taken apart.
pub(super) struct Patch {
    /// Where it stands: `spec.patches[0]`.
    pub(super) field: String,
    target: Target,
    change: Change,
}

enum Target {
    /// What a selector says.
    Chosen { pattern: Box<Pattern>, labels: Option<Selector>, annotations: Option<Selector> },
    /// The object that a strategic merge patch names itself.
    Named(Key),
}

enum Change {
    /// RFC 6902.
    Operations(Vec<PatchOperation>),
    /// A piece of the object.
    Strategic(Value),
}

impl Patch {
    /// Reads the patch at `at`.
    pub(super) fn read(at: usize, written: &Written) -> Result<Self, PlanError> {
        let field = format!("spec.patches[{at}]");
        let wrong = |why: String| PlanError::PatchFailed { field: field.clone(), why };
        let change =
            match manifests::yaml(&written.patch).map_err(|why| wrong(format!("patch: {why}")))? {
                list @ Value::Array(_) => {
                    Change::Operations(serde_json::from_value(list).map_err(|error| {
                        wrong(format!("patch: not a JSON patch (RFC 6902): {error}"))
                    })?)
                }
                map @ Value::Object(_) => Change::Strategic(map),
                _ => {
                    return Err(wrong(
                        "patch: it is neither a list of operations (RFC 6902) nor a map to merge"
                            .to_owned(),
                    ));
                }
            };
        let target = match (&written.target, &change) {
            (Some(target), _) => chosen(&field, target)?,
            (None, Change::Strategic(map)) => match Object::new(map.clone()) {
                Ok(object) => Target::Named(object.key()),
                Err(error) => {
                    return Err(wrong(format!(
                        "without a target, the patch says by apiVersion, kind and metadata.name what it is for: {error}"
                    )));
                }
            },
            (None, Change::Operations(_)) => {
                return Err(wrong("a list of operations needs a target".to_owned()));
            }
        };
        Ok(Self { field, target, change: change.without_identity() })
    }

    /// Whether it is for `object`.
    pub(super) fn is_for(&self, object: &Object) -> bool {
        match &self.target {
            Target::Named(key) => *key == object.key(),
            Target::Chosen { pattern, labels, annotations } => {
                pattern.matches(&object.key())
                    && selects(labels.as_ref(), object, "/metadata/labels")
                    && selects(annotations.as_ref(), object, "/metadata/annotations")
            }
        }
    }

    /// Applies it; `None` if it deletes the object.
    pub(super) fn apply(&self, object: &Object) -> Result<Option<Value>, Wrong> {
        match &self.change {
            Change::Strategic(map) => strategic::merge(object.value(), map, &Keys::of(object)),
            Change::Operations(list) => operations(object.value(), list).map(Some),
        }
    }
}

impl Change {
    /// What a strategic merge patch is for is said by its target; it does not rename what it is
    /// laid over, just as in kustomize.
    fn without_identity(self) -> Self {
        match self {
            Self::Strategic(Value::Object(mut map)) => {
                map.remove("apiVersion");
                map.remove("kind");
                if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
                    metadata.remove("name");
                    metadata.remove("namespace");
                }
                Self::Strategic(Value::Object(map))
            }
            other => other,
        }
    }
}

fn operations(before: &Value, list: &[PatchOperation]) -> Result<Value, Wrong> {
    let mut after = before.clone();
    let copies = list.iter().any(|it| matches!(it, PatchOperation::Copy(_)));
    let mut all = if copies { size::of(before) } else { 0 };
    for (at, operation) in list.iter().enumerate() {
        if let PatchOperation::Copy(copy) = operation {
            // Only what is copied is measured: a thousand operations have a large object as well.
            let added = after.pointer(copy.from.as_str()).map_or(0, size::of);
            all = all.saturating_add(added);
            if added > 0 && all > size::OBJECT {
                return Err(format!("operation {at}: {}", size::too_large()));
            }
        }
        json_patch::patch(&mut after, std::slice::from_ref(operation))
            .map_err(|error| format!("operation {at}, at {}: {}", operation.path(), error.kind))?;
    }
    Ok(after)
}

fn chosen(field: &str, target: &PatchTarget) -> Result<Target, PlanError> {
    let field = format!("{field}.target");
    let pattern = ObjectPattern {
        group: target.group.clone(),
        kind: target.kind.clone(),
        name: target.name.clone(),
    };
    let selector = |name: &str, it: &Option<LabelSelector>| {
        let read = it.clone().map(Selector::try_from).transpose();
        read.map_err(|error| PlanError::InvalidSpec {
            field: format!("{field}.{name}"),
            why: error.to_string(),
        })
    };
    Ok(Target::Chosen {
        pattern: Box::new(pattern::one(&field, &pattern)?),
        labels: selector("labelSelector", &target.label_selector)?,
        annotations: selector("annotationSelector", &target.annotation_selector)?,
    })
}

fn selects(selector: Option<&Selector>, object: &Object, map: &str) -> bool {
    let Some(selector) = selector else { return true };
    let nothing = Map::new();
    let map = object.get(map).and_then(Value::as_object).unwrap_or(&nothing);
    let texts: BTreeMap<String, String> = map
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    selector.matches(&texts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(patch: &Value) -> Patch {
        Patch::read(0, &serde_json::from_value(patch.clone()).unwrap()).unwrap()
    }

    fn web() -> Object {
        let metadata = json!({"labels": {"tier": "front"}, "annotations": {"team": "shop"}});
        Object::made("apps/v1", "Deployment", "web", json!({ "metadata": metadata }))
    }

    #[test]
    fn a_patch_is_for_what_all_of_its_target_says() {
        let tier = |it: &str| json!({"matchLabels": {"tier": it}});
        let team = |it: &str| json!({"matchLabels": {"team": it}});
        for (target, expected) in [
            (json!({}), true),
            (json!({"kind": "Deployment", "name": "w*"}), true),
            (json!({"kind": "Service"}), false),
            (json!({"labelSelector": tier("front")}), true),
            (json!({"labelSelector": tier("back")}), false),
            (json!({"annotationSelector": team("shop")}), true),
            (json!({"annotationSelector": team("other")}), false),
            (json!({"labelSelector": team("shop")}), false),
            (json!({"labelSelector": tier("front"), "annotationSelector": team("shop")}), true),
            (json!({"labelSelector": tier("front"), "annotationSelector": team("other")}), false),
            (json!({"labelSelector": tier("back"), "annotationSelector": team("shop")}), false),
            (json!({"kind": "Service", "labelSelector": tier("front")}), false),
            (json!({"kind": "Service", "annotationSelector": team("shop")}), false),
        ] {
            let patch = read(&json!({"target": target, "patch": "spec: {replicas: 2}"}));
            assert_eq!(patch.is_for(&web()), expected, "{target}");
        }
    }

    #[test]
    fn a_patch_without_a_target_is_for_what_it_names_itself() {
        for (version, kind, name, expected) in [
            ("apps/v1", "Deployment", "web", true),
            ("apps/v1", "Deployment", "w*", false),
            ("apps/v1", "StatefulSet", "web", false),
            ("v1", "Deployment", "web", false),
        ] {
            let patch = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
            let patch = read(&json!({ "patch": patch.to_string() }));
            assert_eq!(patch.is_for(&web()), expected, "{version} {kind} {name}");
        }
    }

    #[test]
    fn a_part_of_an_object_can_be_copied_as_long_as_the_object_stays_small() {
        let copy = json!([
            {"op": "copy", "from": "/metadata/labels", "path": "/spec"},
            {"op": "add", "path": "/spec/more", "value": 1},
        ]);
        let patch = read(&json!({"target": {}, "patch": copy.to_string()}));
        let after = patch.apply(&web()).unwrap().unwrap();
        assert_eq!(after["spec"], json!({"tier": "front", "more": 1}));
        let mut large = web();
        large.set("/metadata/labels/tier", json!("x".repeat(size::OBJECT / 2)));
        let why = patch.apply(&large).unwrap_err();
        assert!(why.starts_with("operation 0: ") && why.contains("larger than"), "{why}");
    }
}
