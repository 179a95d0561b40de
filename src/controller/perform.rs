//! Writes: one step, one call.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    api::{
        discovery::v1::EndpointSlice,
        rbac::v1::{ClusterRole, PolicyRule},
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::Api;
use kulisse_core::{
    api::{
        class::ProbeMode,
        condition::Reason,
        environment::{Mode, StagingEnvironmentSpec},
        identity::NamespaceName,
        names,
        status::{Applied, PlanSummary, ProbeVerdict, SourceSummary, Wave},
    },
    lifecycle::{
        facts::Part as Which,
        step::{Change, Step},
        unapplied,
    },
    plan::{
        self,
        request::{Cluster, Endpoint, Request},
    },
};

use super::{
    apply::{self, Part, Running},
    call::call,
    capture, classes,
    context::Context,
    discovery, drift,
    error::Error,
    freeze, given, observe, orphan, place, rebuild, report, secrets,
    seen::Seen,
    stored::{self, Slot, Stored},
    target, tasks, teardown,
};

/// Carries out a step and takes down in the record what it did.
pub async fn perform(step: &Step, seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    match step {
        Step::Claim => report::claim(seen, ctx).await,
        // The largest of them: it reads all there is.
        Step::Plan => {
            let follows = drift::follows(seen, ctx);
            match Box::pin(plan(follows, seen, ctx)).await {
                Err(error) if follows => drift::cannot_follow(seen, error, ctx),
                other => other,
            }
        }
        Step::Prepare => prepare(seen, ctx).await,
        Step::Probe => probe(seen, ctx).await,
        Step::Begin(change) => {
            begin(*change, seen);
            Ok(())
        }
        Step::Apply { paused } => fill(*paused, seen, ctx).await,
        Step::Sleep => sleep(seen, ctx).await,
        Step::Inspect => Box::pin(drift::inspect(seen, ctx)).await,
        Step::Compare => Box::pin(drift::compare(seen, ctx)).await,
        Step::Rebuild => {
            rebuild::begin(seen, ctx);
            Ok(())
        }
        Step::Switch => Box::pin(rebuild::switch(seen, ctx)).await,
        Step::Abandon => rebuild::abandon(seen, ctx).await,
        Step::Discard => rebuild::discard(seen, ctx).await,
        Step::TakePlace => {
            place::take(seen, ctx);
            Ok(())
        }
        Step::Freeze => {
            freeze::freeze(seen, ctx).await?;
            look_again(seen, ctx);
            Ok(())
        }
        Step::StartTask(at) => {
            let stored = held(seen)?;
            tasks::start(seen, &stored, *at, ctx).await
        }
        Step::GiveUp(at) => {
            let stored = held(seen)?;
            tasks::give_up(seen, &stored, *at);
            Ok(())
        }
        Step::Close(_) => teardown::close(seen, ctx),
        Step::StartLast(_, at) => {
            let stored = held(seen)?;
            teardown::end_routes(seen, ctx).await;
            tasks::start_last(seen, &stored, *at, ctx).await
        }
        Step::EndResources(_) => {
            teardown::end_resources(seen, ctx).await;
            Ok(())
        }
        Step::Teardown(_) => teardown::begin(seen, ctx).await,
        Step::AwaitGone(_, blocked_by) => {
            teardown::note(seen, blocked_by.clone(), ctx);
            Ok(())
        }
        Step::ReleaseRights(_) => {
            orphan::release(&seen.target_name, ctx).await?;
            seen.target = kulisse_core::lifecycle::facts::Target::Leaving {
                only_rights: false,
                blocked_by: Vec::new(),
            };
            Ok(())
        }
        Step::Forget(cause) => teardown::forget(seen, *cause, ctx).await,
        Step::Delete => teardown::delete_environment(seen, ctx).await,
        Step::RestUnfenced(_)
        | Step::RestExpired
        | Step::RestReleased
        | Step::RestSuspended
        | Step::RestUnapproved
        | Step::RestQueued { .. }
        | Step::RestFrozen(_)
        | Step::RestAsleep
        | Step::Refuse(_)
        | Step::RestBlocked(..)
        | Step::AwaitLast(..)
        | Step::AwaitBeside(_)
        | Step::AwaitDrain
        | Step::AwaitResources(..)
        | Step::AwaitProbe
        | Step::AwaitStores(_)
        | Step::AwaitRunningStores
        | Step::AwaitTask(_)
        | Step::AwaitWorkloads
        | Step::RestFailed(_) => Ok(()),
        Step::Rest => {
            drift::settle(seen);
            Ok(())
        }
    }
}

/// Plans for this generation: from the stored capture, so that a push to a pull request changes
/// what it names and not what production did meanwhile; from the source the first time, and where
/// production is followed.
async fn plan(follows: bool, seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let before = match &seen.record.plan {
        Some(_) => stored::load(seen.slot(), ctx).await?,
        None => None,
    };
    // Before there is a target nothing depends on what was captured, and production may have been
    // mended since.
    let kept = before.as_ref().filter(|_| seen.target_record().is_some());
    let built = seen.part() == Which::Building;
    let environment = Arc::clone(&seen.environment);
    let spec = &environment.spec;
    let same = kept.filter(|stored| !follows && !is_other_source(&stored.request.spec, spec));
    let captured = async {
        match (same, &spec.source.manifests) {
            (Some(stored), _) => Ok(Arc::new(stored.capture.clone())),
            (None, Some(manifests)) => {
                let known = before.as_ref().map(|it| &it.capture);
                given::capture(seen, manifests, known, ctx).await.map(Arc::new)
            }
            (None, None) => {
                let source = NamespaceName::parse(&spec.source.namespace)?;
                if follows || built {
                    ctx.sources.capture(&source, ctx).await
                } else {
                    capture::capture(&source, ctx).await
                }
            }
        }
    };
    let (captured, request) = futures::try_join!(captured, request(seen, ctx))?;
    let planned = Arc::clone(&captured);
    let (request, plan) = capture::aside(move || {
        let plan = plan::plan(&request, &planned)?;
        Ok((request, plan))
    })
    .await?;
    let serving = match seen.serving.filter(|_| built) {
        Some(life) => {
            let slot = Slot { uid: &seen.identity.uid, life, first: true };
            stored::load(slot, ctx).await?
        }
        None => before.clone().filter(|_| follows),
    };
    if let Some(serving) = serving
        && let Some(why) = drift::lacks(seen, &serving.capture, &captured, ctx)
    {
        // Of what is built nothing is there yet: it is tried again.
        return if built { Err(Error::problem(Reason::SourceNotReadable, why)) } else { Ok(()) };
    }
    if follows && drift::blocks(seen, &plan, ctx) {
        return Ok(());
    }
    claim_hosts(seen, &plan.urls, ctx)?;
    // Of what somebody has changed nobody knows what it holds.
    let changed = follows && drift::is_changed(seen);
    let held = kept.map(|stored| stored.held_after(whole(seen, stored) && !changed));
    let given = secrets::marks(seen, &plan, ctx).await?;
    if changed || kept.is_some_and(|before| before.given != given) {
        apply_again(seen, &plan.digest);
    }
    let planned_at = Some(ctx.clock.now());
    // Planned again, and nothing came of it: nothing is written.
    if let Some(before) = before.as_ref().filter(|_| !follows && !changed)
        && (&before.plan, &before.request, &before.given) == (&plan, &request, &given)
        && seen.record.plan.as_ref().is_some_and(|it| it.digest == plan.digest)
    {
        let stored = Arc::new(Stored { planned_at, ..Stored::clone(before) });
        ctx.keep_plan(seen.slot(), Arc::clone(&stored));
        summarise(seen, &stored);
        seen.stored = Some(stored);
        return Ok(());
    }
    let serial = before.as_ref().map_or(0, |it| it.serial + 1);
    let capture = (*captured).clone();
    let held = held.unwrap_or_default();
    let stored = Arc::new(Stored { serial, planned_at, request, capture, plan, held, given });
    // What serves is what is reported, unless a person has to look at what would take its place.
    let tells = !built || spec.mode == Mode::Plan || stored.plan.blocking().next().is_some();
    let told = async {
        if tells { report::publish(seen, &stored.plan, &[], !built, ctx).await } else { Ok(()) }
    };
    futures::try_join!(stored::save(seen.slot(), &stored, ctx), told)?;
    ctx.keep_plan(seen.slot(), Arc::clone(&stored));
    summarise(seen, &stored);
    drift::planned(seen, &stored.capture.mark, follows, ctx);
    if !built {
        seen.record.evidence = None;
    }
    seen.attempts = tasks::attempts(seen, &stored, ctx).await?;
    tasks::record(seen, &stored, ctx).await?;
    seen.stored = Some(stored);
    Ok(())
}

/// Takes down that the target is about to be changed.
fn begin(change: Change, seen: &mut Seen) {
    let planned = seen.record.plan.as_ref().map(|it| it.digest.clone());
    let Some(applied) = seen.target_record_mut().and_then(|it| it.applied.as_mut()) else { return };
    match change {
        Change::Apply if Some(&applied.digest) != planned.as_ref() => applied.digest.clear(),
        // Whoever wakes has to wake them all.
        Change::Sleep => applied.through = Wave::Config,
        Change::Apply | Change::Freeze => {}
    }
}

/// The plan is the same, and Secrets that it names hold something else, or somebody has changed the
/// target: what differs is applied.
fn apply_again(seen: &mut Seen, digest: &str) {
    let applied = seen.target_record_mut().and_then(|it| it.applied.as_mut());
    if let Some(applied) = applied.filter(|it| it.digest == digest) {
        applied.digest.clear();
    }
}

/// Takes the preview hosts of a plan, unless another environment has one: two routes of one host
/// would share its traffic.
fn claim_hosts(seen: &Seen, urls: &[String], ctx: &Context) -> Result<(), Error> {
    let Err((host, (namespace, name))) = ctx.world.claim_urls(&seen.identity.uid, urls) else {
        return Ok(());
    };
    // Names of others' environments are theirs to tell.
    let whose = if namespace == seen.identity.namespace.as_str() {
        format!("environment {name}")
    } else {
        "an environment of another namespace".to_owned()
    };
    Err(Error::problem(
        Reason::HostTaken,
        format!(
            "{host} is a preview host of {whose}: with {{hash}} in expose.hostTemplate of the class no two are the same"
        ),
    ))
}

/// Whether manifests must be read again: others are named, or the pull request has moved on.
fn is_other_source(before: &StagingEnvironmentSpec, now: &StagingEnvironmentSpec) -> bool {
    let commit =
        |spec: &StagingEnvironmentSpec| spec.pull_request.as_ref().and_then(|it| it.commit.clone());
    now.source.manifests.is_some()
        && (before.source.manifests != now.source.manifests || commit(before) != commit(now))
}

/// Whether the target holds all of a stored plan.
fn whole(seen: &Seen, stored: &Stored) -> bool {
    seen.applied()
        .is_some_and(|it| it.digest == stored.plan.digest && it.through == Wave::Workloads)
}

/// Takes down which plan holds, if another one than the status names was stored and cut off before the
/// status said so; whether that is so. For another generation it is planned anew in any case.
pub fn catch_up(seen: &mut Seen, stored: &Stored) -> bool {
    let generation = seen.environment.metadata.generation;
    let told = seen.record.plan.as_ref().filter(|it| Some(it.generation) == generation);
    let behind = told.is_some_and(|it| it.digest != stored.plan.digest);
    if behind {
        summarise(seen, stored);
    }
    behind
}

/// Takes down which plan holds, and what is there of the one before until it is applied.
fn summarise(seen: &mut Seen, stored: &Stored) {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (plan, capture) = (&stored.plan, &stored.capture);
    let summary = PlanSummary {
        name: names::staging_plan(&seen.identity.name),
        digest: plan.digest.clone(),
        generation: seen.environment.metadata.generation.unwrap_or_default(),
        objects: count(plan.clones.len()),
        changes: count(plan.changes.len()),
        left_behind: count(plan.left_behind.len()),
        findings: count(plan.findings.len()),
        copied: plan.copied().into_iter().take(unapplied::SECRETS).collect(),
        warned: count(plan.warned().count()),
        retained: count(plan.retained().count()),
        custom_kinds: stored.custom_kinds().into_iter().take(unapplied::KINDS).collect(),
    };
    let holds_another = seen.applied().is_some_and(|it| it.digest != plan.digest);
    let before = seen.record.plan.take().filter(|_| holds_another);
    seen.record.plan = Some(match &before {
        Some(before) => unapplied::beside(summary, before),
        None => summary,
    });
    seen.record.source = Some(SourceSummary {
        captured_at: Time(capture.captured_at),
        artifact: capture.artifact.clone(),
        objects: count(capture.objects.len()),
        unreadable: capture.unreadable.iter().take(64).cloned().collect(),
    });
    // Where it answers, until its routes are others.
    if !holds_another {
        seen.record.url = plan.urls.first().cloned();
        seen.record.urls.clone_from(&plan.urls);
    }
}

/// What a plan is made for.
async fn request(seen: &Seen, ctx: &Context) -> Result<Request, Error> {
    Ok(Request {
        environment: seen.identity.clone(),
        spec: seen.environment.spec.clone(),
        class: seen.class.clone(),
        granted_secrets: observe::granted_secrets(seen, ctx).await?,
        incarnation: seen.incarnation(),
        target: seen.target_name.clone(),
        overlay: given::manifests(seen, &seen.environment.spec.overlay.config_map_ref, ctx).await?,
        cluster: Cluster {
            api_endpoints: api_endpoints(ctx).await?,
            operator: ctx.settings.account.clone(),
            rights: rights(ctx).await?,
            classes: (*Box::pin(classes::classes(ctx)).await?).clone(),
        },
    })
}

/// Where the Kubernetes API listens: policies see addresses after translation.
async fn api_endpoints(ctx: &Context) -> Result<Vec<Endpoint>, Error> {
    if let Some(known) = ctx.endpoints.get("kubernetes") {
        return Ok(known);
    }
    let api: Api<EndpointSlice> = Api::namespaced(ctx.client.clone(), "default");
    let what = "get the addresses of the Kubernetes API";
    let slice = call(what, || api.get_opt("kubernetes")).await?;
    let endpoints = slice.as_ref().map(discovery::endpoints).unwrap_or_default();
    ctx.endpoints.put("kubernetes", endpoints.clone());
    Ok(endpoints)
}

/// What we may do in targets: clones of Roles can hold no more.
async fn rights(ctx: &Context) -> Result<Vec<PolicyRule>, Error> {
    let name = names::CLONE_WRITER_ROLE;
    if let Some(known) = ctx.rights.get(name) {
        return Ok(known);
    }
    let api: Api<ClusterRole> = Api::all(ctx.client.clone());
    let what = format!("get ClusterRole {name}");
    let rules = match call(&what, || api.get_opt(name)).await {
        Ok(role) => role.and_then(|it| it.rules).unwrap_or_default(),
        // Installed by an older chart: the API server has the last word.
        Err(error) if error.code() == 403 => Vec::new(),
        Err(error) => return Err(error),
    };
    ctx.rights.put(name, rules.clone());
    Ok(rules)
}

/// The target, our rights in it, and its fence.
async fn prepare(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let stored = held(seen)?;
    target::make(seen, &stored, ctx).await?;
    let part = Part { from: Wave::Fence, to: Wave::Fence, running: Running::All, there: false };
    apply::apply(seen, &stored, part, ctx).await?;
    note_applied(seen, &stored, Wave::Fence, ctx);
    Ok(())
}

async fn probe(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    match seen.class.boundary.probe {
        ProbeMode::Never => {
            if let Some(record) = seen.target_record_mut() {
                record.probe = ProbeVerdict::Skipped;
            }
            Ok(())
        }
        ProbeMode::Always => {
            let stored = held(seen)?;
            tasks::start_probe(seen, &stored, ctx).await
        }
    }
}

/// Applies what of the plan the target does not hold yet.
async fn fill(paused: bool, seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let stored = held(seen)?;
    let through = seen.applied().filter(|it| it.digest == stored.plan.digest).map(|it| it.through);
    let from = match through {
        None => Wave::Fence,
        Some(Wave::Fence) => Wave::Config,
        // It slept.
        Some(Wave::Config) => Wave::Stores,
        Some(Wave::Stores | Wave::Workloads) => Wave::Workloads,
    };
    let running = if paused { Running::Stores } else { Running::All };
    let there = matches!(through, Some(Wave::Config | Wave::Stores));
    apply::apply(seen, &stored, Part { from, to: Wave::Workloads, running, there }, ctx).await?;
    note_applied(seen, &stored, if paused { Wave::Stores } else { Wave::Workloads }, ctx);
    if !paused && stored.serial > 0 {
        tasks::sweep(seen, &stored, ctx).await?;
    }
    look_again(seen, ctx);
    Ok(())
}

/// Takes the Pods of all workloads away.
async fn sleep(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let stored = held(seen)?;
    let paused = apply::pause(seen, &stored, ctx).await;
    look_again(seen, ctx);
    paused
}

/// What was just sent counts as on its way until the watch has seen it.
fn look_again(seen: &mut Seen, ctx: &Context) {
    seen.watch(&ctx.world);
    seen.troubles = BTreeMap::new();
}

fn note_applied(seen: &mut Seen, stored: &Stored, through: Wave, ctx: &Context) {
    let at = Time(ctx.clock.now());
    if let Some(record) = seen.target_record_mut() {
        record.applied = Some(Applied { digest: stored.plan.digest.clone(), through, at });
    }
    summarise(seen, stored);
}

fn held(seen: &Seen) -> Result<Arc<Stored>, Error> {
    seen.stored.clone().ok_or_else(|| Error::Stored("it is not there".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(manifests: Option<&str>, commit: &str) -> StagingEnvironmentSpec {
        let mut source = json!({"namespace": "shop"});
        if let Some(name) = manifests {
            source["manifests"] = json!({"configMapRef": [{"name": name}]});
        }
        serde_json::from_value(json!({"source": source, "pullRequest": {"commit": commit}}))
            .unwrap()
    }

    #[test]
    fn manifests_are_read_again_when_they_or_the_commit_change() {
        let first = spec(Some("a"), "1");
        assert!(!is_other_source(&first, &first));
        assert!(is_other_source(&first, &spec(Some("a"), "2")));
        assert!(is_other_source(&first, &spec(Some("b"), "1")));
    }

    #[test]
    fn a_push_does_not_read_production_again() {
        assert!(!is_other_source(&spec(None, "1"), &spec(None, "2")));
    }
}
