//! `spec.overlay`: what the environment adds to the source or puts in the place of its objects,
//! laid over the capture before anything is planned.
//!
//! An object of the same group, kind and name takes the captured one's place whole; for less there
//! are `env` and `patches`. From there on it is treated as the source's own: the same passes, the
//! same audit, the same limits.
//!
//! Deliberately absent: values of Secrets. What a spec or a ConfigMap holds is no secret.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    PlanError,
    capture::Capture,
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    manifests::{self, invalid},
    object::{Key, Object},
    request::Request,
};

const ADDED: Rule = Rule { name: "overlay", why: "spec.overlay adds it" };
const REPLACED: Rule = Rule { name: "overlay", why: "spec.overlay puts it in production's place" };

/// The capture with the overlay on it, and what of it is the overlay's.
pub(super) struct Laid<'a> {
    pub(super) capture: Cow<'a, Capture>,
    pub(super) keys: BTreeSet<Key>,
}

/// Lays the overlay over a capture.
///
/// # Errors
///
/// If it holds what is no manifest, an object twice, one for another namespace, or the values of a
/// Secret.
pub(super) fn lay<'a>(request: &Request, capture: &'a Capture) -> Result<Laid<'a>, PlanError> {
    let objects = read(request, capture)?;
    let keys: BTreeSet<Key> = objects.keys().cloned().collect();
    if objects.is_empty() {
        return Ok(Laid { capture: Cow::Borrowed(capture), keys });
    }
    let mut laid = capture.clone();
    for object in &laid.objects {
        if let Some(new) = objects.get(&object.key()) {
            unpin(object, new, &mut laid.running_images);
        }
    }
    laid.objects.retain(|it| !keys.contains(&it.key()));
    laid.objects.extend(objects.into_values());
    laid.objects.sort_by_cached_key(Object::key);
    Ok(Laid { capture: Cow::Owned(laid), keys })
}

/// Notes what the overlay has added and replaced.
pub(super) fn report(source: &Capture, context: &Context, log: &mut Log) {
    if context.overlaid.is_empty() {
        return;
    }
    let captured: BTreeSet<Key> = source.objects.iter().map(Object::key).collect();
    for key in &context.overlaid {
        let rule = if captured.contains(key) { &REPLACED } else { &ADDED };
        log.changed(key.clone(), "", None, None, rule);
    }
}

fn read(request: &Request, capture: &Capture) -> Result<BTreeMap<Key, Object>, PlanError> {
    let mut objects = BTreeMap::new();
    let mut put = |object: Object, from: &str| {
        let object = checked(object, from, capture)?;
        let key = object.key();
        match objects.insert(key.clone(), object) {
            None => Ok(()),
            Some(_) => Err(invalid(from, format!("{key} stands in spec.overlay twice"))),
        }
    };
    for given in &request.overlay {
        for object in manifests::parse(given)? {
            put(object, &given.from)?;
        }
    }
    for (at, value) in request.spec.overlay.inline.iter().enumerate() {
        let from = format!("spec.overlay.inline[{at}]");
        let object =
            Object::new(value.clone()).map_err(|error| invalid(&from, error.to_string()))?;
        put(object, &from)?;
    }
    Ok(objects)
}

fn checked(mut object: Object, from: &str, capture: &Capture) -> Result<Object, PlanError> {
    manifests::belongs(&mut object, &capture.namespace, from)?;
    let fields = ["data", "stringData"];
    let values = fields.iter().find(|field| object.value().get(field).is_some());
    if let (Shape::Secret, Some(field)) = (kinds::shape(&object), values) {
        let why = format!(
            "{} has {field}, and what stands here is no secret: leave it out, and give the values with spec.secrets.rules and policy From; what no rule gives is invented",
            object.key()
        );
        return Err(invalid(from, why));
    }
    Ok(object)
}

/// An image that the overlay changes is not pinned to what production runs.
fn unpin(old: &Object, new: &Object, running: &mut BTreeMap<String, String>) {
    let images = |object: &Object| -> BTreeMap<String, String> {
        let images = kinds::images(object).into_iter();
        images.map(|(path, whose)| (whose, object.text(&path).to_owned())).collect()
    };
    let (before, key) = (images(old), old.key());
    for (container, image) in images(new) {
        if before.get(&container) != Some(&image) {
            running.remove(&format!("{key}:{container}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::fixture::{self, deployment};

    #[test]
    fn only_an_image_that_the_overlay_changes_is_no_longer_pinned() {
        let web = |own: &str| {
            let containers = json!([{"name": "a", "image": own}, {"name": "b", "image": "b:1"}]);
            deployment("web", json!({}), json!({ "containers": containers }))
        };
        let mut capture = fixture::capture();
        capture.objects = vec![deployment("api", json!({}), json!({})), web("a:1")];
        let running = |of: &str| (of.to_owned(), "image@sha256:1".to_owned());
        let pinned = ["Deployment.apps/api:a", "Deployment.apps/web:a", "Deployment.apps/web:b"];
        capture.running_images = pinned.map(running).into();
        let overlay = json!({"overlay": {"inline": [web("a:2")]}});
        let laid = lay(&fixture::request(overlay, json!({})), &capture).unwrap();
        let kept: Vec<&String> = laid.capture.running_images.keys().collect();
        assert_eq!(kept, ["Deployment.apps/api:a", "Deployment.apps/web:b"]);
        let names: Vec<&str> = laid.capture.objects.iter().map(Object::name).collect();
        assert_eq!(names, ["api", "web"]);
        assert_eq!(laid.keys, BTreeSet::from([web("").key()]));
    }

    #[test]
    fn without_an_overlay_the_capture_is_as_it_was() {
        let mut capture = fixture::capture();
        capture.objects.push(deployment("web", json!({}), json!({})));
        let laid = lay(&fixture::request(json!({}), json!({})), &capture).unwrap();
        assert_eq!(laid.capture.objects, capture.objects);
        assert!(laid.keys.is_empty());
    }
}
