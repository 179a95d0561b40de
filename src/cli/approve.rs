//! `kulisse approve`

use std::process::ExitCode;

use anyhow::{Result, bail};
use kulisse_core::api::{
    condition::{ConditionType, Reason, find},
    environment::StagingEnvironment,
    request::Verb,
};

use super::{
    cluster::Named,
    request::{ask, told},
};

/// Fewest digits by which a digest is known: as many as are shown.
const SHOWN: usize = 12;

/// Arguments of `kulisse approve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// Digest of the plan that was read, or its first 12 digits: another one is not approved.
    /// Default: the present plan
    digest: Option<String>,
}

/// Lets the present plan be applied.
pub async fn approve(args: Args) -> Result<ExitCode> {
    let named = &args.environment;
    let (_, environment) = named.find().await?;
    let Some(present) = awaits(&environment) else {
        bail!(
            "no plan of {} awaits approval: «{}» shows how it stands",
            named.name,
            named.command("status", "")
        );
    };
    if let Some(read) = &args.digest
        && !means(read, present)
    {
        bail!(
            "{read} is not the plan of {}, which is {present} by now: «{}» shows it",
            named.name,
            named.command("report", "")
        );
    }
    let answer = Box::pin(ask(named, &environment, Verb::Approve, present)).await?;
    told(named, answer, &format!("to apply plan {present}"), |_| {
        format!("{} applies plan {present}", named.name)
    })
}

/// The digest of the plan that awaits approval.
fn awaits(environment: &StagingEnvironment) -> Option<&str> {
    let status = environment.status.as_ref()?;
    // What serves, or what is to take its place.
    let own = (&status.conditions, status.plan.as_ref());
    let built = status.rebuild.as_ref().map(|it| (&it.conditions, it.plan.as_ref()));
    let (_, plan) = [Some(own), built].into_iter().flatten().find(|(conditions, _)| {
        let planned = find(conditions, ConditionType::Planned);
        planned.is_some_and(|it| it.reason == Reason::AwaitingApproval.as_str())
    })?;
    Some(&plan?.digest)
}

/// Whether a person who writes `read` means the plan with this digest.
fn means(read: &str, digest: &str) -> bool {
    read.len() >= SHOWN && digest.starts_with(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_meant_by_what_is_shown_of_it() {
        let digest = "0a6af86ab985".to_owned() + &"0".repeat(52);
        for (read, meant) in [
            ("0a6af86ab985", true),
            (digest.as_str(), true),
            ("0a6a", false),
            ("0a6af86ab986", false),
        ] {
            assert_eq!(means(read, &digest), meant, "{read}");
        }
    }
}
