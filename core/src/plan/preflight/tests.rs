#![expect(clippy::needless_pass_by_value, reason = "json! makes values that nobody else needs")]

use serde_json::json;

use super::*;
use crate::{
    api::{staging_plan::Finding, task::When},
    plan::{
        capture::Capture,
        fixture::{self, deployment, object},
        request::Request,
        task::TaskRole,
    },
    secrets::{EVERY_KEY, PlannedValue, SealedSecret, SealedValue},
};

struct Case {
    request: Request,
    capture: Capture,
    clones: Vec<Object>,
    secrets: BTreeMap<String, PlannedSecret>,
    tasks: Vec<PlannedTask>,
    log: Log,
}

fn case(clones: Vec<Object>) -> Case {
    Case {
        request: fixture::request(json!({}), json!({})),
        capture: fixture::capture(),
        clones,
        secrets: BTreeMap::new(),
        tasks: Vec::new(),
        log: Log::default(),
    }
}

impl Case {
    fn found(&self) -> Vec<Finding> {
        let context = Context::new(&self.request, &self.capture).unwrap();
        let mut log = self.log.clone();
        preflight(&self.clones, &self.secrets, &self.tasks, &context, &mut log);
        log.findings.split_off(self.log.findings.len())
    }

    /// What is found, without where.
    fn kinds(&self) -> Vec<String> {
        self.found().into_iter().map(|it| it.kind).collect()
    }

    /// The only thing that is found.
    fn one(&self) -> Finding {
        let mut found = self.found();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

/// A Deployment `web` with these containers.
fn web(containers: Value) -> Object {
    deployment("web", json!({"app": "web"}), json!({ "containers": containers }))
}

fn config(name: &str, rest: Value) -> Object {
    object("v1", "ConfigMap", name, rest)
}

fn ingress(name: &str, paths: Value) -> Object {
    let rules = json!([{"host": "web.staging.test", "http": {"paths": paths}}]);
    object("networking.k8s.io/v1", "Ingress", name, json!({"spec": {"rules": rules}}))
}

fn backend(path: &str, service: &str, port: Value) -> Value {
    json!({"path": path, "backend": {"service": {"name": service, "port": port}}})
}

fn service(spec: Value) -> Object {
    object("v1", "Service", "web", json!({ "spec": spec }))
}

/// A task that runs this Pod.
fn task(name: &str, job_name: Option<&str>, role: TaskRole, pod: Value) -> PlannedTask {
    let job = json!({"spec": {"template": {"spec": pod}}});
    PlannedTask {
        name: name.to_owned(),
        role,
        job_name: job_name.map(str::to_owned),
        needs: Vec::new(),
        timeout_seconds: 60,
        retries: 0,
        content: String::new(),
        work: Work::Job(object("batch/v1", "Job", name, job)),
    }
}

#[test]
fn a_probe_names_a_port_of_its_own_container() {
    let ports = json!([{"name": "http", "containerPort": 8080}]);
    for (port, missing) in [
        (json!("http"), false),
        (json!(9999), false),
        (json!("9999"), false),
        (json!(""), false),
        (json!("admin"), true),
        (json!("other"), true),
    ] {
        for probe in [
            json!({"livenessProbe": {"httpGet": {"port": port}}}),
            json!({"lifecycle": {"preStop": {"tcpSocket": {"port": port}}}}),
        ] {
            let mut container = json!({"name": "web", "ports": ports});
            container.as_object_mut().unwrap().extend(probe.as_object().unwrap().clone());
            let other = json!({"name": "b", "ports": [{"name": "other", "containerPort": 1}]});
            let expected: &[&str] = if missing { &["missing-port"] } else { &[] };
            assert_eq!(case(vec![web(json!([container, other]))]).kinds(), expected, "{probe}");
        }
    }
}

#[test]
fn what_names_a_port_that_is_not_there_is_told_which_there_are() {
    let probe = json!({"httpGet": {"port": "admin"}});
    let pod = |ports: &[u16]| {
        let ports: Vec<Value> = ports.iter().map(|it| json!({ "containerPort": it })).collect();
        json!([{"name": "web", "ports": ports, "livenessProbe": probe}])
    };
    for (ports, of_clone, of_task) in [
        (
            &[][..],
            "value: <the number of the port>",
            "write the number of a port there, in the Job",
        ),
        (&[80], "value: 80\n", "write one of 80 there, in the Job"),
        (&[80, 81], "value: <one of 80, 81>", "write one of 80, 81 there, in the Job"),
    ] {
        let found = case(vec![web(pod(ports))]).one();
        assert_eq!(found.path, "/spec/template/spec/containers/0/livenessProbe/httpGet/port");
        assert!(found.settle.contains(of_clone), "{}", found.settle);
        let mut of_tasks = case(Vec::new());
        let pod = json!({"containers": pod(ports)});
        of_tasks.tasks = vec![task("load", None, TaskRole::Smoke, pod)];
        let found = of_tasks.one();
        assert_eq!(found.object, "StagingEnvironment.kulisse.dev/pr-7");
        assert!(found.path.starts_with("/spec/smoke/load/spec/template/spec/"), "{}", found.path);
        assert_eq!(found.settle, of_task);
    }
}

#[test]
fn a_service_leads_to_a_port_of_some_workload_that_it_selects() {
    let ports = json!([{"name": "http", "containerPort": 8080}]);
    let web = web(json!([{"name": "web", "ports": ports}]));
    let plain = deployment("plain", json!({"app": "web"}), json!({"containers": [{"name": "a"}]}));
    let (app, both) = (json!({"app": "web"}), json!({"app": "web", "tier": "front"}));
    for (selector, port, missing) in [
        (&app, json!("http"), false),
        (&app, json!(81), false),
        (&app, json!("81"), false),
        (&app, json!("admin"), true),
        // Whatever it selects is not here.
        (&both, json!("admin"), false),
    ] {
        let spec = json!({"selector": selector, "ports": [{"port": 80, "targetPort": port}]});
        let clones = vec![web.clone(), plain.clone(), service(spec)];
        let expected: &[&str] = if missing { &["missing-port"] } else { &[] };
        assert_eq!(case(clones).kinds(), expected, "{selector} {port}");
    }
}

#[test]
fn nothing_answers_behind_a_service_that_selects_nothing_unless_it_is_another_name() {
    for (spec, found) in [
        (json!({"ports": [{"port": 80}]}), &["no-addresses"][..]),
        (json!({"selector": {}, "ports": [{"port": 80}]}), &["no-addresses"]),
        (json!({"type": "ExternalName", "externalName": "web.example.com"}), &[]),
        (json!({"selector": {"app": "web"}, "ports": [{"port": 80}]}), &[]),
    ] {
        assert_eq!(case(vec![service(spec.clone())]).kinds(), found, "{spec}");
    }
}

#[test]
fn a_route_names_a_port_of_its_service_by_number_or_name() {
    let spec = json!({"selector": {"app": "web"}, "ports": [
        {"name": "http", "port": 80, "targetPort": 8080}, {"name": "admin", "port": 81},
    ]});
    for (port, missing) in [
        (json!({"number": 80}), false),
        (json!({"number": 81}), false),
        (json!({"name": "admin"}), false),
        (json!({"number": 8080}), true),
        (json!({"name": "https"}), true),
        (json!({}), false),
    ] {
        let paths = json!([backend("/", "web", port.clone())]);
        let clones = vec![service(spec.clone()), ingress("web", paths)];
        let expected: &[&str] = if missing { &["missing-port"] } else { &[] };
        assert_eq!(case(clones).kinds(), expected, "{port}");
    }
    let rules =
        json!([{"backendRefs": [{"name": "web", "port": 80}, {"name": "web", "port": 82}]}]);
    let route = object(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        "web",
        json!({"spec": {"rules": rules}}),
    );
    let found = case(vec![service(spec), route]).one();
    assert_eq!(found.path, "/spec/rules/0/backendRefs/1/port");
}

#[test]
fn an_object_that_is_missing_is_told_with_what_production_has_of_it() {
    let needs = |reference: Value| web(json!([{"name": "web", "envFrom": [reference]}]));
    let settings = || json!({"configMapRef": {"name": "settings"}});
    let there = config("settings", json!({}));
    let vault = object("external-secrets.io/v1", "ExternalSecret", "keys", json!({}));
    let secret = json!({"secretRef": {"name": "keys"}});
    for (reference, source, clones, says) in [
        (settings(), vec![], vec![there.clone()], None),
        (json!({"configMapRef": {"name": "settings", "optional": true}}), vec![], vec![], None),
        (json!({"configMapRef": {"name": "kube-root-ca.crt"}}), vec![], vec![], None),
        (settings(), vec![], vec![], Some((Severity::Informs, "production has not either"))),
        (settings(), vec![there.clone()], vec![], Some((Severity::Warns, "which stays behind"))),
        (
            secret.clone(),
            vec![vault.clone()],
            vec![],
            Some((
                Severity::Warns,
                "ExternalSecret.external-secrets.io/keys makes, and that stays",
            )),
        ),
        (
            json!({"configMapRef": {"name": "keys"}}),
            vec![vault.clone()],
            vec![],
            Some((Severity::Informs, "production has not either")),
        ),
    ] {
        let mut case = case(clones);
        case.clones.push(needs(reference.clone()));
        case.capture.objects = source;
        let Some((severity, why)) = says else {
            assert!(case.found().is_empty(), "{reference}: {:?}", case.found());
            continue;
        };
        let found = case.one();
        assert_eq!((found.kind.as_str(), found.severity), ("missing-reference", severity));
        assert!(found.why.contains(why), "{reference}: {}", found.why);
    }
}

#[test]
fn what_settles_a_missing_object_fits_whoever_needs_it() {
    let gone = || backend("/gone", "gone", json!({"number": 80}));
    let kept = backend("/", "web", json!({"number": 80}));
    let there = || service(json!({"selector": {"app": "web"}, "ports": [{"port": 80}]}));
    let two = case(vec![there(), ingress("web", json!([kept, gone()]))]).one();
    assert!(two.settle.contains("path: /spec/rules/0/http/paths/1\n"), "{}", two.settle);
    let one = case(vec![there(), ingress("web", json!([gone()]))]).one();
    assert!(one.settle.starts_with("# to leave Ingress"), "{}", one.settle);
    let pod = json!({"containers": [{"name": "a", "envFrom": [{"configMapRef": {"name": "x"}}]}]});
    let mut of_task = case(Vec::new());
    of_task.tasks = vec![task("load", None, TaskRole::Smoke, pod)];
    let found = of_task.one();
    assert!(found.settle.starts_with("let the task do without ConfigMap/x"), "{}", found.settle);
    assert!(found.path.starts_with("/spec/smoke/load/"), "{}", found.path);
}

#[test]
fn a_key_that_is_missing_is_told_unless_nobody_needs_to_know() {
    let reads = |kind: &str, rest: Value| {
        let mut reference = json!({"name": "it", "key": "k"});
        reference.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let env = json!([{"name": "A", "valueFrom": {kind: reference}}]);
        web(json!([{"name": "web", "env": env}]))
    };
    let of_config = |rest: Value| reads("configMapKeyRef", rest);
    let with = |map: &str, key: &str| config("it", json!({map: {key: "x"}}));
    let (lost, never) = ("is left out of the clone", "is not there in production either");
    for (source, clone, rest, says) in [
        (None, with("data", "k"), json!({}), None),
        (None, with("binaryData", "k"), json!({}), None),
        (None, with("data", "other"), json!({"optional": true}), None),
        (None, with("data", "other"), json!({"optional": false}), Some(never)),
        (None, with("data", "other"), json!({}), Some(never)),
        (Some(with("data", "other")), with("data", "other"), json!({}), Some(never)),
        (Some(with("data", "k")), with("data", "other"), json!({}), Some(lost)),
        (Some(with("binaryData", "k")), config("it", json!({})), json!({}), Some(lost)),
    ] {
        let mut case = case(vec![clone, of_config(rest)]);
        case.capture.objects.extend(source);
        match says {
            None => assert!(case.found().is_empty(), "{:?}", case.found()),
            Some(says) => assert!(case.one().why.contains(says), "{}", case.one().why),
        }
    }

    let of_secret = |keys: &[&str], sealed: &[&str]| {
        let secret = object("v1", "Secret", "it", json!({}));
        let mut case = case(vec![secret, reads("secretKeyRef", json!({}))]);
        let planned = |key: &&str| ((*key).to_owned(), PlannedValue::Parts(Vec::new()));
        let keys = keys.iter().map(planned).collect();
        case.secrets = BTreeMap::from([("it".to_owned(), PlannedSecret { keys })]);
        let read = |key: &&str| ((*key).to_owned(), SealedValue::Parts(Vec::new()));
        let keys = sealed.iter().map(read).collect();
        let sealed = SealedSecret { kind: "Opaque".to_owned(), keys };
        case.capture.secrets = BTreeMap::from([("it".to_owned(), sealed)]);
        case
    };
    assert!(of_secret(&["k"], &[]).found().is_empty());
    assert!(of_secret(&[EVERY_KEY], &[]).found().is_empty());
    let found = of_secret(&["other"], &["other"]).one();
    assert!(found.why.contains(never) && found.settle.contains("policy: From"), "{found:?}");
    let mut told = of_secret(&["other"], &["k"]);
    assert!(told.one().why.contains(lost), "{:?}", told.one());
    let key = object("v1", "Secret", "it", json!({})).key();
    told.log.find(Severity::Warns, &key, "/data/other", NEEDS_SECRET, "why", "settle");
    told.log.find(Severity::Warns, &key, "/data/k", "another-kind", "why", "settle");
    assert_eq!(told.kinds(), ["missing-key"]);
    told.log.find(Severity::Warns, &key, "/data/k", NEEDS_SECRET, "why", "settle");
    assert!(told.kinds().is_empty());
    // Of a Secret without a recipe, nobody knows the keys.
    told.log = Log::default();
    told.secrets.clear();
    assert!(told.kinds().is_empty());
}

#[test]
fn only_another_route_takes_a_host_and_path_away() {
    let paths = |all: &[&str]| {
        let paths: Vec<Value> = all.iter().map(|it| json!({ "path": it })).collect();
        json!(paths)
    };
    for (first, second, taken) in [
        (&["/", "/a"][..], &["/b"][..], &[][..]),
        (&["/", "/"], &["/b"], &[]),
        (&["/", "/a"], &["/b", "/a"], &["/spec/rules/0/http/paths/1"]),
    ] {
        let clones = vec![ingress("a", paths(first)), ingress("b", paths(second))];
        let found = case(clones).found();
        let places: Vec<&str> = found.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(places, taken);
        assert!(found.iter().all(|it| it.kind == "duplicate-host" && it.object.ends_with("/b")));
    }
}

#[test]
fn a_wait_for_a_job_is_told_unless_a_task_runs_it_in_time() {
    let waits = json!([{"name": "wait", "command": ["kubectl", "wait", "job/schema"]}]);
    let waiting = |pod: &str, mut object: Object| {
        object.set(&format!("{pod}/initContainers"), waits.clone());
        object
    };
    let deployment = waiting("/spec/template/spec", web(json!([{"name": "web"}])));
    let scheduled = waiting(
        "/spec/jobTemplate/spec/template/spec",
        object("batch/v1", "CronJob", "nightly", json!({})),
    );
    let (before, after) =
        (TaskRole::Seed(When::BeforeWorkloads), TaskRole::Seed(When::AfterWorkloads));
    let job = |name: &str| object("batch/v1", "Job", name, json!({}));
    let known = Some("stays behind unless a task runs it");
    let unknown = Some("which production has not any more");
    for (waits, captured, run, says) in [
        (&deployment, config("schema", json!({})), None, unknown),
        (&deployment, job("other"), None, unknown),
        (&deployment, job("schema"), None, known),
        (&deployment, job("schema"), Some(("other", before)), known),
        (&deployment, job("schema"), Some(("schema", before)), None),
        (&deployment, job("schema"), Some(("schema", after)), Some("only after all workloads")),
        (&scheduled, job("schema"), Some(("schema", after)), None),
    ] {
        let mut case = case(vec![waits.clone()]);
        case.capture.objects = vec![captured];
        let pod = json!({"containers": [{"name": "a"}]});
        case.tasks.extend(run.map(|(name, role)| task("load", Some(name), role, pod)));
        match says {
            None => assert!(case.found().is_empty(), "{:?}", case.found()),
            Some(says) => {
                let found = case.one();
                assert_eq!(found.path, "/spec/template/spec/initContainers/0");
                assert!(found.why.contains(says), "{}", found.why);
            }
        }
    }
}

/// What is found of claims and Pods in a cluster with these classes.
fn with_classes(classes: Value, clone: Object) -> Vec<Finding> {
    let mut case = case(vec![clone]);
    case.request.cluster.classes = serde_json::from_value(classes).unwrap();
    case.found()
}

#[test]
fn a_claim_needs_a_class_that_is_there_or_a_default() {
    let claim =
        |spec: Value| object("v1", "PersistentVolumeClaim", "data", json!({ "spec": spec }));
    let (named, unnamed) = (json!({"storageClassName": "fast"}), json!({}));
    let fast = |default: bool, retains: bool| json!({"storage": {"slow": {}, "fast": {"default": default, "retains": retains}}});
    let slow = json!({"storage": {"slow": {"retains": true}}});
    for (classes, spec, kinds) in [
        (json!({}), &named, &[][..]),
        (json!({}), &unnamed, &[]),
        (fast(false, false), &named, &[]),
        (fast(true, false), &unnamed, &[]),
        (fast(false, true), &named, &["volume-retained"]),
        (fast(true, true), &unnamed, &["volume-retained"]),
        (fast(false, true), &unnamed, &["missing-class"]),
        (slow.clone(), &named, &["missing-class"]),
        (slow, &unnamed, &["missing-class"]),
        (json!({"storage": {}}), &unnamed, &["missing-class"]),
    ] {
        let found = with_classes(classes.clone(), claim(spec.clone()));
        let found: Vec<&str> = found.iter().map(|it| it.kind.as_str()).collect();
        assert_eq!(found, kinds, "{classes} {spec}");
    }
}

#[test]
fn a_class_that_is_not_there_is_told_with_those_that_are_for_applications() {
    let pod = json!({"priorityClassName": "high", "containers": [{"name": "web"}]});
    let web = deployment("web", json!({}), pod);
    for (names, says) in [
        (json!(["low", "system-node-critical"]), Some("<one of low>")),
        (json!(["system-node-critical"]), Some("<a PriorityClass>")),
        (json!(["high"]), None),
    ] {
        let found = with_classes(json!({ "priority": names }), web.clone());
        assert_eq!(found.len(), usize::from(says.is_some()), "{names}");
        for it in found {
            assert_eq!(it.path, "/spec/template/spec/priorityClassName");
            assert!(it.settle.contains(says.unwrap()), "{}", it.settle);
        }
    }
    let spec = json!({"spec": {"ingressClassName": "inside"}});
    for (kind, missing) in [("Ingress", 1), ("NetworkPolicy", 0)] {
        let it = object("networking.k8s.io/v1", kind, "web", spec.clone());
        assert_eq!(with_classes(json!({"ingress": ["nginx"]}), it).len(), missing, "{kind}");
    }
}
