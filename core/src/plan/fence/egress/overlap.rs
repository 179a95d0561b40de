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
