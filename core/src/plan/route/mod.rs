//! Preview hosts instead of production's.
//!
//! Every distinct host of the cloned routes gets one preview host; or, where the environment names
//! Services under `spec.expose`, each of these gets one, and the cloned routes stay behind. Which
//! routes are cloned is up to the class: Ingresses for an ingress controller, or HTTPRoutes and
//! GRPCRoutes for a Gateway.
//!
//! Deliberately absent: production's certificates, a rule without a host (it would answer for every
//! host of a shared controller), and hosts in other places than routes.

mod annotations;
mod expose;
mod gateway;
mod host;
mod ingress;

pub(super) use self::expose::exposed;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::{host::Hosts, ingress::Survey};
use super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::{Object, escape},
    ours,
    request::Request,
};
use crate::{
    api::{
        class::{ClassExpose, GatewayRef, Scheme},
        names,
        staging_plan::Severity,
    },
    secrets::{Origin, Place, PlannedSecret, PlannedValue},
};

const BY_CLASS: Rule =
    Rule { name: "class-annotation", why: "the StagingClass puts it on every preview" };

/// Through what a class exposes.
#[derive(Clone, Copy, Debug)]
enum Way<'a> {
    /// Ingresses of that class.
    Ingress(&'a str),
    /// Routes of that Gateway.
    Gateway(&'a GatewayRef),
}

/// Through what a class exposes; `None` if it does not.
fn way(request: &Request) -> Option<(&ClassExpose, Way<'_>)> {
    let expose = request.class.expose.as_ref()?;
    let way = match (&expose.gateway_ref, &expose.ingress_class_name) {
        (Some(gateway), _) => Way::Gateway(gateway),
        (None, Some(class)) => Way::Ingress(class),
        (None, None) => return None,
    };
    Some((expose, way))
}

pub(super) fn route(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let request = context.request;
    let mut kept = Vec::with_capacity(objects.len());
    let (mut ingresses, mut routes) = (Vec::new(), Vec::new());
    for mut object in objects {
        match kinds::shape(&object) {
            Shape::Route => ingresses.push(object),
            Shape::GatewayRoute if gateway::is_within(&object) => {
                if gateway::own_parents(&mut object, context, log) {
                    kept.push(object);
                }
            }
            Shape::GatewayRoute => routes.push(object),
            _ => kept.push(object),
        }
    }
    let outside = outside(&kept, request);
    match way(request) {
        _ if !request.spec.expose.is_empty() => {
            let why = "spec.expose says which Services get a preview URL";
            leave(ingresses.into_iter().chain(routes), "exposed-by-spec", why, context, log);
        }
        None => {
            let why = "the class has no expose.domain to make a preview host from, and the host is production's";
            leave(ingresses.into_iter().chain(routes), "no-domain", why, context, log);
        }
        Some((expose, Way::Ingress(class))) => {
            let why =
                "the class exposes by Ingress; a route to a Gateway has no listener to attach to";
            leave(routes, "no-gateway", why, context, log);
            kept.extend(ingress_previews(ingresses, &outside, class, expose, context, log));
        }
        Some((expose, Way::Gateway(gateway))) => {
            let why = "the class exposes by Gateway; no ingress controller serves its domain";
            leave(ingresses, "no-ingress-class", why, context, log);
            kept.extend(gateway_previews(routes, &outside, gateway, expose, request, log));
        }
    }
    kept
}

/// Leaves routes behind.
fn leave(
    routes: impl IntoIterator<Item = Object>,
    word: &str,
    why: &str,
    context: &Context,
    log: &mut Log,
) {
    for route in routes {
        missed(&route, why, context, log);
        log.leave(&route.key(), word, why);
    }
}

/// Says how the Services behind a route that stays behind get a preview URL all the same.
pub(super) fn missed(route: &Object, why: &str, context: &Context, log: &mut Log) {
    // Whoever says which Services are exposed has decided; without a domain nobody can.
    if !context.request.spec.expose.is_empty() || context.request.class.expose.is_none() {
        return;
    }
    let backends = kinds::profile(route).map_or(&[][..], |it| it.backends);
    let services: BTreeSet<&str> = backends
        .iter()
        .flat_map(|pattern| route.expand(pattern))
        .map(|path| route.text(&path).split('.').next().unwrap_or_default())
        .filter(|name| context.services.contains(name))
        .collect();
    if services.is_empty() {
        return;
    }
    let list: Vec<String> =
        services.iter().map(|name| format!("    - service: {name}\n")).collect();
    log.find(
        Severity::Informs,
        &route.key(),
        "",
        "no-preview",
        format!("{why}: what it leads to has no preview URL"),
        format!("spec:\n  expose:\n{}", list.concat()),
    );
}

fn ingress_previews(
    mut routes: Vec<Object>,
    outside: &BTreeSet<String>,
    class: &str,
    expose: &ClassExpose,
    context: &Context,
    log: &mut Log,
) -> Vec<Object> {
    routes.retain_mut(|route| inside(route, ingress::stay_inside, outside, log));
    // Whatever order the objects came in, the first service of a host is the same.
    let mut survey = Survey::of(&by_name(&routes));
    let hosts = Hosts::new(context.request, expose).all(&survey.first);
    for route in &mut routes {
        ingress::preview(route, &mut survey, &hosts, class, log);
        dress(route, expose, log);
        // A class with annotations has decided how previews are guarded.
        let source = context.by_key.get(&route.key()).filter(|_| expose.annotations.is_empty());
        if let Some(source) = source {
            annotations::without_login(route, source, log);
        }
    }
    routes
}

fn gateway_previews(
    mut routes: Vec<Object>,
    outside: &BTreeSet<String>,
    gateway: &GatewayRef,
    expose: &ClassExpose,
    request: &Request,
    log: &mut Log,
) -> Vec<Object> {
    routes.retain_mut(|route| {
        inside(
            route,
            |it, outside, log| gateway::stay_inside(it, outside, request, log),
            outside,
            log,
        )
    });
    let first = gateway::first(&by_name(&routes));
    let hosts = Hosts::new(request, expose).all(&first);
    for route in &mut routes {
        gateway::preview(route, &hosts, gateway, log);
        dress(route, expose, log);
    }
    routes
}

fn inside(
    route: &mut Object,
    stays: impl Fn(&mut Object, &BTreeSet<String>, &mut Log) -> bool,
    outside: &BTreeSet<String>,
    log: &mut Log,
) -> bool {
    let inside = stays(route, outside, log);
    if !inside {
        log.leave(&route.key(), "outside-backend", "all it leads to lies outside the target");
    }
    inside
}

fn by_name(routes: &[Object]) -> Vec<&Object> {
    let mut by_name: Vec<&Object> = routes.iter().collect();
    by_name.sort_by_key(|route| route.name().to_owned());
    by_name
}

/// Gives a route what the class has for every one: annotations, and the certificate of its hosts.
fn dress(route: &mut Object, expose: &ClassExpose, log: &mut Log) {
    annotations::keep_http(route, log);
    for (key, value) in &expose.annotations {
        let path = format!("/metadata/annotations/{}", escape(key));
        log.set(route, &path, json!(value), &BY_CLASS);
    }
    match tls(route, expose) {
        Some(tls) => log.set(route, "/spec/tls", tls, &ingress::CERTIFICATE),
        None => log.remove(route, "/spec/tls", &ingress::TLS),
    }
}

/// `tls` of an Ingress with the class's certificate.
fn tls(route: &Object, expose: &ClassExpose) -> Option<Value> {
    let hosts = hosts(route);
    if kinds::shape(route) != Shape::Route || expose.tls_secret_ref.is_none() {
        return None;
    }
    Some(json!([{ "hosts": hosts, "secretName": names::TLS_SECRET }]))
}

/// The class's certificate, if a route of the plan uses it, and what it will hold.
pub(super) fn certificate(clones: &[Object], context: &Context) -> Option<(Object, PlannedSecret)> {
    let given = context.request.class.expose.as_ref()?.tls_secret_ref.as_ref()?;
    let used = clones.iter().any(|it| {
        it.expand("/spec/tls/*/secretName").iter().any(|path| it.text(path) == names::TLS_SECRET)
    });
    let place = |key: &str| {
        let place =
            Place { origin: Origin::Operator, secret: given.name.clone(), key: key.to_owned() };
        (key.to_owned(), PlannedValue::From(place))
    };
    used.then(|| {
        let kind = json!({ "type": "kubernetes.io/tls" });
        let object = ours::made(context.request, "v1", "Secret", names::TLS_SECRET, kind);
        (object, PlannedSecret { keys: ["tls.crt", "tls.key"].map(place).into() })
    })
}

/// Whether an object leads people to the target: a route of preview hosts.
pub fn is_exposure(object: &Object) -> bool {
    match kinds::shape(object) {
        Shape::Route => true,
        Shape::GatewayRoute => !gateway::is_within(object),
        _ => false,
    }
}

/// The hosts of a route that takes traffic from outside, in its order.
fn hosts(route: &Object) -> Vec<&str> {
    let pattern = match kinds::shape(route) {
        Shape::Route => "/spec/rules/*/host",
        Shape::GatewayRoute if !gateway::is_within(route) => "/spec/hostnames/*",
        _ => return Vec::new(),
    };
    let mut found: Vec<&str> = Vec::new();
    for host in route.expand(pattern).iter().map(|path| route.text(path)) {
        if !found.contains(&host) {
            found.push(host);
        }
    }
    found
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

/// Which route leads to a Service that is another name for a host outside the target. No route of a
/// clone does; whoever answers for routes stands outside the fence, and would carry on to that host.
pub(super) fn leads_out(objects: &[Object], request: &Request) -> Option<String> {
    let outside = outside(objects, request);
    objects.iter().find_map(|route| {
        let (name, _) = backends(route).into_iter().find(|(name, _)| outside.contains(name))?;
        Some(format!(
            "{} would lead to Service/{name}, which is another name for a host outside the target",
            route.key()
        ))
    })
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
    for host in objects.iter().flat_map(hosts) {
        let url = format!("{scheme}://{host}{port}");
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

/// Services that a route from outside leads to, and the port of each: `{number}` or `{name}`. Empty
/// for anything else.
pub(super) fn backends(route: &Object) -> Vec<(String, Value)> {
    match kinds::shape(route) {
        Shape::Route => ingress::backends(route),
        Shape::GatewayRoute if !gateway::is_within(route) => gateway::backends(route),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
