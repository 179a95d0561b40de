//! `spec.patches`: the user's last word on every clone, looked at again.
//!
//! A patch changes what stands in the target, not what the target is: it does not rename, does not
//! touch our marks, gives no values to Secrets, and opens no way out that the passes before it
//! closed. What it brings along passes the audit like everything else.

mod difference;
mod keys;
mod read;
mod strategic;

use std::collections::BTreeSet;

use serde_json::Value;

use self::{difference::differences, read::Patch};
use super::{
    PlanError,
    context::Context,
    isolate,
    kinds::{self, Shape},
    label,
    log::{Log, Rule},
    object::Object,
    ours, route, scale,
    size::{self, Room},
    strip,
};
use crate::api::names;

const PATCHED: Rule = Rule { name: "patch", why: "spec.patches says so" };

/// Applies the patches, in their order.
///
/// # Errors
///
/// If a patch matches nothing, cannot be applied, does what a patch may not, or adds too much.
pub(super) fn patch(
    clones: Vec<Object>,
    context: &Context,
    room: &mut Room,
    log: &mut Log,
) -> Result<Vec<Object>, PlanError> {
    let mut clones = clones;
    for (at, written) in context.request.spec.patches.iter().enumerate() {
        let patch = Patch::read(at, written)?;
        let mut matched = false;
        let mut next = Vec::with_capacity(clones.len());
        for object in clones {
            if patch.is_for(&object) {
                matched = true;
                next.extend(one(&object, &patch, context, room, log)?);
            } else {
                next.push(object);
            }
        }
        if !matched {
            return Err(unmatched(&patch, context));
        }
        clones = next;
    }
    match route::leads_out(&clones, context.request) {
        None => Ok(clones),
        Some(why) => Err(PlanError::PatchFailed { field: "spec.patches".to_owned(), why }),
    }
}

/// One object, patched and looked at again; `None` if the patch deletes it.
fn one(
    before: &Object,
    patch: &Patch,
    context: &Context,
    room: &mut Room,
    log: &mut Log,
) -> Result<Option<Object>, PlanError> {
    let key = before.key();
    let failed = |why: String| PlanError::PatchFailed {
        field: patch.field.clone(),
        why: format!("{key}: {why}"),
    };
    let Some(after) = patch.apply(before).map_err(failed)? else {
        log.leave(&key, "patched-away", format!("{} deletes it", patch.field));
        return Ok(None);
    };
    let mut after = Object::new(after).map_err(|error| failed(error.to_string()))?;
    room.take(size::of(before.value()), &after).map_err(failed)?;
    if let Some(why) = overstepped(before, &after, context) {
        return Err(failed(why));
    }
    for it in differences(before.value(), after.value()) {
        log.changed(key.clone(), &it.path, it.before, it.after, &PATCHED);
    }
    scale::within_limits(&mut after, log);
    Ok(Some(after))
}

fn unmatched(patch: &Patch, context: &Context) -> PlanError {
    let stays = context.capture.objects.iter().find(|it| patch.is_for(it)).map(Object::key);
    let why = match stays {
        Some(key) => format!("it matches nothing that is cloned: {key} stays behind"),
        None => "it matches nothing that is cloned; group, kind and name are globs, and the fence cannot be patched".to_owned(),
    };
    PlanError::PatchFailed { field: patch.field.clone(), why }
}

/// What a patch did that no patch may do.
fn overstepped(before: &Object, after: &Object, context: &Context) -> Option<String> {
    let identity = |it: &Object| (it.key(), it.text("/metadata/namespace").to_owned());
    if identity(before) != identity(after) {
        return Some("a patch does not change group, kind, name or namespace".to_owned());
    }
    if marks(before) != marks(after) {
        return Some(format!(
            "a patch does not touch labels and annotations of {} and the labels {}",
            names::GROUP,
            label::MARKS.join(", ")
        ));
    }
    if kinds::shape(after) == Shape::Secret
        && let Some(field) =
            ["data", "stringData"].iter().find(|it| after.value().get(it).is_some())
    {
        return Some(format!(
            "/{field}: values in a spec are no secret: give them with spec.secrets.rules and policy From"
        ));
    }
    let is_route = matches!(kinds::shape(after), Shape::Route | Shape::GatewayRoute);
    if is_route && but_paths(before) != but_paths(after) {
        return Some(
            "of a route, a patch changes labels and what stands below http: its hosts are the class's"
                .to_owned(),
        );
    }
    if let Some((_, why)) = isolate::refused(after, context) {
        return Some(why);
    }
    let known = cut_off(before, context);
    // What stands there is given by the class or by us, in the place of production's.
    let replaced = known
        .iter()
        .find(|(path, ..)| after.get(path).is_some_and(|it| before.get(path) != Some(it)));
    let is_new = |(path, rule, _): &(String, String, String)| {
        !known.iter().any(|(known, by, _)| (known, by) == (path, rule))
    };
    let opened = cut_off(after, context).into_iter().find(is_new);
    replaced.cloned().or(opened).map(|(path, _, why)| format!("{path}: {why}"))
}

/// A route without what a patch may change. A host of production's, or none at all, would take
/// production's traffic wherever both share a controller.
fn but_paths(route: &Object) -> Object {
    let mut rest = route.clone();
    rest.remove("/metadata/labels");
    for path in route.expand("/spec/rules/*/http") {
        rest.remove(&path);
    }
    rest
}

/// What would be taken from an object if it were the source's: where, by which rule, and why.
fn cut_off(object: &Object, context: &Context) -> Vec<(String, String, String)> {
    let mut log = Log::default();
    let kept = strip::strip(vec![object.clone()], context, &mut log);
    isolate::confine(kept, context, &mut log);
    let left = log.left_behind.into_iter().map(|it| (String::new(), it.reason, it.why));
    log.changes.into_iter().map(|it| (it.path, it.rule, it.why)).chain(left).collect()
}

/// Labels and annotations that are ours, wherever they stand in an object.
fn marks(object: &Object) -> BTreeSet<(String, Option<String>)> {
    let template = kinds::profile(object).and_then(|it| it.pod_template).unwrap_or_default();
    ["", template]
        .iter()
        .flat_map(|base| ["labels", "annotations"].map(|map| format!("{base}/metadata/{map}")))
        .filter_map(|map| Some((object.get(&map)?.as_object()?, map)))
        .flat_map(|(fields, map)| {
            let ours = fields.iter().filter(|(key, _)| {
                ours::is_label(key)
                    || (label::MARKS.contains(&key.as_str()) && map == "/metadata/labels")
            });
            let text = |value: &Value| value.as_str().map(str::to_owned);
            ours.map(|(key, value)| (format!("{map}/{key}"), text(value))).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_of_ours_are_known_wherever_they_stand_and_those_of_others_where_we_set_them() {
        let with = |path: &str, key: &str| {
            let mut web = Object::made("apps/v1", "Deployment", "web", json!({}));
            web.set(&format!("{path}/{}", crate::plan::object::escape(key)), json!("x"));
            marks(&web).into_iter().map(|(path, _)| path).collect::<Vec<_>>()
        };
        let (own, pods) = ("/metadata", "/spec/template/metadata");
        for (base, map, key, is_mark) in [
            (own, "labels", names::ENVIRONMENT_LABEL, true),
            (own, "annotations", names::ENVIRONMENT_LABEL, true),
            (pods, "labels", names::TASK_LABEL, true),
            (pods, "annotations", names::TASK_LABEL, true),
            (own, "labels", names::MANAGED_BY_LABEL, true),
            (own, "annotations", names::MANAGED_BY_LABEL, false),
            (pods, "labels", names::MANAGED_BY_LABEL, false),
            (own, "labels", "app", false),
            (pods, "labels", "app", false),
        ] {
            let path = format!("{base}/{map}");
            let expected: Vec<String> =
                is_mark.then(|| format!("{path}/{key}")).into_iter().collect();
            assert_eq!(with(&path, key), expected);
        }
    }
}
