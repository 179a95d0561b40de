//! The namespace's own name, where something beside it says that it is one.

use std::{collections::BTreeSet, ops::Range};

use super::{
    Edit, Kind, Names, Place, host,
    key::{self, Means},
    tail,
};
use crate::api::names::NAMESPACE_NAME_LABEL;

/// Commands whose `-n` is a namespace.
const COMMANDS: &[&str] = &[
    "argo",
    "cmctl",
    "flux",
    "helm",
    "istioctl",
    "k9s",
    "kn",
    "kubectl",
    "kustomize",
    "linkerd",
    "oc",
    "stern",
    "tkn",
    "velero",
    "virtctl",
];

/// The option of those that takes a namespace, with nothing between.
const NAMESPACE_OPTION: &str = "-n";

/// How many elements of a list are gone back over to what names it.
const LISTED: usize = 16;

/// What may stand between a name and its value, the longest first.
const OPERATORS: &[&str] = &["=~", "!=", "!~", "==", "=>", ":=", "?=", ":-", "=", ":"];

/// The name itself, or a list that has it as an element, under a name that says it is a namespace.
pub(super) fn named(names: &Names, place: &Place, text: &str) -> Vec<Edit> {
    let kind = match key::means(place.named, place.within.iter().copied()) {
        Means::Own => Kind::Own,
        Means::SomeNamespace => Kind::Possible,
        Means::Nothing => return Vec::new(),
    };
    // A list, or an alternative of a regular expression.
    let separator = |c: char| c.is_whitespace() || ",;|()^$\"'".contains(c);
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.*".contains(c);
    if !text.chars().all(|c| separator(c) || inner(c)) {
        return Vec::new();
    }
    each(names.source, text)
        .filter(|range| {
            !text[..range.start].ends_with(inner) && !text[range.end..].starts_with(inner)
        })
        .map(|range| Edit { name: range.clone(), word: range, kind, form: false })
        .collect()
}

/// Parts of a regular expression that is matched with labels, one of which is a namespace:
/// Prometheus joins their values with `;`.
pub(super) fn labelled(names: &Names, place: &Place, text: &str) -> Vec<Edit> {
    let mut found = Vec::new();
    let mut at = 0;
    for (part, label) in text.split_inclusive(';').zip(place.labels) {
        let alone = Place { named: label, ..Place::default() };
        if key::means(label, std::iter::empty()) == Means::Own {
            for edit in named(names, &alone, part) {
                found.push(edit.shifted(at));
            }
        }
        at += part.len();
    }
    found
}

/// `shop/web`, where the place says that it is an object of a namespace: the whole text, or what
/// stands after the flag's `=`.
pub(super) fn qualified(names: &Names, place: &Place, text: &str) -> Vec<Edit> {
    let at = if text.starts_with('-') { text.find('=').map_or(0, |at| at + 1) } else { 0 };
    let Some((namespace, name)) = text[at..].split_once('/') else { return Vec::new() };
    if namespace != names.source {
        return Vec::new();
    }
    let word = at..text.len();
    // `shop/*` and `shop/db.shop.svc`, among Istio's hosts and gateways.
    let mesh = ["hosts", "gateways"].contains(&place.named);
    // `9000: shop/db:5432`, a port and the Service behind it.
    let port = |it: &str| !it.is_empty() && it.bytes().all(|c| c.is_ascii_digit());
    let served = name.split(':').next().is_some_and(|it| names.services.contains(it));
    let known = place.objects && names.objects.contains(name);
    // `shop/db.shop.svc`: what stands before a host of the namespace is the namespace as well.
    let start = at + namespace.len() + 1;
    let hosts: Vec<Edit> = host::find(names, &Place::default(), name)
        .into_iter()
        .map(|it| it.shifted(start))
        .collect();
    let whole = hosts.iter().any(|it| it.form && it.word == (start..text.len()));
    if !(known || mesh || whole || port(place.named) && served) {
        return Vec::new();
    }
    let own = Edit { name: at..at + namespace.len(), word, kind: Kind::Own, form: false };
    std::iter::once(own).chain(hosts).collect()
}

/// Places where the text itself says that the source is named.
pub(super) fn find(names: &Names, text: &str) -> Vec<Edit> {
    each(names.source, text)
        .filter(|range| bounded(text, range))
        .filter_map(|range| {
            let (before, after) = (tail(&text[..range.start]), &text[range.end..]);
            let formed = formed(before, after).map(|(back, kind)| (back, kind, true));
            let (back, kind, form) = formed.or_else(|| {
                guessed(names, before, after).map(|(back, kind)| (back, kind, false))
            })?;
            let form = form && kind != Kind::Possible;
            Some(Edit { word: range.start - back..range.end, name: range, kind, form })
        })
        .collect()
}

/// Where the source's name stands, whatever is around it.
pub(super) fn each<'t>(source: &'t str, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    text.match_indices(source).map(|(at, it)| at..at + it.len())
}

/// Whether nothing around the range makes it part of a longer name.
fn bounded(text: &str, range: &Range<usize>) -> bool {
    let inner = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let mut after = text[range.end..].chars();
    let follows = match after.next() {
        Some('.') => after.next().is_some_and(|c| inner(c) || c == '.'),
        next => next.is_some_and(inner),
    };
    let before = &text[..range.start];
    // `:-shop` is a variable's default.
    let before = before.strip_suffix(":-").map_or(before, |_| "");
    let before = glued(before, NAMESPACE_OPTION).unwrap_or(before);
    !follows && !before.ends_with(|c| inner(c) || c == '.')
}

/// What stands before an option that `text` ends with.
pub(super) fn glued<'t>(text: &'t str, option: &str) -> Option<&'t str> {
    let starts = |c: char| c.is_whitespace() || "\"'`([,".contains(c);
    text.strip_suffix(option).filter(|it| it.is_empty() || it.ends_with(starts))
}

/// How many bytes before the name belong to the word, if its form makes it a namespace.
pub(super) fn formed(before: &str, after: &str) -> Option<(usize, Kind)> {
    for form in ["system:serviceaccount:", "system:serviceaccounts:"] {
        if before.ends_with(form) {
            return Some((form.len(), Kind::Own));
        }
    }
    if let Some(rest) = before.strip_suffix("namespaces/") {
        return path(rest).map(|kind| ("namespaces/".len(), kind));
    }
    // `spiffe://cluster.local/ns/shop/sa/web`, `*/ns/shop/*`
    if let Some(rest) = before.strip_suffix("ns/")
        && (rest.is_empty() || rest.ends_with('/'))
        && (after.starts_with("/sa/") || after.starts_with("/*"))
    {
        return Some(("ns/".len(), Kind::Own));
    }
    None
}

/// Whether `namespaces/` after this is Kubernetes' own: `/api/v1/`, `/apis/apps/v1/`, or nothing.
/// Other APIs have namespaces too.
fn path(before: &str) -> Option<Kind> {
    if before.ends_with(|c: char| c.is_alphanumeric() || "-_.".contains(c)) {
        return None;
    }
    let Some(rest) = before.strip_suffix('/') else { return Some(Kind::Own) };
    let segment = rest.rsplit(|c: char| c == '/' || c.is_whitespace()).next().unwrap_or(rest);
    let version =
        segment.strip_prefix('v').is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()));
    let starts = segment.is_empty() || segment.ends_with(['"', '\'', '}', ')', '`', '=', '(']);
    Some(if version || starts || ["watch", "get"].contains(&segment) {
        Kind::Own
    } else {
        Kind::Possible
    })
}

/// Whether a flag stands before that takes the own namespace.
pub(super) fn is_flag(before: &str) -> bool {
    let open = before.strip_suffix(['"', '\'']).unwrap_or(before);
    let nothing = BTreeSet::new();
    let names = Names { source: "", services: &nothing, objects: &nothing };
    flag(&names, open, "").is_some_and(|(_, kind)| kind == Kind::Own)
}

/// How many bytes before the name belong to the word, if what stands there names a namespace.
fn guessed(names: &Names, before: &str, after: &str) -> Option<(usize, Kind)> {
    let open = before.strip_suffix(['"', '\'']).unwrap_or(before);
    let open = open.strip_suffix('\\').unwrap_or(open);
    let start = flag(names, open, after)
        .or_else(|| element(open))
        .or_else(|| setting(open))
        .or_else(|| directive(open, after))?;
    Some((before.len() - start.0, start.1))
}

/// `--namespace=`, `--namespace `, `--configmap=` before `shop/web`, and `-n ` after a command that
/// has it.
fn flag(names: &Names, before: &str, after: &str) -> Option<(usize, Kind)> {
    if let Some(start) = glued(before, NAMESPACE_OPTION) {
        let line = start.rsplit(['\n', ';', '|', '&']).next().unwrap_or(start);
        return commands(line).then_some((start.len(), Kind::Own));
    }
    let name = before.strip_suffix('=').or_else(|| {
        let cut = before.trim_end_matches([' ', ',', '"', '\'']);
        (cut.len() < before.len()).then_some(cut)
    })?;
    let start = name_start(name, "-_");
    let word = &name[start..];
    let line = name.rsplit(['\n', ';', '|', '&']).next().unwrap_or(name);
    if word == "-n" {
        return commands(line).then_some((start, Kind::Own));
    }
    // `kubectl get namespace shop`
    if ["ns", "namespace", "namespaces"].contains(&word) && commands(line) {
        return Some((start, Kind::Own));
    }
    let flag = word.strip_prefix('-')?.trim_start_matches('-');
    if let Some(rest) = after.strip_prefix('/') {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "-.".contains(c)));
        let object = &rest[..end.unwrap_or(rest.len())];
        let known = word.starts_with("--") && names.objects.contains(object);
        return (known && !key::holds_path(flag)).then_some((start, Kind::Own));
    }
    kind_of(flag).map(|kind| (start, kind))
}

/// Whether a command of Kubernetes stands in a line.
fn commands(line: &str) -> bool {
    line.split(|c: char| c.is_whitespace() || "\"'(`/".contains(c)).any(|it| COMMANDS.contains(&it))
}

/// `<namespace>`
fn element(before: &str) -> Option<(usize, Kind)> {
    let name = before.strip_suffix('>')?;
    let start = name_start(name, "-_.:");
    name[..start].ends_with('<').then(|| kind_of(&name[start..])).flatten().map(|it| (start, it))
}

/// `POD_NAMESPACE=`, `namespace: `, `"namespace":"`, `namespaces = ["other", `, `namespace=~"other|`
fn setting(before: &str) -> Option<(usize, Kind)> {
    let blank = [' ', '\t'];
    let mut rest = before;
    let mut loose = false;
    for _ in 0..LISTED {
        let bare = rest.trim_end_matches(blank);
        let Some(cut) = bare.strip_suffix([',', '|']) else { break };
        loose |= bare.len() != rest.len() || cut.ends_with(blank);
        let cut = cut.trim_end_matches(['"', '\'', '\\', ' ', '\t']);
        let element = cut.trim_end_matches(|c: char| c.is_alphanumeric() || "-_.*".contains(c));
        if element.len() == cut.len() {
            return None;
        }
        rest = element.trim_end_matches(['"', '\'', '\\']);
    }
    let rest = rest.trim_end_matches(blank);
    let list = rest.trim_end_matches(['[', '(', '{', '^', '"', '\'', '\\', ' ', '\t']);
    // Without brackets, what follows a comma and a blank is prose.
    if loose && !rest.ends_with(['[', '(', '{', '"', '\'']) && !before.ends_with(['|', '"']) {
        return None;
    }
    let key = OPERATORS.iter().find_map(|it| list.strip_suffix(it))?;
    let key = key.trim_end_matches(blank);
    let key = key.strip_suffix(['"', '\'']).unwrap_or(key);
    let key = key.strip_suffix('\\').unwrap_or(key);
    if let Some(rest) = key.strip_suffix(NAMESPACE_NAME_LABEL) {
        return Some((rest.len(), Kind::Own));
    }
    let start = name_start(key, "-_.[]");
    let kind = kind_within(&key[start..], block(&key[..start]))?;
    Some((start, kind))
}

/// The head of the block that a text ends in: `metrics {` in HCL, HOCON and code.
fn block(text: &str) -> Option<&str> {
    let mut closed = 0_usize;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b'}' => closed += 1,
            b'{' if closed == 0 => {
                let head = text[..at].trim_end_matches([' ', '\t', '=', ':', '(', '"', '\'']);
                return Some(&head[name_start(head, "-_.")..]);
            }
            b'{' => closed -= 1,
            _ => {}
        }
    }
    None
}

/// A line of a name and a value, as many configuration files have them: `Kube_Namespace shop`,
/// `set $namespace shop;`
fn directive(before: &str, after: &str) -> Option<(usize, Kind)> {
    let name = before.trim_end_matches([' ', '\t', '"', '\'']);
    if name.len() == before.len() {
        return None;
    }
    let rest = after.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
    if !(rest.is_empty() || rest.starts_with(['\n', '\r', ';'])) {
        return None;
    }
    let start = name_start(name, "-_.");
    let line = name[..start].rsplit('\n').next().unwrap_or_default().trim();
    let lines = name[..start].contains('\n') || rest.contains('\n');
    if !(line == "set $" || line.is_empty() && lines) {
        return None;
    }
    kind_of(&name[start..]).map(|kind| (start, kind))
}

/// Where the name begins that `text` ends with.
pub(super) fn name_start(text: &str, more: &str) -> usize {
    text.rfind(|c: char| !(c.is_alphanumeric() || more.contains(c)))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8))
}

fn kind_of(name: &str) -> Option<Kind> {
    kind_within(name, None)
}

fn kind_within<'a>(name: &'a str, around: Option<&'a str>) -> Option<Kind> {
    match key::means(name, around.into_iter()) {
        Means::Own => Some(Kind::Own),
        Means::SomeNamespace => Some(Kind::Possible),
        Means::Nothing => None,
    }
}

#[cfg(test)]
mod tests;
