//! Ports by a name that nothing bears.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Looked, Target, label};
use crate::{
    api::staging_plan::Severity,
    plan::{
        kinds::{self, Shape},
        log::Log,
        object::{Key, Object},
    },
};

/// Where a container names one of its own ports.
const PROBED: [&str; 5] = [
    "/livenessProbe",
    "/readinessProbe",
    "/startupProbe",
    "/lifecycle/postStart",
    "/lifecycle/preStop",
];
const ASKS: [&str; 2] = ["httpGet", "tcpSocket"];

/// Where a route names a Service and its port.
const BACKENDS: [&str; 2] =
    ["/spec/defaultBackend/service", "/spec/rules/*/http/paths/*/backend/service"];

pub(super) fn look(looked: &Looked, target: &Target, log: &mut Log) {
    of_probes(looked, log);
    match kinds::shape(looked.object) {
        Shape::Service => of_service(looked, target, log),
        Shape::Route => of_route(looked, target, log),
        _ => {}
    }
}

/// A probe names a port of its own container.
fn of_probes(looked: &Looked, log: &mut Log) {
    let object = looked.object;
    for container in kinds::containers(object) {
        let own = names(object, std::slice::from_ref(&container));
        for (probe, ask) in PROBED.iter().flat_map(|probe| ASKS.map(|ask| (probe, ask))) {
            let path = format!("{container}{probe}/{ask}/port");
            let name = object.text(&path);
            if !name.is_empty() && name.parse::<u16>().is_err() && !own.contains(name) {
                let why = format!("its container has no port called {name}");
                let settle = format!("call a port {name}, or write its number: spec.patches");
                looked.find(log, Severity::Warns, &path, "missing-port", why, settle);
            }
        }
    }
}

/// A Service leads to a port by its name, on whatever Pods it selects.
fn of_service(looked: &Looked, target: &Target, log: &mut Log) {
    let object = looked.object;
    let Some(selector) = object.get("/spec/selector").and_then(Value::as_object) else { return };
    let candidates = target.workloads.candidates(selector.iter().filter_map(label));
    let selects = |labels: &Map<String, Value>| {
        !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let selected: Vec<&Object> =
        candidates.iter().filter(|(_, labels)| selects(labels)).map(|(it, _)| *it).collect();
    if selected.is_empty() {
        return;
    }
    for path in object.expand("/spec/ports/*/targetPort") {
        let name = object.text(&path);
        let known = |it: &Object| names(it, &kinds::containers(it)).contains(name);
        if !name.is_empty() && name.parse::<u16>().is_err() && !selected.iter().any(|it| known(it))
        {
            let of: Vec<String> = selected.iter().map(|it| it.key().to_string()).collect();
            let why = format!("no container of {} has a port called {name}", of.join(", "));
            let settle = format!("call a port {name}, or write its number: spec.patches");
            looked.find(log, Severity::Warns, &path, "missing-port", why, settle);
        }
    }
}

/// A route names a port of a Service, by name or number.
fn of_route(looked: &Looked, target: &Target, log: &mut Log) {
    let object = looked.object;
    for backend in BACKENDS.iter().flat_map(|pattern| object.expand(pattern)) {
        let name = object.text(&format!("{backend}/name"));
        let key = Key { group: String::new(), kind: "Service".to_owned(), name: name.to_owned() };
        let Some(service) = target.objects.get(&key) else { continue };
        let ports = service.get("/spec/ports").and_then(Value::as_array);
        for field in ["name", "number"] {
            let path = format!("{backend}/port/{field}");
            let Some(wanted) = object.get(&path) else { continue };
            let known = if field == "name" { "name" } else { "port" };
            if !ports.into_iter().flatten().any(|it| it.get(known) == Some(wanted)) {
                let wanted = wanted.to_string().replace('"', "");
                let why = format!("{key} has no port {wanted}");
                let settle = format!("give {key} that port, or name one it has: spec.patches");
                looked.find(log, Severity::Warns, &path, "missing-port", why, settle);
            }
        }
    }
}

/// Names of the ports of containers.
fn names<'a>(object: &'a Object, containers: &[String]) -> BTreeSet<&'a str> {
    containers
        .iter()
        .filter_map(|it| object.get(&format!("{it}/ports"))?.as_array())
        .flatten()
        .filter_map(|it| it.get("name")?.as_str())
        .collect()
}
