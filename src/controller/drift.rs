//! Compares what was planned with production as it is now.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kulisse_core::{
    api::{
        drift::{Differences, DriftSummary, INTERVAL},
        duration::Duration as Span,
        identity::NamespaceName,
    },
    lifecycle::step::Step,
    plan::{
        Plan,
        drift::{Moved, moved},
    },
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
    let before = seen.record.drift.clone().unwrap_or_default();
    let now = DriftSummary {
        compared,
        source: Differences::of(&objects),
        held_back: cut(&held_back.unwrap_or_default()),
        resynced_at: before.resynced_at,
    };
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
}

/// The namespace that is followed: manifests do not move by themselves.
pub fn source(seen: &Seen) -> Option<NamespaceName> {
    let source = &seen.environment.spec.source;
    NamespaceName::parse(&source.namespace).ok().filter(|_| source.manifests.is_none())
}

/// Whether the next plan is one of production as it is now, for an environment whose spec is the same.
pub fn follows(seen: &Seen) -> bool {
    let planned = seen.record.plan.as_ref().map(|it| it.generation);
    seen.drift_facts().stale && planned == seen.environment.metadata.generation
}

/// Keeps a plan that blocks from taking the place of one that works: it is said instead.
pub fn blocks(seen: &mut Seen, plan: &Plan) -> bool {
    let Some(it) = plan.blocking().next() else { return false };
    hold_back(seen, &it.told());
    true
}

/// The same of production that cannot be planned. What the API server did not answer is tried again.
pub fn cannot_follow(seen: &mut Seen, error: Error) -> Result<(), Error> {
    match error {
        Error::Problem(problem) => {
            hold_back(seen, &problem.message);
            Ok(())
        }
        error
        @ (Error::Api { .. } | Error::Deadline { .. } | Error::Stored(_) | Error::Name(_)) => {
            Err(error)
        }
    }
}

fn hold_back(seen: &mut Seen, why: &str) {
    if let Some(drift) = &mut seen.record.drift {
        drift.held_back = cut(why);
    }
}

/// What holds right after planning: the plan is of production as it was captured then.
pub fn planned(seen: &mut Seen, mark: &str, followed: bool, ctx: &Context) {
    let before = seen.record.drift.take().and_then(|it| it.resynced_at);
    seen.record.drift = Some(DriftSummary {
        compared: mark.to_owned(),
        resynced_at: if followed { Some(Time(ctx.clock.now())) } else { before },
        ..DriftSummary::default()
    });
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
