//! Which cluster, namespace and environment a verb is about: kubectl's options.

use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow};
use clap_complete::ArgValueCompleter;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kulisse_core::api::environment::StagingEnvironment;

use crate::readable::Readable;

use super::{complete::environments, program::program, slowly::slowly};

/// kubectl's options.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Cluster {
    /// Namespace of the environment. Default: the kubeconfig's
    #[arg(short, long)]
    namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long)]
    context: Option<String>,
    /// Path of the kubeconfig
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// One environment of a cluster.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// Name of the environment
    #[arg(value_parser = bare, add = ArgValueCompleter::new(environments))]
    pub name: String,
    #[command(flatten)]
    pub cluster: Cluster,
}

impl Cluster {
    /// How the cluster is reached, and the namespace that is meant.
    pub async fn config(&self) -> Result<(Config, String)> {
        let options =
            KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match &self.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Config::from_custom_kubeconfig(file, &options).await?
            }
            None if self.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => {
                Config::infer().await.context("no cluster: set KUBECONFIG or give --kubeconfig")?
            }
        };
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        Ok((config, namespace))
    }

    /// A client, and the namespace that is meant.
    pub async fn client(&self) -> Result<(Client, String)> {
        let (config, namespace) = self.config().await?;
        Ok((Client::try_from(config)?, namespace))
    }

    /// Sets an option by its name on the command line.
    pub fn give(&mut self, option: &str, value: String) {
        match option {
            "--context" => self.context = Some(value),
            "--kubeconfig" => self.kubeconfig = Some(value.into()),
            _ => self.namespace = Some(value),
        }
    }

    /// The namespace that was named, without asking any cluster.
    pub fn namespace(&self) -> Option<String> {
        self.namespace.clone()
    }

    /// The environments of the namespace that is meant.
    pub async fn environments(&self) -> Result<(Api<Readable>, String)> {
        let (client, namespace) = self.client().await?;
        Ok((Api::namespaced(client, &namespace), namespace))
    }

    /// What to type next, about the same cluster and namespace.
    pub fn command(&self, words: &str) -> String {
        let options = [
            ("-n", self.namespace.clone()),
            ("--context", self.context.clone()),
            ("--kubeconfig", self.kubeconfig.as_ref().map(|it| it.display().to_string())),
        ];
        let given =
            options.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
        let parts: Vec<String> =
            [program().to_owned(), words.to_owned()].into_iter().chain(given).collect();
        parts.join(" ")
    }
}

impl Named {
    /// The environment, which must be there, and all of its namespace.
    pub async fn find(&self) -> Result<(Api<Readable>, StagingEnvironment)> {
        let (api, found) = self.stored().await?;
        Ok((api, read(found)?))
    }

    /// The same, also if this version cannot read it.
    pub async fn stored(&self) -> Result<(Api<Readable>, Readable)> {
        let (api, namespace) = self.cluster.environments().await?;
        let found = slowly("reading the environment", one(&api, &namespace, &self.name)).await?;
        Ok((api, found))
    }

    /// The same, if it is there.
    pub async fn look(&self) -> Result<(Api<Readable>, Option<Readable>)> {
        let (api, _) = self.cluster.environments().await?;
        let found = slowly("reading the environment", there(&api, &self.name)).await?;
        Ok((api, found))
    }

    /// A verb about the same environment, to be typed next.
    pub fn command(&self, verb: &str, rest: &str) -> String {
        self.cluster.command(format!("{verb} {} {rest}", self.name).trim_end())
    }
}

/// The environment of that name.
///
/// # Errors
///
/// If it is not there or cannot be read.
pub async fn known(api: &Api<Readable>, namespace: &str, name: &str) -> Result<StagingEnvironment> {
    read(one(api, namespace, name).await?)
}

/// An environment, as far as it can be read.
///
/// # Errors
///
/// With the field that cannot be read, and what can be done.
pub fn read(found: Readable) -> Result<StagingEnvironment> {
    found.0.map_err(|it| {
        anyhow!(
            "this {} cannot read StagingEnvironment {}: {it}; if a newer one wrote it, use that, and otherwise «{}» mends it",
            program(),
            it.metadata.name.as_deref().unwrap_or_default(),
            it.edit()
        )
    })
}

async fn one(api: &Api<Readable>, namespace: &str, name: &str) -> Result<Readable> {
    there(api, name).await?.with_context(|| {
        format!(
            "there is no StagingEnvironment {name} in namespace {namespace}: «{} list -A» shows all",
            program()
        )
    })
}

/// The environment of that name, if there is one.
async fn there(api: &Api<Readable>, name: &str) -> Result<Option<Readable>> {
    match api.get(name).await {
        Ok(environment) => Ok(Some(environment)),
        // Where the kind is not known, the answer names no object.
        Err(kube::Error::Api(it)) if it.code == 404 && it.message.contains(name) => Ok(None),
        Err(error) => Err(explained(error, "read the environment")),
    }
}

/// An error of the API server, with what can be done.
pub fn explained(error: kube::Error, what: &str) -> Error {
    let code = match &error {
        kube::Error::Api(it) => it.code,
        _ => 0,
    };
    let help = match code {
        403 => format!("you may not {what}"),
        404 => format!(
            "cannot {what}: Kulisse is not installed in this cluster, or not all of it; «{} doctor» tells more",
            program()
        ),
        _ => format!("cannot {what}"),
    };
    Error::from(error).context(help)
}

/// A name, also as `-o name` prints it.
fn bare(text: &str) -> Result<String, String> {
    let name = match text.split_once('/') {
        None => text,
        Some(("stagingenvironment.kulisse.dev" | "stagingenvironment" | "senv", name)) => name,
        Some((kind, _)) => return Err(format!("{kind} is no StagingEnvironment")),
    };
    if name.is_empty() { Err("a name is needed".to_owned()) } else { Ok(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_as_it_is_printed() {
        assert_eq!(bare("pr-1").as_deref(), Ok("pr-1"));
        assert_eq!(bare("stagingenvironment.kulisse.dev/pr-1").as_deref(), Ok("pr-1"));
        assert_eq!(bare("pod/pr-1"), Err("pod is no StagingEnvironment".to_owned()));
        assert!(bare("senv/").is_err());
    }

    #[test]
    fn what_to_type_next_is_about_the_same_namespace() {
        let cluster = Cluster { namespace: Some("previews".to_owned()), ..Cluster::default() };
        assert_eq!(cluster.command("status pr-1"), "kulisse status pr-1 -n previews");
        assert_eq!(Cluster::default().command("status pr-1"), "kulisse status pr-1");
    }
}
