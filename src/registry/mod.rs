//! Artefacts of manifests in a registry, as Flux and ORAS push them.
//!
//! ```text
//! resolve   manifest by tag or digest ──► digest          (token, if the registry asks for one)
//! texts     layers, each checked against its digest ──► unpacked in memory ──► YAML texts
//! ```
//!
//! Whoever may create environments writes the URL, so nobody is called whom the class does not list
//! ([`http`]), and what comes back is limited in every direction ([`unpack`]). Nothing is written to
//! disk. What a registry answers is not quoted.
//!
//! Deliberately absent: signatures, and archives other than tar and gzip.

pub mod credentials;
mod http;
mod token;
mod unpack;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use ::http::StatusCode;
use hyper::body::Bytes;
use kulisse_core::{
    api::{condition::Reason, registry::Registry},
    lifecycle::Problem,
    plan::{artifact::Reference, manifests::Manifests},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use self::credentials::Credentials;
use self::{
    http::{Ask, Caller},
    unpack::Room,
};

/// All of one artefact is fetched within this.
pub const DEADLINE: Duration = Duration::from_mins(1);
/// Most bytes of a manifest.
const MANIFEST: usize = 1024 * 1024;
/// Most bytes of all layers, as they are sent.
const LAYERS: usize = 8 * 1024 * 1024;
/// Most layers.
const MOST_LAYERS: usize = 64;
/// What a manifest may be.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// In which annotation a layer that is a single file has its name.
const TITLE: &str = "org.opencontainers.image.title";

/// An artefact whose digest is known; what it holds has not been fetched yet.
pub struct Artifact {
    /// Where it lies, with its digest.
    pub reference: Reference,
    /// Its digest.
    pub digest: String,
    layers: Vec<Descriptor>,
    caller: Caller,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    layers: Vec<Descriptor>,
    /// Of an index.
    #[serde(default)]
    manifests: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// Finds out which artefact a reference means now. `registry` is the entry of the class that allows
/// it.
///
/// # Errors
///
/// If it cannot be read (`SourceNotReadable`), is none (`InvalidManifest`) or is too large.
pub async fn resolve(
    reference: &Reference,
    registry: &Registry,
    credentials: Option<Credentials>,
) -> Result<Artifact, Problem> {
    let mut caller = Caller::new(reference, registry, credentials)?;
    let wanted = reference.digest.as_ref().or(reference.tag.as_ref());
    let path = format!("manifests/{}", wanted.map_or("latest", String::as_str));
    let body = caller.get(&path, Ask { accept: ACCEPT, most: MANIFEST, elsewhere: false }).await?;
    let digest = digest(&body);
    if reference.digest.as_ref().is_some_and(|it| *it != digest) {
        return Err(unlike(reference, "its manifest", &digest));
    }
    let invalid = |why: &str| invalid(reference, why);
    let manifest: Manifest = serde_json::from_slice(&body)
        .map_err(|_| invalid("its manifest is not that of an OCI artefact"))?;
    if manifest.layers.is_empty() && !manifest.manifests.is_empty() {
        return Err(invalid("it is an index of several: name one of them by its digest"));
    }
    if manifest.layers.len() > MOST_LAYERS {
        return Err(too_large(reference, &format!("it has more than {MOST_LAYERS} layers")));
    }
    let reference = reference.at(&digest);
    Ok(Artifact { reference, digest, layers: manifest.layers, caller })
}

impl Artifact {
    /// Its manifests, in the order of their files' names.
    ///
    /// # Errors
    ///
    /// As [`resolve`]; also if it holds a kustomization or a chart, links, or no manifest.
    pub async fn texts(mut self) -> Result<Vec<Manifests>, Problem> {
        let reference = &self.reference;
        let all: u64 = self.layers.iter().fold(0, |all, it| all.saturating_add(it.size));
        if all > LAYERS as u64 {
            return Err(too_large(
                reference,
                &format!("its layers have {all} bytes, more than {LAYERS}"),
            ));
        }
        let mut room = Room::default();
        let mut files = Vec::new();
        let mut left = LAYERS;
        for layer in &self.layers {
            if layer.media_type.contains("helm.chart") {
                return Err(invalid(reference, unpack::CHART));
            }
            let body = fetch(&mut self.caller, layer, left).await?;
            left = left.saturating_sub(body.len());
            let found = digest(&body);
            if found != layer.digest {
                return Err(unlike(reference, &format!("layer {}", layer.digest), &found));
            }
            let title = layer.annotations.as_ref().and_then(|it| it.get(TITLE));
            files.extend(
                unpack::layer(&body, title.map(String::as_str), &mut room).map_err(|it| {
                    Problem::new(it.reason, format!("{reference}: {}", it.message))
                })?,
            );
        }
        if files.is_empty() {
            return Err(invalid(reference, "it holds no file *.yaml, *.yml or *.json"));
        }
        files.sort();
        let from = |path: &str| format!("{reference}, file {path}");
        Ok(files.into_iter().map(|(path, text)| Manifests { from: from(&path), text }).collect())
    }
}

/// Contents may lie elsewhere: what they are is known by their digest.
async fn fetch(caller: &mut Caller, layer: &Descriptor, most: usize) -> Result<Bytes, Problem> {
    let sha256 = layer.digest.strip_prefix("sha256:");
    if !sha256.is_some_and(|it| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit())) {
        return Err(invalid(&caller.reference, "a layer has no digest sha256:…"));
    }
    let path = format!("blobs/{}", layer.digest);
    caller.get(&path, Ask { accept: "*/*", most, elsewhere: true }).await
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unlike(reference: &Reference, what: &str, found: &str) -> Problem {
    invalid(reference, &format!("{what} is not what it is named after: the registry sent {found}"))
}

fn invalid(reference: &Reference, why: &str) -> Problem {
    Problem::new(Reason::InvalidManifest, format!("{reference}: {why}"))
}

fn too_large(reference: &Reference, why: &str) -> Problem {
    Problem::new(Reason::TooLarge, format!("{reference}: {why}"))
}

fn unreadable(reference: &Reference, why: &str) -> Problem {
    Problem::new(Reason::SourceNotReadable, format!("{reference}: {why}"))
}

fn forbidden(reference: &Reference, why: &str) -> Problem {
    Problem::new(Reason::NotAllowedByClass, format!("{reference}: {why}"))
}

/// What a refusal means to whoever wrote the URL.
fn refused(reference: &Reference, status: StatusCode, with_credentials: bool) -> Problem {
    let why = match (status, with_credentials) {
        (StatusCode::NOT_FOUND, _) => "the registry has no such artefact".to_owned(),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, false) => format!(
            "the registry asks for credentials ({status}): give spec.source.manifests.oci.secretRef"
        ),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, true) => {
            format!("the registry refuses the credentials of secretRef ({status})")
        }
        _ => format!("the registry answers {status}"),
    };
    unreadable(reference, &why)
}
