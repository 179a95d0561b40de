//! Rights that reach the fence are cut; bindings keep the source's own accounts.

mod held;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::{
    context::Context,
    kinds::{self, Shape},
    log::{Log, Rule},
    object::{Key, Object},
};
use crate::api::staging_plan::Severity;

/// What the fence consists of: whoever may write these may open it.
const FENCE: &[&str] = &[
    "networkpolicies",
    "ciliumnetworkpolicies",
    "roles",
    "rolebindings",
    "resourcequotas",
    "limitranges",
    "namespaces",
    // These act beyond the namespace: whoever may write them may draw production's traffic, or have a
    // controller carry traffic to production.
    "ingresses",
    "httproutes",
    "grpcroutes",
    "tlsroutes",
    "tcproutes",
    "udproutes",
    "gateways",
    "virtualservices",
    "destinationrules",
    "serviceentries",
    "ingressroutes",
    "ingressroutetcps",
    "ingressrouteudps",
    "httpproxies",
    "routes",
    "dnsendpoints",
    "certificates",
    "certificaterequests",
    "endpoints",
    "endpointslices",
    // A clone that asks for environments would ask for them as production does, once more in each.
    "stagingenvironments",
    "staginggrants",
    "stagingplans",
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
    why: "it could open the fence, draw production's traffic or make environments of its own",
};
const WILDCARD: Rule =
    Rule { name: "role-wildcard", why: "a right to everything holds the right to open the fence" };
const SPELT: Rule =
    Rule { name: "role-wildcard", why: "the verbs are spelt out, without those that lead further" };
const SUBJECT: Rule = Rule {
    name: "binding-subject",
    why: "only the clone's own accounts have rights in it; people get theirs by spec.access",
};

const OWN_NAMESPACE: Rule = Rule {
    name: "binding-namespace",
    why: "left out, it is the binding's own, and the API server wants it said",
};

const IN_TARGET: Rule = Rule {
    name: "role-of-target",
    why: "a ClusterRole belongs to the cluster: a Role of the target has the same rights, without those that reach the fence",
};
const RBAC: &str = "rbac.authorization.k8s.io";
const CLUSTER_ROLE: &str = "ClusterRole";

/// Cuts a Role.
pub(super) fn role(object: &mut Object, context: &Context, log: &mut Log) {
    let rules = object.get("/rules").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut kept = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let path = format!("/rules/{at}");
        if is_wildcard(rule) {
            log.changed(object.key(), &path, Some(rule), None, &WILDCARD);
            continue;
        }
        let new = cut(rule);
        if new.as_slice() != std::slice::from_ref(rule) {
            let all = words(rule, "verbs").iter().any(|it| it.starts_with('*'));
            let why = if all { &SPELT } else { &CUT };
            let to = Value::Array(new.clone());
            log.changed(object.key(), &path, Some(rule), Some(&to), why);
        }
        kept.extend(new);
    }
    if object.get("/rules").is_some() {
        object.set("/rules", Value::Array(kept));
    }
    held::cut(object, &context.request.cluster.rights, log);
}

/// The verbs that a Role of the source loses, by what they act on.
pub(in crate::plan) fn lost(role: &Object) -> BTreeMap<String, BTreeSet<String>> {
    let mut lost: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in role.get("/rules").and_then(Value::as_array).into_iter().flatten() {
        let kept = if is_wildcard(rule) { Vec::new() } else { cut(rule) };
        let may = |resource: &str, verb: &str| {
            let has = |rule: &Value, field: &str, it: &str| words(rule, field).contains(&it);
            kept.iter().any(|it| has(it, "resources", resource) && has(it, "verbs", verb))
        };
        for resource in words(rule, "resources") {
            let verbs = verbs(rule).into_iter().filter(|verb| !may(resource, verb));
            let verbs: BTreeSet<String> = verbs.map(str::to_owned).collect();
            if !verbs.is_empty() {
                lost.entry(resource.to_owned()).or_default().extend(verbs);
            }
        }
    }
    lost
}

/// The verbs of a rule, `*` spelt out.
fn verbs(rule: &Value) -> Vec<&str> {
    let verbs = words(rule, "verbs");
    if verbs.contains(&"*") { ALL.to_vec() } else { verbs }
}

/// Whether a rule speaks of every group, or every kind.
fn is_wildcard(rule: &Value) -> bool {
    let all =
        |field: &str| words(rule, field).iter().any(|it| it.starts_with('*') || it.ends_with("/*"));
    all("apiGroups") || all("resources")
}

/// The rules that are left of one: what is not the fence with all its verbs, the fence to look at.
fn cut(rule: &Value) -> Vec<Value> {
    let mut verbs = verbs(rule);
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

/// Kinds that belong to the whole cluster: a right to them means nothing in one namespace, and
/// Kubernetes refuses a Role that names them to whoever lacks it.
const OF_CLUSTER: &[&str] = &[
    "nodes",
    "persistentvolumes",
    "clusterroles",
    "clusterrolebindings",
    "customresourcedefinitions",
    "apiservices",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "storageclasses",
    "ingressclasses",
    "priorityclasses",
    "certificatesigningrequests",
    "tokenreviews",
    "subjectaccessreviews",
];

/// The name of the Role that holds what a ClusterRole gives in one namespace.
fn role_of(cluster_role: &str) -> String {
    format!("kulisse-{cluster_role}")
}

/// The ClusterRole that a binding of the source names, if it was read.
fn cluster_role<'a>(binding: &Object, context: &Context<'a>) -> Option<&'a Object> {
    if binding.text("/roleRef/kind") != CLUSTER_ROLE {
        return None;
    }
    let key = Key {
        group: RBAC.to_owned(),
        kind: CLUSTER_ROLE.to_owned(),
        name: binding.text("/roleRef/name").to_owned(),
    };
    context.by_key.get(&key).copied()
}

/// The Roles that stand for the ClusterRoles of cloned bindings: the same rights, in the target
/// only, cut as all others are.
pub(super) fn roles(objects: &[Object], context: &Context, log: &mut Log) -> Vec<Object> {
    let bindings = objects.iter().filter(|it| kinds::shape(it) == Shape::RoleBinding);
    let named: BTreeMap<&str, &Object> = bindings
        .filter_map(|it| cluster_role(context.by_key.get(&it.key())?, context))
        .map(|it| (it.name(), it))
        .collect();
    named
        .into_values()
        .map(|source| {
            let rules = source.get("/rules").and_then(Value::as_array).into_iter().flatten();
            let rules: Vec<Value> = rules.filter_map(in_namespace).collect();
            let mut made = Object::made(
                "rbac.authorization.k8s.io/v1",
                "Role",
                &role_of(source.name()),
                json!({ "metadata": { "namespace": context.target() }, "rules": rules }),
            );
            role(&mut made, context, log);
            made
        })
        .collect()
}

/// What a rule means in one namespace.
fn in_namespace(rule: &Value) -> Option<Value> {
    let all = words(rule, "resources");
    let own: Vec<&str> = all
        .into_iter()
        .filter(|it| !OF_CLUSTER.contains(&it.split('/').next().unwrap_or(it)))
        .collect();
    with(rule, &own, &words(rule, "verbs"))
}

/// Says which of the source's accounts have rights in the whole cluster, which no clone has.
pub(super) fn beyond(context: &Context, log: &mut Log) {
    let bindings = context.capture.objects.iter().filter(|it| it.kind() == "ClusterRoleBinding");
    for binding in bindings {
        let accounts: BTreeSet<&str> = binding
            .expand("/subjects/*")
            .iter()
            .filter(|it| {
                binding.text(&format!("{it}/kind")) == "ServiceAccount"
                    && binding.text(&format!("{it}/namespace")) == context.source()
            })
            .map(|it| binding.text(&format!("{it}/name")))
            .collect();
        for account in accounts {
            let key = Key {
                group: String::new(),
                kind: "ServiceAccount".to_owned(),
                name: account.to_owned(),
            };
            let role = binding.text("/roleRef/name");
            log.find(
                Severity::Warns,
                &key,
                "",
                "cluster-binding",
                format!(
                    "in production {} gives it the ClusterRole {role} in the whole cluster; its clone has no rights beyond the target",
                    binding.name()
                ),
                format!(
                    "if rights in its own namespace are enough, in the source: kubectl -n {} create rolebinding {account}-{role} --clusterrole={role} --serviceaccount={}:{account}",
                    context.source(),
                    context.source()
                ),
            );
        }
    }
}

/// Keeps of a binding the source's accounts; `None` if it stays behind.
pub(super) fn binding(mut object: Object, context: &Context, log: &mut Log) -> Option<Object> {
    if let Some(role) = cluster_role(&object, context) {
        let role_ref = json!({ "apiGroup": RBAC, "kind": "Role", "name": role_of(role.name()) });
        log.set(&mut object, "/roleRef", role_ref, &IN_TARGET);
    }
    if object.text("/roleRef/kind") != "Role" {
        let name = object.text("/roleRef/name").to_owned();
        let why = format!("it binds the ClusterRole {name}, whose rights are not known here");
        let own = object.expand("/subjects/*");
        if own.iter().any(|path| is_own(&object, path, context.target())) {
            log.find(
                Severity::Warns,
                &object.key(),
                "/roleRef/name",
                "cluster-role",
                format!("{why}: the clone's accounts lack them"),
                format!("kubectl get clusterrole {name} -o yaml # among the files of --source; the operator reads it itself"),
            );
        }
        log.leave(&object.key(), "cluster-role", why);
        return None;
    }
    for path in object.expand("/subjects/*").iter().rev() {
        if !is_own(&object, path, context.target()) {
            log.remove(&mut object, path, &SUBJECT);
        } else if object.text(&format!("{path}/kind")) == "ServiceAccount" {
            let (namespace, target) = (format!("{path}/namespace"), json!(context.target()));
            log.set(&mut object, &namespace, target, &OWN_NAMESPACE);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{self, object};

    const TARGET: &str = "stg-pr-7-abcde";

    fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
        json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
    }

    #[test]
    fn a_rule_loses_what_reaches_the_fence_and_nothing_else() {
        let all =
            ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
        let (request, capture) = (fixture::request(json!({}), json!({})), fixture::capture());
        let context = Context::new(&request, &capture).unwrap();
        for (before, after) in [
            (
                rule("", &["pods"], &["get", "delete"]),
                vec![rule("", &["pods"], &["get", "delete"])],
            ),
            // Whoever only looks keeps one rule.
            (
                rule("", &["pods", "networkpolicies"], &["get", "list"]),
                vec![rule("", &["pods", "networkpolicies"], &["get", "list"])],
            ),
            (
                rule("", &["pods", "networkpolicies"], &["get", "create"]),
                vec![
                    rule("", &["pods"], &["get", "create"]),
                    rule("", &["networkpolicies"], &["get"]),
                ],
            ),
            (rule("", &["networkpolicies/status"], &["patch"]), vec![]),
            (
                rule("", &["serviceaccounts/token", "serviceaccounts"], &["create"]),
                vec![rule("", &["serviceaccounts"], &["create"])],
            ),
            (rule("", &["pods"], &["*"]), vec![rule("", &["pods"], &all)]),
            (rule("", &["pods"], &["impersonate", "get"]), vec![rule("", &["pods"], &["get"])]),
            (rule("", &["pods"], &["impersonate"]), vec![]),
            // A right to everything holds the right to the fence.
            (rule("*", &["pods"], &["get"]), vec![]),
            (rule("", &["*"], &["get"]), vec![]),
            (rule("", &["pods/*"], &["get"]), vec![]),
        ] {
            let rules = json!({"rules": [before]});
            let mut role = object("rbac.authorization.k8s.io/v1", "Role", "web", rules);
            let mut log = Log::default();
            super::role(&mut role, &context, &mut log);
            assert_eq!(role.get("/rules"), Some(&json!(after)), "{before}");
            assert_eq!(log.changes.is_empty(), after == [before.clone()], "{before}");
        }
    }

    #[test]
    fn only_accounts_of_the_target_are_its_own() {
        for (kind, name, namespace, expected) in [
            ("ServiceAccount", "web", TARGET, true),
            ("ServiceAccount", "web", "", true),
            ("ServiceAccount", "web", "payments", false),
            ("User", "system:serviceaccount:stg-pr-7-abcde:web", "", true),
            ("User", "system:serviceaccount:stg-pr-7-abcde-2:web", "", false),
            ("User", "ann", "", false),
            ("Group", "system:serviceaccounts:stg-pr-7-abcde", "", true),
            ("Group", "system:serviceaccounts", "", false),
            ("Group", "system:serviceaccounts:payments", "", false),
            ("Robot", "web", TARGET, false),
        ] {
            let subject = json!({"kind": kind, "name": name, "namespace": namespace});
            let binding = object(
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                "web",
                json!({"subjects": [subject]}),
            );
            assert_eq!(is_own(&binding, "/subjects/0", TARGET), expected, "{subject}");
        }
    }

    #[test]
    fn rights_in_the_cluster_are_told_of_the_sources_accounts_alone() {
        let account = |name: &str, namespace: &str| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace});
        let binding = |kind: &str, subjects: Value| {
            let rest =
                json!({"roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": subjects});
            object("rbac.authorization.k8s.io/v1", kind, "admins", rest)
        };
        let user = json!({"kind": "User", "name": "ann", "namespace": "shop"});
        let subjects = json!([account("robot", "shop"), account("pay", "payments"), user]);
        let request = fixture::request(json!({}), json!({}));
        let mut capture = fixture::capture();
        capture.objects = vec![
            binding("ClusterRoleBinding", subjects),
            binding("RoleBinding", json!([account("web", "shop")])),
        ];
        let mut log = Log::default();
        beyond(&Context::new(&request, &capture).unwrap(), &mut log);
        let told: Vec<_> = log.findings.iter().map(|it| it.object.as_str()).collect();
        assert_eq!(told, ["ServiceAccount/robot"]);
    }
}
