//! `spec.env`: environment variables of containers, set and unset.

use globset::GlobMatcher;
use serde_json::{Value, json};

use super::{
    PlanError,
    context::Context,
    kinds,
    log::{Log, Rule},
    object::Object,
    pattern::{self, Pattern},
    relocate,
};
use crate::api::{
    customize::{Env, Variable},
    staging_plan::Severity,
};

const SET: Rule = Rule { name: "env", why: "spec.env says so" };

/// An entry of `spec.env`, ready to be applied.
struct Entry<'a> {
    target: Option<Pattern>,
    container: Option<GlobMatcher>,
    env: &'a Env,
}

/// Sets and unsets variables, entry by entry. A value that names the source's Services names the
/// clone's, as everywhere.
///
/// # Errors
///
/// If something is no glob.
pub(super) fn env(
    mut clones: Vec<Object>,
    context: &Context,
    log: &mut Log,
) -> Result<Vec<Object>, PlanError> {
    for (at, written) in context.request.spec.env.iter().enumerate() {
        let field = format!("spec.env[{at}]");
        let glob = |text: &String| pattern::glob(&format!("{field}.container"), text);
        let target = |it| pattern::one(&format!("{field}.target"), it);
        let entry = Entry {
            target: written.target.as_ref().map(target).transpose()?,
            container: written.container.as_ref().map(glob).transpose()?,
            env: written,
        };
        let mut used = false;
        for object in &mut clones {
            used |= entry.apply(object, context, log);
        }
        if !used {
            unused(at, context, log);
        }
    }
    Ok(clones)
}

impl Entry<'_> {
    /// Applies it to an object; whether it has a container that is meant.
    fn apply(&self, object: &mut Object, context: &Context, log: &mut Log) -> bool {
        let key = object.key();
        if self.target.as_ref().is_some_and(|it| !it.matches(&key)) {
            return false;
        }
        let mut used = false;
        for container in kinds::containers(object) {
            let name = object.text(&format!("{container}/name"));
            if self.container.as_ref().is_none_or(|it| it.is_match(name)) {
                used = true;
                let list = format!("{container}/env");
                for name in &self.env.unset {
                    unset(object, &list, name, log);
                }
                for variable in &self.env.set {
                    set(object, &list, variable, context, log);
                }
            }
        }
        used
    }
}

fn unset(object: &mut Object, list: &str, name: &str, log: &mut Log) {
    for path in object.expand(&format!("{list}/*")).iter().rev() {
        if object.text(&format!("{path}/name")) == name {
            log.remove(object, path, &SET);
        }
    }
    if object.get(list).and_then(Value::as_array).is_some_and(Vec::is_empty) {
        object.remove(list);
    }
}

/// Where it stands already it stays; a new one comes last, so that it may refer to the others.
fn set(object: &mut Object, list: &str, variable: &Variable, context: &Context, log: &mut Log) {
    let mut new = json!(variable);
    if let Some(value) = &variable.value
        && let Some(relocated) = relocate::rewrite_text(context, &variable.name, value)
    {
        new["value"] = json!(relocated);
    }
    // The last of equal names is the one that counts.
    let paths = object.expand(&format!("{list}/*"));
    let there =
        paths.iter().rev().find(|path| object.text(&format!("{path}/name")) == variable.name);
    match there {
        Some(path) => log.set(object, path, new, &SET),
        None => {
            if !object.get(list).is_some_and(Value::is_array) {
                object.set(list, json!([]));
            }
            let Some(Value::Array(all)) = object.get_mut(list) else { return };
            all.push(new.clone());
            let path = format!("{list}/{}", all.len() - 1);
            log.changed(object.key(), &path, None, Some(&new), &SET);
        }
    }
}

fn unused(at: usize, context: &Context, log: &mut Log) {
    log.find(
        Severity::Warns,
        &context.environment(),
        &format!("/spec/env/{at}"),
        "env-unused",
        "no container of a clone is meant",
        "give target and container as the workload has them: both are globs",
    );
}
