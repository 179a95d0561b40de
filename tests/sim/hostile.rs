//! Names that are meant to become part of a URL. The definitions refuse most of them; objects that were
//! stored before they did, or by somebody who has loosened them, are read all the same.

use std::time::Duration;

use kube_faults::plan::Plan;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    life::{ENVIRONMENTS, TEAM, begun, while_one_works},
};

/// What would lead elsewhere behind a name.
const BREAKS: [&str; 10] = ["/", "?", "#", "%2f", "%00", " ", "\n", "\\", ";", "&"];
/// Where to.
const AFTER: [&str; 10] = [
    "secrets",
    "../secrets",
    "secrets?watch=true",
    "a\u{202e}b",
    "A",
    "..",
    "*",
    "$(id)",
    "\u{0}",
    "é",
];
/// More requests than this for each environment, and somebody asks again and again for what only its
/// author can mend. A plan that is blocked is stored and shown.
const EACH: usize = 9;
/// What is in each of them and in nothing else.
const MARK: &str = "evil";

/// Where names stand in what people write.
type Field = fn(&str) -> Value;
const FIELDS: [(&str, Field); 5] = [
    ("source.namespace", |name| json!({ "source": { "namespace": name } })),
    ("className", |name| json!({ "className": name })),
    ("overlay.configMapRef", |name| json!({ "overlay": { "configMapRef": [{ "name": name }] } })),
    (
        "manifests.configMapRef",
        |name| json!({ "source": { "namespace": "shop", "manifests": { "configMapRef": [{ "name": name }] } } }),
    ),
    (
        "secrets.rules",
        |name| json!({ "secrets": { "rules": [{ "name": "database", "policy": "From", "from": { "name": name } }] } }),
    ),
];

fn environment(name: &str, more: &Value) -> Value {
    let mut spec = json!({ "source": { "namespace": "shop" }, "className": "usual" });
    for (field, value) in more.as_object().expect("fields") {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": name, "namespace": TEAM }, "spec": spec,
    })
}

#[test]
fn of_a_hundred_hostile_names_in_every_field_none_becomes_part_of_a_request() {
    let names: Vec<String> = BREAKS
        .iter()
        .flat_map(|it| AFTER.iter().map(move |after| format!("{MARK}{it}{after}")))
        .collect();
    assert_eq!(names.len(), 100);
    for (field, write) in FIELDS {
        let cluster = Cluster::new(begun(), Plan::nothing(), 1);
        while_one_works(&cluster, async {
            for (at, name) in names.iter().enumerate() {
                let it = environment(&format!("pr-{at}"), &write(name));
                let (code, _) =
                    cluster.ask(http::Method::POST, ENVIRONMENTS, "application/json", &it);
                assert_eq!(code, 201, "{field}");
            }
            sleep(Duration::from_secs(20)).await;
        });
        let heard = cluster.heard();
        let all = |it: &kube_faults::request::Request| {
            [Some(&it.path), it.namespace.as_ref(), it.name.as_ref()]
                .into_iter()
                .flatten()
                .any(|it| it.to_lowercase().contains(MARK))
        };
        let through: Vec<_> = heard.iter().filter(|it| all(it)).map(|it| &it.path).collect();
        assert!(through.is_empty(), "{field}: {through:?}");
        let (code, list) =
            cluster.ask(http::Method::GET, ENVIRONMENTS, "application/json", &Value::Null);
        let items = list["items"].as_array().expect("environments");
        assert_eq!((code, items.len()), (200, names.len()));
        for it in items {
            let told = it["status"]["conditions"].as_array().into_iter().flatten();
            let ready = told.into_iter().find(|it| it["type"] == "Ready");
            let said = ready.is_some_and(|it| it["status"] != "True" && it["message"] != "");
            assert!(said, "{field}: nothing is said: {it}");
        }
        let each = heard.len().div_ceil(names.len());
        assert!(each <= EACH, "{field}: {} requests", heard.len());
        println!(
            "figure: {field}: 100 hostile names, {} requests, 0 with one of them",
            heard.len()
        );
    }
}
