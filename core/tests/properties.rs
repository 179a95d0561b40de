//! What holds for the planner whatever the source holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{collections::BTreeSet, process::Command};

use common::{
    Case, capture, capture_with, golden_folder, plain_request, unmoved::said_to_have_moved,
};
use kulisse_core::{
    api::{customize::Overlay, names},
    plan::{digest, object::Object, plan},
};
use proptest::{collection, prelude::*, sample};
use serde_json::{Map, Value, json};

/// Kinds with rules of their own, and one without.
const KINDS: &[(&str, &str)] = &[
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "Endpoints"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("networking.k8s.io/v1", "Ingress"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("example.com/v1", "Widget"),
];

/// Field names that some rule looks at: random ones would never meet it.
const FIELDS: &[&str] = &[
    "spec",
    "template",
    "metadata",
    "labels",
    "annotations",
    "containers",
    "initContainers",
    "env",
    "name",
    "value",
    "image",
    "args",
    "data",
    "ports",
    "port",
    "nodePort",
    "selector",
    "matchLabels",
    "ingress",
    "egress",
    "from",
    "to",
    "namespaceSelector",
    "podSelector",
    "rules",
    "verbs",
    "resources",
    "apiGroups",
    "subjects",
    "roleRef",
    "kind",
    "namespace",
    "replicas",
    "volumes",
    "secret",
    "secretName",
    "configMap",
    "affinity",
    "podAntiAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "volumeClaimTemplates",
    "jobTemplate",
    "ownerReferences",
    "controller",
    "imagePullSecrets",
    "securityContext",
    "capabilities",
    "add",
    "policyTypes",
    "externalName",
    "type",
    "updateStrategy",
    "rollingUpdate",
    "status",
    "containerStatuses",
    "imageID",
    "clusterIP",
    "dnsConfig",
    "é/~0",
];

/// Texts that some rule looks for, and texts that come close.
const TEXTS: &[&str] = &[
    "shop",
    "web.shop",
    "web.shop.svc",
    "db.shop.svc.cluster.local.",
    "--namespace=shop",
    "system:serviceaccount:shop:web",
    "%2Fweb.shop",
    "\\nweb.shop",
    "é.shop.svc",
    "“https://api.acme.com”",
    "\u{a0}https://u:p@api.acme.com",
    "→host: api.acme.com",
    ".shop.svc",
    "shop.",
    "..shop..",
    "web",
    "ExternalName",
    "LoadBalancer",
    "None",
    "*",
    "",
    "-n",
    "create",
    "networkpolicies",
    "ServiceAccount",
    "Role",
    "a@sha256:",
    "namespace: shop\n",
    "ns/shop/sa/x",
];

/// What fails is printed whole; a file beside the sources would not be found again elsewhere.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => sample::select(TEXTS).prop_map(str::to_owned),
        1 => collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..70_000).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 48, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::vec((sample::select(FIELDS), inner), 0..5).prop_map(|fields| {
                Value::Object(
                    fields.into_iter().map(|(field, it)| (field.to_owned(), it)).collect(),
                )
            }),
        ]
    })
}

fn object() -> impl Strategy<Value = Object> {
    let parts = (sample::select(KINDS), sample::select(&["web", "db", "default"][..]));
    (parts, value(), value(), value(), value()).prop_map(
        |(((version, kind), name), spec, metadata, template, other)| {
            let mut metadata = match metadata {
                Value::Object(map) => map,
                other => Map::from_iter([("labels".to_owned(), other)]),
            };
            metadata.insert("name".to_owned(), name.into());
            let mut it = json!({"apiVersion": version, "kind": kind, "metadata": metadata,
                "spec": spec, "data": other, "rules": other, "subjects": other});
            if let Some(spec) = it["spec"].as_object_mut() {
                spec.insert("template".to_owned(), json!({ "spec": template }));
            }
            Object::new(it).unwrap()
        },
    )
}

/// What an API server can hold: every name once.
fn source() -> impl Strategy<Value = Vec<Object>> {
    collection::vec(object(), 1..8).prop_map(|mut objects| {
        let mut seen = BTreeSet::new();
        objects.retain(|it| seen.insert(it.key()));
        objects
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_the_source_holds_is_planned_without_a_reference_to_it(
        objects in source(),
    ) {
        let plan = plan(&plain_request("shop"), &capture("shop", objects)).unwrap();
        prop_assert!(plan.blocking().all(|it| it.kind != "residual-reference"), "{:?}", plan.findings);
    }

    #[test]
    fn the_order_of_the_source_does_not_matter(
        (objects, shuffled) in source()
            .prop_flat_map(|objects| (Just(objects.clone()), Just(objects).prop_shuffle())),
    ) {
        let request = plain_request("shop");
        let one = plan(&request, &capture("shop", objects)).unwrap();
        let other = plan(&request, &capture("shop", shuffled)).unwrap();
        prop_assert_eq!(one, other);
    }
}

/// Peers of a policy, good and bad.
fn peer() -> impl Strategy<Value = Value> {
    let selectors = [
        json!({}),
        json!({"matchLabels": {"kubernetes.io/metadata.name": "shop"}}),
        json!({"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}),
        json!({"matchLabels": {"name": "shop", "team": "a"}}),
        json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["x"]}]}),
        json!({"matchExpressions": [{"key": "team", "operator": "Exists"}]}),
        json!({"matchExpressions": [{"key": "team", "operator": "Broken"}]}),
        json!("broken"),
        Value::Null,
    ];
    let selector = || sample::select(selectors.to_vec());
    prop_oneof![
        Just(json!({})),
        Just(json!({"ipBlock": {"cidr": "0.0.0.0/0"}})),
        selector().prop_map(|it| json!({ "podSelector": it })),
        selector().prop_map(|it| json!({ "namespaceSelector": it })),
        (selector(), selector())
            .prop_map(|(a, b)| json!({ "namespaceSelector": a, "podSelector": b })),
    ]
}

fn policy() -> impl Strategy<Value = Object> {
    let rules = |field: &'static str| {
        let rule = prop_oneof![
            Just(json!({})),
            Just(json!({ field: null })),
            collection::vec(peer(), 0..4).prop_map(move |peers| json!({ field: peers })),
        ];
        prop_oneof![Just(Value::Null), collection::vec(rule, 0..4).prop_map(Value::from)]
    };
    (rules("from"), rules("to"), sample::select(vec![json!(null), json!([]), json!(["Egress"])]))
        .prop_map(|(ingress, egress, types)| {
            let spec = json!({"podSelector": {}, "ingress": ingress, "egress": egress, "policyTypes": types});
            Object::new(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": "p"}, "spec": spec}))
            .unwrap()
        })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_policy_of_a_clone_opens_more_than_its_namespace(policy in policy()) {
        let governed = |it: &Object, direction: &str, field: &str| {
            let said = it.get("/spec/policyTypes").and_then(Value::as_array).filter(|it| !it.is_empty());
            match said {
                Some(types) => types.contains(&direction.into()),
                None => direction == "Ingress" || !it.expand(&format!("/spec/{field}/*")).is_empty(),
            }
        };
        let plan = plan(&plain_request("shop"), &capture("shop", vec![policy.clone()])).unwrap();
        let clone = plan.clones.iter().find(|it| it.object.key() == policy.key()).unwrap();
        for (field, peers, direction) in [("ingress", "from", "Ingress"), ("egress", "to", "Egress")] {
            prop_assert_eq!(
                governed(&policy, direction, field),
                governed(&clone.object, direction, field),
                "the clone denies in other directions"
            );
            for rule in clone.object.expand(&format!("/spec/{field}/*")) {
                let list = clone.object.expand(&format!("{rule}/{peers}/*"));
                prop_assert!(!list.is_empty(), "a rule without peers allows everything");
                for peer in list {
                    let fields = clone.object.get(&peer).unwrap().as_object().unwrap();
                    prop_assert!(fields.keys().eq(["podSelector"]), "{:?}", fields);
                }
            }
        }
    }
}

#[test]
fn golden_cases_come_out_the_same_in_whatever_order() {
    for folder in std::fs::read_dir(golden_folder()).unwrap().map(|it| it.unwrap().path()) {
        let mut case = Case::read(&folder);
        let one = serde_json::to_string(&plan(&case.request, &case.capture()).unwrap()).unwrap();
        for _ in 0..case.objects.len() {
            case.objects.rotate_left(1);
            let plan = plan(&case.request, &case.capture()).unwrap();
            assert_eq!(one, serde_json::to_string(&plan).unwrap(), "{}", folder.display());
        }
    }
}

#[test]
fn what_stays_as_it_is_has_not_drifted() {
    for folder in std::fs::read_dir(golden_folder()).unwrap().map(|it| it.unwrap().path()) {
        let case = Case::read(&folder);
        let drift = said_to_have_moved(&case.request, &case.objects);
        assert!(drift.is_empty(), "{}: {drift:#?}", folder.display());
    }
}

/// Nothing of where it runs shows in a plan: neither the seed of a process's hash maps, nor its time
/// zone, language or folder.
#[test]
fn another_process_elsewhere_comes_to_the_same_bytes() {
    const ELSEWHERE: &str = "KULISSE_TEST_PRINTS_PLANS";
    if std::env::var_os(ELSEWHERE).is_some() {
        let mut folders: Vec<_> =
            std::fs::read_dir(golden_folder()).unwrap().map(|it| it.unwrap().path()).collect();
        folders.sort();
        for case in folders.iter().map(|it| Case::read(it)) {
            let plan = plan(&case.request, &case.capture()).unwrap();
            println!("plan {}", digest::of(&serde_json::to_string(&plan).unwrap()));
        }
        return;
    }
    let plans = |zone: &str, language: &str, folder: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "another_process_elsewhere_comes_to_the_same_bytes", "--nocapture"])
            .envs([(ELSEWHERE, "1"), ("TZ", zone), ("LC_ALL", language), ("LANG", language)])
            .current_dir(folder)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let plans = text.lines().filter_map(|it| Some(it.rsplit_once("plan ")?.1.to_owned()));
        plans.collect::<Vec<_>>()
    };
    let here = plans("UTC", "C", ".");
    assert!(!here.is_empty());
    assert_eq!(here, plans("Asia/Kathmandu", "tr_TR.UTF-8", "/"));
}

/// `kulisse plan` has no operator's key: what it prints is what the operator will do all the same.
#[test]
fn the_operators_key_shows_nowhere_but_in_the_recipes() {
    for folder in std::fs::read_dir(golden_folder()).unwrap().map(|it| it.unwrap().path()) {
        let case = Case::read(&folder);
        let with = |key| {
            let source = &case.request.spec.source.namespace;
            let mut plan =
                plan(&case.request, &capture_with(key, source, case.objects.clone())).unwrap();
            plan.secrets.clear();
            plan
        };
        assert_eq!(with(1), with(2), "{}", folder.display());
    }
}

/// Planning the clones once more, from the target into itself, finds nothing left to cut.
#[test]
fn what_was_isolated_once_stays_as_it_is() {
    for folder in std::fs::read_dir(golden_folder()).unwrap().map(|it| it.unwrap().path()) {
        let case = Case::read(&folder);
        let mut request = case.request.clone();
        // What a person has the last word on is not isolated, and was said once.
        request.spec.patches.clear();
        request.spec.seed.clear();
        request.spec.smoke.clear();
        let first = plan(&request, &case.capture()).unwrap();
        let clones = first.clones.iter().map(|it| it.object.clone());
        let again: Vec<Object> =
            clones.filter(|it| it.label(names::FENCE_LABEL).is_none()).collect();
        request.spec.source.namespace = request.target.to_string();
        request.spec.images.clear();
        request.spec.overlay = Overlay::default();
        let second = plan(&request, &capture(request.target.as_str(), again)).unwrap();
        for rule in [
            "policy-confined",
            "policy-peer",
            "role-cut",
            "role-wildcard",
            "cronjob-asleep",
            "node-port",
            "placement",
        ] {
            let found = second.changes.iter().find(|it| it.rule == rule);
            assert!(found.is_none(), "{}: {found:?}", folder.display());
        }
    }
}
