//! What is a text of an object, and what is in it.

use serde_json::json;

use super::*;
use crate::{
    plan::fixture::{self, deployment, object},
    secrets::{Alphabet, CredentialClass, Encoding},
};

/// Place, name and value of each text.
fn of(object: &Object) -> Vec<(String, String, String)> {
    let texts = of_object(object);
    assert!(texts.iter().all(|it| it.object == object.key() && !it.secret));
    assert!(texts.iter().all(|it| it.origin == Origin::Written));
    texts.into_iter().map(|it| (it.path, it.named, it.value)).collect()
}

fn texts(list: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let own = |it: &str| it.to_owned();
    list.iter().map(|(path, named, value)| (own(path), own(named), own(value))).collect()
}

#[test]
fn settings_are_texts_under_their_keys() {
    let files = json!({
        "data": {"a/b": "x", "empty": "", "number": 1},
        "binaryData": {"bytes": "/////w==", "text": "dGV4dA=="},
    });
    assert_eq!(
        of(&object("v1", "ConfigMap", "files", files)),
        texts(&[("/data/a~1b", "a/b", "x"), ("/binaryData/text", "text", "text")])
    );
}

#[test]
fn containers_have_variables_and_hooks() {
    let container = json!({
        "name": "web",
        "image": "example.com:80/web",
        "env": [{"name": "A", "value": "a"}, {"name": "B", "valueFrom": {}}],
        "livenessProbe": {"exec": {"command": ["nc", "--host", "db"]}},
        "readinessProbe": {"httpGet": {
            "path": "/up", "port": 80, "httpHeaders": [{"name": "Host", "value": "a.b"}]
        }},
    });
    let at = "/spec/template/spec/containers/0";
    let mut expected = texts(&[
        ("/env/0/value", "A", "a"),
        ("/livenessProbe/exec/command/0", "", "nc"),
        ("/livenessProbe/exec/command/1", "", "--host"),
        ("/livenessProbe/exec/command/2", "host", "db"),
        ("/readinessProbe/httpGet/httpHeaders/0/name", "name", "Host"),
        ("/readinessProbe/httpGet/httpHeaders/0/value", "Host", "a.b"),
        ("/readinessProbe/httpGet/path", "path", "/up"),
    ]);
    for (path, ..) in &mut expected {
        path.insert_str(0, at);
    }
    assert_eq!(of(&deployment("web", json!({}), json!({"containers": [container]}))), expected);
}

#[test]
fn a_flag_names_what_stands_behind_it() {
    let args = json!([
        "--url=a", "--host", "b", "c", 1, "-x y=z", "e=f", "--flag", "--other", "d", "--last="
    ]);
    let mut found = Vec::new();
    let mut add = |path: String, named: &str, text: &str| {
        found.push((path, named.to_owned(), text.to_owned()));
    };
    arguments(Some(&args), "/args", &mut add);
    assert_eq!(
        found,
        texts(&[
            ("/args/0", "url", "a"),
            ("/args/1", "", "--host"),
            ("/args/2", "host", "b"),
            ("/args/3", "", "c"),
            ("/args/5", "", "-x y=z"),
            ("/args/6", "", "e=f"),
            ("/args/7", "", "--flag"),
            ("/args/8", "flag", "--other"),
            ("/args/9", "other", "d"),
            ("/args/10", "last", ""),
        ])
    );
}

#[test]
fn routes_have_annotations_and_filters_and_services_other_names() {
    let annotations = json!({"annotations": {"a/b": "x"}});
    let rules = json!([{
        "filters": [{"requestRedirect": {"hostname": "a.b"}}],
        "backendRefs": [{"name": "web", "filters": [{"urlRewrite": {"hostname": "c.d"}}]}],
        "matches": [{"path": {"value": "/"}}],
    }]);
    let spec = json!({"hostnames": ["e.f"], "rules": rules});
    let rest = json!({"metadata": annotations, "spec": spec});
    assert_eq!(
        of(&object("gateway.networking.k8s.io/v1", "HTTPRoute", "web", rest)),
        texts(&[
            ("/metadata/annotations/a~1b", "a/b", "x"),
            ("/spec/rules/0/filters/0/requestRedirect/hostname", "hostname", "a.b"),
            ("/spec/rules/0/backendRefs/0/filters/0/urlRewrite/hostname", "hostname", "c.d"),
        ])
    );
    let other = json!({"metadata": annotations, "spec": {"externalName": "a.b"}});
    assert_eq!(
        of(&object("v1", "Service", "other", other)),
        texts(&[("/spec/externalName", "host", "a.b")])
    );
}

#[test]
fn an_object_of_any_kind_has_texts_in_all_its_fields_but_some() {
    let spec = json!({
        "a": "x",
        "command": ["--host", "h"],
        "image": "i",
        "labels": {"l": "m"},
        "list": [{"name": "N", "value": "v"}, {"key": "K", "values": ["w"]}],
        "number": 1,
    });
    let rest = json!({"metadata": {"annotations": {"a": "b"}}, "spec": spec, "status": "s"});
    let mut found = of(&object("example.com/v1", "Some", "some", rest.clone()));
    found.sort();
    assert_eq!(
        found,
        texts(&[
            ("/spec/a", "a", "x"),
            ("/spec/command/0", "", "--host"),
            ("/spec/command/1", "host", "h"),
            ("/spec/list/0/name", "name", "N"),
            ("/spec/list/0/value", "N", "v"),
            ("/spec/list/1/key", "key", "K"),
            ("/spec/list/1/values/0", "K", "w"),
        ])
    );
    assert!(of(&object("v1", "Secret", "some", rest)).is_empty());
}

#[test]
fn a_credential_is_one_letter_of_a_text() {
    let credential = Part::Credential {
        class: CredentialClass("a".to_owned()),
        length: 12,
        alphabet: Alphabet::Token,
        encoding: Encoding::Plain,
    };
    let inner = Part::Base64(vec![Part::Text("b".to_owned())]);
    assert_eq!(shown(&[Part::Text("a:".to_owned()), credential, inner]), "a:xx");
}

#[test]
fn base64_is_looked_into_one_level_deep() {
    let encoded = |it: &str| BASE64.encode(it);
    let (url, word) = (encoded("http://a.example"), encoded("something longer"));
    let (first, second) = url.split_at(7);
    for (value, expected) in [
        (url.clone(), vec!["http://a.example"]),
        (format!(" {first}\n{second}\n"), vec!["http://a.example"]),
        (word.clone(), vec!["something longer"]),
        (encoded("a line\nand another"), vec!["a line\nand another"]),
        // Words that stand for a word are words.
        (format!("a: {url}, {word}; {url}"), vec!["http://a.example", "http://a.example"]),
        (encoded("http://a.exampl"), vec![]),
        (encoded("http://a.example\u{0}\u{1}"), vec![]),
        (BASE64.encode([0xff_u8; 24]), vec![]),
        ("http://a.example/and/further/on".to_owned(), vec![]),
    ] {
        let text = Text {
            object: Key { group: String::new(), kind: "Pod".to_owned(), name: String::new() },
            path: "/a".to_owned(),
            named: "b".to_owned(),
            value,
            secret: false,
            origin: Origin::Written,
        };
        let expected: Vec<Text> = expected
            .into_iter()
            .map(|it| Text { value: it.to_owned(), origin: Origin::Encoded, ..text.clone() })
            .collect();
        assert_eq!(decoded(&text), expected, "{}", text.value);
        assert!(decoded(&Text { secret: true, ..text.clone() }).is_empty());
        assert!(decoded(&Text { origin: Origin::Filled, ..text }).is_empty());
    }
}

#[test]
fn a_plan_has_the_texts_of_clones_and_secrets_and_what_they_make_together() {
    let (request, capture) = (fixture::request(json!({}), json!({})), fixture::capture());
    let context = Context::new(&request, &capture).unwrap();
    let env = json!([
        {"name": "HOST", "valueFrom": {"secretKeyRef": {"name": "login", "key": "host"}}},
        {"name": "URL", "value": "http://$(HOST)"},
    ]);
    let container = json!({"name": "web", "env": env});
    let web = deployment("web", json!({}), json!({"containers": [container]}));
    let data = json!({"data": {"a": "b"}});
    let mut fence = object("v1", "ConfigMap", "fence", data.clone());
    fence.set(&format!("/metadata/labels/{}", escape(names::FENCE_LABEL)), json!("x"));
    let host = PlannedValue::Parts(vec![Part::Text("db.acme.com".to_owned())]);
    let keys = [("host".to_owned(), host)].into();
    let secrets = BTreeMap::from([("login".to_owned(), PlannedSecret { keys })]);
    let objects = [web, fence, object("v1", "ConfigMap", "settings", data)];
    let found = of_plan(&objects, &secrets, &[], &context);
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.object.to_string(), &*it.named, &*it.value, it.secret, it.origin))
        .collect();
    let own = |it: &str| it.to_owned();
    assert_eq!(
        found,
        [
            (own("Deployment.apps/web"), "URL", "http://$(HOST)", false, Origin::Written),
            (own("ConfigMap/settings"), "a", "b", false, Origin::Written),
            (own("Secret/login"), "host", "db.acme.com", true, Origin::Written),
            (own("Deployment.apps/web"), "URL", "http://db.acme.com", true, Origin::Filled),
        ]
    );
}
