//! What a patch, an overlay and a variable may not do, and what is said about it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![expect(clippy::needless_pass_by_value, reason = "json! makes values that nobody else needs")]

mod common;

use common::{capture, request, yaml_documents};
use kulisse_core::plan::{Plan, PlanError, manifests::Manifests, object::Object, plan};
use serde_json::{Value, json};

const SOURCE: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "acme/web:1" }] }
---
{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { selector: { app: web }, ports: [{ port: 80 }] } }
---
{ apiVersion: v1, kind: Secret, metadata: { name: db }, data: { password: cHJvZHVjdGlvbi1wYXNz } }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web }
spec: { podSelector: {}, policyTypes: [Egress], egress: [{ to: [{ podSelector: {} }] }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web }
spec: { rules: [{ host: shop.example.com, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }
---
{ apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: { name: web } }
"#;

fn planned(spec: Value, overlay: Vec<Manifests>) -> Result<Plan, PlanError> {
    let mut whole = json!({"source": {"namespace": "shop"}});
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let expose = json!({"domain": "preview.example.com", "ingressClassName": "nginx"});
    let environment = json!({"metadata": {"name": "pr-1"}, "spec": whole});
    let mut request = request(&environment, &json!({"spec": {"expose": expose}}));
    request.overlay = overlay;
    plan(&request, &capture("shop", common::objects(&yaml_documents(SOURCE))))
}

fn patched(target: Value, patch: &str) -> Result<Plan, PlanError> {
    planned(json!({"patches": [{"target": target, "patch": patch}]}), Vec::new())
}

fn object<'a>(plan: &'a Plan, kind: &str, name: &str) -> &'a Object {
    let found = plan.clones.iter().find(|it| it.object.kind() == kind && it.object.name() == name);
    &found.unwrap().object
}

#[test]
fn a_patch_that_may_not_be_is_named_with_its_reason() {
    let web = json!({"kind": "Deployment", "name": "web"});
    let is = |kind: &str| json!({"kind": kind});
    for (target, patch, says) in [
        // It matches nothing, or cannot be applied.
        (json!({"name": "wep"}), "spec: {}", "matches nothing"),
        (
            is("HorizontalPodAutoscaler"),
            "spec: {}",
            "HorizontalPodAutoscaler.autoscaling/web stays behind",
        ),
        (json!({"name": "kulisse-*"}), "spec: {}", "the fence cannot be patched"),
        (
            web.clone(),
            "[{op: test, path: /spec/replicas, value: 7}]",
            "operation 0, at /spec/replicas",
        ),
        (web.clone(), "[{op: remove, path: /spec/nothing}]", "operation 0, at /spec/nothing"),
        (web.clone(), "[{op: frobnicate, path: /spec}]", "RFC 6902"),
        (web.clone(), "spec: [", "not YAML"),
        (web.clone(), "just text", "neither a list"),
        (web.clone(), "a: 1\n---\nb: 2", "more than one document"),
        (web.clone(), "spec: {template: {spec: {containers: [{image: x}]}}}", "has no name"),
        // It is no longer the same object, or no longer ours.
        (web.clone(), "[{op: replace, path: /metadata/name, value: api}]", "name or namespace"),
        (web.clone(), "[{op: replace, path: /kind, value: StatefulSet}]", "does not change group"),
        (web.clone(), "[{op: replace, path: /metadata/namespace, value: shop}]", "namespace"),
        (web.clone(), "[{op: remove, path: /metadata/name}]", "metadata.name"),
        (
            web.clone(),
            "metadata: {labels: {kulisse.dev/environment: other}}",
            "does not touch labels",
        ),
        (
            web.clone(),
            "metadata: {labels: {app.kubernetes.io/managed-by: me}}",
            "does not touch labels",
        ),
        (
            web.clone(),
            "metadata: {labels: {velero.io/exclude-from-backup: 'false'}}",
            "does not touch labels",
        ),
        (
            web.clone(),
            "spec: {template: {metadata: {labels: {kulisse.dev/task: x}}}}",
            "does not touch labels",
        ),
        // It opens what was closed.
        (web.clone(), "spec: {template: {spec: {hostNetwork: true}}}", "Deployment.apps/web"),
        (
            web.clone(),
            "spec: {template: {spec: {containers: [{name: web, securityContext: {privileged: true}}]}}}",
            "Deployment.apps/web",
        ),
        (
            web.clone(),
            "spec: {template: {spec: {nodeName: production-1}}}",
            "/spec/template/spec/nodeName",
        ),
        (web.clone(), "metadata: {finalizers: [example.com/wait]}", "/metadata/finalizers"),
        (is("Service"), "spec: {type: LoadBalancer}", "/spec/type"),
        (is("Service"), "spec: {externalIPs: [192.0.2.1]}", "/spec/externalIPs"),
        (
            is("NetworkPolicy"),
            "spec: {egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}",
            "/spec/egress",
        ),
        (is("NetworkPolicy"), "spec: {egress: [{}]}", "/spec/egress"),
        (
            is("Ingress"),
            "[{op: replace, path: /spec/rules/0/host, value: shop.example.com}]",
            "hosts are the class's",
        ),
        (is("Ingress"), "[{op: remove, path: /spec/rules/0/host}]", "hosts are the class's"),
        (
            is("Ingress"),
            "metadata: {annotations: {nginx.ingress.kubernetes.io/server-alias: shop.example.com}}",
            "hosts are the class's",
        ),
        (is("Secret"), "stringData: {password: known-to-all}", "values in a spec are no secret"),
        (is("Secret"), "[{op: add, path: /data, value: {p: eA==}}]", "policy From"),
    ] {
        match patched(target, patch) {
            Err(PlanError::PatchFailed { field, why }) => {
                assert_eq!(field, "spec.patches[0]");
                assert!(why.contains(says), "{patch}: «{why}» does not say «{says}»");
            }
            other => panic!("{patch}: {:?}", other.map(|it| it.digest)),
        }
    }
}

#[test]
fn a_patch_does_not_bring_production_s_identity_back_in_place_of_the_class_s() {
    let mut case = common::Case::read(&common::golden_folder().join("the-class-gives-identities"));
    let capture = case.capture();
    for (kind, name, patch) in [
        (
            "ServiceAccount",
            "orders",
            r#"metadata: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/orders"}}"#,
        ),
        (
            "Deployment",
            "web",
            "spec: {template: {metadata: {annotations: {vault.hashicorp.com/role: production}}}}",
        ),
        (
            "Deployment",
            "web",
            r#"spec: {template: {metadata: {labels: {azure.workload.identity/use: "other"}}}}"#,
        ),
    ] {
        let patches = json!([{"target": {"kind": kind, "name": name}, "patch": patch}]);
        case.request.spec.patches = serde_json::from_value(patches).unwrap();
        let wrong = plan(&case.request, &capture).map(|it| it.digest).unwrap_err().to_string();
        assert!(wrong.contains("spec.patches[0]") && wrong.contains(name), "{wrong}");
    }
    // Without any, it may be: what is left out asks for nothing.
    let nothing = json!([{"target": {"kind": "ServiceAccount", "name": "orders"},
        "patch": "metadata: {annotations: {eks.amazonaws.com/role-arn: null}}"}]);
    case.request.spec.patches = serde_json::from_value(nothing).unwrap();
    plan(&case.request, &capture).unwrap();
}

/// The ingress controller stands outside the fence: it would carry what comes in to wherever a
/// Service leads.
#[test]
fn a_patch_leads_no_route_out_of_the_target() {
    let elsewhere = "spec: { type: ExternalName, externalName: db.other-team.svc.cluster.local, selector: null }";
    let service = json!({"kind": "Service", "name": "web"});
    let error = patched(service.clone(), elsewhere).unwrap_err().to_string();
    assert!(error.starts_with("spec.patches: Ingress.networking.k8s.io/web"), "{error}");
    assert!(error.contains("Service/web") && error.contains("outside"), "{error}");
    // Nor by leading the route to one that was another name before.
    let added = json!([{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "legacy"},
        "spec": {"type": "ExternalName", "externalName": "db.other-team.svc.cluster.local"}}]);
    let to_it =
        r"[{op: replace, path: /spec/rules/0/http/paths/0/backend/service/name, value: legacy}]";
    let spec = |patches: Value| json!({"overlay": {"inline": added.clone()}, "patches": patches});
    let patches = json!([{"target": {"kind": "Ingress"}, "patch": to_it}]);
    let error = planned(spec(patches), Vec::new()).unwrap_err().to_string();
    assert!(error.contains("Service/legacy"), "{error}");
    // Where no route leads, another name is no way past the fence.
    planned(spec(json!([])), Vec::new()).unwrap();
    let alone = json!({"source": {"namespace": "shop", "exclude": [{"kind": "Ingress"}]},
        "patches": [{"target": service, "patch": elsewhere}]});
    planned(alone, Vec::new()).unwrap();
}

#[test]
fn operations_that_double_an_object_end_in_time() {
    let long = "x".repeat(20_000);
    let copy = |at: usize| {
        let path = format!("/metadata/annotations/x{at}");
        format!("- {{op: copy, from: /metadata/annotations, path: {path}}}\n")
    };
    let double: String = (0..64).map(copy).collect();
    let patch =
        format!("- {{op: add, path: /metadata/annotations, value: {{a: {long}}}}}\n{double}");
    let wrong = patched(json!({"kind": "Deployment"}), &patch).unwrap_err().to_string();
    assert!(wrong.contains("larger than"), "{wrong}");
}

#[test]
fn a_reference_that_a_patch_brings_back_is_found_by_the_audit() {
    let patch = "metadata: {annotations: {example.com/upstream: web.shop.svc}}";
    let plan = patched(json!({"kind": "Service"}), patch).unwrap();
    let found = plan.blocking().find(|it| it.kind == "residual-reference").unwrap();
    assert_eq!(found.object, "Service/web");
}

#[test]
fn what_may_be_patched_is_patched_even_where_a_pass_had_its_say() {
    let patch =
        "spec: {replicas: 3, template: {spec: {containers: [{name: web, image: other:1}]}}}";
    let plan = patched(json!({"kind": "Deployment"}), patch).unwrap();
    let web = object(&plan, "Deployment", "web");
    assert_eq!(web.get("/spec/replicas"), Some(&json!(3)));
    assert_eq!(web.text("/spec/template/spec/containers/0/image"), "other:1");
    assert!(plan.changes.iter().any(|it| it.rule == "patch" && it.path == "/spec/replicas"));
}

#[test]
fn an_overlay_that_may_not_be_is_named_with_its_reason() {
    let secret = |field: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, field: {"p": "canary"}});
    let map = |namespace: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "x", "namespace": namespace}})
    };
    for (inline, says) in [
        (json!([secret("data")]), "Secret/x has data"),
        (json!([secret("stringData")]), "policy From"),
        (json!([map("other")]), "is for namespace other: write shop"),
        (json!([map("shop"), map("shop")]), "twice"),
        (json!([{"kind": "ConfigMap"}]), "spec.overlay.inline[0]: not a Kubernetes object"),
    ] {
        let wrong = planned(json!({"overlay": {"inline": inline}}), Vec::new()).unwrap_err();
        assert!(matches!(wrong, PlanError::InvalidManifest { .. }), "{wrong}");
        let said = wrong.to_string();
        assert!(said.contains(says) && !said.contains("canary"), "{said}");
    }
}

#[test]
fn what_a_config_map_holds_is_laid_over_as_well() {
    let given = |text: &str| {
        vec![Manifests { from: "ConfigMap/mocks, key a.yaml".to_owned(), text: text.to_owned() }]
    };
    let text = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: mock}\ndata: {url: http://web.shop.svc}\n";
    let plan = planned(json!({}), given(text)).unwrap();
    let mock = object(&plan, "ConfigMap", "mock");
    assert_eq!(mock.text("/data/url"), format!("http://web.{}.svc", plan.target));
    let wrong = planned(json!({}), given("kind: [")).unwrap_err().to_string();
    assert!(wrong.starts_with("ConfigMap/mocks, key a.yaml: "), "{wrong}");
}

#[test]
fn an_overlay_counts_among_the_objects_that_a_class_allows() {
    let many: Vec<Value> = (0..60)
        .map(|at| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{at}")}}))
        .collect();
    let spec = json!({"source": {"namespace": "shop"}, "overlay": {"inline": many}});
    let class = json!({"spec": {"limits": {"maxObjects": 50}}});
    let request = request(&json!({"metadata": {"name": "pr-1"}, "spec": spec}), &class);
    let refused = plan(&request, &capture("shop", Vec::new()));
    assert!(matches!(refused, Err(PlanError::TooLarge { allowed: 50, .. })));
}

#[test]
fn what_is_no_glob_is_named_by_its_field() {
    for (spec, field) in [
        (json!({"env": [{"container": "a[", "unset": ["X"]}]}), "spec.env[0].container"),
        (json!({"env": [{"target": {"name": "a["}, "unset": ["X"]}]}), "spec.env[0].target.name"),
        (
            json!({"patches": [{"target": {"kind": "a["}, "patch": "a: 1"}]}),
            "spec.patches[0].target.kind",
        ),
    ] {
        match planned(spec, Vec::new()) {
            Err(PlanError::InvalidSpec { field: got, .. }) => assert_eq!(got, field),
            other => panic!("{field}: {:?}", other.map(|it| it.digest)),
        }
    }
}
