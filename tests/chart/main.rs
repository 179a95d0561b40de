//! The chart, rendered and checked by the real Helm, and the kustomize base beside it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where it fails, and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::{Value, json};

use support::tools::{Answer, helm, kubectl, root, run, yaml};

/// What a test cannot do without; without it, the test says so and is over.
macro_rules! needs {
    ($what:expr) => {
        match $what {
            Ok(path) => path,
            Err(why) => {
                eprintln!("skipped: chart: {why}");
                return;
            }
        }
    };
}

const CHART: &str = "charts/kulisse";

fn ask(helm: &std::path::Path, arguments: &[&str]) -> Answer {
    run(Command::new(helm).current_dir(root()).env("KUBECONFIG", "/dev/null").args(arguments), None)
}

fn render(helm: &std::path::Path, more: &[&str]) -> Vec<Value> {
    let mut arguments = vec!["template", "kulisse", CHART, "--namespace", "kulisse"];
    arguments.extend(more);
    yaml(&ask(helm, &arguments).ok("helm template"))
}

/// Values that switch on everything there is.
const EVERYTHING: &str = "
namespacePrefixes: [stg, preview]
replicaCount: 2
requestNamespaces: [previews, team-a]
requesterPolicy: { enabled: true }
serviceMonitor: { enabled: true, labels: { release: prometheus } }
networkPolicy: { enabled: true }
image: { digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000000' }
imagePullSecrets: [{ name: registry }]
serviceAccount: { annotations: { a: b } }
commonLabels: { team: platform }
podLabels: { a: b }
podAnnotations: { a: b }
nodeSelector: { a: b }
tolerations: [{ operator: Exists }]
affinity: { nodeAffinity: {} }
priorityClassName: system-cluster-critical
extraArgs: [--log-format, text]
extraEnv: [{ name: A, value: b }]
extraVolumes: [{ name: authorities, configMap: { name: authorities } }]
extraVolumeMounts: [{ name: authorities, mountPath: /etc/authorities }]
listenAddress: '[::]'
";

fn everything(helm: &std::path::Path) -> Vec<Value> {
    let values = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("everything.yaml");
    std::fs::write(&values, EVERYTHING).expect("a file");
    render(helm, &["--values", &values.display().to_string()])
}

fn of<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    let kind = kind.to_owned();
    objects.iter().filter(move |it| it["kind"] == kind)
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    let helm = needs!(helm());
    let answer = ask(&helm, &["lint", "--strict", CHART]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
}

#[test]
fn the_defaults_render_one_operator_with_its_own_account() {
    let objects = render(&needs!(helm()), &[]);
    let deployments: Vec<_> = of(&objects, "Deployment").collect();
    assert_eq!(deployments.len(), 1);
    let spec = &deployments[0]["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["strategy"]["type"], "Recreate");
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0];
    let image = format!("ghcr.io/kulisse-dev/kulisse:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(container["image"], image);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(of(&objects, "CustomResourceDefinition").count(), 4);
    for crd in of(&objects, "CustomResourceDefinition") {
        assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    }
    let policies = of(&objects, "ValidatingAdmissionPolicy");
    for policy in policies {
        assert_eq!(policy["spec"]["failurePolicy"], "Fail", "{}", policy["metadata"]["name"]);
    }
    // Targets outlive an operator that is uninstalled: nobody is to open their fence meanwhile.
    for kind in ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"] {
        let kept = of(&objects, kind)
            .filter(|it| it["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep");
        let kept: Vec<_> = kept.map(|it| it["metadata"]["name"].clone()).collect();
        assert_eq!(kept, ["kulisse-fence-networkpolicies", "kulisse-fence-contents"], "{kind}");
    }
    assert_eq!(of(&objects, "ValidatingAdmissionPolicy").count(), 4);
    assert_eq!(of(&objects, "ValidatingAdmissionPolicyBinding").count(), 4);
}

#[test]
fn everything_that_can_be_switched_on_renders() {
    let objects = everything(&needs!(helm()));
    for kind in ["ServiceMonitor", "NetworkPolicy"] {
        assert_eq!(of(&objects, kind).count(), 1, "{kind}");
    }
    assert_eq!(of(&objects, "ValidatingAdmissionPolicy").count(), 5);
    let readers: Vec<_> = of(&objects, "RoleBinding")
        .filter(|it| it["roleRef"]["name"] == "kulisse-request-reader")
        .map(|it| it["metadata"]["namespace"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(readers, ["previews", "team-a"]);
    for object in &objects {
        assert_eq!(
            object["metadata"]["labels"]["team"], "platform",
            "{}",
            object["metadata"]["name"]
        );
    }
    let fence = of(&objects, "ValidatingAdmissionPolicy").map(Value::to_string).collect::<String>();
    assert!(fence.contains("preview-") && fence.contains("stg-"), "both prefixes are fenced");
    let deployment = of(&objects, "Deployment").next().expect("the operator").to_string();
    assert!(deployment.contains(r#""value":"stg,preview""#), "and known to the operator");
    assert!(deployment.contains(r#""--listen","[::]:8080""#), "{deployment}");
    for part in [r#""configMap":{"name":"authorities"}"#, r#""mountPath":"/etc/authorities""#] {
        assert!(deployment.contains(part), "{part}: {deployment}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    let helm = needs!(helm());
    for wrong in [
        "namespacePrefixes=stg",
        "namespacePrefixes={}",
        "namespacePrefixes={kube}",
        "namespacePrefixes={Upper}",
        "crds.enabled=maybe",
        "workloadWatch.enabled=maybe",
        "logLevel=7",
        "logFormat=xml",
        "service.port=0",
        "unknown=1",
        "image.digest=latest",
        "listenAddress=localhost",
        "listenAddress=::",
    ] {
        let answer = ask(&helm, &["template", "kulisse", CHART, "--set", wrong]);
        assert_ne!(answer.code, 0, "{wrong} is accepted");
    }
}

#[test]
fn without_the_watch_of_workloads_the_operator_has_no_right_to_them_and_knows_it() {
    let helm = needs!(helm());
    let with = |more: &[&str]| -> (String, String) {
        let objects = render(&helm, more);
        let mut roles = of(&objects, "ClusterRole");
        let role = roles.find(|it| it["metadata"]["name"] == "kulisse-operator");
        let operator = of(&objects, "Deployment").next().expect("the operator");
        (role.expect("its role")["rules"].to_string(), operator.to_string())
    };
    let kinds = ["deployments", "statefulsets", "daemonsets", "jobs"];
    let told = r#"{"name":"KULISSE_WORKLOAD_WATCH","value":"false"}"#;
    let (rights, operator) = with(&[]);
    assert!(kinds.iter().all(|it| rights.contains(it)) && !operator.contains(told));
    let (rights, operator) = with(&["--set", "workloadWatch.enabled=false"]);
    assert!(!kinds.iter().any(|it| rights.contains(it)), "{rights}");
    assert!(operator.contains(told), "{operator}");
}

#[test]
fn two_operators_elect_one_and_one_asks_nobody() {
    let helm = needs!(helm());
    let one = Value::Array(render(&helm, &[])).to_string();
    for word in ["leases", "FlowSchema", "KULISSE_LEADER_ELECT", "PodDisruptionBudget"] {
        assert!(!one.contains(word), "{word}");
    }
    assert!(one.contains(r#""strategy":{"type":"Recreate"}"#));
    let two = render(&helm, &["--set", "replicaCount=2"]);
    let operator = of(&two, "Deployment").next().expect("the operator");
    assert_eq!(operator["spec"]["replicas"], 2);
    assert_eq!(operator["spec"]["strategy"]["type"], "RollingUpdate");
    assert!(operator.to_string().contains(r#"{"name":"KULISSE_LEADER_ELECT","value":"true"}"#));
    let lease = kulisse_core::api::names::LEASE;
    let named =
        format!(r#""resourceNames":["{lease}"],"resources":["leases"],"verbs":["get","update"]"#);
    assert!(of(&two, "Role").any(|it| it.to_string().contains(&named)));
    assert_eq!(of(&two, "FlowSchema").count() + of(&two, "PodDisruptionBudget").count(), 2);
}

#[test]
fn every_request_namespace_is_of_one_operator() {
    let helm = needs!(helm());
    let shards =
        r#"shards=[{"name":"pay","namespaces":["a","b"]},{"name":"web","namespaces":["c"]}]"#;
    let objects = render(&helm, &["--set-json", shards, "--set", "replicaCount=2"]);
    let told: Vec<(String, String)> = of(&objects, "Deployment")
        .map(|it| {
            let env = &it["spec"]["template"]["spec"]["containers"][0]["env"];
            let of = |name: &str| {
                let found = env.as_array().into_iter().flatten().find(|it| it["name"] == name);
                found
                    .map_or(String::new(), |it| it["value"].as_str().unwrap_or_default().to_owned())
            };
            let watched = of("KULISSE_WATCH_NAMESPACES") + "/" + &of("KULISSE_LEAVE_NAMESPACES");
            (of("KULISSE_LEASE"), watched)
        })
        .collect();
    let expected = [("kulisse", "/a,b,c"), ("kulisse-pay", "a,b/"), ("kulisse-web", "c/")];
    assert_eq!(told, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let selectors: BTreeSet<String> =
        of(&objects, "Deployment").map(|it| it["spec"]["selector"].to_string()).collect();
    assert_eq!(selectors.len(), 3, "none takes another's Pods for its own");
    let named = r#""resourceNames":["kulisse","kulisse-pay","kulisse-web"]"#;
    assert!(of(&objects, "Role").any(|it| it.to_string().contains(named)));

    let twice = r#"shards=[{"name":"pay","namespaces":["a"]},{"name":"web","namespaces":["a"]}]"#;
    let answer = ask(&helm, &["template", "kulisse", CHART, "--set-json", twice]);
    assert_ne!(answer.code, 0);
    assert!(answer.err.contains("namespace a is in more than one"), "{}", answer.err);
}

#[test]
fn values_and_their_schema_name_the_same() {
    let values =
        yaml(&std::fs::read_to_string(root().join(CHART).join("values.yaml")).expect("values"));
    let schema =
        std::fs::read_to_string(root().join(CHART).join("values.schema.json")).expect("a schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let named = |it: &Value| -> Vec<String> {
        it.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let mut expected = named(&schema["properties"]);
    expected.retain(|it| it != "global");
    let mut there = named(&values[0]);
    expected.sort();
    there.sort();
    assert_eq!(there, expected);
}

/// What only Helm reads: its own labels, and the annotation by which it keeps definitions.
fn without_helm(mut object: Value) -> Value {
    if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
        labels.remove("helm.sh/chart");
        if labels.get("app.kubernetes.io/managed-by") == Some(&json!("Helm")) {
            labels.remove("app.kubernetes.io/managed-by");
        }
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("helm.sh/resource-policy");
        }
        metadata.retain(|_, value| *value != json!({}));
    }
    object
}

fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let key = |it: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!(
            "{} {}/{}",
            text(&it["kind"]),
            text(&it["metadata"]["namespace"]),
            text(&it["metadata"]["name"])
        )
    };
    objects.into_iter().map(without_helm).map(|it| (key(&it), it)).collect()
}

#[test]
fn the_kustomize_base_is_the_chart_object_by_object() {
    let (helm, kubectl) = (needs!(helm()), needs!(kubectl()));
    let built = run(Command::new(kubectl).current_dir(root()).args(["kustomize", "deploy"]), None);
    let mut base = by_name(yaml(&built.ok("kubectl kustomize deploy")));
    assert!(
        base.remove("Namespace /kulisse").is_some(),
        "the base makes its namespace; Helm is told to"
    );
    let chart = by_name(render(&helm, &[]));
    assert_eq!(
        base.keys().collect::<Vec<_>>(),
        chart.keys().collect::<Vec<_>>(),
        "«make generate»"
    );
    for (key, object) in &chart {
        assert!(
            base[key] == *object,
            "{key} differs: «make generate»\nbase:  {}\nchart: {object}",
            base[key]
        );
    }
}

#[test]
fn no_role_holds_a_wildcard_or_escalate_or_secrets_everywhere() {
    let objects = everything(&needs!(helm()));
    let list = |it: &Value| -> Vec<String> {
        it.as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect()
    };
    // Roles that are bound in single namespaces only, by those whom these belong to or by us in
    // targets.
    let bound_once = [
        "kulisse-source-secrets",
        "kulisse-request-reader",
        "kulisse-environment-viewer",
        "kulisse-environment-editor",
    ];
    let mut seen = 0;
    for role in of(&objects, "ClusterRole").chain(of(&objects, "Role")) {
        let name = role["metadata"]["name"].as_str().unwrap_or_default();
        for rule in role["rules"].as_array().into_iter().flatten() {
            seen += 1;
            let (groups, resources, verbs) =
                (list(&rule["apiGroups"]), list(&rule["resources"]), list(&rule["verbs"]));
            for words in [&groups, &resources, &verbs] {
                assert!(!words.iter().any(|it| it.contains('*')), "{name}: {rule}");
            }
            assert!(
                !verbs.iter().any(|it| it == "escalate" || it == "impersonate"),
                "{name}: {rule}"
            );
            let named = !rule["resourceNames"].is_null();
            assert!(named || !verbs.iter().any(|it| it == "bind"), "{name}: {rule}");
            let everywhere = role["kind"] == "ClusterRole" && !bound_once.contains(&name);
            let private = resources.iter().any(|it| it == "secrets" || it == "configmaps");
            assert!(!(everywhere && private), "{name}: {rule}");
        }
    }
    assert!(seen > 15, "only {seen} rules were looked at");
    let bindings: Vec<_> = of(&objects, "ClusterRoleBinding").collect();
    assert_eq!(bindings.len(), 1, "only the operator's own role holds everywhere");
    assert_eq!(bindings[0]["roleRef"]["name"], "kulisse-operator");
}

#[test]
fn people_get_neither_secrets_nor_tokens_nor_a_way_to_open_the_fence() {
    let objects = render(&needs!(helm()), &[]);
    for role in of(&objects, "ClusterRole") {
        let name = role["metadata"]["name"].as_str().unwrap_or_default();
        if !name.starts_with("kulisse-environment-") {
            continue;
        }
        for rule in role["rules"].as_array().into_iter().flatten() {
            let text = rule["resources"].to_string();
            for never in
                ["secrets", "serviceaccounts/token", "ephemeralcontainers", "roles", "rolebindings"]
            {
                assert!(!text.contains(&format!("\"{never}\"")), "{name}: {rule}");
            }
            let writes = ["create", "update", "patch", "delete"];
            let verbs = rule["verbs"].to_string();
            let into_pods =
                ["pods/exec", "pods/attach", "pods/portforward"].iter().any(|it| text.contains(it));
            let restarts = text == "[\"pods\"]" && verbs == "[\"delete\"]";
            assert!(
                into_pods || restarts || !writes.iter().any(|it| verbs.contains(it)),
                "{name}: {rule}"
            );
        }
    }
}
