//! What two openings have in common.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::address::net;
use crate::api::boundary::{EgressPeer, EgressPort, IpBlock};

/// What two peers have in common; `None` if nothing.
pub(super) fn peers(one: &EgressPeer, other: &EgressPeer) -> Result<Option<EgressPeer>, String> {
    if let (Some(one), Some(other)) = (&one.ip_block, &other.ip_block) {
        let block = blocks(one, other)?;
        return Ok(block.map(|it| EgressPeer {
            ip_block: Some(it),
            namespace_selector: None,
            pod_selector: None,
        }));
    }
    let (Some(namespaces), Some(bound)) = (&one.namespace_selector, &other.namespace_selector)
    else {
        return Ok(None);
    };
    let Some(namespace_selector) = selectors(namespaces, bound) else { return Ok(None) };
    let pod_selector = match (&one.pod_selector, &other.pod_selector) {
        (Some(one), Some(other)) => match selectors(one, other) {
            None => return Ok(None),
            both => both,
        },
        (one, other) => one.clone().or_else(|| other.clone()),
    };
    Ok(Some(EgressPeer {
        ip_block: None,
        namespace_selector: Some(namespace_selector),
        pod_selector,
    }))
}

/// Ranges lie within each other or apart.
fn blocks(one: &IpBlock, other: &IpBlock) -> Result<Option<IpBlock>, String> {
    let (a, b) = (net(&one.cidr)?, net(&other.cidr)?);
    let inner = if b.contains(&a) {
        a
    } else if a.contains(&b) {
        b
    } else {
        return Ok(None);
    };
    let mut except = Vec::new();
    for it in one.except.iter().chain(&other.except) {
        let it = net(it)?;
        if it.contains(&inner) {
            return Ok(None);
        }
        if inner.contains(&it) && !except.contains(&it.to_string()) {
            except.push(it.to_string());
        }
    }
    Ok(Some(IpBlock { cidr: inner.to_string(), except }))
}

/// All that either asks for must hold.
fn selectors(one: &LabelSelector, other: &LabelSelector) -> Option<LabelSelector> {
    let mut labels = one.match_labels.clone().unwrap_or_default();
    for (key, value) in other.match_labels.iter().flatten() {
        if labels.get(key).is_some_and(|it| it != value) {
            return None;
        }
        labels.insert(key.clone(), value.clone());
    }
    let mut expressions = one.match_expressions.clone().unwrap_or_default();
    for it in other.match_expressions.iter().flatten() {
        if !expressions.contains(it) {
            expressions.push(it.clone());
        }
    }
    Some(LabelSelector {
        match_labels: (!labels.is_empty()).then_some(labels),
        match_expressions: (!expressions.is_empty()).then_some(expressions),
    })
}

/// What two lists of ports have in common; an empty list is all ports. `None` if nothing.
pub(super) fn ports(one: &[EgressPort], other: &[EgressPort]) -> Option<Vec<EgressPort>> {
    if one.is_empty() || other.is_empty() {
        return Some(if one.is_empty() { other } else { one }.to_vec());
    }
    let mut found: Vec<EgressPort> = Vec::new();
    for a in one {
        for b in other.iter().filter(|b| b.protocol == a.protocol) {
            let from = a.port.max(b.port);
            let to = a.end_port.unwrap_or(a.port).min(b.end_port.unwrap_or(b.port));
            if from <= to {
                let end_port = (to > from).then_some(to);
                let port = EgressPort { protocol: a.protocol, port: from, end_port };
                if !found.contains(&port) {
                    found.push(port);
                }
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What two openings have in common, as JSON; null if nothing.
    fn common<T, U>(one: &Value, other: &Value, of: impl FnOnce(&T, &T) -> Option<U>) -> Value
    where
        T: serde::de::DeserializeOwned,
        U: serde::Serialize,
    {
        let read = |it: &Value| serde_json::from_value(it.clone()).unwrap();
        json!(of(&read(one), &read(other)))
    }

    #[test]
    fn ports_in_common_are_of_one_protocol_and_in_both_ranges() {
        let range = |from: u16, to: u16| json!({"protocol": "TCP", "port": from, "endPort": to});
        let port = |port: u16| json!({"protocol": "TCP", "port": port});
        let udp = json!({"protocol": "UDP", "port": 53});
        for (one, other, expected) in [
            (json!([]), json!([]), json!([])),
            (json!([]), json!([port(80)]), json!([port(80)])),
            (json!([port(80)]), json!([]), json!([port(80)])),
            (json!([port(80)]), json!([port(80), udp]), json!([port(80)])),
            (json!([port(53)]), json!([udp]), json!(null)),
            (json!([port(80)]), json!([port(81)]), json!(null)),
            (json!([range(80, 90)]), json!([port(90)]), json!([port(90)])),
            (json!([range(80, 90)]), json!([range(85, 99)]), json!([range(85, 90)])),
            (json!([range(80, 90)]), json!([range(90, 99)]), json!([port(90)])),
            (json!([range(80, 90)]), json!([range(91, 99)]), json!(null)),
            // What two of them have in common stands there once.
            (json!([port(80), range(80, 80)]), json!([port(80)]), json!([port(80)])),
        ] {
            let both = |a: &Vec<EgressPort>, b: &Vec<EgressPort>| ports(a, b);
            assert_eq!(common(&one, &other, both), expected, "{one} {other}");
            assert_eq!(common(&other, &one, both), expected, "{other} {one}");
        }
    }

    #[test]
    fn ranges_in_common_leave_out_what_either_leaves_out() {
        let block = |cidr: &str, except: &[&str]| {
            let mut block = json!({"cidr": cidr});
            if !except.is_empty() {
                block["except"] = json!(except);
            }
            block
        };
        for (one, other, expected) in [
            (block("10.0.0.0/8", &[]), block("10.1.0.0/16", &[]), block("10.1.0.0/16", &[])),
            (block("10.0.0.0/16", &[]), block("10.1.0.0/16", &[]), json!(null)),
            (
                block("10.1.0.0/16", &["10.1.1.0/24"]),
                block("10.0.0.0/8", &["10.1.1.0/24", "10.1.2.0/24", "10.2.0.0/16"]),
                block("10.1.0.0/16", &["10.1.1.0/24", "10.1.2.0/24"]),
            ),
            // What is left out whole is not in common.
            (block("10.1.0.0/16", &[]), block("10.0.0.0/8", &["10.1.0.0/16"]), json!(null)),
        ] {
            let both = |a: &IpBlock, b: &IpBlock| blocks(a, b).unwrap();
            assert_eq!(common(&one, &other, both), expected, "{one} {other}");
            assert_eq!(common(&other, &one, both), expected, "{other} {one}");
        }
        let range = |cidr: &str| IpBlock { cidr: cidr.to_owned(), except: Vec::new() };
        assert!(blocks(&range("10.0.0.0/8"), &range("all")).is_err());
    }

    #[test]
    fn peers_in_common_bear_the_labels_of_both() {
        let labels = |pairs: Value| json!({"matchLabels": pairs});
        let exists = |key: &str| json!({"matchExpressions": [{"key": key, "operator": "Exists"}]});
        let namespaces = |selector: Value| json!({"namespaceSelector": selector});
        let pods = |selector: Value| json!({"namespaceSelector": {}, "podSelector": selector});
        for (one, other, expected) in [
            (
                namespaces(labels(json!({"team": "a"}))),
                namespaces(labels(json!({"team": "a", "tier": "b"}))),
                namespaces(labels(json!({"team": "a", "tier": "b"}))),
            ),
            (
                namespaces(labels(json!({"team": "a"}))),
                namespaces(labels(json!({"team": "b"}))),
                json!(null),
            ),
            (namespaces(exists("team")), namespaces(exists("team")), namespaces(exists("team"))),
            (
                namespaces(exists("team")),
                namespaces(labels(json!({"tier": "b"}))),
                namespaces(json!({
                    "matchLabels": {"tier": "b"},
                    "matchExpressions": [{"key": "team", "operator": "Exists"}],
                })),
            ),
            (
                pods(labels(json!({"app": "a"}))),
                namespaces(json!({})),
                pods(labels(json!({"app": "a"}))),
            ),
            (pods(labels(json!({"app": "a"}))), pods(labels(json!({"app": "b"}))), json!(null)),
            (namespaces(json!({})), json!({"ipBlock": {"cidr": "10.0.0.0/8"}}), json!(null)),
        ] {
            let both = |a: &EgressPeer, b: &EgressPeer| peers(a, b).unwrap();
            assert_eq!(common(&one, &other, both), expected, "{one} {other}");
            assert_eq!(common(&other, &one, both), expected, "{other} {one}");
        }
    }
}
