//! The clones as YAML that `kubectl apply` takes. Secrets are comments: their values are made in the
//! cluster only, so who applies by hand makes them by hand.

use std::fmt::Write;

use anyhow::Result;
use kulisse_core::{
    api::names,
    plan::{
        Plan,
        object::{Object, escape},
    },
    secrets::{EVERY_KEY, Origin, Part, PlannedSecret, PlannedValue},
};

/// What is said of a value that the clone has, too.
pub const KEPT: &str = "kept: no credential";

/// The target and the clones, in the order in which they are applied.
///
/// # Errors
///
/// If an object cannot be written as YAML.
pub fn stream(plan: &Plan, name: &str) -> Result<String> {
    let mut text = format!(
        "# {name}: {} objects for {}, in the order in which they are applied.\n",
        plan.clones.len() + 1,
        plan.target
    );
    if !plan.secrets.is_empty() {
        text += "# Secrets are comments, since their values are made in the cluster only: make yours first.\n";
    }
    document(&mut text, &by_hand(&plan.namespace))?;
    for clone in &plan.clones {
        let secret =
            (clone.object.kind() == "Secret").then(|| plan.secrets.get(clone.object.name()));
        match secret {
            Some(secret) => describe(&mut text, &clone.object, secret)?,
            None => document(&mut text, &clone.object)?,
        }
    }
    Ok(text)
}

/// A namespace that a person makes is not the operator's, and does not say so: its admission policies
/// would keep everybody else from filling it.
fn by_hand(namespace: &Object) -> Object {
    let mut namespace = namespace.clone();
    for label in [names::ENVIRONMENT_UID_LABEL, names::MANAGED_BY_LABEL] {
        namespace.remove(&format!("/metadata/labels/{}", escape(label)));
    }
    namespace
}

fn document(text: &mut String, object: &Object) -> Result<()> {
    let yaml = serde_saphyr::to_string(object.value())?;
    write!(text, "---\n{}\n", yaml.trim_end())?;
    Ok(())
}

fn describe(text: &mut String, object: &Object, secret: Option<&PlannedSecret>) -> Result<()> {
    let kind = object.text("/type");
    let kind = if kind.is_empty() { "Opaque" } else { kind };
    writeln!(
        text,
        "---\n# Secret/{}, type {kind}, in {}",
        object.name(),
        object.text("/metadata/namespace")
    )?;
    let keys = secret.map(|it| &it.keys);
    let width = keys.into_iter().flatten().map(|(key, _)| key.len()).max().unwrap_or_default();
    for (key, value) in keys.into_iter().flatten() {
        let key = if key == EVERY_KEY { "(every key)" } else { key };
        writeln!(text, "#   {key:<width$}  {}", policy(value))?;
    }
    Ok(())
}

/// What becomes of a value, in words.
pub fn policy(value: &PlannedValue) -> String {
    match value {
        PlannedValue::Parts(parts) => {
            match (parts.iter().any(is_made), parts.iter().all(is_made)) {
                (false, _) => KEPT.to_owned(),
                (true, true) => "generated".to_owned(),
                (true, false) => "generated where it is a credential, the rest kept".to_owned(),
            }
        }
        PlannedValue::Keys(_) => "certificates and keys, made anew".to_owned(),
        PlannedValue::Template(_) => "a text of spec.secrets".to_owned(),
        PlannedValue::From(place) => {
            let whose = match place.origin {
                Origin::Request => "the request namespace",
                Origin::Source => "the source: a copy",
                Origin::Operator => "the operator's namespace",
            };
            let key = if place.key == EVERY_KEY {
                String::new()
            } else {
                format!("key {} of ", place.key)
            };
            format!("from {key}Secret {} of {whose}", place.secret)
        }
    }
}

/// Whether a piece is invented anew, or holds one that is.
fn is_made(part: &Part) -> bool {
    match part {
        Part::Credential { .. } => true,
        Part::Text(_) => false,
        Part::Base64(inner) => inner.iter().any(is_made),
    }
}
