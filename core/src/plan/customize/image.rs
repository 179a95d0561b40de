//! Image references, taken apart as kustomize does: the name stays as it is written.

use std::fmt;

use crate::api::environment::Image;

/// An image reference: `name[:tag][@digest]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Registry and repository as written.
    pub(super) name: String,
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
}

impl Reference {
    /// Takes a reference apart. A colon before the last slash belongs to a port.
    pub(super) fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        Self { name: name.to_owned(), tag, digest }
    }

    /// Registry and repository in full, as a container runtime completes them.
    pub(super) fn repository(&self) -> String {
        let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        match self.name.split_once('/') {
            Some(("index.docker.io", rest)) => format!("docker.io/{rest}"),
            Some(("docker.io", rest)) if !rest.contains('/') => format!("docker.io/library/{rest}"),
            Some((host, _)) if is_host(host) => self.name.clone(),
            Some(_) => format!("docker.io/{}", self.name),
            None => format!("docker.io/library/{}", self.name),
        }
    }

    /// What the user makes of it: another name, and tag or digest. As in kustomize, a new digest
    /// replaces the tag and a new tag the digest.
    pub(super) fn replaced(&self, image: &Image) -> Self {
        let name = image.new_name.clone().unwrap_or_else(|| self.name.clone());
        let (tag, digest) = match (&image.new_tag, &image.digest) {
            (None, None) => (self.tag.clone(), self.digest.clone()),
            (tag, digest) => (tag.clone(), digest.clone()),
        };
        Self { name, tag, digest }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(new_name: Option<&str>, new_tag: Option<&str>, digest: Option<&str>) -> Image {
        let own = |it: Option<&str>| it.map(str::to_owned);
        Image {
            name: "web".into(),
            new_name: own(new_name),
            new_tag: own(new_tag),
            digest: own(digest),
        }
    }

    #[test]
    fn a_reference_reads_back_as_it_was_written() {
        for text in [
            "web",
            "web:1.2",
            "acme/web@sha256:ab",
            "r.acme.io:5000/a/web:1@sha256:ab",
            "r:5000/web",
        ] {
            assert_eq!(Reference::parse(text).to_string(), text);
        }
        assert_eq!(Reference::parse("r:5000/web").name, "r:5000/web");
        assert_eq!(Reference::parse("r:5000/web:2").tag.as_deref(), Some("2"));
    }

    #[test]
    fn short_names_mean_the_docker_hub() {
        for (text, full) in [
            ("nginx:1", "docker.io/library/nginx"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("bitnami/redis", "docker.io/bitnami/redis"),
            ("index.docker.io/library/nginx", "docker.io/library/nginx"),
            ("localhost/web", "localhost/web"),
            ("ghcr.io/acme/web", "ghcr.io/acme/web"),
        ] {
            assert_eq!(Reference::parse(text).repository(), full);
        }
    }

    #[test]
    fn a_new_tag_replaces_the_digest_and_the_other_way_round() {
        let old = Reference::parse("web:1@sha256:ab");
        assert_eq!(old.replaced(&image(None, Some("2"), None)).to_string(), "web:2");
        assert_eq!(
            old.replaced(&image(None, None, Some("sha256:cd"))).to_string(),
            "web@sha256:cd"
        );
        assert_eq!(
            old.replaced(&image(Some("r.io/w"), None, None)).to_string(),
            "r.io/w:1@sha256:ab"
        );
    }
}
