//! What an object tells of itself, and what a JSON pointer leads to.

use serde_json::json;

use super::*;

fn object() -> Object {
    Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}))
        .unwrap()
}

#[test]
fn a_field_is_set_through_maps_that_do_not_exist_yet() {
    let mut it = object();
    assert_eq!(it.set("/metadata/labels/app.kubernetes.io~1name", json!("web")), None);
    assert_eq!(it.label("app.kubernetes.io/name"), Some("web"));
    assert_eq!(it.remove("/metadata/labels/app.kubernetes.io~1name"), Some(json!("web")));
}

#[test]
fn a_pattern_stands_for_what_exists() {
    let mut it = object();
    it.set("/spec/list", json!([{"a": ["x", "y"]}, {"b": 1}]));
    assert_eq!(it.expand("/spec/list/*/a/*"), ["/spec/list/0/a/0", "/spec/list/0/a/1"]);
    assert_eq!(it.expand("/spec/list/0/a/*").len(), 2);
    assert!(it.expand("/spec/list/7/a").is_empty() && it.expand("/spec/*").is_empty());
}

#[test]
fn a_field_of_any_name_is_one_step() {
    for (field, step) in [("a", "a"), ("a/b~c", "a~1b~0c"), ("~1", "~01"), ("~~/", "~0~0~1")] {
        assert_eq!(escape(field), step);
        assert_eq!(unescape(step), field);
    }
    assert_eq!(unescape("~2~"), "~2~");
}

#[test]
fn a_key_reads_as_kind_group_and_name() {
    assert_eq!(object().key().to_string(), "Deployment.apps/web");
}

#[test]
fn what_has_no_name_is_no_object() {
    assert!(Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}})).is_err());
}

#[test]
fn an_object_needs_a_version_a_kind_and_a_name() {
    for (value, missing) in [
        (json!({"kind": "Pod", "metadata": {"name": "web"}}), "apiVersion"),
        (json!({"apiVersion": 1, "kind": "Pod", "metadata": {"name": "web"}}), "apiVersion"),
        (json!({"apiVersion": "v1", "kind": "", "metadata": {"name": "web"}}), "kind"),
        (json!({"apiVersion": "v1", "kind": "Pod"}), "metadata.name"),
        (json!("v1"), "apiVersion"),
    ] {
        assert_eq!(Object::new(value.clone()), Err(NotAnObject { missing }));
        assert!(serde_json::from_value::<Object>(value).is_err());
    }
}

#[test]
fn an_object_tells_which_one_it_is() {
    for (api_version, group, version, key) in
        [("v1", "", "v1", "Pod/web"), ("a.b/v2", "a.b", "v2", "Pod.a.b/web")]
    {
        let it = Object::made(api_version, "Pod", "web", json!({}));
        assert_eq!((it.api_version(), it.group(), it.version()), (api_version, group, version));
        assert_eq!((it.kind(), it.name()), ("Pod", "web"));
        assert_eq!(it.key().to_string(), key);
    }
    assert!(object().profile().is_some());
    assert!(Object::made("a.b/v2", "Pod", "web", json!({})).profile().is_none());
}

#[test]
fn an_object_of_our_own_making_keeps_what_it_is_given() {
    let rest = json!({"metadata": {"labels": {"a": "x"}}, "spec": 1});
    assert_eq!(
        Object::made("v1", "Pod", "web", rest).into_value(),
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "labels": {"a": "x"}},
            "spec": 1,
        })
    );
    assert_eq!(
        Object::made("v1", "Pod", "web", json!(["no map"])),
        Object::made("v1", "Pod", "web", json!({}))
    );
}

#[test]
fn an_object_is_written_as_it_was_read() {
    let value = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "new": [1]});
    let it: Object = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&it).unwrap(), value);
    assert_eq!(it.value(), &value);
    assert_ne!(it, Object::made("v1", "Pod", "web", json!({})));
}

#[test]
fn labels_and_annotations_are_texts() {
    let mut it = object();
    assert_eq!(it.labels(), BTreeMap::new());
    assert_eq!((it.label("a"), it.annotation("a")), (None, None));
    it.set("/metadata/labels", json!({"a": "x", "b": 1}));
    it.set("/metadata/annotations", json!({"a": "y", "b": 1}));
    assert_eq!(it.labels(), BTreeMap::from([("a".to_owned(), "x".to_owned())]));
    assert_eq!((it.label("a"), it.label("b"), it.label("c")), (Some("x"), None, None));
    assert_eq!((it.annotation("a"), it.annotation("b")), (Some("y"), None));
}

#[test]
fn an_element_of_a_list_is_a_field_named_by_its_number() {
    let mut it = object();
    it.set("/spec", json!({"list": [{"a": 1}, {"a": "x"}]}));
    assert_eq!((it.text("/spec/list/1/a"), it.text("/spec/list/0/a")), ("x", ""));
    assert_eq!(it.set("/spec/list/1/a", json!(3)), Some(json!("x")));
    assert_eq!(it.set("/spec/list/0", json!("y")), Some(json!({"a": 1})));
    assert_eq!(it.get("/spec/list"), Some(&json!(["y", {"a": 3}])));
    *it.get_mut("/spec/list/1/a").unwrap() = json!(4);
    assert_eq!(it.remove("/spec/list/1"), Some(json!({"a": 4})));
    assert_eq!(it.remove("/spec/list/0"), Some(json!("y")));
    assert_eq!(it.get("/spec/list"), Some(&json!([])));
}

#[test]
fn what_a_pointer_does_not_lead_to_is_neither_read_nor_changed() {
    let mut it = object();
    it.set("/spec", json!({"list": ["x"], "text": "x"}));
    let before = it.clone();
    for pointer in [
        "spec",
        "spec/text",
        "/spec/list/1",
        "/spec/list/-",
        "/spec/list/1/a",
        "/spec/list/a/b",
        "/spec/text/a",
        "/spec/text/a/b",
    ] {
        assert_eq!(it.get(pointer), None, "{pointer}");
        assert_eq!(it.get_mut(pointer), None, "{pointer}");
        assert_eq!(it.remove(pointer), None, "{pointer}");
        assert_eq!(it.set(pointer, json!("y")), None, "{pointer}");
        assert_eq!(it, before, "{pointer}");
    }
    assert_eq!(it.get(""), Some(before.value()));
    assert_eq!((it.set("", json!(1)), it.remove("")), (None, None));
}

#[test]
fn a_pattern_is_answered_with_pointers() {
    let mut it = object();
    it.set("/spec", json!({"list": [{"a/b": 1}, {"a~b": 2}, {"a/b": 3}]}));
    assert_eq!(it.expand("/spec/list/*/a~1b"), ["/spec/list/0/a~1b", "/spec/list/2/a~1b"]);
    assert_eq!(it.expand("/spec/list/*"), ["/spec/list/0", "/spec/list/1", "/spec/list/2"]);
    assert_eq!(it.expand("/spec/list"), ["/spec/list"]);
    assert_eq!(it.expand("/spec/none/*"), [] as [&str; 0]);
}
