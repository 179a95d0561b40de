//! Manifests as people hand them in: from YAML to objects.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    PlanError,
    capture::Reading,
    kinds::{self, Shape},
    object::Object,
};
use crate::{
    api::identity::NamespaceName,
    secrets::{OpenSecret, SecretBytes},
};

/// A text with manifests, and where it was read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifests {
    /// Where it was read: `ConfigMap/mocks, key mocks.yaml`.
    pub from: String,
    /// YAML documents or JSON.
    pub text: String,
}

/// Only where it was read: the text may hold a Secret.
impl std::fmt::Debug for Manifests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manifests").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Reads manifests as if they were the namespace they were made for. Secrets among them are opened,
/// to be sealed with the rest.
///
/// # Errors
///
/// As [`parse`]; also if an object stands there twice, is for another namespace, or is a Secret
/// whose values are not base64.
pub fn reading(
    namespace: &NamespaceName,
    captured_at: Timestamp,
    texts: &[Manifests],
) -> Result<Reading, PlanError> {
    let (mut objects, mut secrets, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for given in texts {
        for mut object in parse(given)? {
            belongs(&mut object, namespace, &given.from)?;
            let key = object.key();
            if !seen.insert(key.clone()) {
                return Err(invalid(&given.from, format!("{key} stands in the manifests twice")));
            }
            if kinds::shape(&object) == Shape::Secret {
                secrets.push(open(&object).map_err(|why| invalid(&given.from, why))?);
            }
            objects.push(object);
        }
    }
    Ok(Reading {
        namespace: namespace.clone(),
        captured_at,
        objects,
        secrets: Some(secrets),
        unreadable: Vec::new(),
    })
}

/// Puts an object that names no namespace into `namespace`, and refuses one of another.
pub(super) fn belongs(
    object: &mut Object,
    namespace: &NamespaceName,
    from: &str,
) -> Result<(), PlanError> {
    let said = object.text("/metadata/namespace");
    if !said.is_empty() && said != namespace.as_str() {
        let why = format!(
            "{} is for namespace {said}: write {namespace}, which is what is cloned, or leave the namespace out",
            object.key()
        );
        return Err(invalid(from, why));
    }
    object.set("/metadata/namespace", namespace.as_str().into());
    Ok(())
}

pub(super) fn invalid(from: &str, why: String) -> PlanError {
    PlanError::InvalidManifest { from: from.to_owned(), why }
}

fn open(secret: &Object) -> Result<OpenSecret, String> {
    let texts = |field: &str| {
        let map = secret.get(field).and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, value)| (key, value.as_str().unwrap_or_default()))
    };
    let mut data = BTreeMap::new();
    for (key, value) in texts("/data") {
        let bytes = BASE64
            .decode(value.replace(char::is_whitespace, ""))
            .map_err(|_| format!("{}: /data/{key} is not base64", secret.key()))?;
        data.insert(key.clone(), SecretBytes::new(bytes));
    }
    for (key, value) in texts("/stringData") {
        data.insert(key.clone(), SecretBytes::new(value.as_bytes().to_vec()));
    }
    let kind = Some(secret.text("/type")).filter(|it| !it.is_empty()).unwrap_or("Opaque");
    Ok(OpenSecret { name: secret.name().to_owned(), kind: kind.to_owned(), data })
}

/// The objects of a text: every document, and every item of a `List`.
///
/// # Errors
///
/// If it is no YAML, or a document is no object. Nothing of the text is quoted.
pub fn parse(given: &Manifests) -> Result<Vec<Object>, PlanError> {
    let invalid = |why: String| invalid(&given.from, why);
    let documents = documents(&given.text).map_err(invalid)?;
    let mut objects = Vec::new();
    for (at, document) in documents.into_iter().enumerate() {
        unfold(document, &mut objects)
            .map_err(|why| invalid(format!("document {}: {why}", at + 1)))?;
    }
    Ok(objects)
}

/// The one document of a text.
pub(super) fn yaml(text: &str) -> Result<Value, String> {
    let mut documents = documents(text)?.into_iter().filter(|it| !it.is_null());
    match (documents.next(), documents.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err("it is empty".to_owned()),
        (Some(_), Some(_)) => Err("it holds more than one document".to_owned()),
    }
}

/// Modes like `0644` are read as Kubernetes' own tools read them.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let place = error
            .location()
            .map_or_else(String::new, |at| format!("line {}, column {}: ", at.line(), at.column()));
        format!("{place}not YAML")
    })
}

/// Calls what has only `generateName` by that: a second name would be made where it is created, and
/// here it is only spoken of.
pub fn name(document: &mut Value) {
    let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    let prefix = metadata.get("generateName").and_then(Value::as_str).unwrap_or_default();
    let name = prefix.trim_end_matches(['-', '.']).to_owned();
    let named = metadata.get("name").and_then(Value::as_str).is_some_and(|it| !it.is_empty());
    if !named && !name.is_empty() {
        metadata.insert("name".to_owned(), name.into());
    }
}

fn unfold(mut document: Value, objects: &mut Vec<Object>) -> Result<(), String> {
    if document.is_null() {
        return Ok(());
    }
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    if let (true, Some(Value::Array(items))) = (is_list, document.get_mut("items")) {
        // Taken and not copied: lists within lists would be copied once for each.
        for item in std::mem::take(items) {
            unfold(item, objects)?;
        }
        return Ok(());
    }
    name(&mut document);
    objects.push(Object::new(document).map_err(|error| error.to_string())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let given = Manifests { from: "ConfigMap/x, key a".to_owned(), text: text.to_owned() };
        let objects = parse(&given).map_err(|error| error.to_string())?;
        Ok(objects.iter().map(|it| it.key().to_string()).collect())
    }

    #[test]
    fn every_document_and_every_item_of_a_list_counts() {
        let text = "---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n# nothing\n---\n\
            apiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}\n";
        assert_eq!(read(text).unwrap(), ["Service/a", "Deployment.apps/b"]);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn what_has_only_a_generated_name_is_called_by_its_beginning() {
        let text = "kind: Job\napiVersion: batch/v1\nmetadata: {generateName: migrate-}\n";
        assert_eq!(read(text).unwrap(), ["Job.batch/migrate"]);
        assert!(read("kind: Job\napiVersion: batch/v1\nmetadata: {generateName: ''}\n").is_err());
    }

    #[test]
    fn what_is_no_manifest_is_named_and_not_quoted() {
        let wrong = read("apiVersion: v1\nkind: Secret\nmetadata: {}\ndata: {p: canary}\n");
        assert!(wrong.unwrap_err().contains("ConfigMap/x, key a: document 1: not a Kubernetes"));
        let wrong = read("a: [canary\nb: 'canary").unwrap_err();
        assert!(wrong.contains("not YAML") && !wrong.contains("canary"), "{wrong}");
    }

    #[test]
    fn manifests_are_read_like_a_namespace() {
        let read = |text: &str| {
            let given = Manifests { from: "x".to_owned(), text: text.to_owned() };
            let shop = NamespaceName::parse("shop").unwrap();
            reading(&shop, Timestamp::UNIX_EPOCH, &[given]).map_err(|error| error.to_string())
        };
        let secret = "kind: Secret\napiVersion: v1\nmetadata: {name: db}\ndata: {p: Y2FuYXJ5}\nstringData: {q: plain}\n";
        let got = read(secret).unwrap();
        assert_eq!(got.objects[0].text("/metadata/namespace"), "shop");
        let opened = &got.secrets.unwrap()[0];
        assert_eq!((opened.kind.as_str(), opened.data["p"].expose()), ("Opaque", &b"canary"[..]));
        assert_eq!(opened.data["q"].expose(), b"plain");
        for (text, says) in [
            (format!("{secret}---\n{secret}"), "Secret/db stands in the manifests twice"),
            (secret.replace("name: db", "name: db, namespace: other"), "is for namespace other"),
            (secret.replace("Y2FuYXJ5", "'canary!'"), "/data/p is not base64"),
        ] {
            let said = read(&text).err().unwrap();
            assert!(said.contains(says) && !said.contains("canary"), "{said}");
        }
    }

    #[test]
    fn a_mode_is_an_octal_number() {
        assert_eq!(yaml("mode: 0644").unwrap()["mode"], 420);
        assert!(yaml("a: 1\n---\nb: 2").is_err() && yaml("---").is_err());
    }

    #[test]
    fn where_manifests_were_read_may_be_told_and_their_text_may_not() {
        let given = Manifests { from: "ConfigMap/mocks".to_owned(), text: "canary".to_owned() };
        let told = format!("{given:?}");
        assert!(told.contains("ConfigMap/mocks") && !told.contains("canary"), "{told}");
    }

    #[test]
    fn a_name_counts_before_the_beginning_of_one() {
        for (metadata, expected) in [
            ("{name: a, generateName: b-}", Some("a")),
            ("{name: '', generateName: b-}", Some("b")),
            ("{generateName: b.-}", Some("b")),
            ("{generateName: '-'}", None),
            ("{}", None),
        ] {
            let mut document = yaml(&format!("metadata: {metadata}")).unwrap();
            name(&mut document);
            let found = document["metadata"]["name"].as_str().filter(|it| !it.is_empty());
            assert_eq!(found, expected, "{metadata}");
        }
    }

    #[test]
    fn a_secret_is_of_the_type_that_it_says_and_its_base64_may_be_folded() {
        let text = "kind: Secret\napiVersion: v1\nmetadata: {name: tls, namespace: shop}\n\
            type: kubernetes.io/tls\ndata: {p: \"Y2Fu\\nYXJ5\"}\n";
        let given = Manifests { from: "x".to_owned(), text: text.to_owned() };
        let shop = NamespaceName::parse("shop").unwrap();
        let read = reading(&shop, Timestamp::UNIX_EPOCH, &[given]).unwrap();
        let secret = &read.secrets.unwrap()[0];
        assert_eq!(
            (secret.kind.as_str(), secret.data["p"].expose()),
            ("kubernetes.io/tls", &b"canary"[..])
        );
    }
}
