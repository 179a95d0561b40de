//! The status that follows from facts and step: the only place where conditions are made.

mod passing;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

pub(super) use self::passing::stuck;
use self::passing::{needs_a_person, passing};
use super::{
    drift::differs,
    facts::{Beside, Facts, Part, Probe, Problem, Target, Task},
    step::{Cause, Step},
    words::{
        asleep, built, failed, failure, gone, phase, progress, queued, short, suspended, told,
        unapproved, waiting,
    },
};
use crate::{
    api::{
        condition::{ConditionType, Reason, Verdict, condition},
        status::{StagingEnvironmentStatus, TaskState, Wave, WorkloadSummary},
    },
    plan::task::TaskRole,
};

/// What is added where the boundary does not hold anything up.
const WARNS_ONLY: &str = "boundary.mode is Warn, so that nothing waits for it";

/// One condition before it gets its times.
type Said = (ConditionType, Verdict, Reason, String);

/// The status of an environment that is at `step`. `record` holds what was recorded in this pass
/// (target, plan, tasks) and the conditions of the last one; `problem` is what went wrong in it.
pub fn project(
    facts: &Facts,
    step: &Step,
    problem: Option<&Problem>,
    record: &StagingEnvironmentStatus,
) -> StagingEnvironmentStatus {
    let mut said = vec![
        ready(facts, step, problem),
        granted(facts, step, problem),
        planned(facts, step, problem),
        boundary(facts, step),
        applied(facts, step, problem),
        workloads(facts),
        tasks(facts, ConditionType::Seeded),
        tasks(facts, ConditionType::SmokePassed),
    ];
    said.extend(in_sync(facts, step, problem, record).filter(|_| facts.part == Part::Serving));
    said.extend(passing(facts, step, problem));
    let conditions = said
        .into_iter()
        .map(|(kind, verdict, reason, message)| {
            condition(
                &record.conditions,
                kind,
                verdict,
                reason,
                message,
                facts.generation,
                facts.now,
            )
        })
        .collect::<Vec<Condition>>();
    StagingEnvironmentStatus {
        observed_generation: facts.generation,
        phase: Some(phase(facts, step, problem).to_owned()),
        incarnation: Some(facts.incarnation),
        expires_at: facts.expires_at.map(Time),
        workloads: record.plan.as_ref().map(|_| WorkloadSummary {
            ready: u32::try_from(facts.up()).unwrap_or(u32::MAX),
            total: u32::try_from(facts.workloads.len()).unwrap_or(u32::MAX),
        }),
        conditions,
        drift: record.drift.clone().filter(|_| record.plan.is_some()),
        ..record.clone()
    }
}

/// The status of an environment that could not be looked at: what was said of it stays, except
/// that nobody knows whether it holds.
pub fn unseen(
    problem: &Problem,
    generation: i64,
    record: &StagingEnvironmentStatus,
    now: Timestamp,
) -> StagingEnvironmentStatus {
    let acting =
        if needs_a_person(problem) { ConditionType::Stalled } else { ConditionType::Reconciling };
    let mut conditions = record.conditions.clone();
    for (kind, verdict) in [(ConditionType::Ready, Verdict::Unknown), (acting, Verdict::True)] {
        let message = problem.message.clone();
        let said =
            condition(&record.conditions, kind, verdict, problem.reason, message, generation, now);
        conditions.retain(|it| it.type_ != said.type_);
        conditions.push(said);
    }
    let other = match acting {
        ConditionType::Stalled => ConditionType::Reconciling,
        _ => ConditionType::Stalled,
    };
    conditions.retain(|it| it.type_ != other.as_str());
    StagingEnvironmentStatus { conditions, ..record.clone() }
}

/// What holds a person back from using the environment: the first cause.
fn ready(facts: &Facts, step: &Step, problem: Option<&Problem>) -> Said {
    use ConditionType::Ready;
    let no = |problem: &Problem| (Ready, Verdict::False, problem.reason, problem.message.clone());
    let wait = |message: String| (Ready, Verdict::Unknown, Reason::Progressing, message);
    match step {
        Step::Close(cause)
        | Step::StartLast(cause, _)
        | Step::AwaitLast(cause, _)
        | Step::EndResources(cause)
        | Step::AwaitResources(cause, _)
        | Step::Teardown(cause)
        | Step::AwaitGone(cause, _)
        | Step::AwaitBeside(cause)
        | Step::ReleaseRights(cause)
        | Step::Forget(cause) => no(&gone(*cause)),
        Step::AwaitDrain | Step::Discard => no(&gone(Cause::Replaced)),
        Step::RestExpired | Step::Delete => no(&gone(Cause::Expired)),
        Step::RestReleased => no(&gone(Cause::Deleted)),
        Step::RestSuspended => no(&suspended()),
        Step::Refuse(held)
        | Step::RestBlocked(held, _)
        | Step::RestUnfenced(held)
        | Step::RestFrozen(held) => no(held),
        Step::RestFailed(at) => no(&failure(facts, *at)),
        Step::RestUnapproved => no(&unapproved(facts)),
        Step::RestQueued { position, given_up } => no(&queued(*position, *given_up)),
        Step::Sleep | Step::RestAsleep if problem.is_none() => {
            no(&Problem::new(Reason::Asleep, asleep(facts)))
        }
        // Whether it could be compared or not, it can be used.
        Step::Compare => (Ready, Verdict::True, Reason::Ready, usable(facts, step)),
        // What is beside it says nothing of whether this one can be used.
        Step::Inspect | Step::Rebuild | Step::Switch | Step::Abandon if facts.all_up() => {
            (Ready, Verdict::True, Reason::Ready, usable(facts, step))
        }
        Step::Rest => match problem {
            Some(problem) => no(problem),
            None => (Ready, Verdict::True, Reason::Ready, usable(facts, step)),
        },
        _ if problem.is_some() => problem.map_or_else(|| wait(String::new()), no),
        Step::AwaitWorkloads
        | Step::AwaitStores(_)
        | Step::AwaitRunningStores
        | Step::AwaitProbe => match stuck(facts) {
            Some(problem) => no(&problem),
            None => wait(progress(facts, step)),
        },
        Step::Claim
        | Step::Plan
        | Step::Prepare
        | Step::Probe
        | Step::Begin(_)
        | Step::Apply { .. }
        | Step::StartTask(_)
        | Step::AwaitTask(_)
        | Step::TakePlace
        | Step::Freeze
        | Step::Sleep
        | Step::RestAsleep
        | Step::Inspect
        | Step::Rebuild
        | Step::Switch
        | Step::Abandon
        | Step::GiveUp(_) => wait(progress(facts, step)),
    }
}

/// That an environment can be used, and what is not as it should be all the same.
fn usable(facts: &Facts, step: &Step) -> String {
    let (_, verdict, ..) = boundary(facts, step);
    let warning = match verdict {
        Verdict::False => ", but its boundary is not clean: look at BoundaryClean",
        Verdict::True | Verdict::Unknown => "",
    };
    format!("the environment can be used{warning}")
}

fn granted(facts: &Facts, step: &Step, problem: Option<&Problem>) -> Said {
    use ConditionType::Granted;
    if let Step::RestQueued { position, given_up } = step {
        let problem = queued(*position, *given_up);
        return (Granted, Verdict::False, problem.reason, problem.message);
    }
    if let Some(withdrawal) = &facts.withdrawal {
        let problem = &withdrawal.problem;
        return (Granted, Verdict::False, problem.reason, problem.message.clone());
    }
    let unreadable = problem.filter(|it| *step == Step::Plan && of_source(it));
    let refused = facts.refusal.as_ref().or(facts.unfenced.as_ref());
    match (refused.or(unreadable), step) {
        (Some(problem), _) => (Granted, Verdict::False, problem.reason, problem.message.clone()),
        (None, Step::RestReleased | Step::RestExpired | Step::Delete) => {
            (Granted, Verdict::Unknown, Reason::Pending, "not looked at any more".to_owned())
        }
        (None, _) => (
            Granted,
            Verdict::True,
            Reason::Granted,
            if facts.manifests {
                "the class allows manifests as a source".to_owned()
            } else {
                "a StagingGrant in the source names this namespace, and the class allows it"
                    .to_owned()
            },
        ),
    }
}

/// Whether a problem is the source's own: it is not there, or may not be read.
fn of_source(problem: &Problem) -> bool {
    matches!(problem.reason, Reason::SourceNotFound | Reason::SourceNotReadable)
}

fn planned(facts: &Facts, step: &Step, problem: Option<&Problem>) -> Said {
    use ConditionType::Planned;
    if let (Step::Plan, Some(problem)) = (step, problem.filter(|it| !of_source(it))) {
        return (Planned, Verdict::False, problem.reason, problem.message.clone());
    }
    if *step == Step::RestUnapproved {
        let problem = unapproved(facts);
        return (Planned, Verdict::False, problem.reason, problem.message);
    }
    match &facts.plan {
        Some(plan) if plan.generation == facts.generation => (
            Planned,
            Verdict::True,
            Reason::Succeeded,
            format!("plan {} holds for generation {}", short(&plan.digest), plan.generation),
        ),
        _ => (
            Planned,
            Verdict::Unknown,
            Reason::Pending,
            "no plan for this generation yet".to_owned(),
        ),
    }
}

fn boundary(facts: &Facts, step: &Step) -> Said {
    use ConditionType::BoundaryClean;
    if let Step::RestBlocked(problem, count) = step {
        let message = format!("{} ({count} blocking findings in all)", problem.message);
        return (BoundaryClean, Verdict::False, problem.reason, message);
    }
    let copied = facts.plan.as_ref().map_or(&[][..], |plan| plan.copied.as_slice());
    let warned = facts.plan.as_ref().map_or(0, |plan| plan.warned);
    let failed = matches!(facts.probe, Probe::Failed(_)) && !facts.warns_only;
    let probes = matches!(facts.probe, Probe::Due | Probe::Running(_));
    // Since when the probe has failed, this condition says: it does not stand still while one runs.
    if warned > 0 && !failed && !(probes && facts.target == Target::Living) {
        let message = format!(
            "{warned} references to the source are left, as the findings of the StagingPlan say; {WARNS_ONLY}"
        );
        return (BoundaryClean, Verdict::False, Reason::ProductionReference, message);
    }
    let skipped = "the class skips the probe: that production cannot be reached is not promised";
    let shown = match &facts.probe {
        Probe::Closed(what) => Some(what.as_str()),
        Probe::Skipped => Some(skipped),
        Probe::Failed(_) | Probe::Running(_) | Probe::Due => None,
    };
    if let Some(shown) = shown.filter(|_| !copied.is_empty()) {
        let message = format!(
            "{shown}; but credentials of production's own are in the clone, as grant and class allow: {}",
            copied.join(", ")
        );
        return (BoundaryClean, Verdict::False, Reason::CredentialCopied, message);
    }
    match &facts.probe {
        Probe::Closed(what) => (BoundaryClean, Verdict::True, Reason::Probed, what.clone()),
        Probe::Failed(problem) if facts.warns_only => {
            let message = format!("{}; {WARNS_ONLY}", problem.message);
            (BoundaryClean, Verdict::False, problem.reason, message)
        }
        Probe::Failed(problem) => {
            (BoundaryClean, Verdict::False, problem.reason, problem.message.clone())
        }
        Probe::Skipped => {
            (BoundaryClean, Verdict::Unknown, Reason::ProbeSkipped, skipped.to_owned())
        }
        Probe::Running(Some(problem)) => {
            (BoundaryClean, Verdict::Unknown, problem.reason, problem.message.clone())
        }
        Probe::Due | Probe::Running(None) => {
            (BoundaryClean, Verdict::Unknown, Reason::Pending, "not shown yet".to_owned())
        }
    }
}

fn applied(facts: &Facts, step: &Step, problem: Option<&Problem>) -> Said {
    use ConditionType::Applied;
    if let (Step::Prepare | Step::Apply { .. }, Some(problem)) = (step, problem) {
        return (Applied, Verdict::False, problem.reason, problem.message.clone());
    }
    let digest = facts.plan.as_ref().map(|plan| plan.digest.as_str());
    match &facts.applied {
        Some((held, Wave::Workloads)) if Some(held.as_str()) == digest => (
            Applied,
            Verdict::True,
            Reason::Succeeded,
            format!("the target holds plan {}", short(held)),
        ),
        Some((held, Wave::Config)) if Some(held.as_str()) == digest && facts.asleep() => (
            Applied,
            Verdict::Unknown,
            Reason::Pending,
            format!("the target holds plan {} without its workloads", short(held)),
        ),
        _ => (
            Applied,
            Verdict::Unknown,
            Reason::Pending,
            "the target does not hold the plan yet".to_owned(),
        ),
    }
}

/// Whether the clone is what production is, once it holds the plan.
fn in_sync(
    facts: &Facts,
    step: &Step,
    problem: Option<&Problem>,
    record: &StagingEnvironmentStatus,
) -> Option<Said> {
    use ConditionType::InSync;
    let drift = record.drift.as_ref().filter(|_| facts.target == Target::Living)?;
    let plan = facts.plan.as_ref()?;
    let whole = |through| through == Wave::Workloads || facts.asleep();
    let applied = facts.applied.as_ref();
    let holds = applied.is_some_and(|(digest, through)| *digest == plan.digest && whole(*through));
    let unknown = match (step, problem) {
        (Step::Compare, Some(problem)) => Some(("production", problem)),
        (Step::Inspect, Some(problem)) => Some(("the target", problem)),
        (Step::Rest, _) => facts.blind.as_ref().map(|problem| ("production", problem)),
        _ => None,
    };
    if let Some((what, problem)) = unknown {
        let message = format!("{what} cannot be looked at: {}", problem.message);
        return Some((InSync, Verdict::Unknown, problem.reason, message));
    }
    Some(match differs(drift) {
        Some(moved) => {
            let message = match problem.filter(|_| *step == Step::Switch) {
                Some(problem) => format!(
                    "{}; the namespace that was built cannot take over: {}",
                    moved.message, problem.message
                ),
                None => format!("{}{}", moved.message, beside(facts)),
            };
            (InSync, Verdict::False, moved.reason, message)
        }
        None if holds => {
            let message = "the clone is what a new plan would make of production";
            (InSync, Verdict::True, Reason::InSync, message.to_owned())
        }
        None => return None,
    })
}

/// How what is built beside stands, as the end of a sentence.
fn beside(facts: &Facts) -> String {
    match &facts.beside {
        Beside::Nothing | Beside::Leaving(_) => String::new(),
        Beside::Building { stalled: Some(problem), .. } => format!("; {}", failed(problem)),
        Beside::Building { told, stalled: None, .. } => format!("; {}", built(told)),
        Beside::Ready => "; the namespace that was built is ready".to_owned(),
    }
}

fn workloads(facts: &Facts) -> Said {
    use ConditionType::WorkloadsReady;
    let count = format!("{} of {} workloads are up", facts.up(), facts.workloads.len());
    if facts.target != Target::Living || facts.plan.is_none() {
        return (WorkloadsReady, Verdict::Unknown, Reason::Pending, "not applied yet".to_owned());
    }
    if facts.asleep() {
        return (WorkloadsReady, Verdict::False, Reason::Asleep, "no workload has Pods".to_owned());
    }
    match stuck(facts) {
        Some(problem) => (
            WorkloadsReady,
            Verdict::False,
            problem.reason,
            format!("{}; {count}", problem.message),
        ),
        None if facts.all_up() => (WorkloadsReady, Verdict::True, Reason::Succeeded, count),
        None => {
            (WorkloadsReady, Verdict::False, Reason::Progressing, waiting(&facts.workloads, count))
        }
    }
}

fn tasks(facts: &Facts, kind: ConditionType) -> Said {
    let of = |role: TaskRole| match role {
        TaskRole::Seed(_) => Some(ConditionType::Seeded),
        TaskRole::Smoke => Some(ConditionType::SmokePassed),
        TaskRole::PreDelete => None,
    };
    let mine: Vec<&Task> = facts.tasks.iter().filter(|task| of(task.role) == Some(kind)).collect();
    if facts.plan.is_none() {
        return (kind, Verdict::Unknown, Reason::Pending, "not planned yet".to_owned());
    }
    if mine.is_empty() {
        return (kind, Verdict::True, Reason::NotRequested, "none was asked for".to_owned());
    }
    let failed =
        mine.iter().find(|task| matches!(task.state, TaskState::Failed | TaskState::TimedOut));
    let passed = mine.iter().filter(|task| task.state == TaskState::Passed).count();
    let running = mine.iter().find(|task| task.state == TaskState::Running);
    let count = format!("{passed} of {} passed", mine.len());
    match (failed, running) {
        (Some(task), _) => {
            let problem = told(task);
            (kind, Verdict::False, problem.reason, problem.message)
        }
        (None, Some(task)) => {
            (kind, Verdict::False, Reason::Running, format!("{} runs; {count}", task.name))
        }
        (None, None) if passed == mine.len() => (kind, Verdict::True, Reason::Succeeded, count),
        (None, None) => (kind, Verdict::False, Reason::Pending, count),
    }
}

#[cfg(test)]
mod tests;
