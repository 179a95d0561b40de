//! Ours, and whose: the labels by which clones are found again.
//!
//! They stand on the objects themselves and never on Pod templates, so that no rollout follows
//! from them. Being the same on every clone, they have no entries in the report.

use serde_json::{Map, Value, json};

use super::{
    context::Context,
    log::{Log, Rule},
    object::{Object, escape},
};
use crate::api::{class::PodSecurity, identity::MAX_LABEL, names, staging_plan::Severity};

/// Keeps a clone out of backups that Velero makes of the whole cluster.
const NO_BACKUP: &str = "velero.io/exclude-from-backup";
/// The labels that every clone bears.
pub const MARKS: [&str; 4] =
    [names::ENVIRONMENT_UID_LABEL, names::ENVIRONMENT_LABEL, names::MANAGED_BY_LABEL, NO_BACKUP];
/// The label prefix of Kubernetes' own admission of Pods.
const POD_SECURITY: &str = "pod-security.kubernetes.io/";

const MANAGED: Rule = Rule {
    name: "managed-by",
    why: "the clone is managed by Kulisse; the tool that deploys production would adopt it",
};

/// Labels of a namespace by which a mesh takes its Pods in.
const MESH: &[&str] =
    &["istio-injection", "istio.io/rev", "istio.io/dataplane-mode", "istio.io/use-waypoint"];

/// The annotation of a namespace by which Linkerd does so.
const LINKERD: &str = "linkerd.io/inject";

/// Values of these by which it leaves them out.
const OUT: [&str; 2] = ["disabled", "none"];

/// The pass.
pub(super) fn label(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    without_mesh(context, log);
    log.each(objects, |mut object, log| {
        let managed = label_path(names::MANAGED_BY_LABEL);
        if object.label(names::MANAGED_BY_LABEL).is_some() {
            log.set(&mut object, &managed, json!(names::MANAGED_BY), &MANAGED);
        }
        ours(&mut object, context);
        Some(object)
    })
}

/// Says that production's Pods are in a mesh and the clone's are not.
fn without_mesh(context: &Context, log: &mut Log) {
    let source = context.capture.objects.iter().find(|it| it.kind() == "Namespace");
    let Some(namespace) = source.filter(|it| it.name() == context.source()) else { return };
    let class = &context.request.class;
    let labels = MESH.iter().map(|key| (*key, namespace.label(key), &class.namespace_labels));
    let annotation = (LINKERD, namespace.annotation(LINKERD), &class.namespace_annotations);
    for (key, value, given) in labels.chain([annotation]) {
        let Some(value) = value else { continue };
        if OUT.contains(&value) || given.contains_key(key) {
            continue;
        }
        let (what, field, path) = if key == LINKERD {
            ("annotation", "namespaceAnnotations", annotation_path(key))
        } else {
            ("label", "namespaceLabels", label_path(key))
        };
        log.find(
            Severity::Informs,
            &namespace.key(),
            &path,
            "no-mesh",
            format!(
                "production's namespace has the {what} {key}={value}, by which a mesh takes its Pods in; the target has not, and the rules of the mesh do nothing there"
            ),
            format!(
                "# in the StagingClass, with a way through the fence to the mesh's control plane; or leave it so\nspec:\n  {field}:\n    {key}: {value}\n"
            ),
        );
    }
}

/// Marks an object as part of the environment.
pub(super) fn ours(object: &mut Object, context: &Context) {
    let environment = &context.request.environment;
    let values = [&environment.uid, &environment.name, names::MANAGED_BY, "true"];
    for (key, value) in MARKS.into_iter().zip(values) {
        object.set(&label_path(key), json!(value));
    }
}

/// The target itself.
pub(super) fn target(context: &Context) -> Object {
    let request = context.request;
    let mut namespace =
        Object::made("v1", "Namespace", request.target.as_str(), json!({ "metadata": {} }));
    for (key, value) in &request.class.namespace_labels {
        namespace.set(&label_path(key), json!(value));
    }
    // Ours come last: the class cannot take their place.
    ours(&mut namespace, context);
    namespace.set(
        &label_path(names::REQUEST_NAMESPACE_LABEL),
        json!(request.environment.namespace.as_str()),
    );
    let level = match request.class.pod_security {
        PodSecurity::Privileged => "privileged",
        PodSecurity::Baseline => "baseline",
        PodSecurity::Restricted => "restricted",
    };
    for mode in ["enforce", "audit", "warn"] {
        namespace.set(&label_path(&format!("{POD_SECURITY}{mode}")), json!(level));
    }
    let given = request.class.namespace_annotations.iter();
    let mut annotations: Map<_, _> = given.map(|(key, it)| (key.clone(), json!(it))).collect();
    let mut note = |key: &str, value: String| annotations.insert(key.to_owned(), value.into());
    note(names::INCARNATION_ANNOTATION, request.incarnation.to_string());
    note(names::SOURCE_ANNOTATION, context.source().to_owned());
    for (field, value) in pull_request(context) {
        let key = format!("{}{field}", names::PULL_REQUEST_PREFIX);
        if fits_label(&value) {
            namespace.set(&label_path(&key), json!(value.as_str()));
        }
        note(&key, value);
    }
    namespace.set("/metadata/annotations", Value::Object(annotations));
    namespace
}

/// What is known of the pull request, by field.
fn pull_request(context: &Context) -> Vec<(&'static str, String)> {
    let Some(it) = &context.request.spec.pull_request else { return Vec::new() };
    [
        ("repository", it.repository.clone()),
        ("number", it.number.map(|number| number.to_string())),
        ("branch", it.branch.clone()),
        ("commit", it.commit.clone()),
        ("author", it.author.clone()),
        ("url", it.url.clone()),
    ]
    .into_iter()
    .filter_map(|(field, value)| Some((field, value?)))
    .collect()
}

/// Whether a text may be the value of a label.
fn fits_label(text: &str) -> bool {
    let ends = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let bytes = text.as_bytes();
    bytes.len() <= MAX_LABEL
        && ends(bytes.first().copied())
        && ends(bytes.last().copied())
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c))
}

fn label_path(key: &str) -> String {
    format!("/metadata/labels/{}", escape(key))
}

fn annotation_path(key: &str) -> String {
    format!("/metadata/annotations/{}", escape(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_marks_targets_but_not_with_what_is_ours() {
        let (request, capture) = (
            crate::plan::fixture::request(
                json!({}),
                json!({
                    "namespaceLabels": {"istio-injection": "enabled", names::ENVIRONMENT_UID_LABEL: "x"},
                    "namespaceAnnotations": {LINKERD: "enabled", names::SOURCE_ANNOTATION: "x"},
                }),
            ),
            crate::plan::fixture::capture(),
        );
        let namespace = target(&Context::new(&request, &capture).unwrap());
        assert_eq!(namespace.label("istio-injection"), Some("enabled"));
        assert_eq!(namespace.label(names::ENVIRONMENT_UID_LABEL), Some("uid-7"));
        assert_eq!(namespace.annotation(LINKERD), Some("enabled"));
        assert_ne!(namespace.annotation(names::SOURCE_ANNOTATION), Some("x"));
    }

    #[test]
    fn a_branch_with_a_slash_is_no_label() {
        assert!(fits_label("1234") && fits_label("fix-cart_2.0"));
        assert!(fits_label(&"x".repeat(63)));
        for text in ["", "feature/x", "-x", "x.", &"x".repeat(64)] {
            assert!(!fits_label(text), "{text}");
        }
    }

    #[test]
    fn a_mesh_that_takes_in_production_alone_is_told() {
        let told = |metadata: Value, class: Value| {
            let request = crate::plan::fixture::request(json!({}), class);
            let mut capture = crate::plan::fixture::capture();
            let rest = json!({"metadata": metadata});
            capture.objects = vec![Object::made("v1", "Namespace", "shop", rest)];
            let mut log = Log::default();
            without_mesh(&Context::new(&request, &capture).unwrap(), &mut log);
            log.findings.into_iter().map(|it| it.path).collect::<Vec<_>>()
        };
        let labels = |key: &str, value: &str| json!({"labels": {key: value}});
        let annotations = |value: &str| json!({"annotations": {LINKERD: value}});
        let (of_istio, of_linkerd) =
            ("/metadata/labels/istio-injection", "/metadata/annotations/linkerd.io~1inject");
        for (metadata, class, expected) in [
            (labels("istio-injection", "enabled"), json!({}), &[of_istio][..]),
            (labels("istio-injection", "disabled"), json!({}), &[]),
            (labels("istio.io/dataplane-mode", "none"), json!({}), &[]),
            (
                labels("istio-injection", "enabled"),
                json!({"namespaceLabels": {"istio-injection": "enabled"}}),
                &[],
            ),
            (
                labels("istio-injection", "enabled"),
                json!({"namespaceLabels": {"istio.io/rev": "stable"}}),
                &[of_istio],
            ),
            (annotations("enabled"), json!({}), &[of_linkerd]),
            (annotations("enabled"), json!({"namespaceAnnotations": {LINKERD: "enabled"}}), &[]),
            (labels("team", "a"), json!({}), &[]),
        ] {
            assert_eq!(told(metadata.clone(), class.clone()), expected, "{metadata} {class}");
        }
    }
}
