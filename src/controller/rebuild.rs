//! The second namespace of an environment: begun, given up, and put in the place of the first.

use std::{mem::swap, sync::Arc, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kulisse_core::{
    api::{condition::Reason, rebuild::Rebuilt},
    lifecycle::{
        Problem,
        facts::{Beside, Target},
        rebuild,
    },
};
use tokio::time::Instant;

use super::{
    apply, context::Context, error::Error, observe, report, seen::Seen, stored, teardown, volumes,
};

/// For so long a route that was refused while another one had its host is tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so long.
const PAUSE: Duration = Duration::from_millis(50);

/// Begins a namespace beside the one that serves.
pub fn begin(seen: &mut Seen, ctx: &Context) {
    let record = rebuild::begin(&seen.record, ctx.clock.now());
    let told = "it is begun".to_owned();
    seen.stands = Beside::Building { told, stalled: None, made_of: String::new() };
    seen.beside = Some(Box::new(observe::beside(seen, record)));
}

/// Gives up what is built. The report is again of what serves, and so are the routes, of which a switch that
/// was cut short has left none.
pub async fn abandon(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    if let Some(stored) = stored::load(seen.slot(), ctx).await? {
        let holds = seen.applied().is_some_and(|it| it.digest == stored.plan.digest);
        if seen.target == Target::Living && holds && seen.unfenced.is_none() {
            if let Some(beside) = seen.beside.as_ref().filter(|it| it.target == Target::Living) {
                teardown::end_routes(beside, ctx).await;
            }
            match apply::expose(seen, &stored, ctx).await {
                // Somebody refuses what has served until now: that holds nothing up.
                Err(Error::Problem(problem)) => tracing::warn!("{}", problem.message),
                other => other?,
            }
        }
        report::publish(seen, &stored.plan, &[], false, ctx).await?;
    }
    if let Some(beside) = &mut seen.beside {
        rebuild::drop(&mut beside.record);
    }
    seen.stands = Beside::Leaving(None);
    Ok(())
}

/// Puts what was built in the place of what serves: its routes come, then the others go. Of two routes
/// for one host routers follow the older one, so that there is no moment without. A router that refuses
/// the second one gets it as soon as the first is gone; if it does not take it then, either, the first
/// one comes back, and a person has to look: trying again and again would take it away again and again.
///
/// Cut short, it is done once more: what is there is there, and what is gone is gone.
pub async fn switch(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let Some(mut beside) = seen.beside.take() else { return Ok(()) };
    let gap = match routes(seen, &beside, ctx).await {
        Ok(Ok(gap)) => gap,
        Ok(Err(problem)) => {
            seen.stands = rebuild::refuse(&mut beside.record, &problem.message);
            seen.beside = Some(beside);
            return Ok(());
        }
        Err(error) => {
            seen.beside = Some(beside);
            return Err(error);
        }
    };
    swap(seen, &mut beside);
    swap(&mut seen.record, &mut beside.record);
    swap(&mut seen.production, &mut beside.production);
    swap(&mut seen.blind, &mut beside.blind);
    let gap_milliseconds = u32::try_from(gap.as_millis()).unwrap_or(u32::MAX);
    let rebuilt = Rebuilt { at: Time(ctx.clock.now()), gap_milliseconds };
    rebuild::switch(&mut seen.record, &mut beside.record, rebuilt);
    beside.stored = None;
    beside.stands = Beside::Nothing;
    seen.stands = Beside::Leaving(None);
    tracing::info!(from = %beside.target_name, to = %seen.target_name, ?gap, "another namespace serves");
    ctx.metrics.rebuilt(gap);
    // Whatever becomes of the report: what goes is part of what is recorded.
    seen.beside = Some(beside);
    if let Some(stored) = seen.stored.clone() {
        seen.record.evidence = None;
        report::publish(seen, &stored.plan, &[], true, ctx).await?;
    }
    Ok(())
}

/// Moves the routes. Answers how long it took from the deletion of the first one, or why the new ones were
/// refused: then the old ones are back.
async fn routes(
    serving: &Seen,
    built: &Seen,
    ctx: &Context,
) -> Result<Result<Duration, Problem>, Error> {
    let new = of(built, ctx).await?;
    let first = match apply::expose(built, &new, ctx).await {
        first @ (Ok(()) | Err(Error::Problem(_))) => first,
        Err(error) => return Err(error),
    };
    let started = Instant::now();
    teardown::end_routes(serving, ctx).await;
    let mut last = first;
    while last.is_err() && started.elapsed() < PATIENCE {
        tokio::time::sleep(PAUSE).await;
        last = apply::expose(built, &new, ctx).await;
    }
    let gap = started.elapsed();
    let Err(error) = last else { return Ok(Ok(gap)) };
    teardown::end_routes(built, ctx).await;
    let old = of(serving, ctx).await?;
    // Refused as well: that is told and tried again until one of them has its routes.
    apply::expose(serving, &old, ctx).await?;
    match error {
        Error::Problem(problem) => Ok(Err(problem)),
        other => Err(other),
    }
}

async fn of(seen: &Seen, ctx: &Context) -> Result<Arc<stored::Stored>, Error> {
    let known = match &seen.stored {
        Some(stored) => Some(Arc::clone(stored)),
        None => stored::load(seen.slot(), ctx).await?,
    };
    known.ok_or_else(|| Error::Stored("it is not there".to_owned()))
}

/// Drops what was stored of a namespace that did not serve. Looks once more, with certainty.
pub async fn discard(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    if teardown::is_there(seen, ctx).await? {
        return Ok(());
    }
    Box::pin(volumes::tell(seen, Reason::Rebuilt, ctx)).await?;
    stored::delete(seen.slot(), ctx).await?;
    seen.over = true;
    Ok(())
}
