//! Where an artefact of manifests lies, and whether a class lets it be fetched from there.

use std::{fmt, sync::LazyLock};

use globset::GlobBuilder;
use regex::Regex;

use crate::api::registry::{ARTIFACT_URL, Registry};

/// Where an artefact lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry as it is written, in lower case: `ghcr.io`, `localhost:5000`.
    pub registry: String,
    /// The repository: `acme/shop`.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest; it counts where there is a tag as well.
    pub digest: Option<String>,
}

/// As the API's pattern has it: what the API server lets through can be read.
#[expect(clippy::expect_used, reason = "a constant; the first test would say")]
static URL: LazyLock<Regex> = LazyLock::new(|| Regex::new(ARTIFACT_URL).expect("a pattern"));

impl Reference {
    /// Reads the URL of an artefact.
    ///
    /// # Errors
    ///
    /// What such a URL looks like.
    pub fn parse(url: &str) -> Result<Self, String> {
        let found = URL.captures(url).filter(|it| it.get(3).is_some() || it.get(4).is_some());
        let Some(found) = found else {
            return Err(format!(
                "{url} is not the URL of an artefact: oci://registry/repository:tag, or with @sha256:…"
            ));
        };
        let part = |at: usize| found.get(at).map(|it| it.as_str().to_owned());
        Ok(Self {
            registry: part(1).unwrap_or_default().to_ascii_lowercase(),
            repository: part(2).unwrap_or_default(),
            tag: part(3),
            digest: part(4),
        })
    }

    /// Registry and repository: what a class allows.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same with what it was when it was read: a tag that moved shows.
    #[must_use]
    pub fn at(&self, digest: &str) -> Self {
        Self { digest: Some(digest.to_owned()), ..self.clone() }
    }

    /// The entry of a class that allows it, the first that fits.
    pub fn allowed_by<'a>(&self, registries: &'a [Registry]) -> Option<&'a Registry> {
        let name = self.name();
        registries.iter().find(|it| {
            let glob = GlobBuilder::new(&it.repository).literal_separator(true).build();
            glob.is_ok_and(|glob| glob.compile_matcher().is_match(&name))
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn read(url: &str) -> Option<(String, String, Option<String>, bool)> {
        let it = Reference::parse(url).ok()?;
        Some((it.registry, it.repository, it.tag, it.digest.is_some()))
    }

    #[test]
    fn a_url_has_a_registry_a_repository_and_a_tag_or_a_digest() {
        let is = |registry: &str, repository: &str, tag: Option<&str>, digest| {
            Some((registry.to_owned(), repository.to_owned(), tag.map(str::to_owned), digest))
        };
        assert_eq!(
            read("oci://GHCR.io/acme/shop:pr-7"),
            is("ghcr.io", "acme/shop", Some("pr-7"), false)
        );
        assert_eq!(read("oci://localhost:5000/a:b"), is("localhost:5000", "a", Some("b"), false));
        assert_eq!(
            read(&format!("oci://r.io/a_b/c--d@{DIGEST}")),
            is("r.io", "a_b/c--d", None, true)
        );
        assert_eq!(read(&format!("oci://r.io/a:1@{DIGEST}")), is("r.io", "a", Some("1"), true));
        for wrong in [
            "oci://ghcr.io/acme/shop",
            "oci://ghcr.io",
            "oci://localhost:5000",
            "https://ghcr.io/acme/shop:1",
            "oci://user@ghcr.io/acme:1",
            "oci://ghcr.io/acme/../v2/x:1",
            "oci://ghcr.io/acme/shop:1?x=y",
            "oci://ghcr.io//shop:1",
            "oci://ghcr.io/Acme:1",
            "oci://ghcr.io/acme@sha256:ab",
            "oci://ghcr.io/acme:1\n",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        let shop = Reference::parse("oci://ghcr.io/acme/shop:pr-7").unwrap();
        assert_eq!(shop.at(DIGEST).to_string(), format!("oci://ghcr.io/acme/shop:pr-7@{DIGEST}"));
        assert_eq!(Reference::parse(&shop.at(DIGEST).to_string()), Ok(shop.at(DIGEST)));
    }

    #[test]
    fn a_class_allows_repositories_by_glob_and_a_star_stays_within_a_part() {
        let shop = Reference::parse("oci://ghcr.io/acme/shop:1").unwrap();
        let allows = |repository: &str| {
            let entry: Registry =
                serde_json::from_value(serde_json::json!({ "repository": repository })).unwrap();
            shop.allowed_by(&[entry]).is_some()
        };
        assert!(allows("ghcr.io/acme/*") && allows("ghcr.io/**") && allows("ghcr.io/acme/shop"));
        assert!(!allows("ghcr.io/*") && !allows("*/shop") && !allows("ghcr.io/acme/sho"));
        assert!(!allows("ghcr.io.evil.example/acme/*"));
    }
}
