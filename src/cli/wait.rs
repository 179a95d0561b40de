//! `kulisse wait`

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::ValueEnum;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use kulisse_core::api::condition::{ConditionType, find, is_true};

use crate::readable::Readable;

use super::{
    cluster::{Named, read},
    follow::{AWAY, News, news},
    time::{span, timeout},
    verdict::{is_current, verdict},
};

/// Arguments of `kulisse wait`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// What to wait for
    #[arg(long = "for", value_enum, default_value_t)]
    what: What,
    /// How long: 90s, 10m, 1h
    #[arg(long, default_value = "10m", value_parser = timeout)]
    timeout: Duration,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum What {
    /// A person can use it
    #[default]
    Ready,
    /// Nothing of it is left
    Gone,
}

/// Waits. The exit code tells the verdict: 0 as wanted, 3 not, or not in time.
pub async fn wait(args: Args) -> Result<ExitCode> {
    let named = &args.environment;
    let api = match args.what {
        What::Ready => named.find().await?.0,
        What::Gone => match named.look().await? {
            (api, Some(_)) => api,
            (_, None) => return Ok(ExitCode::SUCCESS),
        },
    };
    wait_for(&api, &named.name, args.what, args.timeout).await
}

/// Waits for one that is there.
///
/// # Errors
///
/// If it can no longer be watched.
pub async fn wait_for(
    api: &Api<Readable>,
    name: &str,
    what: What,
    timeout: Duration,
) -> Result<ExitCode> {
    let stream = watcher::watch_object(api.clone(), name).default_backoff();
    match tokio::time::timeout(timeout, follow(stream, what)).await {
        Ok(verdict) => verdict,
        Err(_) => {
            eprintln!("not {} within {}", word(what), span(i64::try_from(timeout.as_secs())?));
            Ok(ExitCode::from(super::NO))
        }
    }
}

async fn follow(
    stream: impl futures::Stream<Item = Result<Option<Readable>, watcher::Error>>,
    what: What,
) -> Result<ExitCode> {
    futures::pin_mut!(stream);
    let (mut last, mut away) = (String::new(), false);
    while let Some(news) = news(&mut stream).await? {
        let environment = match news {
            News::Event(it) => it,
            News::None => continue,
            News::Away => {
                if !std::mem::replace(&mut away, true) {
                    eprintln!("{AWAY}");
                }
                continue;
            }
        };
        away = false;
        let Some(environment) = environment else {
            let fine = what == What::Gone;
            eprintln!("gone");
            return Ok(if fine { ExitCode::SUCCESS } else { ExitCode::from(super::NO) });
        };
        let environment = match read(environment) {
            Ok(it) => it,
            // Its end is seen all the same.
            Err(_) if what == What::Gone => continue,
            Err(error) => return Err(error),
        };
        let status = environment.status.clone().unwrap_or_default();
        let current = is_current(&environment, &status);
        let ready = find(&status.conditions, ConditionType::Ready);
        let message = ready.map(|it| it.message.clone()).unwrap_or_default();
        if current && message != last {
            eprintln!("{}: {message}", status.phase.clone().unwrap_or_default());
            last.clone_from(&message);
        }
        if what == What::Ready
            && current
            && let Some(code) = verdict(&status)
        {
            return Ok(code);
        }
        // Kept on purpose after its end: what was made for it is gone all the same. Whoever deletes it
        // does not want it kept.
        let kept = environment.metadata.deletion_timestamp.is_none();
        if what == What::Gone && kept && is_true(&status.conditions, ConditionType::Expired) {
            return Ok(ExitCode::SUCCESS);
        }
    }
    Ok(ExitCode::from(super::NO))
}

fn word(what: What) -> &'static str {
    match what {
        What::Ready => "ready",
        What::Gone => "gone",
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use serde_json::json;

    use super::*;

    /// One that has expired and is kept, since when it is being deleted, if it is.
    fn expired(deleted_at: Option<&str>) -> Readable {
        let object = json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": { "name": "pr-1", "namespace": "previews", "deletionTimestamp": deleted_at },
            "spec": { "source": { "namespace": "shop" } },
            "status": { "conditions": [{ "type": "Expired", "status": "True", "reason": "Expired",
                "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" }] }
        });
        serde_json::from_value(object).unwrap()
    }

    /// Whether all of it is gone, by these events and no others.
    async fn is_gone(events: Vec<Option<Readable>>) -> bool {
        let code = follow(stream::iter(events.into_iter().map(Ok)), What::Gone).await.unwrap();
        code == ExitCode::SUCCESS
    }

    #[tokio::test]
    async fn what_has_expired_is_gone_although_it_is_kept() {
        assert!(is_gone(vec![Some(expired(None))]).await);
    }

    #[tokio::test]
    async fn what_is_being_deleted_is_gone_when_it_is_not_there_any_more() {
        let leaving = || Some(expired(Some("2026-01-02T00:00:00Z")));
        assert!(!is_gone(vec![leaving()]).await, "it is still there");
        assert!(is_gone(vec![leaving(), None]).await);
    }
}
