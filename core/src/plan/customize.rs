//! The user's images, and production's own by digest.
//!
//! An image of the request comes first; all others are pinned to what production's Pods run now,
//! so that a tag that moves does not change a living environment.

mod image;

use std::collections::BTreeSet;

use serde_json::json;

use self::image::Reference;
use super::{
    context::Context,
    kinds,
    log::{Log, Rule},
    object::{Object, escape},
    places::{Places, listed},
    unused,
};
use crate::api::{names, staging_plan::Severity};

const OVERRIDDEN: Rule = Rule { name: "image", why: "spec.images says so" };
const PINNED: Rule =
    Rule { name: "image-pinned", why: "this is what production runs, wherever the tag moves" };
const COMMIT: Rule =
    Rule { name: "commit", why: "a new commit behind the same tag restarts the workload" };

/// The pass.
pub(super) fn customize(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let mut used = BTreeSet::new();
    let mut unpinned = Places::new();
    let images = &context.request.spec.images;
    // Asked only where an entry may turn out to mean none of them.
    let known = objects.iter().filter(|_| !images.is_empty());
    let names: BTreeSet<String> = known.flat_map(image_names).collect();
    let objects =
        objects.into_iter().map(|it| one(it, context, &mut used, &mut unpinned, log)).collect();
    report(&unpinned, context, log);
    for (at, image) in images.iter().enumerate() {
        if !used.contains(&at) {
            let path = format!("/spec/images/{at}");
            let there = names.iter().map(String::as_str);
            unused::report(context, &path, &image.name, "image", there, log);
        }
    }
    objects
}

/// The images of an object's containers, without tag and digest.
fn image_names(object: &Object) -> Vec<String> {
    let image = |it: &String| Reference::parse(object.text(&format!("{it}/image"))).name;
    kinds::containers(object).iter().map(image).collect()
}

/// Says once for the whole plan why images are not pinned.
fn report(unpinned: &Places<String>, context: &Context, log: &mut Log) {
    for (why, objects, images) in unpinned.objects() {
        let named: Vec<String> = objects.iter().map(ToString::to_string).collect();
        let images = if images == 1 { "1 image".to_owned() } else { format!("{images} images") };
        log.find(
            Severity::Informs,
            &context.environment(),
            "/spec/source/images",
            "image-not-pinned",
            format!("{images} taken as written, in {}: {why}", listed(&named)),
            "# or give newTag or digest under spec.images\nspec:\n  source:\n    images: AsWritten\n",
        );
    }
}

fn one(
    mut object: Object,
    context: &Context,
    used: &mut BTreeSet<usize>,
    unpinned: &mut Places<String>,
    log: &mut Log,
) -> Object {
    let mut overridden = false;
    for container in kinds::containers(&object) {
        let path = format!("{container}/image");
        let written = object.text(&path).to_owned();
        if written.is_empty() {
            continue;
        }
        let reference = Reference::parse(&written);
        let images = &context.request.spec.images;
        if let Some((at, image)) =
            images.iter().enumerate().find(|(_, it)| it.name == reference.name)
        {
            used.insert(at);
            overridden = true;
            let new = reference.replaced(image).to_string();
            log.set(&mut object, &path, json!(new), &OVERRIDDEN);
        } else if context.pins_images() {
            let open = pin(&mut object, &container, &reference, context, log);
            // What the overlay runs is the environment's own choice.
            if let Some(why) = open.filter(|_| !context.overlaid.contains(&object.key())) {
                unpinned.add(why, (object.key(), path));
            }
        }
    }
    let commit = context.request.spec.pull_request.as_ref().and_then(|it| it.commit.as_deref());
    let template = kinds::profile(&object).and_then(|it| it.pod_template);
    if let (true, Some(commit), Some(template)) = (overridden, commit, template) {
        let key = escape(names::COMMIT_ANNOTATION);
        let path = format!("{template}/metadata/annotations/{key}");
        log.set(&mut object, &path, json!(commit), &COMMIT);
    }
    object
}

/// Pins a container's image to the digest that runs, if that is known and of the same repository;
/// answers why not.
fn pin(
    object: &mut Object,
    container: &str,
    written: &Reference,
    context: &Context,
    log: &mut Log,
) -> Option<String> {
    if written.digest.is_some() {
        return None;
    }
    let path = format!("{container}/image");
    let name = object.text(&format!("{container}/name"));
    let running = context.capture.running_images.get(&format!("{}:{name}", object.key()));
    match running.map(|it| Reference::parse(it)) {
        Some(it) if it.repository() == written.repository() => {
            log.set(object, &path, json!(it.to_string()), &PINNED);
            None
        }
        Some(it) => Some(format!("production runs it from another repository, {}", it.name)),
        None => Some("no Pod of production shows which digest runs".to_owned()),
    }
}
