//! What the definitions refuse, without an API server.

use kulisse_core::api::crds::crds;
use serde_json::{Value, json};

use crate::support::refusals::{accepted, limits::limits, rules};

/// The schema of an object's kind.
fn schema(object: &Value) -> Value {
    let found =
        crds().into_iter().find(|it| Some(it.spec.names.kind.as_str()) == object["kind"].as_str());
    let crd = serde_json::to_value(found.expect("its kind")).expect("JSON");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// What the API server would say: first the schema, then the rules.
fn refused(object: &Value, before: Option<&Value>) -> String {
    let schema = schema(object);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(object).map(|it| format!("{}: {it}", it.instance_path())).collect();
    if !errors.is_empty() {
        return errors.join("\n");
    }
    let schema = spelt_for_cel(schema);
    let defaulted = kube_cel::apply_defaults(&schema, object);
    let before = before.map(|it| kube_cel::apply_defaults(&schema, it));
    match kube_cel::Validator::new().validate(&schema, &defaulted, before.as_ref()) {
        Ok(()) => String::new(),
        Err(errors) => {
            errors.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
    }
}

/// `namespace` is a reserved word of CEL. The API server takes `self.namespace` all the same (the
/// apiserver tests show it); the crate knows it only by its escaped name.
fn spelt_for_cel(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            if let Some(Value::String(rule)) = fields.get_mut("rule") {
                *rule = rule.replace("self.namespace)", "self.__namespace__)");
            }
            for value in fields.values_mut() {
                *value = spelt_for_cel(value.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = spelt_for_cel(item.take());
            }
        }
        _ => {}
    }
    schema
}

#[test]
fn what_is_meant_to_be_written_is_accepted() {
    for object in accepted() {
        assert_eq!(refused(&object, None), "", "{object}");
    }
}

#[test]
fn every_rule_refuses_in_its_own_sentence() {
    for case in rules() {
        let said = refused(&case.object, case.before.as_ref());
        assert!(
            said.contains(case.sentence),
            "{}: «{said}» does not say «{}»",
            case.what,
            case.sentence
        );
        if let Some(before) = &case.before {
            assert_eq!(refused(before, None), "", "{}: before", case.what);
        }
    }
}

#[test]
fn every_rule_has_a_case_that_it_refuses() {
    let tested: Vec<&str> = rules().iter().map(|it| it.sentence).collect();
    for crd in crds() {
        let mut sentences = Vec::new();
        collect(&serde_json::to_value(&crd).expect("JSON"), &mut sentences);
        for sentence in sentences {
            assert!(
                tested.iter().any(|it| sentence.starts_with(it)),
                "{}: nothing is refused with «{sentence}»",
                crd.spec.names.kind
            );
        }
    }
}

fn collect(value: &Value, sentences: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for rule in fields
                .get("x-kubernetes-validations")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                sentences.push(
                    rule["message"].as_str().unwrap_or("a rule without a message").to_owned(),
                );
            }
            fields.values().for_each(|it| collect(it, sentences));
        }
        Value::Array(items) => items.iter().for_each(|it| collect(it, sentences)),
        _ => {}
    }
}

#[test]
fn every_limit_refuses_and_names_the_field() {
    for case in limits() {
        let said = refused(&case.object, None);
        assert!(said.contains(case.sentence), "{}: «{said}»", case.what);
    }
}

#[test]
fn every_rule_compiles() {
    for crd in crds() {
        let schema = spelt_for_cel(schema(&json!({ "kind": crd.spec.names.kind })));
        let compiled = kube_cel::compile_schema(&schema);
        assert!(
            !compiled.has_errors(),
            "{}: {:?}",
            crd.spec.names.kind,
            compiled.compilation_errors()
        );
    }
}
