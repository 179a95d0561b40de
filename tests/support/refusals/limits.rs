//! What limits refuse: lengths, counts, numbers and patterns.

use serde_json::{Value, json};

use super::{Refusal, class, environment, grant, registry::artifact, task};

/// What limits refuse: the path of the field stands in the refusal.
pub fn limits() -> Vec<Refusal> {
    let long = |count: usize| "x".repeat(count);
    let many = |count: usize, item: Value| Value::Array(vec![item; count]);
    let image = json!({ "name": "x", "newTag": "1" });
    let table = [
        (json!({ "source": { "namespace": "" } }), "namespace"),
        (json!({ "source": { "namespace": "Shop" } }), "namespace"),
        (json!({ "source": { "namespace": "shop/secrets" } }), "namespace"),
        (json!({ "source": { "namespace": long(64) } }), "namespace"),
        (json!({ "source": { "images": "Latest" } }), "images"),
        (json!({ "source": { "include": many(65, json!({ "kind": "Pod" })) } }), "include"),
        (json!({ "source": { "manifests": { "configMapRef": [] } } }), "configMapRef"),
        (json!({ "source": { "manifests": {} } }), "configMapRef"),
        (artifact("https://ghcr.io/acme/shop:1"), "url"),
        (artifact("oci://user@ghcr.io/acme/shop:1"), "url"),
        (artifact("oci://ghcr.io/acme/../shop:1"), "url"),
        (artifact("oci://ghcr.io/acme/shop:1?a=b"), "url"),
        (artifact(&format!("oci://ghcr.io/{}:1", long(512))), "url"),
        (json!({ "className": long(254) }), "className"),
        (json!({ "mode": "Ask" }), "mode"),
        (json!({ "drift": { "interval": "often" } }), "interval"),
        (json!({ "drift": { "action": "Ignore" } }), "action"),
        (json!({ "lifecycle": { "queueTimeout": "soon" } }), "queueTimeout"),
        (json!({ "lifecycle": { "sleep": [{ "from": "24:00", "to": "07:00" }] } }), "from"),
        (json!({ "lifecycle": { "sleep": [{ "from": "8pm", "to": "07:00" }] } }), "from"),
        (json!({ "lifecycle": { "sleep": [{ "from": "20:00" }] } }), "to"),
        (
            json!({ "lifecycle": { "sleep": [{ "weekdays": ["Sunday"], "from": "20:00", "to": "07:00" }] } }),
            "weekdays",
        ),
        (json!({ "pullRequest": { "number": 0 } }), "number"),
        (json!({ "pullRequest": { "url": long(2049) } }), "url"),
        (json!({ "scale": { "profile": "Large" } }), "profile"),
        (json!({ "scale": { "profile": "Proportional", "percent": 101 } }), "percent"),
        (
            json!({ "scale": { "overrides": [{ "target": { "name": "x" }, "replicas": -1 }] } }),
            "replicas",
        ),
        (
            json!({ "scale": { "overrides": [{ "target": { "name": "x" }, "replicas": 101 }] } }),
            "replicas",
        ),
        (
            json!({ "scale": { "overrides": [{ "target": { "name": "x" }, "resources": { "limits": { "cpu": "lots" } } }] } }),
            "limits",
        ),
        (json!({ "images": many(65, image) }), "images"),
        (json!({ "images": [{ "name": "x", "digest": "sha256:abc" }] }), "digest"),
        (json!({ "images": [{ "newTag": "1" }] }), "name"),
        (json!({ "overlay": { "inline": [{ "kind": "ConfigMap" }] } }), "inline"),
        (json!({ "overlay": { "inline": ["kind: ConfigMap"] } }), "inline"),
        (
            json!({ "overlay": { "configMapRef": many(33, json!({ "name": "a" })) } }),
            "configMapRef",
        ),
        (json!({ "env": many(65, json!({ "unset": ["A"] })) }), "env"),
        (json!({ "env": [{ "unset": [""] }] }), "unset"),
        (json!({ "env": [{ "set": [{ "name": "A", "value": long(32769) }] }] }), "value"),
        (json!({ "patches": many(65, json!({ "patch": "a: 1" })) }), "patches"),
        (json!({ "patches": [{ "patch": "" }] }), "patch"),
        (json!({ "patches": [{ "patch": long(65537) }] }), "patch"),
        (json!({ "seed": [{ "name": "a", "fromJob": "" }] }), "fromJob"),
        (json!({ "secrets": { "default": "Copy" } }), "default"),
        (json!({ "secrets": { "rules": [{ "name": "a", "policy": "Keep" }] } }), "policy"),
        (
            json!({ "secrets": { "rules": [{ "name": "a", "keys": ["x"], "policy": "Template", "template": long(4097) }] } }),
            "template",
        ),
        (json!({ "expose": [{ "service": "web", "port": 65536 }] }), "port"),
        (json!({ "expose": [{ "service": "web", "host": "UPPER" }] }), "host"),
        (json!({ "seed": many(17, task(json!({ "run": { "image": "x" } }))) }), "seed"),
        (json!({ "seed": [{ "name": "No", "run": { "image": "x" } }] }), "name"),
        (json!({ "seed": [{ "name": long(31), "run": { "image": "x" } }] }), "name"),
        (json!({ "seed": [{ "name": "a", "retries": 11, "run": { "image": "x" } }] }), "retries"),
        (json!({ "seed": [{ "name": "a", "when": "Never", "run": { "image": "x" } }] }), "when"),
        (json!({ "smoke": [{ "name": "a", "http": { "url": "ftp://a/long" } }] }), "url"),
        (json!({ "smoke": [{ "name": "a", "http": { "service": "a", "path": "x" } }] }), "path"),
        (
            json!({ "smoke": [{ "name": "a", "http": { "service": "a", "expect": { "status": 99 } } }] }),
            "status",
        ),
        (json!({ "lifecycle": { "ttl": "3d" } }), "ttl"),
        (json!({ "lifecycle": { "warnBefore": "soon" } }), "warnBefore"),
        (json!({ "lifecycle": { "onExpiry": "Keep" } }), "onExpiry"),
        (json!({ "access": [{ "subject": { "kind": "Robot", "name": "a" } }] }), "kind"),
        (
            json!({ "access": [{ "subject": { "kind": "User", "name": "a" }, "role": "Admin" }] }),
            "role",
        ),
        (json!({ "suspend": "yes" }), "suspend"),
        (json!({ "hosts": [{ "host": "", "action": "Block" }] }), "host"),
        (json!({ "hosts": [{ "host": "a", "action": "Ignore" }] }), "action"),
        (json!({ "egress": [{ "to": [] }] }), "to"),
        (json!({ "boundary": { "mode": "Ignore" } }), "mode"),
    ];
    let mut all: Vec<Refusal> = table
        .into_iter()
        .map(|(spec, sentence)| Refusal {
            what: spec.to_string().chars().take(100).collect(),
            object: environment(spec),
            before: None,
            sentence,
        })
        .collect();
    let classes = [
        (json!({ "namespacePrefix": "much-too-long-prefix" }), "namespacePrefix"),
        (json!({ "namespacePrefix": "9" }), "namespacePrefix"),
        (json!({ "expose": { "domain": "a" } }), "ingressClassName"),
        (json!({ "expose": { "domain": "A_b", "ingressClassName": "dev" } }), "domain"),
        (
            json!({ "expose": { "domain": "a", "ingressClassName": "dev", "hostTemplate": "{secret}" } }),
            "hostTemplate",
        ),
        (json!({ "limits": { "maxObjects": 0 } }), "maxObjects"),
        (json!({ "limits": { "maxTTL": "1y" } }), "maxTTL"),
        (json!({ "podSecurity": "None" }), "podSecurity"),
        (json!({ "registries": [{ "repository": "ghcr.io" }] }), "repository"),
        (json!({ "registries": [{ "repository": "a/b", "hosts": ["https://c"] }] }), "hosts"),
        (json!({ "registries": [{ "repository": "a/b", "scheme": "ftp" }] }), "scheme"),
        (json!({ "registries": [{ "repository": "a/b", "addresses": "Any" }] }), "addresses"),
        (json!({ "boundary": { "probe": "Sometimes" } }), "probe"),
        (json!({ "boundary": { "publicEgress": {} } }), "ports"),
        (json!({ "boundary": { "allow": [{ "to": [] }] } }), "to"),
        (
            json!({ "boundary": { "dns": [{ "to": [{ "namespaceSelector": {} }], "ports": [{ "port": 0 }] }] } }),
            "port",
        ),
    ];
    all.extend(classes.into_iter().map(|(spec, sentence)| Refusal {
        what: format!("class {spec}"),
        object: class(spec),
        before: None,
        sentence,
    }));
    all.push(Refusal {
        what: "consent without anybody".into(),
        object: grant(json!([])),
        before: None,
        sentence: "from",
    });
    all
}
