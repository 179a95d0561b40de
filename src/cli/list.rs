//! `kulisse list`

use std::{collections::BTreeMap, io::Write, pin::pin, process::ExitCode};

use anyhow::Result;
use clap::ValueEnum;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::ListParams,
    runtime::{WatchStreamExt, watcher, watcher::Event},
};
use kulisse_core::api::{
    condition::{ConditionType, find, is_true},
    status::StagingEnvironmentStatus,
};

use crate::readable::Readable;

use super::{
    cluster::{Cluster, explained},
    follow::{AWAY, News, news},
    output::{Format, print_list},
    screen::{Drawn, Mark, Screen},
    slowly::slowly,
    table::{Cell, Column, table},
    time::{now, rough, seconds, short},
    verdict::{line, mark, phase},
};

/// In the place of a phase.
const UNREADABLE: &str = "Unreadable";

/// Arguments of `kulisse list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Environments of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only environments with these labels: app=shop,team!=a
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// Keep showing them
    #[arg(short, long)]
    watch: bool,
    /// Output format
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    cluster: Cluster,
}

/// Output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The objects as JSON
    Json,
    /// The objects as YAML
    Yaml,
    /// Kinds and names
    Name,
    /// More columns
    Wide,
}

/// What of the table is wanted.
#[derive(Clone, Copy, Debug)]
struct Look {
    namespaces: bool,
    wide: bool,
}

/// Makes a cell of a column.
type Maker = fn(&Readable, Timestamp) -> Cell;

/// Shows environments.
pub async fn list(args: Args) -> Result<ExitCode> {
    let (client, namespace) = args.cluster.client().await?;
    let api: Api<Readable> =
        if args.all_namespaces { Api::all(client) } else { Api::namespaced(client, &namespace) };
    let format = match args.output {
        Some(Output::Json) => Some(Format::Json),
        Some(Output::Yaml) => Some(Format::Yaml),
        Some(Output::Name) => Some(Format::Name),
        Some(Output::Wide) | None => None,
    };
    let look = Look { namespaces: args.all_namespaces, wide: args.output == Some(Output::Wide) };
    let selector = args.selector.unwrap_or_default();
    if args.watch && format.is_none() {
        return follow(api, &selector, look).await;
    }
    let params = ListParams::default().labels(&selector);
    let found = slowly("reading environments", api.list(&params))
        .await
        .map_err(|error| explained(error, "list environments"))?;
    let mut out = std::io::stdout();
    if let Some(format) = format {
        print_list(out, &found.items, format)?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.items.is_empty() {
        if args.all_namespaces {
            eprintln!("no environments");
        } else {
            let all = args.cluster.command("list -A");
            eprintln!("no environments in namespace {namespace}: «{all}» shows those of others");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let screen = Screen::of_stdout();
    for line in rows(&found.items, look, now(), screen, screen.width()) {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws every change over the last picture; without a terminal, a line for each.
async fn follow(api: Api<Readable>, selector: &str, look: Look) -> Result<ExitCode> {
    let screen = Screen::of_stdout();
    let config = watcher::Config::default().labels(selector);
    let mut stream = pin!(watcher(api, config).default_backoff());
    let mut there = BTreeMap::new();
    let mut drawn = Drawn::default();
    let mut out = std::io::stdout();
    let (mut complete, mut away) = (false, false);
    while let Some(news) = news(&mut stream).await? {
        let event = match news {
            News::Event(event) => {
                complete = !matches!(event, Event::Init | Event::InitApply(_));
                away = false;
                Some(event)
            }
            News::None => None,
            News::Away => {
                away = true;
                None
            }
        };
        let told = match event {
            None | Some(Event::InitDone) => None,
            Some(Event::Init) => {
                there.clear();
                None
            }
            Some(Event::Apply(it) | Event::InitApply(it)) => {
                let told = in_a_line(&it);
                let before = there.insert(key(&it), it.clone());
                (before.as_ref().map(in_a_line) != Some(told.clone())).then_some((it, told))
            }
            Some(Event::Delete(it)) => {
                there.remove(&key(&it));
                let told = format!("{} is gone", it.name_any());
                Some((it, told))
            }
        };
        if screen.live {
            if complete {
                let all: Vec<_> = there.values().cloned().collect();
                let mut lines = rows(&all, look, now(), screen, screen.width());
                lines.extend(away.then(|| screen.tinted(AWAY, Mark::Wrong)));
                drawn.over(&mut out, &lines.join("\n"), screen)?;
            }
        } else if let Some((it, told)) = told {
            let place = it.namespace().filter(|_| look.namespaces).map(|it| it + "/");
            writeln!(out, "{}{told}", place.unwrap_or_default())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn key(it: &Readable) -> (String, String) {
    (it.namespace().unwrap_or_default(), it.name_any())
}

fn in_a_line(it: &Readable) -> String {
    match &it.0 {
        Ok(environment) => line(environment),
        Err(why) => format!("{} {UNREADABLE}: {why}", it.name_any()),
    }
}

/// The table. `width` is that of the terminal, if there is one.
fn rows(
    environments: &[Readable],
    look: Look,
    now: Timestamp,
    screen: Screen,
    width: Option<usize>,
) -> Vec<String> {
    let columns: Vec<(Column, Maker)> = [
        (look.namespaces, "NAMESPACE", false, namespace as Maker),
        (true, "NAME", false, name),
        (true, "STATUS", false, status),
        (true, "EXPIRES", false, expires),
        (true, "AGE", true, age),
        (look.wide, "SOURCE", false, source),
        (look.wide, "TARGET", false, target),
        (look.wide, "OBJECTS", false, objects),
        (look.wide, "WORKLOADS", false, workloads),
        (look.wide, "DRIFT", false, drift),
        (true, "URL, OR WHY NOT", false, told),
    ]
    .into_iter()
    .filter(|(wanted, ..)| *wanted)
    .map(|(_, head, spare, cell)| (Column { head, spare }, cell))
    .collect();
    let cells: Vec<Vec<Cell>> = environments
        .iter()
        .map(|it| columns.iter().map(|(_, cell)| cell(it, now)).collect())
        .collect();
    let columns: Vec<Column> = columns.into_iter().map(|(column, _)| column).collect();
    table(&columns, &cells, screen, width.filter(|_| !look.wide))
}

/// What stands for what is not there.
fn or_dash(text: Option<String>) -> Cell {
    text.filter(|it| !it.is_empty()).unwrap_or_else(|| "-".to_owned()).into()
}

/// Its status, if there is one that can be read.
fn state(it: &Readable) -> Option<&StagingEnvironmentStatus> {
    it.read()?.status.as_ref()
}

fn namespace(it: &Readable, _: Timestamp) -> Cell {
    or_dash(it.namespace())
}

fn name(it: &Readable, _: Timestamp) -> Cell {
    it.name_any().into()
}

fn status(it: &Readable, _: Timestamp) -> Cell {
    match it.read() {
        Some(it) => Cell::marked(phase(it), mark(it)),
        None => Cell::marked(UNREADABLE, Mark::Wrong),
    }
}

fn expires(it: &Readable, now: Timestamp) -> Cell {
    let Some(status) = state(it) else { return or_dash(None) };
    let Some(at) = &status.expires_at else { return or_dash(None) };
    let left = seconds(now, at.0);
    if left < 0 {
        return Cell::tinted(format!("{} ago", rough(-left)), Mark::Open);
    }
    if is_true(&status.conditions, ConditionType::Expiring) {
        return Cell::tinted(short(left), Mark::Going);
    }
    short(left).into()
}

fn age(it: &Readable, now: Timestamp) -> Cell {
    or_dash(it.creation_timestamp().map(|at| short(seconds(at.0, now))))
}

fn source(it: &Readable, _: Timestamp) -> Cell {
    or_dash(it.read().map(|it| it.spec.source.namespace.clone()))
}

fn target(it: &Readable, _: Timestamp) -> Cell {
    or_dash(state(it).and_then(|it| Some(it.serving()?.name.clone())))
}

fn objects(it: &Readable, _: Timestamp) -> Cell {
    or_dash(state(it).and_then(|it| Some(it.plan.as_ref()?.objects.to_string())))
}

fn workloads(it: &Readable, _: Timestamp) -> Cell {
    let workloads = state(it).and_then(|it| it.workloads.as_ref());
    or_dash(workloads.map(|it| format!("{}/{}", it.ready, it.total)))
}

/// How many objects a new plan would change, or are not as planned.
fn drift(it: &Readable, _: Timestamp) -> Cell {
    let status = state(it);
    let in_sync = status.and_then(|it| find(&it.conditions, ConditionType::InSync));
    let drift = status.and_then(|it| it.drift.as_ref());
    match (in_sync.map(|it| it.status.as_str()), drift) {
        (Some("True"), _) => "none".to_owned().into(),
        (Some("False"), Some(it)) => {
            let count = it.source.count().saturating_add(it.target.count());
            Cell::tinted(count.to_string(), Mark::Going)
        }
        _ => or_dash(None),
    }
}

/// Where it is used, or what holds that back.
fn told(it: &Readable, _: Timestamp) -> Cell {
    if let Err(why) = &it.0 {
        return or_dash(Some(why.to_string()));
    }
    let Some(status) = state(it) else { return or_dash(None) };
    match find(&status.conditions, ConditionType::Ready) {
        Some(ready) if ready.status == "True" => or_dash(status.url.clone()),
        Some(ready) => or_dash(Some(ready.message.clone())),
        None => or_dash(None),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::shown::{is_documented, recorded},
        *,
    };

    const ALL: [&str; 6] =
        ["ready", "progressing", "seed-failed", "suspended", "expired", "deleting"];

    fn drawn(look: Look, screen: Screen, width: Option<usize>) -> Vec<String> {
        let all: Vec<_> = ALL
            .iter()
            .map(|name| {
                let mut it = recorded(name);
                it.metadata.name = Some(format!("pr-{name}"));
                Readable(Ok(it))
            })
            .collect();
        let now = "2026-11-21T17:00:00Z".parse().unwrap();
        rows(&all, look, now, screen, width)
    }

    #[test]
    fn the_reference_shows_what_is_printed() {
        let look = Look { namespaces: false, wide: false };
        let lines = drawn(look, Screen::terminal(false), Some(80));
        is_documented("kulisse list -n previews", &lines.join("\n"));
    }

    #[test]
    fn a_list_fits_a_terminal_in_colour_as_well() {
        for namespaces in [false, true] {
            let look = Look { namespaces, wide: false };
            let plain = drawn(look, Screen::terminal(false), Some(80));
            let coloured = drawn(look, Screen::terminal(true), Some(80));
            for (plain, coloured) in plain.iter().zip(&coloured) {
                assert!(plain.chars().count() <= 80, "{plain}");
                let bare: String = coloured
                    .split('\u{1b}')
                    .enumerate()
                    .map(|(at, it)| if at == 0 { it } else { it.split_once('m').unwrap().1 })
                    .collect();
                assert_eq!(&bare, plain);
            }
        }
    }

    #[test]
    fn one_that_cannot_be_read_is_a_line_that_says_why() {
        let mut stored = serde_json::to_value(recorded("ready")).unwrap();
        stored["status"]["workloads"]["total"] = serde_json::json!(5_000_000_000_u64);
        let all = [serde_json::from_value(stored).unwrap(), Readable(Ok(recorded("ready")))];
        let look = Look { namespaces: true, wide: true };
        let now = "2026-11-21T17:00:00Z".parse().unwrap();
        let lines = rows(&all, look, now, Screen::plain(), None);
        let words: Vec<&str> = lines[1].split_whitespace().take(4).collect();
        assert_eq!(words, ["previews", "pr-1234", "Unreadable", "-"], "{lines:#?}");
        let why = "status.workloads.total: invalid value: integer `5000000000`, expected u32";
        assert!(lines[1].ends_with(why), "{lines:#?}");
        assert!(in_a_line(&all[0]).ends_with(why));
        assert!(lines[2].contains("  Ready  "), "{lines:#?}");
    }

    #[test]
    fn a_file_gets_whole_lines_without_glyphs() {
        let lines = drawn(Look { namespaces: true, wide: true }, Screen::plain(), None);
        assert!(
            lines[0].starts_with("NAMESPACE ") && lines[0].contains(" WORKLOADS "),
            "{}",
            lines[0]
        );
        let ready = &lines[1];
        assert!(ready.contains("  Ready  ") && ready.contains("http://"), "{ready}");
        assert!(!lines.iter().any(|it| it.contains(['…', '✔', '✖'])), "{lines:#?}");
    }
}
