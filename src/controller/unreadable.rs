//! Environments that this version cannot read: stored under another schema, or by somebody who
//! got past it.
//!
//! Nothing is decided about them, except that a deletion is carried out: their metadata can be
//! read, and what belongs to them is known by UID and proof. Their status is left alone, since what
//! is recorded there cannot be read either.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::{
    controller::Action,
    events::{Event, EventType},
};
use kulisse_core::{
    api::{condition::Reason, identity::NamespaceName},
    plan::request::Identity,
    secrets::redact,
};

use crate::readable::Unreadable;

use super::{call::call, context::Context, error::Error, orphan, report, stored};

/// How often it is said again: Events are forgotten after an hour.
const AGAIN: Duration = Duration::from_mins(50);

/// Says what keeps an environment from being read, or ends it if it is being deleted.
///
/// # Errors
///
/// If something of it cannot be removed yet.
pub async fn pass(
    found: &Unreadable,
    about: &ObjectReference,
    ctx: &Context,
) -> Result<Action, Error> {
    let meta = &found.metadata;
    let identity = Identity {
        name: meta.name.clone().unwrap_or_default(),
        namespace: NamespaceName::parse(meta.namespace.as_deref().unwrap_or_default())?,
        uid: meta.uid.clone().unwrap_or_default(),
    };
    if meta.deletion_timestamp.is_some() {
        orphan::remove_all(&identity.uid, ctx).await?;
        stored::delete_all(&identity.uid, ctx).await?;
        report::release(&identity, ctx).await?;
        return Ok(Action::await_change());
    }
    let (name, words) = (&identity.name, redact(&found.to_string()));
    tracing::error!(name, namespace = %identity.namespace, error = words, "an environment cannot be read");
    let event = Event {
        type_: EventType::Warning,
        reason: Reason::InvalidSpec.as_str().to_owned(),
        note: Some(report::note(&format!(
            "this version of the operator cannot read the environment, and leaves it and its target as they are; «{}» mends it: {words}",
            found.edit()
        ))),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    if let Err(error) = call("create an Event", || ctx.recorder.publish(&event, about)).await {
        tracing::warn!(%error, "an Event was lost");
    }
    Ok(Action::requeue(AGAIN))
}
