//! Artefacts of manifests, and the registries that a class allows.

use serde_json::{Value, json};

use super::{Refusal, class, environment};

/// A source that is an artefact.
pub fn artifact(url: &str) -> Value {
    json!({ "source": { "manifests": { "oci": { "url": url } } } })
}

/// What must be accepted.
pub fn accepted() -> Vec<Value> {
    vec![
        environment(artifact("oci://ghcr.io/acme/shop:pr-7")),
        environment(artifact(&format!("oci://localhost:5000/a@sha256:{}", "a".repeat(64)))),
        environment(json!({ "source": { "manifests": { "oci": {
            "url": "oci://ghcr.io/a/b_c/d--e:1", "secretRef": { "name": "ghcr" } } } } })),
        class(json!({ "registries": [{ "repository": "*.acme.com/**" },
            { "repository": "docker.io/acme/*", "hosts": ["auth.docker.io", "r.io:8443"] },
            { "repository": "localhost:5000/**", "scheme": "http", "addresses": "Private" },
            { "repository": "r.acme.internal/a", "addresses": "Private", "caBundle": "TEk=" }] })),
    ]
}

/// What rules refuse.
pub fn refused() -> Vec<Refusal> {
    let literal = "addresses Private and scheme http need a registry without wildcards";
    let both = json!({ "source": { "manifests": {
        "configMapRef": [{ "name": "a" }], "oci": { "url": "oci://ghcr.io/a:1" } } } });
    let private = json!({ "registries": [{ "repository": "*/a", "addresses": "Private" }] });
    let plain = json!({ "registries": [{ "repository": "{a,b}/a", "scheme": "http" }] });
    [
        (
            "manifests from two places",
            environment(both),
            "manifests have either configMapRef or oci",
        ),
        (
            "an artefact without a tag",
            environment(artifact("oci://r.io:5000/a")),
            "url needs a tag or a digest: oci://registry/repository:tag",
        ),
        ("a registry of any name at private addresses", class(private), literal),
        ("a registry of any name without TLS", class(plain), literal),
    ]
    .into_iter()
    .map(|(what, object, sentence)| Refusal {
        what: what.to_owned(),
        object,
        before: None,
        sentence,
    })
    .collect()
}
