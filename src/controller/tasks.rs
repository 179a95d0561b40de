//! Seeds, smokes and the probe: one Job each, with a name that says what it is, so that starting
//! one twice starts one.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, LogParams},
    core::ApiResource,
};
use kulisse_core::{
    api::{
        names,
        status::{ProbeVerdict, TaskState, TaskSummary},
    },
    lifecycle::{self, readiness::Attempt, task::Run},
    plan::{
        object::Object,
        probe::{self, Place, ProbeAnswer},
        task::{self, PlannedTask, TaskRole},
    },
    secrets::{Redactor, Uses, redact},
};

use super::{
    call::{bounded, call, call_list, creation, each_page, gone_is_fine, there_is_fine},
    context::Context,
    error::Error,
    repeat,
    seen::Seen,
    stored::Stored,
    trouble,
};

/// Lines of a failed task's log that are looked at.
const LAST_LINES: i64 = 20;
/// Longest piece of a log in a message, in characters.
const QUOTED: usize = 300;

/// Starts the next attempt of a task and records it.
pub async fn start(
    seen: &mut Seen,
    stored: &Stored,
    at: usize,
    ctx: &Context,
) -> Result<(), Error> {
    let Some(planned) = stored.plan.tasks.get(at) else { return Ok(()) };
    let now = ctx.clock.now();
    let run = seen.run(planned, now);
    let number = run.attempts + 1;
    let job = job(stored, planned, number, ctx);
    if planned.job_name.is_some() && number > 1 {
        let api = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
        repeat::make_way(&api, job.name(), number).await?;
    }
    post(seen, &job, ctx).await?;
    let summary = TaskSummary {
        name: planned.name.clone(),
        state: TaskState::Running,
        content: seen.run_id(planned),
        incarnation: seen.incarnation(),
        started_at: Some(Time(now)),
        took_seconds: None,
        attempts: number,
        discounted: seen.discounted(planned),
        message: String::new(),
    };
    let id = seen.run_id(planned);
    let attempt = Attempt { number, state: TaskState::Running, started: Some(now), ended: None };
    seen.attempts.entry(id).or_default().insert(number, attempt);
    seen.note(planned, summary);
    Ok(())
}

/// Starts the next attempt of a task of the end. One that the server refuses has failed: nothing holds
/// up an end. What the server cannot do for the moment is tried again, for as long as the task may take.
pub async fn start_last(
    seen: &mut Seen,
    stored: &Stored,
    at: usize,
    ctx: &Context,
) -> Result<(), Error> {
    let Some(planned) = stored.plan.tasks.get(at) else { return Ok(()) };
    // Its turn came when the end began, or with the end of the task before it.
    let before = seen.record.pre_delete.iter().filter_map(lifecycle::task::ended).max();
    let since = seen.record.teardown.as_ref().map(|it| it.started_at.0).max(before);
    let tries = ctx.failures.count(&seen.identity.uid) + 1;
    let refused = |code| lifecycle::task::is_refused(planned, code, tries, since, ctx.clock.now());
    let Err(error) = start(seen, stored, at, ctx).await else { return Ok(()) };
    let words = match error {
        Error::Api { words, code, .. } if refused(code) => words,
        it @ Error::Deadline { .. } if refused(0) => it.to_string(),
        other => return Err(other),
    };
    let run = seen.run(planned, ctx.clock.now());
    let run = Run { state: TaskState::Failed, ..run };
    let summary = summary(seen, planned, &run, &format!("its Job was refused: {words}"));
    seen.note(planned, summary);
    Ok(())
}

/// Removes the Jobs of smokes that are not of this plan: they would count against a quota.
pub async fn sweep(seen: &Seen, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let planned: BTreeSet<String> = stored
        .plan
        .tasks
        .iter()
        .flat_map(|it| {
            let before = seen.discounted(it);
            let numbers = 1..=before + it.retries + 1;
            numbers.map(|number| task::name(it, &attempt(stored, it, number, ctx)))
        })
        .collect();
    let api: Api<Job> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    let params = ListParams::default().labels(names::TASK_LABEL);
    let what = format!("list the Jobs of tasks in {}", seen.target_name);
    for job in call_list(&what, || api.list_metadata(&params)).await?.items {
        let name = job.name_any();
        let smoke = name.starts_with(&format!("{}-", TaskRole::Smoke.list()));
        if smoke && !planned.contains(&name) {
            let params = DeleteParams::background();
            let what = format!("delete Job {name}");
            gone_is_fine(call(&what, || api.delete(&name, &params)).await)?;
        }
    }
    Ok(())
}

/// Records that a task waited for its stores for as long as it may take.
pub fn give_up(seen: &mut Seen, stored: &Stored, at: usize) {
    let Some(planned) = stored.plan.tasks.get(at) else { return };
    let waits =
        if planned.needs.is_empty() { "all stores".to_owned() } else { planned.needs.join(", ") };
    let down: Vec<String> = seen
        .workloads
        .iter()
        .filter(|(key, rollout)| {
            !rollout.up() && (planned.needs.is_empty() || planned.needs.contains(&key.name))
        })
        .map(|(key, _)| {
            seen.troubles.get(key).map_or_else(|| key.to_string(), |it| it.message.clone())
        })
        .collect();
    let summary = TaskSummary {
        name: planned.name.clone(),
        state: TaskState::TimedOut,
        content: seen.run_id(planned),
        incarnation: seen.incarnation(),
        started_at: None,
        took_seconds: Some(planned.timeout_seconds),
        attempts: seen.discounted(planned),
        discounted: seen.discounted(planned),
        message: cut(&format!("it needs {waits}, and these are not ready: {}", down.join("; "))),
    };
    seen.note(planned, summary);
}

/// Takes down in the record how the tasks stand, with what is known of a failure.
pub async fn record(seen: &mut Seen, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let now = ctx.clock.now();
    for planned in &stored.plan.tasks {
        let run = seen.run(planned, now);
        let known = seen.summary(planned).filter(|it| it.content == seen.run_id(planned));
        if known.is_some_and(|it| it.state == run.state && it.attempts == run.attempts) {
            continue;
        }
        let message = match run.state {
            TaskState::Failed | TaskState::TimedOut if run.message.is_empty() => {
                evidence(seen, stored, planned, &run, ctx).await
            }
            _ => run.message.clone(),
        };
        let summary = summary(seen, planned, &run, &message);
        seen.note(planned, summary);
    }
    for role in [lifecycle::task::SEED, TaskRole::Smoke, TaskRole::PreDelete] {
        let of_plan = |name: &str| {
            stored.plan.tasks.iter().any(|it| it.name == name && it.role.list() == role.list())
        };
        lifecycle::task::recorded_mut(role, &mut seen.record).retain(|it| of_plan(&it.name));
    }
    Ok(())
}

/// The attempts of the planned tasks, as watched; one that should have been seen by now is asked
/// for, since a lost Job is a verdict.
pub async fn attempts(
    seen: &Seen,
    stored: &Stored,
    ctx: &Context,
) -> Result<BTreeMap<String, BTreeMap<u32, Attempt>>, Error> {
    let mut all = BTreeMap::new();
    for planned in &stored.plan.tasks {
        let before = seen.discounted(planned);
        let numbers = match planned.job_name {
            // One name for all of them: the Job itself says which it is.
            Some(_) => 1..=1,
            None => before + 1..=before + planned.retries + 1,
        };
        let mut found: BTreeMap<u32, Attempt> = numbers
            .filter_map(|number| {
                let name = task::name(planned, &attempt(stored, planned, number, ctx));
                let attempt =
                    ctx.world.attempt(&seen.identity.uid, seen.target_name.as_str(), &name)?;
                Some(numbered(planned, number, attempt))
            })
            .collect();
        let recorded = seen.summary(planned).filter(|it| it.content == seen.run_id(planned));
        if let Some(number) = lifecycle::task::doubtful(recorded, &found, ctx.clock.now()) {
            let name = task::name(planned, &attempt(stored, planned, number, ctx));
            let api: Api<Job> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
            let job = call(&format!("get Job {name}"), || api.get_opt(&name)).await?;
            found.extend(job.map(|job| numbered(planned, number, Attempt::from(&job))));
        }
        all.insert(seen.run_id(planned), found);
    }
    Ok(all)
}

/// An attempt with its number.
fn numbered(planned: &PlannedTask, number: u32, attempt: Attempt) -> (u32, Attempt) {
    let number = if planned.job_name.is_some() { attempt.number } else { number };
    (number, attempt)
}

/// Has a Pod in the target try the ways to production. While the Job of the last time goes, its name is
/// taken, and nothing is started: see [`read_probe`].
pub async fn start_probe(seen: &mut Seen, stored: &Stored, ctx: &Context) -> Result<(), Error> {
    let (uid, target) = (&seen.identity.uid, seen.target_name.as_str());
    let judged = seen.target_record().is_some_and(|it| it.probe != ProbeVerdict::Unknown);
    if judged || ctx.world.attempt(uid, target, names::PROBE_JOB).is_some() {
        remove_probe(seen, ctx).await?;
    }
    // Not before it goes: what it has found would be read once more.
    if let Some(record) = seen.target_record_mut() {
        record.probe = ProbeVerdict::Unknown;
    }
    let control = ctx.settings.probe_control.as_ref();
    let job = probe::probe_job(&stored.request, &stored.plan.ways, control, &ctx.settings.image);
    post(seen, &job, ctx).await?;
    seen.probing = true;
    Ok(())
}

/// Reads what the probe has found, if it is over, and records it.
pub async fn read_probe(seen: &mut Seen, ctx: &Context) -> Result<(), Error> {
    // What was shown is recorded; the Pod that showed it may go.
    if seen.target_record().is_none_or(|it| it.probe != ProbeVerdict::Unknown) {
        return Ok(());
    }
    let uid = &seen.identity.uid;
    let Some(attempt) = ctx.world.attempt(uid, seen.target_name.as_str(), names::PROBE_JOB) else {
        return Ok(());
    };
    if attempt.state == TaskState::Running {
        seen.probing = true;
        seen.probe_trouble = trouble::of_probe(seen, ctx).await?;
        return Ok(());
    }
    // The watch may be behind, and tell of one that was to go.
    let api: Api<Job> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    let what = "get the probe's Job";
    let Some(job) = call(what, || api.get_opt(names::PROBE_JOB)).await? else { return Ok(()) };
    let goes = job.metadata.deletion_timestamp.is_some();
    if goes || Attempt::from(&job).state == TaskState::Running {
        seen.probing = true;
        return Ok(());
    }
    let words = last_words(seen, names::PROBE_LABEL, None, ctx).await?;
    let (verdict, message) = match words.as_deref().map(serde_json::from_str::<ProbeAnswer>) {
        Some(Ok(answer)) => {
            let found = probe::verdict(&answer, alive(ctx).await);
            // Started by an operator that is not here any more: this one starts its own.
            let theirs = answer.is_of_another(ctx.settings.probe_control.as_ref())
                || image(&job) != Some(ctx.settings.image.as_str());
            if theirs && found.0 == ProbeVerdict::Inconclusive {
                return Ok(());
            }
            found
        }
        // Its Pod went with its time.
        None => (
            ProbeVerdict::Inconclusive,
            format!(
                "the probe's Pod did not come to its end in time: can the nodes pull {}? A private registry needs imagePullSecrets of the class; «kubectl get events -n {}» says more",
                ctx.settings.image, seen.target_name
            ),
        ),
        Some(Err(_)) => (
            ProbeVerdict::Inconclusive,
            format!(
                "the probe left no answer: look at «kubectl logs job/{} -n {}»",
                names::PROBE_JOB,
                seen.target_name
            ),
        ),
    };
    if let Some(record) = seen.target_record_mut() {
        record.probe = verdict;
        record.probe_message = cut(&message);
    }
    Ok(())
}

/// By which version a Job's Pods are run.
fn image(job: &Job) -> Option<&str> {
    job.spec.as_ref()?.template.spec.as_ref()?.containers.first()?.image.as_deref()
}

/// The control, if it answers outside the fence: a probe that cannot reach what is dead has shown
/// nothing.
async fn alive(ctx: &Context) -> Option<&Place> {
    let control = ctx.settings.probe_control.as_ref()?;
    let dial = tokio::net::TcpStream::connect((control.host.as_str(), control.port));
    let dial = tokio::time::timeout(std::time::Duration::from_secs(3), dial).await;
    matches!(dial, Ok(Ok(_))).then_some(control)
}

async fn remove_probe(seen: &Seen, ctx: &Context) -> Result<(), Error> {
    let api: Api<Job> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    let what = "delete the last probe's Job";
    // In the foreground: the name is free once nothing of it is left.
    let params = DeleteParams::foreground();
    gone_is_fine(call(what, || api.delete(names::PROBE_JOB, &params)).await)
}

/// Name of the Job of a task's last attempt.
pub fn last_job(seen: &Seen, stored: &Stored, at: usize, ctx: &Context) -> Option<String> {
    let planned = stored.plan.tasks.get(at)?;
    let attempts = seen.summary(planned)?.attempts;
    Some(task::name(planned, &attempt(stored, planned, attempts, ctx)))
}

fn job(stored: &Stored, planned: &PlannedTask, number: u32, ctx: &Context) -> Object {
    task::job(planned, &attempt(stored, planned, number, ctx))
}

/// What tells one attempt from another.
fn attempt<'a>(
    stored: &'a Stored,
    planned: &PlannedTask,
    number: u32,
    ctx: &'a Context,
) -> task::Attempt<'a> {
    let run = match planned.role {
        TaskRole::Seed(_) | TaskRole::PreDelete => "",
        TaskRole::Smoke => stored.plan.digest.as_str(),
    };
    task::Attempt {
        request: &stored.request,
        urls: &stored.plan.urls,
        image: &ctx.settings.image,
        run,
        number,
    }
}

async fn post(seen: &Seen, job: &Object, ctx: &Context) -> Result<(), Error> {
    // Not as a type: it would lose what is newer than the types.
    let (kind, target) = (ApiResource::erase::<Job>(&()), seen.target_name.as_str());
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.client.clone(), target, &kind);
    let body: DynamicObject = serde_json::from_value(job.value().clone())
        .map_err(|_| Error::Malformed("a task's Job"))?;
    let params = creation();
    there_is_fine(call(&format!("create {}", job.key()), || api.create(&params, &body)).await)
}

fn summary(seen: &Seen, planned: &PlannedTask, run: &Run, message: &str) -> TaskSummary {
    let started = run.last.as_ref().and_then(|it| it.started);
    let ended = run.last.as_ref().and_then(|it| it.ended);
    TaskSummary {
        name: planned.name.clone(),
        state: run.state,
        content: seen.run_id(planned),
        incarnation: seen.incarnation(),
        started_at: started.map(Time),
        took_seconds: started.zip(ended).map(|(from, to)| seconds(from, to)),
        attempts: run.attempts,
        discounted: seen.discounted(planned),
        message: cut(message),
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// What is known of a failed task: its container's ending and the last line of its log, without
/// any credential of the target.
async fn evidence(
    seen: &Seen,
    stored: &Stored,
    planned: &PlannedTask,
    run: &Run,
    ctx: &Context,
) -> String {
    let job = job(stored, planned, run.attempts, ctx);
    let words = last_words(seen, names::TASK_LABEL, Some(job.name()), ctx).await;
    let words = words.ok().flatten().unwrap_or_default();
    match super::secrets::known(seen, ctx).await {
        Ok(known) => Redactor::new(&known, &Uses::default()).redact(&redact(&words)),
        // Nothing is quoted that may hold what nobody can mask.
        Err(_) => format!("look at «kubectl logs job/{} -n {}»", job.name(), seen.target_name),
    }
}

/// The last words of the Pod of a Job: its termination message, or the end of its log, after how
/// it ended.
async fn last_words(
    seen: &Seen,
    label: &str,
    job: Option<&str>,
    ctx: &Context,
) -> Result<Option<String>, Error> {
    let api: Api<Pod> = Api::namespaced(bounded(ctx.client.clone()), seen.target_name.as_str());
    let selector = match job {
        Some(job) => format!("batch.kubernetes.io/job-name={job}"),
        None => label.to_owned(),
    };
    let (listed, selector) = (&api, &selector);
    let created = |it: &Pod| it.metadata.creation_timestamp.clone();
    let mut newest: Option<Pod> = None;
    let all = each_page(
        |params| async move {
            let params = params.labels(selector);
            call_list("list the task's Pods", || listed.list(&params)).await
        },
        |page| {
            newest = newest.take().into_iter().chain(page).max_by_key(created);
            ControlFlow::Continue(())
        },
    );
    let _ = all.await?;
    let Some(pod) = newest else {
        return match job {
            Some(job) => unmade(seen, job, ctx).await,
            None => Ok(None),
        };
    };
    let ending = lifecycle::readiness::ending(&pod);
    if let Some(message) = ending.as_ref().map(|it| &it.message).filter(|it| !it.is_empty()) {
        return Ok(Some(message.clone()));
    }
    if job.is_none() {
        return Ok(None);
    }
    let container = ending.as_ref().map(|it| it.container.clone());
    let ending = match ending {
        Some(it) => it.to_string(),
        None => lifecycle::readiness::trouble(&pod)
            .map_or_else(|| "its Pod did not end".to_owned(), |it| it.message),
    };
    // A limit in bytes would cut off the end, which is what is wanted: what is larger than any answer may
    // be is not told.
    let params = LogParams { container, tail_lines: Some(LAST_LINES), ..LogParams::default() };
    let name = pod.name_any();
    let log = call("read the task's log", || api.logs(&name, &params)).await.unwrap_or_default();
    let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Ok(Some(if last.is_empty() { ending } else { format!("{ending}: {}", last.trim()) }))
}

/// Why a Job has no Pod, in the words of its controller.
async fn unmade(seen: &Seen, job: &str, ctx: &Context) -> Result<Option<String>, Error> {
    let api: Api<Event> = Api::namespaced(bounded(ctx.client.clone()), seen.target_name.as_str());
    let about = format!("involvedObject.kind=Job,involvedObject.name={job},type=Warning");
    let params = ListParams::default().fields(&about);
    let events = call_list("list the Job's Events", || api.list(&params)).await?.items;
    // That it took too long follows from what came before.
    let cause = events.into_iter().find(|it| it.reason.as_deref() == Some("FailedCreate"));
    Ok(cause.and_then(|it| it.message).map(|it| format!("its Pod could not be made: {it}")))
}

fn cut(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}
