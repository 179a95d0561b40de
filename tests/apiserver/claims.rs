//! What is tried in a clone with claims of volumes, as data.

use serde_json::{Value, json};

use crate::attempts::{CORE, Row, TARGET, row};

/// Claims named their class by this before they had a field for it, and it still counts first.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";
/// Name of a claim that is there, and that no volume was found for yet.
pub const UNBOUND: &str = "unbound";

/// A claim with more in its spec.
pub fn claim(more: &Value) -> Value {
    let mut spec = json!({ "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } });
    for (key, value) in more.as_object().expect("fields") {
        spec[key] = value.clone();
    }
    json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "mine" }, "spec": spec })
}

/// The claim that has no volume yet.
pub fn unbound(target: &str) -> Value {
    let mut it = claim(&json!({}));
    it["metadata"] = json!({ "name": UNBOUND, "namespace": target });
    it
}

/// A volume for it, as whoever makes volumes on demand makes one.
pub fn volume(target: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": target }, "spec": {
        "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "hostPath": { "path": "/none" },
        "claimRef": { "namespace": target, "name": UNBOUND } } })
}

/// Attempts to get at a volume that exists.
pub fn rows() -> Vec<Row> {
    let all = format!("{CORE}/{TARGET}/persistentvolumeclaims");
    let mut old = claim(&json!({}));
    old["metadata"]["annotations"] = json!({ CLASS: "" });
    let directory = json!({ "nfs.io/storage-path": "shop/data" });
    let mut told = claim(&json!({}));
    told["metadata"]["annotations"] = directory.clone();
    let made = [
        ("claims a volume of production", claim(&json!({ "volumeName": "pv-production" }))),
        (
            "claims a volume by its labels",
            claim(&json!({ "selector": { "matchLabels": { "app": "db" } } })),
        ),
        ("claims a volume that was made by hand", claim(&json!({ "storageClassName": "" }))),
        ("claims one by what counts before the class", old),
        ("tells its driver where production's directory is", told),
    ];
    let changed = [
        (
            "names the volume of a claim that has none yet",
            json!({ "spec": { "volumeName": "pv-production" } }),
        ),
        ("has a claim wait for one made by hand", json!({ "spec": { "storageClassName": "" } })),
        (
            "has it wait by what counts before the class",
            json!({ "metadata": { "annotations": { CLASS: "" } } }),
        ),
        (
            "tells the driver of a claim that has no volume yet",
            json!({ "metadata": { "annotations": directory } }),
        ),
    ];
    let by = "policy fence-contents";
    let one = format!("{all}/{UNBOUND}");
    let made = made.into_iter().map(|(what, body)| row(what, "POST", all.clone(), body, by));
    let changed = changed.into_iter().map(|(what, body)| row(what, "PATCH", one.clone(), body, by));
    made.chain(changed).collect()
}
