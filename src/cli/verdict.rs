//! How an environment stands, in a word; whether there is anything left to wait for.

use std::process::ExitCode;

use kube::ResourceExt;
use kulisse_core::api::{
    condition::{ConditionType, Reason, find, is_true},
    environment::StagingEnvironment,
    phase::Phase,
    status::StagingEnvironmentStatus,
};

use super::screen::Mark;

/// Whether a status speaks of the environment as it is now.
pub fn is_current(environment: &StagingEnvironment, status: &StagingEnvironmentStatus) -> bool {
    status.observed_generation == environment.metadata.generation.unwrap_or_default()
}

/// How it ended: ready, or in need of a person, at rest, or over. `None` while it goes on.
pub fn verdict(status: &StagingEnvironmentStatus) -> Option<ExitCode> {
    let is = |kind| is_true(&status.conditions, kind);
    if is(ConditionType::Ready) {
        return Some(ExitCode::SUCCESS);
    }
    let over = [
        ConditionType::Stalled,
        ConditionType::Expired,
        ConditionType::Asleep,
        ConditionType::Suspended,
    ];
    over.into_iter().any(is).then(|| ExitCode::from(super::NO))
}

/// One word for people.
pub fn phase(environment: &StagingEnvironment) -> String {
    let phase = environment.status.as_ref().and_then(|it| it.phase.clone());
    phase.unwrap_or_else(|| Phase::Pending.as_str().to_owned())
}

/// Whether a condition is good, by its status and its reason.
pub fn standing(status: &str, reason: &str) -> Mark {
    let is = |all: &[Reason]| all.iter().any(|it| it.as_str() == reason);
    match status {
        "True" => Mark::Fine,
        "False" if is(&[Reason::Progressing, Reason::Running, Reason::Queued, Reason::Expired]) => {
            Mark::Going
        }
        "False" if is(&[Reason::AwaitingApproval]) => Mark::Doubt,
        "False" if is(&[Reason::Pending, Reason::Asleep, Reason::Suspended]) => Mark::Open,
        "False" => Mark::Wrong,
        _ => Mark::Open,
    }
}

/// Whether that is good.
pub fn mark(environment: &StagingEnvironment) -> Mark {
    let conditions = environment.status.as_ref().map_or(&[][..], |it| &it.conditions);
    let is = |kind| is_true(conditions, kind);
    let blocked = is(ConditionType::TeardownBlocked);
    let over = [ConditionType::Expired, ConditionType::Suspended, ConditionType::Asleep];
    let over = over.into_iter().any(is);
    let goes = environment.metadata.deletion_timestamp.is_some();
    match find(conditions, ConditionType::Ready) {
        _ if blocked => Mark::Wrong,
        _ if goes => Mark::Going,
        Some(it) if it.status == "True" => Mark::Fine,
        _ if over => Mark::Open,
        Some(it) if it.status == "False" => standing(&it.status, &it.reason),
        _ => Mark::Going,
    }
}

/// One line, for logs of CI.
pub fn line(environment: &StagingEnvironment) -> String {
    let conditions = environment.status.as_ref().map_or(&[][..], |it| &it.conditions);
    let message = find(conditions, ConditionType::Ready)
        .map_or_else(|| "not seen yet".to_owned(), |it| it.message.clone());
    format!("{} {}: {message}", environment.name_any(), phase(environment))
}
