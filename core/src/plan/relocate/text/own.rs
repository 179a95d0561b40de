//! The namespace's own name, where something before it says that it is one.

use std::ops::Range;

use super::{Edit, Kind};

/// What may stand before `NAMESPACE` in a name that means the own namespace. Others
/// (`METRICS_NAMESPACE`, `TEMPORAL_NAMESPACE`) mean something else.
const QUALIFIERS: &[&str] = &[
    "account",
    "app",
    "config",
    "configmap",
    "controller",
    "current",
    "default",
    "deploy",
    "deployment",
    "election",
    "helm",
    "ingress",
    "install",
    "job",
    "k8s",
    "kube",
    "kubernetes",
    "leader",
    "leaderelection",
    "lease",
    "lock",
    "my",
    "operator",
    "own",
    "pod",
    "release",
    "resource",
    "runner",
    "sa",
    "secret",
    "self",
    "service",
    "serviceaccount",
    "source",
    "system",
    "target",
    "watch",
    "watched",
    "worker",
    "workload",
];

/// Whether a setting of this name holds the own namespace: `namespace`, `POD_NAMESPACE`,
/// `leaderElectionNamespace`, `watch-namespaces`.
pub(in crate::plan) fn is_namespace_key(name: &str) -> bool {
    let name = name.rsplit(['.', '/']).next().unwrap_or(name);
    let words = words(name);
    let Some((last, qualifiers)) = words.split_last() else { return false };
    (last == "namespace" || last == "namespaces")
        && qualifiers.iter().all(|word| QUALIFIERS.contains(&word.as_str()))
}

/// Whether a setting of this name holds a namespace of whatever kind.
pub(in crate::plan) fn is_some_namespace_key(name: &str) -> bool {
    words(name).last().is_some_and(|last| last == "namespace" || last == "namespaces")
}

/// `leaderElectionNamespace` → leader, election, namespace.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else if c.is_uppercase() && lower {
            words.push(c.to_lowercase().collect());
        } else if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Places where the text names the source itself.
pub(super) fn find(source: &str, text: &str) -> Vec<Edit> {
    text.match_indices(source)
        .map(|(at, _)| at..at + source.len())
        .filter(|range| bounded(text, range))
        .filter_map(|range| {
            let (start, kind) = meant(&text[..range.start], &text[range.end..])?;
            let word = start..range.end;
            Some(Edit { name: range, word, kind })
        })
        .collect()
}

/// Whether nothing around the range makes it part of a longer name.
fn bounded(text: &str, range: &Range<usize>) -> bool {
    let inner = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let mut after = text[range.end..].chars();
    let follows = match after.next() {
        Some('.') => after.next().is_some_and(|c| inner(c) || c == '.'),
        next => next.is_some_and(inner),
    };
    !follows && !text[..range.start].ends_with(|c| inner(c) || c == '.')
}

/// Where the word around the name begins, if what stands before it makes it one.
fn meant(before: &str, after: &str) -> Option<(usize, Kind)> {
    for form in ["system:serviceaccount:", "system:serviceaccounts:"] {
        if let Some(rest) = before.strip_suffix(form) {
            return Some((rest.len(), Kind::Own));
        }
    }
    if let Some(rest) = before.strip_suffix("namespaces/") {
        return Some((rest.len(), Kind::Own));
    }
    if let Some(rest) = before.strip_suffix("ns/")
        && after.starts_with("/sa/")
    {
        return Some((rest.len(), Kind::Own));
    }
    let open = before.strip_suffix(['"', '\'']).unwrap_or(before);
    let open = open.strip_suffix('\\').unwrap_or(open);
    flag(open).or_else(|| setting(open))
}

/// `--namespace=`, `--namespace `, and `-n ` after a command that has it.
fn flag(before: &str) -> Option<(usize, Kind)> {
    let name = before.strip_suffix('=').or_else(|| {
        let cut = before.trim_end_matches(' ');
        (cut.len() < before.len()).then_some(cut)
    })?;
    let start = name
        .rfind(|c: char| !(c.is_alphanumeric() || c == '-'))
        .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
    let word = &name[start..];
    if word == "-n" {
        let line = name.rsplit('\n').next().unwrap_or(name);
        let command = ["kubectl", "helm", "oc ", "istioctl"].iter().any(|it| line.contains(it));
        return command.then_some((start, Kind::Own));
    }
    let flag = word.strip_prefix('-')?;
    kind_of(flag.trim_start_matches('-')).map(|kind| (start, kind))
}

/// `POD_NAMESPACE=`, `namespace: `, `"namespace":"`.
fn setting(before: &str) -> Option<(usize, Kind)> {
    let key = before.trim_end_matches([' ', '\t']).strip_suffix([':', '='])?;
    let key = key.trim_end_matches([' ', '\t']);
    let key = key.strip_suffix(['"', '\'']).unwrap_or(key);
    let key = key.strip_suffix('\\').unwrap_or(key);
    let start = key
        .rfind(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)))
        .map_or(0, |at| at + key[at..].chars().next().map_or(1, char::len_utf8));
    kind_of(&key[start..]).map(|kind| (start, kind))
}

fn kind_of(name: &str) -> Option<Kind> {
    if is_namespace_key(name) {
        Some(Kind::Own)
    } else {
        is_some_namespace_key(name).then_some(Kind::Possible)
    }
}
