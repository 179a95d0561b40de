//! What is tried in a clone, and what must stop it: as data.
#![expect(clippy::too_many_lines, reason = "tables, of values that nobody else needs")]

use serde_json::{Value, json};

use crate::{
    bodies::{asking, binding, job, of_a_task, on_network, open, pod, service, volume},
    claims::claim,
};

pub const CORE: &str = "/api/v1/namespaces";
const NETWORKING: &str = "/apis/networking.k8s.io/v1/namespaces";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
/// The developer whom the environment lets in.
pub const EDITOR: &str = "dev@tenant.example";
/// In the place of the target's name.
pub const TARGET: &str = "{t}";

/// A Role of production's that holds everything that is dangerous, and much that is not.
pub const GENEROUS: &str = "
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: robot, namespace: '{ns}' }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: robot, namespace: '{ns}' }
rules:
  - { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }
  - { apiGroups: [''], resources: [pods, services, persistentvolumeclaims, configmaps, endpoints, namespaces, resourcequotas, limitranges], verbs: ['*'] }
  - { apiGroups: [''], resources: [serviceaccounts, serviceaccounts/token, users, groups], verbs: [create, impersonate] }
  - { apiGroups: [apps], resources: [deployments], verbs: ['*'] }
  - { apiGroups: [networking.k8s.io], resources: [networkpolicies, ingresses], verbs: ['*'] }
  - { apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: ['*'] }
  - { apiGroups: [gateway.networking.k8s.io], resources: [httproutes, grpcroutes], verbs: ['*'] }
  - { apiGroups: [networking.istio.io], resources: [virtualservices, serviceentries], verbs: ['*'] }
  - { apiGroups: [kulisse.dev], resources: [stagingenvironments, staginggrants], verbs: ['*'] }
  - { apiGroups: [acme.example], resources: [levers], verbs: ['*'] }
  - { apiGroups: [batch], resources: [jobs], verbs: ['*'] }
  - { apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: [create, update, escalate, bind] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: robot, namespace: '{ns}' }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: robot }
subjects: [{ kind: ServiceAccount, name: robot, namespace: '{ns}' }]
";

/// What is tried: in words, method, path, body, and what must stop it.
pub type Row = (&'static str, &'static str, String, Value, &'static str);

pub fn row(
    what: &'static str,
    method: &'static str,
    path: String,
    body: Value,
    by: &'static str,
) -> Row {
    (what, method, path, body, by)
}

/// Pods by which a node is to ask another host. Newer versions of Pod Security refuse them, too, where it is
/// asked for.
pub fn by_the_node() -> Vec<Row> {
    let pods = format!("{CORE}/{TARGET}/pods");
    let host = json!({ "host": "10.96.0.7", "port": 80 });
    let asks = [
        (
            "has the node ask when a Pod starts",
            json!({ "lifecycle": { "postStart": { "httpGet": host } } }),
        ),
        (
            "has the node ask when a Pod ends",
            json!({ "lifecycle": { "preStop": { "httpGet": host } } }),
        ),
        (
            "has the node try a port again and again",
            json!({ "readinessProbe": { "tcpSocket": host } }),
        ),
        ("has the node ask again and again", json!({ "livenessProbe": { "httpGet": host } })),
    ];
    let asks = asks.into_iter().map(|(what, it)| (what, asking(it)));
    let first = json!([{ "name": "first", "image": "x", "restartPolicy": "Always",
        "startupProbe": { "tcpSocket": host } }]);
    let first = ("does it before a Pod starts", pod(json!({ "initContainers": first })));
    asks.chain([first])
        .map(|(what, body)| row(what, "POST", pods.clone(), body, "policy fence-contents"))
        .collect()
}

/// By an account of the clone that had every right in production.
pub fn of_an_account(source: &str) -> Vec<Row> {
    let core = |what: &str| format!("{CORE}/{TARGET}/{what}");
    let networking = |what: &str| format!("{NETWORKING}/{TARGET}/{what}");
    let token =
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
    let everything = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "mine" },
        "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }] });
    let foreign = json!({ "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "mine" },
        "spec": { "rules": [{ "host": "shop.example.com", "http": { "paths": [{ "path": "/", "pathType": "Prefix",
            "backend": { "service": { "name": "api", "port": { "number": 80 } } } }] } }] } });
    let addresses = json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": { "name": "mine", "labels": { "kubernetes.io/service-name": "api" } },
        "endpoints": [{ "addresses": ["10.1.0.7"] }], "ports": [{ "port": 5432 }] });
    let environment = json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": "mine" }, "spec": { "source": { "namespace": source } } });
    let unlabelled = json!({ "metadata": { "labels": { "kulisse.dev/environment-uid": null,
        "pod-security.kubernetes.io/enforce": "privileged" } } });
    let privileged = json!({ "containers": [{ "name": "c", "image": "x", "securityContext": { "privileged": true } }] });
    let port = json!({ "containers": [{ "name": "c", "image": "x", "ports": [{ "containerPort": 80, "hostPort": 80 }] }] });
    let contents = "policy fence-contents";
    vec![
        row(
            "makes a policy that allows everything",
            "POST",
            networking("networkpolicies"),
            open(),
            "RBAC",
        ),
        row(
            "opens a policy of the fence",
            "PATCH",
            networking("networkpolicies/kulisse-default-deny"),
            json!({ "spec": { "egress": [{}] } }),
            "RBAC",
        ),
        row("deletes all policies", "DELETE", networking("networkpolicies"), Value::Null, "RBAC"),
        row(
            "makes a Role with every right",
            "POST",
            format!("{RBAC}/namespaces/{TARGET}/roles"),
            everything,
            "RBAC",
        ),
        row(
            "binds the operator's role to somebody",
            "POST",
            format!("{RBAC}/namespaces/{TARGET}/rolebindings"),
            binding("kulisse-clone-writer"),
            "RBAC",
        ),
        row(
            "asks for the token of another account",
            "POST",
            core("serviceaccounts/default/token"),
            token,
            "RBAC",
        ),
        row(
            "takes the marks from the namespace",
            "PATCH",
            format!("{CORE}/{TARGET}"),
            unlabelled,
            "RBAC",
        ),
        row("deletes quotas", "DELETE", core("resourcequotas"), Value::Null, "RBAC"),
        row("routes production's host to itself", "POST", networking("ingresses"), foreign, "RBAC"),
        row(
            "leads a Service to Pods of production",
            "POST",
            format!("/apis/discovery.k8s.io/v1/namespaces/{TARGET}/endpointslices"),
            addresses,
            "RBAC",
        ),
        row(
            "asks for an environment of production",
            "POST",
            format!("/apis/kulisse.dev/v1alpha1/namespaces/{TARGET}/stagingenvironments"),
            environment,
            "RBAC",
        ),
        row(
            "reads production's Secrets",
            "GET",
            format!("{CORE}/{source}/secrets"),
            Value::Null,
            "RBAC",
        ),
        row(
            "reads the operator's key",
            "GET",
            format!("{CORE}/kulisse/secrets/kulisse-operator-key"),
            Value::Null,
            "RBAC",
        ),
        row("starts a privileged Pod", "POST", core("pods"), pod(privileged), "Pod Security"),
        row(
            "mounts the node's files",
            "POST",
            core("pods"),
            volume("hostPath", json!({ "path": "/" })),
            "Pod Security",
        ),
        row("takes a port of the node", "POST", core("pods"), pod(port), "Pod Security"),
        row(
            "sees the node's processes",
            "POST",
            core("pods"),
            pod(json!({ "hostPID": true })),
            "Pod Security",
        ),
        row(
            "uses the node's network",
            "POST",
            core("pods"),
            pod(json!({ "hostNetwork": true })),
            "Pod Security",
        ),
        // Whoever answers for such objects stands outside the fence.
        row(
            "has somebody else's controller fetch something",
            "POST",
            format!("/apis/acme.example/v1/namespaces/{TARGET}/levers"),
            json!({ "apiVersion": "acme.example/v1", "kind": "Lever", "metadata": { "name": "mine" } }),
            "RBAC",
        ),
        row("takes what is open for a task", "POST", core("pods"), of_a_task(), contents),
        row(
            "has a Job take it",
            "POST",
            format!("/apis/batch/v1/namespaces/{TARGET}/jobs"),
            job("kulisse.dev/task"),
            contents,
        ),
        row(
            "asks for a second network",
            "POST",
            core("pods"),
            on_network("k8s.v1.cni.cncf.io/networks"),
            contents,
        ),
        row(
            "mounts production's share",
            "POST",
            core("pods"),
            volume("nfs", json!({ "server": "10.2.0.9", "path": "/data" })),
            contents,
        ),
        row(
            "mounts production's disk",
            "POST",
            core("pods"),
            volume(
                "iscsi",
                json!({ "targetPortal": "10.2.0.9:3260", "iqn": "iqn.2001-04.com.example:a", "lun": 0 }),
            ),
            contents,
        ),
        row(
            "mounts a share by a driver",
            "POST",
            core("pods"),
            volume("csi", json!({ "driver": "smb.csi.k8s.io" })),
            contents,
        ),
        row(
            "draws traffic to an address of production",
            "POST",
            core("services"),
            service(json!({ "externalIPs": ["10.1.0.7"] })),
            contents,
        ),
        row(
            "opens a load balancer",
            "POST",
            core("services"),
            service(json!({ "type": "LoadBalancer" })),
            contents,
        ),
        row(
            "opens a port on every node",
            "POST",
            core("services"),
            service(json!({ "type": "NodePort" })),
            contents,
        ),
        row(
            "makes another name for production",
            "POST",
            core("services"),
            service(json!({ "type": "ExternalName", "externalName": format!("db.{source}.svc") })),
            contents,
        ),
        row(
            "turns a Service behind a route into one",
            "PATCH",
            core("services/api"),
            json!({ "spec": { "type": "ExternalName", "externalName": format!("db.{source}.svc") } }),
            contents,
        ),
    ]
}

/// What an account of the clone cannot even be asked for: in words, and as the authorizer is asked.
pub fn unasked() -> Vec<(&'static str, Value)> {
    let right = |group: &str, resource: &str, verb: &str| json!({ "group": group, "resource": resource, "verb": verb, "namespace": TARGET });
    vec![
        (
            "speaks as the operator",
            json!({ "resource": "serviceaccounts", "verb": "impersonate", "namespace": "kulisse", "name": "kulisse" }),
        ),
        ("speaks as an account beside it", right("", "serviceaccounts", "impersonate")),
        ("gives rights it has not", right("rbac.authorization.k8s.io", "roles", "escalate")),
        ("binds rights it has not", right("rbac.authorization.k8s.io", "roles", "bind")),
        ("draws a mesh's traffic", right("networking.istio.io", "serviceentries", "create")),
        (
            "attaches a route to the Gateway",
            right("gateway.networking.k8s.io", "grpcroutes", "create"),
        ),
        (
            "reads what the nodes know",
            json!({ "resource": "nodes", "subresource": "proxy", "verb": "get" }),
        ),
    ]
}

/// By a person with `Edit` in the clone.
pub fn of_an_editor() -> Vec<Row> {
    let core = |what: &str| format!("{CORE}/{TARGET}/{what}");
    let networking = |what: &str| format!("{NETWORKING}/{TARGET}/{what}");
    let bindings = format!("{RBAC}/namespaces/{TARGET}/rolebindings");
    let ephemeral = json!({ "spec": { "ephemeralContainers": [{ "name": "x", "image": "x" }] } });
    vec![
        row(
            "makes a policy that allows everything",
            "POST",
            networking("networkpolicies"),
            open(),
            "RBAC",
        ),
        row(
            "opens a policy of the fence",
            "PATCH",
            networking("networkpolicies/kulisse-default-deny"),
            json!({ "spec": { "egress": [{}] } }),
            "RBAC",
        ),
        row("deletes all policies", "DELETE", networking("networkpolicies"), Value::Null, "RBAC"),
        row("deletes quotas", "DELETE", core("resourcequotas"), Value::Null, "RBAC"),
        row(
            "takes the operator's rights",
            "DELETE",
            format!("{bindings}/kulisse-rights"),
            Value::Null,
            "RBAC",
        ),
        row("gives itself more rights", "POST", bindings.clone(), binding("admin"), "RBAC"),
        row("starts a Pod with the labels of a task", "POST", core("pods"), pod(json!({})), "RBAC"),
        row(
            "labels a Pod so that an opening is for it",
            "PATCH",
            core("pods/none"),
            json!({ "metadata": { "labels": { "kulisse.dev/task": "seed" } } }),
            "RBAC",
        ),
        row(
            "puts a container into a Pod",
            "PATCH",
            core("pods/none/ephemeralcontainers"),
            ephemeral,
            "RBAC",
        ),
        row(
            "changes a workload",
            "PATCH",
            format!("/apis/apps/v1/namespaces/{TARGET}/deployments/web"),
            json!({ "spec": { "template": { "spec": { "hostNetwork": true } } } }),
            "RBAC",
        ),
        row("reads Secrets", "GET", core("secrets"), Value::Null, "RBAC"),
        row(
            "asks for the token of an account",
            "POST",
            core("serviceaccounts/api/token"),
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} }),
            "RBAC",
        ),
        row(
            "leads a Service to production",
            "PATCH",
            core("services/api"),
            json!({ "spec": { "type": "ExternalName", "externalName": "db" } }),
            "RBAC",
        ),
        row(
            "takes the marks from the namespace",
            "PATCH",
            format!("{CORE}/{TARGET}"),
            json!({ "metadata": { "labels": { "kulisse.dev/environment-uid": null } } }),
            "RBAC",
        ),
    ]
}

/// By somebody with every right in the cluster.
pub fn of_an_administrator() -> Vec<Row> {
    let networking = |what: &str| format!("{NETWORKING}/{TARGET}/{what}");
    let fence = "policy fence-networkpolicies";
    vec![
        row(
            "makes a policy that allows everything",
            "POST",
            networking("networkpolicies"),
            open(),
            fence,
        ),
        row(
            "opens a policy of the fence",
            "PATCH",
            networking("networkpolicies/kulisse-default-deny"),
            json!({ "spec": { "egress": [{}] } }),
            fence,
        ),
        row("deletes all policies", "DELETE", networking("networkpolicies"), Value::Null, fence),
    ]
}

/// By whoever has the operator's token.
pub fn of_the_operator(source: &str) -> Vec<Row> {
    let namespace = |name: &str, labels: Value| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } });
    let ours =
        json!({ "kulisse.dev/environment-uid": "x", "app.kubernetes.io/managed-by": "kulisse" });
    let bindings = |place: &str| format!("{RBAC}/namespaces/{place}/rolebindings");
    let token =
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
    vec![
        row("makes a namespace of another name", "POST", CORE.to_owned(), namespace("evil", ours), "policy fence-namespaces"),
        row("makes a namespace without marks", "POST", CORE.to_owned(), namespace("stg-evil", json!({})), "policy fence-namespaces"),
        row("deletes production", "DELETE", format!("{CORE}/{source}"), Value::Null, "policy fence-namespaces"),
        row("marks production as its own", "PATCH", format!("{CORE}/{source}"), json!({ "metadata": { "labels": { "kulisse.dev/environment-uid": "x" } } }), "RBAC"),
        row("binds itself in production", "POST", bindings(source), binding("kulisse-clone-writer"), "policy fence-rolebindings"),
        row("binds itself in kube-system", "POST", bindings("kube-system"), binding("kulisse-clone-writer"), "policy fence-rolebindings"),
        row("binds another role in a target", "POST", bindings(TARGET), binding("cluster-admin"), "RBAC, beyond own rights"),
        row("reads another namespace's Secrets", "GET", format!("{CORE}/kube-system/secrets"), Value::Null, "RBAC"),
        row("gives its role more rights", "PATCH", format!("{RBAC}/clusterroles/kulisse-operator"), json!({ "rules": [] }), "RBAC"),
        row("unbinds the policy that fences it", "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/kulisse-fence-namespaces".to_owned(), Value::Null, "RBAC"),
        row("asks for the token of an account of production", "POST", format!("{CORE}/{source}/serviceaccounts/api/token"), token, "RBAC"),
        row("consents in the name of a source's owners", "POST", format!("/apis/kulisse.dev/v1alpha1/namespaces/{source}/staginggrants"), json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingGrant", "metadata": { "name": "mine" }, "spec": { "from": [{ "namespace": "default" }] } }), "RBAC"),
    ]
}

/// What nobody minds, so that the rest means something.
pub fn fine() -> Vec<Row> {
    let core = |what: &str| format!("{CORE}/{TARGET}/{what}");
    let deployment = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "mine" },
        "spec": { "selector": { "matchLabels": { "app": "mine" } }, "template": { "metadata": { "labels": { "app": "mine" } },
            "spec": { "containers": [{ "name": "c", "image": "x" }] } } } });
    vec![
        row("starts a Pod", "POST", core("pods"), pod(json!({})), "nothing"),
        row(
            "starts one with volumes",
            "POST",
            core("pods"),
            pod(json!({ "volumes": [
            { "name": "a", "emptyDir": {} }, { "name": "b", "configMap": { "name": "settings" } },
            { "name": "c", "persistentVolumeClaim": { "claimName": "c" } }, { "name": "d", "csi": { "driver": "csi.spiffe.io" } },
        ] })),
            "nothing",
        ),
        row(
            "makes a Service",
            "POST",
            core("services"),
            service(json!({ "selector": { "app": "api" } })),
            "nothing",
        ),
        row("makes a claim", "POST", core("persistentvolumeclaims"), claim(&json!({})), "nothing"),
        row(
            "makes a Deployment",
            "POST",
            format!("/apis/apps/v1/namespaces/{TARGET}/deployments"),
            deployment,
            "nothing",
        ),
    ]
}
