//! Compares what was planned with production as it is now.

use kulisse_core::{
    api::{
        drift::{Differences, DriftSummary, INTERVAL},
        duration::Duration as Span,
        identity::NamespaceName,
    },
    lifecycle::step::Step,
    plan::drift::{Moved, moved},
};

use super::{context::Context, error::Error, perform, report, seen::Seen, stored};

/// Longest reason why a new plan could not be applied.
const LONGEST: usize = 1000;

/// Compares the stored plan with one of production as it is now, and takes down what differs.
pub async fn compare(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let (Some(source), Some(compared)) = (source(seen), seen.production.clone()) else {
        return Ok(());
    };
    let (stored, fresh) = futures::try_join!(
        stored::load(&seen.identity.uid, ctx),
        ctx.sources.capture(&source, ctx)
    )?;
    let Some(stored) = stored else {
        // Planned, as the status says, but what was stored is gone: planned anew.
        seen.record.plan = None;
        return Ok(());
    };
    let recorded = seen.record.plan.as_ref().map(|it| it.digest.as_str());
    if recorded != Some(stored.plan.digest.as_str()) {
        // Planned, and cut off before the status said so: that plan is applied first.
        perform::summarise(seen, &stored);
        seen.stored = Some(stored);
        return Ok(());
    }
    let Moved { objects, held_back } =
        moved(&stored.request, &stored.capture, &stored.plan, &fresh);
    let before = seen.record.drift.take().unwrap_or_default();
    let held_back = held_back.unwrap_or_default().chars().take(LONGEST).collect();
    let now = DriftSummary { compared, source: Differences::of(&objects), held_back };
    if now.source != before.source {
        report::publish(seen, &stored.plan, &objects, ctx).await?;
    }
    tracing::info!(objects = objects.len(), "compared with production");
    seen.record.drift = Some(now);
    Ok(())
}

/// Follows production for an environment that is at rest, and for no other.
pub fn follow(seen: &Seen, step: &Step, ctx: &Context) {
    let uid = &seen.identity.uid;
    match source(seen).filter(|_| matches!(step, Step::Rest | Step::Compare)) {
        Some(source) => {
            // One of an older operator was compared with nothing.
            let drift = seen.record.drift.clone().unwrap_or_default();
            let interval =
                seen.environment.spec.drift.interval.as_ref().and_then(|it| it.span().ok());
            let interval = interval.or_else(|| Span::new(INTERVAL).span().ok()).unwrap_or_default();
            ctx.sources.follow(uid, &source, interval, (&drift.compared, &drift.source));
        }
        None => ctx.sources.leave(uid),
    }
    ctx.metrics.drifted(&ctx.sources.differences());
}

/// The namespace that is followed: manifests do not move by themselves.
pub fn source(seen: &Seen) -> Option<NamespaceName> {
    let source = &seen.environment.spec.source;
    NamespaceName::parse(&source.namespace).ok().filter(|_| source.manifests.is_none())
}

/// What holds right after planning: the plan is of production as it was captured then.
pub fn planned(mark: &str) -> DriftSummary {
    DriftSummary { compared: mark.to_owned(), ..DriftSummary::default() }
}
