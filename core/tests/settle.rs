//! What a finding says that settles it: laid over the environment or its class, the finding is gone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Case, golden_folder};
use kulisse_core::{
    api::{class::StagingClassSpec, environment::StagingEnvironmentSpec, staging_plan::Finding},
    plan::{Plan, plan, request::Request},
};
use serde_json::Value;

#[test]
fn whatever_yaml_settles_a_finding_makes_it_disappear() {
    let (mut settled, mut said, mut wrong) = (0, 0, Vec::new());
    for folder in std::fs::read_dir(golden_folder()).unwrap().map(|it| it.unwrap().path()) {
        let case = Case::read(&folder);
        let before = plan(&case.request, &case.capture()).unwrap();
        for finding in &before.findings {
            let Some(request) = laid_over(&case.request, finding) else {
                said += 1;
                continue;
            };
            settled += 1;
            let name = folder.file_name().unwrap().to_str().unwrap();
            match plan(&request, &case.capture()) {
                Ok(after) if !stands(&after, finding) => {}
                Ok(_) => wrong.push(format!("{name}: {finding:#?}\nstands still")),
                Err(error) => wrong.push(format!("{name}: {finding:#?}\n{error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} of {settled}", wrong.join("\n\n"), wrong.len());
    println!("{settled} with YAML, {said} with a sentence");
    assert!(settled > said, "{settled} with YAML, {said} with a sentence");
}

/// Whether the same thing is found at the same place.
fn stands(plan: &Plan, finding: &Finding) -> bool {
    plan.findings.iter().any(|it| {
        (&it.kind, &it.object, &it.path, &it.why)
            == (&finding.kind, &finding.object, &finding.path, &finding.why)
    })
}

/// The request with what settles a finding; `None` if that is a sentence, or somebody else's object.
fn laid_over(request: &Request, finding: &Finding) -> Option<Request> {
    let mut yaml: Value = serde_saphyr::from_str(&filled_in(&finding.settle)).ok()?;
    if yaml.get("apiVersion").is_some() {
        return None;
    }
    let spec = yaml.as_object_mut()?.remove("spec")?;
    assert!(yaml.as_object().unwrap().is_empty(), "beside spec: {}", finding.settle);
    let mut request = request.clone();
    if finding.settle.starts_with("# in the StagingGrant") {
        request
            .granted_secrets
            .extend(serde_json::from_value::<Vec<String>>(spec["secrets"].clone()).unwrap());
    } else if finding.settle.starts_with("# in the StagingClass") {
        let mut class = serde_json::to_value(&request.class).unwrap();
        merge(&mut class, spec);
        request.class = serde_json::from_value::<StagingClassSpec>(class).expect(&finding.settle);
    } else {
        let mut environment = serde_json::to_value(&request.spec).unwrap();
        merge(&mut environment, spec);
        request.spec =
            serde_json::from_value::<StagingEnvironmentSpec>(environment).expect(&finding.settle);
    }
    Some(request)
}

/// What people are to name themselves stands in angle brackets.
fn filled_in(settle: &str) -> String {
    let gap = regex::Regex::new("<[^>]+>").unwrap();
    gap.replace_all(settle, "filled-in").into_owned()
}

/// Maps are merged; what is new in a list comes first, since the first that matches counts.
fn merge(into: &mut Value, new: Value) {
    match (into, new) {
        (Value::Object(into), Value::Object(new)) => {
            for (field, value) in new {
                merge(into.entry(field).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(new)) => {
            into.splice(0..0, new);
        }
        (into, new) => *into = new,
    }
}
