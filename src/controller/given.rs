//! What an environment refers to: manifests in its request namespace, for an overlay or as a source,
//! or in a registry.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt};
use kulisse_core::{
    api::{
        condition::Reason,
        customize::{ConfigMapReference, SourceManifests},
        identity::{NamespaceName, ObjectName},
        names,
        registry::OciArtifact,
    },
    lifecycle::consent,
    plan::{
        artifact::Reference,
        capture::{Capture, assemble},
        manifests::{self, Manifests},
    },
};

use super::{
    call::call,
    capture::{aside, values},
    context::Context,
    error::Error,
    secrets,
    seen::Seen,
};
use crate::registry::{self, Credentials};

/// The manifests of a source, read as if they were its namespace. `known`: what was read before. An
/// artefact that is still the same is not fetched again.
pub async fn capture(
    seen: &Seen,
    source: &SourceManifests,
    known: Option<&Capture>,
    ctx: &Context,
) -> Result<Capture, Error> {
    let namespace = NamespaceName::parse(&seen.environment.spec.source.namespace)?;
    let captured_at = ctx.clock.now();
    let (artifact, texts) = match &source.oci {
        None => (None, manifests(seen, &source.config_map_ref, ctx).await?),
        Some(oci) => {
            let known = known.filter(|it| it.namespace == namespace);
            let has = |digest: &str| known.filter(|it| digest_of(it).as_deref() == Some(digest));
            let (reference, texts) = artifact(seen, oci, |it| has(it).is_none(), ctx).await?;
            let artifact = Some(reference.to_string());
            match (texts, known) {
                (Some(texts), _) => (artifact, texts),
                (None, Some(known)) => {
                    return Ok(Capture { captured_at, artifact, ..known.clone() });
                }
                (None, None) => (artifact, Vec::new()),
            }
        }
    };
    let key = ctx.key.clone();
    aside(move || {
        let reading = manifests::reading(&namespace, captured_at, &texts)?;
        Ok(Capture { artifact, ..assemble(reading, &key) })
    })
    .await
}

/// The digest of the artefact that a capture was made of.
fn digest_of(capture: &Capture) -> Option<String> {
    Reference::parse(capture.artifact.as_deref()?).ok()?.digest
}

/// Where an artefact lies, with its digest now, and its texts if that is `news`.
async fn artifact(
    seen: &Seen,
    oci: &OciArtifact,
    news: impl Fn(&str) -> bool,
    ctx: &Context,
) -> Result<(Reference, Option<Vec<Manifests>>), Error> {
    let reference =
        Reference::parse(&oci.url).map_err(|why| Error::problem(Reason::InvalidSpec, why))?;
    let registry = consent::registry(&reference, &seen.class).map_err(Error::Problem)?;
    let credentials = match &oci.secret_ref {
        Some(it) => Some(credentials(seen, &it.name, &reference, ctx).await?),
        None => None,
    };
    // Each holds its contents in memory while it is read.
    let _turn = ctx.pulls.acquire().await;
    let all = async {
        let artifact = registry::resolve(&reference, registry, credentials).await?;
        let found = artifact.reference.clone();
        let texts = if news(&artifact.digest) { Some(artifact.texts().await?) } else { None };
        Ok((found, texts))
    };
    match tokio::time::timeout(registry::DEADLINE, all).await {
        Ok(answer) => answer.map_err(Error::Problem),
        Err(_) => Err(Error::problem(
            Reason::SourceNotReadable,
            format!("{reference}: not fetched within {} s", registry::DEADLINE.as_secs()),
        )),
    }
}

/// What a Secret of the request namespace holds for a registry.
async fn credentials(
    seen: &Seen,
    name: &str,
    reference: &Reference,
    ctx: &Context,
) -> Result<Credentials, Error> {
    let missing = |why: String| Error::problem(Reason::SecretMissing, why);
    let namespace = &seen.identity.namespace;
    let secret = secrets::of_request(namespace, name, ctx).await?;
    let secret = secret.filter(|it| it.type_.as_deref() == Some(registry::credentials::TYPE));
    let values = secret.map(values).unwrap_or_default();
    let Some(json) = values.get(registry::credentials::KEY) else {
        return Err(missing(format!(
            "there is no Secret {name} in {namespace} of type {} with the label {}: \"true\"",
            registry::credentials::TYPE,
            names::USABLE_LABEL
        )));
    };
    Credentials::read(json, reference)
        .map_err(|why| missing(format!("Secret {name} in {namespace}: {why}")))
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
