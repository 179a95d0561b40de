//! The CustomResourceDefinitions, generated from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceValidation, JSON, JSONSchemaProps, ValidationRule,
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
    vec![environment, StagingClass::crd(), StagingGrant::crd(), StagingPlan::crd()]
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
        rule: "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$')".to_owned(),
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
