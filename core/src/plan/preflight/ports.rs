//! Ports by a name that nothing bears, and Services that nothing answers behind.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Looked, Target, label, pod_labels, rights};
use crate::{
    api::staging_plan::Severity,
    plan::{
        capture,
        kinds::{self, Shape},
        log::Log,
        object::{Key, Object},
        places::listed,
        settle,
    },
};

/// Where it stands which Pods answer behind a Service.
const ADDRESSES: [&str; 2] = ["endpoints", "endpointslices"];

/// Where a container names one of its own ports.
const PROBED: [&str; 5] = [
    "/livenessProbe",
    "/readinessProbe",
    "/startupProbe",
    "/lifecycle/postStart",
    "/lifecycle/preStop",
];
const ASKS: [&str; 2] = ["httpGet", "tcpSocket"];

/// Where a route names a Service, and below it the port: the field, and the Service's own that it
/// means.
const BACKENDS: [(&str, &[(&str, &str)]); 3] = [
    ("/spec/defaultBackend/service", BY_NAME_OR_NUMBER),
    ("/spec/rules/*/http/paths/*/backend/service", BY_NAME_OR_NUMBER),
    ("/spec/rules/*/backendRefs/*", &[("port", "port")]),
];
const BY_NAME_OR_NUMBER: &[(&str, &str)] = &[("port/name", "name"), ("port/number", "port")];

pub(super) fn look(looked: &Looked, target: &Target, log: &mut Log) {
    of_probes(looked, log);
    match kinds::shape(looked.object) {
        Shape::Service => of_service(looked, target, log),
        Shape::Route | Shape::GatewayRoute => of_route(looked, target, log),
        _ => {}
    }
}

/// A probe names a port of its own container.
fn of_probes(looked: &Looked, log: &mut Log) {
    let object = looked.object;
    for container in kinds::containers(object) {
        for probe in PROBED {
            let probe = format!("{container}{probe}");
            let Some(asked) = object.get(&probe) else { continue };
            for ask in ASKS {
                let port = asked.get(ask).and_then(|it| it.get("port")?.as_str());
                let of = std::slice::from_ref(&container);
                let unknown = |it: &&str| {
                    !it.is_empty() && it.parse::<u16>().is_err() && !names(object, of).contains(it)
                };
                if let Some(name) = port.filter(unknown) {
                    let path = format!("{probe}/{ask}/port");
                    let why = format!("its container has no port called {name}");
                    let settle = another(looked, &path, &numbers(object, of));
                    looked.find(log, Severity::Warns, &path, "missing-port", why, settle);
                }
            }
        }
    }
}

/// A Service leads to a port by its name, on whatever Pods it selects.
fn of_service(looked: &Looked, target: &Target, log: &mut Log) {
    let object = looked.object;
    let selector = object.get("/spec/selector").and_then(Value::as_object);
    let Some(selector) = selector.filter(|it| !it.is_empty()) else {
        return without_selector(looked, target, log);
    };
    let candidates = target.workloads.candidates(selector.iter().filter_map(label));
    let selects = |labels: &Map<String, Value>| {
        selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let selected: Vec<&Object> =
        candidates.iter().filter(|(_, labels)| selects(labels)).map(|(it, _)| *it).collect();
    if selected.is_empty() {
        return unanswered(looked, &selects, target, log);
    }
    for path in object.expand("/spec/ports/*/targetPort") {
        let name = object.text(&path);
        let known = |it: &Object| names(it, &kinds::containers(it)).contains(name);
        if !name.is_empty() && name.parse::<u16>().is_err() && !selected.iter().any(|it| known(it))
        {
            let of: Vec<String> = selected.iter().map(|it| it.key().to_string()).collect();
            let why = format!("no container of {} has a port called {name}", of.join(", "));
            let there = selected.iter().flat_map(|it| numbers(it, &kinds::containers(it)));
            let settle = another(looked, &path, &there.collect());
            looked.find(log, Severity::Warns, &path, "missing-port", why, settle);
        }
    }
}

/// What answered in production stays behind.
fn unanswered(
    looked: &Looked,
    selects: &dyn Fn(&Map<String, Value>) -> bool,
    target: &Target,
    log: &mut Log,
) {
    let source = target.context.by_key.iter();
    let answered = source.filter(|(_, it)| pod_labels(it).is_some_and(selects));
    // What others made has its maker beside it.
    let Some((key, _)) = answered.min_by_key(|(key, it)| (capture::controller(it).is_some(), *key))
    else {
        return;
    };
    let why = format!("nothing answers behind it: {key}, whose Pods it selects, stays behind");
    let settle = format!("# to leave it behind as well\n{}", settle::exclude(&looked.key));
    looked.find(log, Severity::Warns, "/spec/selector", "no-addresses", why, settle);
}

/// What answers behind a Service that selects no Pods was written by hand, or by Pods that may.
fn without_selector(looked: &Looked, target: &Target, log: &mut Log) {
    if looked.object.text("/spec/type") == "ExternalName" {
        return;
    }
    let label = json!({ "app": "<a label of Pods that answer instead: of spec.overlay, say>" });
    let add = json!([{ "op": "add", "path": "/spec/selector", "value": label }]);
    let writers = rights::writers(target, &ADDRESSES);
    let why = if writers.is_empty() {
        "it has no selector: the addresses behind it were written by hand, are production's, and stay behind".to_owned()
    } else {
        format!(
            "it has no selector: the addresses behind it stay behind, and {}, which may have written them in production, may not in the clone",
            listed(&writers)
        )
    };
    let settle = settle::patch(&looked.key, &add);
    looked.find(log, Severity::Warns, "/spec/selector", "no-addresses", why, settle);
}

/// A route names a port of a Service, by name or number.
fn of_route(looked: &Looked, target: &Target, log: &mut Log) {
    let object = looked.object;
    let backends = BACKENDS.iter().flat_map(|(pattern, fields)| {
        object
            .expand(pattern)
            .into_iter()
            .flat_map(|at| fields.iter().map(move |it| (at.clone(), it)))
    });
    for (backend, (field, means)) in backends {
        let name = object.text(&format!("{backend}/name"));
        let key = Key { group: String::new(), kind: "Service".to_owned(), name: name.to_owned() };
        let Some(service) = target.objects.get(&key) else { continue };
        let path = format!("{backend}/{field}");
        let Some(wanted) = object.get(&path) else { continue };
        let ports = service.get("/spec/ports").and_then(Value::as_array).into_iter().flatten();
        let there: BTreeSet<String> = ports
            .filter_map(|it| it.get(means))
            .map(|it| it.to_string().replace('"', ""))
            .collect();
        let shown = wanted.to_string().replace('"', "");
        if there.contains(&shown) {
            continue;
        }
        let why = format!("{key} has no port {shown}");
        let settle = if settle::patchable(object, &path) {
            another(looked, &path, &there)
        } else {
            let port = json!({ "name": format!("port-{shown}"), "port": wanted, "targetPort": "<a port of its Pods>" });
            settle::patch(&key, &json!([{ "op": "add", "path": "/spec/ports/-", "value": port }]))
        };
        looked.find(log, Severity::Warns, &path, "missing-port", why, settle);
    }
}

/// YAML that writes a port that is there; a Job of a task's is nobody's to patch.
fn another(looked: &Looked, path: &str, there: &BTreeSet<String>) -> String {
    let listed = there.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if !looked.base.is_empty() {
        return match listed.as_str() {
            "" => "write the number of a port there, in the Job".to_owned(),
            _ => format!("write one of {listed} there, in the Job"),
        };
    }
    let mut known = there.iter();
    let value = match (known.next(), known.next()) {
        (Some(only), None) => only.parse::<u16>().map_or_else(|_| json!(only), |it| json!(it)),
        (Some(_), Some(_)) => json!(format!("<one of {listed}>")),
        (None, _) => json!("<the number of the port>"),
    };
    settle::patch(&looked.key, &json!([{ "op": "replace", "path": path, "value": value }]))
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

/// Numbers of the ports of containers.
fn numbers(object: &Object, containers: &[String]) -> BTreeSet<String> {
    containers
        .iter()
        .filter_map(|it| object.get(&format!("{it}/ports"))?.as_array())
        .flatten()
        .filter_map(|it| Some(it.get("containerPort")?.to_string()))
        .collect()
}
