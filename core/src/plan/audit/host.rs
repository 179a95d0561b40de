//! Hosts that are not in the target.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use rayon::prelude::*;

use super::service::OwnServices;
use crate::{
    api::{boundary::HostAction, staging_plan::Severity},
    plan::{
        context::Context,
        hosts,
        log::Log,
        object::{Key, Object},
        places::{Place, Places, told},
        production::Production,
        settle,
        texts::Text,
    },
    secrets::redact,
};

/// Last labels by which a name of two labels is taken for a public one; those of two letters are
/// countries'. Any other is a namespace: `redis.cache`.
const PUBLIC: &str = "\
    com org net info biz name edu gov mil int arpa app dev cloud online site tech store blog page \
    run xyz live digital agency company email media network services solutions software systems \
    team tools work works world zone global group bank health academy local internal lan corp home \
    intranet private example test";

/// Where nodes of clouds hand out credentials.
const METADATA: &str = "metadata.google.internal";

/// Where a host leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Leads {
    /// To another namespace's Service; `sure` if its form leaves no doubt.
    Elsewhere { service: String, namespace: String, sure: bool },
    /// To production, from outside.
    Home { whose: String },
    /// Out of the cluster.
    Out,
}

/// Reports every host outside the target once, unless something is decided about it, and answers
/// where they stand.
pub(super) fn hosts(
    objects: &[Object],
    by_key: &BTreeMap<Key, &Object>,
    texts: &[Text],
    production: &Production,
    context: &Context,
    log: &mut Log,
) -> Vec<Place> {
    let previews = previews(objects, context);
    let mut open: Places<(String, Leads)> = Places::new();
    let mut decided: Places<(String, HostAction)> = Places::new();
    let mut own = OwnServices::of(objects, context);
    let found = texts
        .par_iter()
        .map(|it| (it, hosts::find(&it.named, &it.value), own.short(it)))
        .collect::<Vec<_>>();
    for (text, found, short) in found {
        for name in short {
            own.miss(name, text);
        }
        for it in found {
            let host = text.value[it.host].to_ascii_lowercase();
            let Some(leads) = leads(&host, production, context) else {
                own.note(&host, text);
                continue;
            };
            if previews.values().any(|it| *it == host) {
                continue;
            }
            match context.decisions.on(&host, log) {
                // What takes a host's place is not what was decided about.
                Some(decision) if decision.with.as_ref() != Some(&host) => {
                    decided.add((host, decision.action), text.place());
                }
                Some(_) | None => open.add((host, leads), text.place()),
            }
        }
    }
    for ((host, leads), (object, path), also) in open.each() {
        let preview = previews.get(host).map(String::as_str);
        let (kind, why, settle) = described(&redact(host), leads, preview);
        log.find(Severity::Warns, object, path, kind, format!("{why}{also}"), settle);
    }
    own.report(log);
    for ((host, action), places) in decided.whole() {
        let Some(((object, path), also)) = told(places) else { continue };
        if *action == HostAction::Replace {
            log.find(
                Severity::Warns,
                object,
                path,
                "host-not-replaced",
                format!(
                    "spec.hosts replaces {}, but not here, where nothing is rewritten: the fence stops it{also}",
                    redact(host)
                ),
                settle::texts(places, by_key, "the text with another host", |_| None).unwrap_or_else(
                    || "change what sets this value, in the source or in the environment".to_owned(),
                ),
            );
        }
    }
    let leading_out = decided.but(|(_, action)| *action != HostAction::Block);
    open.all().into_iter().chain(leading_out.all()).collect()
}

/// The hosts of the source's routes, and those that the clones of these routes have.
fn previews(objects: &[Object], context: &Context) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for clone in objects {
        let Some(route) = context.by_key.get(&clone.key()) else { continue };
        let paths = ["/spec/rules/*/host", "/spec/hostnames/*"];
        for path in paths.iter().flat_map(|it| route.expand(it)) {
            let (old, new) = (route.text(&path), clone.text(&path));
            if !new.is_empty() && new != old {
                found.insert(old.to_ascii_lowercase(), new.to_owned());
            }
        }
    }
    found
}

fn described(host: &str, leads: &Leads, preview: Option<&str>) -> (&'static str, String, String) {
    let decide = |rest: &str| format!("spec:\n  hosts:\n  - host: {host}\n    {rest}\n");
    match leads {
        Leads::Elsewhere { service, namespace, sure } => {
            let names = if *sure { "names" } else { "looks like" };
            (
                "other-namespace",
                format!(
                    "{host} {names} Service {service} of namespace {namespace}: the fence stops it"
                ),
                format!(
                    "{}# or, as far as boundary.allow of the class goes (policies of {namespace} must let the target in, too):\n#  egress:\n#  - to:\n#    - namespaceSelector:\n#        matchLabels:\n#          kubernetes.io/metadata.name: {namespace}\n",
                    decide("action: Block # or Replace, with another host or withService")
                ),
            )
        }
        Leads::Home { whose } => (
            "production-host",
            format!(
                "{host} is production's own ({whose}): links, logins, cookies and callbacks that name it lead there; the fence stops Pods, not browsers"
            ),
            match preview {
                Some(preview) => decide(&format!("action: Replace\n    with: {preview}")),
                None => decide("action: Block # or Replace, with the preview's host"),
            },
        ),
        Leads::Out if host == METADATA => (
            "outside-host",
            format!("{host} hands out the node's credentials: the fence stops it"),
            decide("action: Block"),
        ),
        Leads::Out => (
            "outside-host",
            format!(
                "{host} is outside the target, and nothing is decided about it: the fence stops it"
            ),
            decide(
                "action: Block # or Replace, with another host or withService; or Allow, where the class has boundary.publicEgress",
            ),
        ),
    }
}

/// Where a host leads; `None` if into the target, or to the Kubernetes API.
fn leads(host: &str, production: &Production, context: &Context) -> Option<Leads> {
    if hosts::leads_nowhere(host) {
        return None;
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        // Others are told apart by `address`.
        let home = production.address(IpAddr::V4(address)).is_some();
        return (!home && super::address::is_public(address)).then_some(Leads::Out);
    }
    let labels: Vec<&str> = host.split('.').collect();
    let form = labels.iter().rposition(|it| *it == "svc" || *it == "pod");
    if is_zone(&labels, context) {
        return None;
    }
    if let Some(at) = form.filter(|at| *at > 1 && labels[*at..].len() != 2) {
        return elsewhere(labels[at - 2], labels[at - 1], true, context);
    }
    if let Some(whose) = production.host(host) {
        return Some(Leads::Home { whose: whose.to_owned() });
    }
    let last = *labels.last()?;
    let before = labels[labels.len().checked_sub(2)?];
    let public = last.len() == 2 && last.bytes().all(|it| it.is_ascii_alphabetic())
        || last.starts_with("xn--")
        || PUBLIC.split(' ').any(|it| it == last);
    // `db-0.db`, `db-0.db-pods.stg-pr-7-abcde`: a Pod of an own Service.
    let own = context.services.contains(last) || last == context.target();
    if own || (labels.len() == 2 && is_own(last, context)) {
        return None;
    }
    if public || labels.len() > 3 {
        return Some(Leads::Out);
    }
    // `redis.cache`, and `redis-0.redis.cache`.
    let member = labels.len() == 2 || labels[0].starts_with(&format!("{before}-"));
    if member { elsewhere(before, last, false, context) } else { Some(Leads::Out) }
}

/// Whether this is a zone of the cluster's DNS that names nothing of another namespace, as where a program
/// is told what to put behind short names.
fn is_zone(labels: &[&str], context: &Context) -> bool {
    match labels {
        ["cluster", "local"] => true,
        ["svc" | "pod", rest @ ..] => rest == ["cluster", "local"],
        [namespace, "svc" | "pod", rest @ ..] => {
            is_own(namespace, context) && (rest.is_empty() || rest == ["cluster", "local"])
        }
        _ => false,
    }
}

fn is_own(namespace: &str, context: &Context) -> bool {
    namespace == context.target() || namespace == context.source()
}

fn elsewhere(service: &str, namespace: &str, sure: bool, context: &Context) -> Option<Leads> {
    let api = namespace == "default" && service == "kubernetes";
    (!api && !namespace.is_empty() && !is_own(namespace, context)).then(|| Leads::Elsewhere {
        service: service.to_owned(),
        namespace: namespace.to_owned(),
        sure,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::{
        capture::Address,
        fixture::{self, object, service},
    };

    fn ingress(hosts: &[&str]) -> Object {
        let rules: Vec<Value> = hosts.iter().map(|it| json!({ "host": it })).collect();
        object("networking.k8s.io/v1", "Ingress", "shop", json!({"spec": {"rules": rules}}))
    }

    #[test]
    fn a_host_leads_home_out_or_to_another_namespace() {
        let request = fixture::request(json!({}), json!({}));
        let mut capture = fixture::capture();
        capture.objects = vec![service("db"), ingress(&["shop.acme.com"])];
        capture.addresses =
            vec![Address { what: "Service/db".to_owned(), host: "8.8.4.4".to_owned(), port: 80 }];
        let context = Context::new(&request, &capture).unwrap();
        let production = Production::of(&context);
        let to = |service: &str, namespace: &str, sure| {
            Some(Leads::Elsewhere {
                service: service.to_owned(),
                namespace: namespace.to_owned(),
                sure,
            })
        };
        let home = Some(Leads::Home { whose: "Ingress.networking.k8s.io/shop".to_owned() });
        let out = Some(Leads::Out);
        for (host, expected) in [
            ("localhost", None),
            ("mock.invalid", None),
            // Addresses that are no public ones are told apart elsewhere.
            ("8.8.8.8", out.clone()),
            ("8.8.4.4", None),
            ("10.1.2.3", None),
            // By the whole form of a Service or a Pod.
            ("redis.cache.svc", to("redis", "cache", true)),
            ("redis.cache.svc.cluster.local", to("redis", "cache", true)),
            ("a.redis.cache.svc.cluster.local", to("redis", "cache", true)),
            ("10-1-2-3.cache.pod.cluster.local", to("10-1-2-3", "cache", true)),
            ("redis.cache.svc.com", out.clone()),
            ("cache.svc.cluster.local", out.clone()),
            ("gone.shop.svc.cluster.local", None),
            // Zones alone.
            ("cluster.local", None),
            ("svc.cluster.local", None),
            ("svc.acme.com", out.clone()),
            ("shop.svc.cluster.local", None),
            ("stg-pr-7-abcde.svc", None),
            ("shop.svc.acme.com", out.clone()),
            ("gone.stg-pr-7-abcde.svc", None),
            ("kubernetes.default.svc", None),
            ("web.default.svc", to("web", "default", true)),
            ("kubernetes.cache.svc", to("kubernetes", "cache", true)),
            ("redis..svc", None),
            // Production's own, and the domain of its cookies.
            ("shop.acme.com", home.clone()),
            ("acme.com", home),
            ("api.acme.com", out.clone()),
            // By the last label.
            ("example.de", out.clone()),
            ("example.d1", to("example", "d1", false)),
            ("example.xn--p1ai", out.clone()),
            ("example.local", out.clone()),
            ("redis.cache", to("redis", "cache", false)),
            ("redis-0.redis.cache", to("redis", "cache", false)),
            ("other-0.redis.cache", out.clone()),
            ("cache-0.a.cache.redis", out.clone()),
            // Pods of an own Service, and other names in the own namespaces.
            ("db-0.db", None),
            ("a.b.db", None),
            ("gone.shop", None),
            ("gone.stg-pr-7-abcde", None),
            ("gone-0.gone.shop", None),
            ("db-0.db-pods.stg-pr-7-abcde", None),
            ("a.gone.shop", out),
        ] {
            assert_eq!(leads(host, &production, &context), expected, "{host}");
        }
    }

    #[test]
    fn a_preview_takes_the_place_of_the_host_that_changed() {
        let request = fixture::request(json!({}), json!({}));
        let mut capture = fixture::capture();
        capture.objects = vec![ingress(&["Shop.acme.com", "same.acme.com", "gone.acme.com"])];
        let context = Context::new(&request, &capture).unwrap();
        let mut made = ingress(&["made.staging.test"]);
        made.set("/metadata/name", json!("made"));
        let clones = [ingress(&["shop.staging.test", "same.acme.com"]), made];
        let expected = ("shop.acme.com".to_owned(), "shop.staging.test".to_owned());
        assert_eq!(previews(&clones, &context), BTreeMap::from([expected]));
    }

    #[test]
    fn the_host_that_hands_out_credentials_is_told_as_such() {
        for (host, expected) in [(METADATA, true), ("metadata.example.com", false)] {
            let (kind, why, _) = described(host, &Leads::Out, None);
            assert_eq!((kind, why.contains("credentials")), ("outside-host", expected), "{host}");
        }
    }
}
