//! Are the definitions of the cluster those that this program knows? Pure.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kulisse_core::api::crds::crds;

use super::Check;

const NAME: &str = "definitions";

/// How many fields are named.
const NAMED: usize = 3;

/// Judges the definitions of a cluster.
pub fn definitions(there: &[CustomResourceDefinition]) -> Check {
    let known = crds();
    let (mut absent, mut unserved, mut older, mut newer) = (vec![], vec![], vec![], vec![]);
    for wanted in &known {
        let name = wanted.metadata.name.clone().unwrap_or_default();
        let Some(found) = there.iter().find(|it| it.metadata.name == wanted.metadata.name) else {
            absent.push(name);
            continue;
        };
        if !established(found) {
            unserved.push(name);
            continue;
        }
        let (wanted, found) = (fields(wanted), fields(found));
        older.extend(beyond(&wanted, &found));
        newer.extend(beyond(&found, &wanted));
    }
    let all = known.len();
    if !absent.is_empty() {
        let said = format!("{} of {all} are missing: {}", absent.len(), absent.join(", "));
        return Check::wrong(
            NAME,
            said,
            "install the chart, or «kulisse crd | kubectl apply --server-side -f -»",
        );
    }
    if !unserved.is_empty() {
        let todo = format!("«kubectl describe crd {}» says why", unserved.join(" "));
        return Check::wrong(NAME, format!("not served: {}", unserved.join(", ")), todo);
    }
    if !older.is_empty() {
        return Check::wrong(
            NAME,
            format!("older than this kulisse: they lack {}", some(&older)),
            "bring the chart up to date, or «kulisse crd | kubectl apply --server-side -f -»",
        );
    }
    if !newer.is_empty() {
        return Check::doubt(
            NAME,
            format!("newer than this kulisse, which does not know {}", some(&newer)),
            "bring this kulisse up to date: it leaves such fields out of what it shows",
        );
    }
    Check::fine(NAME, format!("all {all}, as this kulisse knows them"))
}

/// What one has and the other has not; of fields within fields the outermost.
fn beyond(one: &BTreeSet<String>, other: &BTreeSet<String>) -> Vec<String> {
    let lacks = |path: &str| one.contains(path) && !other.contains(path);
    let outermost = |path: &&String| path.rsplit_once('.').is_none_or(|(above, _)| !lacks(above));
    one.difference(other).filter(outermost).cloned().collect()
}

fn some(fields: &[String]) -> String {
    let named = fields.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match fields.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.as_ref().and_then(|it| it.conditions.as_ref());
    conditions.into_iter().flatten().any(|it| it.type_ == "Established" && it.status == "True")
}

/// Paths of all fields, with the kind before them.
fn fields(definition: &CustomResourceDefinition) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let kind = &definition.spec.names.kind;
    for version in &definition.spec.versions {
        let schema = version.schema.as_ref().and_then(|it| it.open_api_v3_schema.as_ref());
        for (name, property) in schema.and_then(|it| it.properties.as_ref()).into_iter().flatten() {
            if matches!(name.as_str(), "spec" | "status") {
                below(property, &format!("{kind} {name}"), &mut found);
            }
        }
    }
    found
}

fn below(schema: &JSONSchemaProps, path: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        found.insert(path.clone());
        below(property, &path, found);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        below(items, path, found);
    }
}

/// Our own, as a cluster serves them.
#[cfg(test)]
pub fn served() -> Vec<CustomResourceDefinition> {
    let status = serde_json::json!({ "conditions": [{
        "type": "Established", "status": "True", "reason": "x", "message": "x",
        "lastTransitionTime": "2026-01-01T00:00:00Z"
    }] });
    let all = crds().into_iter();
    all.map(|mut it| {
        it.status = serde_json::from_value(status.clone()).unwrap();
        it
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Mark, *};

    fn edited(edit: impl FnOnce(&mut serde_json::Value)) -> Vec<CustomResourceDefinition> {
        let mut all = serde_json::to_value(served()).unwrap();
        edit(&mut all);
        serde_json::from_value(all).unwrap()
    }

    const SPEC: &str = "/0/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";

    #[test]
    fn its_own_definitions_are_fine() {
        assert_eq!(definitions(&served()).mark, Mark::Fine);
    }

    #[test]
    fn missing_unserved_older_and_newer_ones_are_told_apart() {
        let missing = definitions(&served()[1..]);
        assert!(missing.mark == Mark::Wrong && missing.said.starts_with("1 of 4"), "{missing:?}");
        let unserved = definitions(&edited(|all| all[0]["status"]["conditions"] = json!([])));
        assert!(unserved.mark == Mark::Wrong && unserved.said.starts_with("not served"));
        let older = definitions(&edited(|all| {
            let fields = all.pointer_mut(SPEC).unwrap().as_object_mut().unwrap();
            fields.retain(|name, _| name == "source");
        }));
        assert!(older.mark == Mark::Wrong && older.said.contains(" and "), "{older:?}");
        let newer = definitions(&edited(|all| {
            let span = json!({ "span": { "type": "string" } });
            all.pointer_mut(SPEC).unwrap()["wings"] =
                json!({ "type": "object", "properties": span });
        }));
        assert_eq!(newer.mark, Mark::Doubt);
        assert!(newer.said.ends_with("does not know StagingEnvironment spec.wings"), "{newer:?}");
    }
}
