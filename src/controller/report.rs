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
    lifecycle::rebuild,
    plan::{self, Plan, request::Identity},
};
use serde_json::{Value, json};

use super::{call::call, context::Context, error::Error, seen::Seen};

/// Puts our finalizer on the environment.
pub async fn claim(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    own(&seen.identity, json!([names::TEARDOWN_FINALIZER]), ctx).await?;
    seen.claimed = true;
    Ok(())
}

/// Takes our finalizer off the environment.
pub async fn release(identity: &Identity, ctx: &Context) -> Result<(), Error> {
    match own(identity, json!([]), ctx).await {
        // Somebody else removed it, and the environment is gone.
        Err(error) if matches!(error.code(), 404 | 409) => Ok(()),
        other => other,
    }
}

/// Says which finalizers are ours. Server-side apply changes only what we own, so there is nothing
/// to read first and nobody to race. The UID keeps it from making an object that is gone, or from
/// touching another one of the same name.
async fn own(identity: &Identity, finalizers: Value, ctx: &Context) -> Result<(), Error> {
    let patch = Patch::Apply(json!({
        "apiVersion": StagingEnvironment::api_version(&()),
        "kind": StagingEnvironment::kind(&()),
        "metadata": { "name": identity.name, "uid": identity.uid, "finalizers": finalizers }
    }));
    let api: Api<StagingEnvironment> =
        Api::namespaced(ctx.client.clone(), identity.namespace.as_str());
    let params = PatchParams::apply(names::STATUS_MANAGER).force();
    let name = &identity.name;
    let what = format!("set our finalizer on StagingEnvironment {name}");
    let now = call(&what, || api.patch_metadata(name, &params, &patch)).await?;
    ctx.written.note(&identity.uid, now.metadata.resource_version.as_deref());
    Ok(())
}

/// Writes the status if it says anything new, and Events for what has changed.
pub async fn report(
    environment: &StagingEnvironment,
    new: &StagingEnvironmentStatus,
    ctx: &Context,
) -> Result<(), Error> {
    let old = environment.status.clone().unwrap_or_default();
    let (name, uid) = (environment.name_any(), environment.uid().unwrap_or_default());
    if old == *new || (same_verdicts(&old, new) && ctx.told.get(&uid).is_some()) {
        return Ok(());
    }
    let patch = Patch::Apply(json!({
        "apiVersion": StagingEnvironment::api_version(&()),
        "kind": StagingEnvironment::kind(&()),
        "metadata": { "name": name, "uid": uid },
        "status": new
    }));
    let namespace = NamespaceName::parse(&environment.namespace().unwrap_or_default())?;
    let api: Api<StagingEnvironment> = Api::namespaced(ctx.client.clone(), namespace.as_str());
    let params = PatchParams::apply(names::STATUS_MANAGER).force();
    let what = format!("write the status of StagingEnvironment {name}");
    match call(&what, || api.patch_status(&name, &params, &patch)).await {
        Ok(now) => ctx.written.note(&uid, now.metadata.resource_version.as_deref()),
        Err(error) if error.code() == 404 => return Ok(()),
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
            event(fine || meant, "Reconcile", &condition.reason, condition.message.clone())
        })
        .collect();
    let refused = new.requests.iter().filter(|it| !it.refused.is_empty());
    events.extend(refused.filter(|it| !old.requests.contains(it)).map(|it| {
        let note = format!("annotation {}: {}", it.verb.annotation(), it.refused);
        // An action of its own: Events of one action and reason are counted as one, with the words
        // of the first.
        event(false, &format!("{:?}", it.verb), Reason::RequestRefused.as_str(), note)
    }));
    let over = |it: &&TaskSummary| matches!(it.state, TaskState::Failed | TaskState::TimedOut);
    let last = new.pre_delete.iter().filter(over).filter(|it| !old.pre_delete.contains(it));
    events.extend(last.map(|it| {
        let reason =
            if it.state == TaskState::TimedOut { Reason::TimedOut } else { Reason::Failed };
        let note = format!("preDelete {}: {}; the end goes on without it", it.name, it.message);
        event(false, &format!("PreDelete-{}", it.name), reason.as_str(), note)
    }));
    let rebuilt =
        |status: &StagingEnvironmentStatus| status.drift.clone().and_then(|it| it.rebuilt);
    if let Some(it) = rebuilt(new).filter(|it| rebuilt(old).as_ref() != Some(it)) {
        let name = new.serving().map_or("", |it| it.name.as_str());
        let note = format!(
            "namespace {name}, made of production as it is now, has taken over; moving the routes took {} ms",
            it.gap_milliseconds
        );
        events.push(event(true, "Rebuild", Reason::Rebuilt.as_str(), note));
    }
    for event in events {
        let about = environment.object_ref(&());
        let made = call("create an Event", || ctx.recorder.publish(&event, &about)).await;
        if let Err(error) = made {
            tracing::warn!(%error, "an Event was lost");
        }
    }
}

fn event(normal: bool, action: &str, reason: &str, note: String) -> Event {
    Event {
        type_: if normal { EventType::Normal } else { EventType::Warning },
        reason: reason.to_owned(),
        note: Some(note),
        action: action.to_owned(),
        secondary: None,
    }
}

/// Writes the StagingPlan, with how production has moved on since.
pub async fn publish(
    seen: &Seen,
    plan: &Plan,
    drift: &[Drifted],
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
    let patch = Patch::Apply(object);
    let what = format!("write StagingPlan {name}");
    call(&what, || api.patch(&name, &params, &patch)).await?;
    Ok(())
}
