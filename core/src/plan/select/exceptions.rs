//! Objects of cloned kinds that stay behind by their name, type or marks.

use super::{Reason, reason};
use crate::plan::{
    kinds::{self, Shape},
    object::{Key, Object},
};

/// An object that every namespace has, made by a controller.
struct Given {
    shape: Shape,
    name: &'static str,
    why: &'static str,
}

const GIVEN: &[Given] = &[
    Given {
        shape: Shape::Account,
        name: "default",
        why: "Kubernetes makes one in every namespace",
    },
    Given {
        shape: Shape::Settings,
        name: "kube-root-ca.crt",
        why: "Kubernetes makes one in every namespace",
    },
    Given {
        shape: Shape::Settings,
        name: "openshift-service-ca.crt",
        why: "OpenShift makes one in every namespace",
    },
    Given {
        shape: Shape::Settings,
        name: "istio-ca-root-cert",
        why: "Istio makes one in every namespace",
    },
    Given { shape: Shape::Service, name: "kubernetes", why: "it is the Kubernetes API itself" },
];

const RELEASE_HISTORY: &str = "it is the history of production's Helm release";

/// Types of Secrets that never leave production.
const SECRET_TYPES: &[(&str, &str, &str)] = &[
    (
        "kubernetes.io/service-account-token",
        "account-token",
        "it is a key to production's Kubernetes API",
    ),
    ("helm.sh/release.v1", "release-history", RELEASE_HISTORY),
    ("bootstrap.kubernetes.io/token", "bootstrap-token", "it lets nodes join the cluster"),
];

/// Annotations of the pull credentials that OpenShift makes for every ServiceAccount.
const BUILDER: [&str; 2] =
    ["openshift.io/internal-registry-auth-token.service-account", "openshift.io/token-secret.name"];

/// Labels by which Helm marks its releases, whatever it stores them in.
const HELM: [(&str, &str); 2] = [("owner", "helm"), ("OWNER", "TILLER")];
/// How Helm's releases are called; Tiller's are called as the release.
const RELEASE: &str = "sh.helm.release.";

/// Annotations of a ConfigMap that serves as a lock: Kubernetes' own, and those of Patroni, whose
/// members wait for the database that is remembered here.
const LOCKS: [&str; 4] =
    ["control-plane.alpha.kubernetes.io/leader", "acquireTime", "initialize", "sync_standby"];

/// A value of a field that keeps an object behind although its kind comes along.
struct Exception {
    group: &'static str,
    /// JSON pointer with `*` for every element of a list.
    path: &'static str,
    text: &'static str,
    word: &'static str,
    why: &'static str,
}

const MESH_GATEWAY: &str = "it is for a gateway of production's, which stays behind";

const EXCEPTIONS: &[Exception] = &[
    Exception {
        group: "security.istio.io",
        path: "/spec/action",
        text: "CUSTOM",
        word: "outside-authorizer",
        why: "it lets a service of production's decide, which the fence keeps out: every request would be refused",
    },
    Exception {
        group: "security.istio.io",
        path: "/spec/targetRefs/*/kind",
        text: "Gateway",
        word: "gateway",
        why: MESH_GATEWAY,
    },
    Exception {
        group: "security.istio.io",
        path: "/spec/targetRef/kind",
        text: "Gateway",
        word: "gateway",
        why: MESH_GATEWAY,
    },
];

/// Whether every namespace has this object.
pub(super) fn is_given(key: &Key) -> bool {
    let shape = kinds::named(&key.group, &key.kind).map(|it| it.shape);
    GIVEN.iter().any(|it| Some(it.shape) == shape && it.name == key.name)
}

/// Whether Helm stored a release in it: in a ConfigMap, or in a Secret without its type.
fn is_release(object: &Object, shape: Shape) -> bool {
    matches!(shape, Shape::Settings | Shape::Secret)
        && HELM.iter().any(|(key, value)| object.label(key) == Some(value))
        && (object.name().starts_with(RELEASE) || object.label("OWNER").is_some())
}

/// Whether it holds who leads, and how lately, and nothing that a person wrote.
pub(crate) fn is_lock(object: &Object) -> bool {
    kinds::shape(object) == Shape::Settings
        && LOCKS.iter().any(|it| object.annotation(it).is_some())
}

/// Why this very object stays behind although its kind comes along.
pub(super) fn of(object: &Object) -> Option<Reason> {
    let shape = kinds::shape(object);
    if let Some(it) = GIVEN.iter().find(|it| it.shape == shape && it.name == object.name()) {
        return Some(reason("given", it.why));
    }
    if is_release(object, shape) {
        return Some(reason("release-history", RELEASE_HISTORY));
    }
    if shape == Shape::Secret
        && let Some((_, word, why)) = SECRET_TYPES.iter().find(|it| it.0 == object.text("/type"))
    {
        return Some(reason(word, *why));
    }
    if shape == Shape::Secret && BUILDER.iter().any(|it| object.annotation(it).is_some()) {
        return Some(reason("given", "OpenShift makes one for every ServiceAccount"));
    }
    let said = |it: &Exception| {
        it.group == object.group()
            && object.expand(it.path).iter().any(|path| object.text(path) == it.text)
    };
    if let Some(it) = EXCEPTIONS.iter().find(|it| said(it)) {
        return Some(reason(it.word, it.why));
    }
    if is_lock(object) {
        return Some(reason("lock", "a clone would read the lock of what runs in production"));
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_stays_behind_by_its_name_type_or_marks_is_of_the_kind_that_has_them() {
        let release = "sh.helm.release.v1.web.v1";
        let labels = |key: &str, value: &str| json!({"metadata": {"labels": {key: value}}});
        let notes = |key: &str| json!({"metadata": {"annotations": {key: "x"}}});
        let typed = |it: &str| json!({ "type": it });
        let spec = |it: Value| json!({ "spec": it });
        let (istio, token) = ("security.istio.io/v1", "openshift.io/token-secret.name");
        for (version, kind, name, rest, word) in [
            ("v1", "ServiceAccount", "default", json!({}), Some("given")),
            ("v1", "ServiceAccount", "robot", json!({}), None),
            ("v1", "Service", "kubernetes", json!({}), Some("given")),
            ("v1", "Service", "default", json!({}), None),
            ("v1", "ConfigMap", "kube-root-ca.crt", json!({}), Some("given")),
            ("v1", "ConfigMap", "kubernetes", json!({}), None),
            ("v1", "ConfigMap", release, labels("owner", "helm"), Some("release-history")),
            ("v1", "Secret", release, labels("owner", "helm"), Some("release-history")),
            ("v1", "ConfigMap", "web.v1", labels("OWNER", "TILLER"), Some("release-history")),
            ("v1", "ConfigMap", "web", labels("owner", "helm"), None),
            ("v1", "ConfigMap", "web", labels("OWNER", "me"), None),
            ("v1", "ConfigMap", release, labels("owner", "me"), None),
            ("v1", "ConfigMap", release, json!({}), None),
            ("v1", "Service", release, labels("owner", "helm"), None),
            ("v1", "Secret", "web", typed("helm.sh/release.v1"), Some("release-history")),
            (
                "v1",
                "Secret",
                "web",
                typed("kubernetes.io/service-account-token"),
                Some("account-token"),
            ),
            ("v1", "Secret", "web", typed("Opaque"), None),
            ("v1", "ConfigMap", "web", typed("helm.sh/release.v1"), None),
            ("v1", "Secret", "web", notes(token), Some("given")),
            ("v1", "ConfigMap", "web", notes(token), None),
            ("v1", "ConfigMap", "web", notes(LOCKS[0]), Some("lock")),
            ("v1", "Service", "web", notes(LOCKS[0]), None),
            (
                istio,
                "AuthorizationPolicy",
                "web",
                spec(json!({"action": "CUSTOM"})),
                Some("outside-authorizer"),
            ),
            (istio, "AuthorizationPolicy", "web", spec(json!({"action": "ALLOW"})), None),
            ("v1", "ConfigMap", "web", spec(json!({"action": "CUSTOM"})), None),
            (
                istio,
                "AuthorizationPolicy",
                "web",
                spec(json!({"targetRefs": [{"kind": "Service"}, {"kind": "Gateway"}]})),
                Some("gateway"),
            ),
        ] {
            let object = Object::made(version, kind, name, rest);
            let found = of(&object).map(|it| it.0);
            assert_eq!(found.as_deref(), word, "{}", object.value());
        }
    }

    #[test]
    fn what_every_namespace_has_is_known_by_its_kind_and_name() {
        for (kind, name, expected) in [
            ("ServiceAccount", "default", true),
            ("ServiceAccount", "robot", false),
            ("ConfigMap", "kube-root-ca.crt", true),
            ("ConfigMap", "default", false),
            ("Secret", "default", false),
            ("Unknown", "default", false),
        ] {
            let key = Key { group: String::new(), kind: kind.into(), name: name.into() };
            assert_eq!(is_given(&key), expected, "{kind} {name}");
        }
    }
}
