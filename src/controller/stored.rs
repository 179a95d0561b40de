//! The stored plan: what was captured, planned and applied, kept for later.
//!
//! It holds production's configuration, so it lies where nobody but the operator can read: as
//! compressed Secrets in the operator's own namespace, in parts where one would be too large. It
//! holds recipes of Secrets, not their values.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    sync::Arc,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams},
};
use kulisse_core::{
    api::names,
    plan::{Plan, capture::Capture, digest, object::Key, request::Request},
};
use serde::{Deserialize, Serialize};

use super::{
    call::{call, call_list, call_secret, gone_is_fine},
    context::Context,
    error::Error,
};

/// Most bytes in one Secret; the API server takes 1 MiB.
const PART: usize = 900 * 1024;
/// Most bytes of a plan when unpacked: what is read back is ours, but a limit costs nothing.
const LARGEST: u64 = 256 * 1024 * 1024;
const FIELD: &str = "plan";

/// What was captured, planned and applied.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// What the plan was made for.
    pub request: Request,
    /// The source as it was read.
    pub capture: Capture,
    /// The plan made from it.
    pub plan: Plan,
    /// What the target may hold from earlier plans: fingerprint by key, as text. An empty
    /// fingerprint: it is not known what exactly it holds.
    pub held: BTreeMap<String, Held>,
}

/// An object that the target may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Which.
    pub key: Key,
    /// Its API version, to find it again.
    pub api_version: String,
    /// Hash of what was applied; `None` if that was interrupted.
    pub fingerprint: Option<String>,
}

impl Stored {
    /// What the target holds once this plan has been applied (`whole`), or may hold if that was
    /// interrupted.
    pub fn held_after(&self, whole: bool) -> BTreeMap<String, Held> {
        let mut held = if whole { BTreeMap::new() } else { self.held.clone() };
        for clone in &self.plan.clones {
            let key = clone.object.key();
            let fingerprint = whole.then(|| self.fingerprint(clone));
            let api_version = clone.object.api_version().to_owned();
            held.insert(key.to_string(), Held { key, api_version, fingerprint });
        }
        held
    }

    /// Hash of what will be applied for a clone, its Secret's recipe included.
    pub fn fingerprint(&self, clone: &kulisse_core::plan::PlannedClone) -> String {
        let recipe =
            (clone.object.kind() == "Secret").then(|| self.plan.secrets.get(clone.object.name()));
        digest::of(&(&clone.object, recipe))
    }
}

/// Stores a plan, and drops parts of an earlier, larger one.
pub async fn save(uid: &str, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let bytes = pack(stored)?;
    let api = api(ctx);
    let params = PatchParams::apply(names::FIELD_MANAGER).force();
    let mut kept = BTreeSet::new();
    for (part, bytes) in bytes.chunks(PART).enumerate() {
        let name = names::stored_plan(uid, part);
        let labels = [
            (names::ENVIRONMENT_UID_LABEL.to_owned(), uid.to_owned()),
            (names::MANAGED_BY_LABEL.to_owned(), names::MANAGED_BY.to_owned()),
        ];
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                labels: Some(labels.into()),
                ..ObjectMeta::default()
            },
            data: Some([(FIELD.to_owned(), ByteString(bytes.to_vec()))].into()),
            ..Secret::default()
        };
        let what = format!("store the plan in Secret {name}");
        let patch = Patch::Apply(secret);
        call_secret(&what, || api.patch(&name, &params, &patch)).await?;
        kept.insert(name);
    }
    // A plan rarely needs a second part, and a shrinking one leaves it behind.
    if stored.held.is_empty() {
        return Ok(());
    }
    for name in parts(uid, ctx).await? {
        if !kept.contains(&name) {
            remove(&name, ctx).await?;
        }
    }
    Ok(())
}

/// The stored plan of an environment, if there is one.
pub async fn load(uid: &str, ctx: &Context) -> Result<Option<Arc<Stored>>, Error> {
    if let Some(plan) = ctx.plan(uid) {
        return Ok(Some(plan));
    }
    let api = api(ctx);
    let params = ListParams::default().labels(&format!("{}={uid}", names::ENVIRONMENT_UID_LABEL));
    let what = "read the stored plan";
    let mut parts = call_list(what, || api.list(&params)).await?.items;
    if parts.is_empty() {
        return Ok(None);
    }
    let number = |secret: &Secret| {
        secret.name_any().rsplit('-').next().and_then(|it| it.parse::<usize>().ok()).unwrap_or(0)
    };
    parts.sort_by_key(number);
    let bytes: Vec<u8> = parts
        .into_iter()
        .filter_map(|part| part.data?.remove(FIELD))
        .flat_map(|bytes| bytes.0)
        .collect();
    let plan = Arc::new(unpack(&bytes)?);
    ctx.keep_plan(uid, Arc::clone(&plan));
    Ok(Some(plan))
}

/// Deletes the stored plan of an environment.
pub async fn delete(uid: &str, ctx: &Context) -> Result<(), Error> {
    ctx.drop_plan(uid);
    for name in parts(uid, ctx).await? {
        remove(&name, ctx).await?;
    }
    Ok(())
}

async fn parts(uid: &str, ctx: &Context) -> Result<Vec<String>, Error> {
    let api = api(ctx);
    let params = ListParams::default().labels(&format!("{}={uid}", names::ENVIRONMENT_UID_LABEL));
    let list = call_list("list the stored plan", || api.list_metadata(&params)).await?;
    Ok(list.items.iter().map(ResourceExt::name_any).collect())
}

async fn remove(name: &str, ctx: &Context) -> Result<(), Error> {
    let api = api(ctx);
    let params = DeleteParams::default();
    let what = format!("delete Secret {name}");
    gone_is_fine(call(&what, || api.delete(name, &params)).await)
}

fn api(ctx: &Context) -> Api<Secret> {
    Api::namespaced(ctx.client.clone(), ctx.settings.namespace.as_str())
}

fn pack(stored: &Stored) -> Result<Vec<u8>, Error> {
    let unreadable = |error: &dyn std::fmt::Display| Error::Stored(error.to_string());
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let text = serde_json::to_vec(stored).map_err(|it| unreadable(&it))?;
    packer.write_all(&text).map_err(|it| unreadable(&it))?;
    packer.finish().map_err(|it| unreadable(&it))
}

fn unpack(bytes: &[u8]) -> Result<Stored, Error> {
    let mut text = Vec::new();
    let mut reader = GzDecoder::new(bytes).take(LARGEST);
    reader.read_to_end(&mut text).map_err(|it| Error::Stored(it.to_string()))?;
    serde_json::from_slice(&text).map_err(|it| Error::Stored(it.to_string()))
}

/// Deletes what was stored for environments that are not there any more: of an operator that was
/// gone while they went.
pub async fn sweep(ctx: &Context) -> Result<(), Error> {
    let api = api(ctx);
    let params = ListParams::default().labels(names::ENVIRONMENT_UID_LABEL);
    let list = call_list("list stored plans", || api.list_metadata(&params)).await?;
    for part in &list.items {
        let uid = part.labels().get(names::ENVIRONMENT_UID_LABEL).cloned().unwrap_or_default();
        if ctx.world.whose(&uid).is_none() {
            tracing::info!(uid, "a stored plan without an environment is deleted");
            remove(&part.name_any(), ctx).await?;
        }
    }
    Ok(())
}
