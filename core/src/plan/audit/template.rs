//! Pods that settings hold: an application starts them by itself (Airflow, runners of CI), so no pass
//! has made them fit for the target.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    api::staging_plan::Severity,
    plan::{
        kinds::{self, Shape},
        log::Log,
        manifests,
        object::{Key, Object, escape},
        settle,
    },
};

/// Where the spec of a Pod stands: in a Pod, a PodTemplate, a workload, a CronJob.
const SPECS: [&str; 4] =
    ["/spec", "/template/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];
/// What of a Pod is production's own, or reaches around the fence.
const TOLD: [&str; 11] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "nodeName",
    "nodeSelector",
    "affinity",
    "tolerations",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "imagePullSecrets",
];

/// Says of each text in a ConfigMap which Pod it would start.
pub(super) fn pods(objects: &BTreeMap<Key, &Object>, log: &mut Log) {
    for (key, object) in objects.iter().filter(|(_, it)| kinds::shape(it) == Shape::Settings) {
        let files = object.get("/data").and_then(Value::as_object).into_iter().flatten();
        for (name, text) in files {
            let Some((kind, told)) = text.as_str().and_then(pod) else { continue };
            let path = format!("/data/{}", escape(name));
            let place = [(key.clone(), path.clone())];
            log.find(
                Severity::Warns,
                key,
                &path,
                "pod-template",
                format!(
                    "{name} is a {kind} that something in the clone may start, and is not made to fit the target: it keeps {}",
                    told.join(", ")
                ),
                settle::texts(&place, objects, "the text of a Pod that fits the target", |_| None)
                    .unwrap_or_else(|| "change what sets this value".to_owned()),
            );
        }
    }
}

/// The kind of what a text says how to start, and what it keeps.
fn pod(text: &str) -> Option<(String, Vec<&'static str>)> {
    // The cheap question before the dear one.
    if !text.contains("containers") || !text.contains("kind") {
        return None;
    }
    let whole = manifests::yaml(text).ok()?;
    let kind = whole.get("kind")?.as_str()?;
    let mut specs = SPECS.iter().filter_map(|it| whole.pointer(it));
    let spec = specs.find(|it| it.get("containers").is_some_and(Value::is_array))?;
    let said = |field: &&str| spec.get(field).is_some_and(|it| !it.is_null() && it != false);
    let told = ["its images"].into_iter().chain(TOLD.into_iter().filter(said)).collect();
    Some((kind.to_owned(), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_a_pod_is_told_from_other_settings() {
        let pod_with = |spec: &str| format!("apiVersion: v1\nkind: Pod\nspec: {spec}\n");
        for (text, expected) in [
            (pod_with("{ containers: [{ name: base }] }"), Some("Pod: its images")),
            (
                pod_with(
                    "{ hostNetwork: true, hostPID: false, nodeSelector: { a: b }, containers: [] }",
                ),
                Some("Pod: its images, hostNetwork, nodeSelector"),
            ),
            (
                "{\"kind\": \"PodTemplate\", \"template\": {\"spec\": {\"containers\": []}}}"
                    .to_owned(),
                Some("PodTemplate: its images"),
            ),
            (
                "kind: Job\nspec: { template: { spec: { containers: [], nodeName: a } } }"
                    .to_owned(),
                Some("Job: its images, nodeName"),
            ),
            (pod_with("{ containers: 3 }"), None),
            ("containers: [{ kind: blue }]".to_owned(), None),
            ("kind: Config\nspec: { ships: { containers: [] } }".to_owned(), None),
            ("kind: {{ .Kind }}\nspec: { containers: [ }".to_owned(), None),
        ] {
            let found = pod(&text).map(|(kind, told)| format!("{kind}: {}", told.join(", ")));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
