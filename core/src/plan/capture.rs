//! The source as it was read in one pass.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::object::Object;
use crate::{api::identity::NamespaceName, secrets::SealedSecret};

/// The source's objects, Secret values sealed. It is stored with the plan, so that a later
/// generation of the environment changes what it names and not what production did meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// The source.
    pub namespace: NamespaceName,
    /// When it was read.
    pub captured_at: Timestamp,
    /// Its objects, by key, as the API server gave them; Secrets without `data`. Objects that a
    /// controller made from another object of the source keep only their identity and owners.
    pub objects: Vec<Object>,
    /// What the Secrets hold, sealed, by name.
    pub secrets: BTreeMap<String, SealedSecret>,
    /// False if the operator may not read the source's Secrets: their names and keys are then taken
    /// from what refers to them.
    pub secrets_readable: bool,
    /// The image that runs, with its digest, by workload and container:
    /// `Deployment.apps/web:nginx` → `docker.io/library/nginx@sha256:…`. Only repository-qualified
    /// digests are here.
    pub running_images: BTreeMap<String, String>,
    /// Addresses at which production answers now: the probe tries them.
    pub addresses: Vec<Address>,
    /// Kinds that may not be read: `Kind.group`.
    pub unreadable: Vec<String>,
}

/// An address at which production answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// What it is: `Service/postgres`, `Pod/web-0`.
    pub what: String,
    /// IP address or host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
}
