//! `kulisse logs`

use std::{io::Write, process::ExitCode, time::Duration};

use anyhow::{Error, Result, bail};
use futures::{
    AsyncBufRead, AsyncBufReadExt, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, LogParams},
    core::Selector,
};
use kulisse_core::api::{environment::StagingEnvironment, names};

use super::{
    cluster::{Named, explained},
    screen::Screen,
    slowly::slowly,
    time::timeout,
};

/// How many lines of each container are shown where several are.
const FEW: i64 = 20;

/// Arguments of `kulisse logs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// Only of this seed or smoke
    #[arg(long, conflicts_with = "workload")]
    task: Option<String>,
    /// Only of this workload: api, or deployment/api
    #[arg(long, value_name = "[KIND/]NAME")]
    workload: Option<String>,
    /// Only of containers with this name
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Go on with what is still to come
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines of each container. Default: all of one, 20 of several
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(i64).range(0..))]
    tail: Option<i64>,
    /// Only lines that are younger: 90s, 10m, 1h
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    since: Option<Duration>,
    /// Of the containers' last life, before they were restarted
    #[arg(short, long, conflicts_with = "follow")]
    previous: bool,
}

/// One container of a Pod.
struct Place {
    pod: String,
    container: String,
    /// Before each of its lines, where there are several containers.
    prefix: String,
}

/// Prints what the Pods of a target write.
pub async fn logs(args: Args) -> Result<ExitCode> {
    let named = &args.environment;
    let (_, environment) = named.find().await?;
    let Some(target) = target(&environment) else {
        bail!(
            "{} has no target now: «{}» shows how it stands",
            named.name,
            named.command("status", "")
        );
    };
    let (client, _) = named.cluster.client().await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), target);
    let wanted = match (&args.task, &args.workload) {
        (Some(task), _) => ListParams::default().labels(&format!("{}={task}", names::TASK_LABEL)),
        (None, Some(workload)) => {
            let selector =
                slowly("looking for the workload", selector(&client, target, workload)).await?;
            ListParams::default().labels_from(&selector)
        }
        (None, None) => ListParams::default(),
    };
    let found = slowly("looking for Pods", pods.list(&wanted))
        .await
        .map_err(|error| inside(error, target))?;
    let places = places(&found.items, args.container.as_deref(), Screen::of_stdout());
    if places.is_empty() {
        eprintln!("{}", nothing(&args, &environment, target));
        return Ok(ExitCode::from(super::NO));
    }
    let mut lines = Vec::new();
    for place in &places {
        let params = LogParams {
            container: Some(place.container.clone()),
            follow: args.follow,
            previous: args.previous,
            tail_lines: args.tail.or((places.len() > 1).then_some(FEW)),
            since_seconds: args.since.and_then(|it| i64::try_from(it.as_secs()).ok()),
            ..LogParams::default()
        };
        match slowly("reading logs", pods.log_stream(&place.pod, &params)).await {
            Ok(stream) => lines.push(prefixed(stream, &place.prefix)),
            // A container that has not started writes nothing.
            Err(kube::Error::Api(it)) if it.code == 400 => eprintln!("note: {}", it.message),
            Err(error) => return Err(inside(error, target)),
        }
    }
    if args.follow {
        write_all(stream::select_all(lines)).await?;
    } else {
        write_all(stream::iter(lines).flatten()).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The namespace that serves an environment.
pub fn target(environment: &StagingEnvironment) -> Option<&str> {
    Some(environment.status.as_ref()?.serving()?.name.as_str())
}

/// An error inside a target: who may look there is not up to the cluster's roles alone.
pub fn inside(error: kube::Error, target: &str) -> Error {
    match &error {
        kube::Error::Api(it) if it.code == 403 => {
            let help = format!(
                "you may not look into {target}: who may is said by the environment's spec.access and its class's access"
            );
            Error::from(error).context(help)
        }
        _ => explained(error, "read the target"),
    }
}

/// By which labels the Pods of a workload are known.
async fn selector(client: &Client, target: &str, asked: &str) -> Result<Selector> {
    let (kind, name) = match asked.split_once('/') {
        Some((kind, name)) => (kind.to_lowercase(), name),
        None => (String::new(), asked),
    };
    let means = |kinds: [&str; 3]| kind.is_empty() || kinds.contains(&kind.as_str());
    let mut found: Vec<(String, Option<LabelSelector>)> = Vec::new();
    let all = ListParams::default();
    if means(["deployment", "deployments", "deploy"]) {
        let api: Api<Deployment> = Api::namespaced(client.clone(), target);
        let items = api.list(&all).await.map_err(|error| inside(error, target))?.items;
        found.extend(items.into_iter().map(|it| (it.name_any(), it.spec.map(|it| it.selector))));
    }
    if means(["statefulset", "statefulsets", "sts"]) {
        let api: Api<StatefulSet> = Api::namespaced(client.clone(), target);
        let items = api.list(&all).await.map_err(|error| inside(error, target))?.items;
        found.extend(items.into_iter().map(|it| (it.name_any(), it.spec.map(|it| it.selector))));
    }
    if means(["daemonset", "daemonsets", "ds"]) {
        let api: Api<DaemonSet> = Api::namespaced(client.clone(), target);
        let items = api.list(&all).await.map_err(|error| inside(error, target))?.items;
        found.extend(items.into_iter().map(|it| (it.name_any(), it.spec.map(|it| it.selector))));
    }
    let Some((_, selector)) = found.iter().find(|it| it.0 == name) else {
        let names: Vec<&str> = found.iter().map(|it| it.0.as_str()).collect();
        bail!("there is no workload {asked} in {target}; there are: {}", names.join(", "));
    };
    Ok(selector.clone().unwrap_or_default().try_into()?)
}

/// The containers that are meant, those that prepare first.
fn places(pods: &[Pod], container: Option<&str>, screen: Screen) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for pod in pods {
        let Some(spec) = &pod.spec else { continue };
        let first = spec.init_containers.iter().flatten();
        for it in first.chain(&spec.containers) {
            if container.is_none_or(|wanted| wanted == it.name) {
                let prefix = format!("{}/{} ", pod.name_any(), it.name);
                let (pod, container) = (pod.name_any(), it.name.clone());
                places.push(Place { pod, container, prefix: screen.faint(&prefix) });
            }
        }
    }
    if let [only] = &mut places[..] {
        only.prefix.clear();
    }
    places
}

fn nothing(args: &Args, environment: &StagingEnvironment, target: &str) -> String {
    let status = environment.status.clone().unwrap_or_default();
    let tasks = status.seed.iter().chain(&status.smoke).chain(&status.pre_delete);
    let known: Vec<&str> = tasks.map(|it| it.name.as_str()).collect();
    match (&args.task, &args.container) {
        (Some(task), _) if !known.contains(&task.as_str()) => {
            format!("there is no task {task}; there are: {}", known.join(", "))
        }
        (Some(task), _) => format!(
            "no Pod of task {task} is left in {target}: «{}» shows how it ended",
            args.environment.command("status", "")
        ),
        (None, Some(container)) => format!("no Pod in {target} has a container {container}"),
        (None, None) => format!("no Pod runs in {target}"),
    }
}

fn prefixed(
    lines: impl AsyncBufRead + Send + 'static,
    prefix: &str,
) -> BoxStream<'static, std::io::Result<String>> {
    let prefix = prefix.to_owned();
    lines.lines().map_ok(move |line| format!("{prefix}{line}")).boxed()
}

async fn write_all(
    mut lines: impl futures::Stream<Item = std::io::Result<String>> + Unpin,
) -> Result<()> {
    let mut out = std::io::stdout();
    while let Some(line) = lines.try_next().await? {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, containers: &[&str]) -> Pod {
        let containers: Vec<_> = containers.iter().map(|it| json!({ "name": it })).collect();
        serde_json::from_value(json!({
            "metadata": { "name": name },
            "spec": { "initContainers": [{ "name": "init" }], "containers": containers }
        }))
        .unwrap()
    }

    #[test]
    fn lines_say_whose_they_are_unless_there_is_only_one() {
        let shown = |pods: &[Pod], container| -> Vec<String> {
            places(pods, container, Screen::plain()).into_iter().map(|it| it.prefix).collect()
        };
        let pods = [pod("api-1", &["api"]), pod("web-1", &["web", "proxy"])];
        assert_eq!(
            shown(&pods, None),
            ["api-1/init ", "api-1/api ", "web-1/init ", "web-1/web ", "web-1/proxy "]
        );
        assert_eq!(shown(&pods, Some("proxy")), [""]);
        assert!(shown(&pods, Some("other")).is_empty());
    }
}
