//! What an environment refers to in its request namespace: manifests, for an overlay or as a source.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt};
use kulisse_core::{
    api::{
        condition::Reason,
        customize::{ConfigMapReference, SourceManifests},
        identity::{NamespaceName, ObjectName},
        names,
    },
    plan::{
        capture::{Capture, assemble},
        manifests::{self, Manifests},
    },
};

use super::{call::call, context::Context, error::Error, seen::Seen};

/// The manifests of a source, read as if they were its namespace.
pub async fn capture(
    seen: &Seen,
    source: &SourceManifests,
    ctx: &Context,
) -> Result<Capture, Error> {
    let namespace = NamespaceName::parse(&seen.environment.spec.source.namespace)?;
    let texts = manifests(seen, &source.config_map_ref, ctx).await?;
    let reading = manifests::reading(&namespace, ctx.clock.now(), &texts)?;
    Ok(assemble(reading, &ctx.key))
}

/// The texts of ConfigMaps, in the order in which they are referred to. Only those that are marked
/// as usable count: whoever may create environments must not thereby read every ConfigMap beside
/// them.
pub async fn manifests(
    seen: &Seen,
    references: &[ConfigMapReference],
    ctx: &Context,
) -> Result<Vec<Manifests>, Error> {
    let mut found = Vec::new();
    for reference in references {
        let data = config_map(seen, &reference.name, ctx).await?;
        found.extend(texts(reference, data)?);
    }
    Ok(found)
}

/// The texts of a ConfigMap that a reference means.
fn texts(
    reference: &ConfigMapReference,
    mut data: BTreeMap<String, String>,
) -> Result<Vec<Manifests>, Error> {
    let name = &reference.name;
    if let Some(key) = &reference.key {
        let Some(text) = data.remove(key) else {
            let known: Vec<&str> = data.keys().map(String::as_str).collect();
            return Err(invalid(format!(
                "ConfigMap {name} has no key {key}; it has {}",
                known.join(", ")
            )));
        };
        data = BTreeMap::from([(key.clone(), text)]);
    }
    let from = |key: &str| format!("ConfigMap/{name}, key {key}");
    Ok(data.into_iter().map(|(key, text)| Manifests { from: from(&key), text }).collect())
}

async fn config_map(
    seen: &Seen,
    name: &str,
    ctx: &Context,
) -> Result<BTreeMap<String, String>, Error> {
    ObjectName::parse(name)?;
    let namespace = &seen.identity.namespace;
    let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace.as_str());
    let what = format!("get ConfigMap {name} in {namespace}");
    let found = match call(&what, || api.get_opt(name)).await {
        Err(error) if error.code() == 403 => {
            return Err(invalid(format!(
                "the operator may not read ConfigMap {name} in {namespace}: add that namespace to the chart's requestNamespaces"
            )));
        }
        other => other?,
    };
    let usable =
        found.filter(|it| it.labels().get(names::USABLE_LABEL).is_some_and(|it| it == "true"));
    match usable {
        Some(it) => Ok(it.data.unwrap_or_default()),
        None => Err(invalid(format!(
            "there is no ConfigMap {name} in {namespace} with the label {}: \"true\"",
            names::USABLE_LABEL
        ))),
    }
}

fn invalid(message: String) -> Error {
    Error::problem(Reason::InvalidManifest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: Option<&str>) -> Result<Vec<String>, String> {
        let data = [("b.yaml", "kind: B"), ("a.yaml", "kind: A")];
        let data = data.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
        let reference =
            ConfigMapReference { name: "mocks".to_owned(), key: key.map(str::to_owned) };
        match texts(&reference, data) {
            Ok(texts) => {
                Ok(texts.into_iter().map(|it| format!("{}: {}", it.from, it.text)).collect())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_config_map_gives_all_its_texts_or_the_one_that_is_named() {
        let all = ["ConfigMap/mocks, key a.yaml: kind: A", "ConfigMap/mocks, key b.yaml: kind: B"];
        assert_eq!(read(None).unwrap(), all);
        assert_eq!(read(Some("b.yaml")).unwrap(), all[1..]);
    }

    #[test]
    fn a_key_that_is_not_there_is_named_with_those_that_are() {
        let said = read(Some("c.yaml")).unwrap_err();
        assert_eq!(said, "ConfigMap mocks has no key c.yaml; it has a.yaml, b.yaml");
    }
}
