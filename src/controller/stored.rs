//! The stored plan: what was captured, planned and applied, kept for later.
//!
//! It holds production's configuration, so it lies where nobody but the operator can read: as
//! compressed Secrets in the operator's own namespace, in parts where one would be too large. It
//! holds recipes of Secrets, not their values.
//!
//! ```text
//! plan-<environment's UID>-<life>-<serial>-<part>     every part says how many there are
//! ```
//!
//! A newer plan is written beside the older one, which goes afterwards: whenever it is cut short,
//! one of them is whole. Fields of [`Stored`] are only ever added, with a default: a newer operator
//! reads what an older one wrote.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    sync::Arc,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PartialObjectMeta, Patch, PatchParams},
};
use kulisse_core::{
    api::{environment::StagingEnvironment, identity::Incarnation, names},
    plan::{
        Plan,
        capture::Capture,
        digest,
        kinds::{self, Shape},
        object::Key,
        request::Request,
    },
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
const PARTS: &str = "parts";

/// Whose plan: of which environment, and of which of its lives.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// UID of the environment.
    pub uid: &'a str,
    /// Its life.
    pub life: Incarnation,
    /// A plan without a life in its name is of this one.
    pub first: bool,
}

impl Slot<'_> {
    /// Whether a stored plan of that name belongs here.
    fn holds(&self, name: &str) -> bool {
        match names::stored_plan_of(self.uid, name) {
            Some((Some(life), ..)) => life == self.life,
            Some((None, ..)) => self.first,
            None => false,
        }
    }
}

/// What was captured, planned and applied.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Which of the plans of its environment: a newer one has a higher number.
    #[serde(default)]
    pub serial: u64,
    /// When it was made; `None` of one that an older operator stored.
    #[serde(default)]
    pub planned_at: Option<Timestamp>,
    /// What the plan was made for.
    pub request: Request,
    /// The source as it was read.
    pub capture: Capture,
    /// The plan made from it.
    pub plan: Plan,
    /// What the target may hold from earlier plans: fingerprint by key, as text. An empty
    /// fingerprint: it is not known what exactly it holds.
    pub held: BTreeMap<String, Held>,
    /// Marks of what planned Secrets take from elsewhere, by name: other values are applied, although
    /// the plan is the same.
    #[serde(default)]
    pub given: BTreeMap<String, String>,
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

    /// Kinds of custom resources that the target may hold, as `example.com/v1 Widget`.
    pub fn custom_kinds(&self) -> BTreeSet<String> {
        let held = self.held_after(false).into_values();
        held.filter(|it| kinds::is_custom(&it.key.group))
            .map(|it| format!("{} {}", it.api_version, it.key.kind))
            .collect()
    }

    /// Hash of what will be applied for a clone, its Secret's recipe included.
    pub fn fingerprint(&self, clone: &kulisse_core::plan::PlannedClone) -> String {
        let name = clone.object.name();
        // A ConfigMap without certificates has the fingerprint that it always had.
        let is = |shape| kinds::shape(&clone.object) == shape;
        let secret = is(Shape::Secret).then(|| self.plan.secrets.get(name));
        let settings = || self.plan.settings.get(name).filter(|_| is(Shape::Settings)).map(Some);
        let recipe = secret.or_else(settings);
        match self.given.get(name).filter(|_| is(Shape::Secret)) {
            Some(given) => digest::of(&(&clone.object, recipe, given)),
            None => digest::of(&(&clone.object, recipe)),
        }
    }
}

/// Stores a plan, and drops what was stored before it.
pub async fn save(slot: Slot<'_>, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let saved = write(slot, stored, ctx).await;
    if saved.is_err() {
        // It may be there all the same, and then the next one must not be written over it.
        ctx.drop_plan(slot);
    }
    saved
}

async fn write(slot: Slot<'_>, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let uid = slot.uid;
    let bytes = pack(stored)?;
    let api = api(ctx);
    let params = PatchParams::apply(names::FIELD_MANAGER).force();
    let parts = bytes.len().div_ceil(PART).to_string().into_bytes();
    let mut kept = BTreeSet::new();
    for (part, bytes) in bytes.chunks(PART).enumerate() {
        let name = names::stored_plan(uid, slot.life, stored.serial, part);
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
            data: Some(
                [
                    (FIELD.to_owned(), ByteString(bytes.to_vec())),
                    (PARTS.to_owned(), ByteString(parts.clone())),
                ]
                .into(),
            ),
            ..Secret::default()
        };
        let what = format!("store the plan in Secret {name}");
        let patch = Patch::Apply(secret);
        call_secret(&what, || api.patch(&name, &params, &patch)).await?;
        kept.insert(name);
    }
    // Nothing is before a first plan but what is left of one that was cut short, and `newest` passes
    // that over.
    if stored.serial == 0 {
        return Ok(());
    }
    for name in names_of(uid, ctx).await? {
        if slot.holds(&name) && !kept.contains(&name) {
            remove(&name, ctx).await?;
        }
    }
    Ok(())
}

/// The newest stored plan that is whole, if there is one.
pub async fn load(slot: Slot<'_>, ctx: &Context) -> Result<Option<Arc<Stored>>, Error> {
    if let Some(plan) = ctx.plan(slot) {
        return Ok(Some(plan));
    }
    let uid = slot.uid;
    let api = api(ctx);
    let params = ListParams::default().labels(&format!("{}={uid}", names::ENVIRONMENT_UID_LABEL));
    let what = "read the stored plan";
    let found = newest(slot, call_list(what, || api.list(&params)).await?.items);
    if let Some(plan) = &found {
        ctx.keep_plan(slot, Arc::clone(plan));
    }
    Ok(found)
}

/// The newest plan among parts of which every one is there.
pub fn newest(slot: Slot<'_>, parts: Vec<Secret>) -> Option<Arc<Stored>> {
    // Two plans have one serial if the first was cut short and the second has fewer parts.
    let mut plans: BTreeMap<(u64, bool, usize), BTreeMap<usize, Secret>> = BTreeMap::new();
    for secret in parts.into_iter().filter(|it| slot.holds(&it.name_any())) {
        let Some(count) = count(&secret) else { continue };
        if let Some((life, serial, part)) = names::stored_plan_of(slot.uid, &secret.name_any()) {
            plans.entry((serial, life.is_some(), count)).or_default().insert(part, secret);
        }
    }
    plans.into_iter().rev().find_map(|((.., count), parts)| {
        if !parts.keys().copied().eq(0..count) {
            return None;
        }
        let mut bytes = Vec::new();
        for secret in parts.values() {
            bytes.extend_from_slice(&secret.data.as_ref()?.get(FIELD)?.0);
        }
        let plan = unpack(&bytes);
        if let Err(error) = &plan {
            tracing::error!(%error, "a stored plan is passed over");
        }
        plan.ok().filter(|it| it.request.incarnation == slot.life).map(Arc::new)
    })
}

/// How many parts there are, by what one of them says.
fn count(part: &Secret) -> Option<usize> {
    let count = part.data.as_ref()?.get(PARTS)?;
    std::str::from_utf8(&count.0).ok()?.parse().ok()
}

/// Deletes the stored plan of one life of an environment.
pub async fn delete(slot: Slot<'_>, ctx: &Context) -> Result<(), Error> {
    ctx.drop_plan(slot);
    for name in names_of(slot.uid, ctx).await? {
        if slot.holds(&name) {
            remove(&name, ctx).await?;
        }
    }
    Ok(())
}

/// Deletes all stored plans of an environment.
pub async fn delete_all(uid: &str, ctx: &Context) -> Result<(), Error> {
    ctx.drop_plans(uid);
    for name in names_of(uid, ctx).await? {
        remove(&name, ctx).await?;
    }
    Ok(())
}

async fn names_of(uid: &str, ctx: &Context) -> Result<Vec<String>, Error> {
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
    // Not serde's own words: they quote what they stumble over.
    serde_json::from_slice(&text).map_err(|it| {
        Error::Stored(format!("{:?} at line {}, column {}", it.classify(), it.line(), it.column()))
    })
}

/// Deletes what was stored for environments that are not there any more: of an operator that was
/// gone while they went. The API server has the last word on which are there: a watch may be behind,
/// and what another operator works on is stored here as well.
pub async fn sweep(ctx: &Context) -> Result<(), Error> {
    let api = api(ctx);
    let params = ListParams::default().labels(names::ENVIRONMENT_UID_LABEL);
    let mut parts = call_list("list stored plans", || api.list_metadata(&params)).await?.items;
    let of = |part: &PartialObjectMeta<Secret>| {
        part.labels().get(names::ENVIRONMENT_UID_LABEL).cloned().unwrap_or_default()
    };
    parts.retain(|it| ctx.world.whose(&of(it)).is_none());
    if parts.is_empty() {
        return Ok(());
    }
    // After the plans: what is stored is of somebody who was there before.
    let all: Api<StagingEnvironment> = Api::all(ctx.client.clone());
    let params = ListParams::default();
    let living = call_list("list environments", || all.list_metadata(&params)).await?.items;
    let living: BTreeSet<String> = living.iter().filter_map(ResourceExt::uid).collect();
    for part in parts.iter().filter(|it| !living.contains(&of(it))) {
        tracing::info!(uid = of(part), "a stored plan without an environment is deleted");
        remove(&part.name_any(), ctx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kulisse_core::{
        api::identity::NamespaceName,
        plan::{
            capture::{Reading, assemble},
            plan,
            request::{Cluster, Identity},
        },
        secrets::OperatorKey,
    };

    use super::*;

    fn stored(serial: u64) -> Stored {
        let namespace = NamespaceName::parse("shop").unwrap();
        let key = OperatorKey::from_bytes(&[1; OperatorKey::LENGTH]).unwrap();
        let reading = Reading {
            namespace: namespace.clone(),
            captured_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            objects: Vec::new(),
            secrets: None,
            unreadable: Vec::new(),
        };
        let capture = assemble(reading, &key);
        let spec = serde_json::from_value(serde_json::json!({"source": {"namespace": "shop"}}));
        let request = Request {
            environment: Identity { name: "pr-1".into(), namespace, uid: "u".into() },
            spec: spec.unwrap(),
            class: kulisse_core::api::class::StagingClassSpec::default(),
            incarnation: SLOT.life,
            target: NamespaceName::parse("stg-pr-1").unwrap(),
            overlay: Vec::new(),
            cluster: Cluster::default(),
            granted_secrets: Vec::new(),
        };
        let plan = plan(&request, &capture).unwrap();
        let (held, given) = (BTreeMap::new(), BTreeMap::new());
        Stored { serial, planned_at: None, request, capture, plan, held, given }
    }

    /// A plan in parts of a few bytes.
    fn parts(serial: u64) -> Vec<Secret> {
        let bytes = pack(&stored(serial)).unwrap();
        let chunks: Vec<&[u8]> = bytes.chunks(500).collect();
        let count = chunks.len().to_string().into_bytes();
        let secret = |(part, chunk): (usize, &&[u8])| Secret {
            metadata: ObjectMeta {
                name: Some(names::stored_plan(SLOT.uid, SLOT.life, serial, part)),
                ..ObjectMeta::default()
            },
            data: Some(
                [
                    (FIELD.to_owned(), ByteString(chunk.to_vec())),
                    (PARTS.to_owned(), ByteString(count.clone())),
                ]
                .into(),
            ),
            ..Secret::default()
        };
        chunks.iter().enumerate().map(secret).collect()
    }

    fn serial(parts: Vec<Secret>) -> Option<u64> {
        newest(SLOT, parts).map(|it| it.serial)
    }

    const SLOT: Slot = Slot { uid: "u-1", life: Incarnation(2), first: true };

    #[test]
    fn each_life_has_a_plan_of_its_own_and_one_without_a_life_is_of_the_first() {
        let beside = Slot { life: Incarnation(3), first: false, ..SLOT };
        let holds = |name: &str| (SLOT.holds(name), beside.holds(name));
        assert_eq!(holds("plan-u-1-2-0-0"), (true, false));
        assert_eq!(holds("plan-u-1-3-7-1"), (false, true));
        assert_eq!(holds("plan-u-1-0-0"), (true, false), "an older operator wrote it");
        assert_eq!(holds("plan-u-1-x"), (false, false));
        assert_eq!(holds("plan-u-12-3-7-1"), (false, false), "of another environment");
    }

    #[test]
    fn the_newest_plan_that_is_whole_counts() {
        let (old, mut new) = (parts(3), parts(10));
        assert!(new.len() > 1, "one part shows nothing");
        assert_eq!(serial([old.clone(), new.clone()].concat()), Some(10));
        new.pop();
        assert_eq!(serial([new.clone(), old].concat()), Some(3), "cut short while it was written");
        assert_eq!(serial(new), None);
    }

    #[test]
    fn what_is_left_of_a_larger_plan_of_the_same_serial_is_passed_over() {
        let (whole, mut left) = (parts(0), parts(0));
        let more = (left.len() + 2).to_string().into_bytes();
        for part in &mut left {
            part.data.as_mut().unwrap().insert(PARTS.to_owned(), ByteString(more.clone()));
        }
        assert_eq!(serial([left.clone(), whole].concat()), Some(0));
        assert_eq!(serial(left), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_there_and_is_not_quoted() {
        let mut text = Vec::new();
        let mut packer = GzEncoder::new(&mut text, Compression::fast());
        packer.write_all(br#"{"request": "canary"}"#).unwrap();
        packer.finish().unwrap();
        let error = unpack(&text).unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
    }
}
