//! `kulisse delete`

use std::{io::Write, process::ExitCode, time::Duration};

use anyhow::Result;
use kube::{
    ResourceExt,
    api::{DeleteParams, Preconditions},
};

use super::{
    cluster::{Named, explained},
    time::timeout,
    wait::{What, wait_for},
};

/// Arguments of `kulisse delete`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// Wait until nothing of it is left
    #[arg(long)]
    wait: bool,
    /// How long: 90s, 10m, 1h
    #[arg(long, default_value = "10m", value_parser = timeout, requires = "wait")]
    timeout: Duration,
    /// One that is not there is no error
    #[arg(long)]
    ignore_not_found: bool,
}

/// Deletes an environment, and its target with it.
pub async fn delete(args: Args) -> Result<ExitCode> {
    let named = &args.environment;
    let (api, environment) = if args.ignore_not_found {
        match named.look().await? {
            (api, Some(environment)) => (api, environment),
            (_, None) => return Ok(ExitCode::SUCCESS),
        }
    } else {
        named.stored().await?
    };
    let params = DeleteParams {
        // Not another one that has come in its place.
        preconditions: Some(Preconditions { uid: environment.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    api.delete(&named.name, &params)
        .await
        .map_err(|error| explained(error, "delete the environment"))?;
    let mut out = std::io::stdout();
    if args.wait {
        let code = wait_for(&api, &named.name, What::Gone, args.timeout).await?;
        if code == ExitCode::SUCCESS {
            writeln!(out, "{} is deleted", named.name)?;
        }
        return Ok(code);
    }
    writeln!(out, "{} is being deleted", named.name)?;
    eprintln!("«{}» waits for its end", named.command("wait", "--for Gone"));
    Ok(ExitCode::SUCCESS)
}
