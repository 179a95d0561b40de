use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::{
    api::names,
    plan::{
        capture::Capture,
        fixture::{self, deployment, object},
    },
};

fn fenced(clones: &[Object], spec: Value) -> (Vec<Object>, Log) {
    let (request, capture): (Request, Capture) =
        (fixture::request(spec, json!({})), fixture::capture());
    let context = Context::new(&request, &capture).unwrap();
    let mut log = Log::default();
    let tasks = crate::plan::task::tasks(clones, &[], &context, &mut log).unwrap();
    (fence(clones, &tasks, &context, &mut log).unwrap(), log)
}

fn named<'a>(policies: &'a [Object], start: &str) -> Vec<&'a Value> {
    let named = policies.iter().filter(|it| it.name().starts_with(start));
    named.map(|it| it.get("/spec").unwrap()).collect()
}

#[test]
fn nothing_goes_in_or_out_but_what_is_opened() {
    let (policies, _) = fenced(&[], json!({}));
    assert_eq!(
        named(&policies, "kulisse-default-deny"),
        [&json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})]
    );
    assert_eq!(
        named(&policies, "kulisse-dns"),
        [&json!({
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{
                "to": [{
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                }],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            }],
        })]
    );
    for policy in &policies {
        assert_eq!(policy.text("/metadata/namespace"), "stg-pr-7-abcde");
        assert_eq!(policy.label(names::FENCE_LABEL), Some("true"));
        assert_eq!(policy.label(names::ENVIRONMENT_UID_LABEL), Some("uid-7"));
        assert_eq!(policy.label(names::ENVIRONMENT_LABEL), Some("pr-7"));
        assert_eq!(policy.label(names::MANAGED_BY_LABEL), Some(names::MANAGED_BY));
    }
}

#[test]
fn without_cloned_policies_the_target_talks_to_itself() {
    let (policies, log) = fenced(&[deployment("web", json!({"app": "web"}), json!({}))], json!({}));
    assert_eq!(
        named(&policies, "kulisse-within"),
        [&json!({
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {}}]}],
            "egress": [{"to": [{"podSelector": {}}]}],
        })]
    );
    assert_eq!(log.findings, []);
}

#[test]
fn a_cloned_policy_keeps_its_pods_to_what_it_says() {
    let clones = [
        deployment("db", json!({"app": "x", "tier": "db"}), json!({})),
        deployment("web", json!({"app": "x"}), json!({})),
        fixture::policy(
            "db",
            json!({"podSelector": {"matchLabels": {"tier": "db"}}, "ingress": []}),
        ),
    ];
    let (policies, _) = fenced(&clones, json!({}));
    let web_only = json!({
        "matchLabels": {"app": "x"},
        "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
    });
    let within = named(&policies, "kulisse-within");
    let into = within.iter().filter(|spec| spec.get("ingress").is_some());
    assert_eq!(into.map(|spec| &spec["podSelector"]).collect::<Vec<_>>(), [&web_only]);
    let out = within.iter().filter(|spec| spec.get("egress").is_some());
    assert_eq!(out.map(|spec| &spec["podSelector"]).collect::<Vec<_>>(), [&json!({})]);
}

#[test]
fn pods_that_cannot_be_told_apart_get_no_allowance_and_are_named() {
    let stateful = object(
        "apps/v1",
        "StatefulSet",
        "db",
        json!({"spec": {
            "template": {"metadata": {"labels": {"app": "db"}}},
        }}),
    );
    let first = json!({"matchLabels": {"statefulset.kubernetes.io/pod-name": "db-0"}});
    for (clones, named_object) in [
        // One Pod of a set that is selected by a label which only its controller knows.
        (
            vec![stateful, fixture::policy("p", json!({"podSelector": first}))],
            "StatefulSet.apps/db",
        ),
        // Pods without labels of their own.
        (
            vec![
                deployment("bare", json!({"kulisse.dev/environment": "pr-7"}), json!({})),
                fixture::policy("p", json!({"podSelector": {"matchLabels": {"app": "db"}}})),
            ],
            "Deployment.apps/bare",
        ),
    ] {
        let (policies, log) = fenced(&clones, json!({}));
        let within = named(&policies, "kulisse-within");
        assert!(within.iter().all(|spec| spec.get("ingress").is_none()));
        assert_eq!(log.findings[0].object, named_object);
        assert_eq!(log.findings[0].severity, Severity::Warns);
    }
}

#[test]
fn tasks_reach_every_pod_and_only_where_there_are_tasks() {
    let smoke = json!({"smoke": [{"name": "up", "run": {"image": "curl"}}]});
    let task = json!({"matchExpressions": [{"key": "kulisse.dev/task", "operator": "Exists"}]});
    let (policies, _) = fenced(&[], smoke);
    assert_eq!(
        named(&policies, "kulisse-tasks"),
        [
            &json!({
                "podSelector": task,
                "policyTypes": ["Egress"],
                "egress": [{"to": [{"podSelector": {}}]}],
            }),
            &json!({
                "podSelector": {},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"podSelector": task}]}],
            }),
        ]
    );
    assert_eq!(named(&fenced(&[], json!({})).0, "kulisse-tasks"), [] as [&Value; 0]);
}

// Below: Kubernetes' rules once more, written from its documentation and independent of the code
// under test.

type Labels = std::collections::BTreeMap<String, String>;

fn selects(selector: &Value, labels: &Labels) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    let mut equal = equal.map(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    let mut expressions = expressions.map(|expression| {
        let have = labels.get(expression["key"].as_str().unwrap());
        let listed = || {
            let values = expression["values"].as_array().unwrap();
            have.is_some_and(|have| values.iter().any(|value| value == have.as_str()))
        };
        match expression["operator"].as_str().unwrap() {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => have.is_some(),
            "DoesNotExist" => have.is_none(),
            other => panic!("{other}"),
        }
    });
    equal.all(|it| it) && expressions.all(|it| it)
}

fn is_for(spec: &Value, direction: &str) -> bool {
    match spec.get("policyTypes").and_then(Value::as_array) {
        Some(types) => types.iter().any(|it| it == direction),
        None => direction == "Ingress" || spec.get("egress").is_some(),
    }
}

/// Whether Pods labelled `pod` may, in that direction, talk to Pods labelled `other`.
fn may(policies: &[&Value], direction: &str, pod: &Labels, other: &Labels) -> bool {
    let mut acting = policies
        .iter()
        .filter(|spec| is_for(spec, direction) && selects(&spec["podSelector"], pod))
        .peekable();
    if acting.peek().is_none() {
        return true;
    }
    let (rules, peers) =
        if direction == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
    acting.any(|spec| {
        spec[rules].as_array().into_iter().flatten().any(|rule| {
            // No list of peers is all peers; other namespaces hold none of these Pods.
            rule.get(peers).is_none_or(|peers| {
                peers.as_array().unwrap().iter().any(|peer| {
                    peer.get("namespaceSelector").is_none()
                        && peer.get("podSelector").is_some_and(|it| selects(it, other))
                })
            })
        })
    })
}

fn talk(policies: &[&Value], from: &Labels, to: &Labels) -> bool {
    may(policies, "Egress", from, to) && may(policies, "Ingress", to, from)
}

const KEYS: [&str; 3] = ["app", "tier", "team"];
const VALUES: [&str; 2] = ["a", "b"];

fn labels() -> impl Strategy<Value = Labels> {
    vec(option::of(select(&VALUES[..])), 3).prop_map(|values| {
        let pairs = KEYS.iter().zip(values);
        pairs.filter_map(|(key, value)| Some(((*key).to_owned(), value?.to_owned()))).collect()
    })
}

fn expression() -> impl Strategy<Value = Value> {
    let operators = select(vec!["In", "NotIn", "Exists", "DoesNotExist"]);
    (select(&KEYS[..]), operators, vec(select(&VALUES[..]), 1..3)).prop_map(
        |(key, operator, values)| match operator {
            "In" | "NotIn" => json!({"key": key, "operator": operator, "values": values}),
            _ => json!({"key": key, "operator": operator}),
        },
    )
}

fn selector() -> impl Strategy<Value = Value> {
    (labels(), vec(expression(), 0..2))
        .prop_map(|(labels, more)| json!({"matchLabels": labels, "matchExpressions": more}))
}

fn network_policy() -> impl Strategy<Value = Value> {
    let rules = || option::of(vec(vec(selector(), 0..2), 0..2));
    let types = option::of(select(vec![
        json!(["Ingress"]),
        json!(["Egress"]),
        json!(["Ingress", "Egress"]),
    ]));
    (selector(), types, rules(), rules()).prop_map(|(pods, types, ingress, egress)| {
        let mut spec = json!({"podSelector": pods});
        for (field, peers, rules) in [("ingress", "from", ingress), ("egress", "to", egress)] {
            // Rules for a direction that is not the policy's business mean nothing.
            let Some(rules) = rules.filter(|rules| !rules.is_empty()) else { continue };
            let rules = rules.into_iter().map(|selectors| {
                let list = selectors.into_iter().map(|it| json!({"podSelector": it}));
                let list: Vec<Value> = list.collect();
                if list.is_empty() { json!({}) } else { json!({peers: list}) }
            });
            spec[field] = rules.collect();
        }
        if let Some(types) = types {
            spec["policyTypes"] = types;
        }
        spec
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pods_talk_in_the_target_exactly_if_they_do_in_production(
        templates in vec(labels(), 1..5),
        cloned in vec(network_policy(), 0..4),
    ) {
        let mut clones: Vec<Object> = templates
            .iter()
            .enumerate()
            .map(|(at, labels)| deployment(&format!("w{at}"), json!(labels), json!({})))
            .collect();
        clones.extend(
            cloned.iter().enumerate().map(|(at, it)| fixture::policy(&format!("p{at}"), it.clone())),
        );
        let (made, log) = fenced(&clones, json!({}));
        let made: Vec<&Value> = made.iter().map(|it| it.get("/spec").unwrap()).collect();
        let production: Vec<&Value> = cloned.iter().collect();
        let target: Vec<&Value> = made.iter().copied().chain(&cloned).collect();

        for direction in ["Ingress", "Egress"] {
            let acting = cloned.iter().any(|spec| is_for(spec, direction));
            for pod in &templates {
                let bound = cloned
                    .iter()
                    .any(|spec| is_for(spec, direction) && selects(&spec["podSelector"], pod));
                // Any Pod of the target, whatever its labels.
                let stranger = Labels::from([("app".to_owned(), "stranger".to_owned())]);
                let allowance = may(&made, direction, pod, &stranger);
                let unlabelled = acting && pod.is_empty();
                prop_assert_eq!(allowance, !bound && !unlabelled, "{} {:?}", direction, pod);
prop_assert!(bound || !unlabelled || !log.findings.is_empty());
            }
        }
        for (from, to) in templates.iter().flat_map(|a| templates.iter().map(move |b| (a, b))) {
            let (there, here) = (talk(&production, from, to), talk(&target, from, to));
            prop_assert!(there || !here, "{:?} reaches {:?} only in the target", from, to);
            if !from.is_empty() && !to.is_empty() {
                prop_assert_eq!(there, here, "{:?} to {:?}", from, to);
            }
        }
    }
}
