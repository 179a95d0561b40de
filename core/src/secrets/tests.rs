//! What holds for sealing and making together.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;

mod code;
mod documents;
mod forms;
mod kept;
mod making;
mod properties;
mod values;

fn key() -> OperatorKey {
    OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap()
}

fn secret(name: &str, kind: &str, data: &[(&str, &str)]) -> OpenSecret {
    let value = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
    OpenSecret {
        name: name.to_owned(),
        kind: kind.to_owned(),
        data: data.iter().map(|(key, text)| ((*key).to_owned(), value(text))).collect(),
    }
}

fn sealed(data: &[(&str, &str)]) -> SealedSecret {
    seal(&secret("it", "Opaque", data), &Uses::default(), &key())
}

fn planned(sealed: &SealedSecret) -> PlannedSecret {
    let keys = sealed.keys.iter().filter_map(|(name, value)| match value {
        SealedValue::Parts(parts) => Some((name.clone(), PlannedValue::Parts(parts.clone()))),
        SealedValue::Keys { .. } | SealedValue::NotInventable { .. } => None,
    });
    PlannedSecret { keys: keys.collect() }
}

fn materials<'a>(key: &'a OperatorKey, environment: &'a str) -> Materials<'a> {
    Materials {
        key,
        environment,
        given: BTreeMap::new(),
        existing: BTreeMap::new(),
        production: Arc::default(),
    }
}

fn texts(values: &BTreeMap<String, SecretBytes>) -> BTreeMap<String, String> {
    let text = |value: &SecretBytes| String::from_utf8(value.expose().to_vec()).unwrap();
    values.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The values of one planned Secret, called `it`.
fn filled(planned: &PlannedSecret, with: &Materials<'_>) -> Result<Filling, Unmade> {
    let all = BTreeMap::from([("it".to_owned(), planned.clone())]);
    make(&all, with).map(|mut made| made.remove("it").unwrap())
}

fn made(sealed: &SealedSecret) -> BTreeMap<String, String> {
    texts(filled(&planned(sealed), &materials(&key(), "uid-1")).unwrap().values())
}

fn place(origin: Origin, key: &str) -> Place {
    Place { origin, secret: "mine".to_owned(), key: key.to_owned() }
}

fn one(key: &str, value: PlannedValue) -> PlannedSecret {
    PlannedSecret { keys: BTreeMap::from([(key.to_owned(), value)]) }
}

/// A value with each credential as `<length>`; `!` and the reason if it cannot be invented.
fn shape_of(name: &str, value: &str) -> String {
    match &sealed(&[(name, value)]).keys[name] {
        SealedValue::Parts(parts) => shape(parts),
        SealedValue::Keys { parts, .. } => format!("{} keys", parts.len()),
        SealedValue::NotInventable { why, .. } => format!("! {why}"),
    }
}

fn shape(parts: &[Part]) -> String {
    parts.iter().fold(String::new(), |mut shown, part| {
        match part {
            Part::Text(text) => shown.push_str(text),
            Part::Credential { length, .. } => write!(shown, "<{length}>").unwrap(),
            Part::Base64(inner) => write!(shown, "base64({})", shape(inner)).unwrap(),
        }
        shown
    })
}

#[test]
fn what_nobody_can_invent_is_said_so() {
    for (name, value) in [
        ("auth", "admin:$apr1$abcdefgh$0123456789abcdefghijkl"),
        ("htpasswd", "admin:whatever"),
        ("tls.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
        ("tls.key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"),
        ("ssh-privatekey", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"),
        ("token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh"),
        (".dockerconfigjson", "{\"auths\":{\"r.io\":{\"auth\":\"dTpw\"}}}"),
        ("jwks.json", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"abc\"}]}"),
        ("sa.json", "{\"type\": \"service_account\", \"private_key\": \"x\"}"),
        ("definitions.json", "{\"users\":[{\"name\":\"a\",\"password_hash\":\"aGFzaA==\"}]}"),
        ("keystore.jks", "\u{0}\u{1}"),
        ("init.sql", "CREATE USER shop PASSWORD 'shop';\nCREATE DATABASE shop;"),
        ("app.yaml", "a: b\ninit: |\n  CREATE USER shop PASSWORD 'shop';\n  SELECT 1;\n"),
        ("wp-config.php", "<?php\ndefine('DB_PASSWORD', 'shop');\n"),
        ("RAILS_MASTER_KEY", "0123456789abcdef0123456789abcdef"),
        ("JASYPT_ENCRYPTOR_PASSWORD", "jasyptPw12"),
        ("DB_PASSWORD", "ENC(nrmZtkF7T0kjG/VodDvBw93Ct8EgjCA+)"),
        ("application.yml", "db:\n  user: shop\n  password: '{cipher}682bc583f4641835fa2d'\n"),
        ("VAPID_PRIVATE_KEY", "abcdefgh"),
        ("privateKeyPem", "abcdefgh"),
    ] {
        assert!(shape_of(name, value).starts_with('!'), "{name}: {}", shape_of(name, value));
    }
}

#[test]
fn equal_credentials_stay_equal_however_they_are_written() {
    let it = sealed(&[
        ("POSTGRES_PASSWORD", "p@ss/word1"),
        ("DATABASE_URL", "postgres://shop:p%40ss%2Fword1@db/shop"),
        ("encoded-password", "cEBzcy93b3JkMQ=="),
        ("app.yaml", "password: p@ss/word1\nuser: shop\n"),
        ("config.json", "{\"password\":\"p@ss\\/word1\"}"),
    ]);
    let it = made(&it);
    let new = &it["POSTGRES_PASSWORD"];
    assert_ne!(new, "p@ss/word1");
    assert_eq!(new.len(), 10);
    assert_eq!(it["DATABASE_URL"], format!("postgres://shop:{new}@db/shop"));
    assert_eq!(it["app.yaml"], format!("password: {new}\nuser: shop\n"));
    assert_eq!(it["config.json"], format!("{{\"password\":\"{new}\"}}"));
    assert_eq!(it["encoded-password"], STANDARD.encode(new));
}

#[test]
fn values_differ_between_environments_and_not_between_passes() {
    let it = planned(&sealed(&[("password", "correct-horse-battery")]));
    let key = key();
    let of = |uid: &str| texts(filled(&it, &materials(&key, uid)).unwrap().values());
    assert_eq!(of("uid-1"), of("uid-1"));
    assert_ne!(of("uid-1"), of("uid-2"));
}

#[test]
fn a_password_of_one_character_is_not_drawn_again() {
    for digit in '0'..='9' {
        let it = sealed(&[("pin", &digit.to_string())]);
        assert_ne!(made(&it)["pin"], digit.to_string());
    }
}

#[test]
fn a_key_under_another_name_is_what_its_variable_says() {
    let pod = crate::plan::object::Object::new(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "a", "env": [
            {"name": "DB_NAME", "valueFrom": {"secretKeyRef": {"name": "it", "key": "x"}}},
            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "it", "key": "y"}}},
        ]}]},
    }))
    .unwrap();
    let it = seal(&secret("it", "Opaque", &[("x", "shop"), ("y", "5432")]), &uses(&[pod]), &key());
    assert_eq!(it.keys["x"], SealedValue::Parts(vec![Part::Text("shop".to_owned())]));
    assert_ne!(it.keys["y"], SealedValue::Parts(vec![Part::Text("5432".to_owned())]));
}

#[test]
fn no_stored_form_holds_a_credential() {
    let canary = "CanaryX9";
    let places = [
        ("password", "CanaryX9"),
        ("unknown", "CanaryX9"),
        ("multi-token", "CanaryX9\nCanaryX9\n"),
        ("url", "postgres://u:CanaryX9@db/x?password=CanaryX9"),
        ("web", "https://u:CanaryX9@db/x#/page?token=CanaryX9"),
        ("list", "amqp://u:CanaryX9@a,amqp://u:CanaryX9@b"),
        ("odd", "postgres://u:p@/CanaryX9#?@db/x"),
        ("dsn", "host=h user=u password=CanaryX9"),
        ("ado", "Server=h;Pwd=CanaryX9"),
        ("opts", "-Da.password=CanaryX9 --token CanaryX9 --user=x"),
        (
            "a.json",
            "{\"auth\":{\"password\":[\"CanaryX9\",{\"x\":\"CanaryX9\"}]},\"u\":\"a://b:CanaryX9@c\"}",
        ),
        (
            "a.yaml",
            "password: CanaryX9\nsecrets:\n  - CanaryX9\n  - x: \"CanaryX9\"\nurl: a://b:CanaryX9@c\ntoken: >-\n  CanaryX9\n  CanaryX9\npasswords: [CanaryX9, 'CanaryX9']\n",
        ),
        (
            "a.properties",
            "a.password=CanaryX9\n#a.password=CanaryX9\nb.secret=x\\\n CanaryX9\nurl=a://b:CanaryX9@c\n",
        ),
        ("a.ini", "[x]\npassword = CanaryX9 ; CanaryX9\n"),
        (".env", "A_TOKEN='CanaryX9'\nB=${C:-a://b:CanaryX9@c}\nA_KEY=\"x\nCanaryX9\"\n"),
        ("init.sql", "ALTER USER x PASSWORD 'CanaryX9';\nSELECT 1;"),
        ("page.xml", "<a><password>CanaryX9</password></a>"),
        ("hash", "x:$apr1$CanaryX9$abc"),
        ("bearer-token", "Bearer CanaryX9"),
        ("auth", "user:CanaryX9"),
    ];
    let it = sealed(&places);
    for (name, _) in places {
        let stored = serde_json::to_string(&it.keys[name]).unwrap();
        assert!(!stored.contains(canary), "{name}: {stored}");
        assert!(!format!("{:?}", it.keys[name]).contains(canary), "{name}");
    }
    let planned = planned(&it);
    assert!(!serde_json::to_string(&planned).unwrap().contains(canary));
    assert!(made(&it).values().all(|value| !value.contains(canary)));
}
