//! A live object as a manifest would have it: without what the API server added, and with its lists in
//! the manifest's order. What then differs was said, or done, by somebody.

use serde_json::{Map, Value};

use super::defaults::is_default;

/// What tells the elements of a list apart, in the order in which it is tried: as the API server does
/// it when it merges.
const KEYS: &[&[&str]] = &[
    &["name"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["mountPath"],
    &["devicePath"],
    &["topologyKey", "whenUnsatisfiable"],
    &["host"],
    &["path"],
    &["ip"],
];

/// Maps of names that people give: the API server adds nothing to them.
const NAMES: &[&str] =
    &["annotations", "binaryData", "data", "labels", "matchLabels", "nodeSelector"];

/// `live` without what only the API server said, in the order of `planned`.
pub fn align(planned: &Value, live: &Value) -> Value {
    below("", planned, live)
}

/// The same of the values of a field.
fn below(field: &str, planned: &Value, live: &Value) -> Value {
    match (planned, live) {
        (Value::Object(planned), Value::Object(_)) => map(field, planned, live),
        (Value::Array(planned), Value::Array(live)) => list(planned, live),
        // The API server writes quantities in its own way: 0.5 as 500m, 1024Mi as 1Gi.
        _ if planned != live && amount(planned).is_some() && amount(planned) == amount(live) => {
            planned.clone()
        }
        _ => live.clone(),
    }
}

/// A manifest without what says nothing: the API server drops it, too.
pub fn compact(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(field, it)| (field.clone(), compact(it)))
                .filter(|(_, it)| !it.is_null() && it.as_array().is_none_or(|it| !it.is_empty()))
                .collect(),
        ),
        Value::Array(list) => list.iter().map(compact).collect(),
        other => other.clone(),
    }
}

fn map(of: &str, planned: &Map<String, Value>, live: &Value) -> Value {
    let Some(fields) = live.as_object() else { return live.clone() };
    let kept = fields.iter().filter_map(|(field, value)| match planned.get(field) {
        Some(wanted) => Some((field.clone(), below(field, wanted, value))),
        None if !NAMES.contains(&of) && is_default(field, value, live) => None,
        None => Some((field.clone(), value.clone())),
    });
    Value::Object(kept.collect())
}

fn list(planned: &[Value], live: &[Value]) -> Value {
    let Some(key) = KEYS.iter().find(|key| tells_apart(key, planned) && tells_apart(key, live))
    else {
        let with = |at: usize, it: &Value| {
            planned.get(at).map_or_else(|| it.clone(), |wanted| align(wanted, it))
        };
        return live.iter().enumerate().map(|(at, it)| with(at, it)).collect();
    };
    let same = |one: &Value, other: &Value| identity(key, one) == identity(key, other);
    let known = planned
        .iter()
        .filter_map(|wanted| live.iter().find(|it| same(it, wanted)).map(|it| align(wanted, it)));
    let others = live.iter().filter(|it| !planned.iter().any(|wanted| same(it, wanted)));
    known.chain(others.cloned()).collect()
}

fn tells_apart(key: &[&str], list: &[Value]) -> bool {
    list.iter().enumerate().all(|(at, it)| {
        it.get(key[0]).is_some()
            && list[..at].iter().all(|before| identity(key, before) != identity(key, it))
    })
}

/// The values of the key; a protocol that is not given is TCP.
fn identity(key: &[&str], value: &Value) -> Vec<String> {
    let text = |field: &&str| match value.get(field) {
        None if *field == "protocol" => "\"TCP\"".to_owned(),
        it => it.map(ToString::to_string).unwrap_or_default(),
    };
    key.iter().map(text).collect()
}

/// A quantity of Kubernetes as a number.
#[allow(clippy::cast_precision_loss, reason = "sizes that differ by less are equal to people")]
fn amount(value: &Value) -> Option<f64> {
    if let Some(number) = value.as_f64() {
        return Some(number);
    }
    let text = value.as_str()?;
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => f64::from(1 << 10),
        "Mi" => f64::from(1 << 20),
        "Gi" => f64::from(1 << 30),
        "Ti" => (1_u64 << 40) as f64,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_api_server_added_is_no_difference() {
        let planned = json!({"spec": {"ports": [{"port": 80}], "selector": {"app": "web"}}});
        let live = json!({"spec": {"clusterIP": "10.0.0.1", "type": "ClusterIP", "sessionAffinity": "None",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "selector": {"app": "web"}}});
        assert_eq!(align(&planned, &live), planned);
    }

    #[test]
    fn what_somebody_added_is_one() {
        let planned = json!({"spec": {"containers": [{"name": "a"}]}, "data": {"x": "1"}});
        // A name that looks like a default's.
        let live = json!({"spec": {"hostNetwork": true, "containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]},
            "data": {"x": "1", "type": ""}});
        assert_eq!(align(&planned, &live), live);
    }

    #[test]
    fn lists_are_compared_by_what_tells_their_elements_apart() {
        let planned = json!([{"name": "b", "image": "1"}, {"name": "a"}]);
        let live = json!([{"name": "a", "imagePullPolicy": "Always"}, {"name": "c"}, {"name": "b", "image": "2"}]);
        assert_eq!(
            align(&planned, &live),
            json!([{"name": "b", "image": "2"}, {"name": "a"}, {"name": "c"}])
        );
    }

    #[test]
    fn ports_without_a_name_are_told_apart_by_number_and_protocol() {
        let planned = json!([{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}]);
        let live = json!([{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]);
        assert_eq!(align(&planned, &live), planned);
    }

    #[test]
    fn quantities_are_compared_by_what_they_are() {
        for (one, other) in [("0.5", "500m"), ("1024Mi", "1Gi"), ("1", "1000m")] {
            assert_eq!(align(&json!(one), &json!(other)), json!(one));
        }
        assert_eq!(align(&json!("1Gi"), &json!("1G")), json!("1G"));
        assert_eq!(align(&json!("a"), &json!("b")), json!("b"));
    }

    #[test]
    fn what_says_nothing_is_dropped() {
        assert_eq!(
            compact(&json!({"a": null, "b": [], "c": {"d": null}, "e": 1})),
            json!({"c": {}, "e": 1})
        );
    }
}
