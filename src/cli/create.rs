//! `kulisse create`

use std::{io::Write, process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use clap::ValueEnum;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use kulisse_core::api::{
    environment::{Image, PullRequest},
    identity::NamespaceName,
    names,
};
use serde_json::{Map, Value, json};

use crate::readable::Readable;

use super::{
    cluster::{Named, explained},
    input::right_name,
    output::{Format, full_name, print},
    slowly::slowly,
    time::{length, timeout},
    wait::{What, wait_for},
};

/// Arguments of `kulisse create`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    environment: Named,
    /// Namespace to clone. Its owners must have granted it: kulisse grant
    #[arg(long, value_name = "NAMESPACE")]
    from: String,
    /// The StagingClass. Default: the one marked as default, else the built-in values
    #[arg(long)]
    class: Option<String>,
    /// How long it lives: 24h, 1h30m, 3d. Default: as its class says
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<String>,
    /// Image to run instead of one of production's: acme/api=ghcr.io/acme/api:pr-1234. Several times
    #[arg(long = "image", value_name = "NAME=IMAGE", value_parser = image)]
    images: Vec<Image>,
    /// The pull request it is for: its number or URL
    #[arg(long = "pr", value_name = "NUMBER|URL", value_parser = pull_request)]
    pull_request: Option<PullRequest>,
    /// The commit of the pull request: where it changes, what has another image restarts
    #[arg(long, value_name = "SHA", requires = "pull_request")]
    commit: Option<String>,
    /// Wait until it is ready; exit code 3 if it has stalled, or not in time
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
    /// How long: 90s, 10m, 1h
    #[arg(long, default_value = "10m", value_parser = timeout, requires = "wait")]
    timeout: Duration,
    /// Change nothing: client asks no cluster, server lets the API server check it
    #[arg(long, value_enum)]
    dry_run: Option<Dry>,
    /// Print the object instead of what was done with it
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    /// Take over fields that something else has set
    #[arg(long)]
    force_conflicts: bool,
}

/// How far nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dry {
    /// No cluster is asked
    Client,
    /// The API server checks it, and keeps nothing
    Server,
}

/// Writes a StagingEnvironment and applies it: once more with other options, it is changed.
pub async fn create(args: Args) -> Result<ExitCode> {
    let named = &args.environment;
    let name = &named.name;
    right_name(name)?;
    NamespaceName::parse(&args.from)?;
    let object = object(&args);
    if args.dry_run == Some(Dry::Client) {
        return done(&args, &object, "created");
    }
    let (client, namespace) = named.cluster.client().await?;
    let api: Api<Readable> = Api::namespaced(client, &namespace);
    let before = slowly("reading the environment", api.get_metadata_opt(name))
        .await
        .map_err(|error| explained(error, "read the environment"))?;
    if before.as_ref().is_some_and(|it| it.metadata.deletion_timestamp.is_some()) {
        bail!(
            "{name} is being deleted: «{}» waits for its end",
            named.command("wait", "--for Gone")
        );
    }
    let params = PatchParams {
        dry_run: args.dry_run.is_some(),
        force: args.force_conflicts,
        ..PatchParams::apply(names::CLI_MANAGER)
    };
    let applied =
        slowly("applying the environment", api.patch(name, &params, &Patch::Apply(&object)))
            .await
            .map_err(|error| match &error {
                kube::Error::Api(it) if it.code == 409 => anyhow::anyhow!(
                    "{}: change it where it is set, or take it over with --force-conflicts",
                    it.message
                ),
                _ => explained(error, "apply the environment"),
            })?;
    let word = match &before {
        None => "created",
        Some(it) if it.resource_version() == applied.resource_version() => "unchanged",
        Some(_) => "configured",
    };
    done(&args, &applied, word)?;
    if args.dry_run.is_some() {
        return Ok(ExitCode::SUCCESS);
    }
    if !args.wait {
        eprintln!("«{}» follows it", named.command("status", "-w"));
        return Ok(ExitCode::SUCCESS);
    }
    let code = wait_for(&api, name, What::Ready, args.timeout).await?;
    let url = api.get(name).await.ok().and_then(|it| it.0.ok()?.status?.url);
    if let Some(url) = url.filter(|_| code == ExitCode::SUCCESS && args.output.is_none()) {
        writeln!(std::io::stdout(), "{url}")?;
    }
    Ok(code)
}

fn done(args: &Args, object: &impl serde::Serialize, word: &str) -> Result<ExitCode> {
    let mut out = std::io::stdout();
    let dry = match args.dry_run {
        None => "",
        Some(Dry::Client) => " (dry run)",
        Some(Dry::Server) => " (server dry run)",
    };
    match args.output {
        Some(format) => print(out, object, format)?,
        None => writeln!(out, "{} {word}{dry}", full_name(&args.environment.name))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Nothing but what was said: what is left out is up to its class.
fn object(args: &Args) -> Value {
    let mut spec = Map::new();
    spec.insert("source".to_owned(), json!({ "namespace": args.from }));
    if let Some(class) = &args.class {
        spec.insert("className".to_owned(), json!(class));
    }
    if let Some(ttl) = &args.ttl {
        spec.insert("lifecycle".to_owned(), json!({ "ttl": ttl }));
    }
    if !args.images.is_empty() {
        spec.insert("images".to_owned(), json!(args.images));
    }
    if let Some(it) = &args.pull_request {
        let it = PullRequest { commit: args.commit.clone(), ..it.clone() };
        spec.insert("pullRequest".to_owned(), json!(it));
    }
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(args.environment.name));
    if let Some(namespace) = args.environment.cluster.namespace() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    json!({
        "apiVersion": format!("{}/{}", names::GROUP, names::VERSION),
        "kind": "StagingEnvironment",
        "metadata": metadata,
        "spec": spec,
    })
}

/// A time to live as the API has it, which knows no days.
fn ttl(text: &str) -> Result<String, String> {
    let seconds = length(text)?.as_secs();
    if kulisse_core::api::duration::Duration::new(text).span().is_ok() {
        return Ok(text.to_owned());
    }
    let parts = [(seconds / 3600, "h"), (seconds % 3600 / 60, "m"), (seconds % 60, "s")];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    Ok(parts.flat_map(|(number, unit)| [number.to_string(), unit.to_owned()]).collect())
}

/// As `kustomize edit set image` has it: `name=repository:tag@digest`, each part of the right side may
/// be left out.
fn image(text: &str) -> Result<Image, String> {
    let wrong = || {
        format!(
            "{text:?}: write NAME=IMAGE, as in acme/api=ghcr.io/acme/api:pr-1234; NAME is the image that production runs, without tag and digest"
        )
    };
    let (name, new) = text.split_once('=').ok_or_else(wrong)?;
    let (rest, digest) = match new.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.to_owned())),
        None => (new, None),
    };
    // A colon before a slash is that of a port.
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.to_owned())),
        _ => (rest, None),
    };
    let new_name = (!repository.is_empty() && repository != name).then(|| repository.to_owned());
    let untagged = name.rsplit('/').next().is_some_and(|it| !it.contains([':', '@']));
    if name.is_empty() || !untagged || (new_name.is_none() && tag.is_none() && digest.is_none()) {
        return Err(wrong());
    }
    Ok(Image { name: name.to_owned(), new_name, new_tag: tag, digest })
}

/// A pull request by its number, or by its URL at GitHub, GitLab, Gitea or Bitbucket.
fn pull_request(text: &str) -> Result<PullRequest, String> {
    const PLACES: [&str; 4] = ["pull", "pulls", "merge_requests", "pull-requests"];
    if let Ok(number) = text.parse() {
        return Ok(PullRequest { number: Some(number), ..PullRequest::default() });
    }
    let wrong = || {
        format!(
            "{text:?}: write the number of the pull request, or its URL like https://github.com/acme/shop/pull/1234"
        )
    };
    let url: http::Uri = text.parse().map_err(|_| wrong())?;
    let parts: Vec<&str> =
        url.path().split('/').filter(|it| !it.is_empty() && *it != "-").collect();
    let at = parts.iter().position(|it| PLACES.contains(it)).ok_or_else(wrong)?;
    let number = parts.get(at + 1).and_then(|it| it.parse().ok()).ok_or_else(wrong)?;
    let known = matches!(url.scheme_str(), Some("http" | "https")) && at > 0;
    known.then_some(()).ok_or_else(wrong)?;
    Ok(PullRequest {
        repository: Some(parts[..at].join("/")),
        number: Some(number),
        url: Some(text.to_owned()),
        ..PullRequest::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_to_pieces_as_kustomize_does() {
        let parts = |text: &str| {
            let it = image(text).unwrap();
            [Some(it.name), it.new_name, it.new_tag, it.digest].map(Option::unwrap_or_default)
        };
        assert_eq!(
            parts("acme/api=ghcr.io/acme/api:pr-1"),
            ["acme/api", "ghcr.io/acme/api", "pr-1", ""]
        );
        assert_eq!(parts("acme/api=:pr-1"), ["acme/api", "", "pr-1", ""]);
        assert_eq!(parts("acme/api=acme/api:pr-1"), ["acme/api", "", "pr-1", ""]);
        assert_eq!(parts("a=localhost:5000/a"), ["a", "localhost:5000/a", "", ""]);
        assert_eq!(parts("h:5000/a=b:1@sha256:00"), ["h:5000/a", "b", "1", "sha256:00"]);
        for text in ["ghcr.io/acme/api:1", "=a", "a=", "a=a", "a:1=b:2", "a@sha256:0=b"] {
            assert!(image(text).unwrap_err().contains("write NAME=IMAGE"), "{text}");
        }
    }

    #[test]
    fn a_pull_request_is_known_by_its_number_and_by_its_url() {
        let it = pull_request("12").unwrap();
        assert_eq!((it.number, it.repository, it.url), (Some(12), None, None));
        for (url, repository) in [
            ("https://github.com/acme/shop/pull/12", "acme/shop"),
            ("https://github.com/acme/shop/pull/12/files", "acme/shop"),
            ("https://gitlab.example.com/a/b/shop/-/merge_requests/12", "a/b/shop"),
            ("https://bitbucket.org/acme/shop/pull-requests/12", "acme/shop"),
        ] {
            let it = pull_request(url).unwrap();
            assert_eq!(
                (it.number, it.repository.as_deref()),
                (Some(12), Some(repository)),
                "{url}"
            );
            assert_eq!(it.url.as_deref(), Some(url));
        }
        for text in
            ["pr-12", "https://github.com/acme/shop", "https://a/pull/12", "ftp://a/b/pull/1"]
        {
            assert!(pull_request(text).unwrap_err().contains("write the number"), "{text}");
        }
    }

    #[test]
    fn a_time_to_live_may_be_said_in_days() {
        for (text, written) in [("24h", "24h"), ("3d", "72h"), ("1d90m", "25h30m"), ("90s", "90s")]
        {
            assert_eq!(ttl(text).as_deref(), Ok(written));
        }
        assert!(ttl("for ever").is_err());
    }
}
