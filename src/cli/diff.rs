//! `kulisse diff`

use std::{collections::BTreeMap, io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use clap::ValueEnum;
use kube::{Api, Client, ResourceExt};
use kulisse_core::{
    api::{
        environment::StagingEnvironment, identity::Incarnation, names, staging_plan::LeftBehind,
    },
    plan::{
        MARKS, Plan,
        capture::{Capture, assemble, controller},
        kinds::{self, Shape},
        object::{Object, escape},
        plan as planned,
    },
    secrets::{EVERY_KEY, PlannedSecret},
};
use serde_json::{Map, Value};

use super::{
    cluster::{Cluster, known},
    difference::{Difference, Kind, differences, painted},
    input::{Input, Inputs, live, stored},
    parity::{KEPT, policy},
    screen::Screen,
};
use crate::key;

/// What stands for a value that is not shown.
const HIDDEN: &str = "(not shown)";

/// Arguments of `kulisse diff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the environment
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    name: Option<String>,
    /// File with the StagingEnvironment instead, as in kulisse plan
    #[arg(short = 'f', long = "filename", value_name = "ENV.yaml")]
    file: Option<PathBuf>,
    #[command(flatten)]
    inputs: Inputs,
    /// What the plan is compared with. Default: the target; before there is one, the source
    #[arg(long, value_enum)]
    against: Option<Against>,
    /// Namespace of the operator: where the stored plan is
    #[arg(long, default_value = names::OPERATOR)]
    operator_namespace: String,
    #[command(flatten)]
    cluster: Cluster,
}

/// What a plan is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Against {
    /// The target as it is: what applying the plan would change
    Target,
    /// The source as it is: how the clone differs from production
    Source,
}

/// Shows what would change. Exit code 3 if something would.
pub async fn diff(args: Args) -> Result<ExitCode> {
    let input = Box::pin(input(&args)).await?;
    let plan = planned(&input.request, &input.capture)?;
    for note in &input.notes {
        eprintln!("note: {note}");
    }
    let side = side(&args, &input)?;
    let (found, left) = match (side, &input.client) {
        (Against::Target, Some(client)) => (against_target(&plan, &input, client).await?, &[][..]),
        _ => (against_source(&plan, &input.capture)?, &plan.left_behind[..]),
    };
    print(side, &found, left)?;
    let nothing = found.is_empty() && left.is_empty();
    Ok(if nothing { ExitCode::SUCCESS } else { ExitCode::from(super::NO) })
}

/// What the plan is made from: for an environment that has a target, what was captured for it, if it
/// may be read; else the source as it is now.
async fn input(args: &Args) -> Result<Input> {
    if let Some(file) = &args.file {
        return args.inputs.of_file(file, &args.cluster).await;
    }
    let (client, namespace) = args.cluster.client().await?;
    let name = args.name.as_deref().unwrap_or_default();
    let api = Api::namespaced(client.clone(), &namespace);
    let environment = known(&api, &namespace, name).await?;
    let uid = environment.uid().unwrap_or_default();
    let kept = match target(&environment) {
        Some(_) if !args.inputs.is_offline() => {
            let life = environment.status.as_ref().and_then(|it| it.incarnation);
            stored(&client, &args.operator_namespace, &uid, life.unwrap_or(Incarnation(1))).await
        }
        _ => None,
    };
    let Some(kept) = kept else {
        let mut input = args.inputs.of_environment(environment, client).await?;
        input.notes.insert(0, format!("planned from {} as it is now", input.capture.namespace));
        return Ok(input);
    };
    let mut input = args.inputs.of_capture(environment, client, kept).await?;
    input.notes.push(format!(
        "planned from {} as it was captured at {}",
        input.capture.namespace, input.capture.captured_at
    ));
    Ok(input)
}

/// The namespace that serves the environment.
fn target(environment: &StagingEnvironment) -> Option<&str> {
    Some(environment.status.as_ref()?.serving()?.name.as_str())
}

fn side(args: &Args, input: &Input) -> Result<Against> {
    let there = input.client.is_some() && target(&input.environment).is_some();
    match args.against {
        Some(Against::Target) if !there => bail!(
            "{} has no target yet: --against source compares with production",
            input.request.environment.name
        ),
        Some(side) => Ok(side),
        None if there => Ok(Against::Target),
        None => Ok(Against::Source),
    }
}

/// What applying the plan would change in the target.
async fn against_target(plan: &Plan, input: &Input, client: &Client) -> Result<Vec<Difference>> {
    let reading = live(client, &plan.target).await?;
    let there = assemble(reading, &key::momentary()?);
    let readable = |object: &Object| !there.unreadable.contains(&kind_of(object));
    let wanted: Vec<Object> = plan
        .clones
        .iter()
        .map(|it| with_keys(it.object.clone(), keys(plan.secrets.get(it.object.name()))))
        .filter(readable)
        .collect();
    if wanted.len() < plan.clones.len() {
        eprintln!(
            "note: you may not read these kinds in {}: {}",
            plan.target,
            there.unreadable.join(", ")
        );
    }
    let planned: Vec<_> = wanted.iter().map(Object::key).collect();
    let uid = &input.request.environment.uid;
    let live: Vec<Object> = there
        .objects
        .into_iter()
        // What is read beside the target's own objects is no part of a plan's clones.
        .filter(|it| !it.text("/metadata/namespace").is_empty())
        .filter(|it| planned.contains(&it.key()) || is_ours(it, uid))
        .map(|it| {
            let held = there.secrets.get(it.name()).map(|it| it.keys.keys().cloned().collect());
            // Of a Secret that gives all its keys it is not known here which.
            let open =
                plan.secrets.get(it.name()).is_some_and(|it| it.keys.contains_key(EVERY_KEY));
            with_keys(it, held.filter(|_| !open).map(hidden))
        })
        .collect();
    differences(&wanted, &live, "target")
}

/// How the clones differ from what they were made of.
fn against_source(plan: &Plan, capture: &Capture) -> Result<Vec<Difference>> {
    let wanted: Vec<Object> = plan
        .clones
        .iter()
        .map(|it| {
            let keys = plan.secrets.get(it.object.name()).map(|it| {
                it.keys.iter().map(|(key, value)| (key.clone(), said(&policy(value)))).collect()
            });
            unmarked(with_keys(it.object.clone(), keys))
        })
        .collect();
    let planned: Vec<_> = wanted.iter().map(Object::key).collect();
    let live: Vec<Object> = capture
        .objects
        .iter()
        .filter(|it| planned.contains(&it.key()))
        .map(|it| {
            let mut it = it.clone();
            it.set("/metadata/namespace", plan.target.as_str().into());
            let held = capture.secrets.get(it.name()).map(|it| it.keys.keys().cloned().collect());
            with_keys(it, held.map(hidden))
        })
        .collect();
    differences(&wanted, &live, "source")
}

/// `Kind.group`, as a capture names kinds that cannot be read.
fn kind_of(object: &Object) -> String {
    let (group, kind) = (object.group(), object.kind());
    if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") }
}

/// Whether an object of a target was applied for the environment: not a task, the probe, or the
/// operator's own binding, and not made by a controller from another one.
fn is_ours(object: &Object, uid: &str) -> bool {
    object.label(names::ENVIRONMENT_UID_LABEL) == Some(uid)
        && object.label(names::TASK_LABEL).is_none()
        && object.label(names::PROBE_LABEL).is_none()
        && object.name() != names::RIGHTS_BINDING
        && controller(object).is_none()
}

/// An object without the marks by which the operator knows its clones.
fn unmarked(mut object: Object) -> Object {
    for label in MARKS.into_iter().chain([names::STORE_LABEL]) {
        object.remove(&format!("/metadata/labels/{}", escape(label)));
    }
    object
}

/// A Secret with what may be said of its values.
fn with_keys(mut object: Object, keys: Option<BTreeMap<String, String>>) -> Object {
    if let (Shape::Secret, Some(keys)) = (kinds::shape(&object), keys) {
        let data: Map<String, Value> =
            keys.into_iter().map(|(key, said)| (key, said.into())).collect();
        object.set("/data", data.into());
    }
    object
}

fn keys(secret: Option<&PlannedSecret>) -> Option<BTreeMap<String, String>> {
    let keys: Vec<String> = secret?.keys.keys().cloned().collect();
    (!keys.iter().any(|it| it == EVERY_KEY)).then(|| hidden(keys))
}

/// What stands for a value of the clone: nothing but what became of production's.
fn said(policy: &str) -> String {
    if policy == KEPT { HIDDEN.to_owned() } else { format!("(not shown: {policy})") }
}

fn hidden(keys: Vec<String>) -> BTreeMap<String, String> {
    keys.into_iter().map(|key| (key, HIDDEN.to_owned())).collect()
}

fn print(side: Against, found: &[Difference], left: &[LeftBehind]) -> Result<()> {
    let screen = Screen::of_stdout();
    let mut out = std::io::stdout();
    for it in found {
        write!(out, "{}", painted(&it.text, screen))?;
    }
    for it in left {
        writeln!(out, "Only in source: {} ({})", it.object, it.reason)?;
    }
    let count = |kind| found.iter().filter(|it| it.kind == kind).count();
    let (made, changed) = (count(Kind::Made), count(Kind::Changed));
    match side {
        Against::Target => {
            eprintln!("{made} to make, {changed} to change, {} to remove", count(Kind::Removed));
        }
        Against::Source => eprintln!("{made} added, {changed} changed, {} left behind", left.len()),
    }
    Ok(())
}
