//! The order in which the target is filled.

use serde_json::json;

use super::{
    PlannedClone,
    context::Context,
    kinds,
    object::{Key, Object, escape},
};
use crate::api::{names, status::Wave};

/// Rank of kinds without an entry.
const LAST: u8 = u8::MAX;

/// Sorts the objects into waves, and within a wave so that what others refer to comes first.
/// Stores are marked as such.
pub(super) fn order(objects: Vec<Object>, context: &Context) -> Vec<PlannedClone> {
    let mut clones: Vec<PlannedClone> = objects
        .into_iter()
        .map(|mut object| {
            let wave = wave(&object, context);
            if wave == Wave::Stores {
                let path = format!("/metadata/labels/{}", escape(names::STORE_LABEL));
                object.set(&path, json!("true"));
            }
            PlannedClone { wave, object }
        })
        .collect();
    clones.sort_by_cached_key(place);
    clones
}

fn place(clone: &PlannedClone) -> (Wave, u8, Key) {
    let rank = kinds::profile(&clone.object).map_or(LAST, |it| it.rank);
    (clone.wave, rank, clone.object.key())
}

fn wave(object: &Object, context: &Context) -> Wave {
    if object.label(names::FENCE_LABEL).is_some() {
        return Wave::Fence;
    }
    let Some(profile) = kinds::profile(object) else { return Wave::Config };
    if profile.workload && is_store(object, context) {
        return Wave::Stores;
    }
    profile.wave
}

/// Whether a workload holds data: by request, or because it has a claim.
fn is_store(object: &Object, context: &Context) -> bool {
    let key = object.key();
    let (include, exclude) = &context.stores;
    if exclude.iter().any(|pattern| pattern.matches(&key)) {
        return false;
    }
    include.iter().any(|pattern| pattern.matches(&key))
        || kinds::profile(object).is_some_and(|it| it.claim_templates.is_some())
        || kinds::pod_spec(object).is_some_and(|spec| {
            ["persistentVolumeClaim", "ephemeral"]
                .iter()
                .any(|kind| !object.expand(&format!("{spec}/volumes/*/{kind}")).is_empty())
        })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::plan::fixture::{self, object};

    #[test]
    fn workloads_with_data_are_stores_unless_the_environment_says_otherwise() {
        let with = |volume: Value| json!({"spec": {"template": {"spec": {"volumes": [volume]}}}});
        let claim = || json!({"name": "data", "persistentVolumeClaim": {"claimName": "data"}});
        let schedule = json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"volumes": [claim()]}}}}}});
        let deployment = |name: &str, rest: Value| object("apps/v1", "Deployment", name, rest);
        let set = |name: &str| object("apps/v1", "StatefulSet", name, json!({}));
        let spec = json!({"stores": {
            "include": [{"name": "asked-*"}], "exclude": [{"name": "*-not"}],
        }});
        let (request, capture) = (fixture::request(spec, json!({})), fixture::capture());
        let context = Context::new(&request, &capture).unwrap();
        for (object, wave) in [
            (set("db"), Wave::Stores),
            (set("db-not"), Wave::Workloads),
            (deployment("db", with(claim())), Wave::Stores),
            (deployment("db", with(json!({"name": "a", "ephemeral": {}}))), Wave::Stores),
            (deployment("web", with(json!({"name": "a", "emptyDir": {}}))), Wave::Workloads),
            (deployment("asked-for", json!({})), Wave::Stores),
            (deployment("asked-not", json!({})), Wave::Workloads),
            // What runs at times holds nothing.
            (object("batch/v1", "CronJob", "report", schedule), Wave::Workloads),
            (object("v1", "Service", "asked-for", json!({})), Wave::Config),
            (object("example.com/v1", "Widget", "asked-for", json!({})), Wave::Config),
        ] {
            let made = order(vec![object], &context).remove(0);
            assert_eq!(made.wave, wave, "{}", made.object.key());
            let marked = made.object.label(names::STORE_LABEL).is_some();
            assert_eq!(marked, wave == Wave::Stores, "{}", made.object.key());
        }
    }
}
