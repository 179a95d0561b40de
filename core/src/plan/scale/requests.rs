//! What containers ask for.
//!
//! Requests decide how many nodes a clone needs, and staging has little to do: they shrink. Limits
//! decide when a process is killed: they stay, unless an override says otherwise. A container that
//! reads its own requests keeps them, since it was configured by them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{
    PlanError,
    context::Context,
    kinds,
    log::{Log, Rule},
    object::{Object, escape},
    quantity::Quantity,
    settle,
};
use crate::api::{
    environment::{ScaleOverride, ScaleProfile},
    staging_plan::Severity,
};

/// What shrinks, by which percentage under `Minimal`, and what is always left: less than that
/// starts nothing.
const SHRINKS: [(&str, u32, Quantity); 2] =
    [("cpu", 10, Quantity::milli(10)), ("memory", 50, Quantity::mebi(16))];

const REQUESTS: Rule = Rule {
    name: "requests",
    why: "staging has less to do, and what is asked for is held free on a node; limits stay",
};
const OVERRIDE: Rule = Rule { name: "scale", why: "spec.scale.overrides says so" };
const WITHIN: Rule = Rule { name: "requests", why: "Kubernetes refuses a request above its limit" };
const EXTENDED: Rule = Rule {
    name: "extended-resource",
    why: "devices are few and are production's: the class does not let clones ask for them",
};

pub(super) fn scale(object: &mut Object, context: &Context, log: &mut Log) {
    let Some(spec) = kinds::pod_spec(object) else { return };
    let over = context.scaled(&object.key());
    let read = read_by_itself(object, &spec);
    for container in kinds::containers(object) {
        let given = |name: &str| over.is_some_and(|it| asks_for(it, name));
        if let Some(over) = over {
            lay_over(object, &container, over, log);
        }
        for (name, minimal, least) in SHRINKS {
            if !given(name) && !read.contains(name) {
                shrink(object, &container, name, minimal, least, context, log);
            }
        }
    }
    within_limits(object, log);
    devices(object, &spec, context, log);
}

/// Resources whose requests some container is told: its figures of threads or memory may be made
/// from them.
fn read_by_itself(object: &Object, spec: &str) -> BTreeSet<&'static str> {
    let mut paths = object.expand(&format!("{spec}/volumes/*/downwardAPI/items/*"));
    paths.extend(
        object.expand(&format!("{spec}/volumes/*/projected/sources/*/downwardAPI/items/*")),
    );
    for container in kinds::containers(object) {
        paths.extend(object.expand(&format!("{container}/env/*/valueFrom")));
    }
    let named: BTreeSet<&str> =
        paths.iter().map(|it| object.text(&format!("{it}/resourceFieldRef/resource"))).collect();
    let shrinks = SHRINKS.into_iter().map(|it| it.0);
    shrinks.filter(|it| named.contains(format!("requests.{it}").as_str())).collect()
}

fn shrink(
    object: &mut Object,
    container: &str,
    name: &str,
    minimal: u32,
    least: Quantity,
    context: &Context,
    log: &mut Log,
) {
    let scale = &context.request.spec.scale;
    let percent = match scale.profile {
        ScaleProfile::Minimal => minimal,
        ScaleProfile::Proportional => scale.percent(),
        ScaleProfile::Full => return,
    };
    let quantity = |part: &str| {
        object.get(&format!("{container}/resources/{part}/{name}")).and_then(Quantity::of)
    };
    // Without a request, the limit is what is asked for.
    let limit = quantity("limits");
    let Some(asked) = quantity("requests").or(limit) else { return };
    let less = asked.percent(percent).max(least).min(limit.unwrap_or(asked));
    let less = Quantity::parse(&less.show(name)).unwrap_or(asked);
    if less < asked {
        let path = format!("{container}/resources/requests/{name}");
        log.set(object, &path, json!(less.show(name)), &REQUESTS);
    }
}

fn asks_for(over: &ScaleOverride, name: &str) -> bool {
    let requests = over.resources.as_ref().and_then(|it| it.requests.as_ref());
    requests.is_some_and(|it| it.contains_key(name))
}

fn lay_over(object: &mut Object, container: &str, over: &ScaleOverride, log: &mut Log) {
    let Some(resources) = &over.resources else { return };
    for (part, wanted) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        for (name, quantity) in wanted.iter().flatten() {
            let path = format!("{container}/resources/{part}/{}", escape(name));
            log.set(object, &path, json!(quantity.0), &OVERRIDE);
        }
    }
}

/// A request above its limit is lowered to it: the limit is what production, or the override, is
/// sure of.
pub(in crate::plan) fn within_limits(object: &mut Object, log: &mut Log) {
    for container in kinds::containers(object) {
        let limits = format!("{container}/resources/limits");
        let limits = object.get(&limits).and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, limit) in limits {
            let path = format!("{container}/resources/requests/{}", escape(&name));
            let asked = object.get(&path).and_then(Quantity::of);
            if asked.zip(Quantity::of(&limit)).is_some_and(|(asked, limit)| asked > limit) {
                log.set(object, &path, limit, &WITHIN);
            }
        }
    }
}

/// Devices, and claims of them, that the class does not give.
fn devices(object: &mut Object, spec: &str, context: &Context, log: &mut Log) {
    let claims = format!("{spec}/resourceClaims");
    let mut lost: Option<(String, String, String)> = None;
    let key = object.key();
    let leave = || settle::exclude(&key);
    if object.get(&claims).is_some() {
        log.remove(object, &claims, &EXTENDED);
        lost = Some((claims, "the devices it claims".to_owned(), leave()));
    }
    for container in kinds::containers(object) {
        log.remove(object, &format!("{container}/resources/claims"), &EXTENDED);
        for part in ["requests", "limits"] {
            let base = format!("{container}/resources/{part}");
            let map = object.get(&base).and_then(Value::as_object);
            let names: Vec<String> = map
                .into_iter()
                .flat_map(|it| it.keys())
                .filter(|it| is_device(it))
                .cloned()
                .collect();
            for name in names.into_iter().filter(|it| !context.may_ask_for(it)) {
                let path = format!("{base}/{}", escape(&name));
                log.remove(object, &path, &EXTENDED);
                let settle = format!(
                    "# or, in the StagingClass: spec.placement.extendedResources: [{name}]\n{}",
                    leave()
                );
                lost.get_or_insert((path, name, settle));
            }
        }
    }
    if let Some((path, name, settle)) = lost {
        log.find(
            Severity::Warns,
            &key,
            &path,
            "extended-resource",
            format!("it runs without {name}: what needs it fails, or falls back to the CPU"),
            settle,
        );
    }
}

/// Whether a resource is none of Kubernetes' own: such names have a domain.
fn is_device(name: &str) -> bool {
    name.split_once('/').is_some_and(|(domain, _)| !domain.ends_with("kubernetes.io"))
}

/// What no cluster could do.
pub(super) fn check(field: &str, over: &ScaleOverride) -> Result<(), PlanError> {
    let Some(resources) = &over.resources else { return Ok(()) };
    let invalid = |part: &str, name: &str, why: String| {
        Err(PlanError::InvalidSpec { field: format!("{field}.{part}[{name}]"), why })
    };
    let parts = [("requests", &resources.requests), ("limits", &resources.limits)];
    for (part, map) in parts {
        for (name, quantity) in map.iter().flatten() {
            if Quantity::parse(&quantity.0).is_none_or(|it| it < Quantity::ZERO) {
                let why = format!("{:?} is not an amount, such as 500m or 2Gi", quantity.0);
                return invalid(part, name, why);
            }
        }
    }
    for (name, request) in resources.requests.iter().flatten() {
        let limit = resources.limits.as_ref().and_then(|it| it.get(name));
        let above = limit.is_some_and(|it| Quantity::parse(&request.0) > Quantity::parse(&it.0));
        if let (true, Some(limit)) = (above, limit) {
            let why = format!("{} is above the limit of {}", request.0, limit.0);
            return invalid("requests", name, why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    /// The resources of a container, scaled.
    fn scaled(wanted: &Value, resources: &Value) -> Value {
        let request = fixture::request(json!({ "scale": wanted }), json!({}));
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let pod = json!({"containers": [{"name": "web", "resources": resources}]});
        let mut web = fixture::deployment("web", json!({}), pod);
        scale(&mut web, &context, &mut Log::default());
        web.get("/spec/template/spec/containers/0/resources").cloned().unwrap()
    }

    #[test]
    fn a_request_shrinks_to_what_still_starts_and_is_else_left_as_it_is_written() {
        let minimal = json!({});
        for (resources, expected) in [
            (
                json!({"requests": {"cpu": "1", "memory": "1Gi", "pods": "2"}}),
                json!({"requests": {"cpu": "100m", "memory": "512Mi", "pods": "2"}}),
            ),
            (
                json!({"requests": {"cpu": "50m", "memory": "20Mi"}}),
                json!({"requests": {"cpu": "10m", "memory": "16Mi"}}),
            ),
            (
                json!({"limits": {"cpu": "1"}}),
                json!({"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}}),
            ),
        ] {
            assert_eq!(scaled(&minimal, &resources), expected);
        }
        for resources in [
            json!({"requests": {"cpu": "0.005", "memory": "4096Ki"}}),
            json!({"limits": {"cpu": "5m", "memory": "16Mi"}}),
        ] {
            assert_eq!(scaled(&minimal, &resources), resources);
        }
    }

    #[test]
    fn only_a_request_above_its_limit_is_lowered_to_it() {
        let full = json!({"profile": "Full"});
        let above = json!({"requests": {"memory": "1025Mi"}, "limits": {"memory": "1Gi"}});
        let lowered = json!({"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}});
        assert_eq!(scaled(&full, &above), lowered);
        for resources in [
            json!({"requests": {"memory": "1024Mi"}, "limits": {"memory": "1Gi"}}),
            json!({"requests": {"memory": "1023Mi"}, "limits": {"memory": "1Gi"}}),
            json!({"requests": {"memory": "2Gi"}, "limits": {"cpu": "1"}}),
        ] {
            assert_eq!(scaled(&full, &resources), resources);
        }
    }

    #[test]
    fn an_override_that_no_cluster_could_grant_is_refused_by_the_name_of_its_field() {
        for (resources, field) in [
            (json!({"requests": {"cpu": "0"}, "limits": {"cpu": "0"}}), None),
            (json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1000m"}}), None),
            (json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1"}}), None),
            (json!({"requests": {"cpu": "1001m"}, "limits": {"cpu": "1"}}), Some("requests[cpu]")),
            (json!({"requests": {"cpu": "-1"}}), Some("requests[cpu]")),
            (json!({"limits": {"memory": "-1Mi"}}), Some("limits[memory]")),
            (json!({"limits": {"memory": "much"}}), Some("limits[memory]")),
        ] {
            let over = json!({"target": {}, "resources": resources});
            let over: ScaleOverride = serde_json::from_value(over).unwrap();
            let refused = match check("it", &over) {
                Ok(()) => None,
                Err(PlanError::InvalidSpec { field, .. }) => Some(field),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(refused, field.map(|it| format!("it.{it}")), "{resources}");
        }
    }
}
