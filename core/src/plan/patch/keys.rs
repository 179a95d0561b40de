//! By which field the entries of a list are told apart when one list is laid over another.
//!
//! Data, as Kubernetes' own types say it (`patchMergeKey`). A list without an entry here is
//! replaced whole, as is every list of a custom resource outside its Pod template.

use crate::plan::{kinds, object::Object};

/// How a list is laid over another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// It takes the other's place.
    Replace,
    /// Its entries are objects, merged where this field is equal.
    Merge(&'static str),
    /// Its entries are values, each of which stands there once.
    Union,
}

/// Below a Pod spec; `*` is every entry of a list.
const POD: &[(&str, &str)] = &[
    ("/containers", "name"),
    ("/ephemeralContainers", "name"),
    ("/hostAliases", "ip"),
    ("/imagePullSecrets", "name"),
    ("/initContainers", "name"),
    ("/resourceClaims", "name"),
    ("/schedulingGates", "name"),
    ("/topologySpreadConstraints", "topologyKey"),
    ("/volumes", "name"),
];

/// Below a container.
const CONTAINER: &[(&str, &str)] = &[
    ("/env", "name"),
    ("/ports", "containerPort"),
    ("/volumeDevices", "devicePath"),
    ("/volumeMounts", "mountPath"),
];

/// Lists of containers below a Pod spec.
const CONTAINERS: &[&str] = &["/containers/*", "/ephemeralContainers/*", "/initContainers/*"];

/// Elsewhere in a kind: group, kind, path, field.
const OWN: &[(&str, &str, &str, &str)] =
    &[("", "Service", "/spec/ports", "port"), ("", "ServiceAccount", "/secrets", "name")];

/// How the lists of one object are laid over.
#[derive(Debug)]
pub(super) struct Keys {
    group: String,
    kind: String,
    pod: Option<String>,
}

impl Keys {
    /// Those of an object's kind.
    pub(super) fn of(object: &Object) -> Self {
        let template = kinds::profile(object).and_then(|it| it.pod_template);
        Self {
            group: object.group().to_owned(),
            kind: object.kind().to_owned(),
            pod: template.map(|template| format!("{template}/spec")),
        }
    }

    /// The strategy for the list at `path`, in which `*` stands for every entry.
    pub(super) fn strategy(&self, path: &str) -> Strategy {
        if path.ends_with("/metadata/finalizers") {
            return Strategy::Union;
        }
        if path.ends_with("/metadata/ownerReferences") {
            return Strategy::Merge("uid");
        }
        let own = OWN
            .iter()
            .find(|it| it.0 == self.group && it.1 == self.kind && it.2 == path)
            .map(|it| it.3);
        let found = own.or_else(|| {
            let below = path.strip_prefix(self.pod.as_deref()?)?;
            find(POD, below).or_else(|| {
                let within = CONTAINERS.iter().find_map(|list| below.strip_prefix(list))?;
                find(CONTAINER, within)
            })
        });
        found.map_or(Strategy::Replace, Strategy::Merge)
    }
}

fn find(table: &'static [(&str, &str)], path: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == path).map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_merged_by_its_field_only_where_its_kind_says_so() {
        use Strategy::{Merge, Replace, Union};
        for (version, kind, path, expected) in [
            ("v1", "Service", "/spec/ports", Merge("port")),
            ("v1", "Service", "/spec/externalIPs", Replace),
            ("v1", "Service", "/secrets", Replace),
            ("v1", "ServiceAccount", "/secrets", Merge("name")),
            ("v1", "ServiceAccount", "/spec/ports", Replace),
            ("example.com/v1", "Service", "/spec/ports", Replace),
            ("apps/v1", "Deployment", "/spec/template/spec/volumes", Merge("name")),
            ("apps/v1", "Deployment", "/spec/template/spec/tolerations", Replace),
            ("apps/v1", "Deployment", "/spec/volumes", Replace),
            ("apps/v1", "Deployment", "/spec/template/spec/containers/*/env", Merge("name")),
            (
                "apps/v1",
                "Deployment",
                "/spec/template/spec/initContainers/*/volumeMounts",
                Merge("mountPath"),
            ),
            ("apps/v1", "Deployment", "/spec/template/spec/containers/*/args", Replace),
            ("apps/v1", "Deployment", "/spec/template/spec/volumes/*/env", Replace),
            ("batch/v1", "CronJob", "/spec/jobTemplate/spec/template/spec/volumes", Merge("name")),
            ("v1", "ConfigMap", "/spec/template/spec/volumes", Replace),
            ("v1", "ConfigMap", "/metadata/finalizers", Union),
            ("v1", "ConfigMap", "/metadata/ownerReferences", Merge("uid")),
        ] {
            let keys = Keys::of(&Object::made(version, kind, "it", json!({})));
            assert_eq!(keys.strategy(path), expected, "{version} {kind} {path}");
        }
    }
}
