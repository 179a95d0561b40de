//! Which cluster and namespace a verb is about: kubectl's options.

use std::path::PathBuf;

use anyhow::{Context, Result};
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kulisse_core::api::environment::StagingEnvironment;

/// kubectl's options.
#[derive(Debug, clap::Args)]
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

impl Cluster {
    /// A client, and the namespace that is meant.
    pub async fn client(&self) -> Result<(Client, String)> {
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
        Ok((Client::try_from(config)?, namespace))
    }

    /// The namespace that was named, without asking any cluster.
    pub fn namespace(&self) -> Option<String> {
        self.namespace.clone()
    }

    /// The environments of the namespace that is meant.
    pub async fn environments(&self) -> Result<(Api<StagingEnvironment>, String)> {
        let (client, namespace) = self.client().await?;
        Ok((Api::namespaced(client, &namespace), namespace))
    }
}
