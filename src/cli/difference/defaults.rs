//! What the API server fills in where a manifest says nothing, and what it and its controllers own.
//!
//! Knowing them is what keeps a difference between a manifest and a live object short. A default that
//! is missing here shows as a difference: too much is said rather than too little.

use serde_json::{Value, json};

/// Fields that the API server or a controller writes, as JSON pointers; `*` is every field or element.
pub const OWNED: &[&str] = &[
    "/status",
    "/metadata/creationTimestamp",
    "/metadata/deletionGracePeriodSeconds",
    "/metadata/deletionTimestamp",
    "/metadata/finalizers",
    "/metadata/generateName",
    "/metadata/generation",
    "/metadata/managedFields",
    "/metadata/ownerReferences",
    "/metadata/resourceVersion",
    "/metadata/selfLink",
    "/metadata/uid",
    "/metadata/annotations/deployment.kubernetes.io~1revision",
    "/metadata/annotations/deprecated.daemonset.template.generation",
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
    "/metadata/annotations/pv.kubernetes.io~1bind-completed",
    "/metadata/annotations/pv.kubernetes.io~1bound-by-controller",
    "/metadata/annotations/volume.beta.kubernetes.io~1storage-provisioner",
    "/metadata/annotations/volume.kubernetes.io~1selected-node",
    "/metadata/annotations/volume.kubernetes.io~1storage-provisioner",
];

/// Fields that the API server assigns where a manifest leaves them out, whatever their value.
const ASSIGNED: &[&str] = &[
    "clusterIP",
    "clusterIPs",
    "healthCheckNodePort",
    "ipFamilies",
    "nodePort",
    "serviceAccount",
    "storageClassName",
    "volumeName",
];

/// Whether a field that only the live object has is there because the API server put it there. A map
/// is if all that it holds is.
pub fn is_default(field: &str, value: &Value, beside: &Value) -> bool {
    if ASSIGNED.contains(&field) {
        return true;
    }
    match value {
        Value::Null => true,
        Value::Object(map) => map.iter().all(|(field, it)| is_default(field, it, value)),
        Value::Array(list) if list.is_empty() => true,
        // A Service's port is the container's, too, where nothing else is said.
        _ if field == "targetPort" => beside.get("port") == Some(value),
        _ => known(field).contains(value),
    }
}

/// The values that a field gets by itself.
fn known(field: &str) -> Vec<Value> {
    match field {
        "apiGroup" => vec![json!(""), json!("rbac.authorization.k8s.io")],
        "apiVersion" => vec![json!("v1")],
        "backoffLimit" => vec![json!(6)],
        "completionMode" => vec![json!("NonIndexed")],
        "concurrencyPolicy" => vec![json!("Allow")],
        "defaultMode" => vec![json!(420)],
        "divisor" => vec![json!("0")],
        "dnsPolicy" => vec![json!("ClusterFirst")],
        "enableServiceLinks" => vec![json!(true)],
        "externalTrafficPolicy" | "internalTrafficPolicy" => vec![json!("Cluster")],
        "failedJobsHistoryLimit"
        | "successThreshold"
        | "timeoutSeconds"
        | "replicas"
        | "parallelism"
        | "completions" => vec![json!(1)],
        "failureThreshold" | "successfulJobsHistoryLimit" => vec![json!(3)],
        "imagePullPolicy" => vec![json!("IfNotPresent"), json!("Always")],
        "ipFamilyPolicy" => vec![json!("SingleStack")],
        "kind" => vec![json!("PersistentVolumeClaim")],
        "maxSurge" => vec![json!("25%"), json!(0)],
        "maxUnavailable" => vec![json!("25%"), json!(1)],
        "partition" | "priority" | "minReadySeconds" => vec![json!(0)],
        "pathType" => vec![json!("ImplementationSpecific")],
        "phase" => vec![json!("Pending")],
        "periodSeconds" | "revisionHistoryLimit" => vec![json!(10)],
        "podManagementPolicy" => vec![json!("OrderedReady")],
        "podReplacementPolicy" => vec![json!("TerminatingOrFailed")],
        "policyTypes" => vec![json!(["Ingress"]), json!(["Ingress", "Egress"])],
        "preemptionPolicy" => vec![json!("PreemptLowerPriority")],
        "progressDeadlineSeconds" => vec![json!(600)],
        "protocol" => vec![json!("TCP")],
        "restartPolicy" => vec![json!("Always")],
        "scheme" => vec![json!("HTTP")],
        "schedulerName" => vec![json!("default-scheduler")],
        "service" => vec![json!("")],
        "sessionAffinity" => vec![json!("None")],
        "suspend" | "immutable" => vec![json!(false)],
        "terminationGracePeriodSeconds" => vec![json!(30)],
        "terminationMessagePath" => vec![json!("/dev/termination-log")],
        "terminationMessagePolicy" => vec![json!("File")],
        "type" => vec![json!("ClusterIP"), json!("RollingUpdate"), json!("Opaque"), json!("")],
        "volumeMode" => vec![json!("Filesystem")],
        "whenDeleted" | "whenScaled" => vec![json!("Retain")],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_a_default_if_all_in_it_is() {
        let strategy = |surge: &str| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": "25%"}});
        assert!(is_default("strategy", &strategy("25%"), &Value::Null));
        assert!(!is_default("strategy", &strategy("50%"), &Value::Null));
        assert!(is_default("securityContext", &json!({}), &Value::Null));
        assert!(!is_default("hostNetwork", &json!(true), &Value::Null));
    }

    #[test]
    fn a_target_port_is_the_port_where_nothing_is_said() {
        assert!(is_default("targetPort", &json!(80), &json!({"port": 80})));
        assert!(!is_default("targetPort", &json!(8080), &json!({"port": 80})));
    }
}
