//! The way to the Kubernetes API, for Pods whose account has rights in the target.
//!
//! Policies select Pods, not accounts: the planner knows which templates run as which account.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::{Value, json};

use super::{
    Opening, name, pods,
    pods::Pods,
    policy,
    selector::{self, Others},
    untold,
};
use crate::{
    api::staging_plan::Severity,
    plan::{
        log::Log,
        object::{Key, Object},
        ours,
        places::listed,
        request::Request,
        task::PlannedTask,
    },
};

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn policies(
    clones: &[Object],
    pods: &[Pods],
    tasks: &[PlannedTask],
    request: &Request,
    log: &mut Log,
) -> Vec<Object> {
    let tasks = pods::of_tasks(tasks);
    let accounts = Accounts::of(clones, request);
    let (wanting, others): (Vec<&Pods>, Vec<&Pods>) =
        pods.iter().chain(&tasks).partition(|pods| accounts.need_api(pods));

    let others = Others::of(&others);
    let mut policies: Vec<Object> = Vec::new();
    let mut made = BTreeSet::new();
    let mut cut_off: BTreeSet<&Key> = BTreeSet::new();
    for pods in wanting {
        let Some(selector) = selector::exact(pods, &others) else {
            untold(
                log,
                pods,
                "the Kubernetes API",
                "they cannot reach it, although they have rights",
            );
            continue;
        };
        let name = name("api", &pods.owner.name, &selector);
        if request.cluster.api_endpoints.is_empty() {
            cut_off.insert(&pods.owner);
        } else if made.insert(name.clone()) {
            let opening = Opening { egress: Some(endpoints(request)), ..Opening::default() };
            policies.push(policy(request, &name, &selector, opening));
        }
    }
    unknown(&cut_off, request, log);
    policies
}

/// One rule per endpoint, as each has a port of its own.
fn endpoints(request: &Request) -> Value {
    let rules = request.cluster.api_endpoints.iter().map(|endpoint| {
        let prefix = match endpoint.address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let cidr = format!("{}/{prefix}", endpoint.address);
        json!({
            "to": [{"ipBlock": {"cidr": cidr}}],
            "ports": [{"protocol": "TCP", "port": endpoint.port}],
        })
    });
    rules.collect()
}

/// Says once for the whole plan that the way to the API is not known.
fn unknown(cut_off: &BTreeSet<&Key>, request: &Request, log: &mut Log) {
    if cut_off.is_empty() {
        return;
    }
    let named: Vec<String> = cut_off.iter().map(ToString::to_string).collect();
    log.find(
        Severity::Informs,
        &request.environment.key(),
        "",
        "api-address-unknown",
        format!(
            "where the Kubernetes API listens is not known here: the plan lacks the way to it that accounts with rights have ({})",
            listed(&named)
        ),
        "kubectl -n default get endpointslice kubernetes -o yaml # among the files of --source; the operator reads it itself",
    );
}

/// The accounts of the target, and what they may do.
struct Accounts<'a> {
    /// Names of those with rights; `None` if all have some.
    bound: Option<BTreeSet<&'a str>>,
    /// Names of those whose token Pods do not get unless they ask for it.
    unmounted: BTreeSet<&'a str>,
}

impl<'a> Accounts<'a> {
    fn of(clones: &'a [Object], request: &Request) -> Self {
        let target = request.target.as_str();
        let everybody = format!("system:serviceaccounts:{target}");
        let somebody = format!("system:serviceaccount:{target}:");
        let subjects = || {
            clones
                .iter()
                .filter(|clone| ours::is(clone, RBAC, "RoleBinding"))
                .filter_map(|binding| binding.get("/subjects")?.as_array())
                .flatten()
                .filter_map(|subject| {
                    Some((subject["kind"].as_str()?, subject["name"].as_str()?, subject))
                })
        };
        let all = subjects().any(|(kind, name, _)| kind == "Group" && name == everybody);
        let bound = subjects().filter_map(|(kind, name, subject)| match kind {
            "ServiceAccount" => (subject["namespace"] == target).then_some(name),
            "User" => name.strip_prefix(&somebody),
            _ => None,
        });
        Self {
            bound: (!all).then(|| bound.collect()),
            unmounted: clones
                .iter()
                .filter(|clone| ours::is(clone, "", "ServiceAccount"))
                .filter(|account| {
                    account.get("/automountServiceAccountToken") == Some(&json!(false))
                })
                .map(Object::name)
                .collect(),
        }
    }

    /// Whether Pods have rights and a token to use them with. The Pod spec outweighs the account.
    fn need_api(&self, pods: &Pods) -> bool {
        let account = pods.account.as_str();
        self.bound.as_ref().is_none_or(|bound| bound.contains(account))
            && pods.automount.unwrap_or(!self.unmounted.contains(account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{deployment, object, request};

    fn binding(subject: &Value) -> Object {
        object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "leader",
            json!({"subjects": [subject]}),
        )
    }

    fn opened(clones: &[Object]) -> Vec<Object> {
        let pods = pods::of_clones(clones);
        policies(clones, &pods, &[], &request(json!({}), json!({})), &mut Log::default())
    }

    #[test]
    fn only_pods_with_rights_and_a_token_reach_the_api() {
        let robot =
            json!({"kind": "ServiceAccount", "name": "robot", "namespace": "stg-pr-7-abcde"});
        let group = json!({"kind": "Group", "name": "system:serviceaccounts:stg-pr-7-abcde"});
        let user = json!({"kind": "User", "name": "system:serviceaccount:stg-pr-7-abcde:robot"});
        let elsewhere = json!({"kind": "ServiceAccount", "name": "robot", "namespace": "shop"});
        let people = json!({"kind": "Group", "name": "on-call"});
        let others = json!({"kind": "User", "name": "system:serviceaccounts:stg-pr-7-abcde"});
        for (subject, pod, account, expected) in [
            (&robot, json!({"serviceAccountName": "robot"}), json!({}), true),
            (&user, json!({"serviceAccountName": "robot"}), json!({}), true),
            (&group, json!({}), json!({}), true),
            (&robot, json!({}), json!({}), false),
            (&elsewhere, json!({"serviceAccountName": "robot"}), json!({}), false),
            (&people, json!({"serviceAccountName": "robot"}), json!({}), false),
            (&others, json!({"serviceAccountName": "robot"}), json!({}), false),
            (
                &robot,
                json!({"serviceAccountName": "robot"}),
                json!({"automountServiceAccountToken": false}),
                false,
            ),
            (
                &robot,
                json!({"serviceAccountName": "robot", "automountServiceAccountToken": true}),
                json!({"automountServiceAccountToken": false}),
                true,
            ),
            (
                &robot,
                json!({"serviceAccountName": "robot", "automountServiceAccountToken": false}),
                json!({}),
                false,
            ),
        ] {
            let clones = [
                binding(subject),
                object("v1", "ServiceAccount", "robot", account.clone()),
                deployment("web", json!({"app": "web"}), pod.clone()),
            ];
            assert_eq!(opened(&clones).len() == 1, expected, "{subject} {pod} {account}");
        }
    }

    #[test]
    fn the_api_is_opened_at_its_own_address_and_port_and_for_those_pods_alone() {
        let robot =
            json!({"kind": "ServiceAccount", "name": "robot", "namespace": "stg-pr-7-abcde"});
        let policies = opened(&[
            binding(&robot),
            deployment("robot", json!({"app": "x"}), json!({"serviceAccountName": "robot"})),
            deployment("db", json!({"app": "x", "tier": "db"}), json!({})),
        ]);
        assert_eq!(
            policies[0].get("/spec"),
            Some(&json!({
                "podSelector": {
                    "matchLabels": {"app": "x"},
                    "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
                },
                "policyTypes": ["Egress"],
                "egress": [
                    {
                        "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
                        "ports": [{"protocol": "TCP", "port": 6443}],
                    },
                    {
                        "to": [{"ipBlock": {"cidr": "fd00::1/128"}}],
                        "ports": [{"protocol": "TCP", "port": 6443}],
                    },
                ],
            }))
        );
    }

    #[test]
    fn pods_that_cannot_be_told_apart_do_not_get_each_others_way_to_the_api() {
        let robot =
            json!({"kind": "ServiceAccount", "name": "robot", "namespace": "stg-pr-7-abcde"});
        let clones = [
            binding(&robot),
            deployment("robot", json!({"app": "x"}), json!({"serviceAccountName": "robot"})),
            deployment("twin", json!({"app": "x"}), json!({})),
        ];
        let mut log = Log::default();
        let pods = pods::of_clones(&clones);
        let made = policies(&clones, &pods, &[], &request(json!({}), json!({})), &mut log);
        assert_eq!(made, []);
        assert_eq!(log.findings[0].kind, "fence-selector");
    }

    #[test]
    fn where_nobody_knows_the_api_it_is_said_once_of_whom() {
        let robot =
            json!({"kind": "ServiceAccount", "name": "robot", "namespace": "stg-pr-7-abcde"});
        let pod = json!({"serviceAccountName": "robot"});
        let clones = [
            binding(&robot),
            deployment("one", json!({"app": "one"}), pod.clone()),
            deployment("two", json!({"app": "two"}), pod),
        ];
        let mut request = request(json!({}), json!({}));
        request.cluster.api_endpoints.clear();
        let mut log = Log::default();
        assert_eq!(policies(&clones, &pods::of_clones(&clones), &[], &request, &mut log), []);
        let told: Vec<_> = log.findings.iter().map(|it| (it.kind.as_str(), &it.why)).collect();
        assert!(
            matches!(told[..], [("api-address-unknown", why)] if why.contains("one") && why.contains("two")),
            "{told:?}"
        );
    }
}
