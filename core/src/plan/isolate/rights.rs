//! Rights that reach the fence are cut; bindings keep the source's own accounts.

use serde_json::{Value, json};

use super::super::{
    context::Context,
    log::{Log, Rule},
    object::Object,
};

/// What the fence consists of: whoever may write these may open it.
const FENCE: &[&str] = &[
    "networkpolicies",
    "ciliumnetworkpolicies",
    "roles",
    "rolebindings",
    "resourcequotas",
    "limitranges",
    "namespaces",
    // These act beyond the namespace: whoever may write them may draw production's traffic.
    "ingresses",
    "httproutes",
    "gateways",
    "virtualservices",
    "certificates",
];
/// What gives an identity away.
const TOKENS: &[&str] = &["serviceaccounts/token"];
/// Verbs that only look.
const LOOK: &[&str] = &["get", "list", "watch"];
/// Verbs that lead beyond the rights one has.
const BEYOND: &[&str] = &["escalate", "bind", "impersonate"];
/// What `*` stands for, as far as Kubernetes' own resources go.
const ALL: &[&str] =
    &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

const CUT: Rule = Rule {
    name: "role-cut",
    why: "it could open the fence or draw production's traffic: policies, rights, limits, tokens and routes are not for the clone",
};
const WILDCARD: Rule =
    Rule { name: "role-wildcard", why: "a right to everything holds the right to open the fence" };
const SPELT: Rule =
    Rule { name: "role-wildcard", why: "the verbs are spelt out, without those that lead further" };
const SUBJECT: Rule = Rule {
    name: "binding-subject",
    why: "only the clone's own accounts have rights in it; people get theirs by spec.access",
};

/// Cuts a Role.
pub(super) fn role(object: &mut Object, log: &mut Log) {
    let rules = object.get("/rules").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut kept = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let path = format!("/rules/{at}");
        let all = |field: &str| {
            words(rule, field).iter().any(|it| it.starts_with('*') || it.ends_with("/*"))
        };
        if all("apiGroups") || all("resources") {
            log.changed(object.key(), &path, Some(rule), None, &WILDCARD);
            continue;
        }
        let new = cut(rule);
        if new.as_slice() != std::slice::from_ref(rule) {
            let why = if all("verbs") { &SPELT } else { &CUT };
            let to = Value::Array(new.clone());
            log.changed(object.key(), &path, Some(rule), Some(&to), why);
        }
        kept.extend(new);
    }
    if object.get("/rules").is_some() {
        object.set("/rules", Value::Array(kept));
    }
}

/// The rules that are left of one: what is not the fence with all its verbs, the fence to look at.
fn cut(rule: &Value) -> Vec<Value> {
    let mut verbs = words(rule, "verbs");
    if verbs.contains(&"*") {
        verbs = ALL.to_vec();
    }
    verbs.retain(|verb| !BEYOND.contains(verb));
    let resources = words(rule, "resources");
    let (fence, free): (Vec<&str>, Vec<&str>) = resources
        .into_iter()
        .filter(|it| !TOKENS.contains(it))
        .partition(|it| FENCE.contains(&it.split('/').next().unwrap_or(it)));
    let look: Vec<&str> = verbs.iter().copied().filter(|verb| LOOK.contains(verb)).collect();
    if fence.is_empty() || look == verbs {
        // One rule is enough, in the order in which it was written.
        let resources: Vec<&str> =
            words(rule, "resources").into_iter().filter(|it| !TOKENS.contains(it)).collect();
        return with(rule, &resources, &verbs).into_iter().collect();
    }
    with(rule, &free, &verbs).into_iter().chain(with(rule, &fence, &look)).collect()
}

fn with(rule: &Value, resources: &[&str], verbs: &[&str]) -> Option<Value> {
    if resources.is_empty() || verbs.is_empty() {
        return None;
    }
    let mut rule = rule.as_object()?.clone();
    rule.insert("resources".to_owned(), json!(resources));
    rule.insert("verbs".to_owned(), json!(verbs));
    Some(Value::Object(rule))
}

fn words<'v>(rule: &'v Value, field: &str) -> Vec<&'v str> {
    let list = rule.get(field).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Keeps of a binding the source's accounts; `None` if it stays behind.
pub(super) fn binding(mut object: Object, context: &Context, log: &mut Log) -> Option<Object> {
    if object.text("/roleRef/kind") != "Role" {
        let name = object.text("/roleRef/name").to_owned();
        log.leave(
            &object.key(),
            "cluster-role",
            format!("it binds the ClusterRole {name}, whose rights are not known here"),
        );
        return None;
    }
    for path in object.expand("/subjects/*").iter().rev() {
        if !is_own(&object, path, context.target()) {
            log.remove(&mut object, path, &SUBJECT);
        }
    }
    if object.expand("/subjects/*").is_empty() {
        log.leave(
            &object.key(),
            "no-subject",
            "it gives rights to nobody of the clone's own accounts",
        );
        return None;
    }
    Some(object)
}

fn is_own(object: &Object, subject: &str, target: &str) -> bool {
    let text = |field: &str| object.text(&format!("{subject}/{field}"));
    match text("kind") {
        // Left out, it is the binding's own namespace.
        "ServiceAccount" => ["", target].contains(&text("namespace")),
        "User" => text("name")
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.strip_prefix(target))
            .is_some_and(|rest| rest.starts_with(':')),
        "Group" => text("name").strip_prefix("system:serviceaccounts:") == Some(target),
        _ => false,
    }
}
