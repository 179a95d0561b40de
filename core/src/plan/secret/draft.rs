//! What a cloned Secret will hold, key by key, and what is to be said about it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    consent::{Consent, Missing, is_pull},
    keys::{Keys, Rewritten},
    rules::{Policy, Rules},
};
use crate::{
    plan::{context::Context, relocate, texts::shown_with},
    secrets::{
        EVERY_KEY, Guess, Origin, Part, Place, PlannedValue, SealedSecret, SealedValue,
        TemplatePart, Uses, guess, is_telling, outside, speaks,
    },
};

/// A Secret's recipe, with notes on its keys. Notes on the whole Secret have no key.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Draft {
    pub(super) keys: BTreeMap<String, PlannedValue>,
    pub(super) notes: BTreeMap<String, Note>,
}

/// What all drafts are made with.
pub(super) struct Desk<'a> {
    pub(super) rules: Rules<'a>,
    pub(super) uses: Uses,
    pub(super) keys: Keys,
    pub(super) consent: Consent,
    pub(super) context: &'a Context<'a>,
}

/// What is to be said about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A credential in it is invented.
    Generated {
        /// Whether what is kept beside it looks like one.
        keeps: bool,
    },
    /// A credential in it is invented that only somebody else can give.
    Outside {
        /// Who.
        whose: &'static str,
    },
    /// It holds certificates or keys.
    Keys {
        /// Whether any of them is new.
        is_new: bool,
        /// Whether somebody else's certificate is kept that is no authority's.
        keeps_leaf: bool,
        /// When the first of production's expired.
        expired: Option<Timestamp>,
    },
    /// It is kept, but looks like a credential.
    Kept,
    /// It comes from the request namespace.
    Given,
    /// It is a text of the user's.
    Templated,
    /// It is production's own.
    Copied,
    /// It should be production's own, and somebody has not consented.
    Refused(Missing),
    /// It is left out because the spec says so.
    Omitted,
    /// It is left out because nobody can invent it.
    Needed {
        /// Why, as a clause.
        why: String,
        /// Whether a container does not start without it, as far as is known.
        required: bool,
    },
}

impl Draft {
    /// Whether it holds all that another Secret does.
    pub(super) fn takes_all(&self) -> bool {
        self.keys.contains_key(EVERY_KEY)
    }

    fn put(&mut self, key: &str, value: PlannedValue, note: Option<Note>) {
        self.keys.insert(key.to_owned(), value);
        self.notes.extend(note.map(|note| (key.to_owned(), note)));
    }

    /// Does what a policy says that needs to know nothing of the source's value. False if there is
    /// more to it.
    fn apply(&mut self, key: &str, policy: Policy) -> bool {
        match policy {
            Policy::Omit => self.leave_out(key, Note::Omitted),
            Policy::From(secret) => self.put(key, given(secret, key), Some(Note::Given)),
            Policy::Template(text) => {
                let text = PlannedValue::Template(vec![TemplatePart::Text(text.to_owned())]);
                self.put(key, text, Some(Note::Templated));
            }
            Policy::Generate | Policy::Copy => return false,
        }
        true
    }

    /// Takes the source's own value, if all consent.
    fn copy(&mut self, secret: &str, key: &str, consent: Result<(), Missing>) {
        match consent {
            Err(missing) => self.leave_out(key, Note::Refused(missing)),
            Ok(()) => {
                let place = Place {
                    origin: Origin::Source,
                    secret: secret.to_owned(),
                    key: key.to_owned(),
                };
                self.put(key, PlannedValue::From(place), Some(Note::Copied));
            }
        }
    }

    fn leave_out(&mut self, key: &str, note: Note) {
        self.notes.insert(key.to_owned(), note);
    }

    fn need(&mut self, key: &str, why: &str, required: bool) {
        self.leave_out(key, Note::Needed { why: why.to_owned(), required });
    }
}

/// Drafts the clone of a Secret of the source.
pub(super) fn draft(name: &str, desk: &Desk) -> Draft {
    let mut draft = Draft::default();
    let capture = desk.context.capture;
    match capture.secrets.get(name) {
        Some(sealed) => read(name, sealed, desk, &mut draft),
        None if capture.secrets_readable => {
            let why = "the overlay holds no values of Secrets";
            unread(name, why, &desk.rules, &desk.uses, &mut draft);
        }
        None => {
            let why = "the source's Secrets may not be read";
            unread(name, why, &desk.rules, &desk.uses, &mut draft);
        }
    }
    for key in desk.rules.named_keys(name) {
        draft.apply(key, desk.rules.policy(name, key));
    }
    draft
}

fn read(name: &str, sealed: &SealedSecret, desk: &Desk, draft: &mut Draft) {
    let Desk { rules, consent, context, .. } = desk;
    for (key, value) in &sealed.keys {
        let policy = rules.policy(name, key);
        if draft.apply(key, policy) {
            continue;
        }
        match value {
            _ if policy == Policy::Copy => {
                draft.copy(name, key, consent.copies(name, &sealed.kind, key));
            }
            // Nobody can invent it, and the owners gave it.
            SealedValue::NotInventable { .. } if is_pull(&sealed.kind) && consent.grants(name) => {
                draft.copy(name, key, Ok(()));
            }
            SealedValue::Keys { parts, .. } => match desk.keys.rewrite(parts, context) {
                Ok(Rewritten { parts, is_new, keeps_leaf, expired }) => {
                    let note = Note::Keys { is_new, keeps_leaf, expired };
                    draft.put(key, PlannedValue::Keys(parts), Some(note));
                }
                Err(why) => draft.need(key, &format!("it is {why}"), true),
            },
            SealedValue::NotInventable { why, .. } => {
                draft.need(key, &format!("it is {why}"), true);
            }
            SealedValue::Parts(parts) => {
                draft.put(
                    key,
                    PlannedValue::Parts(relocated(key, parts, context)),
                    note(key, parts),
                );
            }
        }
    }
}

fn note(key: &str, parts: &[Part]) -> Option<Note> {
    if let Some(whose) = outside(key, parts) {
        return Some(Note::Outside { whose });
    }
    // What points at a credential is none.
    let keeps = Part::texts(parts).into_iter().any(|text| is_telling(text))
        || speaks(key, &shown_with(parts, "${X}"));
    if !Part::classes(parts, 0).is_empty() {
        return Some(Note::Generated { keeps });
    }
    keeps.then_some(Note::Kept)
}

/// Of a Secret whose values nobody has, its keys are known where something names them.
fn unread(name: &str, why: &str, rules: &Rules, uses: &Uses, draft: &mut Draft) {
    for (_, key, used) in uses.keys().filter(|(secret, ..)| *secret == name) {
        let policy = rules.policy(name, key);
        if draft.apply(key, policy) {
            continue;
        }
        match guess(name, key, &uses.of(name, key)) {
            _ if policy == Policy::Copy => draft.leave_out(key, Note::Refused(Missing::Reading)),
            Guess::Credential(part) => {
                draft.put(
                    key,
                    PlannedValue::Parts(vec![part]),
                    Some(Note::Generated { keeps: false }),
                );
            }
            Guess::Unknown => {
                draft.need(key, why, used.required);
            }
        }
    }
    let Some((_, whole)) = uses.whole().find(|(secret, _)| *secret == name) else { return };
    if let Some(secret) = rules.every_key(name) {
        draft.put(EVERY_KEY, given(secret, EVERY_KEY), None);
        draft.leave_out("", Note::Given);
    } else if rules.named_keys(name).next().is_none() {
        draft.need("", &format!("all its keys are used, and {why}"), whole.required);
    }
}

fn given(secret: &str, key: &str) -> PlannedValue {
    PlannedValue::From(Place {
        origin: Origin::Request,
        secret: secret.to_owned(),
        key: key.to_owned(),
    })
}

/// The parts with references to the source rewritten. A host may stand behind a credential in a
/// URL, so the text is rewritten as one, with a word in place of each credential.
fn relocated(key: &str, parts: &[Part], context: &Context) -> Vec<Part> {
    let mut whole = String::new();
    let mut credentials = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => whole.push_str(text),
            Part::Credential { .. } => {
                whole.push_str(&placeholder(credentials.len()));
                credentials.push(part.clone());
            }
            Part::Base64(inner) => {
                whole.push_str(&placeholder(credentials.len()));
                credentials.push(Part::Base64(relocated(key, inner, context)));
            }
        }
    }
    let rewritten = relocate::rewrite_text(context, key, &whole).unwrap_or(whole);
    let mut relocated = Vec::with_capacity(parts.len());
    let mut rest = rewritten.as_str();
    for (at, credential) in credentials.into_iter().enumerate() {
        // The word means nothing to anybody; should it be lost, nothing is rewritten.
        let Some((before, after)) = rest.split_once(&placeholder(at)) else {
            return parts.to_vec();
        };
        relocated.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
        relocated.push(credential);
        rest = after;
    }
    relocated.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
    relocated
}

fn placeholder(at: usize) -> String {
    format!("kulissecredential{at}x")
}
