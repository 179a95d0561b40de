//! Rules of a mesh hold for the target alone, and name nobody outside of it.
//!
//! Meshes share their configuration between namespaces: a copied rule for `db.shop.svc` would change
//! production's own traffic. Hosts are `relocate`'s; here are the namespaces a rule holds for, and
//! those it names. Whoever lies outside goes; what would then hold for everybody goes as well.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{
    context::Context,
    kinds::{self, Form, Peers, Without},
    log::{Log, Rule},
    object::Object,
    relocate, route,
};
use crate::api::names::NAMESPACE_NAME_LABEL;

const EXPORT: Rule = Rule {
    name: "mesh-export",
    why: "without it the rule would hold for production's own traffic: it is for the target alone",
};
const PEER: Rule = Rule {
    name: "mesh-peer",
    why: "it names somebody outside the target, whom the fence does not let in",
};
const GATEWAY: Rule = Rule {
    name: "mesh-gateway",
    why: "the gateway is production's; previews go through routes of the class",
};
const HOME: Rule = Rule {
    name: "own-namespace",
    why: "it names the namespace the application runs in, which is another one here",
};

/// What becomes of an element.
enum Place {
    /// It stays as it is.
    Here,
    /// It names the own namespace: how that is written now.
    Home(String),
    /// It names somebody outside.
    Away,
}

/// Cuts an object off from other namespaces; `None` if that leaves nothing of it.
pub(super) fn apart(mut object: Object, context: &Context, log: &mut Log) -> Option<Object> {
    let Some(profile) = kinds::profile(&object) else { return Some(object) };
    if let Some(export) = profile.export {
        log.set(&mut object, export, json!(["."]), &EXPORT);
    }
    let led = leads(&object, profile.backends);
    for peers in profile.peers {
        // From the end, so that what is still to be looked at keeps its place.
        for list in object.expand(peers.list).iter().rev() {
            if !one(&mut object, list, peers, context, log) {
                return leave(&object, peers.form == Form::Gateway, context, log);
            }
        }
    }
    if led && !leads(&object, profile.backends) {
        return leave(&object, true, context, log);
    }
    Some(object)
}

/// Whether an object leads traffic anywhere.
fn leads(object: &Object, backends: &[&str]) -> bool {
    backends.iter().any(|it| !object.expand(it).is_empty())
}

fn leave(object: &Object, gateway: bool, context: &Context, log: &mut Log) -> Option<Object> {
    let (word, why) = if gateway {
        ("production-gateway", "it takes traffic from gateways of production only")
    } else {
        ("foreign-peers", "it is about others than those in the target")
    };
    if let Some(source) = context.by_key.get(&object.key()) {
        route::missed(source, why, context, log);
    }
    log.leave(&object.key(), word, why);
    None
}

/// One list. False if the object has to stay behind.
fn one(object: &mut Object, list: &str, peers: &Peers, context: &Context, log: &mut Log) -> bool {
    if let Some((field, values)) = peers.beside {
        let parent = list.rsplit_once('/').map_or("", |it| it.0);
        if !values.contains(&object.text(&format!("{parent}/{field}"))) {
            return true;
        }
    }
    let rule = if peers.form == Form::Gateway { &GATEWAY } else { &PEER };
    let mut away = Vec::new();
    let elements = object.expand(&format!("{list}/*"));
    for element in &elements {
        let path = match peers.field {
            Some(field) => format!("{element}/{field}"),
            None => element.clone(),
        };
        match place(peers.form, object.text(&path), context) {
            Place::Here => {}
            Place::Home(text) => log.set(object, &path, json!(text), &HOME),
            Place::Away => away.push(element),
        }
    }
    let all = away.len() == elements.len();
    match peers.without {
        _ if away.is_empty() => {}
        Without::Nothing => {}
        Without::Alternative if all => without_element(object, list, 1, rule, log),
        Without::Condition if all => without_element(object, list, 2, rule, log),
        Without::Object if all => return false,
        Without::Each => return false,
        Without::Alternative | Without::Condition | Without::Object => {
            for element in away.iter().rev() {
                log.remove(object, element, rule);
            }
        }
    }
    if !all && peers.field.is_none() {
        once_each(object, list, log);
    }
    true
}

/// Two names of the own namespace have become one.
fn once_each(object: &mut Object, list: &str, log: &mut Log) {
    let elements = object.expand(&format!("{list}/*"));
    for (at, element) in elements.iter().enumerate().rev() {
        let text = object.text(element);
        if !text.is_empty() && elements[..at].iter().any(|it| object.text(it) == text) {
            log.remove(object, element, &HOME);
        }
    }
}

/// Removes the element of a list that `path` lies in, as many lists further out as `out` says; or
/// the one around it, if it is the last.
fn without_element(object: &mut Object, path: &str, out: usize, rule: &Rule, log: &mut Log) {
    let mut here = path;
    for _ in 0..out {
        let Some(element) = element(here) else { return };
        here = element;
    }
    let last = |path: &str| {
        let list = path.rsplit_once('/').map_or("", |it| it.0);
        object.get(list).and_then(Value::as_array).is_some_and(|it| it.len() == 1)
    };
    while last(here)
        && let Some(around) = element(here)
    {
        here = around;
    }
    log.remove(object, here, rule);
}

/// The nearest element of a list above a path: `/spec/rules/0/from` → `/spec/rules/0`.
fn element(path: &str) -> Option<&str> {
    let mut here = path.rsplit_once('/')?.0;
    loop {
        let (rest, step) = here.rsplit_once('/')?;
        if step.bytes().all(|it| it.is_ascii_digit()) {
            return Some(here);
        }
        here = rest;
    }
}

fn place(form: Form, text: &str, context: &Context) -> Place {
    let own = |name: &str| name == context.source() || name == context.target();
    let known = |name: &str| name.is_empty() || gates(context).contains(name);
    // The namespace's name, and what stands around it.
    let (before, name, after) = match form {
        Form::Gateway if text == "mesh" => return Place::Here,
        Form::Gateway => return Place::Away,
        Form::Namespace => ("", text, ""),
        Form::Qualified => match text.split_once('/') {
            Some((name, _)) => ("", name, &text[name.len()..]),
            None => return Place::Here,
        },
        Form::Scoped => match text.split_once('/') {
            Some((name, rest)) if own(name) => {
                let host = relocate::rewrite_text(context, "host", rest);
                return Place::Home(format!("./{}", host.as_deref().unwrap_or(rest)));
            }
            Some(("." | "~" | "*", _)) | None => return Place::Here,
            Some((name, _)) => ("", name, &text[name.len()..]),
        },
        // `cluster.local/ns/shop/sa/api`, behind any trust domain or none.
        Form::Principal => {
            match text.strip_prefix("ns/").or_else(|| Some(text.split_once("/ns/")?.1)) {
                Some(rest) => {
                    let name = rest.split('/').next().unwrap_or_default();
                    let at = text.len() - rest.len();
                    (&text[..at], name, &rest[name.len()..])
                }
                None => return Place::Here,
            }
        }
        Form::Identity => {
            let mut labels = text.splitn(3, '.');
            match (labels.next(), labels.next(), labels.next()) {
                (Some(account), Some(name), Some(rest)) if rest.starts_with("serviceaccount.") => {
                    let at = account.len() + 1;
                    (&text[..at], name, &text[at + name.len()..])
                }
                _ => return Place::Here,
            }
        }
    };
    if own(name) {
        return Place::Home(format!("{before}{}{after}", context.target()));
    }
    // Whatever a pattern matches besides, it lets the target's own in as it let production's.
    if name == "*" || known(name) {
        return Place::Here;
    }
    let starts = name.strip_suffix('*').is_some_and(|it| context.source().starts_with(it));
    let ends = name.strip_prefix('*').is_some_and(|it| context.source().ends_with(it));
    if starts || ends {
        return Place::Home(format!("{before}{}{after}", context.target()));
    }
    Place::Away
}

/// Namespaces that route traffic comes from, as far as the class calls them by name: the fence lets
/// them in, and so must the mesh.
fn gates<'a>(context: &'a Context) -> BTreeSet<&'a str> {
    let Some(expose) = &context.request.class.expose else { return BTreeSet::new() };
    let name = |peer: &'a crate::api::class::Peer| {
        peer.namespace_selector.match_labels.as_ref()?.get(NAMESPACE_NAME_LABEL)
    };
    expose.from.iter().filter_map(name).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    fn becomes(form: Form, text: &str) -> Option<String> {
        let from =
            json!([{"namespaceSelector": {"matchLabels": {NAMESPACE_NAME_LABEL: "ingress"}}}]);
        let class = json!({"expose": {"domain": "x.test", "ingressClassName": "n", "from": from}});
        let (request, capture) = (fixture::request(json!({}), class), fixture::capture());
        match place(form, text, &Context::new(&request, &capture).unwrap()) {
            Place::Here => Some(text.to_owned()),
            Place::Home(text) => Some(text),
            Place::Away => None,
        }
    }

    #[test]
    fn whoever_lies_outside_goes_and_the_own_namespace_is_relocated_in_every_form() {
        let target = "stg-pr-7-abcde";
        let linkerd = "serviceaccount.identity.linkerd.cluster.local";
        for (form, text, expected) in [
            (Form::Namespace, "shop", Some(target.to_owned())),
            (Form::Namespace, "sho*", Some(target.to_owned())),
            (Form::Namespace, "*", Some("*".to_owned())),
            (Form::Namespace, "*op", Some(target.to_owned())),
            (Form::Namespace, target, Some(target.to_owned())),
            (Form::Namespace, "payments", None),
            (Form::Namespace, "pay*", None),
            (Form::Namespace, "*ments", None),
            (Form::Namespace, "ingress", Some("ingress".to_owned())),
            (
                Form::Principal,
                "cluster.local/ns/shop/sa/web",
                Some(format!("cluster.local/ns/{target}/sa/web")),
            ),
            (Form::Principal, "ns/shop/sa/web", Some(format!("ns/{target}/sa/web"))),
            (Form::Principal, "*/ns/payments/sa/web", None),
            (Form::Principal, "*", Some("*".to_owned())),
            (Form::Qualified, "web", Some("web".to_owned())),
            (Form::Qualified, "shop/web", Some(format!("{target}/web"))),
            (Form::Qualified, "payments/web", None),
            (Form::Scoped, "./*", Some("./*".to_owned())),
            (Form::Scoped, "shop/*", Some("./*".to_owned())),
            (Form::Scoped, &format!("{target}/*"), Some("./*".to_owned())),
            (Form::Scoped, "~/*", Some("~/*".to_owned())),
            (Form::Scoped, "*/*", Some("*/*".to_owned())),
            (Form::Scoped, "ingress/*", Some("ingress/*".to_owned())),
            (Form::Scoped, "payments/*", None),
            (
                Form::Identity,
                &format!("web.shop.{linkerd}"),
                Some(format!("web.{target}.{linkerd}")),
            ),
            (Form::Identity, &format!("*.payments.{linkerd}"), None),
            (Form::Identity, "*", Some("*".to_owned())),
            (Form::Identity, "web.shop.example.com", Some("web.shop.example.com".to_owned())),
            (Form::Gateway, "mesh", Some("mesh".to_owned())),
            (Form::Gateway, "istio-system/public", None),
        ] {
            assert_eq!(becomes(form, text), expected, "{text}");
        }
    }

    #[test]
    fn the_element_around_a_path_is_found_whatever_lies_between() {
        assert_eq!(element("/spec/rules/0/from/1/source/namespaces"), Some("/spec/rules/0/from/1"));
        assert_eq!(element("/spec/rules/0/from"), Some("/spec/rules/0"));
        assert_eq!(element("/spec/gateways"), None);
    }

    /// What is left of a rule about traffic; `None` if it stays behind.
    fn left(api_version: &str, kind: &str, spec: &Value) -> Option<Value> {
        let (request, capture) = (fixture::request(json!({}), json!({})), fixture::capture());
        let context = Context::new(&request, &capture).unwrap();
        let object = fixture::object(api_version, kind, "web", json!({ "spec": spec }));
        apart(object, &context, &mut Log::default())?.get("/spec").cloned()
    }

    #[test]
    fn a_condition_counts_by_what_it_is_about() {
        let when = |key: &str, field: &str, values: Value| json!([{"when": [{"key": key, field: values}]}]);
        let from = |field: &str, names: Value| json!([{"from": [{"source": {field: names}}]}]);
        let principal = |namespace: &str| format!("cluster.local/ns/{namespace}/sa/x");
        let (target, header) = ("stg-pr-7-abcde", "request.headers[x-tenant]");
        let ours = json!([principal("shop"), principal("payments")]);
        let about_header = [
            when(header, "values", json!(["payments"])),
            when(header, "values", json!([principal("payments")])),
            when(header, "notValues", json!(["shop", principal("shop")])),
        ];
        let unchanged = about_header.iter().map(|it| (it.clone(), it.clone()));
        for (rules, expected) in [
            (
                when("source.namespace", "values", json!(["shop", "payments"])),
                when("source.namespace", "values", json!([target])),
            ),
            (when("source.principal", "values", json!([principal("payments")])), json!([])),
            // Who is kept out is kept out, wherever they are.
            (
                when("source.namespace", "notValues", json!(["shop", "payments"])),
                when("source.namespace", "notValues", json!([target, "payments"])),
            ),
            (
                when("source.principal", "notValues", ours),
                when(
                    "source.principal",
                    "notValues",
                    json!([principal(target), principal("payments")]),
                ),
            ),
            (from("notNamespaces", json!(["a", "a"])), from("notNamespaces", json!(["a", "a"]))),
            (from("namespaces", json!(["shop", "sho*", "a"])), from("namespaces", json!([target]))),
        ]
        .into_iter()
        .chain(unchanged)
        {
            let spec =
                left("security.istio.io/v1", "AuthorizationPolicy", &json!({"rules": rules}));
            assert_eq!(spec.map(|it| it["rules"].clone()), Some(expected), "{rules}");
        }
    }

    #[test]
    fn a_route_of_the_mesh_that_leads_nowhere_any_more_stays_behind() {
        let route = json!([{"destination": {"host": "web"}}]);
        let outside = json!({"match": [{"gateways": ["public"]}], "route": route});
        let inside = json!({"route": route});
        for (http, expected) in [
            (json!([outside]), None),
            (json!([outside, inside]), Some(json!([inside]))),
            (json!([inside]), Some(json!([inside]))),
        ] {
            let spec = json!({"gateways": ["mesh"], "http": http});
            let left = left("networking.istio.io/v1", "VirtualService", &spec);
            assert_eq!(left.map(|it| it["http"].clone()), expected, "{http}");
        }
    }
}
