//! Nobody passes on rights that they do not have: the API server refuses a Role that goes beyond what
//! the operator may do in a target. What is beyond is cut instead, so that the rest of the Role holds.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use super::{with, words};
use crate::{
    api::staging_plan::Severity,
    plan::{
        log::{Log, Rule},
        object::Object,
    },
};

const BEYOND: Rule = Rule {
    name: "role-beyond",
    why: "the operator has no such right in a target, and nobody passes on rights that they do not have",
};

/// Most characters of what settles a finding.
const SETTLE: usize = 2000;

/// Verbs by group and resource.
type Rights = BTreeMap<(String, String), BTreeSet<String>>;

/// Cuts what is beyond `ours` from the rules of a Role; if those are not known, the API server has
/// the last word.
pub(super) fn cut(object: &mut Object, ours: &[PolicyRule], log: &mut Log) {
    let rules = object.get("/rules").and_then(Value::as_array).cloned().unwrap_or_default();
    if ours.is_empty() || rules.is_empty() {
        return;
    }
    let (mut kept, mut beyond) = (Vec::new(), Rights::new());
    for (at, rule) in rules.iter().enumerate() {
        let new = held(rule, ours, &mut beyond);
        if new.as_slice() != std::slice::from_ref(rule) {
            let to = Value::Array(new.clone());
            log.changed(object.key(), &format!("/rules/{at}"), Some(rule), Some(&to), &BEYOND);
        }
        kept.extend(new);
    }
    object.set("/rules", Value::Array(kept));
    if !beyond.is_empty() {
        log.find(
            Severity::Warns,
            &object.key(),
            "/rules",
            "right-beyond",
            "the clone's account cannot be given all of its rights: the operator does not have them in targets",
            settle(object.name(), &beyond),
        );
    }
}

/// What lets the operator pass them on, for the platform team.
fn settle(name: &str, beyond: &Rights) -> String {
    let rules = beyond.iter().map(|((group, resource), verbs)| {
        let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
        let verbs = verbs.join(", ");
        format!("- {{ apiGroups: ['{group}'], resources: ['{resource}'], verbs: [{verbs}] }}\n")
    });
    let manifest = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: kulisse-clones-{name}\n  labels: {{ kulisse.dev/aggregate-to-clone-writer: 'true' }}\nrules:\n{}",
        rules.collect::<String>()
    );
    if manifest.len() > SETTLE {
        return "a ClusterRole labelled kulisse.dev/aggregate-to-clone-writer: 'true' with the rules that the changes show, made by the platform team".to_owned();
    }
    manifest
}

/// The rules that are left of one, and what is not.
fn held(rule: &Value, ours: &[PolicyRule], beyond: &mut Rights) -> Vec<Value> {
    let (groups, resources, verbs) =
        (words(rule, "apiGroups"), words(rule, "resources"), words(rule, "verbs"));
    let names = words(rule, "resourceNames");
    let has = |group: &str, resource: &str, verb: &str| {
        ours.iter().any(|it| covers(it, group, resource, verb, &names))
    };
    let whole = |group: &str, resource: &str| verbs.iter().all(|verb| has(group, resource, verb));
    if groups.iter().all(|group| resources.iter().all(|resource| whole(group, resource))) {
        return vec![rule.clone()];
    }
    let mut kept = Vec::new();
    for group in groups {
        let mut rule = rule.clone();
        rule["apiGroups"] = json!([group]);
        let (free, rest): (Vec<&str>, Vec<&str>) =
            resources.iter().partition(|resource| whole(group, resource));
        kept.extend(with(&rule, &free, &verbs));
        for resource in rest {
            let (some, none): (Vec<&str>, Vec<&str>) =
                verbs.iter().partition(|verb| has(group, resource, verb));
            kept.extend(with(&rule, &[resource], &some));
            if !none.is_empty() {
                let verbs = beyond.entry((group.to_owned(), resource.to_owned())).or_default();
                verbs.extend(none.into_iter().map(str::to_owned));
            }
        }
    }
    kept
}

/// Whether a right holds another one, as the API server sees it.
fn covers(ours: &PolicyRule, group: &str, resource: &str, verb: &str, names: &[&str]) -> bool {
    let any = |list: &[String], wanted: &str| list.iter().any(|it| it == "*" || it == wanted);
    let subresource = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    let ours_names = ours.resource_names.as_deref().unwrap_or_default();
    let same = ours_names.is_empty()
        || !names.is_empty() && names.iter().all(|name| ours_names.iter().any(|it| it == name));
    let resources = ours.resources.as_deref().unwrap_or_default();
    same && any(ours.api_groups.as_deref().unwrap_or_default(), group)
        && (any(resources, resource) || subresource.is_some_and(|it| resources.contains(&it)))
        && any(&ours.verbs, verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::object;

    fn ours() -> Vec<PolicyRule> {
        let rules = json!([
            {"apiGroups": [""], "resources": ["pods", "*/status"], "verbs": ["get", "list"]},
            {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"], "verbs": ["get"]},
        ]);
        serde_json::from_value(rules).unwrap()
    }

    fn left_of(wanted: &Value) -> (Value, Log) {
        let mut object =
            object("rbac.authorization.k8s.io/v1", "Role", "deck", json!({"rules": [wanted]}));
        let mut log = Log::default();
        cut(&mut object, &ours(), &mut log);
        (object.get("/rules").cloned().unwrap(), log)
    }

    #[test]
    fn what_the_operator_may_do_stays_as_it_was_written() {
        for rule in [
            json!({"apiGroups": [""], "resources": ["pods", "pods/status"], "verbs": ["get"]}),
            json!({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}),
            json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"], "verbs": ["get"]}),
        ] {
            let (left, log) = left_of(&rule);
            assert_eq!(left, json!([rule]));
            assert!(log.findings.is_empty() && log.changes.is_empty());
        }
    }

    #[test]
    fn what_is_beyond_is_cut_and_told_with_what_settles_it() {
        let (left, log) = left_of(&json!({
            "apiGroups": ["", "prow.k8s.io"], "resources": ["pods", "prowjobs"], "verbs": ["get", "create"]
        }));
        assert_eq!(left, json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]));
        let settle = &log.findings[0].settle;
        assert!(settle.contains("resources: ['prowjobs'], verbs: [create, get]"), "{settle}");
    }

    #[test]
    fn a_right_to_some_names_holds_no_right_to_all() {
        for names in [json!(null), json!(["a", "b"])] {
            let (left, _) = left_of(&json!({
                "apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]
            }));
            assert_eq!(left, json!([]));
        }
    }

    #[test]
    fn what_settles_much_that_is_beyond_is_said_in_a_sentence() {
        let settle = |count: usize| {
            let resources: Vec<String> = (0..count).map(|at| format!("kind-{at}")).collect();
            let (_, log) = left_of(&json!({
                "apiGroups": ["example.com"], "resources": resources, "verbs": ["create", "delete"]
            }));
            log.findings[0].settle.clone()
        };
        assert!(settle(5).starts_with("apiVersion:"));
        let long = settle(50);
        assert!(long.starts_with("a ClusterRole labelled") && long.len() <= SETTLE, "{long}");
    }
}
