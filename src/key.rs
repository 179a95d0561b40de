//! The operator's key: made once, kept as a Secret in its own namespace.

use anyhow::{Context as _, Result, bail};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use kulisse_core::{
    api::{identity::NamespaceName, names},
    secrets::OperatorKey,
};

use crate::controller::call::{call_secret, there_is_fine};

const FIELD: &str = "key";

/// The operator's key; the first operator of a cluster makes it.
///
/// # Errors
///
/// If the Secret cannot be read or made, or holds something else than a key.
pub async fn load(client: &Client, namespace: &NamespaceName) -> Result<OperatorKey> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace.as_str());
    let name = names::OPERATOR_KEY_SECRET;
    for _ in 0..2 {
        let what = format!("get Secret {name} in {namespace}");
        let found = call_secret(&what, || api.get_opt(name)).await;
        let found = found.with_context(|| format!("cannot read Secret {name} in {namespace}"))?;
        if let Some(secret) = found {
            let bytes = secret.data.and_then(|mut data| data.remove(FIELD));
            let Some(key) = bytes.and_then(|it| OperatorKey::from_bytes(&it.0)) else {
                bail!(
                    "Secret {name} in {namespace} holds no key of {} bytes: delete it to have a new one made; living environments are then no longer recognised",
                    OperatorKey::LENGTH
                );
            };
            return Ok(key);
        }
        let (fresh, params) = (fresh(name)?, PostParams::default());
        let what = format!("create Secret {name} in {namespace}");
        // Another one may be faster: its key is ours too.
        there_is_fine(call_secret(&what, || api.create(&params, &fresh)).await)
            .with_context(|| format!("cannot make Secret {name} in {namespace}"))?;
    }
    bail!("Secret {name} in {namespace} is neither there nor can it be made");
}

/// A key for one run of the command line, forgotten after it: what it seals is compared with
/// nothing, and no plan's digest depends on it.
///
/// # Errors
///
/// If the machine has no randomness.
pub fn momentary() -> Result<OperatorKey> {
    OperatorKey::from_bytes(&random()?).context("a key of the wrong length")
}

fn random() -> Result<Vec<u8>> {
    let mut bytes = vec![0; OperatorKey::LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes)
}

fn fresh(name: &str) -> Result<Secret> {
    let bytes = random()?;
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(
                [(names::MANAGED_BY_LABEL.to_owned(), names::MANAGED_BY.to_owned())].into(),
            ),
            ..ObjectMeta::default()
        },
        data: Some([(FIELD.to_owned(), ByteString(bytes))].into()),
        immutable: Some(true),
        ..Secret::default()
    })
}
