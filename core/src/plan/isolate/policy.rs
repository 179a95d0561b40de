//! Network policies never open more than the own namespace.
//!
//! Policies add up: one that allows "everywhere" would void the fence. What production allows among
//! its own Pods stays as it is; what it allows towards others goes, and where that was everything a
//! rule allowed, the rule goes too, since an empty list of peers would mean "everywhere".

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::{Selector, SelectorExt};
use serde_json::{Map, Value, json};

use super::super::{
    context::Context,
    log::{Log, Rule},
    object::{Key, Object},
    settle,
};
use crate::api::{names::NAMESPACE_NAME_LABEL, staging_plan::Severity};

const EVERYWHERE: Rule = Rule {
    name: "policy-confined",
    why: "it allows everything, and would void the fence: the own namespace is meant here",
};
const HOME: Rule = Rule {
    name: "policy-confined",
    why: "of the namespaces it names, the own one is meant here and no other",
};
const FOREIGN: Rule = Rule {
    name: "policy-peer",
    why: "it allows what lies outside the target, and the fence alone decides that",
};
const DNS: Rule =
    Rule { name: "policy-peer", why: "the fence itself allows DNS, where the class says it is" };

/// Name of the field with the rules, of the one with their peers, and the policy type.
const DIRECTIONS: &[(&str, &str, &str)] =
    &[("ingress", "from", "Ingress"), ("egress", "to", "Egress")];

pub(super) fn confined(object: &mut Object, context: &Context, log: &mut Log) {
    explicit_types(object);
    for (field, peers, _) in DIRECTIONS {
        let list = format!("/spec/{field}");
        for path in object.expand(&format!("{list}/*")).iter().rev() {
            confine(object, path, peers, context, log);
        }
    }
}

/// Says which directions the policy governs as the API server would say it, before rules go: a
/// policy that loses its last egress rule must still deny egress.
fn explicit_types(object: &mut Object) {
    let said = object.get("/spec/policyTypes").and_then(Value::as_array);
    if said.is_some_and(|types| !types.is_empty()) {
        return;
    }
    let egress = object.get("/spec/egress").and_then(Value::as_array);
    let types = if egress.is_some_and(|rules| !rules.is_empty()) {
        json!(["Ingress", "Egress"])
    } else {
        json!(["Ingress"])
    };
    object.set("/spec/policyTypes", types);
}

/// One rule: its peers become ones of the own namespace, or it goes.
fn confine(object: &mut Object, rule: &str, field: &str, context: &Context, log: &mut Log) {
    let path = format!("{rule}/{field}");
    let peers = object.get(&path).and_then(Value::as_array).cloned().unwrap_or_default();
    if peers.is_empty() {
        log.set(object, &path, json!([{ "podSelector": {} }]), &EVERYWHERE);
        return;
    }
    if field == "to" {
        addresses(object, &path, &peers, context, log);
    }
    let outside = if asks_for_dns(object, rule) { &DNS } else { &FOREIGN };
    let own: Vec<Option<Value>> = peers.iter().map(|peer| own(peer, context)).collect();
    if own.iter().all(Option::is_none) {
        log.remove(object, rule, outside);
        return;
    }
    for (at, (peer, own)) in peers.iter().zip(&own).enumerate() {
        let at = format!("{path}/{at}");
        match own {
            Some(own) if own == peer => {}
            Some(_) if selects_some(peer) => {
                log.changed(object.key(), &at, Some(peer), own.as_ref(), &HOME);
            }
            Some(_) => log.changed(object.key(), &at, Some(peer), own.as_ref(), &EVERYWHERE),
            None => log.changed(object.key(), &at, Some(peer), None, outside),
        }
    }
    let mut kept: Vec<Value> = own.into_iter().flatten().collect();
    kept.dedup();
    object.set(&path, Value::Array(kept));
}

/// Says which addresses production opens: what is behind them the application needs, and it is not
/// in the target.
fn addresses(object: &Object, path: &str, peers: &[Value], context: &Context, log: &mut Log) {
    for (at, peer) in peers.iter().enumerate() {
        let cidr = peer.pointer("/ipBlock/cidr").and_then(Value::as_str).unwrap_or_default();
        let open = context.request.spec.egress.iter().flat_map(|it| &it.to);
        let opened = open.filter_map(|it| it.ip_block.as_ref()).any(|it| it.cidr == cidr);
        if cidr.is_empty() || cidr.ends_with("/0") || opened {
            continue;
        }
        log.find(
            Severity::Informs,
            &object.key(),
            &format!("{path}/{at}/ipBlock/cidr"),
            "policy-address",
            format!("production lets these Pods out to {cidr}: the fence does not"),
            if context.request.class.boundary.allow.is_empty() {
                "nothing, if the clone does without; or an opening under spec.egress, for which the StagingClass needs a boundary.allow".to_owned()
            } else {
                format!(
                    "# as far as boundary.allow of the class goes; nothing, if the clone does without\n{}",
                    settle::environment(&json!({ "egress": [{ "to": [{ "ipBlock": { "cidr": cidr } }] }] }))
                )
            },
        );
    }
}

/// Whether a peer names some namespaces and not all.
fn selects_some(peer: &Value) -> bool {
    peer.get("namespaceSelector").and_then(Value::as_object).is_some_and(|it| !it.is_empty())
}

/// What of a peer lies in the own namespace: the same Pods, there only.
fn own(peer: &Value, context: &Context) -> Option<Value> {
    if peer.get("ipBlock").is_some_and(|it| !it.is_null()) {
        return None;
    }
    let pods = peer.get("podSelector").filter(|it| it.is_object()).cloned();
    if let Some(namespaces) = peer.get("namespaceSelector").filter(|it| !it.is_null())
        && !selects_own(namespaces, context)
    {
        return None;
    }
    Some(json!({ "podSelector": pods.unwrap_or_else(|| Value::Object(Map::new())) }))
}

/// Whether a selector of namespaces selects the own one: in production, by the labels that its
/// namespace has there. The target has others, so that only the meaning can come along.
fn selects_own(selector: &Value, context: &Context) -> bool {
    let Ok(selector) = serde_json::from_value::<LabelSelector>(selector.clone()) else {
        return false;
    };
    let Ok(selector) = Selector::try_from(selector) else { return false };
    labels_of_own(context).iter().any(|labels| selector.matches(labels))
}

/// The labels by which the own namespace may be meant. The name of the source is already the
/// target's, where the selector says that it is a namespace.
fn labels_of_own(context: &Context) -> [BTreeMap<String, String>; 2] {
    let name = (NAMESPACE_NAME_LABEL.to_owned(), context.target().to_owned());
    let source = context.source().to_owned();
    let key = Key { group: String::new(), kind: "Namespace".to_owned(), name: source.clone() };
    let Some(namespace) = context.by_key.get(&key) else {
        // Many clusters label namespaces with `name`.
        return [
            BTreeMap::from([name.clone()]),
            BTreeMap::from([name, ("name".to_owned(), source)]),
        ];
    };
    let mut labels = namespace.labels();
    labels.extend([name]);
    let mut relocated = labels.clone();
    for value in relocated.values_mut().filter(|it| **it == source) {
        context.target().clone_into(value);
    }
    [labels, relocated]
}

fn asks_for_dns(object: &Object, rule: &str) -> bool {
    let ports = object.expand(&format!("{rule}/ports/*/port"));
    !ports.is_empty()
        && ports.iter().all(|it| object.get(it).is_some_and(|port| port == 53 || port == "dns"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    /// What becomes of the spec of a policy, in a source whose namespace has these labels.
    fn confined(spec: Value, environment: Value, labels: &Value) -> (Value, Log) {
        let request = fixture::request(environment, json!({}));
        let mut capture = fixture::capture();
        let namespace = json!({"metadata": {"labels": labels}});
        capture.objects = vec![fixture::object("v1", "Namespace", "shop", namespace)];
        let (mut policy, mut log) = (fixture::policy("web", spec), Log::default());
        super::confined(&mut policy, &Context::new(&request, &capture).unwrap(), &mut log);
        (policy.get("/spec").unwrap().clone(), log)
    }

    #[test]
    fn a_policy_says_which_directions_it_governs() {
        for (spec, types) in [
            (json!({}), json!(["Ingress"])),
            (json!({"policyTypes": []}), json!(["Ingress"])),
            (json!({"egress": []}), json!(["Ingress"])),
            (json!({"policyTypes": [], "egress": [{}]}), json!(["Ingress", "Egress"])),
            (json!({"policyTypes": ["Egress"], "ingress": [{}]}), json!(["Egress"])),
        ] {
            let (made, _) = confined(spec.clone(), json!({}), &json!({}));
            assert_eq!(made["policyTypes"], types, "{spec}");
        }
    }

    #[test]
    fn a_namespace_is_the_own_one_by_what_its_labels_say_here_or_there() {
        for (selector, own) in [
            (json!({"project": "shop"}), true),
            // What means the source by its name is the target's by now.
            (json!({"project": "stg-pr-7-abcde"}), true),
            (json!({"team": "commerce"}), true),
            (json!({"team": "stg-pr-7-abcde"}), false),
            (json!({"team": "platform"}), false),
        ] {
            let peers = json!([{"namespaceSelector": {"matchLabels": selector}}]);
            let spec = json!({"policyTypes": ["Ingress"], "ingress": [{"from": peers}]});
            let labels = json!({"project": "shop", "team": "commerce"});
            let (made, _) = confined(spec, json!({}), &labels);
            let expected = if own { json!([{"from": [{"podSelector": {}}]}]) } else { json!([]) };
            assert_eq!(made["ingress"], expected, "{selector}");
        }
    }

    #[test]
    fn addresses_are_told_that_production_opens_and_the_environment_does_not() {
        let block = |cidr: &str| json!({"ipBlock": {"cidr": cidr}});
        let peers = json!([
            block("10.20.0.0/16"), block("10.30.0.0/16"), block("0.0.0.0/0"), {"podSelector": {}}
        ]);
        let spec = json!({"policyTypes": ["Egress"], "egress": [{"to": peers}]});
        let opened = json!({"egress": [{"to": [block("10.30.0.0/16")]}]});
        let told = |spec: Value, environment: Value| {
            let (_, log) = confined(spec, environment, &json!({}));
            log.findings.into_iter().map(|it| it.path).collect::<Vec<_>>()
        };
        let (first, second) =
            ("/spec/egress/0/to/0/ipBlock/cidr", "/spec/egress/0/to/1/ipBlock/cidr");
        assert_eq!(told(spec.clone(), json!({})), [first, second]);
        assert_eq!(told(spec, opened), [first]);
        let into =
            json!({"policyTypes": ["Ingress"], "ingress": [{"from": [block("10.20.0.0/16")]}]});
        assert_eq!(told(into, json!({})), [""; 0], "who comes in is the fence's to say");
    }

    #[test]
    fn a_rule_asks_for_dns_if_all_of_its_ports_are_of_it() {
        let outside = json!([{"ipBlock": {"cidr": "10.20.0.10/32"}}]);
        for (ports, dns) in [
            (json!([{"port": 53}]), true),
            (json!([{"port": "dns", "protocol": "UDP"}, {"port": 53}]), true),
            (json!([{"port": 53}, {"port": 443}]), false),
            (json!([]), false),
        ] {
            let rule = json!({"to": outside, "ports": ports});
            let (_, log) = confined(json!({"egress": [rule]}), json!({}), &json!({}));
            let expected = if dns { DNS.why } else { FOREIGN.why };
            assert_eq!(log.changes[0].why, expected, "{ports}");
        }
    }
}
