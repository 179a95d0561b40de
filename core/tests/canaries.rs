//! Values of Secrets are known to nobody: planted in a source, they are found in nothing that is
//! stored, reported, logged or said, plain or encoded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{capture, objects, request};
use kulisse_core::{
    plan::{Plan, capture::Capture, plan},
    secrets::{self, Materials, OperatorKey, Origin, Place, Production, SecretBytes},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};

/// Found by nothing but its own text, and by what encodings make of it.
const PLAIN: &str = "CanaryX9hunter";
/// What escaping changes.
const ODD: &str = "Canary\"Y8/hun%ter\\";

/// Ways in which a value may be written.
fn forms(canary: &str) -> Vec<String> {
    let json = json!(canary).to_string();
    let mut forms = vec![
        canary.to_owned(),
        json.trim_matches('"').to_owned(),
        utf8_percent_encode(canary, NON_ALPHANUMERIC).to_string(),
        canary.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(),
    ];
    for shift in 0..3 {
        let text = STANDARD.encode(format!("{}{canary}", "x".repeat(shift)));
        // The digits at the ends belong to the neighbours too.
        forms.push(text[if shift == 0 { 0 } else { 4 }..text.len() - 4].to_owned());
    }
    forms
}

fn wrapped(canary: &str) -> Vec<(&'static str, String)> {
    let json = json!(canary);
    vec![
        ("password", canary.to_owned()),
        ("whatever", canary.to_owned()),
        ("token", format!("Bearer {canary}")),
        ("stripe", format!("sk_live_{canary}{canary}")),
        ("encoded", STANDARD.encode(canary)),
        (
            "url",
            format!("postgres://u:{}@db.shop.svc/x", utf8_percent_encode(canary, NON_ALPHANUMERIC)),
        ),
        ("raw-url", format!("redis://:{canary}@redis.shop.svc/0")),
        ("amqp", format!("amqp://a:{canary}@h1,amqp://a:{canary}@h2")),
        ("mongo", format!("mongodb+srv://u:{canary}@cluster.example.com/x?password={canary}")),
        ("dsn", format!("host=db user=u password='{canary}' dbname=x")),
        ("ado", format!("Server=db;User Id=u;Password={canary};Encrypt=true")),
        ("app.json", format!("{{\"db\":{{\"password\":{json},\"tokens\":[{json}]}}}}")),
        ("app.yaml", format!("db:\n  password: {json}\n  tokens: [{json}]\n")),
        (".env", format!("DB_PASSWORD={json}\n# OLD_PASSWORD={canary}\n")),
        ("app.ini", format!("[db]\npassword = {canary}\n")),
        ("htpasswd", format!("admin:$apr1${PLAIN}$0123456789abcdefghijkl")),
        ("jwt", format!("eyJhbGciOiJIUzI1NiJ9.{}.{PLAIN}", "eyJzdWIiOiIxIn0")),
        ("init.sql", format!("CREATE USER x PASSWORD '{canary}';")),
        ("page.xml", format!("<a><password>{canary}</password></a>")),
        (".dockerconfigjson", format!("{{\"auths\":{{\"r\":{{\"password\":{json}}}}}}}")),
        ("binary", format!("\u{0}\u{1}{canary}")),
        (
            "broken.pem",
            format!("-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n"),
        ),
    ]
}

/// A source that is full of them, keys of all kinds among them.
fn source() -> Vec<Value> {
    let mut source = vec![json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"imagePullSecrets": [{"name": "plain"}], "containers": [{
                "name": "web", "image": "acme/web:1",
                "env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "plain", "key": "whatever"}}}],
                "envFrom": [{"secretRef": {"name": "odd"}}],
            }]},
        }},
    })];
    for (name, canary) in [("plain", PLAIN), ("odd", ODD), ("copied", PLAIN), ("given", ODD)] {
        let data: BTreeMap<&str, String> = wrapped(canary).into_iter().collect();
        let applied = json!({"stringData": data}).to_string();
        source.push(json!({
            "apiVersion": "v1", "kind": "Secret", "immutable": true,
            "metadata": {"name": name, "namespace": "shop",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
            "stringData": data,
        }));
    }
    source
}

fn planned() -> (Capture, Plan) {
    let environment = json!({
        "metadata": {"name": "pr-1"},
        "spec": {"source": {"namespace": "shop"}, "secrets": {"rules": [
            {"name": "copied", "policy": "Copy"},
            {"name": "given", "policy": "From", "from": {"name": "mine"}},
            {"name": "plain", "keys": ["made"], "policy": "Template", "template": "x-${secret:odd/url}"},
        ]}},
    });
    let class = json!({"spec": {"secrets": {"allowCopy": ["copied"]}}});
    let mut request = request(&environment, &class);
    request.granted_secrets = vec!["copied".to_owned()];
    let capture = capture("shop", objects(&source()));
    let plan = plan(&request, &capture).unwrap();
    (capture, plan)
}

fn free_of_canaries(what: &str, text: &str) {
    for canary in [PLAIN, ODD] {
        for form in forms(canary) {
            if let Some(at) = text.find(&form) {
                let from = text.floor_char_boundary(at.saturating_sub(80));
                let to = text.floor_char_boundary(at + form.len());
                panic!("{what}: …{}", &text[from..to]);
            }
        }
    }
}

fn shown(what: &str, value: &(impl Serialize + Debug)) {
    free_of_canaries(what, &serde_json::to_string(value).unwrap());
    free_of_canaries(what, &format!("{value:?}"));
    free_of_canaries(what, &format!("{value:#?}"));
}

#[test]
fn nothing_that_is_stored_or_reported_holds_a_credential() {
    // It would be found if it were there.
    let source = serde_json::to_string(&source()).unwrap();
    assert!(forms(PLAIN)[..2].iter().all(|form| source.contains(form)));
    let (capture, plan) = planned();
    assert!(plan.secrets.values().map(|it| it.keys.len()).sum::<usize>() > 40);
    shown("the capture", &capture);
    shown("the plan", &plan);
    for change in &plan.changes {
        shown("a change", change);
    }
    for finding in &plan.findings {
        shown("a finding", finding);
    }
}

#[test]
fn what_is_made_holds_a_credential_of_production_only_where_it_is_copied() {
    let (capture, plan) = planned();
    let key = OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap();
    let value = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
    let place = |origin, secret: &str, key: &str| Place {
        origin,
        secret: secret.to_owned(),
        key: key.to_owned(),
    };
    let mut given = BTreeMap::new();
    for (key, text) in wrapped(PLAIN) {
        given.insert(place(Origin::Source, "copied", key), value(&text));
        given.insert(place(Origin::Request, "mine", key), value("sandbox"));
    }
    let production = Arc::new(Production::of(&capture.secrets));
    let mut with =
        Materials { key: &key, environment: "uid", given, existing: BTreeMap::new(), production };
    let made = secrets::make(&plan.secrets, &with).unwrap();
    for (name, filling) in &made {
        let copied = name == "copied";
        for (key, value) in filling.values() {
            let text = String::from_utf8_lossy(value.expose());
            if copied {
                continue;
            }
            free_of_canaries(&format!("{name}/{key}"), &text);
        }
        assert!(!filling.values().is_empty());
    }
    assert_eq!(made["copied"].values()["password"].expose(), PLAIN.as_bytes());
    // An error does not say what it refused.
    with.given.insert(place(Origin::Request, "mine", "password"), value(PLAIN));
    let refused = secrets::make(&plan.secrets, &with).err().unwrap();
    free_of_canaries("the refusal", &format!("{refused} {refused:?}"));
    assert!(refused.to_string().contains("key password"), "{refused}");
}
