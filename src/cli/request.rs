//! What is asked of a living environment: `kulisse sleep`, `wake`, `retry`, `reseed`, and what
//! `extend` and `approve` share with them.
//!
//! A request is one annotation. The operator copies it into the status, and says there what it made
//! of it: that answer is waited for, for a moment.

use std::{io::Write, pin::pin, process::ExitCode, time::Duration};

use anyhow::Result;
use futures::StreamExt;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use kulisse_core::api::{environment::StagingEnvironment, names, request::Verb};
use serde_json::{Value, json};

use crate::readable::Readable;

use super::{
    cluster::{Named, explained},
    slowly::slowly,
    time::now,
};

/// How long the operator's answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of verbs that ask for something without more words.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
}

/// What became of a request.
pub enum Answer {
    /// It was taken up. The environment as it is now.
    Taken(Box<StagingEnvironment>),
    /// It was not, and why.
    Refused(String),
    /// Nothing was heard of the operator.
    Silence,
}

/// Asks for something that needs no more words, and prints what came of it: `asked` follows «is
/// asked», `done` follows the name.
pub async fn request(args: Args, verb: Verb, asked: &str, done: &str) -> Result<ExitCode> {
    let named = &args.environment;
    let (_, environment) = named.find().await?;
    // Any other value than the last asks anew.
    let value = format!("{:.3}", now());
    let answer = Box::pin(ask(named, &environment, verb, &value)).await?;
    told(named, answer, asked, |_| format!("{} {done}", named.name))
}

/// Puts the request on the environment and waits a moment for the answer.
///
/// # Errors
///
/// If the environment cannot be changed, or is another one by now.
pub async fn ask(
    named: &Named,
    environment: &StagingEnvironment,
    verb: Verb,
    value: &str,
) -> Result<Answer> {
    let (api, _) = named.cluster.environments().await?;
    let name = environment.name_any();
    let mut annotations = json!({ verb.annotation(): value });
    if let Some(opposite) = verb.opposite() {
        annotations[opposite.annotation()] = Value::Null;
    }
    // Merged and not applied: what one verb has asked is not taken back by the next, unless it is the
    // opposite.
    let patch = Patch::Merge(json!({
        "metadata": { "uid": environment.uid(), "annotations": annotations }
    }));
    let params = PatchParams {
        field_manager: Some(names::CLI_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_metadata(&name, &params, &patch)
        .await
        .map_err(|error| explained(error, "change the environment"))?;
    let heard = tokio::time::timeout(PATIENCE, Box::pin(heard(&api, &name, verb, value)));
    Ok(slowly("waiting for the operator", heard).await.unwrap_or(Answer::Silence))
}

/// The answer, once there is one.
async fn heard(api: &Api<Readable>, name: &str, verb: Verb, value: &str) -> Answer {
    let mut stream = pin!(watcher::watch_object(api.clone(), name).default_backoff());
    while let Some(seen) = stream.next().await {
        // What goes wrong with the watch is tried again until the time is up.
        let Ok(Some(Readable(Ok(environment)))) = seen else { continue };
        let mut requests = environment.status.iter().flat_map(|it| &it.requests);
        let answer = requests.find(|it| it.verb == verb && it.value == value);
        match answer.map(|it| it.refused.clone()) {
            None => {}
            Some(why) if why.is_empty() => return Answer::Taken(Box::new(environment)),
            Some(why) => return Answer::Refused(why),
        }
    }
    Answer::Silence
}

/// Prints what came of a request. The exit code tells whether it was refused.
///
/// # Errors
///
/// If nothing can be printed.
pub fn told(
    named: &Named,
    answer: Answer,
    asked: &str,
    done: impl FnOnce(&StagingEnvironment) -> String,
) -> Result<ExitCode> {
    let mut out = std::io::stdout();
    match answer {
        Answer::Taken(environment) => {
            writeln!(out, "{}", done(&environment))?;
        }
        Answer::Refused(why) => {
            eprintln!("refused: {why}");
            return Ok(ExitCode::from(super::NO));
        }
        Answer::Silence => {
            writeln!(out, "{} is asked {asked}", named.name)?;
            eprintln!(
                "the operator has not answered within {} s: «{}» shows its answer, «{}» how it fares",
                PATIENCE.as_secs(),
                named.command("status", ""),
                named.cluster.command("doctor")
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
