//! A second namespace beside the one that serves.
//!
//! Each of the two is worked on as if it were alone: by the same steps, with a record of its own. What
//! is here takes the status apart into those records, puts it together again, and says what the one
//! has to know of the other.
//!
//! ```text
//! begin ─► Building ─── is ready ──► switch ─► Leaving ─► gone
//!              └─ fails, is not wanted any more ──►┘
//! ```

use std::mem::{swap, take};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    facts::{Beside, Facts, Part, Problem},
    step::Step,
};
use crate::api::{
    condition::{ConditionType, Reason, find, is_true},
    drift::DriftSummary,
    identity::Incarnation,
    rebuild::{Rebuild, Rebuilt},
    request::Request,
    status::{StagingEnvironmentStatus, Target, TargetRole},
};

/// Longest reason of a refusal.
const LONGEST: usize = 1000;
/// So long what was replaced runs on: requests are under way, and routers follow in their own time.
pub const DRAINS_FOR: SignedDuration = SignedDuration::from_secs(10);

/// Which part of an environment a record is of.
pub fn part(record: &StagingEnvironmentStatus) -> Part {
    match record.rebuild.as_ref().map(|it| it.role) {
        None => Part::Serving,
        Some(TargetRole::Building | TargetRole::Serving) => Part::Building,
        Some(TargetRole::Leaving) => Part::Leaving,
    }
}

/// Until when a replaced namespace runs on.
pub fn drains_until(record: &StagingEnvironmentStatus) -> Option<Timestamp> {
    let replaced = record.rebuild.as_ref()?.replaced_at.as_ref()?;
    replaced.0.checked_add(DRAINS_FOR).ok()
}

/// The record of a namespace that is to take the place of the one of `record`.
pub fn begin(record: &StagingEnvironmentStatus, now: Timestamp) -> StagingEnvironmentStatus {
    let incarnation = Incarnation(life(record).0 + 1);
    let rebuild = Rebuild {
        role: TargetRole::Building,
        incarnation,
        since: Time(now),
        replaced_at: None,
        refused: String::new(),
        compared: String::new(),
        phase: None,
        conditions: Vec::new(),
        plan: None,
        source: None,
        urls: Vec::new(),
        seed: Vec::new(),
        smoke: Vec::new(),
        pre_delete: Vec::new(),
        teardown: None,
    };
    apart(Box::new(rebuild), Vec::new(), record)
}

/// Takes the record of what is beside the namespace that serves out of a status.
pub fn split(record: &mut StagingEnvironmentStatus) -> Option<StagingEnvironmentStatus> {
    let rebuild = record.rebuild.take()?;
    let all = take(&mut record.namespaces).into_iter();
    let (its, own) = all.partition(|it| it.incarnation == rebuild.incarnation);
    record.namespaces = own;
    Some(apart(rebuild, its, record))
}

/// A record of its own: what is the environment's is the same in both.
fn apart(
    rebuild: Box<Rebuild>,
    namespaces: Vec<Target>,
    record: &StagingEnvironmentStatus,
) -> StagingEnvironmentStatus {
    let it = Rebuild::clone(&rebuild);
    let drift = DriftSummary { compared: it.compared, ..DriftSummary::default() };
    StagingEnvironmentStatus {
        observed_generation: record.observed_generation,
        conditions: it.conditions,
        phase: it.phase,
        incarnation: Some(it.incarnation),
        namespaces,
        url: it.urls.first().cloned(),
        urls: it.urls,
        withdrawn: record.withdrawn.clone(),
        started_at: record.started_at.clone(),
        expires_at: record.expires_at.clone(),
        plan: it.plan,
        source: it.source,
        drift: Some(drift),
        requests: asked_of(&record.requests, life(record), it.incarnation),
        seed: it.seed,
        smoke: it.smoke,
        pre_delete: it.pre_delete,
        teardown: it.teardown,
        rebuild: Some(rebuild),
        ..StagingEnvironmentStatus::default()
    }
}

/// Puts the record of what is beside back into a status.
pub fn merge(status: &mut StagingEnvironmentStatus, beside: &StagingEnvironmentStatus) {
    let Some(rebuild) = &beside.rebuild else { return };
    let its = beside.namespaces.iter().cloned();
    status.namespaces.extend(its.map(|it| match it.role {
        TargetRole::Leaving => it,
        TargetRole::Serving | TargetRole::Building => Target { role: rebuild.role, ..it },
    }));
    let compared = beside.drift.as_ref().map(|it| it.compared.clone()).unwrap_or_default();
    status.rebuild = Some(Box::new(Rebuild {
        role: rebuild.role,
        incarnation: rebuild.incarnation,
        since: rebuild.since.clone(),
        replaced_at: rebuild.replaced_at.clone(),
        refused: rebuild.refused.clone(),
        compared,
        phase: beside.phase.clone(),
        conditions: beside.conditions.clone(),
        plan: beside.plan.clone(),
        source: beside.source.clone(),
        urls: beside.urls.clone(),
        seed: beside.seed.clone(),
        smoke: beside.smoke.clone(),
        pre_delete: beside.pre_delete.clone(),
        teardown: beside.teardown.clone(),
    }));
}

/// What was built takes the place of what serves: in `serving` stands from now on what was said of it,
/// and in `built` what goes. The life goes on: its end and what was asked of it stay.
pub fn switch(
    serving: &mut StagingEnvironmentStatus,
    built: &mut StagingEnvironmentStatus,
    rebuilt: Rebuilt,
) {
    let (old, new) = (life(serving), life(built));
    swap(&mut serving.namespaces, &mut built.namespaces);
    swap(&mut serving.plan, &mut built.plan);
    swap(&mut serving.source, &mut built.source);
    swap(&mut serving.seed, &mut built.seed);
    swap(&mut serving.smoke, &mut built.smoke);
    swap(&mut serving.pre_delete, &mut built.pre_delete);
    swap(&mut serving.teardown, &mut built.teardown);
    swap(&mut serving.url, &mut built.url);
    swap(&mut serving.urls, &mut built.urls);
    swap(&mut serving.workloads, &mut built.workloads);
    for target in &mut serving.namespaces {
        target.role = TargetRole::Serving;
    }
    serving.incarnation = Some(new);
    serving.requests = asked_of(&serving.requests, old, new);
    built.incarnation = Some(old);
    built.requests = asked_of(&built.requests, new, old);
    built.conditions = Vec::new();
    if let Some(it) = &mut built.rebuild {
        it.role = TargetRole::Leaving;
        it.incarnation = old;
        it.replaced_at = Some(rebuilt.at.clone());
    }
    let before = serving.drift.take().and_then(|it| it.resynced_at);
    let compared = built.drift.take().map(|it| it.compared).unwrap_or_default();
    serving.drift = Some(DriftSummary {
        compared,
        resynced_at: before,
        rebuilt: Some(rebuilt),
        ..DriftSummary::default()
    });
}

/// The routes of what is built were refused: it waits for a person.
pub fn refuse(built: &mut StagingEnvironmentStatus, why: &str) -> Beside {
    if let Some(it) = &mut built.rebuild {
        it.refused = why.chars().take(LONGEST).collect();
    }
    refused(built, why)
}

fn refused(built: &StagingEnvironmentStatus, why: &str) -> Beside {
    let made_of = built.drift.as_ref().map(|it| it.compared.clone()).unwrap_or_default();
    let stalled = Some(Problem::new(Reason::Refused, why));
    Beside::Building { told: why.to_owned(), stalled, made_of }
}

/// A life that neither of two records stands for.
pub fn beyond(
    one: &StagingEnvironmentStatus,
    other: &StagingEnvironmentStatus,
) -> Option<Incarnation> {
    Some(life(one).max(Incarnation(life(other).0 + 1)))
}

/// What is built is not wanted any more.
pub fn drop(built: &mut StagingEnvironmentStatus) {
    if let Some(it) = &mut built.rebuild {
        it.role = TargetRole::Leaving;
    }
}

/// The same requests, of another life.
fn asked_of(requests: &[Request], from: Incarnation, to: Incarnation) -> Vec<Request> {
    let life = |it: &Request| if it.incarnation == from { to } else { it.incarnation };
    requests.iter().map(|it| Request { incarnation: life(it), ..it.clone() }).collect()
}

fn life(record: &StagingEnvironmentStatus) -> Incarnation {
    record.incarnation.unwrap_or(Incarnation(1))
}

/// How what is built stands, as far as the namespace that serves depends on it: `facts`, `step` and
/// `status` are its own.
pub fn stands(
    facts: &Facts,
    step: &Step,
    problem: Option<&Problem>,
    status: &StagingEnvironmentStatus,
) -> Beside {
    match facts.part {
        Part::Serving => return Beside::Nothing,
        Part::Leaving => {
            let blocked = find(&status.conditions, ConditionType::TeardownBlocked);
            return Beside::Leaving(blocked.map(|it| it.message.clone()));
        }
        Part::Building => {}
    }
    if *step == Step::Rest && problem.is_none() {
        let why = status.rebuild.as_ref().map_or("", |it| &it.refused);
        return if why.is_empty() { Beside::Ready } else { refused(status, why) };
    }
    let message = |kind| find(&status.conditions, kind).map(|it| it.message.clone());
    let stalled = find(&status.conditions, ConditionType::Stalled);
    let reason = stalled.and_then(|it| reason(&it.reason));
    Beside::Building {
        told: message(ConditionType::Ready).unwrap_or_default(),
        stalled: reason.zip(stalled).map(|(reason, it)| Problem::new(reason, &it.message)),
        made_of: status.drift.as_ref().map(|it| it.compared.clone()).unwrap_or_default(),
    }
}

fn reason(word: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|it| it.as_str() == word)
}

/// Whether what is built has come to a stop.
pub fn stalled(record: &StagingEnvironmentStatus) -> bool {
    let building = record.rebuild.as_ref().filter(|it| it.role == TargetRole::Building);
    building
        .is_some_and(|it| !it.refused.is_empty() || is_true(&it.conditions, ConditionType::Stalled))
}

#[cfg(test)]
mod tests;
