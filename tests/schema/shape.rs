//! How the definitions look.

use std::fs;

use kulisse_core::api::crds::crds;
use serde_json::{Value, json};

use crate::support::tools::{files, root, yaml_file};

fn generated() -> Vec<Value> {
    crds().iter().map(|it| serde_json::to_value(it).expect("JSON")).collect()
}

fn schema(crd: &Value) -> &Value {
    &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// Every schema below one, with its path.
fn walk<'a>(schema: &'a Value, path: &str, see: &mut impl FnMut(&str, &'a Value)) {
    see(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), see);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            walk(&schema[inner], &format!("{path}[]"), see);
        }
    }
}

#[test]
fn the_committed_definitions_are_what_the_types_say() {
    let mut committed: Vec<Value> =
        files("crds", &["yaml"]).iter().flat_map(|it| yaml_file(it)).collect();
    let mut generated = generated();
    let name = |it: &Value| it["metadata"]["name"].to_string();
    committed.sort_by_key(name);
    generated.sort_by_key(name);
    assert_eq!(
        committed.iter().map(name).collect::<Vec<_>>(),
        generated.iter().map(name).collect::<Vec<_>>(),
        "crds/ is not up to date: «make generate»"
    );
    for (committed, generated) in committed.iter().zip(&generated) {
        assert!(
            committed == generated,
            "crds/ is not up to date: «make generate» ({})",
            name(generated)
        );
    }
}

#[test]
fn the_chart_holds_the_same_definitions() {
    for path in files("crds", &["yaml"]) {
        let copy = root().join("charts/kulisse/files/crds").join(path.file_name().expect("a name"));
        let same = fs::read(&path).ok() == fs::read(&copy).ok();
        assert!(same, "{} is not up to date: «make generate»", copy.display());
    }
    assert_eq!(files("crds", &["yaml"]).len(), files("charts/kulisse/files/crds", &["yaml"]).len());
}

#[test]
fn every_list_says_who_owns_its_items() {
    for crd in generated() {
        walk(schema(&crd), "", &mut |path, it| {
            if it["type"] == "array" {
                let kind = &it["x-kubernetes-list-type"];
                assert!(kind.is_string(), "{} {path}: no list type", crd["metadata"]["name"]);
            }
        });
    }
}

#[test]
fn every_list_and_text_that_people_write_has_a_limit() {
    for crd in generated() {
        walk(&schema(&crd)["properties"]["spec"], "spec", &mut |path, it| {
            let at = format!("{} {path}", crd["metadata"]["name"]);
            match it["type"].as_str() {
                Some("array") => assert!(it["maxItems"].is_u64(), "{at}: no maxItems"),
                Some("string") => {
                    let time = it["format"] == "date-time";
                    let bounded = it["maxLength"].is_u64() || it["enum"].is_array() || time;
                    assert!(bounded, "{at}: no maxLength");
                }
                Some("object") if it["additionalProperties"].is_object() => {
                    assert!(it["maxProperties"].is_u64(), "{at}: no maxProperties");
                }
                _ => {}
            }
        });
    }
}

#[test]
fn every_field_is_described() {
    for crd in generated() {
        walk(schema(&crd), "", &mut |path, it| {
            // What Kubernetes' own types hold is described there; list items, by their list.
            let others = [
                ".matchLabels",
                ".matchExpressions",
                ".requests",
                "resources.",
                ".conditions[]",
                ".tolerations[]",
                ".limitRange.",
            ];
            let ours = !path.is_empty()
                && !path.ends_with("[]")
                && !others.iter().any(|it| path.contains(it));
            if ours && path != ".metadata" {
                let words = it["description"].as_str().unwrap_or_default();
                assert!(!words.is_empty(), "{} {path}: no description", crd["metadata"]["name"]);
            }
        });
    }
}

#[test]
fn names_and_columns_are_those_of_the_reference() {
    let all = generated();
    let of =
        |kind: &str| all.iter().find(|it| it["spec"]["names"]["kind"] == kind).expect("a kind");
    for (kind, plural, short, scope) in [
        ("StagingEnvironment", "stagingenvironments", "senv", "Namespaced"),
        ("StagingClass", "stagingclasses", "sclass", "Cluster"),
        ("StagingGrant", "staginggrants", "sgrant", "Namespaced"),
        ("StagingPlan", "stagingplans", "splan", "Namespaced"),
    ] {
        let spec = &of(kind)["spec"];
        assert_eq!(spec["names"]["plural"], plural);
        assert_eq!(spec["names"]["shortNames"], json!([short]), "{kind}");
        assert_eq!(spec["names"]["categories"], json!(["kulisse"]), "{kind}");
        assert_eq!(spec["scope"], scope, "{kind}");
        assert_eq!(spec["versions"][0]["name"], "v1alpha1");
    }
    let columns = |wide: bool| -> Vec<String> {
        let all =
            of("StagingEnvironment")["spec"]["versions"][0]["additionalPrinterColumns"].clone();
        let some =
            all.as_array().expect("columns").iter().filter(|it| (it["priority"] == 1) == wide);
        some.map(|it| it["name"].as_str().unwrap_or_default().to_uppercase()).collect()
    };
    assert_eq!(columns(false), ["READY", "STATUS", "URL", "EXPIRES", "AGE"]);
    assert_eq!(columns(true), ["SOURCE", "NAMESPACE", "OBJECTS", "DRIFT"]);
}

#[test]
fn no_column_shows_a_time_in_the_future_as_invalid() {
    for crd in generated() {
        for column in
            crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().into_iter().flatten()
        {
            let date = column["type"] == "date";
            assert!(!date || column["jsonPath"] == ".metadata.creationTimestamp", "{column}");
        }
    }
}

#[test]
fn an_environment_nobody_has_looked_at_does_not_count_as_current() {
    let all = generated();
    let environment = all.iter().find(|it| it["spec"]["names"]["kind"] == "StagingEnvironment");
    let status = &schema(environment.expect("its definition"))["properties"]["status"];
    assert_eq!(status["default"], json!({ "observedGeneration": -1 }));
    assert_eq!(status["properties"]["conditions"]["x-kubernetes-list-type"], "map");
    assert_eq!(status["properties"]["conditions"]["x-kubernetes-list-map-keys"], json!(["type"]));
}
