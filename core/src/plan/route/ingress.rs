//! A cloned Ingress: preview hosts in place of production's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::plan::{
    log::{Log, Rule},
    object::Object,
};

const HOST: Rule = Rule {
    name: "preview-host",
    why: "the host is production's; each gets one preview host below the class's domain",
};
const CLASS: Rule =
    Rule { name: "ingress-class", why: "the StagingClass says which controller serves previews" };
pub(super) const TLS: Rule = Rule {
    name: "route-tls",
    why: "production's certificates stay behind; TLS ends where the class's domain is served",
};
/// The class's own certificate.
pub(super) const CERTIFICATE: Rule =
    Rule { name: "route-tls", why: "the StagingClass has a certificate for previews" };
const DEFAULT_BACKEND: Rule = Rule {
    name: "default-backend",
    why: "without a host it would answer for every host of the shared controller",
};
const OUTSIDE: Rule = Rule {
    name: "outside-backend",
    why: "the Service is another name for a host elsewhere, and the ingress controller, which stands outside the fence, would follow it",
};

const ACTION: Rule = Rule {
    name: "load-balancer-action",
    why: "no Service is meant: production's load balancer answers there, as annotations say that stay behind",
};

/// The port that AWS' load balancers take for the name of an annotation.
const BY_ANNOTATION: &str = "use-annotation";

/// The legacy way to name the IngressClass.
const LEGACY_CLASS: &str = "/metadata/annotations/kubernetes.io~1ingress.class";

/// The host of a rule without one: it stands for every host.
const ANY: &str = "";

/// What is known of all cloned Ingresses together.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The service that each source host leads to first.
    pub(super) first: BTreeMap<String, String>,
    /// Source hosts whose `/` already leads somewhere.
    rooted: BTreeSet<String>,
}

impl Survey {
    /// Looks through the Ingresses, by name.
    pub(super) fn of(ingresses: &[&Object]) -> Self {
        let mut survey = Self::default();
        for ingress in ingresses {
            for rule in rules(ingress) {
                survey.see(ingress, rule);
            }
            if ingress.get("/spec/defaultBackend").is_some() && rules(ingress).is_empty() {
                survey.name(ANY, ingress.get("/spec/defaultBackend"), ingress);
            }
        }
        survey
    }

    fn see(&mut self, ingress: &Object, rule: &Value) {
        let host = rule["host"].as_str().unwrap_or(ANY);
        let paths = rule.pointer("/http/paths").and_then(Value::as_array);
        let first = paths.and_then(|paths| paths.first()).and_then(|path| path.get("backend"));
        self.name(host, first.or_else(|| ingress.get("/spec/defaultBackend")), ingress);
        let root = |path: &Value| {
            path["path"].as_str().is_none_or(|it| it == "/") && path["pathType"] != "Exact"
        };
        if paths.is_some_and(|paths| paths.iter().any(root)) {
            self.rooted.insert(host.to_owned());
        }
    }

    fn name(&mut self, host: &str, backend: Option<&Value>, ingress: &Object) {
        let service = backend.and_then(|it| it.pointer("/service/name")).and_then(Value::as_str);
        // A host that leads to something else is called as its Ingress is.
        let name = service.unwrap_or_else(|| ingress.name()).to_owned();
        self.first.entry(host.to_owned()).or_insert(name);
    }
}

/// Gives an Ingress the preview hosts and takes from it what belongs to production.
pub(super) fn preview(
    ingress: &mut Object,
    survey: &mut Survey,
    hosts: &BTreeMap<String, String>,
    class: &str,
    log: &mut Log,
) {
    default_backend(ingress, survey, log);
    for at in 0..rules(ingress).len() {
        let path = format!("/spec/rules/{at}/host");
        if let Some(host) = hosts.get(ingress.text(&path)) {
            log.set(ingress, &path, json!(host), &HOST);
        }
    }
    log.set(ingress, "/spec/ingressClassName", json!(class), &CLASS);
    log.remove(ingress, LEGACY_CLASS, &CLASS);
}

/// Moves the default backend into rules: of its own hosts where they do not say what `/` is, or of
/// a host of its own.
fn default_backend(ingress: &mut Object, survey: &mut Survey, log: &mut Log) {
    let Some(backend) = ingress.get("/spec/defaultBackend").cloned() else { return };
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    log.remove(ingress, "/spec/defaultBackend", &DEFAULT_BACKEND);
    if rules(ingress).is_empty() {
        let rules = json!([{"http": {"paths": [path]}}]);
        log.set(ingress, "/spec/rules", rules, &DEFAULT_BACKEND);
        return;
    }
    for at in 0..rules(ingress).len() {
        let host = ingress.text(&format!("/spec/rules/{at}/host")).to_owned();
        if !survey.rooted.insert(host) {
            continue;
        }
        let list = format!("/spec/rules/{at}/http/paths");
        let mut paths = ingress.get(&list).and_then(Value::as_array).cloned().unwrap_or_default();
        paths.push(path.clone());
        log.set(ingress, &list, json!(paths), &DEFAULT_BACKEND);
    }
}

/// Removes the ways to Services in `outside`, and what a load balancer answers by itself. False if
/// nothing else was there.
pub(super) fn stay_inside(ingress: &mut Object, outside: &BTreeSet<String>, log: &mut Log) -> bool {
    let leaves = |backend: &Value| {
        let name = backend.pointer("/service/name").and_then(Value::as_str);
        name.is_some_and(|name| outside.contains(name))
    };
    let by_itself = |backend: &Value| {
        backend.pointer("/service/port/name").and_then(Value::as_str) == Some(BY_ANNOTATION)
    };
    let left = without(ingress, leaves, &OUTSIDE, log) | without(ingress, by_itself, &ACTION, log);
    !left || !rules(ingress).is_empty() || ingress.get("/spec/defaultBackend").is_some()
}

/// Removes the ways to some backends. Whether there were any.
fn without(
    ingress: &mut Object,
    leaves: impl Fn(&Value) -> bool,
    rule: &'static Rule,
    log: &mut Log,
) -> bool {
    let mut left = false;
    if ingress.get("/spec/defaultBackend").is_some_and(&leaves) {
        log.remove(ingress, "/spec/defaultBackend", rule);
        left = true;
    }
    for at in (0..rules(ingress).len()).rev() {
        let list = format!("/spec/rules/{at}/http/paths");
        let Some(paths) = ingress.get(&list).and_then(Value::as_array) else { continue };
        let kept: Vec<Value> = paths
            .iter()
            .filter(|path| !path.get("backend").is_some_and(&leaves))
            .cloned()
            .collect();
        if kept.len() == paths.len() {
            continue;
        }
        left = true;
        if kept.is_empty() {
            log.remove(ingress, &format!("/spec/rules/{at}"), rule);
        } else {
            log.set(ingress, &list, json!(kept), rule);
        }
    }
    left
}

fn rules(ingress: &Object) -> &[Value] {
    ingress.get("/spec/rules").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Services that an Ingress leads to, and the port of each.
pub(super) fn backends(ingress: &Object) -> Vec<(String, Value)> {
    let paths = rules(ingress)
        .iter()
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
