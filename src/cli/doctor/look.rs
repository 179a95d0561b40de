//! What of a cluster is looked at, with a person's own rights. Nothing is changed.

use std::fmt::Debug;

use anyhow::{Context, Result};
use futures::future::join_all;
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment},
        authorization::v1::{
            ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
            SubjectAccessReview, SubjectAccessReviewSpec,
        },
        core::v1::ResourceQuota,
        networking::v1::IngressClass,
        storage::v1::StorageClass,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams},
};
use kulisse_core::api::{class::StagingClass, environment::StagingEnvironment, names};
use serde::de::DeserializeOwned;

use super::{
    Args,
    rights::{RIGHTS, Right},
};
use crate::controller::guard::{self, Answer};

/// What was read, or why it could not be.
pub type Known<T> = Result<T, String>;

/// What was found in a cluster.
pub struct Facts {
    /// The API server's version.
    pub version: String,
    /// The namespace in which environments are asked for.
    pub namespace: String,
    /// The operator's account: namespace and name.
    pub account: (String, String),
    /// All definitions.
    pub definitions: Known<Vec<CustomResourceDefinition>>,
    /// The operator's Deployments: one.
    pub operator: Known<Vec<Deployment>>,
    /// Whether the operator's account is fenced.
    pub fenced: Known<bool>,
    /// Rights that the operator lacks.
    pub lacking: Known<Vec<Right>>,
    /// All environments.
    pub environments: Known<Vec<StagingEnvironment>>,
    /// Names of DaemonSets.
    pub daemon_sets: Vec<String>,
    /// All classes.
    pub classes: Known<Vec<StagingClass>>,
    /// Names of IngressClasses.
    pub ingress_classes: Known<Vec<String>>,
    /// Gateways as `namespace/name`.
    pub gateways: Known<Vec<String>>,
    /// All StorageClasses.
    pub storage_classes: Known<Vec<StorageClass>>,
    /// Names of VolumeSnapshotClasses.
    pub snapshot_classes: Known<Vec<String>>,
    /// Quotas of the request namespace.
    pub quotas: Known<Vec<ResourceQuota>>,
    /// Whether the person may ask for environments there.
    pub may_ask: Known<bool>,
}

/// Looks at everything.
///
/// # Errors
///
/// If there is no cluster, or it does not answer at all.
pub async fn look(args: &Args) -> Result<Facts> {
    let (config, namespace) = args.cluster.config().await?;
    let client = Client::try_from(config.clone())?;
    let version = client.apiserver_version().await.context("the API server does not answer")?;
    let account = (args.operator_namespace.clone(), args.operator_account.clone());
    let all = |client: &Client| client.clone();
    let (definitions, operator, environments, daemon_sets, classes, ingress_classes, gateways) = futures::join!(
        list::<CustomResourceDefinition>(Api::all(all(&client))),
        list::<Deployment>(Api::namespaced(all(&client), &account.0)),
        list::<StagingEnvironment>(Api::all(all(&client))),
        list::<DaemonSet>(Api::all(all(&client))),
        list::<StagingClass>(Api::all(all(&client))),
        list::<IngressClass>(Api::all(all(&client))),
        list_of(&client, "gateway.networking.k8s.io", "v1", "Gateway"),
    );
    let (storage_classes, snapshot_classes, quotas, lacking, may_ask) = futures::join!(
        list::<StorageClass>(Api::all(all(&client))),
        list_of(&client, "snapshot.storage.k8s.io", "v1", "VolumeSnapshotClass"),
        list::<ResourceQuota>(Api::namespaced(all(&client), &namespace)),
        lacking(&client, &account),
        may(
            &client,
            ResourceAttributes {
                verb: Some("create".to_owned()),
                group: Some(names::GROUP.to_owned()),
                resource: Some("stagingenvironments".to_owned()),
                namespace: Some(namespace.clone()),
                ..ResourceAttributes::default()
            }
        ),
    );
    let fenced = fenced(&client, config, &account).await;
    let operator: Known<Vec<Deployment>> =
        operator.map(|all| all.into_iter().filter(|it| runs_as(it, &account.1)).collect());
    let watches = operator.as_ref().is_ok_and(|all| !all.iter().any(unwatching));
    let needed = |all: Vec<Right>| all.into_iter().filter(|it| it.needed(watches)).collect();
    let names = |it: Known<Vec<_>>| {
        it.map(|it: Vec<IngressClass>| it.iter().map(ResourceExt::name_any).collect())
    };
    Ok(Facts {
        version: version.git_version,
        operator,
        namespace,
        account,
        definitions,
        fenced,
        lacking: lacking.map(needed),
        environments,
        daemon_sets: daemon_sets.unwrap_or_default().iter().map(ResourceExt::name_any).collect(),
        classes,
        ingress_classes: names(ingress_classes),
        gateways,
        storage_classes,
        snapshot_classes,
        quotas,
        may_ask,
    })
}

fn runs_as(deployment: &Deployment, account: &str) -> bool {
    let pod = deployment.spec.as_ref().and_then(|it| it.template.spec.as_ref());
    pod.and_then(|it| it.service_account_name.as_deref()) == Some(account)
}

/// Whether an operator was told not to watch workloads (chart value `workloadWatch.enabled`).
fn unwatching(operator: &Deployment) -> bool {
    let pod = operator.spec.as_ref().and_then(|it| it.template.spec.as_ref());
    let variables = pod.iter().flat_map(|it| &it.containers).flat_map(|it| it.env.iter().flatten());
    variables
        .into_iter()
        .any(|it| it.name == "KULISSE_WORKLOAD_WATCH" && it.value.as_deref() == Some("false"))
}

async fn list<K>(api: Api<K>) -> Known<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let found = api.list(&ListParams::default()).await;
    found.map(|it| it.items).map_err(|error| unknown(&error, &K::plural(&())))
}

/// Names of objects of a kind that may not be there.
async fn list_of(client: &Client, group: &str, version: &str, kind: &str) -> Known<Vec<String>> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    match api.list_metadata(&ListParams::default()).await {
        Ok(found) => Ok(found.items.iter().map(full_name).collect()),
        Err(kube::Error::Api(it)) if it.code == 404 => Ok(Vec::new()),
        Err(error) => Err(unknown(&error, &resource.plural)),
    }
}

fn full_name(object: &impl ResourceExt) -> String {
    let namespace = object.namespace().map(|it| it + "/").unwrap_or_default();
    namespace + &object.name_any()
}

fn unknown(error: &kube::Error, what: &str) -> String {
    match error {
        kube::Error::Api(it) if it.code == 403 => format!("you may not list {what}"),
        kube::Error::Api(it) if it.code == 404 => format!("there are no {what} here"),
        other => format!("cannot list {what}: {other}"),
    }
}

/// Whether the person may do something.
async fn may(client: &Client, what: ResourceAttributes) -> Known<bool> {
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(what),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let answer = api.create(&PostParams::default(), &review).await;
    let answer = answer.map_err(|_| "you may not ask what you may do".to_owned())?;
    Ok(answer.status.is_some_and(|it| it.allowed))
}

/// Which rights the operator lacks.
async fn lacking(client: &Client, (namespace, name): &(String, String)) -> Known<Vec<Right>> {
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let groups = [
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ];
    let asked = join_all(RIGHTS.map(|right| {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user(namespace, name)),
                groups: Some(groups.to_vec()),
                resource_attributes: Some(right.attributes(namespace)),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let api = api.clone();
        async move { (right, api.create(&PostParams::default(), &review).await) }
    }));
    let mut lacking = Vec::new();
    for (right, answer) in asked.await {
        let answer = answer.map_err(|_| "you may not ask what others may do".to_owned())?;
        if !answer.status.is_some_and(|it| it.allowed) {
            lacking.push(right);
        }
    }
    Ok(lacking)
}

fn user(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Whether the admission policies hold the operator's account, tried as the operator itself does: by a
/// dry run of what they must refuse. Who may not act as its account cannot try.
async fn fenced(
    client: &Client,
    mut config: kube::Config,
    account: &(String, String),
) -> Known<bool> {
    let act = ResourceAttributes {
        verb: Some("impersonate".to_owned()),
        resource: Some("serviceaccounts".to_owned()),
        namespace: Some(account.0.clone()),
        name: Some(account.1.clone()),
        ..ResourceAttributes::default()
    };
    if !may(client, act).await? {
        return Err("you may not act as the operator's account".to_owned());
    }
    config.auth_info.impersonate = Some(user(&account.0, &account.1));
    let client = Client::try_from(config).map_err(|error| error.to_string())?;
    match guard::check(&client).await {
        Some(Answer::InForce) => Ok(true),
        Some(Answer::Missing) => Ok(false),
        Some(Answer::Refused(words)) => Err(format!("others refuse the dry run: {words}")),
        None => Err("the API server did not say".to_owned()),
    }
}
