//! References to a namespace in a text.
//!
//! What can be parsed is ([`document`]): each value is then looked at under its key, and comments
//! and keys are left to rules that need no guess. All else is looked through word by word. A word
//! is a reference if its form says so (`db.shop.svc`), if what names it says so
//! (`namespace: shop`), or if it is `service.shop` for a Service that the source has, standing
//! where hosts stand.
//!
//! Whatever the text is made of, only the source's name is replaced: every other byte stays. The
//! time it takes is linear in the text.

mod comment;
mod document;
mod escape;
mod host;
pub(super) mod key;
mod own;
pub(super) mod variable;

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use self::document::Piece;
use crate::plan::context::Context;

/// Texts within texts that are looked into: JSON in a YAML file in a ConfigMap.
const DEPTH: usize = 4;
/// How far before a word is looked for what it means, in bytes.
const TAIL: usize = 256;
/// The shortest text that is worth decoding: `db.a.svc` in base64.
const ENCODED: usize = 12;

/// What decides whether a word refers to the source.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct Names<'a> {
    /// The source's name.
    pub(in crate::plan) source: &'a str,
    /// Its Services.
    pub(in crate::plan) services: &'a BTreeSet<&'a str>,
    /// Names of all its objects.
    pub(in crate::plan) objects: &'a BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    /// Of a context.
    pub(in crate::plan) fn of(context: &'a Context) -> Self {
        Self { source: context.source(), services: &context.services, objects: &context.names }
    }
}

/// What is around a text.
#[derive(Clone, Debug, Default)]
pub(in crate::plan) struct Place<'a> {
    /// What names it: the field, the `name` beside a `value`, the flag before it.
    pub(in crate::plan) named: &'a str,
    /// The names around that, from the inside out.
    pub(in crate::plan) within: Vec<&'a str>,
    /// Names of the labels that the text, a regular expression, is matched with.
    pub(in crate::plan) labels: &'a [String],
    /// Variables around the text that hold the source's name.
    pub(in crate::plan) variables: &'a [String],
    /// Whether `namespace/name` names an object here: in annotations and arguments. Elsewhere it
    /// may be a repository or a path.
    pub(in crate::plan) objects: bool,
    /// Whether the text is itself the name of a setting.
    pub(in crate::plan) key: bool,
}

/// How sure it is that a word refers to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan) enum Kind {
    /// It is a host name.
    Host,
    /// It names the namespace itself.
    Own,
    /// It may be either, or neither: it is not rewritten, but shown.
    Possible,
}

/// A reference: where the source's name stands in the text, and the word around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Edit {
    /// Bytes of the source's name.
    pub(in crate::plan) name: Range<usize>,
    /// Bytes of the word around it, for people.
    pub(in crate::plan) word: Range<usize>,
    /// How sure it is.
    pub(in crate::plan) kind: Kind,
    /// Whether its form makes it one, wherever it stands.
    form: bool,
}

impl Edit {
    fn shifted(self, by: usize) -> Self {
        let shift = |range: Range<usize>| range.start + by..range.end + by;
        Self { name: shift(self.name), word: shift(self.word), ..self }
    }
}

/// Every reference to the source in a text at a place, in the order of the text, sure or not.
pub(in crate::plan) fn mentions(names: &Names, place: &Place, text: &str) -> Vec<Edit> {
    at_depth(names, place, text, 0)
}

/// Every reference to the source that is to be replaced.
pub(in crate::plan) fn edits(names: &Names, place: &Place, text: &str) -> Vec<Edit> {
    let mut found = mentions(names, place, text);
    found.retain(|it| it.kind != Kind::Possible);
    found
}

fn at_depth(names: &Names, place: &Place, text: &str, depth: usize) -> Vec<Edit> {
    let variables = !place.variables.is_empty() && text.contains('$');
    if !variables && !contains(text, names.source) {
        return Vec::new();
    }
    let mut found = own::named(names, place, text);
    if found.is_empty() {
        found = own::labelled(names, place, text);
    }
    if found.is_empty() {
        found = own::qualified(names, place, text);
    }
    if !found.is_empty() {
        return found;
    }
    let document = (depth < DEPTH).then(|| document::read(place.named, text)).flatten();
    match document {
        Some(document) => {
            let plain = Place { variables: place.variables, ..Place::default() };
            found = words(names, &plain, text);
            found.retain(|it| it.form);
            for (at, piece) in document.pieces().iter().enumerate() {
                let Some(inner) = text.get(piece.span.clone()) else { continue };
                if contains(inner, names.source) || piece.escaped {
                    let place = Place { objects: place.objects, ..document.place(at) };
                    found.extend(in_piece(names, &place, inner, piece, depth + 1));
                }
            }
        }
        None => found = words(names, place, text),
    }
    found.sort_by_key(|it| (it.name.start, it.kind));
    found.dedup_by(|next, first| next.name.start < first.name.end);
    found
}

/// References in a value, or in a key, of a document.
fn in_piece(names: &Names, place: &Place, text: &str, piece: &Piece, depth: usize) -> Vec<Edit> {
    let found = if piece.escaped {
        let plain = escape::Plain::of(text);
        let found = at_depth(names, place, &plain.text, depth);
        found.into_iter().filter_map(|it| plain.back(text, it)).collect()
    } else {
        at_depth(names, place, text, depth)
    };
    found.into_iter().map(|it| it.shifted(piece.span.start)).collect()
}

/// References in a text, word by word.
fn words(names: &Names, place: &Place, text: &str) -> Vec<Edit> {
    let mut found = host::find(names, place, text);
    found.extend(own::find(names, text));
    found.extend(variable::find(names, place, text));
    found.sort_by_key(|it| (it.name.start, it.kind));
    found.dedup_by(|next, first| next.name.start < first.name.end);
    if found.iter().any(|it| !it.form) {
        // What is no more than commented upon is nobody's setting.
        let comments = comment::spans(text);
        found.retain(|it| it.form || !within(&comments, it.name.start));
    }
    found
}

/// Whether a position lies in one of the spans, which are in order.
fn within(spans: &[Range<usize>], at: usize) -> bool {
    let before = spans.partition_point(|span| span.start <= at);
    before.checked_sub(1).is_some_and(|it| spans[it].end > at)
}

/// References in what a text holds as base64, one level deep.
pub(in crate::plan) fn encoded(names: &Names, text: &str) -> Vec<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let runs = text.split(|c| !part(c)).filter(|it| it.len() >= ENCODED);
    let mut found = Vec::new();
    for run in runs {
        let Ok(bytes) = BASE64.decode(run) else { continue };
        let inner: Cow<str> = String::from_utf8_lossy(&bytes);
        let all = mentions(names, &Place::default(), &inner);
        let sure = all.into_iter().filter(|it| it.kind != Kind::Possible);
        found.extend(sure.map(|it| inner[it.word].to_owned()));
    }
    found
}

/// The text with every edit applied.
pub(in crate::plan) fn apply(text: &str, edits: &[Edit], target: &str) -> String {
    let mut out = String::with_capacity(text.len() + edits.len() * target.len());
    let mut at = 0;
    for edit in edits {
        out.push_str(&text[at..edit.name.start]);
        out.push_str(target);
        at = edit.name.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The word around an edit, before and after.
pub(in crate::plan) fn shown(text: &str, edit: &Edit, target: &str) -> (String, String) {
    let from = text[edit.word.clone()].to_owned();
    let start = &text[edit.word.start..edit.name.start];
    let end = &text[edit.name.end..edit.word.end];
    (from, format!("{start}{target}{end}"))
}

/// Whether `text` holds `word`, in whatever case: the cheap question before the dear ones.
fn contains(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text.as_bytes().windows(word.len()).any(|it| it.eq_ignore_ascii_case(word.as_bytes()))
}

/// The end of a text.
fn tail(text: &str) -> &str {
    let mut at = text.len().saturating_sub(TAIL);
    while !text.is_char_boundary(at) {
        at += 1;
    }
    &text[at..]
}

#[cfg(test)]
mod tests;
