//! Which certificates and keys of the source are replaced, and by what.
//!
//! A pair of a private key and a certificate that the source holds both of is replaced; so is
//! every authority above it, wherever a copy of it stands: by the environment's one throw-away
//! authority. All other certificates are public and stay, since they belong to somebody else.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    plan::{
        context::Context,
        kinds::{self, Shape},
        object::Object,
        relocate,
    },
    secrets::{
        Attribute, Certificate, KeyId, KeyPart, Leaf, Names, PlannedKey, SealedValue,
        certificates_in, keys_in,
    },
};

/// How every block of PEM begins.
const BEGIN: &str = "-----BEGIN ";

/// What is replaced.
#[derive(Debug)]
pub(super) struct Keys {
    /// Keys of which the source has both halves.
    paired: BTreeSet<KeyId>,
    /// Those of them that are an authority's.
    authorities: BTreeSet<KeyId>,
    /// Names of the authorities above what is replaced.
    issuers: BTreeSet<String>,
}

/// What becomes of a value with certificates and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) parts: Vec<PlannedKey>,
    /// Whether anything in it is new.
    pub(super) is_new: bool,
    /// Whether somebody else's certificate is kept in it that is no authority's.
    pub(super) keeps_leaf: bool,
    /// When the first certificate in it expired in production.
    pub(super) expired: Option<Timestamp>,
}

impl Keys {
    pub(super) fn of(context: &Context) -> Self {
        let sealed = context.capture.secrets.values().flat_map(|secret| secret.keys.values());
        let mut all: Vec<Cow<'_, [KeyPart]>> = sealed
            .filter_map(|value| match value {
                SealedValue::Keys { parts, .. } => Some(Cow::Borrowed(parts.as_slice())),
                SealedValue::Parts(_) | SealedValue::NotInventable { .. } => None,
            })
            .collect();
        let settings =
            context.capture.objects.iter().filter(|it| kinds::shape(it) == Shape::Settings);
        all.extend(settings.flat_map(texts).filter_map(|(_, text)| keys_in(text).map(Cow::Owned)));
        Self::among(all.iter().flat_map(|parts| parts.iter()))
    }

    fn among<'k>(parts: impl Iterator<Item = &'k KeyPart>) -> Self {
        let (mut private, mut public) = (BTreeSet::new(), BTreeSet::new());
        let mut certificates: Vec<&Certificate> = Vec::new();
        for part in parts {
            match part {
                KeyPart::Text(_) => {}
                KeyPart::PrivateKey { key, .. } => {
                    private.insert(key.clone());
                }
                KeyPart::PublicKey { key, .. } => public.extend(key.clone()),
                KeyPart::Certificate(it) => {
                    public.insert(it.key.clone());
                    certificates.push(it);
                }
            }
        }
        let paired: BTreeSet<KeyId> = private.intersection(&public).cloned().collect();
        let mut above: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for it in certificates.iter().filter(|it| it.is_authority) {
            above.entry(&it.subject_id).or_default().insert(&it.issuer_id);
        }
        let own = || certificates.iter().filter(|it| paired.contains(&it.key));
        let mut issuers = BTreeSet::new();
        let mut next: Vec<&str> = own().map(|it| it.issuer_id.as_str()).collect();
        while let Some(name) = next.pop() {
            if issuers.insert(name.to_owned()) {
                next.extend(above.get(name).into_iter().flatten());
            }
        }
        let authorities = own().filter(|it| only_issues(it)).map(|it| it.key.clone()).collect();
        Self { paired, authorities, issuers }
    }

    fn replaces(&self, it: &Certificate) -> bool {
        self.paired.contains(&it.key) || it.is_authority && self.issuers.contains(&it.subject_id)
    }

    /// Whether a text that is more than certificates holds one that is replaced.
    pub(super) fn replaces_in(&self, text: &str) -> bool {
        certificates_in(text).iter().any(|it| self.replaces(it))
    }

    /// What becomes of a value.
    ///
    /// # Errors
    ///
    /// Why nobody can make it, as a clause.
    pub(super) fn rewrite(
        &self,
        parts: &[KeyPart],
        context: &Context,
    ) -> Result<Rewritten, &'static str> {
        let from = context.capture.captured_at;
        let mut made =
            Rewritten { parts: Vec::new(), is_new: false, keeps_leaf: false, expired: None };
        // A chain of several authorities becomes the one.
        let authority = PlannedKey::Authority { from };
        for part in parts {
            let new = match part {
                KeyPart::Text(text) => vec![PlannedKey::Text(text.clone())],
                KeyPart::Certificate(it) => {
                    let ended = Some(it.expires).filter(|end| *end < from);
                    made.expired = made.expired.into_iter().chain(ended).min();
                    if !self.replaces(it) {
                        made.keeps_leaf |= !it.is_authority;
                        vec![PlannedKey::Text(it.pem.clone())]
                    } else if only_issues(it) || !self.paired.contains(&it.key) {
                        vec![authority.clone()]
                    } else if it.is_authority || it.subject_id == it.issuer_id {
                        // A server that vouches for itself: it is what others trust as well.
                        vec![leaf(it, context), authority.clone()]
                    } else {
                        vec![leaf(it, context)]
                    }
                }
                KeyPart::PrivateKey { key, form } if self.paired.contains(key) => {
                    let key = Some(key.clone()).filter(|key| !self.authorities.contains(key));
                    vec![PlannedKey::PrivateKey { key, form: *form }]
                }
                KeyPart::PrivateKey { .. } => {
                    return Err("a private key whose public half the source does not hold");
                }
                KeyPart::PublicKey { key: Some(key), .. } if self.paired.contains(key) => {
                    let key = Some(key.clone()).filter(|key| !self.authorities.contains(key));
                    vec![PlannedKey::PublicKey { key }]
                }
                KeyPart::PublicKey { pem, .. } => vec![PlannedKey::Text(pem.clone())],
            };
            for new in new {
                made.is_new |= !matches!(new, PlannedKey::Text(_));
                if new != authority || !made.parts.contains(&authority) {
                    made.parts.push(new);
                }
            }
        }
        Ok(made)
    }
}

/// Whether a certificate is for issuing others and nothing else. What openssl makes for a server by
/// default may issue as well, and has the server's names.
fn only_issues(it: &Certificate) -> bool {
    it.is_authority && it.names.dns.is_empty() && it.names.addresses.is_empty()
}

/// The values of a ConfigMap that may hold certificates, with their keys.
pub(super) fn texts(object: &Object) -> impl Iterator<Item = (&str, &str)> {
    let data = object.get("/data").and_then(Value::as_object).into_iter().flatten();
    data.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .filter(|(_, text)| text.contains(BEGIN))
}

/// The certificate of the clone in place of one of production's.
fn leaf(it: &Certificate, context: &Context) -> PlannedKey {
    let written = |text: &String| {
        relocate::rewrite_text(context, "host", text).unwrap_or_else(|| host(text, context))
    };
    let subject =
        it.subject.iter().map(|it| Attribute { kind: it.kind.clone(), value: written(&it.value) });
    let names = Names {
        dns: it.names.dns.iter().map(|name| host(name, context)).collect(),
        // Addresses of production's lead nowhere here.
        addresses: it.names.addresses.iter().filter(|it| it.is_loopback()).copied().collect(),
        uris: it.names.uris.iter().map(written).collect(),
        emails: it.names.emails.clone(),
    };
    PlannedKey::Certificate(Box::new(Leaf {
        key: it.key.clone(),
        subject: subject.collect(),
        names,
        purposes: it.purposes.clone(),
        from: context.capture.captured_at,
    }))
}

/// A DNS name with the target in place of the source: `*.db.shop.svc`, `db.shop`.
fn host(name: &str, context: &Context) -> String {
    let mut labels: Vec<&str> = name.split('.').collect();
    for at in 1..labels.len() {
        let is_namespace = match labels.get(at + 1) {
            Some(next) => *next == "svc",
            None => context.services.contains(labels[at - 1]),
        };
        if labels[at] == context.source() && is_namespace {
            labels[at] = context.target();
        }
    }
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use serde_json::json;

    use super::*;
    use crate::{plan::fixture, secrets::KeyForm};

    fn certificate(key: &str, subject: &str, issuer: &str) -> Certificate {
        Certificate {
            key: KeyId(key.to_owned()),
            subject: Vec::new(),
            subject_id: subject.to_owned(),
            issuer_id: issuer.to_owned(),
            is_authority: false,
            names: Names { dns: vec![format!("{subject}.example.com")], ..Names::default() },
            purposes: Vec::new(),
            expires: Timestamp::UNIX_EPOCH,
            pem: format!("pem of {key}"),
        }
    }

    fn authority(key: &str, subject: &str, issuer: &str) -> Certificate {
        let names = Names::default();
        Certificate { is_authority: true, names, ..certificate(key, subject, issuer) }
    }

    fn part(it: Certificate) -> KeyPart {
        KeyPart::Certificate(Box::new(it))
    }

    fn private(key: &str) -> KeyPart {
        KeyPart::PrivateKey { key: KeyId(key.to_owned()), form: KeyForm::Pkcs8 }
    }

    fn public(key: Option<&str>) -> KeyPart {
        let key = key.map(|it| KeyId(it.to_owned()));
        KeyPart::PublicKey { key, pem: "public pem".to_owned() }
    }

    fn text(text: &str) -> KeyPart {
        KeyPart::Text(text.to_owned())
    }

    fn shown(key: &PlannedKey) -> String {
        // Without one, it is the authority's.
        let whose = |key: Option<&KeyId>| key.map_or("ca", |it| it.0.as_str()).to_owned();
        match key {
            PlannedKey::Text(text) => text.clone(),
            PlannedKey::Authority { .. } => "ca".to_owned(),
            PlannedKey::Certificate(leaf) => format!("leaf {}", leaf.key.0),
            PlannedKey::PrivateKey { key, .. } => format!("private {}", whose(key.as_ref())),
            PlannedKey::PublicKey { key } => format!("public {}", whose(key.as_ref())),
        }
    }

    fn rewritten(parts: &[KeyPart]) -> Result<Rewritten, &'static str> {
        let own: Vec<KeyPart> = ["server", "self", "own-ca", "both", "by-address"]
            .map(private)
            .into_iter()
            .chain([
                part(certificate("server", "server", "middle")),
                part(certificate("self", "self", "self")),
                part(authority("own-ca", "ca", "ca")),
                part(both()),
                part(by_address()),
                part(authority("middle", "middle", "root")),
                part(authority("root", "root", "root")),
                part(authority("foreign", "foreign", "foreign")),
                part(certificate("leaf", "leaf", "foreign")),
                private("lonely"),
            ])
            .collect();
        let request = fixture::request(json!({}), json!({}));
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        Keys::among(own.iter()).rewrite(parts, &context)
    }

    /// What openssl makes for a server by default: it may issue as well.
    fn both() -> Certificate {
        Certificate { is_authority: true, ..certificate("both", "both", "root") }
    }

    /// The same, for an address.
    fn by_address() -> Certificate {
        let addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let names = Names { addresses, ..Names::default() };
        Certificate { names, ..authority("by-address", "a", "root") }
    }

    #[test]
    fn a_pair_and_every_authority_above_it_are_replaced_and_nothing_else() {
        let server = || part(certificate("server", "server", "middle"));
        let (middle, root) = (
            || part(authority("middle", "middle", "root")),
            || part(authority("root", "root", "root")),
        );
        let foreign = || part(authority("foreign", "foreign", "foreign"));
        let leaf = || part(certificate("leaf", "leaf", "foreign"));
        for (parts, expected, is_new, keeps_leaf) in [
            (vec![server()], &["leaf server"][..], true, false),
            (vec![server(), middle(), root()], &["leaf server", "ca"], true, false),
            (vec![middle(), text("and"), root()], &["ca", "and"], true, false),
            (vec![part(certificate("self", "self", "self"))], &["leaf self", "ca"], true, false),
            (vec![part(both())], &["leaf both", "ca"], true, false),
            (vec![part(by_address())], &["leaf by-address", "ca"], true, false),
            (vec![part(authority("own-ca", "ca", "ca"))], &["ca"], true, false),
            (vec![foreign()], &["pem of foreign"], false, false),
            (vec![leaf(), foreign()], &["pem of leaf", "pem of foreign"], false, true),
            (vec![server(), leaf()], &["leaf server", "pem of leaf"], true, true),
            // It is only called as an authority is.
            (vec![part(certificate("x", "middle", "root"))], &["pem of x"], false, true),
            (vec![text("a"), text("a")], &["a", "a"], false, false),
            (vec![private("server")], &["private server"], true, false),
            (vec![private("both")], &["private both"], true, false),
            (vec![private("own-ca")], &["private ca"], true, false),
            (vec![public(Some("own-ca"))], &["public ca"], true, false),
            (vec![public(Some("server"))], &["public server"], true, false),
            (vec![public(Some("leaf"))], &["public pem"], false, false),
            (vec![public(None)], &["public pem"], false, false),
        ] {
            let made = rewritten(&parts).unwrap();
            let found: Vec<String> = made.parts.iter().map(shown).collect();
            assert_eq!(found, expected);
            assert_eq!((made.is_new, made.keeps_leaf), (is_new, keeps_leaf), "{found:?}");
        }
        assert!(rewritten(&[private("lonely")]).is_err());
    }

    #[test]
    fn a_certificate_has_expired_if_it_ended_before_the_source_was_read() {
        let ends = |at: i64| {
            let expires = Timestamp::from_second(at).unwrap();
            part(Certificate { expires, ..certificate("leaf", "leaf", "foreign") })
        };
        for (parts, expected) in [
            (vec![ends(1)], None),
            (vec![ends(0)], None),
            (vec![ends(-1)], Some(-1)),
            (vec![ends(-1), ends(-5), ends(7), ends(-2)], Some(-5)),
        ] {
            let expired = rewritten(&parts).unwrap().expired;
            assert_eq!(expired.map(Timestamp::as_second), expected);
        }
    }

    #[test]
    fn a_name_of_a_service_of_the_source_is_one_of_the_target() {
        let request = fixture::request(json!({}), json!({}));
        let mut capture = fixture::capture();
        capture.objects.push(fixture::service("db"));
        let context = Context::new(&request, &capture).unwrap();
        for (name, expected) in [
            ("db.shop.svc", "db.stg-pr-7-abcde.svc"),
            ("*.db.shop.svc.cluster.local", "*.db.stg-pr-7-abcde.svc.cluster.local"),
            ("db.shop", "db.stg-pr-7-abcde"),
            ("api.shop", "api.shop"),
            ("db.shop.com", "db.shop.com"),
            ("db.other.svc", "db.other.svc"),
            ("shop.svc", "shop.svc"),
            ("shop", "shop"),
        ] {
            assert_eq!(host(name, &context), expected, "{name}");
        }
    }
}
