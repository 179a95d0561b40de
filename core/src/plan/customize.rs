//! The user's images, and production's own by digest.
//!
//! An image of the request comes first; all others are pinned to what production's Pods run now,
//! so that a tag that moves does not change a living environment.

mod image;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use self::image::Reference;
use super::{
    context::Context,
    kinds,
    log::{Log, Rule},
    object::{Key, Object, escape},
    places::{Places, listed},
    unused,
};
use crate::{
    api::{names, staging_plan::Severity},
    secrets::redact,
};

const OVERRIDDEN: Rule = Rule { name: "image", why: "spec.images says so" };
const PINNED: Rule =
    Rule { name: "image-pinned", why: "this is what production runs, wherever the tag moves" };
const COMMIT: Rule =
    Rule { name: "commit", why: "a new commit behind the same tag restarts the workload" };

/// The pass.
pub(super) fn customize(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let mut used = BTreeSet::new();
    let mut unpinned = Unpinned::new();
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

/// The images of an object, without tag and digest.
fn image_names(object: &Object) -> Vec<String> {
    let images = kinds::images(object).into_iter();
    images.map(|(path, _)| Reference::parse(object.text(&path)).name).collect()
}

/// Why images are not pinned, which they are, and where they stand.
type Unpinned = BTreeMap<String, Places<String>>;

/// Says once for the whole plan why images are not pinned.
fn report(unpinned: &Unpinned, context: &Context, log: &mut Log) {
    for (why, images) in unpinned {
        let written: Vec<String> = images.whole().map(|(image, _)| redact(image)).collect();
        let objects: BTreeSet<&Key> = images.objects().flat_map(|(_, it, _)| it).collect();
        let users: Vec<String> = objects.into_iter().map(ToString::to_string).collect();
        let count =
            if written.len() == 1 { "1 image" } else { &format!("{} images", written.len()) };
        log.find(
            Severity::Informs,
            &context.environment(),
            "/spec/source/images",
            "image-not-pinned",
            format!("{count} taken as written ({}), in {}: {why}", listed(&written), listed(&users)),
            "# or give newTag or digest under spec.images\nspec:\n  source:\n    images: AsWritten\n",
        );
    }
}

fn one(
    mut object: Object,
    context: &Context,
    used: &mut BTreeSet<usize>,
    unpinned: &mut Unpinned,
    log: &mut Log,
) -> Object {
    let mut overridden = false;
    for (path, whose) in kinds::images(&object) {
        let written = object.text(&path).to_owned();
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
            let open = pin(&mut object, &path, &whose, &reference, context, log);
            // What the overlay runs is the environment's own choice.
            if let Some(why) = open.filter(|_| !context.overlaid.contains(&object.key())) {
                unpinned.entry(why).or_insert_with(Places::new).add(written, (object.key(), path));
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

/// Pins an image at `path`, which is `whose`, to the digest that runs, if that is known and of the same repository;
/// answers why not.
fn pin(
    object: &mut Object,
    path: &str,
    whose: &str,
    written: &Reference,
    context: &Context,
    log: &mut Log,
) -> Option<String> {
    if written.digest.is_some() {
        return None;
    }
    let running = context.capture.running_images.get(&format!("{}:{whose}", object.key()));
    match running.map(|it| Reference::parse(it)) {
        Some(it) if it.repository() == written.repository() => {
            log.set(object, path, json!(it.to_string()), &PINNED);
            None
        }
        Some(it) => Some(format!("production runs it from another repository, {}", it.name)),
        None => Some("no Pod of production shows which digest runs".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::plan::fixture::{self, deployment, object};

    const RUNNING: &str = "docker.io/acme/web@sha256:aa";

    /// The Deployment `web` with this image, of which Pods of production run `running`.
    fn made(image: &str, running: &str, spec: Value, overlaid: bool) -> (Object, Log) {
        let request = fixture::request(spec, json!({}));
        let mut capture = fixture::capture();
        capture.running_images.insert("Deployment.apps/web:web".to_owned(), running.to_owned());
        let mut context = Context::new(&request, &capture).unwrap();
        let pod = json!({"containers": [{"name": "web", "image": image}]});
        let web = deployment("web", json!({}), pod);
        if overlaid {
            context.overlaid.insert(web.key());
        }
        let mut log = Log::default();
        (customize(vec![web], &context, &mut log).remove(0), log)
    }

    fn image(object: &Object) -> &str {
        object.text("/spec/template/spec/containers/0/image")
    }

    #[test]
    fn an_image_is_pinned_to_what_runs_of_the_same_repository() {
        let other = "ghcr.io/acme/web@sha256:aa";
        for (written, running, expected, told) in [
            ("acme/web:1", RUNNING, RUNNING, None),
            ("acme/web@sha256:bb", RUNNING, "acme/web@sha256:bb", None),
            ("acme/web:1", other, "acme/web:1", Some("another repository, ghcr.io/acme/web")),
        ] {
            let (web, log) = made(written, running, json!({}), false);
            assert_eq!(image(&web), expected);
            assert_eq!(log.findings.len(), usize::from(told.is_some()), "{written} {running}");
            assert!(log.findings.iter().all(|it| it.why.contains(told.unwrap_or_default())));
        }
        let (web, log) = made("acme/web:1", other, json!({}), true);
        assert_eq!(
            (image(&web), log.findings),
            ("acme/web:1", vec![]),
            "it is the environment's own"
        );
        let spec = json!({"source": {"namespace": "shop", "images": "AsWritten"}});
        let (web, log) = made("acme/web:1", RUNNING, spec, false);
        assert_eq!((image(&web), log.findings), ("acme/web:1", vec![]));
    }

    #[test]
    fn what_is_not_pinned_is_told_once_for_all() {
        let (request, capture) = (fixture::request(json!({}), json!({})), fixture::capture());
        let told = |images: &[&str]| {
            let named = |(at, image): (usize, &&str)| {
                let pod = json!({"containers": [{"name": "web", "image": image}]});
                deployment(&format!("web-{at}"), json!({}), pod)
            };
            let objects = images.iter().enumerate().map(named).collect();
            let mut log = Log::default();
            customize(objects, &Context::new(&request, &capture).unwrap(), &mut log);
            log.findings.into_iter().map(|it| it.why).collect::<Vec<_>>()
        };
        assert_eq!(told(&[]), [""; 0]);
        let one = told(&["acme/web:1", "acme/web:1"]);
        let says = "1 image taken as written (acme/web:1), in Deployment.apps/web-0, Deployment.apps/web-1: no Pod";
        assert!(one.len() == 1 && one[0].starts_with(says), "{one:?}");
        let two = told(&["acme/web:1", "acme/api:1"]);
        assert!(two.len() == 1 && two[0].starts_with("2 images taken as written"), "{two:?}");
    }

    #[test]
    fn a_commit_restarts_only_what_runs_an_image_of_the_environment() {
        let spec = |name: &str| json!({"images": [{"name": name, "newTag": "2"}], "pullRequest": {"commit": "abc"}});
        let commit =
            format!("/spec/template/metadata/annotations/{}", escape(names::COMMIT_ANNOTATION));
        let (web, log) = made("acme/web:1", RUNNING, spec("acme/web"), false);
        assert_eq!((image(&web), web.text(&commit)), ("acme/web:2", "abc"));
        assert_eq!(log.findings, []);
        let (web, log) = made("acme/web:1", RUNNING, spec("acme/wbe"), false);
        assert_eq!((image(&web), web.get(&commit)), (RUNNING, None));
        assert!(log.findings.iter().any(|it| it.path == "/spec/images/0"), "{:?}", log.findings);
        // What has no Pods has no images either.
        let (request, capture) =
            (fixture::request(spec("acme/web"), json!({})), fixture::capture());
        let map = object("v1", "ConfigMap", "web", json!({"data": {"image": "acme/web:1"}}));
        let context = Context::new(&request, &capture).unwrap();
        assert_eq!(customize(vec![map.clone()], &context, &mut Log::default()), [map]);
    }
}
