//! What of a cluster a plan depends on, read with a person's own rights.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result, anyhow};
use k8s_openapi::api::{
    core::v1::{Namespace, Secret},
    discovery::v1::EndpointSlice,
};
use kube::{Api, Client, api::ListParams};
use kulisse_core::{
    api::{
        class::StagingClass,
        condition::Reason,
        environment::StagingEnvironment,
        identity::{Incarnation, NamespaceName},
        names,
    },
    plan::{
        capture::Reading,
        request::{Endpoint, OperatorAccount},
    },
};

use super::{super::time::now, environment::class_of};
use crate::controller::{
    capture,
    discovery::{Kinds, endpoints},
    error::Error,
    stored::{Slot, Stored, newest},
};

/// The environment as it stands in the cluster, if it does and may be read.
pub async fn environment(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Option<StagingEnvironment> {
    let api: Api<StagingEnvironment> = Api::namespaced(client.clone(), namespace);
    api.get_opt(name).await.ok().flatten()
}

/// The class that the environment has in the cluster.
///
/// # Errors
///
/// If it cannot be read, or is not there.
pub async fn class(
    client: &Client,
    environment: &StagingEnvironment,
) -> Result<Option<StagingClass>> {
    let api: Api<StagingClass> = Api::all(client.clone());
    let classes = api
        .list(&ListParams::default())
        .await
        .context("cannot read the StagingClasses: give yours with --class FILE")?;
    class_of(environment, &classes.items)
}

/// The source as it is now.
///
/// # Errors
///
/// If it cannot be read.
pub async fn source(client: &Client, source: &NamespaceName) -> Result<Reading> {
    let read =
        capture::read(source, client, &Kinds::default(), &OperatorAccount::default(), now).await;
    read.map_err(|error| match error {
        // Said to the operator's users; here it is the person who may not.
        Error::Problem(it) if it.reason == Reason::SourceNotReadable => anyhow!(
            "you may not read namespace {source}: ask its owners, or plan from files with --source"
        ),
        other => other.into(),
    })
}

/// Where the Kubernetes API listens; nothing if that may not be read.
pub async fn api_endpoints(client: &Client) -> Vec<Endpoint> {
    let api: Api<EndpointSlice> = Api::namespaced(client.clone(), "default");
    let slice = api.get_opt("kubernetes").await.ok().flatten();
    slice.as_ref().map(endpoints).unwrap_or_default()
}

/// The labels of the request namespace, as far as they are known: its name always is.
pub async fn labels(
    client: Option<&Client>,
    namespace: &NamespaceName,
) -> BTreeMap<String, String> {
    let name = namespace.to_string();
    let read = async {
        let api: Api<Namespace> = Api::all(client?.clone());
        api.get_metadata(&name).await.ok()?.metadata.labels
    };
    let mut labels = read.await.unwrap_or_default();
    labels.insert(names::NAMESPACE_NAME_LABEL.to_owned(), name);
    labels
}

/// What was captured and planned for an environment, if it may be read: few may.
pub async fn stored(
    client: &Client,
    operator: &str,
    uid: &str,
    life: Incarnation,
) -> Option<Stored> {
    let api: Api<Secret> = Api::namespaced(client.clone(), operator);
    let parts = ListParams::default().labels(&format!("{}={uid}", names::ENVIRONMENT_UID_LABEL));
    let slot = Slot { uid, life, first: true };
    Arc::into_inner(newest(slot, api.list(&parts).await.ok()?.items)?)
}
