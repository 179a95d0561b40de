//! The values of cloned Secrets: made, written, and forgotten.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams},
};
use kulisse_core::{
    api::{condition::Reason, identity::ObjectName, names},
    secrets::{self, OpenSecret, PlannedValue, SecretBytes},
};
use serde_json::{Value, json};

use super::{
    call::call_secret, capture, context::Context, error::Error, seen::Seen, stored::Stored,
};

type Values = BTreeMap<String, SecretBytes>;

/// The values of all planned Secrets, by name.
pub async fn values(
    seen: &Seen,
    stored: &Stored,
    ctx: &Context,
) -> Result<BTreeMap<String, Values>, Error> {
    let given = given(seen, stored, ctx).await?;
    let mut all = BTreeMap::new();
    for (name, planned) in &stored.plan.secrets {
        let made = secrets::make(planned, &ctx.key, &seen.identity.uid, &given)?;
        if let Some(sealed) = stored.capture.secrets.get(name) {
            let equal = secrets::equals_source(&made, sealed, &ctx.key);
            if let Some(key) = equal.first() {
                return Err(Error::problem(
                    Reason::ProductionReference,
                    format!(
                        "Secret/{name}: key {key} would hold production's own credential: give another value in the Secret that spec.secrets.rules takes it from"
                    ),
                ));
            }
        }
        all.insert(name.clone(), made);
    }
    Ok(all)
}

/// What the target's Secrets really hold, so that it can be kept out of messages.
pub async fn known(seen: &Seen, ctx: &Context) -> Result<Vec<OpenSecret>, Error> {
    let api: Api<Secret> = Api::namespaced(ctx.client.clone(), seen.target_name.as_str());
    let params = ListParams::default();
    let what = format!("list secrets in {}", seen.target_name);
    let secrets = call_secret(&what, || api.list(&params)).await?;
    Ok(secrets.items.into_iter().map(capture::open).collect())
}

/// What the rules take from Secrets of the request namespace. Only those that are marked as usable
/// count: whoever may create environments must not thereby read every Secret beside them.
async fn given(
    seen: &Seen,
    stored: &Stored,
    ctx: &Context,
) -> Result<BTreeMap<(String, String), SecretBytes>, Error> {
    let from: BTreeSet<&String> = stored
        .plan
        .secrets
        .values()
        .flat_map(|planned| planned.keys.values())
        .filter_map(|value| match value {
            PlannedValue::From { secret, .. } => Some(secret),
            PlannedValue::Parts(_) => None,
        })
        .collect();
    let api: Api<Secret> = Api::namespaced(ctx.client.clone(), seen.identity.namespace.as_str());
    let mut given = BTreeMap::new();
    for name in from {
        ObjectName::parse(name)?;
        let what = format!("get Secret {name} in {}", seen.identity.namespace);
        let secret = match call_secret(&what, || api.get_opt(name)).await {
            Ok(secret) => secret,
            Err(error) if error.code() == 403 => {
                return Err(Error::problem(
                    Reason::SecretMissing,
                    format!(
                        "the operator may not read Secret {name} in {}: add that namespace to the chart's requestNamespaces",
                        seen.identity.namespace
                    ),
                ));
            }
            Err(error) => return Err(error),
        };
        let usable =
            secret.filter(|it| it.labels().get(names::USABLE_LABEL).is_some_and(|it| it == "true"));
        if let Some(secret) = usable {
            given.extend(
                capture::values(secret)
                    .into_iter()
                    .map(|(key, value)| ((name.clone(), key), value)),
            );
        }
    }
    Ok(given)
}

/// The values for a Secret that is there already: what it holds stays.
pub fn keep(made: Values, there: &DynamicObject) -> Values {
    let existing = there
        .data
        .get("data")
        .and_then(|data| serde_json::from_value::<BTreeMap<String, ByteString>>(data.clone()).ok())
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, SecretBytes::new(value.0)))
        .collect();
    secrets::keep_existing(made, &existing)
}

/// `data` of a Secret.
pub fn encoded(values: &Values) -> Value {
    let data: BTreeMap<&String, ByteString> =
        values.iter().map(|(key, value)| (key, ByteString(value.expose().to_vec()))).collect();
    json!(data)
}
