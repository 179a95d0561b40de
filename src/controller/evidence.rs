//! What is known of what failed, in the StagingPlan: looked at once for each state that the failures
//! are in.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use futures::future::join_all;
use k8s_openapi::{
    api::core::v1::{Event, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, ResourceExt, api::LogParams};
use kulisse_core::{
    api::{
        evidence::{Evidence, EvidenceSummary},
        names,
    },
    lifecycle::{
        evidence::{self, Failure, LINES, Subject},
        readiness,
    },
    secrets::{Redactor, Uses, redact},
};

use super::{
    call::{bounded, call, call_list, each_page},
    context::Context,
    error::Error,
    report, secrets,
    seen::Seen,
    stored::Stored,
    tasks, trouble,
};

/// Logs that are read at once; of other failures only states and Events are told.
const LOGS: usize = 4;
/// Most of a log that is read, in bytes.
const BYTES: i64 = 16 * 1024;
/// Most Events of a target that are looked at, and that are kept.
const EVENTS: (usize, usize) = (10_000, 500);

/// Brings the evidence in the StagingPlan up to date. That this cannot be done holds nothing up.
pub async fn tell(seen: &mut Seen, ctx: &Context) {
    let facts = seen.facts(ctx.clock.now());
    let failures = evidence::failures(&facts);
    let (told, of) = (seen.record.evidence.as_ref(), evidence::mark(&failures));
    let evidence = match &seen.stored {
        _ if failures.is_empty() && told.is_some() && evidence::is_over(&facts) => Vec::new(),
        Some(stored) if !failures.is_empty() && told.is_none_or(|it| it.of != of) => {
            match collect(seen, stored, &failures, ctx).await {
                Ok(found) => found,
                Err(error) => {
                    return tracing::warn!(%error, "evidence of failures was not looked for");
                }
            }
        }
        _ => return,
    };
    if let Err(error) = report::amend(seen, report::EVIDENCE, &evidence, ctx).await {
        return tracing::warn!(%error, "evidence of failures was not written down");
    }
    let entries = u32::try_from(evidence.len()).unwrap_or(u32::MAX);
    seen.record.evidence = (entries > 0).then_some(EvidenceSummary { entries, of });
}

async fn collect(
    seen: &Seen,
    stored: &Stored,
    failures: &[Failure],
    ctx: &Context,
) -> Result<Vec<Evidence>, Error> {
    let jobs: BTreeMap<usize, String> = failures
        .iter()
        .filter_map(|it| match it.subject {
            Subject::Task(at) => Some((at, tasks::last_job(seen, stored, at, ctx)?)),
            Subject::Workload(_) | Subject::Probe => None,
        })
        .collect();
    let mut pods: BTreeMap<usize, Pod> = BTreeMap::new();
    trouble::each_pod(seen, ctx, |pod| {
        for (at, failure) in failures.iter().enumerate() {
            if says_more(failure, &pod, pods.get(&at), &jobs) {
                pods.insert(at, pod.clone());
            }
        }
    })
    .await?;
    let found = failures.iter().enumerate().map(|(at, failure)| (failure, pods.get(&at)));
    let found: Vec<(&Failure, Option<&Pod>)> = found.collect();
    let names: BTreeSet<&str> = found
        .iter()
        .flat_map(|(failure, pod)| {
            let pod = pod.and_then(|it| it.metadata.name.as_deref());
            objects(failure, &jobs).into_iter().chain(pod)
        })
        .collect();
    let (events, known) = futures::join!(warnings(seen, &names, ctx), secrets::known(seen, ctx));
    let events = events?;
    let logs = join_all(
        found
            .iter()
            .filter_map(|(_, pod)| pod.filter(|it| evidence::speaker(it).is_some()))
            .take(LOGS)
            .map(|pod| async move { (pod.name_any(), log(seen, pod, ctx).await) }),
    )
    .await;
    let redactor = known.map(|known| Redactor::new(&known, &Uses::default())).ok();
    let mask = redactor.map(|it| move |text: &str| it.redact(&redact(text)));
    let mask = mask.as_ref().map(|it| it as &dyn Fn(&str) -> String);
    let told = found.into_iter().map(|(failure, pod)| {
        let objects = objects(failure, &jobs);
        let mut told = evidence::of(failure, pod, &objects, &events);
        let log = logs.iter().find(|(name, _)| Some(name) == told.pod.as_ref());
        if let Some((_, Some((container, log)))) = log {
            evidence::quote(&mut told, container, log);
        }
        evidence::masked(told, mask)
    });
    Ok(told.collect())
}

/// Names of what belongs to a failure, besides its Pod.
fn objects<'a>(failure: &'a Failure, jobs: &'a BTreeMap<usize, String>) -> Vec<&'a str> {
    match &failure.subject {
        Subject::Workload(key) => vec![key.name.as_str()],
        Subject::Task(at) => jobs.get(at).map(String::as_str).into_iter().collect(),
        Subject::Probe => vec![names::PROBE_JOB],
    }
}

/// Whether a Pod is the one at which it failed, rather than the one that was found before: of a workload
/// the first that does not come up, of a Job the last.
fn says_more(
    failure: &Failure,
    pod: &Pod,
    before: Option<&Pod>,
    jobs: &BTreeMap<usize, String>,
) -> bool {
    let created = |it: &Pod| it.metadata.creation_timestamp.clone();
    let of_job = |job: &str| {
        trouble::owner(pod).is_some_and(|it| it.kind == "Job" && it.name == job)
            && before.is_none_or(|it| created(pod) >= created(it))
    };
    match &failure.subject {
        Subject::Task(at) => jobs.get(at).is_some_and(|job| of_job(job)),
        Subject::Probe => of_job(names::PROBE_JOB),
        Subject::Workload(key) => {
            before.is_none()
                && trouble::owner(pod).as_ref() == Some(key)
                && readiness::trouble(pod).is_some()
        }
    }
}

/// The warnings about these objects.
async fn warnings(seen: &Seen, about: &BTreeSet<&str>, ctx: &Context) -> Result<Vec<Event>, Error> {
    let api: Api<Event> = Api::namespaced(bounded(ctx.client.clone()), seen.target_name.as_str());
    let (api, what) = (&api, &format!("list Events in {}", seen.target_name));
    let (mut found, mut seen, (most, most_kept)) = (Vec::new(), 0, EVENTS);
    let is_mine =
        |it: &Event| it.involved_object.name.as_deref().is_some_and(|name| about.contains(name));
    let all = each_page(
        |params| async move {
            let params = params.fields("type=Warning");
            call_list(what, || api.list(&params)).await
        },
        |page: Vec<Event>| {
            seen += page.len();
            let mine = page
                .into_iter()
                .filter(is_mine)
                .map(|it| Event { metadata: ObjectMeta::default(), ..it });
            found.extend(mine.take(most_kept - found.len()));
            let goes_on = seen < most && found.len() < most_kept;
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    let _ = all.await?;
    Ok(found)
}

/// The end of the log that says why, and whose it is.
async fn log(seen: &Seen, pod: &Pod, ctx: &Context) -> Option<(String, String)> {
    let (container, previous) = evidence::speaker(pod)?;
    let params = LogParams {
        container: Some(container.clone()),
        previous,
        tail_lines: i64::try_from(LINES).ok(),
        limit_bytes: Some(BYTES),
        ..LogParams::default()
    };
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    let name = pod.name_any();
    let log = call("read a container's log", || api.logs(&name, &params)).await;
    log.ok().map(|log| (container, log))
}
