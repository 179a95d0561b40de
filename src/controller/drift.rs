//! Compares what was planned with production, and with the target, as they are now.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kulisse_core::{
    api::{
        drift::{Differences, DriftSummary, Drifted},
        identity::NamespaceName,
    },
    lifecycle::{
        drift::{note_inspected, note_untouched},
        step::Step,
    },
    plan::{
        Plan,
        capture::Capture,
        drift::{Moved, moved, unread},
    },
};

use super::{
    capture::aside,
    context::Context,
    error::Error,
    perform, rehearse, report,
    seen::Seen,
    stored::{self, Stored},
};

/// Longest reason why a new plan could not be applied.
const LONGEST: usize = 1000;
/// Most objects that are named there.
const NAMED: usize = 500;

/// Compares the stored plan with one of production as it is now, and takes down what differs.
pub async fn compare(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let (Some(source), Some(compared)) = (source(seen), seen.production.clone()) else {
        return Ok(());
    };
    let (stored, fresh) =
        futures::try_join!(stored::load(seen.slot(), ctx), ctx.sources.capture(&source, ctx))?;
    let Some(stored) = current(seen, stored) else { return Ok(()) };
    let (then, now) = (Arc::clone(&stored), Arc::clone(&fresh));
    let compared_with = aside(move || Ok(moved(&then.request, &then.capture, &then.plan, &now)));
    let Moved { objects, held_back } = compared_with.await?;
    let before = seen.record.drift.clone().unwrap_or_default();
    // What is missing may be there, and what was read while production moved is another state than the one
    // that was seen: it is compared anew after the next look.
    let certain = unread(&stored.capture, &fresh).is_none() && fresh.mark == compared;
    let now = DriftSummary {
        compared,
        source: Differences::of(&objects),
        held_back: cut(&held_back.unwrap_or_default()),
        ..before.clone()
    };
    if now.source != before.source {
        report::publish(seen, &stored.plan, &objects, false, ctx).await?;
    }
    tracing::info!(objects = objects.len(), "compared with production");
    seen.record.drift = Some(now);
    if !certain {
        doubt(seen, ctx);
    }
    Ok(())
}

/// What was compared last does not count: production is compared anew after the next look.
fn doubt(seen: &mut Seen, ctx: &Context) {
    let Some(source) = source(seen) else { return };
    ctx.sources.doubt(&source);
    seen.production = None;
    if let Some(drift) = &mut seen.record.drift {
        drift.compared = String::new();
    }
}

/// Compares the target with the plan that it holds, and takes down what somebody has changed.
pub async fn inspect(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let stored = stored::load(seen.slot(), ctx).await?;
    let Some(stored) = current(seen, stored) else { return Ok(()) };
    let objects = rehearse::rehearse(seen, &stored, ctx).await?;
    tracing::info!(objects = objects.len(), "compared with the plan");
    let mut now = seen.record.drift.take().unwrap_or_default();
    let before = now.target.clone();
    note_inspected(&mut now, &seen.sight(), &objects);
    if now.target != before {
        tell_edited(seen, &objects, ctx).await;
    }
    seen.record.drift = Some(now);
    Ok(())
}

/// Says in the StagingPlan what somebody has changed. The status says so, too: that it cannot be written
/// holds nothing up.
async fn tell_edited(seen: &Seen, objects: &[Drifted], ctx: &Context) {
    let named = &objects[..objects.len().min(NAMED)];
    if let Err(error) = report::amend(seen, report::EDITED, named, ctx).await {
        tracing::warn!(%error, "what somebody has changed was not written down");
    }
}

/// The stored plan, if it is the one that the status names; otherwise what is missing comes first.
fn current(seen: &mut Seen, stored: Option<Arc<Stored>>) -> Option<Arc<Stored>> {
    let Some(stored) = stored else {
        // Planned, as the status says, but what was stored is gone: planned anew.
        seen.record.plan = None;
        return None;
    };
    if perform::catch_up(seen, &stored) {
        // That plan is applied first.
        seen.stored = Some(stored);
        return None;
    }
    Some(stored)
}

/// Follows production for an environment that is at rest, and for no other.
pub fn follow(seen: &Seen, step: &Step, ctx: &Context) {
    let uid = &seen.identity.uid;
    match source(seen).filter(|_| matches!(step, Step::Rest | Step::Compare)) {
        Some(source) => {
            // One of an older operator was compared with nothing.
            let compared = seen.record.drift.as_ref().map_or("", |it| it.compared.as_str());
            ctx.sources.follow(uid, &source, seen.environment.spec.drift.interval(), compared);
        }
        None => ctx.sources.leave(uid),
    }
    let record = &seen.record;
    ctx.drifts.tell(uid, record.plan.as_ref().and(record.drift.as_ref()));
}

/// Takes down that nobody has changed the target.
pub fn settle(seen: &mut Seen) {
    if let Some(mut drift) = seen.record.drift.take() {
        note_untouched(&mut drift, &seen.sight());
        seen.record.drift = Some(drift);
    }
}

/// The namespace that is followed: manifests do not move by themselves.
pub fn source(seen: &Seen) -> Option<NamespaceName> {
    let source = &seen.environment.spec.source;
    NamespaceName::parse(&source.namespace).ok().filter(|_| source.manifests.is_none())
}

/// Whether the next plan is one of production as it is now, for an environment whose spec is the same.
pub fn follows(seen: &Seen, ctx: &Context) -> bool {
    let planned = seen.record.plan.as_ref().map(|it| it.generation);
    let drift = seen.drift_facts(ctx.clock.now());
    drift.stale && !drift.rebuilds && planned == seen.environment.metadata.generation
}

/// Whether somebody has changed the target.
pub fn is_changed(seen: &Seen) -> bool {
    seen.record.drift.as_ref().is_some_and(|it| !it.target.is_empty())
}

/// Keeps a plan that blocks from taking the place of one that works: it is said instead.
pub fn blocks(seen: &mut Seen, plan: &Plan, ctx: &Context) -> bool {
    let Some(it) = plan.blocking().next() else { return false };
    hold_back(seen, &it.told(), ctx);
    true
}

/// Which kind production lacks, as it was read for a new plan, that could be read for the one that serves.
/// That may be one trouble of the server, after production was compared: it is read and compared anew, and
/// what is still missing then is said.
pub fn lacks(seen: &mut Seen, held: &Capture, fresh: &Capture, ctx: &Context) -> Option<String> {
    let why = unread(held, fresh)?;
    tracing::warn!(why, "production is not followed");
    if let Some(source) = source(seen) {
        ctx.sources.forget(&source);
    }
    if let Some(drift) = &mut seen.record.drift {
        drift.compared = String::new();
    }
    Some(why)
}

/// The same of production that cannot be planned. What the API server did not answer is tried again.
pub fn cannot_follow(seen: &mut Seen, error: Error, ctx: &Context) -> Result<(), Error> {
    match error {
        Error::Problem(problem) => {
            hold_back(seen, &problem.message, ctx);
            Ok(())
        }
        other => Err(other),
    }
}

/// Why nothing is followed may pass without a change of production.
fn hold_back(seen: &mut Seen, why: &str, ctx: &Context) {
    if let Some(drift) = &mut seen.record.drift {
        drift.held_back = cut(why);
    }
    doubt(seen, ctx);
}

/// What holds right after planning: the plan is of production as it was captured then.
pub fn planned(seen: &mut Seen, mark: &str, followed: bool, ctx: &Context) {
    let before = seen.record.drift.take().unwrap_or_default();
    seen.record.drift = Some(DriftSummary {
        compared: mark.to_owned(),
        resynced_at: if followed { Some(Time(ctx.clock.now())) } else { before.resynced_at },
        rebuilt: before.rebuilt,
        ..DriftSummary::default()
    });
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
