//! Where objects name each other.

use serde_json::Value;

use super::{Profile, profile};
use crate::plan::object::{Key, Object};

/// A field that holds the name of another object.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// JSON pointer with `*` for every element of a list.
    pub path: &'static str,
    /// Group of what is named.
    pub group: &'static str,
    /// Kind of what is named.
    pub kind: &'static str,
    /// It counts only if the field beside it (its name) has this value, or is missing.
    pub beside: Option<(&'static str, &'static str)>,
    /// Whether things work without it.
    pub optional: bool,
}

/// A reference as found in an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refers {
    /// JSON pointer of the field.
    pub path: String,
    /// What it names.
    pub to: Key,
    /// Whether things work without it.
    pub optional: bool,
}

const fn names(path: &'static str, kind: &'static str) -> Reference {
    Reference { path, group: "", kind, beside: None, optional: false }
}

pub(super) const BINDING: &[Reference] = &[Reference {
    group: "rbac.authorization.k8s.io",
    beside: Some(("kind", "Role")),
    ..names("/roleRef/name", "Role")
}];

pub(super) const STATEFUL: &[Reference] =
    &[Reference { optional: true, ..names("/spec/serviceName", "Service") }];

pub(super) const INGRESS: &[Reference] = &[
    names("/spec/defaultBackend/service/name", "Service"),
    names("/spec/rules/*/http/paths/*/backend/service/name", "Service"),
];

pub(super) const GATEWAY_ROUTE: &[Reference] = &[Reference {
    beside: Some(("kind", "Service")),
    ..names("/spec/rules/*/backendRefs/*/name", "Service")
}];

/// Below a Pod spec.
const POD: &[Reference] = &[
    names("/serviceAccountName", "ServiceAccount"),
    // By its old name.
    names("/serviceAccount", "ServiceAccount"),
    Reference { optional: true, ..names("/imagePullSecrets/*/name", "Secret") },
    names("/volumes/*/configMap/name", "ConfigMap"),
    names("/volumes/*/secret/secretName", "Secret"),
    names("/volumes/*/persistentVolumeClaim/claimName", "PersistentVolumeClaim"),
    names("/volumes/*/projected/sources/*/configMap/name", "ConfigMap"),
    names("/volumes/*/projected/sources/*/secret/name", "Secret"),
];

/// Below a container.
const CONTAINER: &[Reference] = &[
    names("/env/*/valueFrom/configMapKeyRef/name", "ConfigMap"),
    names("/env/*/valueFrom/secretKeyRef/name", "Secret"),
    names("/envFrom/*/configMapRef/name", "ConfigMap"),
    names("/envFrom/*/secretRef/name", "Secret"),
];

/// Every object of the same namespace that `object` names.
pub fn references(object: &Object) -> Vec<Refers> {
    let own = profile(object).map_or(&[][..], |Profile { references, .. }| references);
    let mut found = Vec::new();
    collect(object, "", own, &mut found);
    if let Some(spec) = super::pod_spec(object) {
        collect(object, &spec, POD, &mut found);
    }
    for container in super::containers(object) {
        collect(object, &container, CONTAINER, &mut found);
    }
    found
}

fn collect(object: &Object, base: &str, table: &[Reference], found: &mut Vec<Refers>) {
    for entry in table {
        for path in object.expand(&[base, entry.path].concat()) {
            let name = object.text(&path);
            let Some((parent, _)) = path.rsplit_once('/') else { continue };
            let counts = entry.beside.is_none_or(|(field, value)| {
                object.get(&format!("{parent}/{field}")).is_none_or(|it| it == value)
            });
            if name.is_empty() || !counts {
                continue;
            }
            let said = object.get(&format!("{parent}/optional")) == Some(&Value::Bool(true));
            let to = Key {
                group: entry.group.to_owned(),
                kind: entry.kind.to_owned(),
                name: name.to_owned(),
            };
            found.push(Refers { path, to, optional: entry.optional || said });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What an object names: `Kind/name`, with `?` if things work without it.
    fn named(version: &str, kind: &str, rest: Value) -> Vec<String> {
        let found = references(&Object::made(version, kind, "web", rest));
        let shown = |it: Refers| format!("{}{}", it.to, if it.optional { "?" } else { "" });
        found.into_iter().map(shown).collect()
    }

    #[test]
    fn a_pod_names_its_account_its_volumes_and_what_its_variables_are_read_from() {
        let pod = json!({
            "serviceAccountName": "robot",
            "imagePullSecrets": [{"name": "pull"}],
            "volumes": [
                {"configMap": {"name": "files"}},
                {"secret": {"secretName": "tls", "optional": true}},
                {"persistentVolumeClaim": {"claimName": "data"}},
                {"projected": {"sources": [
                    {"configMap": {"name": "a", "optional": false}}, {"secret": {"name": "b"}}
                ]}},
            ],
            "initContainers": [{"name": "setup", "envFrom": [{"configMapRef": {"name": "setup"}}]}],
            "containers": [{
                "name": "web",
                "env": [
                    {"name": "A", "value": "a"},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "db", "key": "b"}}},
                    {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "web", "optional": true}}},
                ],
                "envFrom": [{"secretRef": {"name": ""}}, {"secretRef": {"name": "all"}}],
            }],
        });
        let expected = [
            "ServiceAccount/robot",
            "Secret/pull?",
            "ConfigMap/files",
            "Secret/tls?",
            "PersistentVolumeClaim/data",
            "ConfigMap/a",
            "Secret/b",
            "ConfigMap/setup",
            "ConfigMap/web?",
            "Secret/db",
            "Secret/all",
        ];
        let rest = json!({"spec": {"template": {"spec": pod}}});
        assert_eq!(named("apps/v1", "Deployment", rest), expected);
    }

    #[test]
    fn a_kind_may_name_others_besides_its_pods() {
        let role = |kind: Value| json!({"roleRef": {"kind": kind, "name": "app"}});
        let backend = |kind: Value| json!({"spec": {"rules": [{"backendRefs": [{"kind": kind, "name": "app"}]}]}});
        let ingress = json!({"spec": {
            "defaultBackend": {"service": {"name": "main"}},
            "rules": [{"http": {"paths": [
                {"backend": {"service": {"name": "app"}}}, {"backend": {"resource": {"name": "x"}}}
            ]}}],
        }});
        let (binding, gateway) = ("rbac.authorization.k8s.io/v1", "gateway.networking.k8s.io/v1");
        for (version, kind, rest, expected) in [
            (
                binding,
                "RoleBinding",
                role(json!("Role")),
                &["Role.rbac.authorization.k8s.io/app"][..],
            ),
            (binding, "RoleBinding", role(json!("ClusterRole")), &[]),
            ("apps/v1", "StatefulSet", json!({"spec": {"serviceName": "app"}}), &["Service/app?"]),
            (gateway, "HTTPRoute", backend(json!("Service")), &["Service/app"]),
            (gateway, "HTTPRoute", backend(json!("Bucket")), &[]),
            ("networking.k8s.io/v1", "Ingress", ingress, &["Service/main", "Service/app"]),
            ("v1", "ConfigMap", json!({"data": {"name": "x"}}), &[]),
        ] {
            assert_eq!(named(version, kind, rest.clone()), expected, "{kind} {rest}");
        }
        // What is not said is a Service.
        let unsaid = json!({"spec": {"rules": [{"backendRefs": [{"name": "app"}]}]}});
        assert_eq!(named(gateway, "GRPCRoute", unsaid), ["Service/app"]);
    }
}
