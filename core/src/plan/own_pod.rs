//! The Pods of the operator's own image: as little as a Pod can be.

use serde_json::{Value, json};

use super::{fit, isolate, pull};
use crate::api::class::StagingClassSpec;

/// Spec of a Pod that runs the operator's image once, with these arguments and no rights at all. It
/// meets the Pod Security level `restricted`; the image itself names a user other than root.
pub(super) fn spec(image: &str, args: &[&str], class: &StagingClassSpec) -> Value {
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "probe",
            "image": image,
            "args": args,
            "resources": {
                "requests": {"cpu": "10m", "memory": "16Mi"},
                "limits": {"cpu": "200m", "memory": "64Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": true,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }],
    });
    if let Some(secrets) = pull::own(class) {
        pod["imagePullSecrets"] = secrets;
    }
    isolate::placement::as_class(&mut pod, &class.placement);
    fit::own(&mut pod["containers"][0], class);
    pod
}
