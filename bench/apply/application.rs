//! The application that is cloned: forty objects, as a production namespace holds them.

use std::fmt::Write;

/// How many objects [`application`] makes.
pub const OBJECTS: usize = 40;

/// 8 Deployments, 8 ConfigMaps of 1.5 KB, 8 Services, 6 Secrets, 4 ServiceAccounts, 2 Ingresses,
/// 2 NetworkPolicies, a Role and a RoleBinding. (A PodDisruptionBudget would stay behind: the second
/// NetworkPolicy stands in its place, so that the clone is as large as its source.)
pub fn application(namespace: &str) -> String {
    workloads(namespace) + &small(namespace)
}

/// Eight of each: settings, Service, Deployment.
fn workloads(namespace: &str) -> String {
    let mut text = String::new();
    for n in 0..8 {
        let account = n % 4;
        let secret = n % 6;
        // Configuration as it is: most lines name nothing, a few name neighbours in full.
        let mut settings = String::new();
        for line in 0..28 {
            let _ =
                write!(settings, "\n    feature.{line:02}.{n} = a setting that stays what it is");
        }
        let _ = write!(
            text,
            "
---
apiVersion: v1
kind: ConfigMap
metadata: {{ name: settings-{n}, namespace: {namespace} }}
data:
  NEXT: http://app-{next}.{namespace}.svc.cluster.local:80
  app.properties: |{settings}
---
apiVersion: v1
kind: Service
metadata: {{ name: app-{n}, namespace: {namespace} }}
spec: {{ selector: {{ app: app-{n} }}, ports: [{{ name: http, port: 80, targetPort: 8080 }}] }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: app-{n}, namespace: {namespace}, labels: {{ app: app-{n} }} }}
spec:
  replicas: 0
  selector: {{ matchLabels: {{ app: app-{n} }} }}
  template:
    metadata: {{ labels: {{ app: app-{n} }} }}
    spec:
      serviceAccountName: account-{account}
      containers:
        - name: app
          image: registry.example.com/app-{n}:1
          args: ['--next=http://app-{next}.{namespace}.svc:80']
          ports: [{{ name: http, containerPort: 8080 }}]
          envFrom: [{{ configMapRef: {{ name: settings-{n} }} }}, {{ secretRef: {{ name: secret-{secret} }} }}]
          resources: {{ requests: {{ cpu: 100m, memory: 64Mi }} }}
",
            next = (n + 1) % 8,
        );
    }
    text
}

/// The rest: Secrets, accounts, routes, policies, rights.
fn small(namespace: &str) -> String {
    let mut text = String::new();
    for n in 0..6 {
        let _ = write!(
            text,
            "
---
apiVersion: v1
kind: Secret
metadata: {{ name: secret-{n}, namespace: {namespace} }}
stringData:
  user: app
  password: pw-{n}-Xq2mW8tLr5
  url: postgres://app:pw-{n}-Xq2mW8tLr5@app-{n}.{namespace}.svc:5432/app
"
        );
    }
    for n in 0..4 {
        let _ = write!(
            text,
            "
---
apiVersion: v1
kind: ServiceAccount
metadata: {{ name: account-{n}, namespace: {namespace} }}
"
        );
    }
    for n in 0..2 {
        let _ = write!(
            text,
            "
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{ name: public-{n}, namespace: {namespace} }}
spec:
  ingressClassName: public
  rules:
    - host: app-{n}.example.com
      http: {{ paths: [{{ path: /, pathType: Prefix, backend: {{ service: {{ name: app-{n}, port: {{ name: http }} }} }} }}] }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{ name: app-{n}, namespace: {namespace} }}
spec:
  podSelector: {{ matchLabels: {{ app: app-{n} }} }}
  policyTypes: [Ingress]
  ingress: [{{ from: [{{ podSelector: {{ matchLabels: {{ app: app-{next} }} }} }}] }}]
",
            next = n + 1,
        );
    }
    let _ = write!(
        text,
        "
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{ name: reader, namespace: {namespace} }}
rules: [{{ apiGroups: [''], resources: [configmaps], verbs: [get, list, watch] }}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{ name: reader, namespace: {namespace} }}
roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }}
subjects: [{{ kind: ServiceAccount, name: account-0, namespace: {namespace} }}]
"
    );
    text
}

/// No Pod runs in the cluster of the measurement, so no probe can. The class is one that routes, or
/// the Ingresses would stay behind.
pub const CLASS: &str = "
apiVersion: kulisse.dev/v1alpha1
kind: StagingClass
metadata: { name: measured }
spec:
  boundary: { probe: Never }
  expose: { domain: preview.example.com, ingressClassName: preview }
";
