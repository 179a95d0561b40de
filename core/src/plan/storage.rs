//! What of a StorageClass matters to a plan.

use std::collections::BTreeMap;

use k8s_openapi::api::storage::v1::StorageClass;
use serde::{Deserialize, Serialize};

/// What Kubernetes marks the StorageClass with that is used when none is named.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// Parameters by which drivers are told the directory of a volume, and the one that makes it a new one
/// all the same unless it is `false`: csi-driver-nfs, csi-driver-smb, nfs-subdir-external-provisioner, local-path, EFS.
const DIRECTORIES: [(&str, Option<&str>); 3] =
    [("subDir", None), ("pathPattern", None), ("subPathPattern", Some("ensureUniqueDirectory"))];
/// What in such a parameter is different in every namespace.
const TELLS_APART: [&str; 5] =
    ["pvc.namespace}", "pvc.metadata.namespace}", ".pv.name}", "pv.metadata.name}", ".pvname}"];

/// What of a StorageClass matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageFacts {
    /// It is used where none is named.
    #[serde(default)]
    pub default: bool,
    /// Its volumes stay when their claims go.
    #[serde(default)]
    pub retains: bool,
    /// The parameter by which claims of one name share a directory, whatever their namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<String>,
}

impl From<&StorageClass> for StorageFacts {
    fn from(class: &StorageClass) -> Self {
        let annotations = class.metadata.annotations.as_ref();
        Self {
            default: annotations.and_then(|it| it.get(DEFAULT)).is_some_and(|it| it == "true"),
            retains: class.reclaim_policy.as_deref() == Some("Retain"),
            shares: class.parameters.as_ref().and_then(shares),
        }
    }
}

fn shares(parameters: &BTreeMap<String, String>) -> Option<String> {
    DIRECTORIES.iter().find_map(|(name, unique)| {
        let path = parameters.get(*name).filter(|it| !it.is_empty())?;
        // Templates of Go may have blanks: `{{ .PVC.Namespace }}`.
        let written: String =
            path.to_ascii_lowercase().chars().filter(|it| !it.is_whitespace()).collect();
        let apart = TELLS_APART.iter().any(|it| written.contains(it))
            || unique.is_some_and(|it| parameters.get(it).is_none_or(|it| it != "false"));
        (!apart).then(|| format!("{name}: {path}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn facts(class: &Value) -> StorageFacts {
        StorageFacts::from(&serde_json::from_value::<StorageClass>(class.clone()).unwrap())
    }

    #[test]
    fn what_matters_is_whether_it_is_the_default_and_keeps_volumes() {
        let class = |policy: &str, default: &str| {
            let class = facts(&json!({ "provisioner": "x", "reclaimPolicy": policy,
                "metadata": { "name": "a", "annotations": { DEFAULT: default } } }));
            (class.default, class.retains)
        };
        assert_eq!(class("Delete", "true"), (true, false));
        assert_eq!(class("Retain", "false"), (false, true));
    }

    #[test]
    fn claims_share_a_directory_if_nothing_in_its_name_is_different_in_every_namespace() {
        let shares = |parameters: Value| {
            facts(&json!({ "provisioner": "x", "parameters": parameters })).shares
        };
        for (parameters, expected) in [
            (json!({}), None),
            (json!({ "subDir": "" }), None),
            (json!({ "subDir": "all" }), Some("subDir: all")),
            (json!({ "subDir": "${pvc.metadata.name}" }), Some("subDir: ${pvc.metadata.name}")),
            (json!({ "subDir": "${pvc.metadata.namespace}/${pvc.metadata.name}" }), None),
            (json!({ "subDir": "of-${pv.metadata.name}" }), None),
            (
                json!({ "pathPattern": "${.PVC.annotations.nfs.io/storage-path}" }),
                Some("pathPattern: ${.PVC.annotations.nfs.io/storage-path}"),
            ),
            (json!({ "pathPattern": "${.PVC.namespace}-${.PVC.name}" }), None),
            (json!({ "pathPattern": "{{ .PVC.Namespace }}/{{ .PVC.Name }}" }), None),
            (json!({ "pathPattern": "{{ .PVName }}" }), None),
            (json!({ "pathPattern": "{{ .PVC.Name }}" }), Some("pathPattern: {{ .PVC.Name }}")),
            (json!({ "subPathPattern": "${.PVC.name}" }), None),
            (
                json!({ "subPathPattern": "${.PVC.name}", "ensureUniqueDirectory": "false" }),
                Some("subPathPattern: ${.PVC.name}"),
            ),
        ] {
            assert_eq!(shares(parameters.clone()).as_deref(), expected, "{parameters}");
        }
    }
}
