//! Credentials for a registry, from a Secret as kubelets read it for images.

use std::collections::BTreeMap;

use ::http::HeaderValue;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use kulisse_core::{plan::artifact::Reference, secrets::SecretBytes};
use serde::Deserialize;

/// Type of the Secrets that hold them.
pub const TYPE: &str = "kubernetes.io/dockerconfigjson";
/// Their key.
pub const KEY: &str = ".dockerconfigjson";
/// What Docker Hub is called as well.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// User and password, as one header has them. It cannot be shown.
pub struct Credentials(SecretBytes);

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(rename = "auth")]
    pair: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl Credentials {
    /// Those that fit best, as kubelets choose them: the longest part of the repository's path.
    ///
    /// # Errors
    ///
    /// What is wrong with the Secret; nothing of it is quoted but the registries that it is for.
    pub fn read(json: &SecretBytes, reference: &Reference) -> Result<Self, String> {
        let config: Config = serde_json::from_slice(json.expose())
            .map_err(|_| format!("its key {KEY} is not the JSON of a Docker configuration"))?;
        let fitting = config.auths.iter().filter_map(|(name, auth)| {
            let (registry, path) = place(name);
            (same(&registry, &reference.registry) && within(&path, &reference.repository))
                .then_some((path.len(), auth))
        });
        let Some((_, auth)) = fitting.max_by_key(|(length, _)| *length) else {
            let known: Vec<&str> = config.auths.keys().map(String::as_str).collect();
            return Err(format!(
                "it holds no credentials for {}, but for {}",
                reference.name(),
                if known.is_empty() { "nobody".to_owned() } else { known.join(", ") }
            ));
        };
        let pair = match (auth, &auth.pair) {
            (Auth { username: Some(user), password: Some(password), .. }, _) => {
                BASE64.encode(format!("{user}:{password}"))
            }
            (_, Some(pair)) if !pair.is_empty() => pair.trim().to_owned(),
            _ => {
                return Err(format!(
                    "it holds neither auth nor username and password for {}",
                    reference.registry
                ));
            }
        };
        Ok(Self(SecretBytes::new(format!("Basic {pair}").into_bytes())))
    }

    /// The header that shows them.
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_bytes(self.0.expose()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Registry and path of an entry: `ghcr.io`, `https://index.docker.io/v1/`, `r.io:5000/acme`.
fn place(name: &str) -> (String, String) {
    let name = name.trim_start_matches("https://").trim_start_matches("http://");
    let (registry, path) = name.split_once('/').unwrap_or((name, ""));
    let path = path.trim_matches('/');
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    (registry.to_ascii_lowercase(), path.to_owned())
}

fn same(one: &str, other: &str) -> bool {
    one == other || (HUB.contains(&one) && HUB.contains(&other))
}

fn within(path: &str, repository: &str) -> bool {
    repository
        .strip_prefix(path)
        .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(auths: &Value, url: &str) -> Result<String, String> {
        let json = SecretBytes::new(json!({ "auths": auths }).to_string().into_bytes());
        let found = Credentials::read(&json, &Reference::parse(url).unwrap())?;
        let basic = String::from_utf8(found.0.expose().to_vec()).unwrap();
        let pair = BASE64.decode(basic.trim_start_matches("Basic ")).unwrap();
        Ok(String::from_utf8(pair).unwrap())
    }

    #[test]
    fn the_entry_that_fits_best_counts() {
        let entry = |user: &str| json!({ "username": user, "password": "p" });
        let auths = json!({
            "https://ghcr.io": entry("all"), "ghcr.io/acme": entry("acme"), "ghcr.io/acm": entry("x"),
            "https://index.docker.io/v1/": { "auth": BASE64.encode("hub:p") },
        });
        assert_eq!(read(&auths, "oci://ghcr.io/acme/shop:1").unwrap(), "acme:p");
        assert_eq!(read(&auths, "oci://ghcr.io/other/shop:1").unwrap(), "all:p");
        assert_eq!(read(&auths, "oci://docker.io/acme/shop:1").unwrap(), "hub:p");
    }

    #[test]
    fn what_is_wrong_is_said_without_a_value() {
        let auths = json!({ "quay.io": { "auth": "canary" } });
        let said = read(&auths, "oci://ghcr.io/acme/shop:1").unwrap_err();
        assert_eq!(said, "it holds no credentials for ghcr.io/acme/shop, but for quay.io");
        assert!(
            read(&json!({ "ghcr.io": {} }), "oci://ghcr.io/a:1").unwrap_err().contains("neither")
        );
        let broken = SecretBytes::new(b"canary".to_vec());
        let said = Credentials::read(&broken, &Reference::parse("oci://ghcr.io/a:1").unwrap());
        assert!(said.err().is_some_and(|it| !it.contains("canary")));
    }
}
