//! Hosts that the environment replaces: written anew wherever the audit would find them, every other
//! byte as it was. Paths, users and queries stay; so does what a base64 stands for.

use std::{collections::BTreeMap, ops::Range};

use serde_json::json;

use super::{Found, find};
use crate::{
    api::boundary::{HostAction, HostDecision},
    plan::{
        context::Context,
        log::{Log, Rule},
        object::{Key, Object, escape},
        texts,
    },
    secrets::{Part, PlannedSecret, PlannedValue},
};

const REPLACED: Rule =
    Rule { name: "host-replaced", why: "spec.hosts says what takes this host's place" };

/// A piece of text that something else takes the place of.
struct Edit {
    at: Range<usize>,
    to: String,
}

/// The pass.
pub(in crate::plan) fn replace(
    objects: Vec<Object>,
    context: &Context,
    log: &mut Log,
) -> Vec<Object> {
    objects
        .into_iter()
        .map(|mut object| {
            in_object(&mut object, context, log);
            object
        })
        .collect()
}

/// Replaces hosts in one object.
pub(in crate::plan) fn in_object(object: &mut Object, context: &Context, log: &mut Log) {
    if context.request.spec.hosts.is_empty() {
        return;
    }
    for text in texts::of_object(object) {
        let whole = object.text(&text.path).to_owned();
        // A flag stands before its value.
        let Some(flag) = whole.strip_suffix(&text.value) else { continue };
        let named_whole = text.path == "/spec/externalName";
        let edits = edits(&text.named, &text.value, named_whole, context, log);
        if !edits.is_empty() {
            let new = format!("{flag}{}", apply(&text.value, &edits));
            log.set(object, &text.path, json!(new), &REPLACED);
        }
    }
}

/// The text with other hosts, if something takes the place of one in it. `named` is what names it.
pub(in crate::plan) fn in_text(
    named: &str,
    text: &str,
    context: &Context,
    log: &mut Log,
) -> Option<String> {
    let edits = edits(named, text, false, context, log);
    (!edits.is_empty()).then(|| apply(text, &edits))
}

/// Replaces hosts in the text that Secrets keep.
pub(in crate::plan) fn in_secrets(
    secrets: &mut BTreeMap<String, PlannedSecret>,
    context: &Context,
    log: &mut Log,
) {
    for (name, secret) in secrets {
        for (field, value) in &mut secret.keys {
            let PlannedValue::Parts(parts) = value else { continue };
            if in_parts(parts, field, context, log) {
                let key =
                    Key { group: String::new(), kind: "Secret".to_owned(), name: name.clone() };
                log.changed(key, &format!("/data/{}", escape(field)), None, None, &REPLACED);
            }
        }
    }
}

fn in_parts(parts: &mut [Part], named: &str, context: &Context, log: &mut Log) -> bool {
    let whole = texts::shown(parts);
    let edits = edits(named, &whole, false, context, log);
    let mut changed = false;
    let mut start = 0;
    for part in parts {
        let end = start + texts::shown(std::slice::from_ref(part)).len();
        if let Part::Text(text) = part {
            let inside: Vec<Edit> = edits
                .iter()
                .filter(|it| start <= it.at.start && it.at.end <= end)
                .map(|it| Edit { at: it.at.start - start..it.at.end - start, to: it.to.clone() })
                .collect();
            if !inside.is_empty() {
                *text = apply(text, &inside);
                changed = true;
            }
        }
        start = end;
    }
    changed
}

fn edits(named: &str, text: &str, dns_only: bool, context: &Context, log: &mut Log) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut all = find(named, text);
    if all.is_empty() && context.decisions.name(text.trim()) {
        // Whatever it stands under: variables may put it into a URL.
        let start = text.len() - text.trim_start().len();
        all.push(Found { host: start..start + text.trim().len(), scheme: None, port: None });
    }
    for found in all {
        let host = text[found.host.clone()].to_ascii_lowercase();
        let Some(decision) = context.decisions.on(&host, log) else { continue };
        if decision.action != HostAction::Replace {
            continue;
        }
        let Some(to) = substitute(decision, dns_only, context).filter(|to| *to != host) else {
            continue;
        };
        let service = decision.with_service.as_ref();
        let web = found.scheme.clone().filter(|it| matches!(&text[it.clone()], "http" | "https"));
        if let (Some(scheme), Some(at)) = (service.and_then(|it| it.scheme), web) {
            edits.push(Edit { at, to: scheme.as_str().to_owned() });
        }
        let port = service.and_then(|it| it.port).filter(|_| !dns_only);
        match (port, found.port) {
            (Some(port), Some(at)) => {
                edits.push(Edit { at: found.host, to });
                edits.push(Edit { at, to: port.to_string() });
            }
            // A bare name has no room for a port.
            (Some(port), None) if found.scheme.is_some() => {
                edits.push(Edit { at: found.host, to: format!("{to}:{port}") });
            }
            (_, _) => edits.push(Edit { at: found.host, to }),
        }
    }
    edits.sort_by_key(|it| it.at.start);
    edits
}

/// What takes the host's place. DNS alone needs the whole name of a Service.
fn substitute(decision: &HostDecision, dns_only: bool, context: &Context) -> Option<String> {
    match (&decision.with, &decision.with_service) {
        (Some(host), _) => Some(host.clone()),
        (None, Some(service)) if dns_only => {
            Some(format!("{}.{}.svc.cluster.local", service.name, context.target()))
        }
        (None, Some(service)) => Some(service.name.clone()),
        (None, None) => None,
    }
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        out.push_str(&text[at..edit.at.start]);
        out.push_str(&edit.to);
        at = edit.at.end;
    }
    out.push_str(&text[at..]);
    out
}
