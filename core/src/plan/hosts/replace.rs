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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        plan::fixture::{self, deployment, object},
        secrets::{Alphabet, CredentialClass, Encoding},
    };

    fn with<T>(hosts: &Value, look: impl FnOnce(&Context, &mut Log) -> T) -> (T, Log) {
        let (request, capture) =
            (fixture::request(json!({ "hosts": hosts }), json!({})), fixture::capture());
        let mut log = Log::default();
        let made = look(&Context::new(&request, &capture).unwrap(), &mut log);
        (made, log)
    }

    fn mock() -> Value {
        json!([{"host": "api.acme.com", "action": "Replace", "with": "mock.test"}])
    }

    /// A Service in the place of a host.
    fn served(service: &Value) -> Value {
        json!([{"host": "api.acme.com", "action": "Replace", "withService": service}])
    }

    #[test]
    fn another_host_is_written_in_its_place_and_nothing_else_changes() {
        for (named, text, expected) in [
            ("", "https://u@api.acme.com:80/v1?x", Some("https://u@mock.test:80/v1?x")),
            ("", "a http://API.acme.com b", Some("a http://mock.test b")),
            (
                "",
                "http://api.acme.com http://a.b.com http://api.acme.com",
                Some("http://mock.test http://a.b.com http://mock.test"),
            ),
            ("HOST", "api.acme.com", Some("mock.test")),
            // Whatever it stands under.
            ("ANY", " Api.acme.com ", Some(" mock.test ")),
            ("ANY", "to api.acme.com", None),
            ("ANY", "b.acme.com", None),
            ("", "https://b.acme.com", None),
            ("", "", None),
        ] {
            let (made, _) = with(&mock(), |context, log| in_text(named, text, context, log));
            assert_eq!(made.as_deref(), expected, "{named} {text}");
        }
    }

    #[test]
    fn only_what_is_to_be_replaced_is() {
        let hosts = json!([
            {"host": "a.acme.com", "action": "Block"},
            {"host": "b.acme.com", "action": "Allow"},
            {"host": "*.acme.com", "action": "Replace", "with": "mock.acme.com"},
        ]);
        for (text, expected) in [
            ("http://a.acme.com http://b.acme.com http://mock.acme.com", None),
            ("http://a.acme.com http://c.acme.com", Some("http://a.acme.com http://mock.acme.com")),
        ] {
            let (made, _) = with(&hosts, |context, log| in_text("", text, context, log));
            assert_eq!(made.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_service_takes_the_place_with_its_port_and_scheme_where_there_is_room() {
        let whole = json!({"name": "mock", "port": 81, "scheme": "http"});
        for (service, named, text, expected) in [
            (&json!({"name": "mock"}), "", "https://api.acme.com:8443/x", "https://mock:8443/x"),
            (&whole, "", "https://api.acme.com:8443/x", "http://mock:81/x"),
            (&whole, "", "https://api.acme.com/x", "http://mock:81/x"),
            (&whole, "", "amqp://api.acme.com/x", "amqp://mock:81/x"),
            (&whole, "", "api.acme.com:8443", "mock:81"),
            (&whole, "HOST", "api.acme.com", "mock"),
        ] {
            let (made, _) =
                with(&served(service), |context, log| in_text(named, text, context, log));
            assert_eq!(made.as_deref(), Some(expected), "{named} {text}");
        }
    }

    #[test]
    fn objects_are_rewritten_where_they_have_texts() {
        let web = || {
            let args = json!(["--url=https://api.acme.com/x", "--image=a"]);
            let container = json!({"name": "web", "image": "api.acme.com:80/web", "args": args});
            deployment("web", json!({}), json!({"containers": [container]}))
        };
        let (made, log) = with(&mock(), |context, log| replace(vec![web()], context, log));
        let container = "/spec/template/spec/containers/0";
        assert_eq!(made[0].text(&format!("{container}/args/0")), "--url=https://mock.test/x");
        assert_eq!(made[0].text(&format!("{container}/image")), "api.acme.com:80/web");
        assert_eq!(log.changes.len(), 1);
        assert_eq!(log.changes[0].path, format!("{container}/args/0"));

        let (made, log) = with(&json!([]), |context, log| replace(vec![web()], context, log));
        assert_eq!((made, log.changes), (vec![web()], vec![]));
    }

    #[test]
    fn a_service_that_is_another_name_is_one_for_the_whole_name_of_a_service() {
        let other = json!({"spec": {"type": "ExternalName", "externalName": "api.acme.com"}});
        let hosts = served(&json!({"name": "mock", "port": 81}));
        let (made, _) = with(&hosts, |context, log| {
            let mut other = object("v1", "Service", "other", other);
            in_object(&mut other, context, log);
            other
        });
        assert_eq!(made.text("/spec/externalName"), "mock.stg-pr-7-abcde.svc.cluster.local");
    }

    #[test]
    fn the_text_around_a_credential_is_rewritten() {
        let text = |it: &str| Part::Text(it.to_owned());
        let credential = Part::Credential {
            class: CredentialClass("a".to_owned()),
            length: 12,
            alphabet: Alphabet::Token,
            encoding: Encoding::Plain,
        };
        let secret = |parts: Vec<Part>| PlannedSecret {
            keys: [("u/l".to_owned(), PlannedValue::Parts(parts))].into(),
        };
        let kept = secret(vec![text("https://api.ac"), text("me.com/")]);
        let mut secrets = BTreeMap::from([
            (
                "db".to_owned(),
                secret(vec![
                    text("http://api.acme.com amqp://u:"),
                    credential.clone(),
                    text("@api.acme.com:80/x"),
                ]),
            ),
            // No part holds all of the host.
            ("kept".to_owned(), kept.clone()),
        ]);
        let ((), log) = with(&mock(), |context, log| in_secrets(&mut secrets, context, log));
        assert_eq!(
            secrets["db"],
            secret(vec![text("http://mock.test amqp://u:"), credential, text("@mock.test:80/x")])
        );
        assert_eq!(secrets["kept"], kept);
        let changed: Vec<_> = log.changes.iter().map(|it| (&*it.object, &*it.path)).collect();
        assert_eq!(changed, [("Secret/db", "/data/u~1l")]);
    }
}
