//! `kulisse events`

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, ResourceExt, api::ListParams};

use super::{
    cluster::{Named, explained},
    logs::{inside, target},
    screen::{Mark, Screen},
    slowly::slowly,
    table::{Cell, Column, table},
    time::{now, seconds, short},
};

/// Arguments of `kulisse events`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// Only warnings
    #[arg(long)]
    warnings: bool,
}

/// Prints the Events about an environment and those of its target, the youngest last.
pub async fn events(args: Args) -> Result<ExitCode> {
    let named = &args.environment;
    let (_, environment) = named.find().await?;
    let (client, namespace) = named.cluster.client().await?;
    let about = ListParams::default().fields(&format!("regarding.name={}", named.name));
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let own = slowly("reading Events", api.list(&about))
        .await
        .map_err(|error| explained(error, "list Events"))?;
    let uid = environment.uid();
    let mut all: Vec<Event> = own
        .items
        .into_iter()
        .filter(|it| it.regarding.as_ref().and_then(|it| it.uid.clone()) == uid)
        .collect();
    if let Some(target) = target(&environment) {
        let api: Api<Event> = Api::namespaced(client, target);
        match slowly("reading Events", api.list(&ListParams::default())).await {
            Ok(found) => all.extend(found.items),
            Err(error) => eprintln!("note: {:#}", inside(error, target)),
        }
    }
    all.retain(|it| !args.warnings || is_warning(it));
    if all.is_empty() {
        eprintln!("no Events: the API server keeps them for an hour, if not told otherwise");
        return Ok(ExitCode::SUCCESS);
    }
    let screen = Screen::of_stdout();
    let mut out = std::io::stdout();
    for line in rows(all, now(), screen, screen.width()) {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(
    mut events: Vec<Event>,
    now: Timestamp,
    screen: Screen,
    width: Option<usize>,
) -> Vec<String> {
    events.sort_by_key(|it| (at(it), it.name_any()));
    let columns = ["AGE", "REASON", "OBJECT", "MESSAGE"].map(|head| Column { head, spare: false });
    let rows: Vec<Vec<Cell>> = events
        .iter()
        .map(|it| {
            let age = at(it).map(|at| short(seconds(at, now))).unwrap_or_default();
            let reason = it.reason.clone().unwrap_or_default();
            let regarding = it.regarding.clone().unwrap_or_default();
            let object = format!(
                "{}/{}",
                regarding.kind.unwrap_or_default(),
                regarding.name.unwrap_or_default()
            );
            let reason =
                if is_warning(it) { Cell::tinted(reason, Mark::Wrong) } else { reason.into() };
            vec![age.into(), reason, object.into(), it.note.clone().unwrap_or_default().into()]
        })
        .collect();
    table(&columns, &rows, screen, width)
}

fn is_warning(event: &Event) -> bool {
    event.type_.as_deref() == Some("Warning")
}

/// When it last happened.
fn at(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().map(|it| it.last_observed_time.0);
    let old = || event.deprecated_last_timestamp.as_ref().map(|it| it.0);
    let made = || event.creation_timestamp().map(|it| it.0);
    series.or_else(old).or_else(|| event.event_time.as_ref().map(|it| it.0)).or_else(made)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_stand_in_the_order_in_which_they_happened_last() {
        let event = |name: &str, field: &str, at: &str| -> Event {
            serde_json::from_value(json!({
                "metadata": { "name": name }, field: at, "reason": name, "note": "it\nhappened",
                "type": "Warning", "regarding": { "kind": "Pod", "name": "api" }
            }))
            .unwrap()
        };
        let mut repeated = event("Repeated", "eventTime", "2026-01-01T10:00:00.000000Z");
        repeated.series = serde_json::from_value(
            json!({ "count": 3, "lastObservedTime": "2026-01-01T11:59:00.000000Z" }),
        )
        .unwrap();
        let events = vec![
            repeated,
            event("New", "eventTime", "2026-01-01T11:58:00.000000Z"),
            event("Old", "deprecatedLastTimestamp", "2026-01-01T11:00:00Z"),
        ];
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        assert_eq!(
            rows(events, now, Screen::plain(), None),
            [
                "AGE  REASON    OBJECT   MESSAGE",
                "1h   Old       Pod/api  it happened",
                "2m   New       Pod/api  it happened",
                "1m   Repeated  Pod/api  it happened",
            ]
        );
    }
}
