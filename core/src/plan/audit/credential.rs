//! Credentials that stand outside Secrets, where everybody can read them. They come along as they
//! are: what they are is never shown, only where and how long.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::{
    api::staging_plan::Severity,
    plan::{
        log::Log,
        object::{Key, Object},
        places::{Place, told},
        settle,
        texts::{Origin, Text},
    },
    secrets::{Exposed, exposed},
};

/// Reports every credential that is a text of its own once, and every other text that holds one.
pub(super) fn literals(texts: &[Text], objects: &BTreeMap<Key, &Object>, log: &mut Log) {
    let mut whole: BTreeMap<(&str, &str), Vec<&Text>> = BTreeMap::new();
    let looked = texts.par_iter().filter(|it| !it.secret && it.origin == Origin::Written);
    let found: Vec<_> = looked.map(|it| (it, exposed(&it.named, &it.value))).collect();
    for (text, found) in found {
        let Some(first) = found.first() else { continue };
        if found.len() == 1 && first.length == text.value.chars().count() {
            whole.entry((&text.value, first.what)).or_default().push(text);
        } else {
            let shown = places(&found, text.value.contains('\n'));
            let settle = without(&[text.place()], objects);
            report(first.what, &shown, &[text], settle, log);
        }
    }
    for ((value, what), texts) in whole {
        let shown = format!(" ({})", characters(value.chars().count()));
        let places: Vec<Place> = texts.iter().map(|it| it.place()).collect();
        let settle = invented(&texts, objects).or_else(|| without(&places, objects));
        report(what, &shown, &texts, settle, log);
    }
}

fn report(what: &str, shown: &str, texts: &[&Text], settle: Option<String>, log: &mut Log) {
    let places: Vec<Place> = texts.iter().map(|it| it.place()).collect();
    let Some(((object, path), also)) = told(&places) else { return };
    log.find(
        Severity::Warns,
        object,
        path,
        "credential-literal",
        format!(
            "outside a Secret stands {what}{shown}: it is production's, and comes along as it is, while a Secret that holds it too gets another{also}"
        ),
        settle.unwrap_or_else(|| {
            "put it into a Secret in production, where it is invented anew for the clone".to_owned()
        }),
    );
}

/// YAML by which texts get along without the credential in them.
fn without(places: &[Place], objects: &BTreeMap<Key, &Object>) -> Option<String> {
    let yaml = settle::texts(places, objects, "the text without the credential", |_| None)?;
    // Kubernetes fills in variables in Pods alone.
    let file = places.iter().any(|(_, path)| path.starts_with("/data/"));
    let how = if file {
        "a file with a credential is invented anew for the clone where production has it in a Secret"
    } else {
        "$(NAME) of a variable that comes from a Secret can stand in its place"
    };
    Some(format!("# {how}\n{yaml}"))
}

/// YAML by which variables get a credential that is invented for the environment; `None` if they
/// are not all variables.
fn invented(texts: &[&Text], objects: &BTreeMap<Key, &Object>) -> Option<String> {
    let first = texts.first()?;
    let word = |text: &str| text.to_ascii_lowercase().replace(['_', '.'], "-");
    let name = format!("{}-{}", first.object.name, word(&first.named));
    let reference = json!({ "secretKeyRef": { "name": name, "key": first.named } });
    let env: Vec<Value> = texts
        .iter()
        .map(|it| {
            let object = objects.get(&it.object)?;
            let (container, variable) = settle::variable(object, &it.path)?;
            Some(json!({
                "target": settle::pattern(&it.object),
                "container": object.text(&format!("{container}/name")),
                "set": [{ "name": variable, "valueFrom": reference }],
            }))
        })
        .collect::<Option<_>>()?;
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name } });
    let yaml = settle::environment(&json!({ "overlay": { "inline": [secret] }, "env": env }));
    Some(format!(
        "# a Secret whose value is invented; whoever else knows the credential needs it too\n{yaml}"
    ))
}

fn characters(count: usize) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

/// Where in its text, and how long.
fn places(found: &[Exposed], lines: bool) -> String {
    let one = |it: &Exposed| {
        let line = if lines { format!("line {}, ", it.line) } else { String::new() };
        format!("{line}{}", characters(it.length))
    };
    let shown: Vec<String> = found.iter().take(3).map(one).collect();
    let more = match found.len().saturating_sub(3) {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    format!(" ({}{more})", shown.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_three_credentials_are_shown_by_their_place_and_length() {
        let one = |line, length| Exposed { line, length, what: "a password" };
        for (found, lines, expected) in [
            (vec![one(1, 1)], false, " (1 character)"),
            (vec![one(3, 12)], true, " (line 3, 12 characters)"),
            (
                vec![one(1, 2), one(2, 3), one(3, 4)],
                false,
                " (2 characters; 3 characters; 4 characters)",
            ),
            (
                vec![one(1, 2), one(2, 3), one(3, 4), one(4, 5), one(5, 6)],
                true,
                " (line 1, 2 characters; line 2, 3 characters; line 3, 4 characters; 2 more)",
            ),
        ] {
            assert_eq!(places(&found, lines), expected);
        }
    }
}
