//! A status as its definition takes it. The API server refuses one that is longer anywhere, whole: then
//! nothing is told, and what was recorded is lost.

use std::sync::OnceLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube_core::CustomResourceExt;
use serde_json::Value;

use crate::api::{environment::StagingEnvironment, status::StagingEnvironmentStatus};

/// The status with the beginning of every list and text that is too long.
pub fn fitting(status: &StagingEnvironmentStatus) -> StagingEnvironmentStatus {
    let Some(schema) = schema() else { return status.clone() };
    let Ok(mut value) = serde_json::to_value(status) else { return status.clone() };
    cut(&mut value, schema);
    serde_json::from_value(value).unwrap_or_else(|_| status.clone())
}

fn schema() -> Option<&'static JSONSchemaProps> {
    static SCHEMA: OnceLock<Option<JSONSchemaProps>> = OnceLock::new();
    let status = || {
        let version = StagingEnvironment::crd().spec.versions.into_iter().next()?;
        version.schema?.open_api_v3_schema?.properties?.remove("status")
    };
    SCHEMA.get_or_init(status).as_ref()
}

fn cut(value: &mut Value, schema: &JSONSchemaProps) {
    match value {
        Value::String(text) => {
            let most = schema.max_length.and_then(|it| usize::try_from(it).ok());
            if let Some(most) = most.filter(|most| text.chars().count() > *most) {
                *text = text.chars().take(most.saturating_sub(1)).chain(['…']).collect();
            }
        }
        Value::Array(list) => {
            if let Some(most) = schema.max_items.and_then(|it| usize::try_from(it).ok()) {
                list.truncate(most);
            }
            if let Some(JSONSchemaPropsOrArray::Schema(of)) = &schema.items {
                for it in list {
                    cut(it, of);
                }
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let of_all = match &schema.additional_properties {
                    Some(JSONSchemaPropsOrBool::Schema(of)) => Some(&**of),
                    _ => None,
                };
                let own = schema.properties.as_ref().and_then(|it| it.get(name));
                if let Some(of) = own.or(of_all) {
                    cut(field, of);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::status::Teardown;

    #[test]
    fn lists_and_texts_end_where_the_definition_ends_them_however_deep_they_stand() {
        let hosts: Vec<String> = (0..65).map(|at| format!("https://{at}.example.com")).collect();
        let teardown: Teardown = serde_json::from_value(serde_json::json!({
            "startedAt": "2026-11-23T08:00:00Z", "blockedBy": ["ä".repeat(1025), "a Pod"],
        }))
        .unwrap();
        let status = StagingEnvironmentStatus {
            urls: hosts.clone(),
            url: hosts.first().cloned(),
            teardown: Some(teardown),
            ..StagingEnvironmentStatus::default()
        };
        let fit = fitting(&status);
        assert_eq!(fit.urls, hosts[..64]);
        assert_eq!(fit.url, status.url);
        let blocked_by = &fit.teardown.as_ref().unwrap().blocked_by;
        assert_eq!(blocked_by[0], format!("{}…", "ä".repeat(1023)));
        assert_eq!(blocked_by[1], "a Pod");
        assert_eq!(fitting(&fit), fit, "what fits stays as it is");
    }
}
