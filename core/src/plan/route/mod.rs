//! Preview hosts instead of production's.
//!
//! Every distinct host of the cloned Ingresses gets one preview host; or, where the environment
//! names Services under `spec.expose`, each of these gets one, and the cloned Ingresses stay behind.
//!
//! Deliberately absent: production's certificates, a rule without a host (it would answer for every
//! host of a shared controller), and hosts in other places than routes.

mod annotations;
mod expose;
mod host;
mod ingress;

pub(super) use self::expose::exposed;

use std::collections::BTreeSet;

use serde_json::Value;

use self::{host::Hosts, ingress::Survey};
use super::{context::Context, log::Log, object::Object, ours, request::Request};
use crate::api::class::{ClassExpose, Scheme};

const NETWORKING: &str = "networking.k8s.io";
const GATEWAY: &str = "gateway.networking.k8s.io";

/// Kinds that attach to a Gateway.
const GATEWAY_ROUTES: [&str; 6] =
    ["Gateway", "GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute"];

/// Why no Ingress comes along: a word and a sentence.
fn no_ingress(request: &Request) -> Option<(&'static str, &'static str)> {
    if !request.spec.expose.is_empty() {
        return Some(("exposed-by-spec", "spec.expose says which Services get a preview URL"));
    }
    if request.class.expose.is_none() {
        return Some((
            "no-domain",
            "the class has no expose.domain to make a preview host from, and the host is production's",
        ));
    }
    None
}

pub(super) fn route(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let request = context.request;
    let (mut routes, mut kept): (Vec<Object>, Vec<Object>) =
        objects.into_iter().partition(|object| ours::is(object, NETWORKING, "Ingress"));
    kept.retain(|object| {
        let gateway = object.group() == GATEWAY && GATEWAY_ROUTES.contains(&object.kind());
        if gateway {
            let why =
                "the class exposes by Ingress; a route to a Gateway has no listener to attach to";
            log.leave(&object.key(), "no-gateway", why);
        }
        !gateway
    });
    match (no_ingress(request), &request.class.expose) {
        (None, Some(expose)) => {
            routes = previews(routes, &kept, request, expose, log);
        }
        (Some((reason, why)), _) => {
            for route in routes.drain(..) {
                log.leave(&route.key(), reason, why);
            }
        }
        // `no_ingress` answers for a class that exposes nothing.
        (None, None) => routes.clear(),
    }
    kept.extend(routes);
    kept
}

fn previews(
    routes: Vec<Object>,
    others: &[Object],
    request: &Request,
    expose: &ClassExpose,
    log: &mut Log,
) -> Vec<Object> {
    let outside = outside(others, request);
    let mut routes: Vec<Object> = routes
        .into_iter()
        .filter_map(|mut route| {
            let inside = ingress::stay_inside(&mut route, &outside, log);
            if !inside {
                let why = "all it leads to are Services that are other names for hosts elsewhere";
                log.leave(&route.key(), "outside-backend", why);
            }
            inside.then_some(route)
        })
        .collect();
    // Whatever order the objects came in, the first service of a host is the same.
    let mut by_name: Vec<&Object> = routes.iter().collect();
    by_name.sort_by_key(|route| route.name().to_owned());
    let mut survey = Survey::of(&by_name);
    let hosts = Hosts::new(request, expose).all(&survey.first);
    for route in &mut routes {
        ingress::preview(route, &mut survey, &hosts, expose, log);
    }
    routes
}

/// Services that are other names for hosts outside the target.
fn outside(objects: &[Object], request: &Request) -> BTreeSet<String> {
    let own = format!(".{}.svc", request.target);
    objects
        .iter()
        .filter(|it| ours::is(it, "", "Service") && it.text("/spec/type") == "ExternalName")
        .filter(|it| {
            let host = it.text("/spec/externalName").trim_end_matches('.');
            !host.split_once(&own).is_some_and(|(service, domain)| {
                !service.contains('.') && (domain.is_empty() || domain.starts_with('.'))
            })
        })
        .map(|it| it.name().to_owned())
        .collect()
}

/// The preview URLs, in the order of the routes.
pub(super) fn urls(objects: &[Object], context: &Context) -> Vec<String> {
    let Some(expose) = &context.request.class.expose else { return Vec::new() };
    let (scheme, own_port) = match expose.scheme {
        Scheme::Http => ("http", 80),
        Scheme::Https => ("https", 443),
    };
    let port = expose.port.filter(|port| *port != own_port);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let mut urls: Vec<String> = Vec::new();
    for route in objects.iter().filter(|it| ours::is(it, NETWORKING, "Ingress")) {
        let rules = route.get("/spec/rules").and_then(Value::as_array).into_iter().flatten();
        for host in rules.filter_map(|rule| rule["host"].as_str()) {
            let url = format!("{scheme}://{host}{port}");
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
    }
    urls
}

/// Services that an Ingress leads to, and the port of each: `{number}` or `{name}`.
pub(super) fn backends(ingress: &Object) -> Vec<(String, Value)> {
    let paths = ingress
        .get("/spec/rules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.pointer("/http/paths")?.as_array())
        .flatten()
        .filter_map(|path| path.get("backend"));
    paths
        .chain(ingress.get("/spec/defaultBackend"))
        .filter_map(|backend| {
            let service = backend.get("service")?;
            Some((service["name"].as_str()?.to_owned(), service["port"].clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests;
