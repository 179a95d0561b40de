//! What the definitions refuse, and in which words: one table for the schema tests, which need no
//! API server, and for the ones on a real API server.

#![allow(clippy::needless_pass_by_value, clippy::too_many_lines, reason = "a table")]

pub mod limits;
mod marks;
mod registry;

use serde_json::{Value, json};

/// Something that must be refused.
pub struct Refusal {
    /// What is wrong with it.
    pub what: String,
    /// The object.
    pub object: Value,
    /// What it was before, for rules about changes.
    pub before: Option<Value>,
    /// What the refusal says.
    pub sentence: &'static str,
}

/// An environment with this `spec` laid over the smallest one.
pub fn environment(spec: Value) -> Value {
    named("pr-1", spec)
}

fn named(name: &str, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
        "metadata": { "name": name, "namespace": "default" },
        "spec": { "source": { "namespace": "shop" } },
    });
    lay_over(&mut object["spec"], spec);
    object
}

fn class(spec: Value) -> Value {
    json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingClass",
        "metadata": { "name": "refused" }, "spec": spec,
    })
}

fn grant(from: Value) -> Value {
    json!({
        "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingGrant",
        "metadata": { "name": "refused", "namespace": "default" }, "spec": { "from": from },
    })
}

fn granting(from: Value, secrets: Value) -> Value {
    let mut grant = grant(from);
    grant["spec"]["secrets"] = secrets;
    grant
}

fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

fn task(fields: Value) -> Value {
    let mut task = json!({ "name": "t" });
    lay_over(&mut task, fields);
    task
}

/// Environments that must be accepted, so that a refusal is not for another reason.
pub fn accepted() -> Vec<Value> {
    let all = json!({
        "source": { "include": [{ "kind": "Deployment" }], "exclude": [{ "name": "x*" }], "images": "AsWritten",
            "selector": { "matchLabels": { "app": "web" } } },
        "className": "c",
        "pullRequest": { "number": 1, "repository": "acme/shop" },
        "stores": { "include": [{ "group": "apps" }], "exclude": [{ "group": "" , "kind": "Pod" }] },
        "scale": { "profile": "Proportional", "percent": 50, "overrides": [
            { "target": { "name": "web" }, "replicas": 0 },
            { "target": { "name": "api" }, "resources": { "requests": { "cpu": "10m", "memory": 64 } } } ] },
        "images": [{ "name": "nginx", "newTag": "1" }, { "name": "redis", "newName": "valkey" },
            { "name": "x", "digest": format!("sha256:{}", "0".repeat(64)) }],
        "overlay": {
            "inline": [{ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "b": "c" } }],
            "configMapRef": [{ "name": "a" }, { "name": "b", "key": "c.yaml" }] },
        "env": [{ "unset": ["A"] }, { "target": { "kind": "Deployment" }, "container": "web", "set": [
            { "name": "B", "value": "" },
            { "name": "C", "valueFrom": { "secretKeyRef": { "name": "d", "key": "e" } } } ] }],
        "patches": [{ "patch": "kind: Service" },
            { "target": { "labelSelector": { "matchLabels": { "app": "web" } } }, "patch": "[]" }],
        "secrets": { "default": "Omit", "rules": [
            { "name": "a", "policy": "From", "from": { "name": "b" } },
            { "name": "b", "keys": ["x"], "policy": "Omit" }, { "name": "c", "policy": "Generate" },
            { "name": "d", "policy": "Copy" },
            { "name": "e", "keys": ["url"], "policy": "Template", "template": "x://${secret:a/b}" } ] },
        "expose": [{ "service": "web", "port": 80, "host": "web.example.com" }],
        "seed": [task(json!({ "run": { "image": "x" }, "when": "AfterWorkloads" })),
            task(json!({ "name": "u", "job": { "template": {} } })),
            task(json!({ "name": "v", "fromJob": "migrate" }))],
        "smoke": [task(json!({ "http": { "service": "web", "port": 80, "path": "/" } })),
            task(json!({ "name": "u", "http": { "url": "http://web/" } })),
            task(json!({ "name": "v", "fromCronJob": "report" }))],
        "preDelete": [task(json!({ "run": { "image": "x" }, "retries": 1, "timeout": "1m" }))],
        "mode": "Plan",
        "drift": { "interval": "10s", "action": "Rebuild" },
        "lifecycle": { "ttl": "1h30m", "warnBefore": "90s", "onExpiry": "Delete", "sleep": [
            { "from": "20:00", "to": "07:00", "timeZone": "Europe/Zurich" },
            { "weekdays": ["Sat", "Sun"], "from": "00:00", "to": "24:00" },
        ] },
        "access": [{ "subject": { "kind": "User", "name": "a" }, "role": "Edit" },
            { "subject": { "kind": "ServiceAccount", "name": "a", "namespace": "b" } }],
        "hosts": [
            { "host": "*.example.com", "action": "Block" }, { "host": "a.b", "action": "Allow" },
            { "host": "c.d", "action": "Replace", "with": "e.f" },
            { "host": "g.h", "action": "Replace",
                "withService": { "name": "mock", "port": 80, "scheme": "http" } } ],
        "egress": [{ "to": [
            { "ipBlock": { "cidr": "203.0.113.0/24", "except": ["203.0.113.7/32"] } },
            { "namespaceSelector": { "matchLabels": { "a": "b" } }, "podSelector": {} } ],
            "ports": [{ "port": 443 }, { "protocol": "UDP", "port": 1, "endPort": 2 }] }],
        "boundary": { "mode": "Warn" },
        "suspend": true,
    });
    let mut fine = vec![
        environment(json!({})),
        named(&"a".repeat(40), json!({})),
        environment(json!({ "source": { "manifests": { "configMapRef": [{ "name": "a" }] } } })),
        environment(json!({ "lifecycle": { "ttl": "30s" } })),
        environment(json!({ "lifecycle": { "ttl": "8760h" } })),
        environment(all),
        grant(json!([{ "namespace": "a" }, { "namespaceSelector": {} }])),
        granting(json!([{ "namespace": "a" }]), json!(["registry", "api-*"])),
        class(json!({ "boundary": { "probe": "Never" }, "limits": { "maxTTL": "1h" } })),
        class(json!({ "manifests": "Allow" })),
        class(json!({
            "secrets": { "allowCopy": ["api-*"] }, "imagePullSecrets": [{ "name": "registry" }],
        })),
        class(json!({
            "namespaceLabels": { "istio-injection": "enabled", "example.com/team": "" },
            "namespaceAnnotations": { "linkerd.io/inject": "enabled" },
            "serviceAccounts": [{ "name": "orders", "source": "shop-*",
                "annotations": { "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/staging" },
                "podLabels": { "azure.workload.identity/use": "true" },
                "podAnnotations": { "vault.hashicorp.com/role": "staging" } }],
            "kinds": [{ "group": "example.com", "kind": "*", "action": "Clone" },
                { "group": "", "kind": "ConfigMap", "action": "Leave" }],
            "expose": { "domain": "staging.test", "scheme": "https",
                "gatewayRef": { "namespace": "gateways", "name": "previews", "sectionName": "https" },
                "annotations": { "example.com/login": "required" } },
        })),
        class(json!({ "expose": { "domain": "staging.test", "ingressClassName": "nginx",
            "tlsSecretRef": { "name": "wildcard" }, "scheme": "https" } })),
        class(json!({ "boundary": {
            "allowWarn": true,
            "dns": [{ "to": [{ "ipBlock": { "cidr": "169.254.20.10/32" } }], "ports": [{ "protocol": "UDP", "port": 53 }] }],
            "publicEgress": { "ports": [{ "port": 443 }], "except": ["203.0.113.0/24"] },
            "allow": [{ "to": [{ "namespaceSelector": {} }] }],
        } })),
        environment(json!({ "seed": [task(json!({ "run": { "image": "x" },
            "egress": [{ "to": [{ "namespaceSelector": {} }] }] }))] })),
        environment(json!({ "scale": { "profile": "Full" } })),
        class(json!({ "quota": { "hard": { "requests.cpu": 4, "pods": "20" } },
            "limitRange": { "limits": [{ "type": "Container", "max": { "memory": "4Gi" } }] },
            "storage": { "className": "ssd", "maxSize": "20Gi" } })),
        class(
            json!({ "placement": { "nodeSelector": { "pool": "spot" }, "priorityClassName": "staging",
            "tolerations": [{ "key": "spot", "operator": "Exists", "effect": "NoSchedule" }],
            "extendedResources": ["nvidia.com/gpu"] } }),
        ),
    ];
    fine.extend(registry::accepted());
    fine
}

/// What rules in CEL refuse.
pub fn rules() -> Vec<Refusal> {
    let name = "the name of an environment is a DNS label of at most 40 characters";
    let class_name = "className cannot be changed: delete the environment and create it again";
    let source = "source.namespace cannot be changed: delete the environment and create it again";
    let percent = "percent goes with profile Proportional, and profile Proportional needs it";
    let pattern = "give at least one of group, kind and name";
    let interval = "interval is between 10s and 168h";
    let ttl = "ttl is between 30s and 8760h";
    let one_task = "a task has exactly one of http, run, job, fromJob and fromCronJob";
    let http = "http has either url, or service with an optional port and path";
    let from = "from goes with policy From, and policy From needs it";
    let subject = "a ServiceAccount needs its namespace; users and groups have none";
    let requester = "give either namespace or namespaceSelector";
    let way = "give either ingressClassName or gatewayRef";
    let with = "with or withService goes with action Replace, which needs one of them";
    let host = |it: Value| environment(json!({ "hosts": [it] }));
    let peer = |it: Value| environment(json!({ "egress": [{ "to": [it] }] }));
    let one_value = "a variable has either value or valueFrom";
    let key = |field: &str| json!({ field: { "name": "a", "key": "b" } });
    let variable = |it: Value| environment(json!({ "env": [{ "set": [it] }] }));
    let run = json!({ "image": "x" });
    let smoke = |http: Value| environment(json!({ "smoke": [task(json!({ "http": http }))] }));
    let access = |it: Value| environment(json!({ "access": [{ "subject": it }] }));
    let secret = |it: Value| environment(json!({ "secrets": { "rules": [it] } }));
    let window = |it: Value| environment(json!({ "lifecycle": { "sleep": [it] } }));
    let whole_day = "from and to are not the same; a whole day is from 00:00 to 24:00";
    let new = |what: &str, object: Value, sentence| Refusal {
        what: what.to_owned(),
        object,
        before: None,
        sentence,
    };
    let mut all = vec![
        new("a name of 41 characters", named(&"a".repeat(41), json!({})), name),
        new("an empty window", window(json!({ "from": "20:00", "to": "20:00" })), whole_day),
        new("a name with a dot", named("pr.1", json!({})), name),
        new("nothing to replace with", host(json!({ "host": "a", "action": "Replace" })), with),
        new(
            "a block that replaces",
            host(json!({ "host": "a", "action": "Block", "with": "b" })),
            with,
        ),
        new(
            "two that take a place",
            host(
                json!({ "host": "a", "action": "Replace", "with": "b", "withService": { "name": "c" } }),
            ),
            "give with or withService, not both",
        ),
        new(
            "a peer of nobody",
            peer(json!({})),
            "a peer has either ipBlock, or namespaceSelector with an optional podSelector",
        ),
        new(
            "Pods of addresses",
            peer(json!({ "ipBlock": { "cidr": "1.2.3.4/32" }, "podSelector": {} })),
            "podSelector goes with namespaceSelector",
        ),
        new(
            "a range of ports that ends before it begins",
            environment(
                json!({ "egress": [{ "to": [{ "namespaceSelector": {} }], "ports": [{ "port": 2, "endPort": 1 }] }] }),
            ),
            "endPort is not below port",
        ),
        new("an empty include", environment(json!({ "source": { "include": [{}] } })), pattern),
        new("an empty exclude", environment(json!({ "source": { "exclude": [{}] } })), pattern),
        new("an empty store", environment(json!({ "stores": { "include": [{}] } })), pattern),
        new(
            "an empty exception from stores",
            environment(json!({ "stores": { "exclude": [{}] } })),
            pattern,
        ),
        new(
            "an override of nothing in particular",
            environment(json!({ "scale": { "overrides": [{ "target": {}, "replicas": 1 }] } })),
            pattern,
        ),
        new(
            "an override that sets nothing",
            environment(json!({ "scale": { "overrides": [{ "target": { "name": "x" } }] } })),
            "an override sets replicas, resources or both",
        ),
        new(
            "a part of production without its size",
            environment(json!({ "scale": { "profile": "Proportional" } })),
            percent,
        ),
        new(
            "a size with a profile that has its own",
            environment(json!({ "scale": { "profile": "Full", "percent": 50 } })),
            percent,
        ),
        new(
            "an image replaced by nothing",
            environment(json!({ "images": [{ "name": "nginx" }] })),
            "give at least one of newName, newTag and digest",
        ),
        new(
            "variables of nothing in particular",
            environment(json!({ "env": [{ "target": {}, "unset": ["A"] }] })),
            pattern,
        ),
        new(
            "an entry of env that changes nothing",
            environment(json!({ "env": [{ "container": "web" }] })),
            "an entry of env sets variables, unsets some, or both",
        ),
        new("a variable without a value", variable(json!({ "name": "A" })), one_value),
        new(
            "a variable with two values",
            variable(json!({ "name": "A", "value": "1", "valueFrom": key("secretKeyRef") })),
            one_value,
        ),
        new(
            "a variable from nowhere",
            variable(json!({ "name": "A", "valueFrom": {} })),
            "valueFrom has either secretKeyRef or configMapKeyRef",
        ),
        new(
            "a patch of nothing in particular",
            environment(json!({ "patches": [{ "target": {}, "patch": "a: 1" }] })),
            "give at least one of group, kind, name, labelSelector and annotationSelector",
        ),
        new("From without a name", secret(json!({ "name": "a", "policy": "From" })), from),
        new(
            "Generate with a name",
            secret(json!({ "name": "a", "policy": "Generate", "from": { "name": "b" } })),
            from,
        ),
        new(
            "Omit with a name",
            secret(json!({ "name": "a", "policy": "Omit", "from": { "name": "b" } })),
            from,
        ),
        new(
            "Template without a text",
            secret(json!({ "name": "a", "keys": ["x"], "policy": "Template" })),
            "template goes with policy Template, and policy Template needs it",
        ),
        new(
            "Template without keys",
            secret(json!({ "name": "a", "policy": "Template", "template": "x" })),
            "policy Template needs keys: the names of the keys that get the text",
        ),
        new(
            "a text without Template",
            secret(json!({ "name": "a", "policy": "Copy", "template": "x" })),
            "template goes with policy Template, and policy Template needs it",
        ),
        new(
            "two seeds of one name",
            environment(
                json!({ "seed": [task(json!({ "run": run })), task(json!({ "run": run }))] }),
            ),
            "seeds need different names",
        ),
        new(
            "two smokes of one name",
            environment(
                json!({ "smoke": [task(json!({ "run": run })), task(json!({ "run": run }))] }),
            ),
            "smokes need different names",
        ),
        new(
            "two preDelete tasks of one name",
            environment(
                json!({ "preDelete": [task(json!({ "run": run })), task(json!({ "run": run }))] }),
            ),
            "preDelete tasks need different names",
        ),
        new(
            "a preDelete task that waits for stores",
            environment(json!({ "preDelete": [task(json!({ "run": run, "needs": ["db"] }))] })),
            "a preDelete task waits for nothing: leave out needs",
        ),
        new(
            "a seed that does nothing",
            environment(json!({ "seed": [task(json!({}))] })),
            one_task,
        ),
        new(
            "a seed that does two things",
            environment(json!({ "seed": [task(json!({ "run": run, "job": {} }))] })),
            one_task,
        ),
        new(
            "a seed from two Jobs",
            environment(json!({ "seed": [task(json!({ "fromJob": "a", "fromCronJob": "b" }))] })),
            one_task,
        ),
        new(
            "a smoke that does nothing",
            environment(json!({ "smoke": [task(json!({}))] })),
            one_task,
        ),
        new(
            "a smoke that does two things",
            environment(
                json!({ "smoke": [task(json!({ "run": run, "http": { "url": "http://a/" } }))] }),
            ),
            one_task,
        ),
        new("a request to nowhere", smoke(json!({})), http),
        new("a request to two places", smoke(json!({ "url": "http://a/", "service": "a" })), http),
        new(
            "a port besides a URL",
            smoke(json!({ "url": "http://a/", "port": 80 })),
            "port and path go with service; a url holds its own",
        ),
        new(
            "a path besides a URL",
            smoke(json!({ "url": "http://a/", "path": "/" })),
            "port and path go with service; a url holds its own",
        ),
        new(
            "an account without its namespace",
            access(json!({ "kind": "ServiceAccount", "name": "a" })),
            subject,
        ),
        new(
            "a user with a namespace",
            access(json!({ "kind": "User", "name": "a", "namespace": "b" })),
            subject,
        ),
        new(
            "a group with a namespace",
            access(json!({ "kind": "Group", "name": "a", "namespace": "b" })),
            subject,
        ),
        new(
            "a class that names an account without its namespace",
            class(
                json!({ "access": { "allowedSubjects": [{ "kind": "ServiceAccount", "name": "a" }] } }),
            ),
            subject,
        ),
        new(
            "a class that gives a user's namespace",
            class(
                json!({ "access": { "defaults": [{ "subject": { "kind": "User", "name": "a", "namespace": "b" } }] } }),
            ),
            subject,
        ),
        new(
            "a class that exposes by nothing",
            class(json!({ "expose": { "domain": "staging.test" } })),
            way,
        ),
        new(
            "a class that exposes twice",
            class(json!({ "expose": { "domain": "staging.test", "ingressClassName": "nginx",
                "gatewayRef": { "namespace": "a", "name": "b" } } })),
            way,
        ),
        new(
            "a certificate for a Gateway",
            class(json!({ "expose": { "domain": "staging.test", "scheme": "https",
                "gatewayRef": { "namespace": "a", "name": "b" }, "tlsSecretRef": { "name": "c" } } })),
            "tlsSecretRef needs ingressClassName: on a Gateway, the listener holds the certificate",
        ),
        new(
            "a certificate for http",
            class(json!({ "expose": { "domain": "staging.test", "ingressClassName": "nginx",
                "tlsSecretRef": { "name": "c" } } })),
            "tlsSecretRef needs scheme https",
        ),
        new("consent to nobody", grant(json!([{}])), requester),
        new(
            "consent by name and by labels",
            grant(json!([{ "namespace": "a", "namespaceSelector": {} }])),
            requester,
        ),
    ];
    for short in ["29s", "0s", "8760h1s", "9000h"] {
        let object = environment(json!({ "lifecycle": { "ttl": short } }));
        all.push(new(&format!("a ttl of {short}"), object, ttl));
    }
    for wrong in ["5s", "169h"] {
        let object = environment(json!({ "drift": { "interval": wrong } }));
        all.push(new(&format!("drift looked for every {wrong}"), object, interval));
    }
    let change = |what: &str, before: Value, after: Value, sentence| Refusal {
        what: what.to_owned(),
        object: environment(after),
        before: Some(environment(before)),
        sentence,
    };
    let (none, a, b) = (json!({}), json!({ "className": "a" }), json!({ "className": "b" }));
    all.push(change("another class", a.clone(), b, class_name));
    all.push(change("a class that is taken away", a.clone(), none.clone(), class_name));
    all.push(change("a class that is given later", none.clone(), a, class_name));
    let rendered = json!({ "source": { "manifests": { "configMapRef": [{ "name": "a" }] } } });
    all.push(change(
        "manifests instead of a live namespace",
        none.clone(),
        rendered.clone(),
        "whether the source is a live namespace or manifests cannot be changed",
    ));
    all.push(change(
        "a live namespace instead of manifests",
        rendered,
        none.clone(),
        "whether the source is a live namespace or manifests cannot be changed",
    ));
    all.push(change("another source", none, json!({ "source": { "namespace": "b" } }), source));
    all.extend(marks::refused());
    all.extend(registry::refused());
    all
}
