//! Who may clone what: the source's grant and the class.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::{Selector, SelectorExt};

use super::facts::Problem;
use crate::{
    api::{
        class::{ManifestPolicy, StagingClassSpec},
        condition::Reason,
        customize::SourceManifests,
        environment::StagingEnvironmentSpec,
        grant::{Requester, StagingGrantSpec},
        registry::Registry,
    },
    plan::{artifact::Reference, request::OperatorAccount},
};

/// A namespace that asks.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// Whether a namespace that asks may clone the source of `spec`, by the source's grants; `operator` is
/// who would read it.
///
/// # Errors
///
/// What is missing, and what to type.
pub fn granted<'a>(
    spec: &StagingEnvironmentSpec,
    asking: Asking,
    grants: impl IntoIterator<Item = &'a StagingGrantSpec>,
    operator: &OperatorAccount,
) -> Result<(), Problem> {
    let source = &spec.source.namespace;
    if source == asking.name {
        return Err(Problem::new(
            Reason::InvalidSpec,
            format!(
                "spec.source.namespace: {source} cannot be the source of an environment that stands in it: create the environment in another namespace"
            ),
        ));
    }
    // Nothing of the source is read; whether this may be is the class's to say.
    if spec.source.manifests.is_some() {
        return Ok(());
    }
    let named = grants.into_iter().flat_map(|grant| &grant.from).any(|from| names(from, asking));
    if named {
        return Ok(());
    }
    Err(Problem::new(
        Reason::SourceNotGranted,
        format!(
            "namespace {source} does not exist or holds no StagingGrant that names {}: its owners type «{}»",
            asking.name,
            operator.grant(source, asking.name)
        ),
    ))
}

/// Globs of the source's Secrets that a namespace that asks may have as they are, by the source's
/// grants.
pub fn granted_secrets<'a>(
    asking: Asking,
    grants: impl IntoIterator<Item = &'a StagingGrantSpec>,
) -> Vec<String> {
    let mine = grants.into_iter().filter(|it| it.from.iter().any(|from| names(from, asking)));
    let mut globs: Vec<String> = mine.flat_map(|grant| grant.secrets.iter().cloned()).collect();
    globs.sort_unstable();
    globs.dedup();
    globs
}

/// Whether the class lets a namespace clone the source of `spec`.
///
/// # Errors
///
/// Which field of the class forbids it.
pub fn allowed(
    spec: &StagingEnvironmentSpec,
    asking: Asking,
    class: &StagingClassSpec,
) -> Result<(), Problem> {
    let source = &spec.source.namespace;
    if !class.allowed_sources.is_empty() && !class.allowed_sources.iter().any(|it| glob(it, source))
    {
        return Err(Problem::new(
            Reason::NotAllowedByClass,
            format!(
                "spec.source.namespace is {source}, and the class's allowedSources are {}",
                class.allowed_sources.join(", ")
            ),
        ));
    }
    if let Some(manifests) = &spec.source.manifests {
        match class.manifests {
            ManifestPolicy::Allow => artifact(manifests, class)?,
            ManifestPolicy::Refuse => {
                return Err(Problem::new(
                    Reason::NotAllowedByClass,
                    "the class takes no spec.source.manifests: its field manifests is Refuse, and would have to be Allow",
                ));
            }
        }
    }
    if class.request_from.as_ref().is_some_and(|from| !selects(from, asking.labels)) {
        return Err(Problem::new(
            Reason::NotAllowedByClass,
            format!(
                "the class does not take requests from namespace {}: its requestFrom does not select that namespace's labels",
                asking.name
            ),
        ));
    }
    Ok(())
}

/// Whether the class lets an artefact be fetched.
fn artifact(manifests: &SourceManifests, class: &StagingClassSpec) -> Result<(), Problem> {
    let Some(oci) = &manifests.oci else { return Ok(()) };
    let reference =
        Reference::parse(&oci.url).map_err(|why| Problem::new(Reason::InvalidSpec, why))?;
    registry(&reference, class).map(|_| ())
}

/// The registry of the class that an artefact may come from.
///
/// # Errors
///
/// Which registries the class has, if none of them holds it.
pub fn registry<'a>(
    reference: &Reference,
    class: &'a StagingClassSpec,
) -> Result<&'a Registry, Problem> {
    let none = || {
        let all: Vec<&str> = class.registries.iter().map(|it| it.repository.as_str()).collect();
        let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        let name = reference.name();
        let why = format!(
            "spec.source.manifests.oci.url leads to {name}, and the class's registries are {all}"
        );
        Problem::new(Reason::NotAllowedByClass, why)
    };
    reference.allowed_by(&class.registries).ok_or_else(none)
}

/// Whether any of the grants or the class looks at labels: only then must they be known.
pub fn needs_labels<'a>(
    class: Option<&StagingClassSpec>,
    grants: impl IntoIterator<Item = &'a StagingGrantSpec>,
) -> bool {
    class.is_some_and(|class| class.request_from.is_some())
        || grants.into_iter().flat_map(|it| &it.from).any(|it| it.namespace_selector.is_some())
}

fn names(from: &Requester, asking: Asking) -> bool {
    from.namespace.as_deref() == Some(asking.name)
        || from.namespace_selector.as_ref().is_some_and(|it| selects(it, asking.labels))
}

/// A selector that cannot be read selects nothing.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    Selector::try_from(selector.clone()).is_ok_and(|it| it.matches(labels))
}

/// Namespaces hold no separators, so any glob crate's `*` is the one meant. A pattern that cannot
/// be read matches nothing.
fn glob(pattern: &str, name: &str) -> bool {
    globset::Glob::new(pattern).is_ok_and(|it| it.compile_matcher().is_match(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(source: &str) -> StagingEnvironmentSpec {
        serde_json::from_value(json!({ "source": { "namespace": source } })).unwrap()
    }

    fn grant(from: &serde_json::Value) -> StagingGrantSpec {
        serde_json::from_value(json!({ "from": [from] })).unwrap()
    }

    fn asks(
        name: &str,
        labels: &[(&str, &str)],
        grants: &[StagingGrantSpec],
    ) -> Result<(), Reason> {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let asking = Asking { name, labels: &labels };
        granted(&spec("shop"), asking, grants, &OperatorAccount::default()).map_err(|it| it.reason)
    }

    #[test]
    fn without_a_grant_nobody_clones() {
        assert_eq!(asks("previews", &[], &[]), Err(Reason::SourceNotGranted));
    }

    #[test]
    fn a_grant_names_a_namespace_or_its_labels() {
        let by_name = grant(&json!({ "namespace": "previews" }));
        let by_label =
            grant(&json!({ "namespaceSelector": { "matchLabels": { "team": "shop" } } }));
        assert_eq!(asks("previews", &[], std::slice::from_ref(&by_name)), Ok(()));
        assert_eq!(asks("others", &[], &[by_name]), Err(Reason::SourceNotGranted));
        assert_eq!(asks("others", &[("team", "shop")], std::slice::from_ref(&by_label)), Ok(()));
        assert_eq!(asks("others", &[("team", "pay")], &[by_label]), Err(Reason::SourceNotGranted));
    }

    #[test]
    fn only_grants_that_name_the_asker_give_secrets() {
        let grant = |from: &str, secrets: &[&str]| -> StagingGrantSpec {
            serde_json::from_value(json!({"from": [{"namespace": from}], "secrets": secrets}))
                .unwrap()
        };
        let grants =
            [grant("previews", &["b", "a"]), grant("others", &["c"]), grant("previews", &["a"])];
        let labels = BTreeMap::new();
        let asking = Asking { name: "previews", labels: &labels };
        assert_eq!(granted_secrets(asking, &grants), ["a", "b"]);
    }

    #[test]
    fn a_request_namespace_is_never_its_own_source() {
        let all = grant(&json!({ "namespaceSelector": {} }));
        assert_eq!(asks("shop", &[], &[all]), Err(Reason::InvalidSpec));
    }

    #[test]
    fn manifests_need_the_class_and_no_grant() {
        let mut spec = spec("shop");
        spec.source.manifests =
            serde_json::from_value(json!({ "configMapRef": [{ "name": "a" }] })).unwrap();
        let labels = BTreeMap::new();
        let asking = Asking { name: "previews", labels: &labels };
        assert_eq!(granted(&spec, asking, [], &OperatorAccount::default()), Ok(()));
        let mut class = StagingClassSpec::default();
        assert_eq!(allowed(&spec, asking, &class).unwrap_err().reason, Reason::NotAllowedByClass);
        class.manifests = ManifestPolicy::Allow;
        assert_eq!(allowed(&spec, asking, &class), Ok(()));
        class.allowed_sources = vec!["bank".into()];
        assert!(allowed(&spec, asking, &class).is_err());
    }

    #[test]
    fn an_artefact_needs_a_registry_of_the_class() {
        let mut spec = spec("shop");
        spec.source.manifests =
            serde_json::from_value(json!({ "oci": { "url": "oci://ghcr.io/acme/shop:1" } }))
                .unwrap();
        let labels = BTreeMap::new();
        let asking = Asking { name: "previews", labels: &labels };
        let asks = |registries: &serde_json::Value| {
            let class = json!({ "manifests": "Allow", "registries": registries });
            allowed(&spec, asking, &serde_json::from_value(class).unwrap())
                .map_err(|it| (it.reason, it.message))
        };
        let (reason, said) = asks(&json!([])).unwrap_err();
        assert_eq!(reason, Reason::NotAllowedByClass);
        assert!(said.contains("ghcr.io/acme/shop, and the class's registries are none"), "{said}");
        assert!(asks(&json!([{ "repository": "quay.io/**" }])).is_err());
        assert_eq!(asks(&json!([{ "repository": "ghcr.io/acme/*" }])), Ok(()));
    }

    #[test]
    fn a_class_limits_sources_by_glob() {
        let class =
            StagingClassSpec { allowed_sources: vec!["shop-*".into()], ..Default::default() };
        let labels = BTreeMap::new();
        let asking = Asking { name: "previews", labels: &labels };
        assert!(allowed(&spec("shop-eu"), asking, &class).is_ok());
        assert!(allowed(&spec("bank"), asking, &class).is_err());
    }

    #[test]
    fn a_class_chooses_who_may_ask_by_labels() {
        let asks = |class: &serde_json::Value, labels: &[(&str, &str)]| {
            let class: StagingClassSpec = serde_json::from_value(class.clone()).unwrap();
            let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let asking = Asking { name: "previews", labels: &labels };
            allowed(&spec("shop"), asking, &class).map_err(|it| it.reason)
        };
        let shops = json!({ "requestFrom": { "matchLabels": { "team": "shop" } } });
        assert_eq!(asks(&shops, &[("team", "shop")]), Ok(()));
        assert_eq!(asks(&shops, &[("team", "pay")]), Err(Reason::NotAllowedByClass));
        assert_eq!(asks(&shops, &[]), Err(Reason::NotAllowedByClass));
        assert_eq!(asks(&json!({}), &[]), Ok(()));
    }

    #[test]
    fn labels_must_be_known_only_where_the_class_or_a_grant_looks_at_them() {
        let by_name = grant(&json!({ "namespace": "previews" }));
        let by_label = grant(&json!({ "namespaceSelector": {} }));
        let open = StagingClassSpec::default();
        let choosy =
            StagingClassSpec { request_from: Some(LabelSelector::default()), ..open.clone() };
        assert!(!needs_labels(None, []));
        assert!(!needs_labels(Some(&open), [&by_name]));
        assert!(needs_labels(Some(&choosy), [&by_name]));
        assert!(needs_labels(Some(&open), [&by_name, &by_label]));
    }
}
