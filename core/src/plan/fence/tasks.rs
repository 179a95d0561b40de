//! Seeds and smokes reach every Pod of the target, also where production's own policies keep others
//! out: they were asked for by whoever asked for the environment.

use serde_json::{Value, json};

use super::{Opening, policy};
use crate::{
    api::names::TASK_LABEL,
    plan::{object::Object, request::Request, task::PlannedTask},
};

pub(super) fn policies(tasks: &[PlannedTask], request: &Request) -> Vec<Object> {
    if tasks.is_empty() {
        return Vec::new();
    }
    let out = Opening { egress: Some(json!([{"to": [{"podSelector": {}}]}])), ingress: None };
    let into =
        Opening { ingress: Some(json!([{"from": [{"podSelector": of_tasks()}]}])), egress: None };
    vec![
        policy(request, "kulisse-tasks", &of_tasks(), out),
        policy(request, "kulisse-tasks-in", &json!({}), into),
    ]
}

/// Pods of any task. No clone has the label: it belongs to us, and clones lose what is ours.
fn of_tasks() -> Value {
    json!({"matchExpressions": [{"key": TASK_LABEL, "operator": "Exists"}]})
}
