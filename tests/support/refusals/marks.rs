//! Labels and annotations that a class may not give.

use serde_json::{Value, json};

use super::{Refusal, class};

/// What is refused.
pub(super) fn refused() -> Vec<Refusal> {
    let reserved = "labels of kulisse.dev, kubernetes.io and velero.io are the operator's own";
    let annotations =
        "annotations of kulisse.dev, kubernetes.io and velero.io are the operator's own";
    let new = |what: &str, object: Value, sentence| Refusal {
        what: what.to_owned(),
        object,
        before: None,
        sentence,
    };
    vec![
        new(
            "a class that sets our label",
            class(json!({ "namespaceLabels": { "kulisse.dev/environment-uid": "x" } })),
            reserved,
        ),
        new(
            "an annotation of the operator's own",
            class(json!({ "namespaceAnnotations": { "kulisse.dev/proof": "x" } })),
            annotations,
        ),
        new(
            "an annotation of Kubernetes' own for an account",
            class(json!({ "serviceAccounts": [{ "name": "a",
                "annotations": { "kubernetes.io/enforce-mountable-secrets": "true" } }] })),
            annotations,
        ),
        new(
            "a label of the operator's own for Pods",
            class(json!({ "serviceAccounts": [{ "name": "a",
                "podLabels": { "kulisse.dev/fence": "x" } }] })),
            reserved,
        ),
        new(
            "an annotation of the operator's own for Pods",
            class(json!({ "serviceAccounts": [{ "name": "a",
                "podAnnotations": { "kulisse.dev/x": "x" } }] })),
            annotations,
        ),
        new(
            "a class that sets a level of Pod security by label",
            class(
                json!({ "namespaceLabels": { "pod-security.kubernetes.io/enforce": "privileged" } }),
            ),
            reserved,
        ),
    ]
}
