use serde_json::json;

use super::*;

fn bounds(class: Value) -> Bounds {
    Bounds::new(&serde_json::from_value(class).unwrap()).unwrap()
}

fn writes(class: Value, resources: &Value) -> Vec<String> {
    let fitted = bounds(class).fit(&asked(resources));
    let writes = fitted.writes.iter();
    let text =
        |it: &(Part, String, Quantity)| format!("{}.{}={}", it.0.field(), it.1, it.2.show(&it.1));
    writes.map(text).chain(fitted.outside.iter().cloned()).collect()
}

fn range(item: Value) -> Value {
    let mut item = item;
    item["type"] = json!("Container");
    json!({ "limitRange": { "limits": [item] } })
}

#[test]
fn what_a_quota_counts_is_said_and_what_a_limit_range_gives_is_left_to_it() {
    let quota = json!({ "hard": { "requests.cpu": "4", "limits.memory": "8Gi", "pods": "9" } });
    let only_quota = json!({ "quota": quota });
    let expected = ["requests.cpu=10m", "limits.memory=1Gi", "requests.memory=64Mi"];
    assert_eq!(writes(only_quota.clone(), &json!({})), expected);
    let given = json!({ "requests": { "cpu": 1, "memory": "2Gi" } });
    assert_eq!(writes(only_quota, &given), ["limits.memory=2Gi"]);

    let both = json!({ "quota": quota, "limitRange": { "limits": [
        { "type": "Container", "default": { "memory": "512Mi" }, "defaultRequest": { "cpu": "50m" } }
    ] } });
    assert_eq!(writes(both.clone(), &json!({})), [""; 0]);
    let more = json!({ "requests": { "memory": "1Gi" } });
    assert_eq!(
        writes(both, &more),
        ["limits.memory=1Gi"],
        "the default would be below the request"
    );
}

#[test]
fn too_little_is_raised_and_too_much_is_named() {
    let class = range(json!({ "min": { "cpu": "50m" }, "max": { "memory": "1Gi" } }));
    let small = json!({ "requests": { "cpu": "10m" }, "limits": { "cpu": "20m" } });
    assert_eq!(writes(class.clone(), &small), ["limits.cpu=50m", "requests.cpu=50m"]);
    let large = json!({ "limits": { "memory": "2Gi" } });
    assert_eq!(writes(class, &large), ["limits.memory 2Gi, 1Gi allowed"]);
}

#[test]
fn a_request_keeps_the_ratio_to_its_limit() {
    let class = range(json!({ "maxLimitRequestRatio": { "memory": "4" } }));
    let far = json!({ "requests": { "memory": "64Mi" }, "limits": { "memory": "1Gi" } });
    assert_eq!(writes(class, &far), ["requests.memory=256Mi"]);
}

#[test]
fn a_limit_range_that_contradicts_itself_is_named() {
    let class = range(json!({ "min": { "cpu": "2" }, "max": { "cpu": "1" } }));
    let class = serde_json::from_value(class).unwrap();
    match Bounds::new(&class) {
        Err(PlanError::InvalidClass { field, why }) => {
            assert_eq!((&*field, &*why), ("limitRange.limits[0]", "min of cpu is above its max"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pod_asks_for_its_containers_together_or_for_its_largest_init_container() {
    let cpu = |name: &str, cpu: &str, more: Value| {
        let mut container = json!({"name": name, "resources": {"requests": {"cpu": cpu}}});
        container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        container
    };
    let pod = json!({
        "initContainers": [
            cpu("sidecar", "100m", json!({"restartPolicy": "Always"})), cpu("setup", "700m", json!({}))
        ],
        "containers": [cpu("web", "200m", json!({})), cpu("proxy", "100m", json!({}))],
    });
    let object = crate::plan::fixture::deployment("web", json!({}), pod);
    let whole = Bounds::default().pod(&object, "/spec/template/spec");
    assert_eq!(whole.requests["cpu"], Quantity::milli(800));
}

#[test]
fn a_limit_range_says_for_itself_what_it_gives_and_bounds_what_is_said() {
    let counted = |item: Value| {
        let mut class = range(item);
        class["quota"] = json!({ "hard": { "limits.memory": "8Gi" } });
        class
    };
    for (class, resources, expected) in [
        // What is allowed to the last is allowed.
        (range(json!({ "max": { "cpu": "1" } })), json!({ "limits": { "cpu": "1" } }), &[][..]),
        (
            range(json!({ "max": { "cpu": "1" } })),
            json!({ "limits": { "cpu": "1001m" } }),
            &["limits.cpu 1001m, 1 allowed"],
        ),
        // The most is what a container gets that says nothing, and what it asks for.
        (counted(json!({ "max": { "memory": "512Mi" } })), json!({}), &[]),
        // A limit that is written would be the request as well.
        (
            counted(json!({ "defaultRequest": { "memory": "128Mi" } })),
            json!({}),
            &["limits.memory=1Gi", "requests.memory=128Mi"],
        ),
        (
            range(json!({ "maxLimitRequestRatio": { "memory": "4" } })),
            json!({}),
            &["limits.memory=1Gi", "requests.memory=256Mi"],
        ),
    ] {
        assert_eq!(writes(class.clone(), &resources), expected, "{class} {resources}");
    }
}

#[test]
fn items_of_one_type_hold_together() {
    let class = json!({ "limitRange": { "limits": [
        { "type": "Container", "min": { "cpu": "10m" }, "max": { "cpu": "2" } },
        { "type": "Container", "min": { "cpu": "20m" }, "max": { "cpu": "1" } },
        { "type": "Pod", "max": { "cpu": "5m" } },
    ] } });
    let cpu = |cpu: &str| writes(class.clone(), &json!({ "limits": { "cpu": cpu } }));
    assert_eq!(cpu("15m"), ["limits.cpu=20m", "requests.cpu=20m"]);
    assert_eq!(cpu("1500m"), ["limits.cpu 1500m, 1 allowed"]);
}

#[test]
fn bounds_of_a_limit_range_may_meet_but_not_cross() {
    let refused = |item: Value| {
        let class = serde_json::from_value(range(item)).unwrap();
        Bounds::new(&class).err().map(|it| it.to_string())
    };
    let bounds = |min: &str, default_request: &str, default: &str, max: &str| {
        refused(json!({
            "min": { "cpu": min }, "defaultRequest": { "cpu": default_request },
            "default": { "cpu": default }, "max": { "cpu": max },
        }))
    };
    assert_eq!(bounds("1", "1", "1", "1"), None);
    for (error, says) in [
        (bounds("2", "1", "3", "4"), "min of cpu is above its defaultRequest"),
        (bounds("1", "3", "2", "4"), "defaultRequest of cpu is above its default"),
        (bounds("1", "2", "4", "3"), "default of cpu is above its max"),
        (refused(json!({ "min": { "cpu": "-1" } })), "is not an amount"),
        (refused(json!({ "min": { "cpu": "much" } })), "is not an amount"),
    ] {
        assert!(error.as_ref().is_some_and(|it| it.contains(says)), "{error:?}: {says}");
    }
}

#[test]
fn a_pod_stays_within_the_bounds_for_pods_to_the_last() {
    let class = json!({ "limitRange": { "limits": [
        { "type": "Pod", "min": { "cpu": "100m" }, "max": { "cpu": "1" } },
    ] } });
    let of = |cpu: &str| {
        let pod = asked(&json!({ "requests": { "cpu": cpu }, "limits": { "cpu": "1" } }));
        bounds(class.clone()).outside_for_pods(&pod)
    };
    for (cpu, expected) in [
        ("99m", &["requests.cpu 99m, at least 100m allowed"][..]),
        ("100m", &[]),
        ("1", &[]),
        ("1001m", &["requests.cpu 1001m, 1 allowed"]),
    ] {
        assert_eq!(of(cpu), expected, "{cpu}");
    }
    assert_eq!(
        bounds(class).outside_for_pods(&asked(&json!({}))),
        [
            "limits.cpu is not said, and the class's limit range for Pods asks for it",
            "requests.cpu is not said, and the class's limit range for Pods asks for it",
        ]
    );
}

#[test]
fn what_a_pod_says_for_itself_counts_before_its_containers() {
    let pod = json!({
        "containers": [{"name": "web", "resources": {"requests": {"cpu": "2", "memory": "1Gi"}}}],
        "resources": {"requests": {"cpu": "1"}},
    });
    let object = crate::plan::fixture::deployment("web", json!({}), pod);
    let whole = Bounds::default().pod(&object, "/spec/template/spec");
    let expected = json!({ "requests": { "cpu": "1", "memory": "1Gi" } });
    assert_eq!(whole, asked(&expected));
}

#[test]
fn what_takes_what_it_gets_is_lowered_to_what_is_allowed() {
    let mut wanted = asked(&json!({
        "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "cpu": "200m", "memory": "64Mi" },
    }));
    bounds(range(json!({ "max": { "cpu": "100m" } }))).shrink(&mut wanted);
    let expected = json!({
        "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "cpu": "100m", "memory": "64Mi" },
    });
    assert_eq!(wanted, asked(&expected));
}
