//! The clones as YAML that `kubectl apply` takes. Secrets are comments: their values are made in the
//! cluster only, so who applies by hand makes them by hand.

use std::{collections::BTreeSet, fmt::Write};

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
                (true, false) => format!("generated {}, the rest kept", places(parts)),
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

/// Most lines that are named.
const LINES: usize = 8;

/// Where in a text something is made anew: what a clone fails at may be one of these.
fn places(parts: &[Part]) -> String {
    let (mut line, mut found) = (1, BTreeSet::new());
    for part in parts {
        match part {
            Part::Text(text) => line += text.matches('\n').count(),
            it if is_made(it) => drop(found.insert(line)),
            _ => {}
        }
    }
    if line == 1 {
        return "where it is a credential".to_owned();
    }
    let shown: Vec<String> = found.iter().take(LINES).map(usize::to_string).collect();
    let more = match found.len().saturating_sub(LINES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let lines = if found.len() == 1 { "line" } else { "lines" };
    format!("where it is a credential, in {lines} {}{more}", shown.join(", "))
}

/// Whether a piece is invented anew, or holds one that is.
fn is_made(part: &Part) -> bool {
    match part {
        Part::Credential { .. } => true,
        Part::Text(_) => false,
        Part::Base64(inner) => inner.iter().any(is_made),
    }
}

#[cfg(test)]
mod tests {
    use kulisse_core::secrets::{Alphabet, CredentialClass, Encoding};

    use super::*;

    #[test]
    fn of_a_text_of_several_lines_those_are_named_that_hold_something_new() {
        let made = || Part::Credential {
            class: CredentialClass("c".to_owned()),
            length: 8,
            alphabet: Alphabet::Lower,
            encoding: Encoding::Plain,
        };
        let text = |text: &str| Part::Text(text.to_owned());
        let told = |parts: &[Part]| policy(&PlannedValue::Parts(parts.to_vec()));
        assert_eq!(told(&[text("a")]), KEPT);
        assert_eq!(told(&[made()]), "generated");
        assert_eq!(
            told(&[text("postgres://u:"), made(), text("@db")]),
            "generated where it is a credential, the rest kept"
        );
        assert_eq!(
            told(&[text("a: 1\nb: "), made(), text("\n"), Part::Base64(vec![made()]), text("\n")]),
            "generated where it is a credential, in lines 2, 3, the rest kept"
        );
        let many: Vec<Part> = (0..10).flat_map(|_| [text("p: "), made(), text("\n")]).collect();
        assert!(told(&many).contains("7, 8 and 2 more, the rest"), "{}", told(&many));
    }
}
