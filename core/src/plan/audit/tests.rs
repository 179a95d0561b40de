//! What is told of a plan, and what is not.

use serde_json::{Value, json};

use super::*;
use crate::{
    api::{
        names,
        staging_plan::{Finding, Severity},
    },
    plan::fixture::{self, deployment, object, policy, service},
    secrets::{Part, PlannedValue},
};

const TARGET: &str = "stg-pr-7-abcde";

fn found(
    spec: Value,
    source: &[Object],
    clones: &[Object],
    secrets: &BTreeMap<String, PlannedSecret>,
) -> Vec<Finding> {
    let (request, mut capture) = (fixture::request(spec, json!({})), fixture::capture());
    capture.objects = source.to_vec();
    let context = Context::new(&request, &capture).unwrap();
    let mut log = Log::default();
    audit(clones, secrets, &[], &context, &mut log);
    log.findings
}

/// Kind and place of each finding.
fn told(findings: &[Finding]) -> Vec<(&str, String)> {
    findings.iter().map(|it| (&*it.kind, format!("{} {}", it.object, it.path))).collect()
}

fn web(env: &Value) -> Object {
    let container = json!({"name": "web", "env": env});
    deployment("web", json!({}), json!({"containers": [container]}))
}

/// Deployment `web` with a variable that names nothing.
fn says(text: &str) -> Object {
    web(&json!([{"name": "SOME", "value": text}]))
}

fn variable(at: usize) -> String {
    format!("Deployment.apps/web /spec/template/spec/containers/0/env/{at}/value")
}

fn config(name: &str, data: &Value) -> Object {
    object("v1", "ConfigMap", name, json!({ "data": data }))
}

fn ingress(host: &str) -> Object {
    let rules = json!([{ "host": host }]);
    object("networking.k8s.io/v1", "Ingress", "web", json!({"spec": {"rules": rules}}))
}

#[test]
fn what_leads_out_of_the_target_is_told() {
    let source = [service("db"), service("behind"), ingress("www.acme.com")];
    for (text, expected) in [
        ("http://db", None),
        ("http://localhost:80", None),
        ("http://web.staging.test", None),
        ("http://redis.cache", Some("other-namespace")),
        ("http://api.example.com", Some("outside-host")),
        ("http://www.acme.com", Some("production-host")),
        ("http://behind", Some("missing-service")),
        ("at 10.1.2.3", Some("private-address")),
        ("at 168.63.129.16", Some("private-address")),
        ("at 8.8.8.8", None),
        ("s3://acme-uploads", Some("cloud-resource")),
        ("http://db.shop.svc", Some("residual-reference")),
    ] {
        let clones = [service("db"), ingress("web.staging.test"), says(text)];
        let findings = found(json!({}), &source, &clones, &BTreeMap::new());
        let expected: Vec<_> = expected.into_iter().map(|it| (it, variable(0))).collect();
        assert_eq!(told(&findings), expected, "{text}");
    }
}

#[test]
fn what_is_decided_about_a_host_holds() {
    let entry = |host: &str, action: &str, with: Option<&str>| {
        let mut entry = json!({"host": host, "action": action});
        if let Some(with) = with {
            entry["with"] = json!(with);
        }
        json!({ "hosts": [entry] })
    };
    let unused =
        ("matches-nothing", "StagingEnvironment.kulisse.dev/pr-7 /spec/hosts/0".to_owned());
    for (text, spec, expected) in [
        ("http://api.acme.com", entry("api.acme.com", "Block", None), vec![]),
        ("http://api.acme.com", entry("api.acme.com", "Allow", None), vec![]),
        (
            "http://api.acme.com",
            entry("api.acme.com", "Replace", Some("mock.test")),
            vec![("host-not-replaced", variable(0))],
        ),
        // What takes a host's place is outside as well.
        (
            "http://mock.acme.com",
            entry("*.acme.com", "Replace", Some("mock.acme.com")),
            vec![("outside-host", variable(0))],
        ),
        (
            "http://api.acme.com",
            entry("b.example.org", "Block", None),
            vec![("outside-host", variable(0)), unused.clone()],
        ),
        ("nothing", entry("api.acme.com", "Block", None), vec![unused]),
        ("at 10.1.2.3", entry("10.1.2.3", "Block", None), vec![]),
        ("at 10.1.2.3", entry("10.1.2.3", "Allow", None), vec![("private-address", variable(0))]),
    ] {
        let findings = found(spec, &[], &[says(text)], &BTreeMap::new());
        assert_eq!(told(&findings), expected, "{text}");
    }
}

#[test]
fn the_preview_is_proposed_in_the_place_of_productions_host() {
    let findings = found(
        json!({}),
        &[ingress("www.acme.com")],
        &[ingress("web.staging.test"), says("http://www.acme.com")],
        &BTreeMap::new(),
    );
    assert!(findings[0].settle.contains("with: web.staging.test"), "{}", findings[0].settle);
}

#[test]
fn an_address_of_production_is_told_with_the_name_to_write_instead() {
    let behind = |name: &str, ip: &str| {
        let mut it = service(name);
        it.set("/spec/clusterIP", json!(ip));
        it
    };
    let source = [behind("db", "10.96.0.5"), behind("gone", "192.0.2.7")];
    for (text, settles) in [("at 10.96.0.5", "value: at db"), ("at 192.0.2.7", "action: Block")] {
        let findings = found(json!({}), &source, &[service("db"), says(text)], &BTreeMap::new());
        assert_eq!(told(&findings), [("stale-address", variable(0))], "{text}");
        assert!(findings[0].settle.contains(settles), "{}", findings[0].settle);
    }
}

#[test]
fn a_service_of_the_target_that_is_not_there_is_told() {
    let source = [service("db"), service("behind")];
    for (text, severity) in [
        ("http://db.{}.svc.cluster.local", None),
        ("http://_tcp.{}.svc", None),
        ("http://10-1-2-3.{}.pod.cluster.local", None),
        ("http://{}.svc.db", None),
        ("http://behind", Some(Severity::Warns)),
        ("http://behind.{}", Some(Severity::Warns)),
        ("http://nobody.{}.svc", Some(Severity::Informs)),
        ("http://nobody-0.nobody.{}.svc.cluster.local", Some(Severity::Informs)),
        ("http://nobody.{}:80", Some(Severity::Informs)),
        ("http://nobody", None),
    ] {
        let clones = [service("db"), says(&text.replace("{}", TARGET))];
        let findings = found(json!({}), &source, &clones, &BTreeMap::new());
        let severities: Vec<_> = findings.iter().map(|it| it.severity).collect();
        assert_eq!(severities, Vec::from_iter(severity), "{text}");
        assert!(findings.iter().all(|it| it.kind == "missing-service"), "{text}");
    }
}

#[test]
fn shared_names_are_told_where_something_outside_is_named_too() {
    let outside = json!({"name": "SOME", "value": "http://api.example.com"});
    let topic = json!({"name": "KAFKA_TOPIC", "value": "orders"});
    let blocked = |action: &str| json!({"hosts": [{"host": "api.example.com", "action": action}]});
    let both = web(&json!([outside, topic]));
    let other = web(&json!([outside, {"name": "KAFKA_TOPIC", "value": "others"}]));
    for (spec, source, clone, expected) in [
        (json!({}), vec![], &both, true),
        (json!({}), vec![both.clone()], &both, true),
        // Only the clone's topic is called so.
        (json!({}), vec![other], &both, false),
        (json!({}), vec![], &web(&json!([topic])), false),
        (blocked("Allow"), vec![], &both, true),
        (blocked("Block"), vec![], &both, false),
    ] {
        let findings = found(spec, &source, std::slice::from_ref(clone), &BTreeMap::new());
        let shared: Vec<_> = findings.iter().filter(|it| it.kind == "shared-name").collect();
        assert_eq!(shared.len(), usize::from(expected), "{source:?}");
        assert!(shared.iter().all(|it| it.why.starts_with("topic orders:")), "{shared:?}");
    }
}

#[test]
fn shared_names_are_told_of_what_a_workload_reads() {
    let mut read = says("http://api.example.com");
    read.set(
        "/spec/template/spec/containers/0/envFrom",
        json!([{"configMapRef": {"name": "read"}}]),
    );
    let topic = json!({"app.properties": "a=b\nkafka.topic=orders\n"});
    let clones = [read, config("read", &topic), config("unread", &topic)];
    let findings = found(json!({}), &[], &clones, &BTreeMap::new());
    let shared: Vec<_> = findings.into_iter().filter(|it| it.kind == "shared-name").collect();
    assert_eq!(told(&shared), [("shared-name", "ConfigMap/read /data/app.properties".to_owned())]);
}

#[test]
fn what_only_variables_make_blocks_as_well_and_once() {
    let settings = config("settings", &json!({"space": "shop"}));
    let space = json!({"name": "SPACE", "valueFrom": {
        "configMapKeyRef": {"name": "settings", "key": "space"}
    }});
    let env = json!([
        space,
        {"name": "WRITTEN", "value": "http://db.shop.svc http://db.$(SPACE).svc"},
        {"name": "MADE", "value": "http://db.$(SPACE).svc"},
        {"name": "HARMLESS", "value": "http://db.$(SPACE)x.svc"},
    ]);
    let findings = found(json!({}), &[], &[settings, web(&env)], &BTreeMap::new());
    let blocking: Vec<_> =
        findings.into_iter().filter(|it| it.severity == Severity::Blocks).collect();
    assert_eq!(
        told(&blocking),
        [("residual-reference", variable(1)), ("residual-reference", variable(2))]
    );
}

#[test]
fn the_text_of_secrets_is_looked_through_and_the_fence_is_not() {
    let own = json!({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {
        "matchLabels": {"kubernetes.io/metadata.name": "shop"}
    }}]}]});
    let mut fence = policy("fence", own.clone());
    fence.set(&format!("/metadata/labels/{}", names::FENCE_LABEL.replace('/', "~1")), json!("x"));
    let text = Part::Text("http://db.shop.svc".to_owned());
    let keys = [("a/b".to_owned(), PlannedValue::Parts(vec![text]))].into();
    let secrets = BTreeMap::from([("login".to_owned(), PlannedSecret { keys })]);
    let findings = found(json!({}), &[], &[fence], &secrets);
    assert_eq!(told(&findings), [("residual-reference", "Secret/login /data/a~1b".to_owned())]);

    let findings = found(json!({}), &[], &[policy("own", own)], &BTreeMap::new());
    assert_eq!(findings[0].severity, Severity::Blocks);
}

#[test]
fn files_that_are_no_text_are_told_of_config_maps_alone() {
    let files = json!({"binaryData": {"a/b": "/////w==", "text": "dGV4dA=="}});
    let clones = [
        object("v1", "ConfigMap", "files", files.clone()),
        object("example.com/v1", "File", "other", files),
    ];
    let findings = found(json!({}), &[], &clones, &BTreeMap::new());
    assert_eq!(told(&findings), [("unread-file", "ConfigMap/files /binaryData/a~1b".to_owned())]);
    assert!(findings[0].settle.ends_with("| base64 -d | strings"), "{}", findings[0].settle);
}
