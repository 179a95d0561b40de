//! What the planner's tests share: cases on disk, and YAML.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod anything;
pub mod said;
pub mod unmoved;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use kulisse_core::{
    api::{
        class::StagingClassSpec,
        environment::StagingEnvironmentSpec,
        identity::{Incarnation, NamespaceName},
        names,
    },
    plan::{
        capture::{Capture, Reading, assemble},
        object::Object,
        request::{Classes, Cluster, Endpoint, Identity, OperatorAccount, Request},
    },
    secrets::{OpenSecret, OperatorKey, SecretBytes},
};
use serde_json::{Value, json};

/// A source and a request.
pub struct Case {
    /// The source's objects, Secrets with their values.
    pub objects: Vec<Object>,
    /// What is asked for.
    pub request: Request,
}

impl Case {
    /// Reads a folder of `tests/golden`.
    pub fn read(folder: &Path) -> Self {
        let file = |name: &str| fs::read_to_string(folder.join(name));
        let environment = yaml_documents(&file("environment.yaml").unwrap()).remove(0);
        let class =
            file("class.yaml").map(|text| yaml_documents(&text).remove(0)).unwrap_or_default();
        let mut request = request(&environment, &class);
        if let Ok(grant) = file("grant.yaml") {
            let grant = yaml_documents(&grant).remove(0);
            request.granted_secrets =
                serde_json::from_value(grant["spec"]["secrets"].clone()).unwrap();
        }
        if let Ok(classes) = file("cluster.yaml") {
            let classes = yaml_documents(&classes).remove(0);
            request.cluster.classes = serde_json::from_value(classes).unwrap();
        }
        Self { objects: objects(&yaml_documents(&file("source.yaml").unwrap())), request }
    }

    /// The source as it is captured.
    pub fn capture(&self) -> Capture {
        capture(&self.request.spec.source.namespace, self.objects.clone())
    }
}

/// A request for an environment, always of the same UID.
pub fn request(environment: &Value, class: &Value) -> Request {
    let name = environment.pointer("/metadata/name").and_then(Value::as_str).unwrap();
    let uid = "0b7f6a3e-5a52-4c7e-9a8e-000000000001";
    let spec: StagingEnvironmentSpec = serde_json::from_value(environment["spec"].clone()).unwrap();
    let class: StagingClassSpec = match class.get("spec") {
        Some(spec) => serde_json::from_value(spec.clone()).unwrap(),
        None => StagingClassSpec::default(),
    };
    Request {
        environment: Identity {
            name: name.to_owned(),
            namespace: NamespaceName::parse("previews").unwrap(),
            uid: uid.to_owned(),
        },
        target: names::target_namespace("stg", name, uid, Incarnation(1)),
        spec,
        class,
        granted_secrets: Vec::new(),
        incarnation: Incarnation(1),
        overlay: Vec::new(),
        cluster: Cluster {
            api_endpoints: vec![Endpoint { address: "192.0.2.10".parse().unwrap(), port: 6443 }],
            operator: OperatorAccount {
                namespace: "kulisse".to_owned(),
                name: "kulisse-operator".to_owned(),
            },
            rights: Vec::new(),
            classes: Classes::default(),
        },
    }
}

/// A request for a clone of `namespace` with nothing else said.
pub fn plain_request(namespace: &str) -> Request {
    let environment = json!({
        "metadata": { "name": "pr-1" },
        "spec": { "source": { "namespace": namespace } },
    });
    request(&environment, &Value::Null)
}

/// Captures objects; the values of Secrets among them are sealed with a key that is always the same.
pub fn capture(namespace: &str, objects: Vec<Object>) -> Capture {
    capture_with(7, namespace, objects)
}

/// Captures objects; the values of Secrets among them are sealed with a key of that byte.
pub fn capture_with(key: u8, namespace: &str, objects: Vec<Object>) -> Capture {
    let key = OperatorKey::from_bytes(&[key; OperatorKey::LENGTH]).unwrap();
    let secrets = objects.iter().filter(|it| it.kind() == "Secret").map(open).collect();
    let reading = Reading {
        namespace: NamespaceName::parse(namespace).unwrap(),
        captured_at: "2026-11-01T08:00:00Z".parse().unwrap(),
        objects,
        secrets: Some(secrets),
        unreadable: Vec::new(),
    };
    assemble(reading, &key)
}

fn open(object: &Object) -> OpenSecret {
    let entries = |pointer: &str| {
        let map = object.get(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
        map.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
    };
    let mut data: BTreeMap<String, SecretBytes> = entries("/data")
        .map(|(key, value)| {
            let bytes = BASE64.decode(value.replace(char::is_whitespace, "").as_bytes());
            (key, SecretBytes::new(bytes.unwrap_or_default()))
        })
        .collect();
    data.extend(
        entries("/stringData").map(|(key, value)| (key, SecretBytes::new(value.into_bytes()))),
    );
    OpenSecret { name: object.name().to_owned(), kind: object.text("/type").to_owned(), data }
}

/// The objects among YAML documents; empty documents are none.
pub fn objects(documents: &[Value]) -> Vec<Object> {
    let filled = documents.iter().filter(|it| !it.is_null());
    filled.map(|it| Object::new(it.clone()).expect("a Kubernetes object")).collect()
}

/// The documents of a YAML text, modes like `0644` read as Kubernetes' own tools read them.
pub fn yaml_documents(text: &str) -> Vec<Value> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_multiple_with_options(text, options).expect("YAML")
}

/// A value as YAML.
pub fn yaml_text(value: &Value) -> String {
    let text = serde_saphyr::to_string(value).expect("YAML");
    if text.ends_with('\n') { text } else { format!("{text}\n") }
}

/// Where the golden cases are.
pub fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}
