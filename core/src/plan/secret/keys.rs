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
