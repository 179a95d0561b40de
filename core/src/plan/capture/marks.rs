//! Marks of what was read: they change with what a plan depends on, and with nothing else that is
//! cheap to tell apart.
//!
//! A source is followed by its marks. Objects of which only the status changed keep theirs, so that
//! nobody plans again because a Pod was restarted. Of Pods, only whose they are and which images they
//! run counts: one more of the same changes nothing. Values of Secrets count by a hash that is keyed
//! with the operator's key, and tells nothing without it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{LAST_APPLIED, controller, images};
use crate::{
    plan::{
        digest,
        kinds::{self, Action, Shape},
        object::Object,
        select,
    },
    secrets::{OpenSecret, OperatorKey},
};

/// Metadata that a person or a tool of theirs writes.
const WRITTEN: [&str; 3] = ["labels", "annotations", "ownerReferences"];
/// Annotations that a controller writes whenever it does something.
const NOISE: [&str; 2] = [LAST_APPLIED, "deployment.kubernetes.io/revision"];

/// Whether objects of a kind have marks: a plan may depend on them.
pub fn is_marked(group: &str, kind: &str) -> bool {
    kinds::is_read(group, kind)
        && kinds::named(group, kind)
            .is_none_or(|it| it.shape == Shape::Pod || !matches!(it.action, Action::Never(..)))
}

/// The mark of an object as it was read, but for the values of a Secret. None if no plan depends on it.
pub fn mark(object: &Object) -> Option<String> {
    if !is_marked(object.group(), object.kind()) || select::is_lock(object) {
        return None;
    }
    let owner = controller(object);
    if kinds::shape(object) == Shape::Pod {
        let images = images::of_pod(object);
        return (!images.is_empty()).then(|| digest::of(&(owner, images)));
    }
    // A controller of the source makes it, and its owner is what counts.
    if owner.is_some() && kinds::profile(object).is_none_or(|it| it.action != Action::Clone) {
        return None;
    }
    let is_secret = kinds::shape(object) == Shape::Secret;
    let fields = object.value().as_object().into_iter().flatten();
    let counted = fields.filter_map(|(field, value)| match field.as_str() {
        "status" => None,
        "data" | "stringData" if is_secret => None,
        "metadata" => Some((field.clone(), written(value))),
        _ => Some((field.clone(), value.clone())),
    });
    Some(digest::of_value(&Value::Array(vec![
        json!(object.key()),
        Value::Object(counted.collect()),
    ])))
}

/// Of metadata what a person writes.
fn written(metadata: &Value) -> Value {
    let fields = WRITTEN.iter().filter_map(|field| {
        let mut value = metadata.get(field)?.clone();
        if let Some(map) = value.as_object_mut() {
            map.retain(|key, _| !NOISE.contains(&key.as_str()));
            if map.is_empty() {
                return None;
            }
        }
        Some(((*field).to_owned(), value))
    });
    Value::Object(fields.collect())
}

/// The mark of a Secret's values.
pub fn of_values(secret: &OpenSecret, key: &OperatorKey) -> String {
    digest::of(&(&secret.name, &secret.kind, secret.proof(key)))
}

/// All marks of a source as one. How many objects have the same does not count.
pub fn together<'a>(marks: impl IntoIterator<Item = &'a str>) -> String {
    digest::of(&marks.into_iter().collect::<BTreeSet<&str>>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::secrets::SecretBytes;

    fn marked(value: Value) -> Option<String> {
        mark(&Object::new(value).unwrap())
    }

    fn deployment(change: impl FnOnce(&mut Value)) -> Option<String> {
        let mut it = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "resourceVersion": "1", "generation": 1,
                "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": 1}, "status": {"replicas": 1}});
        change(&mut it);
        marked(it)
    }

    #[test]
    fn what_the_api_server_counts_and_controllers_report_does_not_change_a_mark() {
        let before = deployment(|_| ());
        assert!(before.is_some());
        let after = deployment(|it| {
            it["metadata"] = json!({"name": "web", "resourceVersion": "2", "generation": 2, "uid": "1",
                "annotations": {"deployment.kubernetes.io/revision": "2"}});
            it["status"] = json!({"replicas": 2});
        });
        assert_eq!(before, after);
    }

    #[test]
    fn what_a_person_writes_does() {
        let before = deployment(|_| ());
        assert_ne!(before, deployment(|it| it["spec"]["replicas"] = json!(2)));
        assert_ne!(before, deployment(|it| it["metadata"]["labels"] = json!({"a": "b"})));
        assert_ne!(before, deployment(|it| it["metadata"]["annotations"]["a"] = json!("b")));
        assert_ne!(before, deployment(|it| it["metadata"]["name"] = json!("api")));
    }

    fn pod(name: &str, digest: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "ownerReferences":
                [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "1", "controller": true}]},
            "status": {"containerStatuses": [{"name": "web", "imageID": format!("docker.io/acme/web@sha256:{digest}")}]}})
    }

    #[test]
    fn one_more_pod_of_the_same_images_changes_nothing_and_another_image_does() {
        let all = |pods: &[Value]| {
            let marks: Vec<String> = pods.iter().filter_map(|it| marked(it.clone())).collect();
            together(marks.iter().map(String::as_str))
        };
        assert_eq!(all(&[pod("a", "aa")]), all(&[pod("a", "aa"), pod("b", "aa")]));
        assert_ne!(all(&[pod("a", "aa")]), all(&[pod("a", "bb")]));
        let mut starting = pod("c", "aa");
        starting["status"] = json!({});
        assert_eq!(marked(starting), None);
    }

    #[test]
    fn what_controllers_make_and_count_has_no_mark() {
        assert!(!is_marked("coordination.k8s.io", "Lease") && !is_marked("apps", "ReplicaSet"));
        let owned = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "web-1",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": "web", "uid": "1", "controller": true}]}});
        assert_eq!(marked(owned), None);
    }

    #[test]
    fn whoever_renews_a_lock_changes_nothing() {
        let it = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "db-leader",
            "annotations": {"acquireTime": "2026-11-23T08:00:00Z", "leader": "db-0"}}});
        assert_eq!(marked(it), None);
    }

    #[test]
    fn values_of_a_secret_count_and_do_not_show() {
        let key = |byte| OperatorKey::from_bytes(&[byte; OperatorKey::LENGTH]).unwrap();
        let secret = |value: &str| OpenSecret {
            name: "db".into(),
            kind: "Opaque".into(),
            data: BTreeMap::from([("p".to_owned(), SecretBytes::new(value.as_bytes().to_vec()))]),
        };
        let before = of_values(&secret("one"), &key(1));
        assert_eq!(before, of_values(&secret("one"), &key(1)));
        assert_ne!(before, of_values(&secret("two"), &key(1)));
        assert_ne!(before, of_values(&secret("one"), &key(2)), "it is worthless without the key");
        let object = |data: &str| {
            marked(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"p": data}}),
            )
        };
        assert_eq!(object("one"), object("two"));
    }

    #[test]
    fn what_a_plan_may_depend_on_has_marks() {
        for (group, kind, expected) in [
            ("apps", "Deployment", true),
            ("", "Pod", true),
            ("monitoring.coreos.com", "ServiceMonitor", true),
            ("example.com", "Widget", true),
            ("batch", "Job", false),
            ("", "Event", false),
            ("", "Endpoints", false),
        ] {
            assert_eq!(is_marked(group, kind), expected, "{kind}");
        }
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}});
        assert_eq!(marked(lease), None);
    }

    #[test]
    fn data_counts_where_it_is_no_secret() {
        let of = |kind: &str, data: &str| {
            marked(
                json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "data": {"k": data}}),
            )
        };
        assert_ne!(of("ConfigMap", "1"), of("ConfigMap", "2"));
        assert_eq!(of("Secret", "1"), of("Secret", "2"));
    }

    #[test]
    fn what_an_owner_makes_has_a_mark_only_if_it_comes_along() {
        let made = |version: &str, kind: &str, controls: bool| {
            marked(json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a", "ownerReferences":
                [{"apiVersion": "example.com/v1", "kind": "Maker", "name": "m", "uid": "1", "controller": controls}]}}))
            .is_some()
        };
        for (version, kind, owned) in [
            ("v1", "ConfigMap", true),
            ("monitoring.coreos.com/v1", "ServiceMonitor", false),
            ("example.com/v1", "Widget", false),
        ] {
            assert_eq!(
                (made(version, kind, true), made(version, kind, false)),
                (owned, true),
                "{kind}"
            );
        }
    }
}
