//! Kinds of service meshes: who they name in other namespaces, and which namespaces they hold for.

use super::{Profile, Shape, known::config};
use crate::api::status::Wave;

/// A list that names namespaces, or somebody in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers {
    /// JSON pointer of the list, with `*` for every element of a list on the way.
    pub list: &'static str,
    /// Field of an element that names the namespace, if elements are maps.
    pub field: Option<&'static str>,
    /// The list counts only if the field beside it has one of these values.
    pub beside: Option<(&'static str, &'static [&'static str])>,
    /// How an element is written.
    pub form: Form,
    /// What goes along if nothing of the list is left.
    pub without: Without,
}

/// How a namespace is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `shop`
    Namespace,
    /// `cluster.local/ns/shop/sa/web`
    Principal,
    /// `shop/web`, or `web` for the own namespace.
    Qualified,
    /// `shop/*`, where `.`, `~` and `*` are no namespaces.
    Scoped,
    /// `web.shop.serviceaccount.identity.linkerd.cluster.local`
    Identity,
    /// The name of a gateway, which stays behind; `mesh` is none.
    Gateway,
}

/// What goes along with a list of which nothing is left: without it, what is around it would hold
/// for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// The element of a list that it stands in, since others stand beside it.
    Alternative,
    /// The same, one list further out: all that stands beside it must hold as well.
    Condition,
    /// Nothing does, and nothing of it goes: whoever is kept out may be anywhere.
    Nothing,
    /// The object, which stays behind.
    Object,
    /// The object, as soon as one element goes: all of them must hold.
    Each,
}

const fn peers(list: &'static str, form: Form, without: Without) -> Peers {
    Peers { list, field: None, beside: None, form, without }
}

const ISTIO: &str = "networking.istio.io";
const ISTIO_SECURITY: &str = "security.istio.io";
const LINKERD: &str = "policy.linkerd.io";
const EXPORT: Option<&str> = Some("/spec/exportTo");

const GATEWAYS: &[Peers] = &[
    peers("/spec/gateways", Form::Gateway, Without::Object),
    peers("/spec/http/*/match/*/gateways", Form::Gateway, Without::Alternative),
    peers("/spec/tls/*/match/*/gateways", Form::Gateway, Without::Alternative),
    peers("/spec/tcp/*/match/*/gateways", Form::Gateway, Without::Alternative),
];

const ISTIO_SOURCES: &[Peers] = &[
    peers("/spec/rules/*/from/*/source/namespaces", Form::Namespace, Without::Alternative),
    peers("/spec/rules/*/from/*/source/principals", Form::Principal, Without::Alternative),
    peers("/spec/rules/*/from/*/source/serviceAccounts", Form::Qualified, Without::Alternative),
    // Who is kept out holds for nobody else.
    peers("/spec/rules/*/from/*/source/notNamespaces", Form::Namespace, Without::Nothing),
    peers("/spec/rules/*/from/*/source/notPrincipals", Form::Principal, Without::Nothing),
    peers("/spec/rules/*/from/*/source/notServiceAccounts", Form::Qualified, Without::Nothing),
    Peers {
        beside: Some(("key", &["source.namespace"])),
        ..peers("/spec/rules/*/when/*/values", Form::Namespace, Without::Condition)
    },
    Peers {
        beside: Some(("key", &["source.principal"])),
        ..peers("/spec/rules/*/when/*/values", Form::Principal, Without::Condition)
    },
    Peers {
        beside: Some(("key", &["source.namespace"])),
        ..peers("/spec/rules/*/when/*/notValues", Form::Namespace, Without::Nothing)
    },
    Peers {
        beside: Some(("key", &["source.principal"])),
        ..peers("/spec/rules/*/when/*/notValues", Form::Principal, Without::Nothing)
    },
];

const LINKERD_CLIENTS: &[Peers] = &[
    Peers {
        field: Some("namespace"),
        ..peers("/spec/client/meshTLS/serviceAccounts", Form::Namespace, Without::Object)
    },
    peers("/spec/client/meshTLS/identities", Form::Identity, Without::Object),
];

const LINKERD_IDENTITIES: &[Peers] = &[
    Peers {
        field: Some("namespace"),
        ..peers("/spec/identityRefs", Form::Namespace, Without::Object)
    },
    peers("/spec/identities", Form::Identity, Without::Object),
];

const LINKERD_REQUIRED: &[Peers] = &[Peers {
    field: Some("namespace"),
    ..peers("/spec/requiredAuthenticationRefs", Form::Namespace, Without::Each)
}];

const SIDECAR_HOSTS: &[Peers] =
    &[peers("/spec/egress/*/hosts", Form::Scoped, Without::Alternative)];

/// Rules about traffic: what they select and lead to is there first.
const fn rules(group: &'static str, kind: &'static str, peers: &'static [Peers]) -> Profile {
    Profile { wave: Wave::Config, peers, ..config(group, kind, Shape::Other, 45) }
}

pub(super) const MESH: &[Profile] = &[
    Profile {
        export: EXPORT,
        backends: &[
            "/spec/http/*/route/*/destination/host",
            "/spec/tls/*/route/*/destination/host",
            "/spec/tcp/*/route/*/destination/host",
        ],
        ..rules(ISTIO, "VirtualService", GATEWAYS)
    },
    Profile {
        export: EXPORT,
        selectors: &["/spec/subsets/*/labels"],
        ..rules(ISTIO, "DestinationRule", &[])
    },
    Profile { export: EXPORT, ..rules(ISTIO, "ServiceEntry", &[]) },
    rules(ISTIO, "Sidecar", SIDECAR_HOSTS),
    rules(ISTIO_SECURITY, "AuthorizationPolicy", ISTIO_SOURCES),
    rules(ISTIO_SECURITY, "PeerAuthentication", &[]),
    rules(ISTIO_SECURITY, "RequestAuthentication", &[]),
    rules(LINKERD, "Server", &[]),
    rules(LINKERD, "HTTPRoute", &[]),
    rules(LINKERD, "HTTPLocalRateLimitPolicy", &[]),
    rules(LINKERD, "NetworkAuthentication", &[]),
    rules(LINKERD, "MeshTLSAuthentication", LINKERD_IDENTITIES),
    rules(LINKERD, "ServerAuthorization", LINKERD_CLIENTS),
    rules(LINKERD, "AuthorizationPolicy", LINKERD_REQUIRED),
];
