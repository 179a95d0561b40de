//! A source as files: what of them is the namespace, and what is not.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow, bail};
use k8s_openapi::api::{core::v1::Secret, discovery::v1::EndpointSlice};
use kulisse_core::{
    api::identity::NamespaceName,
    plan::{
        kinds::{self, Action, Shape},
        manifests,
        object::{Key, Object},
        request::Endpoint,
    },
    secrets::{OpenSecret, SecretBytes},
};
use serde_json::{Value, json};

use super::document::{Document, Place};
use crate::controller::{capture::open, discovery::endpoints};

/// Entries that a note lists before it counts.
const NAMED: usize = 5;
/// The reason word of kinds that belong to the whole cluster.
const OF_THE_CLUSTER: &str = "cluster-scoped";

/// What the files hold.
#[derive(Default)]
pub struct Manifests {
    /// The objects of the source.
    pub objects: Vec<Object>,
    /// Its Secrets, in the clear.
    pub secrets: Vec<OpenSecret>,
    /// Where the Kubernetes API listens, if its EndpointSlice is among the files.
    pub endpoints: Vec<Endpoint>,
    /// What was left out, for people.
    pub notes: Vec<String>,
}

/// Sorts documents out: which are objects of `namespace`. Objects that name no namespace are.
///
/// # Errors
///
/// If a document is no object, an object is there twice, or none is of the namespace.
pub fn sort_out(documents: Vec<Document>, namespace: &NamespaceName) -> Result<Manifests> {
    let clusterwide = clusterwide(&documents);
    let mut found = Manifests::default();
    let mut seen: BTreeMap<Key, Place> = BTreeMap::new();
    let mut elsewhere: BTreeMap<String, usize> = BTreeMap::new();
    let mut of_the_cluster: BTreeMap<String, usize> = BTreeMap::new();
    let mut beside = Vec::new();
    for Document { value, place } in documents {
        let mut object = object(value, &place)?;
        let (key, own) = (object.key(), object.text("/metadata/namespace").to_owned());
        if is_clusterwide(&object, &clusterwide) {
            match concerned(&object, namespace) {
                Some(object) => beside.push(object),
                None => *of_the_cluster.entry(key.kind).or_default() += 1,
            }
            continue;
        }
        if !own.is_empty() && own != namespace.as_str() {
            if is_of_the_api(&object) {
                found.endpoints = api(&object, &place)?;
            } else {
                *elsewhere.entry(own).or_default() += 1;
            }
            continue;
        }
        if !kinds::is_read(object.group(), object.kind()) {
            continue;
        }
        object.set("/metadata/namespace", json!(namespace));
        if let Some(before) = seen.get(&key) {
            bail!("{key} stands twice: {before} and {place}");
        }
        if kinds::shape(&object) == Shape::Secret {
            found.secrets.push(secret(&object, &place)?);
        }
        seen.insert(key, place);
        found.objects.push(object);
    }
    if found.objects.is_empty() {
        let others: Vec<&str> = elsewhere.keys().map(String::as_str).collect();
        let hint = match others[..] {
            [] => "the files hold no object of a namespace".to_owned(),
            _ => format!(
                "the files are of {}: --source-namespace says which is meant",
                others.join(", ")
            ),
        };
        bail!("there is no object of namespace {namespace}: {hint}");
    }
    let named: BTreeSet<String> = found
        .objects
        .iter()
        .filter(|it| it.kind() == "RoleBinding" && it.text("/roleRef/kind") == "ClusterRole")
        .map(|it| it.text("/roleRef/name").to_owned())
        .collect();
    for object in beside {
        if object.kind() != "ClusterRole" || named.contains(object.name()) {
            found.objects.push(object);
        } else {
            *of_the_cluster.entry(object.kind().to_owned()).or_default() += 1;
        }
    }
    for (what, counts) in [
        ("objects of other namespaces are no part of the source", elsewhere),
        ("cluster-scoped objects are not cloned", of_the_cluster),
    ] {
        if !counts.is_empty() {
            found.notes.push(format!("{what}: {}", few(&counts)));
        }
    }
    Ok(found)
}

fn object(mut value: Value, place: &Place) -> Result<Object> {
    manifests::name(&mut value);
    Object::new(value).map_err(|error| anyhow!("{place}: {error}"))
}

/// The most frequent, and how many more there are.
fn few(counts: &BTreeMap<String, usize>) -> String {
    let mut counts: Vec<(&String, &usize)> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let more: usize = counts.iter().skip(NAMED).map(|(_, count)| **count).sum();
    let mut said: Vec<String> =
        counts.iter().take(NAMED).map(|(name, count)| format!("{count} {name}")).collect();
    if more > 0 {
        said.push(format!("{more} more"));
    }
    said.join(", ")
}

/// Kinds that definitions among the files make cluster-scoped: group and kind.
fn clusterwide(documents: &[Document]) -> BTreeSet<(String, String)> {
    documents
        .iter()
        .filter(|it| it.value.get("kind").is_some_and(|kind| kind == "CustomResourceDefinition"))
        .filter(|it| it.value.pointer("/spec/scope").is_some_and(|scope| scope == "Cluster"))
        .filter_map(|it| {
            let text = |path: &str| Some(it.value.pointer(path)?.as_str()?.to_owned());
            Some((text("/spec/group")?, text("/spec/names/kind")?))
        })
        .collect()
}

fn is_clusterwide(object: &Object, defined: &BTreeSet<(String, String)>) -> bool {
    let known = kinds::profile(object).is_some_and(|it| match it.action {
        Action::Clone => false,
        Action::Leave(reason, _) | Action::Never(reason, _) | Action::WithFull(reason, _) => {
            reason == OF_THE_CLUSTER
        }
    });
    known || defined.contains(&(object.group().to_owned(), object.kind().to_owned()))
}

/// Of what belongs to the cluster, what the operator reads as well: the namespace itself, roles that
/// its bindings may name, and what bindings of the cluster say of its accounts.
fn concerned(object: &Object, namespace: &NamespaceName) -> Option<Object> {
    let part = |fields: &[&str]| {
        let mut part = json!({});
        for field in fields {
            if let Some(value) = object.get(&format!("/{field}")) {
                part[*field] = value.clone();
            }
        }
        part["metadata"] = json!({});
        let name = object.name();
        Object::made(object.api_version(), object.kind(), name, part)
    };
    match object.kind() {
        "Namespace" if object.name() == namespace.as_str() => {
            let mut own = part(&[]);
            for field in ["labels", "annotations"] {
                let path = format!("/metadata/{field}");
                own.set(&path, object.get(&path).cloned().unwrap_or_else(|| json!({})));
            }
            Some(own)
        }
        "ClusterRole" => Some(part(&["rules"])),
        "ClusterRoleBinding" => {
            let own = |it: &&Value| {
                it.get("kind").is_some_and(|kind| kind == "ServiceAccount")
                    && it.get("namespace").is_some_and(|it| it == namespace.as_str())
            };
            let subjects = object.get("/subjects").and_then(Value::as_array);
            let subjects: Vec<Value> =
                subjects.into_iter().flatten().filter(own).cloned().collect();
            let mut binding = part(&["roleRef"]);
            binding.set("/subjects", subjects.clone().into());
            (!subjects.is_empty()).then_some(binding)
        }
        _ => None,
    }
}

/// The one object of another namespace that a plan depends on: where the Kubernetes API listens.
fn is_of_the_api(object: &Object) -> bool {
    object.kind() == "EndpointSlice"
        && object.text("/metadata/namespace") == "default"
        && object.name() == "kubernetes"
}

fn api(object: &Object, place: &Place) -> Result<Vec<Endpoint>> {
    let slice: EndpointSlice = serde_json::from_value(object.value().clone())
        .map_err(|error| anyhow!("{place}: {}: {error}", object.key()))?;
    Ok(endpoints(&slice))
}

/// A Secret's values. What is wrong with them is said without showing them.
fn secret(object: &Object, place: &Place) -> Result<OpenSecret> {
    let key = object.key();
    let mut value = object.value().clone();
    if let Some(data) = value.get_mut("data").and_then(Value::as_object_mut) {
        for it in data.values_mut() {
            // Base64 may be folded.
            let bare = it.as_str().map(|text| text.split_whitespace().collect::<String>());
            if let Some(bare) = bare {
                *it = bare.into();
            }
        }
    }
    let mut secret: Secret = serde_json::from_value(value).map_err(|_| {
        anyhow!("{place}: {key} is not what a Secret is: data holds base64, stringData holds text, and type is text")
    })?;
    let texts = secret.string_data.take().unwrap_or_default();
    let mut open = open(secret);
    open.data
        .extend(texts.into_iter().map(|(key, text)| (key, SecretBytes::new(text.into_bytes()))));
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::{super::document::parse, *};

    fn sorted(text: &str) -> Result<Manifests> {
        sort_out(parse(text, "x.yaml")?, &NamespaceName::parse("shop")?)
    }

    const MAP: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    #[test]
    fn only_objects_of_the_namespace_are_the_source_and_the_rest_is_said() {
        let all = format!(
            "{MAP}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: b, namespace: other}}\n\
             ---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n\
             ---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: v}}\n"
        );
        let found = sorted(&all).unwrap();
        assert_eq!(found.objects.len(), 2, "and the namespace");
        assert_eq!(found.objects[0].text("/metadata/namespace"), "shop");
        assert_eq!(
            found.notes,
            [
                "objects of other namespaces are no part of the source: 1 other",
                "cluster-scoped objects are not cloned: 1 PersistentVolume"
            ]
        );
    }

    #[test]
    fn an_object_that_stands_twice_is_named_with_both_places() {
        let error = sorted(&format!("{MAP}{MAP}")).err().unwrap().to_string();
        assert_eq!(error, "ConfigMap/a stands twice: x.yaml:2 and x.yaml:6");
    }

    #[test]
    fn another_namespace_is_offered_where_none_of_the_source_is_there() {
        let error =
            sorted("{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: other}}");
        assert!(error.err().unwrap().to_string().contains("the files are of other"));
    }

    #[test]
    fn values_of_a_broken_secret_are_not_quoted() {
        for data in ["data: {p: canary!}", "stringData: {p: [canary]}", "data: canary"] {
            let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{data}");
            let error = sorted(&text).err().unwrap().to_string();
            assert!(error.contains("x.yaml:1: Secret/s") && !error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn folded_base64_and_plain_text_are_read() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: |\n    aHVu\n    dGVy\nstringData: {b: x}";
        let secrets = sorted(text).unwrap().secrets;
        assert_eq!(secrets[0].data["a"].expose(), b"hunter");
        assert_eq!(secrets[0].data["b"].expose(), b"x");
    }

    #[test]
    fn the_address_of_the_api_is_taken_from_its_slice() {
        let text = format!(
            "{MAP}---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n\
             metadata: {{name: kubernetes, namespace: default}}\nports: [{{port: 6443}}]\nendpoints: [{{addresses: [192.0.2.1]}}]\n"
        );
        assert_eq!(sorted(&text).unwrap().endpoints.len(), 1);
    }
}
