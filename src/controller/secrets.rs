//! The values of cloned Secrets: made, written, and forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, ResourceExt, api::DynamicObject};
use kulisse_core::{
    api::{
        condition::Reason,
        identity::{NamespaceName, ObjectName},
        names,
    },
    plan::Plan,
    secrets::{
        self, Filling, Materials, OpenSecret, Origin, Place, PlannedValue, Production, SecretBytes,
        Values,
    },
};
use serde_json::{Value, json};

use super::{
    call::{bounded, call_secret, each_page},
    capture,
    context::Context,
    error::Error,
    seen::Seen,
    stored::Stored,
};

/// The only types of Secrets that are read in the operator's own namespace for a class: the
/// operator's key and stored plans lie there too.
const OF_CLASSES: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/tls"];

/// Most bytes of a target's Secrets that are looked for in what is quoted. What finds them takes a thousand
/// times as much memory.
const MASKED: usize = 128 * 1024;
/// What a Secret counts for besides what is in it.
const EACH: usize = 256;

/// The values of a Secret.
pub type Contents = BTreeMap<String, SecretBytes>;

/// The values of all planned Secrets, by name. While the target has no more than its fence
/// (`begun` is false), it holds none.
pub async fn values(
    seen: &Seen,
    stored: &Stored,
    begun: bool,
    ctx: &Context,
) -> Result<BTreeMap<String, Filling>, Error> {
    let planned = || stored.plan.secrets.values().flat_map(|planned| planned.keys.values());
    let templates = planned().any(|it| matches!(it, PlannedValue::Template(_)));
    // Templates are filled with what is really there.
    let existing =
        if templates && begun { existing(seen, &stored.plan, ctx).await? } else { Values::new() };
    let with = Materials {
        key: &ctx.key,
        environment: &seen.identity.uid,
        given: given(seen, &stored.plan, ctx).await?,
        existing,
        production: Arc::new(Production::of(&stored.capture.secrets)),
    };
    Ok(secrets::make(&stored.plan.secrets, &with)?)
}

/// Marks of what planned Secrets take from elsewhere now, by name. What is missing is said when the
/// Secrets are made.
pub async fn marks(
    seen: &Seen,
    plan: &Plan,
    ctx: &Context,
) -> Result<BTreeMap<String, String>, Error> {
    match given(seen, plan, ctx).await {
        Ok(given) => Ok(secrets::marks(&plan.secrets, &given, &seen.identity.uid, &ctx.key)),
        Err(Error::Problem(_)) => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// What planned ConfigMaps hold of certificates, by name.
pub fn settings(
    seen: &Seen,
    stored: &Stored,
    ctx: &Context,
) -> Result<BTreeMap<String, Filling>, Error> {
    let with = Materials {
        key: &ctx.key,
        environment: &seen.identity.uid,
        given: BTreeMap::new(),
        existing: Values::new(),
        production: Arc::default(),
    };
    Ok(secrets::make(&stored.plan.settings, &with)?)
}

/// What the planned Secrets of a target really hold.
async fn existing(seen: &Seen, plan: &Plan, ctx: &Context) -> Result<Values, Error> {
    let mut there = Values::new();
    let all = each(seen, ctx, |secret| {
        if plan.secrets.contains_key(&secret.name) {
            there.insert(secret.name, secret.data);
        }
        ControlFlow::Continue(())
    });
    let _ = all.await?;
    Ok(there)
}

/// What the target's Secrets really hold, so that it can be kept out of messages.
///
/// # Errors
///
/// That it is more than is read for this, besides what keeps it from being read.
pub async fn known(seen: &Seen, ctx: &Context) -> Result<Vec<OpenSecret>, Error> {
    let (mut known, mut bytes) = (Vec::new(), 0);
    let all = each(seen, ctx, |secret| {
        bytes +=
            EACH + secret.data.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        known.push(secret);
        if bytes > MASKED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if all.await?.is_break() {
        let why =
            format!("the Secrets of {} hold more than {} KiB", seen.target_name, MASKED >> 10);
        return Err(Error::problem(Reason::TooLarge, why));
    }
    Ok(known)
}

/// Takes the target's Secrets one by one: who may write there decides how many there are.
async fn each(
    seen: &Seen,
    ctx: &Context,
    mut take: impl FnMut(OpenSecret) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let api: Api<Secret> = Api::namespaced(bounded(ctx.client.clone()), seen.target_name.as_str());
    let (api, what) = (&api, &format!("list secrets in {}", seen.target_name));
    each_page(
        |params| async move { call_secret(what, || api.list(&params)).await },
        |page| page.into_iter().map(capture::open).try_for_each(&mut take),
    )
    .await
}

/// What the plan takes from Secrets elsewhere, each of them read once.
async fn given(
    seen: &Seen,
    plan: &Plan,
    ctx: &Context,
) -> Result<BTreeMap<Place, SecretBytes>, Error> {
    let planned = plan.secrets.values().flat_map(|planned| planned.keys.values());
    let from: BTreeSet<(Origin, &String)> = planned
        .filter_map(|value| match value {
            PlannedValue::From(place) => Some((place.origin, &place.secret)),
            PlannedValue::Parts(_) | PlannedValue::Keys(_) | PlannedValue::Template(_) => None,
        })
        .collect();
    let mut given = BTreeMap::new();
    for (origin, name) in from {
        let namespace = match origin {
            Origin::Request => &seen.identity.namespace,
            Origin::Source => &plan.source,
            Origin::Operator => &ctx.settings.namespace,
        };
        let secret = usable(namespace, origin, name, ctx).await?;
        for (key, value) in secret.map(capture::values).into_iter().flatten() {
            given.insert(Place { origin, secret: name.clone(), key }, value);
        }
    }
    Ok(given)
}

/// A Secret of a request namespace that environments there may use.
pub async fn of_request(
    namespace: &NamespaceName,
    name: &str,
    ctx: &Context,
) -> Result<Option<Secret>, Error> {
    usable(namespace, Origin::Request, name, ctx).await
}

/// A Secret that may be used, if it is there.
async fn usable(
    namespace: &NamespaceName,
    origin: Origin,
    name: &str,
    ctx: &Context,
) -> Result<Option<Secret>, Error> {
    Ok(read(namespace, origin, name, ctx).await?.filter(|it| is_usable(it, origin)))
}

async fn read(
    namespace: &NamespaceName,
    origin: Origin,
    name: &str,
    ctx: &Context,
) -> Result<Option<Secret>, Error> {
    ObjectName::parse(name)?;
    let api: Api<Secret> = Api::namespaced(ctx.client.clone(), namespace.as_str());
    let forbidden = |to_do: String| {
        let message = format!("the operator may not read Secret {name} in {namespace}: {to_do}");
        Err(Error::problem(Reason::SecretMissing, message))
    };
    let what = format!("get Secret {name} in {namespace}");
    match (call_secret(&what, || api.get_opt(name)).await, origin) {
        (Err(error), Origin::Request) if error.code() == 403 => {
            forbidden("add that namespace to the chart's requestNamespaces".to_owned())
        }
        (Err(error), Origin::Source) if error.code() == 403 => forbidden(format!(
            "its owners bind {} to the operator there",
            names::SOURCE_SECRETS_ROLE
        )),
        (answer, _) => answer,
    }
}

/// Of the request namespace only what is marked counts: whoever may create environments must not
/// thereby read every Secret beside them.
fn is_usable(secret: &Secret, origin: Origin) -> bool {
    match origin {
        Origin::Request => secret.labels().get(names::USABLE_LABEL).is_some_and(|it| it == "true"),
        Origin::Source => true,
        Origin::Operator => secret.type_.as_deref().is_some_and(|it| OF_CLASSES.contains(&it)),
    }
}

/// The values for a Secret that is there already.
pub fn over(filling: &Filling, there: &DynamicObject, ctx: &Context) -> Contents {
    let there = there
        .data
        .get("data")
        .and_then(|data| serde_json::from_value::<BTreeMap<String, ByteString>>(data.clone()).ok())
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, SecretBytes::new(value.0)))
        .collect();
    filling.over(&there, &ctx.key)
}

/// Entries of a ConfigMap's `data`.
pub fn text(values: &Contents) -> serde_json::Map<String, Value> {
    let text = |value: &SecretBytes| String::from_utf8_lossy(value.expose()).into_owned();
    values.iter().map(|(key, value)| (key.clone(), json!(text(value)))).collect()
}

/// `data` of a Secret.
pub fn encoded(values: &Contents) -> Value {
    let data: BTreeMap<&String, ByteString> =
        values.iter().map(|(key, value)| (key, ByteString(value.expose().to_vec()))).collect();
    json!(data)
}
