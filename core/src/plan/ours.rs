//! Objects of the operator's own making: where they stand and how they are told from clones.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    log::Log,
    object::{Key, Object},
    request::Request,
};
use crate::api::names;

/// An object in the target with the labels of everything that is ours.
pub(super) fn made(
    request: &Request,
    api_version: &str,
    kind: &str,
    name: &str,
    rest: Value,
) -> Object {
    let mut object = Object::made(api_version, kind, name, rest);
    object.set("/metadata/namespace", request.target.as_str().into());
    for (key, value) in labels(request) {
        object.set(&format!("/metadata/labels/{}", super::object::escape(key)), value.into());
    }
    object
}

/// An object that stands before any Pod of the target.
pub(super) fn fence(
    request: &Request,
    api_version: &str,
    kind: &str,
    name: &str,
    rest: Value,
) -> Object {
    let mut object = made(request, api_version, kind, name, rest);
    let label = format!("/metadata/labels/{}", super::object::escape(names::FENCE_LABEL));
    object.set(&label, json!("true"));
    object
}

/// The labels of everything that is ours.
pub(super) fn labels(request: &Request) -> [(&'static str, &str); 3] {
    [
        (names::ENVIRONMENT_UID_LABEL, &request.environment.uid),
        (names::ENVIRONMENT_LABEL, &request.environment.name),
        (names::MANAGED_BY_LABEL, names::MANAGED_BY),
    ]
}

/// Whether the key of a label belongs to us: `kulisse.dev/…`.
pub(super) fn is_label(key: &str) -> bool {
    key.split_once('/').is_some_and(|(prefix, _)| prefix == names::GROUP)
}

/// Whether `object` is of that kind.
pub(super) fn is(object: &Object, group: &str, kind: &str) -> bool {
    object.kind() == kind && object.group() == group
}

/// Leaves behind every clone that bears the name of something made here: applied after it, a
/// production object called `kulisse-default-deny` would take the fence down.
pub(super) fn keep_names_free(clones: Vec<Object>, made: &[Object], log: &mut Log) -> Vec<Object> {
    let binding = |name: &str| Key {
        group: "rbac.authorization.k8s.io".to_owned(),
        kind: "RoleBinding".to_owned(),
        name: name.to_owned(),
    };
    let mut taken: BTreeSet<Key> = made.iter().map(Object::key).collect();
    taken.insert(binding(names::RIGHTS_BINDING));
    let (left, kept): (Vec<_>, Vec<_>) =
        clones.into_iter().partition(|clone| taken.contains(&clone.key()));
    for clone in left {
        log.leave(
            &clone.key(),
            "reserved-name",
            "the operator makes an object of this name in the target; rename it in the source",
        );
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    #[test]
    fn a_clone_cannot_take_the_place_of_the_fence() {
        let request = fixture::request(json!({}), json!({}));
        let policy =
            |name| fence(&request, "networking.k8s.io/v1", "NetworkPolicy", name, json!({}));
        let clones = vec![policy("kulisse-dns"), policy("web")];
        let mut log = Log::default();

        let kept = keep_names_free(clones, &[policy("kulisse-dns")], &mut log);

        assert_eq!(kept.iter().map(Object::name).collect::<Vec<_>>(), ["web"]);
        assert_eq!(log.left_behind[0].reason, "reserved-name");
    }

    #[test]
    fn nobody_binds_the_operators_own_rights() {
        let request = fixture::request(json!({}), json!({}));
        let binding = made(
            &request,
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            names::RIGHTS_BINDING,
            json!({}),
        );
        assert_eq!(keep_names_free(vec![binding], &[], &mut Log::default()), []);
    }

    #[test]
    fn what_stands_below_our_domain_is_ours() {
        for (key, expected) in [
            ("kulisse.dev/environment", true),
            ("app.kulisse.dev/environment", false),
            ("kulisse.dev", false),
            ("app", false),
        ] {
            assert_eq!(is_label(key), expected, "{key}");
        }
    }

    #[test]
    fn an_object_is_of_a_kind_by_its_group_as_well() {
        let service = |version: &str| Object::made(version, "Service", "web", json!({}));
        assert!(is(&service("v1"), "", "Service"));
        assert!(!is(&service("serving.knative.dev/v1"), "", "Service"));
        assert!(!is(&service("v1"), "", "Pod"));
    }
}
