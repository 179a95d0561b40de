//! Who may talk to whom inside the target: as in production.
//!
//! A Pod that no cloned policy selects in a direction may, in that direction, talk to every Pod of
//! the target, as Kubernetes has it. One that a cloned policy selects gets from here nothing that
//! the policy does not give.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    NETWORKING, Opening, name,
    pods::Pods,
    policy,
    selector::{self, Match, Others},
    untold,
};
use crate::plan::{log::Log, object::Object, ours, request::Request, selectors::ByLabel};

/// A direction of traffic, seen from a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// The same-namespace allowance of Pods with equal selectors.
#[derive(Default)]
struct Allowance {
    whose: String,
    ingress: bool,
    egress: bool,
}

pub(super) fn policies(
    clones: &[Object],
    pods: &[Pods],
    request: &Request,
    log: &mut Log,
) -> Vec<Object> {
    // By the selector's text: both directions of one selector are one policy.
    let mut allowances: BTreeMap<String, (Value, Allowance)> = BTreeMap::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        for (whose, selector) in open(clones, pods, direction, log) {
            let (_, allowance) = allowances
                .entry(selector.to_string())
                .or_insert_with(|| (selector, Allowance { whose, ..Allowance::default() }));
            match direction {
                Direction::Ingress => allowance.ingress = true,
                Direction::Egress => allowance.egress = true,
            }
        }
    }
    allowances.into_values().map(|(selector, it)| allow(request, &selector, &it)).collect()
}

fn allow(request: &Request, selector: &Value, allowance: &Allowance) -> Object {
    let opening = Opening {
        ingress: allowance.ingress.then(|| json!([{"from": [{"podSelector": {}}]}])),
        egress: allowance.egress.then(|| json!([{"to": [{"podSelector": {}}]}])),
    };
    policy(request, &name("within", &allowance.whose, selector), selector, opening)
}

/// The selectors of the Pods that no cloned policy selects in a direction, and whose they are.
fn open(
    clones: &[Object],
    pods: &[Pods],
    direction: Direction,
    log: &mut Log,
) -> Vec<(String, Value)> {
    let policies: Vec<&Object> = clones.iter().filter(|clone| acts(clone, direction)).collect();
    if policies.is_empty() {
        return vec![("all".to_owned(), json!({}))];
    }
    let by_label = ByLabel::of(pods.iter().enumerate().map(|(at, it)| (at, it.labels())));
    let mut selected = vec![Match::No; pods.len()];
    for policy in policies {
        match selector::read(policy.get("/spec/podSelector")) {
            Some(selector) => {
                for at in by_label.candidates(selector::asked(&selector)) {
                    selected[*at] = selected[*at].max(selector::matches(&selector, &pods[*at]));
                }
            }
            // What is not a selector might select anything: then nothing is opened.
            None => selected.fill(Match::Yes),
        }
    }
    let which = |wanted: fn(Match) -> bool| -> Vec<&Pods> {
        let all = pods.iter().zip(&selected);
        all.filter(|(_, it)| wanted(**it)).map(|(pods, _)| pods).collect()
    };
    for pods in which(|it| it == Match::Maybe) {
        report(log, pods, direction);
    }
    let bound = Others::of(&which(|it| it != Match::No));
    let mut open = Vec::new();
    for pods in which(|it| it == Match::No) {
        match selector::exact(pods, &bound) {
            Some(selector) => open.push((pods.owner.name.clone(), selector)),
            None => report(log, pods, direction),
        }
    }
    open
}

fn report(log: &mut Log, pods: &Pods, direction: Direction) {
    let without = match direction {
        Direction::Ingress => "they are reached only as the cloned policies say",
        Direction::Egress => "they reach others only as the cloned policies say",
    };
    // No Service can lead to Pods without labels, and nobody asks those of Jobs by address.
    if direction == Direction::Ingress && pods.labels.is_empty() && pods.run_once() {
        return;
    }
    untold(log, pods, "the target's own namespace", without);
}

/// Whether a clone is a policy for that direction: `Ingress` unless `policyTypes` says otherwise,
/// `Egress` if it says so or says nothing and there are egress rules.
fn acts(clone: &Object, direction: Direction) -> bool {
    if !ours::is(clone, NETWORKING, "NetworkPolicy") {
        return false;
    }
    let types = clone.get("/spec/policyTypes").and_then(Value::as_array);
    match (types.filter(|types| !types.is_empty()), direction) {
        (Some(types), Direction::Ingress) => types.iter().any(|it| it == "Ingress"),
        (Some(types), Direction::Egress) => types.iter().any(|it| it == "Egress"),
        (None, Direction::Ingress) => true,
        (None, Direction::Egress) => clone.get("/spec/egress").is_some_and(|it| {
            // An empty list is dropped by the API server; as a captured object it means nothing.
            it.as_array().is_some_and(|rules| !rules.is_empty())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{object, policy};

    #[test]
    fn a_policy_acts_in_the_directions_that_it_says_or_means() {
        for (spec, ingress, egress) in [
            (json!({}), true, false),
            (json!({"policyTypes": []}), true, false),
            (json!({"egress": []}), true, false),
            (json!({"egress": [{}]}), true, true),
            (json!({"policyTypes": [], "egress": [{}]}), true, true),
            (json!({"policyTypes": ["Egress"]}), false, true),
            (json!({"policyTypes": ["Ingress"], "egress": [{}]}), true, false),
            (json!({"policyTypes": ["Ingress", "Egress"]}), true, true),
        ] {
            let policy = policy("p", spec.clone());
            let acts = [Direction::Ingress, Direction::Egress].map(|it| acts(&policy, it));
            assert_eq!(acts, [ingress, egress], "{spec}");
        }
        let other = object("crd.projectcalico.org/v1", "NetworkPolicy", "p", json!({}));
        assert!(!acts(&other, Direction::Ingress), "its fields mean something else");
    }
}
