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

/// Annotation of a ConfigMap that serves as a lock.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

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
    if shape == Shape::Settings && object.annotation(LEADER).is_some() {
        return Some(reason("lock", "a clone would read the lock of what runs in production"));
    }
    None
}
