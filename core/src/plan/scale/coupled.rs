//! What depends on how many replicas a workload has: autoscalers, and budgets of disruption. They
//! get here only with the profile `Full`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::{Selector, SelectorExt};
use serde_json::{Value, json};

use super::{
    super::{
        context::Context,
        kinds::{self, Shape},
        log::{Log, Rule},
        object::{Key, Object},
    },
    replicas,
};

type Labels = BTreeMap<String, String>;

/// JSON pointer of what an autoscaler scales.
const SCALED: &str = "/spec/scaleTargetRef";

const CAPPED: Rule =
    Rule { name: "autoscaler-capped", why: "the clone never grows beyond what was planned" };
const BUDGET: Rule = Rule {
    name: "disruption-budget",
    why: "it would keep nodes from being drained: one Pod at a time may go",
};

/// The pass's last part.
pub(super) fn coupled(objects: Vec<Object>, context: &Context, log: &mut Log) -> Vec<Object> {
    let sizes: BTreeMap<Key, i64> = objects
        .iter()
        .filter_map(|it| {
            let count = it.get(kinds::profile(it)?.replicas?).and_then(Value::as_i64)?;
            Some((it.key(), count))
        })
        .collect();
    // Labels of Pods, with how many there are of them.
    let pods: Vec<(Labels, i64)> = objects
        .iter()
        .filter_map(|it| {
            let template = kinds::profile(it)?.pod_template?;
            let labels = it.get(&format!("{template}/metadata/labels"))?.clone();
            Some((serde_json::from_value(labels).ok()?, *sizes.get(&it.key())?))
        })
        .collect();
    objects
        .into_iter()
        .filter_map(|it| match kinds::shape(&it) {
            Shape::Autoscaler => capped(it, &sizes, context, log),
            Shape::Budget => loosened(it, &pods, log),
            _ => Some(it),
        })
        .collect()
}

/// The object that an autoscaler scales.
pub(in crate::plan) fn target(object: &Object) -> Option<Key> {
    let text = |field: &str| object.get(&format!("{SCALED}/{field}")).and_then(Value::as_str);
    let version = text("apiVersion").unwrap_or("apps/v1");
    Some(Key {
        group: version.split_once('/').map_or("", |(group, _)| group).to_owned(),
        kind: text("kind").unwrap_or("Deployment").to_owned(),
        name: text("name")?.to_owned(),
    })
}

/// Between one replica and what was planned.
fn capped(
    mut object: Object,
    sizes: &BTreeMap<Key, i64>,
    context: &Context,
    log: &mut Log,
) -> Option<Object> {
    let leave = |log: &mut Log, why: &str| {
        log.leave(&object.key(), "autoscaler", why);
        None
    };
    let Some((target, size)) = target(&object).and_then(|it| sizes.get_key_value(&it)) else {
        return leave(log, "what it scales is not in the clone");
    };
    if context.scaled(target).is_some_and(|it| it.replicas.is_some()) {
        return leave(
            log,
            "spec.scale.overrides gives a fixed number of replicas to what it scales",
        );
    }
    if *size == 0 {
        return leave(log, "what it scales is switched off, as in production");
    }
    let metrics = object.expand("/spec/metrics/*/type");
    if metrics.iter().any(|path| object.text(path) == "External") {
        return leave(log, "it scales by a figure from outside the cluster, which is production's");
    }
    let least = object.get("/spec/minReplicas").and_then(Value::as_i64).unwrap_or(1);
    let most = object.get("/spec/maxReplicas").and_then(Value::as_i64).unwrap_or(*size);
    let cap = most.min(*size).max(1);
    log.set(&mut object, "/spec/maxReplicas", json!(cap), &CAPPED);
    if least < 1 || least > cap {
        log.set(&mut object, "/spec/minReplicas", json!(least.clamp(1, cap)), &CAPPED);
    }
    Some(object)
}

/// A budget lets at least one Pod go; where there is only one, there is nothing to share out.
fn loosened(mut object: Object, pods: &[(Labels, i64)], log: &mut Log) -> Option<Object> {
    let selector = object.get("/spec/selector").cloned();
    let selector: Option<Selector> = selector
        .and_then(|it| serde_json::from_value::<LabelSelector>(it).ok())
        .and_then(|it| it.try_into().ok());
    let matched = |labels| selector.as_ref().is_some_and(|it| it.matches(labels));
    let counts = pods.iter().filter(|(labels, _)| matched(labels)).map(|it| it.1);
    let count = counts.fold(0, i64::saturating_add);
    if count <= 1 {
        let why =
            "at most one Pod is left that it is for, and it would keep its node from being drained";
        log.leave(&object.key(), "disruption-budget", why);
        return None;
    }
    let amount =
        |field: &str| object.get(&format!("/spec/{field}")).and_then(|it| pods_of(it, count));
    let may_go = match (amount("maxUnavailable"), amount("minAvailable")) {
        (Some(most), _) => most,
        (None, Some(least)) => count - least,
        (None, None) => count,
    };
    if may_go < 1 {
        log.remove(&mut object, "/spec/minAvailable", &BUDGET);
        log.set(&mut object, "/spec/maxUnavailable", json!(1), &BUDGET);
    }
    Some(object)
}

/// A number of Pods, or a percentage of `count`, rounded up as Kubernetes does.
fn pods_of(value: &Value, count: i64) -> Option<i64> {
    if let Some(percent) = value.as_str().and_then(|it| it.strip_suffix('%')) {
        return Some(replicas::part(count, percent.parse().ok()?));
    }
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    /// The bounds of an autoscaler over so many replicas; `None` if it stays behind.
    fn bounds(replicas: i64, given: &Value) -> Option<Value> {
        let request = fixture::request(json!({"scale": {"profile": "Full"}}), json!({}));
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let mut web = fixture::deployment("web", json!({}), json!({}));
        web.set("/spec/replicas", json!(replicas));
        let mut scaler = fixture::object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "web",
            json!({ "spec": given }),
        );
        scaler.set(SCALED, json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}));
        let mut made = coupled(vec![web, scaler], &context, &mut Log::default());
        let mut scaler = made.pop().filter(|it| kinds::shape(it) == Shape::Autoscaler)?;
        scaler.remove(SCALED);
        scaler.get("/spec").cloned()
    }

    #[test]
    fn an_autoscaler_stays_between_one_replica_and_what_was_planned() {
        for (given, expected) in [
            (
                json!({"minReplicas": 2, "maxReplicas": 9}),
                json!({"minReplicas": 2, "maxReplicas": 3}),
            ),
            (
                json!({"minReplicas": 5, "maxReplicas": 9}),
                json!({"minReplicas": 3, "maxReplicas": 3}),
            ),
            (
                json!({"minReplicas": 0, "maxReplicas": 2}),
                json!({"minReplicas": 1, "maxReplicas": 2}),
            ),
            (
                json!({"minReplicas": 3, "maxReplicas": 3}),
                json!({"minReplicas": 3, "maxReplicas": 3}),
            ),
            (json!({"maxReplicas": 1}), json!({"maxReplicas": 1})),
            (json!({}), json!({"maxReplicas": 3})),
        ] {
            assert_eq!(bounds(3, &given), Some(expected), "{given}");
        }
    }

    #[test]
    fn an_autoscaler_of_what_is_switched_off_stays_behind() {
        assert_eq!(bounds(0, &json!({"minReplicas": 1, "maxReplicas": 9})), None);
    }
}
