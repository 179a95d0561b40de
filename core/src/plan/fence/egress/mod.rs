//! What the environment opens, never more than the class allows.
//!
//! ```text
//! spec.egress, egress of a task   ∩   boundary.allow of the class   →   a policy
//! hosts that are allowed          ∩   boundary.publicEgress         →   the public internet
//! ```
//!
//! Nothing here leads to the source, to the Kubernetes API, to where nodes hand out credentials, or to
//! an address at which production answers: what would is refused, and never narrowed silently.

mod address;
mod overlap;
mod public;

use serde_json::{Value, json};

use self::address::Closed;
use super::{Opening, name, policy};
use crate::{
    api::{
        boundary::{Egress, EgressPeer},
        names::{NAMESPACE_NAME_LABEL, TASK_LABEL},
        staging_plan::Severity,
    },
    plan::{
        PlanError, context::Context, log::Log, object::Object, production::Production, selectors,
    },
};

/// The policies of all openings.
pub(super) fn policies(context: &Context, log: &mut Log) -> Result<Vec<Object>, PlanError> {
    let production = Production::of(context);
    let closed = Closed::of(context, &production);
    let spec = &context.request.spec;
    let mut made = Vec::new();
    let rules = opened(&spec.egress, "spec.egress", &closed, context, log)?;
    if !rules.is_empty() {
        let opening = Opening { ingress: None, egress: Some(json!(rules)) };
        made.push(policy(context.request, "kulisse-egress", &json!({}), opening));
    }
    made.extend(tasks(&closed, context, log)?);
    made.extend(public::policy(&closed, &production, context, log)?);
    Ok(made)
}

/// Openings of single tasks. Tasks are told apart by their names alone.
fn tasks(closed: &Closed, context: &Context, log: &mut Log) -> Result<Vec<Object>, PlanError> {
    let spec = &context.request.spec;
    let seeds = spec.seed.iter().map(|it| &it.task).enumerate().map(|(at, it)| ("seed", at, it));
    let smokes = spec.smoke.iter().enumerate().map(|(at, it)| ("smoke", at, it));
    let last = spec.pre_delete.iter().enumerate().map(|(at, it)| ("preDelete", at, it));
    let all: Vec<_> = seeds.chain(smokes).chain(last).collect();
    let mut made = Vec::new();
    for (list, at, task) in all.iter().filter(|(.., task)| !task.egress.is_empty()) {
        let field = format!("spec.{list}[{at}].egress");
        if all.iter().any(|(other, _, it)| other != list && it.name == task.name) {
            let why = format!(
                "a task of another list is called {:?}, and the opening would be both's: rename one",
                task.name
            );
            return Err(PlanError::InvalidSpec { field, why });
        }
        let rules = opened(&task.egress, &field, closed, context, log)?;
        let pods = json!({"matchLabels": {TASK_LABEL: task.name}});
        let opening = Opening { ingress: None, egress: Some(json!(rules)) };
        made.push(policy(context.request, &name("task", &task.name, &pods), &pods, opening));
    }
    Ok(made)
}

/// The rules that a list of openings comes to.
fn opened(
    asked: &[Egress],
    field: &str,
    closed: &Closed,
    context: &Context,
    log: &mut Log,
) -> Result<Vec<Value>, PlanError> {
    let mut rules: Vec<Value> = Vec::new();
    for (at, opening) in asked.iter().enumerate() {
        for (nth, peer) in opening.to.iter().enumerate() {
            let field = format!("{field}[{at}].to[{nth}]");
            check(peer, &field, closed, context)?;
            let parts = allowed(peer, opening, &field, context)?;
            let whole = Egress { to: vec![peer.clone()], ports: opening.ports.clone() };
            if !parts.contains(&whole) {
                narrowed(&field, &parts, context, log);
            }
            for part in parts {
                let rule = rule(&part, Some(context.source()));
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
    }
    Ok(rules)
}

/// What of a peer and its ports the class allows.
fn allowed(
    peer: &EgressPeer,
    opening: &Egress,
    field: &str,
    context: &Context,
) -> Result<Vec<Egress>, PlanError> {
    let ceiling = &context.request.class.boundary.allow;
    let mut parts: Vec<Egress> = Vec::new();
    for limit in ceiling {
        let Some(common) = overlap::ports(&opening.ports, &limit.ports) else { continue };
        for bound in &limit.to {
            let part = overlap::peers(peer, bound).map_err(|why| invalid(field, &why))?;
            let part = part.map(|peer| Egress { to: vec![peer], ports: common.clone() });
            parts.extend(part.filter(|it| !parts.contains(it)));
        }
    }
    if parts.is_empty() {
        let why = if ceiling.is_empty() {
            "the class allows no openings: its boundary.allow is empty".to_owned()
        } else {
            format!("the class allows none of it: its boundary.allow is {}", json!(ceiling))
        };
        return Err(invalid(field, &why));
    }
    Ok(parts)
}

/// Refuses a peer that leads to production.
fn check(
    peer: &EgressPeer,
    field: &str,
    closed: &Closed,
    context: &Context,
) -> Result<(), PlanError> {
    if let Some(block) = &peer.ip_block {
        return closed.check(block).map_err(|why| invalid(field, &why));
    }
    let Some(namespaces) = &peer.namespace_selector else {
        return Err(invalid(field, "a peer has either ipBlock or namespaceSelector"));
    };
    let source = context.source();
    match selectors::selects(namespaces, &[(NAMESPACE_NAME_LABEL, source)]) {
        Some(false) => Ok(()),
        Some(true) => Err(invalid(
            field,
            &format!(
                "it covers the source namespace {source}: name the namespaces that are meant, by their label {NAMESPACE_NAME_LABEL} for example"
            ),
        )),
        None => Err(invalid(field, "namespaceSelector is not a label selector")),
    }
}

fn narrowed(field: &str, parts: &[Egress], context: &Context, log: &mut Log) {
    let path = format!("/{}", field.replace(['.', '['], "/").replace(']', ""));
    log.find(
        Severity::Informs,
        &context.environment(),
        &path,
        "egress-narrowed",
        format!("the class allows only a part of it, which is opened: {}", json!(parts)),
        "ask the class's owners for more under boundary.allow, or ask for less here",
    );
}

/// An opening as a rule of a NetworkPolicy. A selector of namespaces never selects `but`, whatever its
/// labels say.
pub(super) fn rule(opening: &Egress, but: Option<&str>) -> Value {
    let mut rule = json!({"to": opening.to});
    for peer in rule["to"].as_array_mut().into_iter().flatten() {
        let Some(source) = but else { continue };
        let Some(selector) = peer.get_mut("namespaceSelector") else { continue };
        let not_source =
            json!({"key": NAMESPACE_NAME_LABEL, "operator": "NotIn", "values": [source]});
        match selector.get_mut("matchExpressions").and_then(Value::as_array_mut) {
            Some(expressions) => expressions.push(not_source),
            None => selector["matchExpressions"] = json!([not_source]),
        }
    }
    if !opening.ports.is_empty() {
        rule["ports"] = json!(opening.ports);
    }
    rule
}

fn invalid(field: &str, why: &str) -> PlanError {
    PlanError::InvalidSpec { field: field.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests;
