//! Fills the target: in waves, in parallel, and only what differs from what it holds.
//!
//! What is new is POSTed: cheaper than server-side apply, and it cannot take over what somebody
//! else made. What has changed is server-side applied; the ownership that a POST left is turned
//! into that of an apply first, or a field that a later plan drops would stay for ever.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, Patch, PatchParams, PropagationPolicy},
};
use kulisse_core::{
    api::{condition::Reason, identity::ObjectName, names, status::Wave},
    lifecycle::facts::Part as Which,
    plan::{
        self, PlannedClone,
        kinds::{self, Shape},
        object::{Key, Object},
        pause,
    },
    secrets::Filling,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    call::{call, call_secret, creation, deletion_with, going, gone_is_fine},
    context::Context,
    error::Error,
    fields, fresh, secrets,
    seen::Seen,
    stored::{Held, Stored},
};

/// Requests at the same time.
const AT_ONCE: usize = 8;

/// Which part of a plan is applied, and how.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The first wave.
    pub from: Wave,
    /// The last wave.
    pub to: Wave,
    /// Which workloads get Pods.
    pub running: Running,
    /// The workloads are there already, without Pods.
    pub there: bool,
}

/// Which workloads have Pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// All.
    All,
    /// Those that hold data.
    Stores,
    /// None.
    Nothing,
}

impl Running {
    /// Whether a workload of that wave has no Pods.
    fn pauses(self, wave: Wave) -> bool {
        match self {
            Self::All => false,
            Self::Stores => wave == Wave::Workloads,
            Self::Nothing => true,
        }
    }
}

/// One object on its way into the target.
pub(super) struct Parcel {
    pub(super) object: Object,
    wave: Wave,
    /// What a Secret holds, and a ConfigMap of certificates.
    values: Option<Filling>,
    way: Way,
}

/// How an object gets into the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is new.
    Create,
    /// It is there, in another form, and whoever made it may have POSTed it.
    Change,
    /// It is applied, now and later: a workload that starts without Pods.
    Apply,
}

/// Applies a part of the plan. Every object is tried; those that were refused are named together.
pub async fn apply(seen: &Seen, stored: &Stored, part: Part, ctx: &Context) -> Result<(), Error> {
    let way = |clone: &PlannedClone| way(stored, clone, part);
    let parcels = parcels(seen, stored, part, way, ctx).await?;
    let Lanes { fence, rights, rest } = Lanes::of(parcels);
    let settle = fresh::settle();
    // Without all of its fence nothing goes into a target; anything else goes on its own.
    told(drive(fence, seen, settle, ctx).await)?;
    let (mut refused, others) =
        futures::join!(drive(rights, seen, settle, ctx), drive(rest, seen, settle, ctx));
    refused.extend(others);
    told(refused)?;
    if part.to == Wave::Workloads && part.running == Running::All {
        prune(seen, stored, ctx).await?;
    }
    Ok(())
}

/// What of a part has a way into the target, with what its Secrets hold.
pub(super) async fn parcels(
    seen: &Seen,
    stored: &Stored,
    part: Part,
    way: impl Fn(&PlannedClone) -> Option<Way>,
    ctx: &Context,
) -> Result<Vec<Parcel>, Error> {
    let mut values = secrets::values(seen, stored, part.to > Wave::Fence, ctx).await?;
    let mut settings = secrets::settings(seen, stored, ctx)?;
    // Nobody is led to what another still serves in place of.
    let hidden = seen.part() == Which::Building;
    let wanted = stored.plan.clones.iter().filter(|it| it.wave >= part.from && it.wave <= part.to);
    let wanted = wanted.filter(|it| !hidden || !plan::is_exposure(&it.object));
    let parcels = wanted.filter_map(|clone| {
        let way = way(clone)?;
        let object = dressed(clone, part.running);
        let of = |shape, all: &mut BTreeMap<String, Filling>| {
            (kinds::shape(&object) == shape).then(|| all.remove(object.name())).flatten()
        };
        let values = of(Shape::Secret, &mut values).or_else(|| of(Shape::Settings, &mut settings));
        Some(Parcel { object, wave: clone.wave, values, way })
    });
    Ok(parcels.collect())
}

/// Applies the routes of the plan by which people reach the target, whatever it holds.
pub async fn expose(seen: &Seen, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let routes = stored.plan.clones.iter().filter(|it| plan::is_exposure(&it.object));
    let parcels = routes.map(|clone| Parcel {
        object: clone.object.clone(),
        wave: clone.wave,
        values: None,
        way: Way::Create,
    });
    told(drive(vec![parcels.collect()], seen, fresh::settle(), ctx).await)
}

/// Takes the Pods of all workloads away, and changes nothing else.
pub async fn pause(seen: &Seen, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let workloads = stored.plan.clones.iter().filter(|it| pause::pausable(&it.object));
    let parcels = workloads.map(|clone| Parcel {
        object: dressed(clone, Running::Nothing),
        wave: clone.wave,
        values: None,
        way: Way::Change,
    });
    told(drive(vec![parcels.collect()], seen, fresh::settle(), ctx).await)
}

/// Deletes what was made by us. What the application has made since, under a name that was free, is
/// its own.
async fn delete(object: &Object, seen: &Seen, ctx: &Context) -> Result<(), Error> {
    // A kind that is gone has taken its objects along.
    let Some(api) = ctx.kinds.find(&ctx.client, object, &seen.target_name).await? else {
        return Ok(());
    };
    let (key, name) = (object.key(), object.name());
    let there = call(&format!("get {key}"), || api.get_metadata_opt(name)).await?;
    let ours = there
        .filter(|it| it.labels().get(names::ENVIRONMENT_UID_LABEL) == Some(&seen.identity.uid));
    let Some(uid) = ours.and_then(|it| it.metadata.uid) else { return Ok(()) };
    let params = deletion_with(PropagationPolicy::Background, &uid);
    gone_is_fine(call(&format!("delete {key}"), || api.delete(name, &params)).await)?;
    ctx.metrics.applied("deleted");
    Ok(())
}

/// Parcels on their ways: each lane is a list of batches, one after the other, and what is in a
/// batch goes together.
#[derive(Default)]
struct Lanes {
    /// Ahead of everything. Its first goes alone: fresh rights take a moment to hold, and one
    /// request is repeated until they do instead of all.
    fence: Vec<Vec<Parcel>>,
    /// Roles, then bindings, which are accepted only once their Role is there. The API server
    /// compares a Role with our own rights, which takes longest: nothing else waits for it.
    rights: Vec<Vec<Parcel>>,
    /// Wave by wave.
    rest: Vec<Vec<Parcel>>,
}

impl Lanes {
    fn of(parcels: Vec<Parcel>) -> Self {
        let mut lanes = [const { BTreeMap::<(Wave, bool), Vec<Parcel>>::new() }; 3];
        for parcel in parcels {
            let shape = kinds::shape(&parcel.object);
            let (lane, later) = match (parcel.wave, shape) {
                (Wave::Fence, _) => (0, !lanes[0].is_empty()),
                (_, Shape::Role | Shape::RoleBinding) => (1, shape == Shape::RoleBinding),
                _ => (2, false),
            };
            lanes[lane].entry((parcel.wave, later)).or_default().push(parcel);
        }
        let [fence, rights, rest] = lanes.map(|it| it.into_values().collect());
        Self { fence, rights, rest }
    }
}

/// Sends the batches of a lane; what was refused.
async fn drive(
    lane: Vec<Vec<Parcel>>,
    seen: &Seen,
    settle: Instant,
    ctx: &Context,
) -> Vec<(Key, Error)> {
    let mut refused = Vec::new();
    for batch in lane {
        let refusals: Vec<(Key, Error)> = stream::iter(batch)
            .map(|parcel| async move {
                let key = parcel.object.key();
                deliver(seen, parcel, settle, ctx).await.err().map(|error| (key, error))
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(|refusal| async { refusal })
            .collect()
            .await;
        refused.extend(refusals);
    }
    refused
}

/// How a clone has to be sent; `None` if the target holds exactly this.
fn way(stored: &Stored, clone: &PlannedClone, part: Part) -> Option<Way> {
    let scaled = pause::pausable(&clone.object) && (part.running.pauses(clone.wave) || part.there);
    match stored.held.get(&clone.object.key().to_string()) {
        None if scaled => Some(Way::Apply),
        None => Some(Way::Create),
        Some(_) if scaled => Some(Way::Change),
        Some(Held { fingerprint, .. }) => {
            let same = fingerprint.as_deref() == Some(stored.fingerprint(clone).as_str());
            (!same).then_some(Way::Change)
        }
    }
}

/// The clone as it is sent.
fn dressed(clone: &PlannedClone, running: Running) -> Object {
    let mut object = clone.object.clone();
    if running.pauses(clone.wave) {
        pause::pause(&mut object);
    }
    object
}

async fn deliver(seen: &Seen, parcel: Parcel, settle: Instant, ctx: &Context) -> Result<(), Error> {
    let api = ctx.kinds.api(&ctx.client, &parcel.object, &seen.target_name).await?;
    ObjectName::parse(parcel.object.name())?;
    match parcel.way {
        Way::Create => match create(&api, seen, &parcel, settle, ctx).await {
            // Ours of a pass that was cut off, or made by a controller: made to fit. A full quota says
            // so of what is there as well.
            Err(error) if error.code() == 409 || over_quota(&error) => {
                change(&api, seen, parcel, settle, ctx).await
            }
            other => other,
        },
        Way::Change => change(&api, seen, parcel, settle, ctx).await,
        Way::Apply => send_apply(&api, seen, (&parcel.object, None), settle, ctx).await,
    }
}

async fn create(
    api: &Api<DynamicObject>,
    seen: &Seen,
    parcel: &Parcel,
    settle: Instant,
    ctx: &Context,
) -> Result<(), Error> {
    let body = body(&parcel.object, parcel.values.as_ref().map(Filling::values))?;
    let params = creation();
    let what = format!("create {}", parcel.object.key());
    let made = fresh::settled(settle, || async {
        send(&what, parcel.values.is_some(), || api.create(&params, &body)).await
    })
    .await?;
    wrote(seen, &parcel.object, &made, ctx);
    ctx.metrics.applied("created");
    Ok(())
}

/// Changes an object that is there. A value that a Secret in the target holds already wins:
/// rotation in production never breaks a living clone.
async fn change(
    api: &Api<DynamicObject>,
    seen: &Seen,
    parcel: Parcel,
    settle: Instant,
    ctx: &Context,
) -> Result<(), Error> {
    let Some(there) = look(api, &parcel).await? else {
        return create(api, seen, &parcel, settle, ctx).await;
    };
    if there.metadata.deletion_timestamp.is_some() {
        return Err(going(&parcel.object.key().to_string(), there.finalizers()));
    }
    fields::take_over(api, &there).await?;
    let values = over(&parcel, &there, ctx);
    send_apply(api, seen, (&parcel.object, values.as_ref()), settle, ctx).await
}

/// The object as the target has it.
async fn look(api: &Api<DynamicObject>, parcel: &Parcel) -> Result<Option<DynamicObject>, Error> {
    let what = format!("get {}", parcel.object.key());
    send(&what, parcel.values.is_some(), || api.get_opt(parcel.object.name())).await
}

/// What goes into an object that is there.
fn over(parcel: &Parcel, there: &DynamicObject, ctx: &Context) -> Option<secrets::Contents> {
    let made = parcel.values.as_ref()?;
    // What a ConfigMap gets is public, and the same whenever it is made.
    let is_secret = kinds::shape(&parcel.object) == Shape::Secret;
    Some(if is_secret { secrets::over(made, there, ctx) } else { made.values().clone() })
}

/// The object as the target has it, and as it would be if it were applied: asked of the API server,
/// which changes nothing. None if it is not there.
pub(super) async fn rehearsed(
    api: &Api<DynamicObject>,
    parcel: &Parcel,
    ctx: &Context,
) -> Result<Option<(DynamicObject, DynamicObject)>, Error> {
    let Some(there) = look(api, parcel).await? else { return Ok(None) };
    let values = over(parcel, &there, ctx);
    let patch = Patch::Apply(body(&parcel.object, values.as_ref())?);
    let params = PatchParams { dry_run: true, ..PatchParams::apply(names::FIELD_MANAGER).force() };
    let (what, name) = (format!("try to apply {}", parcel.object.key()), parcel.object.name());
    let applied = send(&what, parcel.values.is_some(), || api.patch(name, &params, &patch)).await?;
    Ok(Some((there, applied)))
}

async fn send_apply(
    api: &Api<DynamicObject>,
    seen: &Seen,
    (object, values): (&Object, Option<&secrets::Contents>),
    settle: Instant,
    ctx: &Context,
) -> Result<(), Error> {
    let body = body(object, values)?;
    let apply = Patch::Apply(&body);
    let params = PatchParams::apply(names::FIELD_MANAGER).force();
    let (what, name) = (format!("apply {}", object.key()), object.name());
    let apply = || {
        fresh::settled(settle, || async {
            send(&what, values.is_some(), || api.patch(name, &params, &apply)).await
        })
    };
    let made = match apply().await {
        // Somebody has set a field that excludes one of ours: an apply would leave both.
        Err(error) if error.code() == 422 && fields::put_back(api, &body).await.is_ok() => {
            let made = apply().await?;
            fields::take_over(api, &made).await?;
            made
        }
        other => other?,
    };
    wrote(seen, object, &made, ctx);
    ctx.metrics.applied("changed");
    Ok(())
}

/// The watch must not be believed about a workload until it has seen what we wrote.
fn wrote(seen: &Seen, object: &Object, made: &DynamicObject, ctx: &Context) {
    if kinds::profile(object).is_some_and(|kind| kind.workload) {
        let target = seen.target_name.as_str();
        ctx.world.wrote(&seen.identity.uid, target, object.key(), &made.metadata);
    }
}

/// Deletes what earlier plans applied and this one does not have.
async fn prune(seen: &Seen, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let planned: BTreeSet<String> =
        stored.plan.clones.iter().map(|it| it.object.key().to_string()).collect();
    for (_, held) in stored.held.iter().filter(|(key, _)| !planned.contains(*key)) {
        let object = Object::new(json!({
            "apiVersion": held.api_version, "kind": held.key.kind, "metadata": { "name": held.key.name }
        }))?;
        delete(&object, seen, ctx).await?;
    }
    Ok(())
}

/// The object as it is sent; Secrets get their values here and nowhere else.
fn body(object: &Object, values: Option<&secrets::Contents>) -> Result<DynamicObject, Error> {
    let mut value = object.value().clone();
    if let (Some(values), Some(map)) = (values, value.as_object_mut()) {
        if kinds::shape(object) == Shape::Secret {
            map.insert("data".to_owned(), secrets::encoded(values));
        } else if let Some(data) = map.get_mut("data").and_then(Value::as_object_mut) {
            data.extend(secrets::text(values));
        }
    }
    // The API server fills in what we leave out; an explicit null would be taken at its word.
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, field| *field != Value::Null);
    }
    serde_json::from_value(value).map_err(|_| Error::Malformed("a clone"))
}

async fn send<T, F>(what: &str, secret: bool, request: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = kube::Result<T>>,
{
    if secret { call_secret(what, request).await } else { call(what, request).await }
}

/// Whether a quota is full: its words are kept from errors about Secrets, of which any refusal counts.
fn over_quota(error: &Error) -> bool {
    match error {
        Error::Api { words, code: 403, .. } => {
            words.contains("exceeded quota") || words.starts_with("Forbidden")
        }
        _ => false,
    }
}

/// One error for all refusals: the first in full, the others by name.
fn told(mut refused: Vec<(Key, Error)>) -> Result<(), Error> {
    if refused.is_empty() {
        return Ok(());
    }
    refused.sort_by(|(a, _), (b, _)| a.cmp(b));
    let rest: Vec<String> =
        refused.iter().skip(1).take(5).map(|(key, _)| key.to_string()).collect();
    let more = if rest.is_empty() {
        String::new()
    } else {
        format!("; also refused: {}", rest.join(", "))
    };
    let (key, first) = refused.swap_remove(0);
    match first {
        Error::Api { words, code: 400 | 403 | 413 | 422, .. } => Err(Error::problem(
            Reason::Refused,
            format!(
                "{key} was refused: {words}{more}; what the clone can do without, spec.source.exclude leaves behind"
            ),
        )),
        other => Err(other),
    }
}
