//! Preview URLs that the environment asks for by Service.

use serde_json::{Value, json};

use super::{Way, gateway, host::Hosts};
use crate::{
    api::{
        class::ClassExpose,
        environment::Expose,
        identity::{digest_word, fit, is_dns_label},
        names,
    },
    plan::{
        PlanError,
        context::Context,
        object::{Object, escape},
        ours,
        request::Request,
    },
};

/// Longest name of a route.
const MAX_NAME: usize = 253;

/// A route for each entry of `spec.expose`: an Ingress, or an HTTPRoute, as the class exposes.
///
/// # Errors
///
/// If the class has no domain, a Service is not among the clones or has no such port, or a host does
/// not lie directly below the class's domain.
pub(in crate::plan) fn exposed(
    clones: &[Object],
    context: &Context,
) -> Result<Vec<Object>, PlanError> {
    let request = context.request;
    let wanted = &request.spec.expose;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let Some((expose, way)) = super::way(request) else {
        return Err(PlanError::InvalidSpec {
            field: "spec.expose".to_owned(),
            why: "the class has no domain to make preview hosts from: set expose.domain and expose.ingressClassName or expose.gatewayRef in the StagingClass, or leave out spec.expose".to_owned(),
        });
    };
    let mut hosts = Hosts::new(request, expose);
    let mut made: Vec<Object> = Vec::new();
    // Chosen hosts first, so that no made one takes their place.
    for (at, entry) in wanted.iter().enumerate() {
        if let Some(host) = &entry.host {
            check(host, expose, &request.environment.uid)
                .and_then(|()| {
                    if hosts.take(host) {
                        Ok(())
                    } else {
                        Err(format!("{host} is asked for twice"))
                    }
                })
                .map_err(|why| invalid(at, "host", why))?;
        }
    }
    for (at, entry) in wanted.iter().enumerate() {
        let port = port(clones, entry).map_err(|(field, why)| invalid(at, field, why))?;
        let host = entry.host.clone().unwrap_or_else(|| hosts.of(&entry.service));
        made.push(made_route(request, way, &entry.service, port, &host, &made));
    }
    for route in &mut made {
        for (key, value) in &expose.annotations {
            route.set(&format!("/metadata/annotations/{}", escape(key)), json!(value));
        }
        if let Some(tls) = super::tls(route, expose) {
            route.set("/spec/tls", tls);
        }
    }
    Ok(made)
}

fn invalid(at: usize, field: &str, why: String) -> PlanError {
    PlanError::InvalidSpec { field: format!("spec.expose[{at}].{field}"), why }
}

/// One label and the domain: that is what a wildcard certificate and DNS record cover. The label
/// ends in what is this environment's alone, as every host made here does: nobody takes the host
/// of another environment, or of production.
fn check(host: &str, expose: &ClassExpose, uid: &str) -> Result<(), String> {
    let (domain, own) = (&expose.domain, names::host_hash(uid));
    let label = host.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
    match label {
        Some(label) if is_dns_label(label) && label.ends_with(&format!("-{own}")) => Ok(()),
        Some(label) if is_dns_label(label) => Err(format!(
            "{host} could be somebody else's: end its first label in -{own}, which is this environment's alone"
        )),
        _ => Err(format!(
            "{host} does not lie directly below {domain}: write <label>-{own}.{domain}"
        )),
    }
}

/// The port to lead to.
fn port(clones: &[Object], entry: &Expose) -> Result<i64, (&'static str, String)> {
    let services: Vec<&Object> =
        clones.iter().filter(|clone| ours::is(clone, "", "Service")).collect();
    let Some(service) = services.iter().find(|service| service.name() == entry.service) else {
        let mut known: Vec<&str> = services.iter().map(|service| service.name()).collect();
        known.sort_unstable();
        let there = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err((
            "service",
            format!("no Service {:?} is cloned; there are {there}", entry.service),
        ));
    };
    if service.text("/spec/type") == "ExternalName" {
        return Err(("service", format!("{} is another name for a host elsewhere", entry.service)));
    }
    let ports: Vec<i64> = service
        .get("/spec/ports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|port| port["port"].as_i64())
        .collect();
    match (entry.port.map(i64::from), ports.first()) {
        (_, None) => Err(("service", format!("{} has no port", entry.service))),
        (None, Some(first)) => Ok(*first),
        (Some(port), _) if ports.contains(&port) => Ok(port),
        (Some(port), _) => {
            let known: Vec<String> = ports.iter().map(ToString::to_string).collect();
            let known = known.join(", ");
            Err(("port", format!("{} has no port {port}; it has {known}", entry.service)))
        }
    }
}

fn made_route(
    request: &Request,
    way: Way<'_>,
    service: &str,
    port: i64,
    host: &str,
    others: &[Object],
) -> Object {
    let plain = format!("kulisse-expose-{service}");
    let name = if others.iter().any(|other| other.name() == plain) {
        // A second host or port of one Service.
        fit(&format!("{plain}-{}", digest_word(&[host], 6)), MAX_NAME, 7)
    } else {
        plain
    };
    let (version, kind, spec) = match way {
        Way::Ingress(class) => {
            let backend = json!({"service": {"name": service, "port": {"number": port}}});
            let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
            let rules = json!([{"host": host, "http": {"paths": [path]}}]);
            let spec = json!({"ingressClassName": class, "rules": rules});
            ("networking.k8s.io/v1", "Ingress", spec)
        }
        Way::Gateway(gateway) => {
            let rules = json!([{"backendRefs": [{"name": service, "port": port}]}]);
            let parents = json!([gateway::parent(gateway)]);
            let spec = json!({"parentRefs": parents, "hostnames": [host], "rules": rules});
            ("gateway.networking.k8s.io/v1", "HTTPRoute", spec)
        }
    };
    ours::made(request, version, kind, &name, json!({ "spec": spec }))
}
