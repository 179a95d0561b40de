//! From an environment to all that one pass works on.
//!
//! Most of it is in memory, since it is watched. For an environment at rest nothing is asked of the
//! API server at all. Where the target is found to be gone although nobody wanted that, the next life
//! begins here: nothing of the last one is observed any more.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Namespace as V1Namespace;
use kube::{Api, ResourceExt, api::ListParams};
use kulisse_core::{
    api::{
        class::StagingClassSpec,
        condition::{ConditionType, Reason, is_true},
        environment::StagingEnvironment,
        grant::{StagingGrant, StagingGrantSpec},
        identity::{Incarnation, NamespaceName},
        names,
        request::Verb,
        status::StagingEnvironmentStatus,
    },
    lifecycle::{
        Problem, consent, expiry,
        facts::{Beside, Part, Place, Target},
        readiness::Rollout,
        rebuild, request,
        step::Cause,
        withdrawal::{self, Consent},
    },
    plan::request::{Identity, OperatorAccount},
};

use super::{
    call::{call, call_list},
    context::Context,
    drift,
    error::Error,
    linger, lists, perform, remains,
    seen::{Seen, claimed},
    stored, target, tasks, trouble, volumes,
};

/// First part of targets' names where the class gives none.
pub const DEFAULT_PREFIX: &str = "stg";

/// So long after an apply nothing is looked at more closely.
const MOMENT: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);

/// Reads all that one pass works on.
pub async fn observe(environment: Arc<StagingEnvironment>, ctx: &Context) -> Result<Seen, Error> {
    let identity = Identity {
        name: environment.name_any(),
        namespace: NamespaceName::parse(&environment.namespace().unwrap_or_default())?,
        uid: environment.uid().unwrap_or_default(),
    };
    let before = environment.status.clone().unwrap_or_default();
    let mut record = before.clone();
    revive(&environment, &mut record, ctx);
    let class = class(&environment, ctx);
    if environment.metadata.deletion_timestamp.is_none() {
        let asked =
            |verb: Verb| environment.annotations().get(verb.annotation()).map(String::as_str);
        let (spec, now) = (&environment.spec, ctx.clock.now());
        request::take_up(asked, spec, class.is_ok(), &mut record, now);
    }
    let (class, unknown) = match class {
        Ok(class) => (class, None),
        Err(problem) => (StagingClassSpec::default(), Some(problem)),
    };
    let mut second = rebuild::split(&mut record);
    let operator = ctx.settings.account.clone();
    let mut seen = blank(environment, identity, operator, (class, unknown.is_none()), record);
    seen.before = before;
    let leaves = seen.environment.metadata.deletion_timestamp.is_some();
    // Nothing holds up an end.
    if !leaves && !seen.past(ctx.clock.now()) {
        look_at_consent(&mut seen, unknown, ctx).await?;
    }
    seen.unfenced = ctx.policies.problem().filter(|_| !leaves);
    if let Some(source) = drift::source(&seen) {
        seen.production = ctx.sources.mark(&source);
        seen.blind = ctx.sources.blind(&source);
    }
    look(&mut seen, &mut second, ctx).await?;
    if let Some(record) = second {
        let mut beside = beside(&seen, record);
        look(&mut beside, &mut None, ctx).await?;
        seen.beside = Some(Box::new(beside));
    }
    Ok(seen)
}

/// What is beside the one that serves, with a record of its own, before anything was looked at.
pub fn beside(seen: &Seen, record: StagingEnvironmentStatus) -> Seen {
    let withdrawn = seen.record.withdrawn.clone();
    let record = StagingEnvironmentStatus { withdrawn, ..record };
    let class = (seen.class.clone(), seen.class_known);
    Seen {
        refusal: seen.refusal.clone(),
        claimed: seen.claimed,
        // It shares the place of the one that serves.
        place: Place::Taken,
        unfenced: seen.unfenced.clone(),
        serving: Some(seen.incarnation()),
        ..blank(
            Arc::clone(&seen.environment),
            seen.identity.clone(),
            seen.operator.clone(),
            class,
            record,
        )
    }
}

/// What is known of an environment before anything was looked at; its class with whether that is known.
fn blank(
    environment: Arc<StagingEnvironment>,
    identity: Identity,
    operator: OperatorAccount,
    (class, class_known): (StagingClassSpec, bool),
    record: StagingEnvironmentStatus,
) -> Seen {
    let incarnation = record.incarnation.unwrap_or(Incarnation(1));
    Seen {
        claimed: claimed(&environment),
        target_name: target_name(&identity, &class, &record, incarnation),
        target: Target::None,
        leaving_since: None,
        lingering: None,
        place: Place::Unasked,
        stored: None,
        workloads: BTreeMap::new(),
        unwatched: 0,
        looks_at: None,
        troubles: BTreeMap::new(),
        attempts: BTreeMap::new(),
        probing: false,
        probe_trouble: None,
        production: None,
        blind: None,
        beside: None,
        stands: Beside::Nothing,
        before: record.clone(),
        over: false,
        environment,
        identity,
        operator,
        record,
        class,
        class_known,
        by_label: false,
        refusal: None,
        unfenced: None,
        serving: None,
    }
}

/// Looks at one namespace of the environment. `second` is the record of the other one, if this one
/// serves and there is another.
async fn look(
    seen: &mut Seen,
    second: &mut Option<StagingEnvironmentStatus>,
    ctx: &Context,
) -> Result<(), Error> {
    look_for_target(seen, second, ctx).await?;
    if seen.target == Target::Living {
        lists::look(seen, at_rest(seen, ctx), ctx).await?;
    }
    if seen.target == Target::Living && seen.ends(ctx.clock.now()) {
        seen.lingering = linger::look(seen, ctx).await;
        look_for_last(seen, ctx).await?;
    }
    if seen.target == Target::Living {
        seen.watch(&ctx.world);
    }
    // Deletion and expiry need nothing else, and nothing else may hold them up.
    if seen.environment.metadata.deletion_timestamp.is_some()
        || seen.past(ctx.clock.now())
        || seen.part() == Part::Leaving
    {
        return Ok(());
    }
    if seen.target == Target::Living {
        tasks::read_probe(seen, ctx).await?;
    }
    if (!at_rest(seen, ctx) || is_told_otherwise(seen)) && seen.record.plan.is_some() {
        look_for_plan(seen, ctx).await?;
    }
    Ok(())
}

/// An environment that has expired and got a later end begins a new life.
fn revive(environment: &StagingEnvironment, record: &mut StagingEnvironmentStatus, ctx: &Context) {
    let over = record.namespaces.is_empty() && record.plan.is_none();
    let Some(started) = record.started_at.as_ref().filter(|_| over) else { return };
    let Ok(class) = class(environment, ctx) else { return };
    let now = ctx.clock.now();
    let term = expiry::term(started.0, &environment.spec.lifecycle, &class.limits, None);
    // One that was cut short by hand comes back when its spec is changed, not by itself.
    let changed = environment.metadata.generation != Some(record.observed_generation);
    let by_spec = term.is_ok_and(|term| now < term.ends_at)
        && (changed || request::extended(record).is_none());
    let asked = environment.annotations().get(Verb::Extend.annotation());
    let by_hand = asked.is_some_and(|value| request::revives(value, record, now));
    if environment.metadata.deletion_timestamp.is_none() && (by_spec || by_hand) {
        begin_anew(record);
    }
}

/// Another life: what belonged to the last one is not carried over.
pub fn begin_anew(record: &mut StagingEnvironmentStatus) {
    let last = record.incarnation.map_or(0, |it| it.0);
    *record = StagingEnvironmentStatus {
        incarnation: Some(Incarnation(last + 1)),
        conditions: std::mem::take(&mut record.conditions),
        observed_generation: record.observed_generation,
        // What was asked before is not asked again, although it holds no more.
        requests: std::mem::take(&mut record.requests),
        // They are still there.
        kept_volumes: std::mem::take(&mut record.kept_volumes),
        ..StagingEnvironmentStatus::default()
    };
}

fn class(environment: &StagingEnvironment, ctx: &Context) -> Result<StagingClassSpec, Problem> {
    let class = match &environment.spec.class_name {
        Some(name) => ctx.world.class(name).map(|it| it.spec).ok_or_else(|| {
            let all = ctx.world.class_names();
            let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            let why = format!("spec.className: there is no StagingClass {name}; there are: {all}");
            Problem::new(Reason::ClassNotFound, why)
        })?,
        None => ctx.world.default_class().map(|(_, class)| class.spec).unwrap_or_default(),
    };
    let prefix = class.namespace_prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    if ctx.settings.namespace_prefixes.iter().any(|it| it == prefix) {
        return Ok(class);
    }
    Err(Problem::new(
        Reason::InvalidClass,
        format!(
            "the class's namespacePrefix {prefix} is not one of the operator's: {} (chart value namespacePrefixes)",
            ctx.settings.namespace_prefixes.join(", ")
        ),
    ))
}

/// Finds out why nothing may be created: for want of a grant, or by the class, of which it may be
/// `unknown` what it says. Takes down whether the grant of a living target was withdrawn, or is back.
async fn look_at_consent(
    seen: &mut Seen,
    unknown: Option<Problem>,
    ctx: &Context,
) -> Result<(), Error> {
    let spec = &seen.environment.spec;
    NamespaceName::parse(&spec.source.namespace)?;
    let grants = ctx.world.grants(&spec.source.namespace);
    let class = Some(&seen.class).filter(|_| seen.class_known);
    seen.by_label = consent::needs_labels(class, &grants);
    let labels = labels_if(seen.by_label, &seen.identity, ctx).await?;
    let asking = consent::Asking { name: seen.identity.namespace.as_str(), labels: &labels };
    let ungranted = consent::granted(spec, asking, &grants, &ctx.settings.account).err();
    let disallowed = class.and_then(|it| consent::allowed(spec, asking, it).err());
    let by_class = disallowed.map(|it| of_class(it, &seen.environment, ctx)).or(unknown);
    let consent = if ungranted.is_none() {
        Consent::Given
    } else if withdrawal::doubtful(&seen.record, ungranted.as_ref()) {
        certainly(seen, ctx).await?
    } else {
        seen.refusal = ungranted;
        return Ok(());
    };
    withdrawal::note(consent, &mut seen.record, ctx.clock.now());
    seen.refusal = ungranted.filter(|_| consent != Consent::Given).or(by_class);
    Ok(())
}

/// The same problem with the name of the class, if the class is what forbids it.
fn of_class(problem: Problem, environment: &StagingEnvironment, ctx: &Context) -> Problem {
    if problem.reason != Reason::NotAllowedByClass {
        return problem;
    }
    let default = || ctx.world.default_class().map(|(name, _)| name);
    let Some(name) = environment.spec.class_name.clone().or_else(default) else { return problem };
    Problem::new(problem.reason, format!("StagingClass {name}: {}", problem.message))
}

/// Whether a source is granted, by the API server's own word. Where there are no grants because
/// there is no such kind, that is an error and no withdrawal.
async fn certainly(seen: &Seen, ctx: &Context) -> Result<Consent, Error> {
    let source = NamespaceName::parse(&seen.environment.spec.source.namespace)?;
    let api: Api<StagingGrant> = Api::namespaced(ctx.client.clone(), source.as_str());
    let what = format!("list StagingGrants in {source}");
    let params = ListParams::default();
    let found = call_list(&what, || api.list(&params)).await?;
    let grants: Vec<StagingGrantSpec> = found.items.into_iter().map(|it| it.spec).collect();
    let labels = labels_if(consent::needs_labels(None, &grants), &seen.identity, ctx).await?;
    let asking = consent::Asking { name: seen.identity.namespace.as_str(), labels: &labels };
    if consent::granted(&seen.environment.spec, asking, &grants, &ctx.settings.account).is_ok() {
        return Ok(Consent::Given);
    }
    let api: Api<V1Namespace> = Api::all(ctx.client.clone());
    let what = format!("get Namespace {source}");
    let there = call(&what, || api.get_metadata_opt(source.as_str())).await?;
    let living = there.is_some_and(|it| it.metadata.deletion_timestamp.is_none());
    Ok(if living { Consent::Withdrawn } else { Consent::SourceGone })
}

/// Globs of the Secrets that the source's grants let the request namespace have as they are.
pub async fn granted_secrets(seen: &Seen, ctx: &Context) -> Result<Vec<String>, Error> {
    let grants = ctx.world.grants(&seen.environment.spec.source.namespace);
    let labels = labels_if(consent::needs_labels(None, &grants), &seen.identity, ctx).await?;
    let asking = consent::Asking { name: seen.identity.namespace.as_str(), labels: &labels };
    Ok(consent::granted_secrets(asking, &grants))
}

/// The labels of the request namespace, where somebody looks at them.
async fn labels_if(
    needed: bool,
    identity: &Identity,
    ctx: &Context,
) -> Result<BTreeMap<String, String>, Error> {
    if needed { labels(&identity.namespace, ctx).await } else { Ok(BTreeMap::new()) }
}

async fn labels(name: &NamespaceName, ctx: &Context) -> Result<BTreeMap<String, String>, Error> {
    if let Some(known) = ctx.labels.get(name.as_str()) {
        return Ok(known);
    }
    let api: Api<V1Namespace> = Api::all(ctx.client.clone());
    let what = format!("get Namespace {name}");
    let namespace = call(&what, || api.get_metadata(name.as_str())).await?;
    ctx.labels.put(name.as_str(), namespace.labels().clone());
    Ok(namespace.labels().clone())
}

/// The recorded name; for an incarnation without a target, the one it would have.
pub fn target_name(
    identity: &Identity,
    class: &StagingClassSpec,
    record: &StagingEnvironmentStatus,
    incarnation: Incarnation,
) -> NamespaceName {
    let recorded = record.namespaces.iter().find(|it| it.incarnation == incarnation);
    if let Some(name) = recorded.and_then(|it| NamespaceName::parse(&it.name).ok()) {
        return name;
    }
    let prefix = class.namespace_prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    names::target_namespace(prefix, &identity.name, &identity.uid, incarnation)
}

/// The target as watched. One that is recorded and not watched is asked for: the watch may lag
/// behind our own POST, and a namespace that somebody deleted begins a new life.
async fn look_for_target(
    seen: &mut Seen,
    second: &mut Option<StagingEnvironmentStatus>,
    ctx: &Context,
) -> Result<(), Error> {
    let name = seen.target_name.clone();
    let recorded = seen.target_record().map(|it| it.uid.clone());
    let mut there = ctx.world.namespace(&seen.identity.uid, name.as_str());
    if there.is_none() && recorded.is_some() {
        there = target::find(&name, ctx).await?;
        if there.is_none() && seen.part() != Part::Serving {
            // What ran in it cannot be relied on: whoever wants another one begins anew.
            rebuild::drop(&mut seen.record);
        } else if there.is_none() && !seen.is_to_end(ctx.clock.now()) {
            if let Err(error) = volumes::tell(seen, Cause::Renewed.reason(), ctx).await {
                tracing::warn!(%error, "volumes that are left were not looked for");
            }
            stored::delete(seen.slot(), ctx).await?;
            begin_anew(&mut seen.record);
            if let Some(second) = second {
                rebuild::drop(second);
                seen.record.incarnation = rebuild::beyond(&seen.record, second);
            }
            seen.target_name =
                target_name(&seen.identity, &seen.class, &seen.record, seen.incarnation());
            return Ok(());
        }
    }
    let proof = target::proof(seen, seen.incarnation(), ctx);
    seen.target = target::judge(there.as_ref(), recorded.as_deref(), name.as_str(), &proof);
    seen.leaving_since = there.as_ref().and_then(|it| it.leaving);
    remains::explain(seen, there.as_ref(), ctx).await;
    if recorded.is_none()
        && seen.target == Target::Living
        && let Some(namespace) = there
    {
        target::record(seen, &name, &namespace);
    }
    if let (Target::None, Some(_)) = (&seen.target, recorded) {
        seen.record.namespaces.clear();
    }
    Ok(())
}

/// Nothing is asked for, built or ended: what the status says is enough.
fn at_rest(seen: &Seen, ctx: &Context) -> bool {
    if seen.part() != Part::Serving {
        return false;
    }
    let told = |kind| is_true(&seen.record.conditions, kind);
    let generation = seen.environment.metadata.generation.unwrap_or_default();
    let before = seen.environment.status.as_ref().map_or(&[][..], |it| &it.requests);
    let sleeps = seen.rhythm(ctx.clock.now()).is_ok_and(|it| it.sleeps);
    let settled = if sleeps { ConditionType::Asleep } else { ConditionType::Ready };
    let frozen = seen.record.withdrawn.as_ref().map(|it| it.frozen);
    told(ConditionType::Expired)
        || frozen == Some(true)
        || frozen.is_none()
            && (seen.record.observed_generation == generation
                && seen.record.requests == before
                && told(settled))
}

/// Whether the watch tells of other workloads than the status does: which of them count, only the plan says.
/// Somebody may have made one of their own with our labels.
fn is_told_otherwise(seen: &Seen) -> bool {
    let total = seen.record.workloads.as_ref().map_or(0, |it| it.total as usize);
    let up = seen.workloads.values().all(Rollout::up);
    seen.target == Target::Living && !(up && seen.workloads.len() == total)
}

/// The tasks of the end, where there are some. A plan that cannot be read holds up nothing.
async fn look_for_last(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    if seen.environment.spec.pre_delete.is_empty() || seen.record.plan.is_none() {
        return Ok(());
    }
    let stored = match stored::load(seen.slot(), ctx).await {
        Ok(stored) => stored,
        Err(error) if error.code() == 403 => None,
        Err(error) => return Err(error),
    };
    let Some(stored) = stored else { return Ok(()) };
    seen.attempts = tasks::attempts(seen, &stored, ctx).await?;
    tasks::record(seen, &stored, ctx).await?;
    seen.stored = Some(stored);
    Ok(())
}

/// What was applied a moment ago cannot be in trouble yet.
fn fresh(seen: &Seen, ctx: &Context) -> bool {
    seen.applied().is_some_and(|it| ctx.clock.now().duration_since(it.at.0) < MOMENT)
}

async fn look_for_plan(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    let Some(stored) = stored::load(seen.slot(), ctx).await? else {
        // Planned, as the status says, but what was stored is gone: planned anew.
        seen.record.plan = None;
        return Ok(());
    };
    perform::catch_up(seen, &stored);
    seen.attempts = tasks::attempts(seen, &stored, ctx).await?;
    if seen.target == Target::Living {
        let started = seen.applied().is_some();
        let planned = stored.plan.workloads();
        let up = |key| seen.workloads.get(key).is_some_and(Rollout::up);
        if started
            && !fresh(seen, ctx)
            && !seen.workloads.is_empty()
            && planned.iter().any(|(key, _)| !up(key))
        {
            seen.troubles = trouble::troubles(seen, ctx).await?;
        }
        tasks::record(seen, &stored, ctx).await?;
    }
    seen.stored = Some(stored);
    Ok(())
}
