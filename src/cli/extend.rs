//! `kulisse extend`

use std::process::ExitCode;

use anyhow::{Result, bail};
use jiff::{SignedDuration, Timestamp};
use kulisse_core::api::{environment::StagingEnvironment, request::Verb};

use super::{
    cluster::Named,
    request::{ask, told},
    time::{length, moment, now, until, whole},
};

/// Arguments of `kulisse extend`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// How much longer, counted from its present expiry, or from now if that is over: 24h, 1h30m, 2d
    #[arg(value_name = "TIME", value_parser = length, required_unless_present = "until")]
    by: Option<SignedDuration>,
    /// Until when instead; this may be earlier than now planned: 2026-11-23T18:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "by")]
    until: Option<Timestamp>,
}

/// Asks for another expiry. Its class has the last word.
pub async fn extend(args: Args) -> Result<ExitCode> {
    let named = &args.environment;
    let (_, environment) = named.find().await?;
    let now = now();
    let before = expiry(&environment);
    let wanted = match (args.until, args.by) {
        (Some(at), _) if at <= now => {
            bail!("{at} is over: «{}» ends it now", named.command("delete", ""))
        }
        (Some(at), _) => at,
        (None, by) => later(before, now, by.unwrap_or_default()),
    };
    let answer = Box::pin(ask(named, &environment, Verb::Extend, &wanted.to_string())).await?;
    let name = &named.name;
    told(named, answer, &format!("to live until {wanted}"), |after| {
        accepted(name, before, wanted, expiry(after), now)
    })
}

fn expiry(environment: &StagingEnvironment) -> Option<Timestamp> {
    Some(environment.status.as_ref()?.expires_at.as_ref()?.0)
}

/// The expiry that is asked for.
fn later(expiry: Option<Timestamp>, now: Timestamp, by: SignedDuration) -> Timestamp {
    let from = expiry.filter(|it| *it > now).unwrap_or(now);
    let at = from.checked_add(by).unwrap_or(Timestamp::MAX);
    whole(at).unwrap_or(at)
}

/// What changed.
fn accepted(
    name: &str,
    before: Option<Timestamp>,
    wanted: Timestamp,
    after: Option<Timestamp>,
    now: Timestamp,
) -> String {
    let at = after.unwrap_or(wanted);
    let was = match before {
        Some(it) if it == at => ", as before".to_owned(),
        Some(it) => format!(", was {it}"),
        None => String::new(),
    };
    let capped = if at < wanted { ": its class allows no more" } else { "" };
    format!("{name} expires {}, at {at}{was}{capped}", until(at, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    #[test]
    fn time_is_added_to_what_is_left_and_to_now_where_nothing_is() {
        let now = at("2026-01-10T12:00:00.7Z");
        for (expiry, wanted) in [
            (Some("2026-01-10T18:00:00Z"), "2026-01-11T18:00:00Z"),
            (Some("2026-01-09T18:00:00Z"), "2026-01-11T12:00:00Z"),
            (None, "2026-01-11T12:00:00Z"),
        ] {
            assert_eq!(later(expiry.map(at), now, DAY), at(wanted), "{expiry:?}");
        }
        assert_eq!(later(None, now, SignedDuration::MAX), whole(Timestamp::MAX).unwrap());
    }

    #[test]
    fn what_changed_is_told_and_what_the_class_did_not_allow() {
        let (now, before) = (at("2026-01-10T12:00:00Z"), at("2026-01-10T18:00:00Z"));
        let told = |wanted: &str, after: &str| {
            accepted("pr-1", Some(before), at(wanted), Some(at(after)), now)
        };
        assert_eq!(
            told("2026-01-11T18:00:00Z", "2026-01-11T18:00:00Z"),
            "pr-1 expires in 1d 6h, at 2026-01-11T18:00:00Z, was 2026-01-10T18:00:00Z"
        );
        assert_eq!(
            told("2026-01-11T18:00:00Z", "2026-01-11T00:00:00Z"),
            "pr-1 expires in 12h, at 2026-01-11T00:00:00Z, was 2026-01-10T18:00:00Z: its class allows no more"
        );
        assert_eq!(
            told("2026-01-11T18:00:00Z", "2026-01-10T18:00:00Z"),
            "pr-1 expires in 6h, at 2026-01-10T18:00:00Z, as before: its class allows no more"
        );
    }
}
