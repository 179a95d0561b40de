//! What is said: our finalizer and status on the environment, Events, and the StagingPlan.

use kube::{
    Api, Resource, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams},
    runtime::events::{Event, EventType},
};
use kulisse_core::{
    api::{
        condition::{ConditionType, Reason, find, is_true},
        drift::Drifted,
        environment::StagingEnvironment,
        identity::NamespaceName,
        names,
        staging_plan::StagingPlan,
        status::{StagingEnvironmentStatus, TaskState, TaskSummary},
    },
    lifecycle::{self, rebuild},
    plan::{self, Plan, request::Identity},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    call::{call, json_patch},
    context::Context,
    error::Error,
    seen::Seen,
};

/// Names of what is left that an Event tells; more are counted.
const FEW: usize = 8;

/// The evidence of failures in a StagingPlan: by which field manager, and where.
pub const EVIDENCE: (&str, &str) = (names::EVIDENCE_MANAGER, "evidence");
/// The same of what somebody has changed in the target.
pub const EDITED: (&str, &str) = (names::EDITED_MANAGER, "edited");

/// Puts our finalizer on the environment.
pub async fn claim(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let now = own(&seen.identity, json!([names::TEARDOWN_FINALIZER]), ctx).await?;
    ctx.written.note(&seen.identity.uid, now.resource_version.as_deref());
    seen.claimed = true;
    Ok(())
}

/// Takes our finalizer off the environment.
pub async fn release(identity: &Identity, ctx: &Context) -> Result<(), Error> {
    let left = match own(identity, json!([]), ctx).await {
        Ok(now) => now.finalizers.unwrap_or_default(),
        // Somebody else removed it, and the environment is gone.
        Err(error) if error.code() == 404 || error.other_uid() => return Ok(()),
        Err(error) => return Err(error),
    };
    // It was restored from a backup, say, with our finalizer in it: then it is not ours in the API
    // server's books, and nobody else would take it off.
    let Some(at) = left.iter().position(|it| it == names::TEARDOWN_FINALIZER) else {
        return Ok(());
    };
    let entry = format!("/metadata/finalizers/{at}");
    let patch = json_patch(vec![
        json!({ "op": "test", "path": "/metadata/uid", "value": identity.uid }),
        json!({ "op": "test", "path": entry, "value": names::TEARDOWN_FINALIZER }),
        json!({ "op": "remove", "path": entry }),
    ])?;
    let (api, name) = (environments(&identity.namespace, ctx), &identity.name);
    let params = PatchParams::default();
    let what = format!("take our finalizer off StagingEnvironment {name}");
    match call(&what, || api.patch_metadata(name, &params, &patch)).await {
        Err(error) if error.code() != 404 => Err(error),
        _ => Ok(()),
    }
}

/// The environments of a namespace.
pub fn environments(namespace: &NamespaceName, ctx: &Context) -> Api<StagingEnvironment> {
    Api::namespaced(ctx.client.clone(), namespace.as_str())
}

/// Says which finalizers are ours. Server-side apply changes only what we own, so there is nothing
/// to read first and nobody to race. The UID keeps it from making an object that is gone, or from
/// touching another one of the same name.
async fn own(identity: &Identity, finalizers: Value, ctx: &Context) -> Result<ObjectMeta, Error> {
    let patch = Patch::Apply(json!({
        "apiVersion": StagingEnvironment::api_version(&()),
        "kind": StagingEnvironment::kind(&()),
        "metadata": { "name": identity.name, "uid": identity.uid, "finalizers": finalizers }
    }));
    let (api, name) = (environments(&identity.namespace, ctx), &identity.name);
    let params = PatchParams::apply(names::STATUS_MANAGER).force();
    let what = format!("set our finalizer on StagingEnvironment {name}");
    Ok(call(&what, || api.patch_metadata(name, &params, &patch)).await?.metadata)
}

/// Writes the status if it says anything new, and Events for what has changed.
pub async fn report(
    environment: &StagingEnvironment,
    new: &StagingEnvironmentStatus,
    ctx: &Context,
) -> Result<(), Error> {
    let old = environment.status.clone().unwrap_or_default();
    let new = &lifecycle::fitting(new);
    let (name, uid) = (environment.name_any(), environment.uid().unwrap_or_default());
    if old == *new || (same_verdicts(&old, new) && ctx.told.get(&uid).is_some()) {
        return Ok(());
    }
    // An apply of a status does not look at the UID: another environment of this name would be told.
    let patch = json_patch(vec![
        json!({ "op": "test", "path": "/metadata/uid", "value": uid }),
        json!({ "op": "add", "path": "/status", "value": new }),
    ])?;
    let namespace = NamespaceName::parse(&environment.namespace().unwrap_or_default())?;
    let api = environments(&namespace, ctx);
    let params = PatchParams::apply(names::STATUS_MANAGER);
    let what = format!("write the status of StagingEnvironment {name}");
    match call(&what, || api.patch_status(&name, &params, &patch)).await {
        Ok(now) => ctx.written.note(&uid, now.metadata.resource_version.as_deref()),
        Err(error) if error.code() == 404 || error.failed_its_test() => return Ok(()),
        Err(error) => return Err(error),
    }
    ctx.told.put(&uid, ());
    announce(environment, &old, new, ctx).await;
    Ok(())
}

/// Whether two statuses differ in nothing but words of progress: those are told once a second, and
/// the next look at what is on its way tells them.
fn same_verdicts(old: &StagingEnvironmentStatus, new: &StagingEnvironmentStatus) -> bool {
    let wordless = |status: &StagingEnvironmentStatus| {
        let mut status = StagingEnvironmentStatus { workloads: None, ..status.clone() };
        let beside = status.rebuild.iter_mut().flat_map(|it| &mut it.conditions);
        for condition in status.conditions.iter_mut().chain(beside) {
            condition.message.clear();
        }
        status
    };
    let waits =
        find(&new.conditions, ConditionType::Ready).is_some_and(|it| it.status == "Unknown");
    (waits || new.rebuild.is_some()) && wordless(old) == wordless(new)
}

/// One Event for a change of what a person would ask first. Events are told once and may be lost;
/// the status is what counts.
async fn announce(
    environment: &StagingEnvironment,
    old: &StagingEnvironmentStatus,
    new: &StagingEnvironmentStatus,
    ctx: &Context,
) {
    let mut told = Vec::new();
    let reason = |status: &StagingEnvironmentStatus| {
        find(&status.conditions, ConditionType::Ready)
            .map(|it| (it.status.clone(), it.reason.clone()))
    };
    if let Some(ready) = find(&new.conditions, ConditionType::Ready)
        && reason(old) != reason(new)
        && ready.status != "Unknown"
    {
        told.push(ready);
    }
    for kind in [ConditionType::Expiring, ConditionType::TeardownBlocked] {
        if !is_true(&old.conditions, kind) {
            told.extend(find(&new.conditions, kind));
        }
    }
    let moved = |status: &StagingEnvironmentStatus| {
        find(&status.conditions, ConditionType::InSync).map(|it| it.status == "False")
    };
    if moved(new) == Some(true) && moved(old) != Some(true) {
        told.extend(find(&new.conditions, ConditionType::InSync));
    }
    if rebuild::stalled(new) && !rebuild::stalled(old) {
        told.extend(find(&new.conditions, ConditionType::Stalled));
    }
    let mut events: Vec<Event> = told
        .into_iter()
        .map(|condition| {
            let fine =
                condition.type_ == ConditionType::Ready.as_str() && condition.status == "True";
            let meant = matches!(
                condition.reason.as_str(),
                "Expired"
                    | "Deleting"
                    | "Suspended"
                    | "Asleep"
                    | "SourceChanged"
                    | "EnvironmentChanged"
            );
            event(fine || meant, "Reconcile", &condition.reason, &condition.message)
        })
        .collect();
    let refused = new.requests.iter().filter(|it| !it.refused.is_empty());
    events.extend(refused.filter(|it| !old.requests.contains(it)).map(|it| {
        let note = format!("annotation {}: {}", it.verb.annotation(), it.refused);
        // An action of its own: Events of one action and reason are counted as one, with the words
        // of the first.
        event(false, &format!("{:?}", it.verb), Reason::RequestRefused.as_str(), &note)
    }));
    let over = |it: &&TaskSummary| matches!(it.state, TaskState::Failed | TaskState::TimedOut);
    let last = new.pre_delete.iter().filter(over).filter(|it| !old.pre_delete.contains(it));
    events.extend(last.map(|it| {
        let reason =
            if it.state == TaskState::TimedOut { Reason::TimedOut } else { Reason::Failed };
        let note = format!("preDelete {}: {}; the end goes on without it", it.name, it.message);
        event(false, &format!("PreDelete-{}", it.name), reason.as_str(), &note)
    }));
    let rebuilt =
        |status: &StagingEnvironmentStatus| status.drift.clone().and_then(|it| it.rebuilt);
    if let Some(it) = rebuilt(new).filter(|it| rebuilt(old).as_ref() != Some(it)) {
        let name = new.serving().map_or("", |it| it.name.as_str());
        let note = format!(
            "namespace {name}, made of production as it is now, has taken over; moving the routes took {} ms",
            it.gap_milliseconds
        );
        events.push(event(true, "Rebuild", Reason::Rebuilt.as_str(), &note));
    }
    for event in events {
        tell(environment, event, ctx).await;
    }
}

/// Says what somebody should look at when an environment has ended: where its object may go with it.
pub async fn left_behind(seen: &Seen, reason: Reason, note: String, ctx: &Context) {
    tell(&seen.environment, event(false, "Teardown", reason.as_str(), &note), ctx).await;
}

/// The first of some names, and how many more there are: for a command that a person types.
pub fn first_few<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> (String, String) {
    let more = match names.len().saturating_sub(FEW) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    (names.take(FEW).cloned().collect::<Vec<_>>().join(" "), more)
}

async fn tell(environment: &StagingEnvironment, event: Event, ctx: &Context) {
    let about = environment.object_ref(&());
    let made = call("create an Event", || ctx.recorder.publish(&event, &about)).await;
    if let Err(error) = made {
        tracing::warn!(%error, note = event.note, "an Event was lost");
    }
}

/// As much of what is told as an Event takes: the API server refuses a longer one, whole.
pub fn note(told: &str) -> String {
    const MOST: usize = 1024;
    let end = told.floor_char_boundary(MOST);
    told[..end].to_owned()
}

fn event(normal: bool, action: &str, reason: &str, note: &str) -> Event {
    Event {
        type_: if normal { EventType::Normal } else { EventType::Warning },
        reason: reason.to_owned(),
        note: Some(self::note(note)),
        action: action.to_owned(),
        secondary: None,
    }
}

/// Puts a list beside what [`publish`] has written in the StagingPlan, in the place of the one that
/// `manager` put there before.
pub async fn amend<T: Serialize>(
    seen: &Seen,
    (manager, field): (&str, &str),
    list: &[T],
    ctx: &Context,
) -> Result<(), Error> {
    let fields = if list.is_empty() { json!({}) } else { json!({ field: list }) };
    let name = names::staging_plan(&seen.identity.name);
    let patch = Patch::Apply(json!({
        "apiVersion": StagingPlan::api_version(&()),
        "kind": StagingPlan::kind(&()),
        "metadata": { "name": name },
        "spec": fields
    }));
    let api: Api<StagingPlan> =
        Api::namespaced(ctx.client.clone(), seen.identity.namespace.as_str());
    let params = PatchParams::apply(manager).force();
    let what = format!("amend StagingPlan {name}");
    call(&what, || api.patch_metadata(&name, &params, &patch)).await?;
    Ok(())
}

/// Writes the StagingPlan, with how production has moved on since. Of a plan that is `new`, nothing is
/// known that was put beside the one before.
pub async fn publish(
    seen: &Seen,
    plan: &Plan,
    drift: &[Drifted],
    new: bool,
    ctx: &Context,
) -> Result<(), Error> {
    let name = names::staging_plan(&seen.identity.name);
    let generation = seen.environment.metadata.generation.unwrap_or_default();
    let mut object = StagingPlan::new(&name, plan::report::fitting(plan, generation, drift));
    object.metadata = ObjectMeta {
        name: Some(name.clone()),
        namespace: Some(seen.identity.namespace.as_str().to_owned()),
        labels: Some(
            [
                (names::ENVIRONMENT_UID_LABEL.to_owned(), seen.identity.uid.clone()),
                (names::MANAGED_BY_LABEL.to_owned(), names::MANAGED_BY.to_owned()),
            ]
            .into(),
        ),
        // Deleted with its environment, without holding it up.
        owner_references: seen.environment.owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    let api: Api<StagingPlan> =
        Api::namespaced(ctx.client.clone(), seen.identity.namespace.as_str());
    let params = PatchParams::apply(names::FIELD_MANAGER).force();
    let mut object = json!(object);
    for (_, field) in [EVIDENCE, EDITED].into_iter().filter(|_| new) {
        object["spec"][field] = json!([]);
    }
    let patch = Patch::Apply(object);
    let what = format!("write StagingPlan {name}");
    call(&what, || api.patch(&name, &params, &patch)).await?;
    Ok(())
}
