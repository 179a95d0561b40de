//! Whether there is anything left to wait for.

use std::process::ExitCode;

use kulisse_core::api::{
    condition::{ConditionType, is_true},
    environment::StagingEnvironment,
    status::StagingEnvironmentStatus,
};

/// Whether a status speaks of the environment as it is now.
pub fn is_current(environment: &StagingEnvironment, status: &StagingEnvironmentStatus) -> bool {
    status.observed_generation == environment.metadata.generation.unwrap_or_default()
}

/// How it ended: ready, or in need of a person, or over. `None` while it goes on.
pub fn verdict(status: &StagingEnvironmentStatus) -> Option<ExitCode> {
    let is = |kind| is_true(&status.conditions, kind);
    if is(ConditionType::Ready) {
        return Some(ExitCode::SUCCESS);
    }
    let over = is(ConditionType::Stalled) || is(ConditionType::Expired);
    over.then(|| ExitCode::from(super::NO))
}
