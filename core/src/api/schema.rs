//! Schemas that the derive cannot make.

use schemars::{Schema, SchemaGenerator, json_schema};

pub(super) fn selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "matchLabels": { "type": "object", "maxProperties": 32,
                "additionalProperties": { "type": "string", "maxLength": 63 } },
            "matchExpressions": { "type": "array", "maxItems": 32, "x-kubernetes-list-type": "atomic",
                "items": { "type": "object", "required": ["key", "operator"], "properties": {
                    "key": { "type": "string", "maxLength": 317 },
                    "operator": { "type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"] },
                    "values": { "type": "array", "maxItems": 64, "x-kubernetes-list-type": "atomic",
                        "items": { "type": "string", "maxLength": 63 } } } } }
        }
    })
}

pub(super) fn tolerations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": 16, "x-kubernetes-list-type": "atomic",
        "items": { "type": "object", "properties": {
            "key": { "type": "string", "maxLength": 317 },
            "operator": { "type": "string", "enum": ["Exists", "Equal"] },
            "value": { "type": "string", "maxLength": 63 },
            "effect": { "type": "string", "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"] },
            "tolerationSeconds": { "type": "integer", "format": "int64" } } }
    })
}

pub(super) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true, "maxLength": 32,
        "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
    })
}

pub(super) fn quantities(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 32, "additionalProperties": quantity(generator)
    })
}

pub(super) fn limit_range(generator: &mut SchemaGenerator) -> Schema {
    let amounts = quantities(generator);
    json_schema!({
        "type": "object", "required": ["limits"],
        "properties": { "limits": { "type": "array", "maxItems": 16, "x-kubernetes-list-type": "atomic",
            "items": { "type": "object", "required": ["type"], "properties": {
                "type": { "type": "string", "enum": ["Container", "Pod", "PersistentVolumeClaim"] },
                "min": amounts, "max": amounts, "default": amounts, "defaultRequest": amounts,
                "maxLimitRequestRatio": amounts } } } }
    })
}

pub(super) fn resources(generator: &mut SchemaGenerator) -> Schema {
    let quantities = quantities(generator);
    json_schema!({
        "type": "object", "properties": { "requests": quantities, "limits": quantities }
    })
}

/// Kubernetes' own types are checked by the API server when the Job is made; repeating their schema
/// here would only make ours age.
pub(super) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

pub(super) fn any_objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": 64,
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true }
    })
}

/// Whole objects of any kind; what is in them is checked when they are made.
pub(super) fn manifests(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": 64, "x-kubernetes-list-type": "atomic",
        "items": {
            "type": "object", "required": ["apiVersion", "kind", "metadata"],
            "x-kubernetes-preserve-unknown-fields": true,
            "x-kubernetes-embedded-resource": true
        }
    })
}

pub(super) fn texts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 16,
        "additionalProperties": { "type": "string", "maxLength": 1024 }
    })
}

pub(super) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 16,
        "additionalProperties": { "type": "string", "maxLength": 63,
            "pattern": r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$" }
    })
}

pub(super) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": 4096 }
    })
}

/// Certificates; 64 KiB of base64 are some thirty of them.
pub(super) fn bundle(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "byte", "maxLength": 65536 })
}

pub(super) fn incarnation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "format": "int32", "minimum": 1 })
}
