//! What a plan is made from: an environment, its class and a source, from files or from a cluster.

mod document;
mod environment;
mod live;
mod manifest;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Result;
use jiff::Timestamp;
use kube::{Client, ResourceExt};
use kulisse_core::{
    api::{
        class::{StagingClass, StagingClassSpec},
        environment::StagingEnvironment,
        grant::StagingGrant,
        identity::{Incarnation, NamespaceName},
        names,
    },
    lifecycle::consent::{Asking, granted_secrets},
    plan::{
        capture::{Capture, Reading, assemble},
        object::Object,
        request::{Classes, Cluster as ClusterFacts, Endpoint, Identity, OperatorAccount, Request},
    },
};

use self::manifest::Manifests;
pub use self::{
    environment::right_name,
    live::{source as live, stored},
};
use super::cluster::Cluster;
use crate::{
    controller::{
        observe::{DEFAULT_PREFIX, target_name},
        stored::Stored,
    },
    key,
};

/// UID of an environment that no cluster knows yet.
const UNBORN: &str = "00000000-0000-0000-0000-000000000000";
/// The namespace of an environment whose file names none, where no cluster says otherwise.
const DEFAULT_NAMESPACE: &str = "default";

/// Where the source is, and what else a plan depends on.
#[derive(Debug, clap::Args)]
pub struct Inputs {
    /// Manifests of the source instead of the live namespace: a folder, a file, or - for standard
    /// input. Needs no cluster
    #[arg(long, value_name = "DIR|FILE|-")]
    source: Option<PathBuf>,
    /// The namespace that is the source. Default: spec.source.namespace
    #[arg(long, value_name = "NS")]
    source_namespace: Option<String>,
    /// File with the StagingClass. Default: the one beside the environment; without --source, the
    /// cluster's
    #[arg(long, value_name = "FILE")]
    class: Option<PathBuf>,
    /// The namespace to clone into. Default: the environment's own; before it has one, stg-<name>
    #[arg(long, value_name = "NS")]
    target: Option<String>,
}

/// What a plan is made from.
pub struct Input {
    /// What it is made for.
    pub request: Request,
    /// The source.
    pub capture: Capture,
    /// The environment as asked for; with the status of the cluster's, if there is one.
    pub environment: StagingEnvironment,
    /// What was left out or assumed, for people.
    pub notes: Vec<String>,
    /// The cluster, if one was asked.
    pub client: Option<Client>,
}

impl Inputs {
    /// Reads all that a plan of the environment in `file` depends on.
    ///
    /// # Errors
    ///
    /// If something cannot be read, or says what it cannot.
    pub async fn of_file(&self, file: &Path, cluster: &Cluster) -> Result<Input> {
        let asked = environment::asked(&document::read(file)?, file)?;
        let mut environment = asked.environment;
        self.check(&environment)?;
        let said = environment.namespace().or_else(|| cluster.namespace());
        if self.source.is_some() {
            let namespace = said.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
            environment.metadata.namespace = Some(namespace);
            return self.gather(environment, asked.classes, None).await;
        }
        let (client, default) = cluster.client().await?;
        let namespace = said.unwrap_or(default);
        if let Some(there) = live::environment(&client, &namespace, &environment.name_any()).await {
            environment.metadata.uid = there.metadata.uid;
            environment.status = there.status;
        }
        environment.metadata.namespace = Some(namespace);
        self.gather(environment, asked.classes, Some(client)).await
    }

    /// Reads all that a plan of an environment of the cluster depends on.
    ///
    /// # Errors
    ///
    /// As [`Inputs::of_file`].
    pub async fn of_environment(
        &self,
        environment: StagingEnvironment,
        client: Client,
    ) -> Result<Input> {
        self.check(&environment)?;
        self.gather(environment, Vec::new(), Some(client)).await
    }

    /// Manifests are read by the operator, with its own rights; the namespace that they are read as may
    /// hold something else.
    fn check(&self, environment: &StagingEnvironment) -> Result<()> {
        anyhow::ensure!(
            self.is_offline() || environment.spec.source.manifests.is_none(),
            "{} is made from manifests (spec.source.manifests), which the operator reads: give the same ones with --source",
            environment.name_any()
        );
        Ok(())
    }

    /// The same, from what was captured before.
    ///
    /// # Errors
    ///
    /// As [`Inputs::of_file`].
    pub async fn of_capture(
        &self,
        environment: StagingEnvironment,
        client: Client,
        kept: Stored,
    ) -> Result<Input> {
        let (class, ignored) = self.class(&environment, Vec::new(), Some(&client)).await?;
        let mut request = self.request(&environment, class, kept.request.cluster)?;
        request.granted_secrets = kept.request.granted_secrets;
        let capture = kept.capture;
        let notes = ignored.into_iter().collect();
        Ok(Input { request, capture, environment, notes, client: Some(client) })
    }

    /// Whether the source is files.
    pub fn is_offline(&self) -> bool {
        self.source.is_some()
    }

    /// What a plan is made for and from; `client` unless the source is files.
    async fn gather(
        &self,
        environment: StagingEnvironment,
        beside: Vec<StagingClass>,
        client: Option<Client>,
    ) -> Result<Input> {
        let (class, ignored) = self.class(&environment, beside, client.as_ref()).await?;
        let source = NamespaceName::parse(self.namespace(&environment))?;
        let (reading, api_endpoints, mut notes) = self.read(&source, client.as_ref()).await?;
        notes.extend(ignored);
        // Whose rights the operator binds for itself is no part of a plan.
        let cluster = ClusterFacts {
            api_endpoints,
            operator: OperatorAccount::default(),
            rights: Vec::new(),
            classes: Classes::default(),
        };
        let mut request = self.request(&environment, class, cluster)?;
        let labels = live::labels(client.as_ref(), &request.environment.namespace).await;
        request.granted_secrets = granted(&reading.objects, &request.environment, &labels);
        let capture = assemble(reading, &key::momentary()?);
        Ok(Input { request, capture, environment, notes, client })
    }

    /// The name of the namespace that is cloned.
    fn namespace<'a>(&'a self, environment: &'a StagingEnvironment) -> &'a str {
        self.source_namespace.as_deref().unwrap_or(&environment.spec.source.namespace)
    }

    fn request(
        &self,
        environment: &StagingEnvironment,
        class: StagingClassSpec,
        cluster: ClusterFacts,
    ) -> Result<Request> {
        let mut spec = environment.spec.clone();
        self.namespace(environment).clone_into(&mut spec.source.namespace);
        let incarnation = environment.status.as_ref().and_then(|it| it.incarnation);
        let incarnation = incarnation.unwrap_or(Incarnation(1));
        let identity = Identity {
            name: environment.name_any(),
            namespace: NamespaceName::parse(&environment.namespace().unwrap_or_default())?,
            uid: environment.uid().unwrap_or_else(|| UNBORN.to_owned()),
        };
        let target = self.target(environment, &identity, &class, incarnation)?;
        let granted_secrets = Vec::new();
        // Without them the plan would be another one.
        anyhow::ensure!(
            spec.overlay.config_map_ref.is_empty(),
            "spec.overlay.configMapRef is read by the operator only: put its manifests under spec.overlay.inline to plan here"
        );
        Ok(Request {
            environment: identity,
            spec,
            class,
            granted_secrets,
            incarnation,
            target,
            overlay: Vec::new(),
            cluster,
        })
    }

    /// The class, and a note if the files hold one that it is not.
    async fn class(
        &self,
        environment: &StagingEnvironment,
        beside: Vec<StagingClass>,
        client: Option<&Client>,
    ) -> Result<(StagingClassSpec, Option<String>)> {
        let classes = match &self.class {
            Some(file) => environment::classes(&document::read(file)?)?,
            None => beside,
        };
        let class = match (environment::class_of(environment, &classes), client, &classes[..]) {
            // Whoever gives one class means it.
            (Ok(None), _, [only]) if self.class.is_some() => Some(only.clone()),
            (Ok(None) | Err(_), Some(client), _) if self.class.is_none() => {
                live::class(client, environment).await?
            }
            (found, ..) => found?,
        };
        let note = environment::ignored(environment, &classes, class.as_ref());
        Ok((class.map(|it| it.spec).unwrap_or_default(), note))
    }

    async fn read(
        &self,
        source: &NamespaceName,
        client: Option<&Client>,
    ) -> Result<(Reading, Vec<Endpoint>, Vec<String>)> {
        if let Some(client) = client.filter(|_| self.source.is_none()) {
            let reading = live::source(client, source).await?;
            let mut notes = Vec::new();
            if reading.secrets.is_none() {
                notes.push(format!(
                    "you may not read the Secrets of {source}: their keys are taken from what refers to them"
                ));
            }
            if !reading.unreadable.is_empty() {
                notes.push(format!(
                    "you may not read these kinds: {}",
                    reading.unreadable.join(", ")
                ));
            }
            return Ok((reading, live::api_endpoints(client).await, notes));
        }
        let path = self.source.as_deref().unwrap_or(Path::new("-"));
        let documents = document::read(path)?;
        let Manifests { objects, secrets, endpoints, notes } =
            manifest::sort_out(documents, source)?;
        let reading = Reading {
            namespace: source.clone(),
            captured_at: Timestamp::UNIX_EPOCH,
            objects,
            secrets: Some(secrets),
            unreadable: Vec::new(),
        };
        Ok((reading, endpoints, notes))
    }

    fn target(
        &self,
        environment: &StagingEnvironment,
        identity: &Identity,
        class: &StagingClassSpec,
        incarnation: Incarnation,
    ) -> Result<NamespaceName> {
        if let Some(name) = &self.target {
            return Ok(NamespaceName::parse(name)?);
        }
        if identity.uid != UNBORN {
            let status = environment.status.clone().unwrap_or_default();
            return Ok(target_name(identity, class, &status, incarnation));
        }
        let prefix = class.namespace_prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
        Ok(NamespaceName::parse(&format!("{prefix}-{}", identity.name))?)
    }
}

/// Globs of the Secrets that the source's grants let the request namespace have as they are.
fn granted(
    objects: &[Object],
    identity: &Identity,
    labels: &BTreeMap<String, String>,
) -> Vec<String> {
    let grants: Vec<StagingGrant> = objects
        .iter()
        .filter(|it| it.group() == names::GROUP && it.kind() == "StagingGrant")
        .filter_map(|it| serde_json::from_value(it.value().clone()).ok())
        .collect();
    let asking = Asking { name: identity.namespace.as_str(), labels };
    granted_secrets(asking, grants.iter().map(|it| &it.spec))
}
