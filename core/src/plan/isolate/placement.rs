//! Where Pods run: production's nodes and priorities are not for the clone.

use serde_json::{Value, json};

use super::super::{
    context::Context,
    log::{Log, Rule},
    object::Object,
};

const NODES: Rule = Rule { name: "placement", why: "it chooses production's nodes" };
const PRIORITY: Rule =
    Rule { name: "priority", why: "staging would push production from its nodes" };
const RUNTIME: Rule = Rule {
    name: "runtime",
    why: "what it names may not be there, and the Pod would wait for ever",
};
const SPREAD: Rule = Rule {
    name: "spread",
    why: "on a small pool the Pod would wait for ever: what was required is preferred",
};
const FOREIGN: Rule =
    Rule { name: "affinity-namespace", why: "it would look for Pods outside the target" };

/// Fields of a Pod spec that go.
const GO: &[(&str, &Rule)] = &[
    ("nodeName", &NODES),
    ("nodeSelector", &NODES),
    ("tolerations", &NODES),
    ("affinity/nodeAffinity", &NODES),
    ("priorityClassName", &PRIORITY),
    ("priority", &PRIORITY),
    ("preemptionPolicy", &PRIORITY),
    ("runtimeClassName", &RUNTIME),
    ("overhead", &RUNTIME),
];

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub(super) fn anywhere(object: &mut Object, spec: &str, context: &Context, log: &mut Log) {
    for (field, rule) in GO {
        log.remove(object, &format!("{spec}/{field}"), rule);
    }
    let scheduler = format!("{spec}/schedulerName");
    if !["", "default-scheduler"].contains(&object.text(&scheduler)) {
        log.remove(object, &scheduler, &RUNTIME);
    }
    for path in object.expand(&format!("{spec}/topologySpreadConstraints/*")) {
        if object.text(&format!("{path}/whenUnsatisfiable")) == "DoNotSchedule" {
            let how = format!("{path}/whenUnsatisfiable");
            log.set(object, &how, json!("ScheduleAnyway"), &SPREAD);
            log.remove(object, &format!("{path}/minDomains"), &SPREAD);
        }
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = format!("{spec}/affinity/{kind}");
        relax(object, &affinity, log);
        for term in object.expand(&format!("{affinity}/{PREFERRED}/*/podAffinityTerm")) {
            at_home(object, &term, context, log);
        }
    }
    let affinity = format!("{spec}/affinity");
    if object.get(&affinity).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
        object.remove(&affinity);
    }
}

/// What is required becomes preferred, with the greatest weight.
fn relax(object: &mut Object, affinity: &str, log: &mut Log) {
    let required = format!("{affinity}/{REQUIRED}");
    let Some(terms) = object.get(&required).and_then(Value::as_array).cloned() else { return };
    log.remove(object, &required, &SPREAD);
    let path = format!("{affinity}/{PREFERRED}");
    let more = terms.into_iter().map(|term| json!({ "weight": 100, "podAffinityTerm": term }));
    let mut preferred = object.get(&path).and_then(Value::as_array).cloned().unwrap_or_default();
    preferred.extend(more);
    log.set(object, &path, Value::Array(preferred), &SPREAD);
}

/// Terms look among the target's own Pods only. No namespace at all means that.
fn at_home(object: &mut Object, term: &str, context: &Context, log: &mut Log) {
    log.remove(object, &format!("{term}/namespaceSelector"), &FOREIGN);
    let path = format!("{term}/namespaces");
    let foreign = object
        .get(&path)
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|it| it != context.target()));
    if foreign {
        log.remove(object, &path, &FOREIGN);
    }
}
