//! `spec.env`: environment variables of containers, set and unset.

use std::collections::BTreeSet;

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
    size::{self, Room},
    unused,
};
use crate::api::customize::{Env, Variable};

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
/// If something is no glob, or adds too much.
pub(super) fn env(
    mut clones: Vec<Object>,
    context: &Context,
    room: &mut Room,
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
        let (mut met, mut there) = (BTreeSet::new(), BTreeSet::new());
        let mut used = false;
        for object in &mut clones {
            there.extend(containers(object));
            let before = size::of(object.value());
            if entry.apply(object, &mut met, context, log) {
                used = true;
                room.take(before, object).map_err(|why| PlanError::InvalidSpec {
                    field: field.clone(),
                    why: format!("{}: {why}", object.key()),
                })?;
            }
        }
        if used {
            for (nth, name) in written.unset.iter().enumerate().filter(|(_, it)| !met.contains(*it))
            {
                let path = format!("/spec/env/{at}/unset/{nth}");
                let there = met.iter().map(String::as_str);
                unused::report(context, &path, name, "variable", there, log);
            }
        } else {
            let target = written.target.as_ref().map(unused::shown);
            let wanted = target.iter().chain(&written.container);
            let wanted = wanted.map(String::as_str).collect::<Vec<_>>().join("/");
            let wanted = if wanted.is_empty() { "any" } else { &wanted };
            let there = there.iter().map(String::as_str);
            unused::report(context, &format!("/spec/env/{at}"), wanted, "container", there, log);
        }
    }
    Ok(clones)
}

impl Entry<'_> {
    /// Applies it to an object; whether it has a container that is meant. What variables the
    /// containers meant had goes to `met`.
    fn apply(
        &self,
        object: &mut Object,
        met: &mut BTreeSet<String>,
        context: &Context,
        log: &mut Log,
    ) -> bool {
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
                let names = object.expand(&format!("{list}/*/name"));
                met.extend(names.iter().map(|it| object.text(it).to_owned()));
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

/// The containers of an object: `Deployment/web/main`.
fn containers(object: &Object) -> Vec<String> {
    let (kind, name) = (object.kind(), object.name());
    let of = |it: &String| format!("{kind}/{name}/{}", object.text(&format!("{it}/name")));
    kinds::containers(object).iter().map(of).collect()
}
