//! The planner as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{capture, plain_request};
use kulisse_core::{
    api::{
        environment::{ObjectPattern, PullRequest, ScaleProfile},
        names,
        status::Wave,
    },
    plan::{PlanError, object::Object, plan},
};
use serde_json::{Value, json};

fn object(version: &str, kind: &str, name: &str) -> Object {
    Object::new(json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}})).unwrap()
}

#[test]
fn what_describes_the_pull_request_is_no_new_plan() {
    let capture = capture("shop", vec![object("v1", "ConfigMap", "web")]);
    let mut request = plain_request("shop");
    let before = plan(&request, &capture).unwrap();
    request.spec.pull_request = Some(PullRequest {
        number: Some(7),
        branch: Some("feature/cart".to_owned()),
        ..PullRequest::default()
    });
    let after = plan(&request, &capture).unwrap();
    assert_eq!(before.digest, after.digest);
    let namespace = after.namespace;
    let number = format!("{}number", names::PULL_REQUEST_PREFIX);
    let branch = format!("{}branch", names::PULL_REQUEST_PREFIX);
    assert_eq!((namespace.label(&number), namespace.annotation(&number)), (Some("7"), Some("7")));
    // A slash is not allowed in a label.
    let found = (namespace.label(&branch), namespace.annotation(&branch));
    assert_eq!(found, (None, Some("feature/cart")));
}

#[test]
fn the_target_says_whose_it_is_and_what_its_pods_may_be() {
    let plan = plan(&plain_request("shop"), &capture("shop", Vec::new())).unwrap();
    let namespace = plan.namespace;
    assert_eq!(namespace.name(), plan.target.as_str());
    for (label, value) in [
        (names::ENVIRONMENT_UID_LABEL, "0b7f6a3e-5a52-4c7e-9a8e-000000000001"),
        (names::ENVIRONMENT_LABEL, "pr-1"),
        (names::REQUEST_NAMESPACE_LABEL, "previews"),
        (names::MANAGED_BY_LABEL, names::MANAGED_BY),
        ("pod-security.kubernetes.io/enforce", "baseline"),
    ] {
        assert_eq!(namespace.label(label), Some(value));
    }
    assert_eq!(namespace.annotation(names::SOURCE_ANNOTATION), Some("shop"));
    assert_eq!(namespace.annotation(names::INCARNATION_ANNOTATION), Some("1"));
}

#[test]
fn a_change_of_production_that_was_not_captured_changes_nothing() {
    let mut moved = object("v1", "ConfigMap", "web");
    let request = plain_request("shop");
    let before = plan(&request, &capture("shop", vec![moved.clone()])).unwrap();
    // What the API server counts is no part of a plan.
    moved.set("/metadata/resourceVersion", json!("17"));
    moved.set("/metadata/generation", json!(3));
    moved.set("/status", json!({"seen": true}));
    let after = plan(&request, &capture("shop", vec![moved])).unwrap();
    assert_eq!(before, after);
}

#[test]
fn more_clones_than_the_class_allows_are_refused() {
    let mut request = plain_request("shop");
    request.class.limits.max_objects = Some(1);
    let all = (0..3).map(|at| object("v1", "ConfigMap", &format!("c{at}"))).collect();
    let refused = plan(&request, &capture("shop", all));
    assert!(matches!(refused, Err(PlanError::TooLarge { allowed: 1, .. })));
}

/// A Deployment of so many Pods, each of which asks for 1 GiB and one CPU.
fn large(name: &str, replicas: u32) -> Object {
    let mut object = object("apps/v1", "Deployment", name);
    let resources = json!({"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": "2Gi"}});
    let pod = json!({"containers": [{"name": "a", "image": "a", "resources": resources}]});
    object.set("/spec", json!({"replicas": replicas, "template": {"spec": pod}}));
    object
}

#[test]
fn what_does_not_fit_the_quota_is_refused_beforehand_with_what_is_needed_and_allowed() {
    let mut request = plain_request("shop");
    request.spec.scale.profile = ScaleProfile::Full;
    request.class = serde_json::from_value(json!({"quota": {"hard": {
        "requests.memory": "5Gi", "requests.cpu": "10", "pods": "4", "count/deployments.apps": "1",
        "configmaps": "1",
    }}}))
    .unwrap();
    let both = capture("shop", vec![large("web", 3), large("api", 2)]);
    let refused = plan(&request, &both).unwrap_err();
    // The sixth Pod is the new one of a rollout.
    let said = "the clone does not fit quota of the class: count/deployments.apps 2, 1 allowed; pods 6, 4 allowed; requests.memory 6Gi, 5Gi allowed; lower it with spec.scale";
    assert!(refused.to_string().starts_with(said), "{refused}");

    let one = plan(&request, &capture("shop", vec![large("web", 3)])).unwrap();
    let quota = one.clones.iter().find(|it| it.object.kind() == "ResourceQuota").unwrap();
    assert_eq!(quota.wave, Wave::Fence);
    assert_eq!(quota.object.text("/spec/hard/pods"), "4");
}

#[test]
fn what_the_limit_range_never_admits_is_refused_beforehand() {
    let mut request = plain_request("shop");
    let limits = json!([{"type": "Container", "max": {"memory": "1Gi"}}]);
    request.class = serde_json::from_value(json!({"limitRange": {"limits": limits}})).unwrap();
    let refused = plan(&request, &capture("shop", vec![large("web", 1)])).unwrap_err();
    let said = "the clone does not fit limitRange of the class: Deployment.apps/web, container a: limits.memory 2Gi, 1Gi allowed";
    assert!(refused.to_string().starts_with(said), "{refused}");

    let plan = plan(&request, &capture("shop", Vec::new())).unwrap();
    let range = plan.clones.iter().find(|it| it.object.kind() == "LimitRange").unwrap();
    assert_eq!((range.wave, range.object.text("/spec/limits/0/max/memory")), (Wave::Fence, "1Gi"));
}

#[test]
fn a_pattern_that_is_no_glob_is_named() {
    let mut request = plain_request("shop");
    let pattern = ObjectPattern { group: None, kind: None, name: Some("web[".to_owned()) };
    request.spec.source.exclude = vec![pattern];
    match plan(&request, &capture("shop", Vec::new())) {
        Err(PlanError::InvalidSpec { field, .. }) => {
            assert_eq!(field, "spec.source.exclude[0].name");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_others_refer_to_is_applied_first() {
    let mut all = vec![
        object("apps/v1", "Deployment", "web"),
        object("apps/v1", "StatefulSet", "db"),
        object("v1", "Service", "web"),
        object("v1", "ConfigMap", "web"),
        object("v1", "ServiceAccount", "web"),
        object("v1", "PersistentVolumeClaim", "files"),
    ];
    all.reverse();
    let plan = plan(&plain_request("shop"), &capture("shop", all)).unwrap();
    let ours = plan.clones.iter().filter(|it| it.wave != Wave::Fence);
    let order: Vec<&str> = ours
        .map(|it| it.object.kind())
        .filter(|kind| *kind != "RoleBinding" && *kind != "NetworkPolicy")
        .collect();
    let expected = [
        "ServiceAccount",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Service",
        "StatefulSet",
        "Deployment",
    ];
    assert_eq!(order, expected);
}

#[test]
fn values_of_secrets_are_nowhere_in_a_plan() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "db", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"p\":\"c3VwZXItY2FuYXJ5\"}}"}},
        "data": {"password": "c3VwZXItY2FuYXJ5"}, "stringData": {"token": "super-canary"}});
    let plan = plan(&plain_request("shop"), &capture("shop", vec![Object::new(secret).unwrap()]));
    let text = serde_json::to_string(&plan.unwrap()).unwrap();
    for canary in ["super-canary", "c3VwZXItY2FuYXJ5"] {
        assert!(!text.contains(canary));
    }
}

/// A report quotes what was changed; long texts are cut, whatever characters they are made of.
#[test]
fn a_report_never_quotes_a_whole_file() {
    let mut long = object("v1", "Service", "web");
    long.set("/spec/externalIPs", json!(vec!["é".repeat(50); 40]));
    let plan = plan(&plain_request("shop"), &capture("shop", vec![long])).unwrap();
    let change = plan.changes.iter().find(|it| it.rule == "external-ips").unwrap();
    assert!(change.from.as_ref().is_some_and(|it| it.chars().count() == 200));
    assert_eq!(Value::Null, json!(change.to));
}
