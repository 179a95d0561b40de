//! Where Pods run: production's nodes and priorities are not for the clone, the class's are.

use serde_json::{Map, Value, json};

use super::super::{
    context::Context,
    log::{Log, Rule},
    object::Object,
};
use crate::api::class::Placement;

const NODES: Rule = Rule { name: "placement", why: "it chooses production's nodes" };
const CLASS: Rule = Rule { name: "placement", why: "this is where the class places environments" };
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
    ("priority", &PRIORITY),
    ("preemptionPolicy", &PRIORITY),
    ("runtimeClassName", &RUNTIME),
    ("overhead", &RUNTIME),
];

/// Labels of nodes that say what an image can run on, and nothing of whose node it is.
const MACHINE: [&str; 2] = ["kubernetes.io/os", "kubernetes.io/arch"];

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub(super) fn anywhere(object: &mut Object, spec: &str, context: &Context, log: &mut Log) {
    let class = &context.request.class.placement;
    for (field, rule) in GO {
        log.remove(object, &format!("{spec}/{field}"), rule);
    }
    let scheduler = format!("{spec}/schedulerName");
    if !["", "default-scheduler"].contains(&object.text(&scheduler)) {
        log.remove(object, &scheduler, &RUNTIME);
    }
    nodes(object, spec, class, log);
    let tolerations = json!(class.tolerations);
    instead(object, &format!("{spec}/tolerations"), &tolerations, [&NODES, &CLASS], log);
    let priority = json!(class.priority_class_name);
    instead(object, &format!("{spec}/priorityClassName"), &priority, [&PRIORITY, &CLASS], log);
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
    if object.get(&affinity).and_then(Value::as_object).is_some_and(Map::is_empty) {
        object.remove(&affinity);
    }
}

/// Places a Pod of our own making, or of a task's.
pub(in crate::plan) fn as_class(pod: &mut Value, class: &Placement) {
    let Some(pod) = pod.as_object_mut() else { return };
    for (field, value) in [
        ("nodeSelector", json!(class.node_selector)),
        ("tolerations", json!(class.tolerations)),
        ("priorityClassName", json!(class.priority_class_name)),
    ] {
        if !is_nothing(&value) {
            pod.insert(field.to_owned(), value);
        }
    }
}

/// Of the choice of nodes stays what the image needs; the class's comes on top.
fn nodes(object: &mut Object, spec: &str, class: &Placement, log: &mut Log) {
    let path = format!("{spec}/nodeSelector");
    let own = object.get(&path).and_then(Value::as_object).into_iter().flatten();
    let mut wanted: Map<String, Value> = own
        .filter(|(key, _)| MACHINE.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let of_class = class.node_selector.iter();
    wanted.extend(of_class.map(|(key, value)| (key.clone(), json!(value))));
    let rules = [&NODES, if class.node_selector.is_empty() { &NODES } else { &CLASS }];
    instead(object, &path, &Value::Object(wanted), rules, log);

    let affinity = format!("{spec}/affinity/nodeAffinity");
    let wanted = match machines(object, &format!("{affinity}/{REQUIRED}")) {
        Some(terms) => json!({ REQUIRED: { "nodeSelectorTerms": terms } }),
        None => Value::Null,
    };
    instead(object, &affinity, &wanted, [&NODES, &NODES], log);
}

/// What required terms say of the machine. Any term is enough, so that one which says nothing of it
/// lets the Pod run anywhere.
fn machines(object: &Object, required: &str) -> Option<Vec<Value>> {
    let terms = object.expand(&format!("{required}/nodeSelectorTerms/*"));
    let terms: Option<Vec<Value>> = terms
        .iter()
        .map(|term| {
            let paths = object.expand(&format!("{term}/matchExpressions/*"));
            let mut kept = paths.iter().filter_map(|path| object.get(path)).filter(|it| {
                it.get("key").and_then(Value::as_str).is_some_and(|key| MACHINE.contains(&key))
            });
            let first = kept.next()?;
            let kept: Vec<&Value> = std::iter::once(first).chain(kept).collect();
            Some(json!({ "matchExpressions": kept }))
        })
        .collect();
    terms.filter(|it| !it.is_empty())
}

/// Puts another value in the place of production's, or nothing. The rules are for nothing and for
/// something.
fn instead(object: &mut Object, path: &str, wanted: &Value, rules: [&Rule; 2], log: &mut Log) {
    if is_nothing(wanted) {
        log.remove(object, path, rules[0]);
    } else {
        log.set(object, path, wanted.clone(), rules[1]);
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
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
