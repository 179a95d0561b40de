//! Artefacts of rendered manifests in a registry, and the registries that a class allows.

use k8s_openapi::ByteString;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{class::Scheme, schema, secrets::SecretReference};

/// What an artefact's URL looks like: registry, repository, tag, digest.
pub const ARTIFACT_URL: &str = r"^oci://([A-Za-z0-9][-A-Za-z0-9.]*(?::[0-9]{1,5})?)/([a-z0-9]+(?:(?:[.]|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[.]|_{1,2}|-+)[a-z0-9]+)*)*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$";

/// An artefact of rendered manifests in a registry, as `flux push artifact` and `oras push` make it:
/// its files `*.yaml`, `*.yml` and `*.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct OciArtifact {
    /// `oci://ghcr.io/acme/shop:pr-7`, or with `@sha256:…` instead of the tag or after it. The class
    /// must list the repository.
    #[schemars(length(min = 1, max = 512), regex(pattern = ARTIFACT_URL))]
    #[x_kube(validation = Rule::new("self.matches('(:[A-Za-z0-9_][A-Za-z0-9._-]*|@sha256:[0-9a-f]+)$')")
        .message("url needs a tag or a digest: oci://registry/repository:tag"))]
    pub url: String,
    /// Credentials for the registry: a Secret of type `kubernetes.io/dockerconfigjson` in the request
    /// namespace, labelled `kulisse.dev/usable: "true"`. Default: none; it is read by anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
}

/// Repositories of a registry that artefacts may come from. The operator calls nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = Rule::new("(self.addresses == 'Public' && self.scheme == 'https') || !self.repository.matches('^[^/]*[*?{\\\\[]')")
    .message("addresses Private and scheme http need a registry without wildcards"))]
pub struct Registry {
    /// Glob of repositories, with their registry: `ghcr.io/acme/*`. `*` stands for one part of a path,
    /// `**` for any number of them.
    #[schemars(length(min = 3, max = 512), regex(pattern = r"^[^/@]+/[^@]+$"))]
    pub repository: String,
    /// More hosts, with their ports where these are not the scheme's own, at which the registry has
    /// tokens made (`auth.docker.io`): credentials are sent there too. With addresses `Private` also
    /// those that keep what it holds. Default: none but the registry itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        inner(
            length(min = 1, max = 253),
            regex(pattern = r"^[A-Za-z0-9][-A-Za-z0-9.]*(:[0-9]{1,5})?$")
        )
    )]
    pub hosts: Vec<String>,
    /// How it is spoken to. Default `https`; with `http` anybody in between reads and changes what is
    /// sent.
    #[serde(default = "https")]
    pub scheme: Scheme,
    /// Which addresses it may have. Default `Public`.
    #[serde(default)]
    pub addresses: Addresses,
    /// The authorities whose certificates are believed, instead of the public ones: PEM, in base64, as
    /// in an Issuer or an APIService. Default: the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bundle")]
    pub ca_bundle: Option<ByteString>,
}

/// Which addresses a registry may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Addresses {
    /// Those that the internet routes.
    #[default]
    Public,
    /// Also private ones and those of the cluster. Link-local ones never.
    Private,
}

fn https() -> Scheme {
    Scheme::Https
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_registry_is_spoken_to_over_https_unless_the_class_says_otherwise() {
        let scheme = |registry| serde_json::from_value::<Registry>(registry).unwrap().scheme;
        assert_eq!(scheme(json!({ "repository": "ghcr.io/acme/*" })), Scheme::Https);
        let plain = json!({ "repository": "registry.test/acme/*", "scheme": "http" });
        assert_eq!(scheme(plain), Scheme::Http);
    }
}
