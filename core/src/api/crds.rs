//! The CustomResourceDefinitions, generated from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceValidation, JSON, JSONSchemaProps,
    JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use kube_core::CustomResourceExt;
use serde_json::json;

use super::{
    class::StagingClass, environment::StagingEnvironment, grant::StagingGrant,
    staging_plan::StagingPlan,
};

/// All four definitions, in the order in which the documentation lists them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut environment = StagingEnvironment::crd();
    mark_unseen(&mut environment);
    limit_name(&mut environment);
    let mut all = vec![environment, StagingClass::crd(), StagingGrant::crd(), StagingPlan::crd()];
    for version in all.iter_mut().flat_map(|crd| &mut crd.spec.versions) {
        if let Some(root) = root_schema(version.schema.as_mut()) {
            settle_lists(root);
        }
    }
    all
}

/// Who owns a list that says nothing is a matter of taste for server-side apply: unless a list
/// says otherwise, it is one value.
fn settle_lists(schema: &mut JSONSchemaProps) {
    if schema.type_.as_deref() == Some("array") {
        schema.x_kubernetes_list_type.get_or_insert_with(|| "atomic".to_owned());
    }
    // The API server knows neither, warns of both, and has the limits in words.
    if matches!(schema.format.as_deref(), Some("uint" | "uint8" | "uint16" | "uint32")) {
        schema.format = None;
    }
    for property in schema.properties.iter_mut().flatten() {
        settle_lists(property.1);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        settle_lists(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        settle_lists(values);
    }
}

/// An object without a status counts as current for tools that follow kstatus: they would take a
/// new environment for finished. The derive has no attribute for a default of `status`.
fn mark_unseen(crd: &mut CustomResourceDefinition) {
    for version in &mut crd.spec.versions {
        if let Some(status) = status_schema(version.schema.as_mut()) {
            status.default = Some(JSON(json!({ "observedGeneration": -1 })));
        }
    }
}

/// The name becomes part of the target's name and of preview hosts. The derive has rules for the
/// whole object only for users of the whole client.
fn limit_name(crd: &mut CustomResourceDefinition) {
    let rule = ValidationRule {
        rule: "self.metadata.name.size() <= 40 && !self.metadata.name.contains('.')".to_owned(),
        message: Some(
            "the name of an environment is a DNS label of at most 40 characters: a-z, 0-9 and '-'"
                .to_owned(),
        ),
        ..ValidationRule::default()
    };
    for version in &mut crd.spec.versions {
        if let Some(root) = root_schema(version.schema.as_mut()) {
            root.x_kubernetes_validations.get_or_insert_default().push(rule.clone());
        }
    }
}

fn root_schema(schema: Option<&mut CustomResourceValidation>) -> Option<&mut JSONSchemaProps> {
    schema?.open_api_v3_schema.as_mut()
}

fn status_schema(schema: Option<&mut CustomResourceValidation>) -> Option<&mut JSONSchemaProps> {
    root_schema(schema)?.properties.as_mut()?.get_mut("status")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::names;

    #[test]
    fn the_definitions_that_are_shipped_are_those_of_the_types() {
        let all = crds();
        assert_eq!(all.len(), 4);
        for definition in all {
            let plural = &definition.spec.names.plural;
            let root = env!("CARGO_MANIFEST_DIR");
            let file = format!("{root}/../crds/{}_{plural}.yaml", names::GROUP);
            let text = std::fs::read_to_string(&file).unwrap();
            let shipped: Value = serde_saphyr::from_str(&text).unwrap();
            let same = shipped == serde_json::to_value(&definition).unwrap();
            assert!(same, "{file} is not up to date: «make generate»");
        }
    }
}
