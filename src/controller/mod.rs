//! The edge: the only place with a Kubernetes client and a clock. It decides nothing.
//!
//! ```text
//! environment ─► observe ─► facts ─► next ─► perform ─┐
//!                  reads     pure     pure     writes  │ until something has to be waited for
//!                              ▲                       │
//!                              └───────────────────────┘
//!                            project ─► report           one status, if it says anything new
//! ```

mod apply;
mod bindings;
pub(crate) mod call;
pub(crate) mod capture;
mod classes;
pub mod clock;
pub mod context;
pub(crate) mod discovery;
mod drift;
pub mod drifts;
pub mod error;
mod evidence;
mod failures;
mod fields;
mod freeze;
mod fresh;
mod given;
pub mod guard;
mod linger;
mod lists;
pub(crate) mod observe;
mod orphan;
mod perform;
pub mod place;
mod rebuild;
mod recent;
mod rehearse;
mod remains;
mod repeat;
mod report;
mod rights;
mod secrets;
mod seen;
pub mod sources;
pub(crate) mod stored;
mod target;
mod tasks;
mod teardown;
mod trouble;
pub mod unreadable;
mod volumes;
mod watched;
pub mod world;
mod written;

use std::{sync::Arc, time::Duration};

use kube::{ResourceExt, runtime::controller::Action};
use kulisse_core::{
    api::{
        condition::{ConditionType, is_true},
        environment::StagingEnvironment,
        status::StagingEnvironmentStatus,
    },
    lifecycle::{self, facts::Facts, step::Step},
};

use self::{context::Context, error::Error, observe::observe, perform::perform, seen::Seen};

/// More steps than any way through the lifecycle has: a pass that takes more goes in circles.
const MOST_STEPS: usize = 40;
/// How long the watch may take to bring what we have written.
const UNSEEN: Duration = Duration::from_secs(1);

/// One pass over an environment: from what is to what comes next, and to what is said about it.
///
/// # Errors
///
/// What went wrong on the way; as far as it could be, it stands in the status by then.
pub async fn reconcile(
    environment: Arc<StagingEnvironment>,
    ctx: Arc<Context>,
) -> Result<Action, Error> {
    let mut seen = match Box::pin(observe(Arc::clone(&environment), &ctx)).await {
        Ok(seen) => seen,
        Err(error) => {
            let generation = environment.metadata.generation.unwrap_or_default();
            let record = environment.status.clone().unwrap_or_default();
            let status = lifecycle::unseen(&error.told(), generation, &record, ctx.clock.now());
            report::report(&environment, &status, &ctx).await?;
            return Err(error);
        }
    };
    Box::pin(evidence::tell(&mut seen, &ctx)).await;
    let beside = look_beside(&mut seen, &ctx).await;
    let before = seen.stands.clone();
    let Walked { facts, step, outcome, mut status } = walk(&mut seen, &ctx).await;
    if let Some(it) = &seen.beside {
        lifecycle::rebuild::merge(&mut status, &it.record);
    }
    // What became of the other one in this pass is its own affair in the next.
    let turned = seen.stands != before;
    // Whoever is woken by the report finds the place free.
    place::settle(&seen, &step, &ctx);
    if step != Step::RestReleased {
        report::report(&seen.environment, &status, &ctx).await?;
    }
    drift::follow(&seen, &step, &ctx);
    if is_true(&status.conditions, ConditionType::Ready) || step.lets_its_plan_go() {
        ctx.drop_plan(seen.slot());
    }
    // What fails here, or beside, holds up nothing that is due.
    ctx.failures.expect(&seen.identity.uid, lifecycle::due(&facts));
    outcome?;
    let beside = beside?;
    let own = lifecycle::wake(&facts, &step, ctx.clock.now());
    let turn = turned.then_some(Duration::ZERO);
    Ok(match [own, beside, turn].into_iter().flatten().min() {
        Some(after) => Action::requeue(after),
        None => Action::await_change(),
    })
}

/// One way through the steps, until something has to be waited for.
struct Walked {
    /// As they were when the last step was decided: what has come due since is still ahead.
    facts: Facts,
    step: Step,
    outcome: Result<(), Error>,
    status: StagingEnvironmentStatus,
}

async fn walk(seen: &mut Seen, ctx: &Context) -> Walked {
    let mut outcome = Ok(());
    let mut decided = ctx.clock.now();
    let mut step = lifecycle::next(&seen.facts(decided));
    for count in 1..=MOST_STEPS {
        tracing::info!(step = step.name(), into = %seen.target_name, "step");
        ctx.metrics.step(&step);
        outcome = perform(&step, seen, ctx).await;
        if outcome.is_err() || step.waits() || seen.over {
            break;
        }
        if count == MOST_STEPS {
            tracing::error!(step = step.name(), "a pass goes in circles");
        }
        decided = ctx.clock.now();
        step = lifecycle::next(&seen.facts(decided));
    }
    // What the last step recorded belongs to the facts that are told.
    let told = seen.facts(ctx.clock.now());
    let problem = outcome.as_ref().err().map(Error::told);
    let status = lifecycle::project(&told, &step, problem.as_ref(), &seen.record);
    Walked { facts: seen.facts(decided), step, outcome, status }
}

/// The way of the namespace beside the one that serves, if there is one; when to look at it again.
async fn look_beside(seen: &mut Seen, ctx: &Context) -> Result<Option<Duration>, Error> {
    let Some(mut beside) = seen.beside.take() else { return Ok(None) };
    let Walked { facts, step, outcome, status } = Box::pin(walk(&mut beside, ctx)).await;
    if beside.over {
        volumes::keep(
            &mut seen.record.kept_volumes,
            std::mem::take(&mut beside.record.kept_volumes),
        );
        return outcome.map(|()| None);
    }
    let problem = outcome.as_ref().err().map(Error::told);
    seen.stands = lifecycle::rebuild::stands(&facts, &step, problem.as_ref(), &status);
    beside.record = status;
    seen.beside = Some(beside);
    outcome.map(|()| lifecycle::wake(&facts, &step, ctx.clock.now()))
}

/// When a pass that failed is tried again: soon at first, and ever more rarely.
pub fn again(environment: &StagingEnvironment, error: &Error, ctx: &Context) -> Action {
    let uid = environment.uid().unwrap_or_default();
    let failures = ctx.failures.count(&uid);
    let ends_at = environment.status.as_ref().and_then(|it| it.expires_at.as_ref()).map(|it| it.0);
    let (due, now) = (ctx.failures.due(&uid), ctx.clock.now());
    let due = [ends_at, due].into_iter().flatten().filter(|at| *at > now).min();
    let problem = matches!(error, Error::Problem(_));
    let after = lifecycle::backoff(failures, problem, due, now);
    tracing::warn!(%error, failures, ?after, "a pass failed");
    Action::requeue(after)
}

/// A pass with its span, its measure and its place in the count of failures.
///
/// # Errors
///
/// As [`reconcile`].
pub async fn pass(
    environment: Arc<StagingEnvironment>,
    ctx: Arc<Context>,
) -> Result<Action, Error> {
    let uid = environment.uid().unwrap_or_default();
    if ctx.written.is_stale(&uid, environment.resource_version().as_deref()) {
        // The watch brings the newer one; the requeue is a net under it.
        return Ok(Action::requeue(UNSEEN));
    }
    let what = (
        environment.metadata.generation.unwrap_or_default(),
        environment.metadata.deletion_timestamp.is_some(),
    );
    if let Some(rest) = ctx.failures.rest(&uid, what) {
        return Ok(Action::requeue(rest));
    }
    let started = tokio::time::Instant::now();
    let result = Box::pin(reconcile(environment, Arc::clone(&ctx))).await;
    ctx.metrics.pass(started.elapsed(), result.is_ok());
    match &result {
        Ok(_) => ctx.failures.clear(&uid),
        Err(_) => ctx.failures.add(&uid, what),
    }
    // It went meanwhile, and what this pass has noted of it is nobody's.
    if ctx.world.whose(&uid).is_none() {
        ctx.forget(&uid);
    }
    result
}

/// Clears away what is left of environments that are no more. Whether all of it was.
pub async fn sweep(ctx: &Context) -> bool {
    let plans = stored::sweep(ctx).await;
    if let Err(error) = &plans {
        tracing::warn!(%error, "stored plans without an environment were not looked for");
    }
    let targets = orphan::sweep(ctx).await;
    if let Err(error) = &targets {
        tracing::warn!(%error, "targets without an environment were not looked for");
    }
    plans.is_ok() && matches!(targets, Ok(true))
}
