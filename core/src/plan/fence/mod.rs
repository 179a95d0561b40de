//! What stands in the target before any workload.
//!
//! ```text
//! default-deny   nothing in, nothing out
//!   + dns        names can be looked up
//!   + within     Pods of the target, where production's own policies say nothing
//!   + api        the Kubernetes API, for Pods whose account has rights
//!   + routes     the ingress controller, to the Services behind routes
//!   + tasks      seeds and smokes reach every Pod of the target
//!   + egress     what the environment asks for, as far as the class allows it
//! quota, limit range   what the target may use in all, if its class says so
//! ```
//!
//! Policies add up and can only open, so every opening here is as narrow as a selector can make it:
//! a rule that lets the whole target talk to itself would void the cloned policies. Two Pods that
//! production keeps apart are kept apart.
//!
//! Deliberately absent: any opening to the source, to the node's metadata address, or, unless it was
//! asked for and the class allows it, to an address outside the cluster other than the Kubernetes
//! API's own.

mod api;
mod egress;
mod limits;
mod pods;
mod routes;
mod selector;
mod tasks;
mod within;

use serde_json::{Value, json};

use super::{
    PlanError, context::Context, log::Log, object::Object, ours, request::Request,
    task::PlannedTask,
};
use crate::api::{
    identity::{MAX_LABEL, digest_word, fit},
    names::NAMESPACE_NAME_LABEL,
    staging_plan::Severity,
};

const NETWORKING: &str = "networking.k8s.io";

/// Where cluster DNS is.
const DNS_NAMESPACE: &str = "kube-system";
const DNS_LABEL: (&str, &str) = ("k8s-app", "kube-dns");

/// The policies of the target.
///
/// # Errors
///
/// If an opening is asked for that the class does not allow, or that leads to production.
pub(super) fn fence(
    clones: &[Object],
    tasks: &[PlannedTask],
    context: &Context,
    log: &mut Log,
) -> Result<Vec<Object>, PlanError> {
    let request = context.request;
    let pods = pods::of_clones(clones);

    let mut policies = vec![default_deny(request), dns(request)];
    policies.extend(within::policies(clones, &pods, request, log));
    policies.extend(api::policies(clones, &pods, tasks, request, log));
    policies.extend(routes::policies(clones, request, log));
    policies.extend(tasks::policies(tasks, request));
    policies.extend(egress::policies(context, log)?);
    policies.extend(limits::limits(request));
    Ok(policies)
}

fn default_deny(request: &Request) -> Object {
    let both = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]});
    object(request, "kulisse-default-deny", &both)
}

fn dns(request: &Request) -> Object {
    let known = &request.class.boundary.dns;
    let source = request.spec.source.namespace.as_str();
    let rules = if known.is_empty() {
        kube_dns()
    } else {
        known.iter().map(|it| egress::rule(it, Some(source))).collect()
    };
    let opening = Opening { ingress: None, egress: Some(rules) };
    policy(request, "kulisse-dns", &json!({}), opening)
}

/// Where most clusters have DNS.
fn kube_dns() -> Value {
    let to = json!([{
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME_LABEL: DNS_NAMESPACE}},
        "podSelector": {"matchLabels": {DNS_LABEL.0: DNS_LABEL.1}},
    }]);
    let ports = json!([{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]);
    json!([{"to": to, "ports": ports}])
}

/// What a policy opens: its rules per direction. A direction without rules is not its business.
#[derive(Default)]
struct Opening {
    ingress: Option<Value>,
    egress: Option<Value>,
}

fn policy(request: &Request, name: &str, pods: &Value, opening: Opening) -> Object {
    let mut spec = json!({"podSelector": pods});
    let mut types = Vec::new();
    if let Some(rules) = opening.ingress {
        spec["ingress"] = rules;
        types.push("Ingress");
    }
    if let Some(rules) = opening.egress {
        spec["egress"] = rules;
        types.push("Egress");
    }
    spec["policyTypes"] = json!(types);
    object(request, name, &spec)
}

fn object(request: &Request, name: &str, spec: &Value) -> Object {
    ours::fence(request, "networking.k8s.io/v1", "NetworkPolicy", name, json!({"spec": spec}))
}

/// A name that says whose Pods a policy is for, and that depends on which Pods those are.
fn name(what: &str, whose: &str, pods: &Value) -> String {
    let hash = digest_word(&[&pods.to_string()], 6);
    fit(&format!("kulisse-{what}-{}-{hash}", whose.replace('.', "-")), MAX_LABEL, 7)
}

/// Says that Pods lack an opening, since no selector would open it for them alone.
fn untold(log: &mut Log, pods: &pods::Pods, opening: &str, without: &str) {
    let path = format!("{}/metadata/labels", pods.template);
    let (why, settle) = if pods.labels.is_empty() {
        (
            format!(
                "its Pods have no labels, so that {opening} cannot be opened for them alone: {without}"
            ),
            "give the Pod template in the source a label of its own, app for example",
        )
    } else {
        (
            format!(
                "its Pods cannot be told from others by their labels, so that {opening} cannot be opened for them alone: {without}"
            ),
            "give the Pod template in the source a label that sets its Pods apart, app for example",
        )
    };
    log.find(Severity::Warns, &pods.owner, &path, "fence-selector", why, settle);
}

#[cfg(test)]
mod tests;
