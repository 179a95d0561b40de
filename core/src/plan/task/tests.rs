#![expect(clippy::needless_pass_by_value, reason = "json! makes values that nobody else needs")]

use serde_json::{Value, json};

use super::*;
use crate::{
    api::names,
    plan::fixture::{self, deployment, object, service},
};

fn clones() -> Vec<Object> {
    vec![
        deployment("db", json!({"app": "db"}), json!({})),
        deployment("web", json!({"app": "web"}), json!({})),
        service("web"),
        object(
            "v1",
            "Service",
            "db",
            json!({"spec": {"clusterIP": "None", "ports": [{"port": 1}]}}),
        ),
        object("v1", "ServiceAccount", "robot", json!({})),
    ]
}

fn planned(spec: Value, class: Value) -> Result<Vec<PlannedTask>, PlanError> {
    let (request, capture) = (fixture::request(spec, class), fixture::capture());
    let context = Context::new(&request, &capture).unwrap();
    tasks(&clones(), &[], &context, &mut Log::default())
}

fn one(task: Value) -> PlannedTask {
    planned(json!({"smoke": [task]}), json!({})).unwrap().remove(0)
}

fn run() -> Value {
    json!({"name": "load", "run": {
        "image": "postgres:17",
        "command": ["psql"],
        "env": [{"name": "KULISSE_URL", "value": "mine"}],
    }})
}

fn made(task: &PlannedTask, spec: Value, run: &str, number: u32) -> Object {
    let request = fixture::request(spec, json!({}));
    let urls = ["http://web.staging.test".to_owned()];
    job(task, &Attempt { request: &request, urls: &urls, image: "kulisse:1", run, number })
}

#[test]
fn seeds_come_first_and_keep_their_order() {
    let named = |name| json!({"name": name, "http": {"service": "web"}});
    let spec = json!({
        "smoke": [named("c")],
        "seed": [named("b"), {"name": "a", "when": "AfterWorkloads", "http": {"service": "web"}}],
    });
    let planned = planned(spec, json!({})).unwrap();
    let seen: Vec<_> = planned.iter().map(|it| (it.name.as_str(), it.role)).collect();
    assert_eq!(
        seen,
        [
            ("b", TaskRole::Seed(When::BeforeWorkloads)),
            ("a", TaskRole::Seed(When::AfterWorkloads)),
            ("c", TaskRole::Smoke),
        ]
    );
}

#[test]
fn a_service_is_asked_for_by_its_name_in_the_target() {
    let http = json!({"service": "db", "port": 8080, "path": "/healthz?deep=1", "within": "90s"});
    let expect = Expect { status: Some(204), ..Expect::default() };
    let mut given = http.clone();
    given["expect"] = json!(expect);
    let task = one(json!({"name": "up", "http": given}));
    assert_eq!(
        task.work,
        Work::Http(HttpWork {
            url: "http://db.stg-pr-7-abcde.svc:8080/healthz?deep=1".into(),
            expect,
            within_seconds: 90,
        })
    );
}

#[test]
fn a_run_is_one_pod_without_a_token_and_without_a_second_try() {
    let Work::Job(job) = one(run()).work else { unreachable!() };
    assert_eq!(
        job.get("/spec"),
        Some(&json!({
            "backoffLimit": 0, "completions": 1, "parallelism": 1, "activeDeadlineSeconds": 600,
            "template": {
                "metadata": {"labels": {"kulisse.dev/task": "load"}},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": false,
                    "containers": [{
                        "name": "task",
                        "image": "postgres:17",
                        "command": ["psql"],
                        "env": [{"name": "KULISSE_URL", "value": "mine"}],
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "terminationMessagePolicy": "FallbackToLogsOnError",
                    }],
                },
            },
        }))
    );
    assert_eq!(job.text("/metadata/namespace"), "stg-pr-7-abcde");
}

#[test]
fn a_job_loses_what_would_repeat_or_hide_it() {
    let task = one(json!({"name": "load", "timeout": "90s", "job": {
        "backoffLimit": 6, "completions": 3, "parallelism": 3, "suspend": true,
        "ttlSecondsAfterFinished": 1, "manualSelector": true, "managedBy": "example.com/other",
        "template": {
            "metadata": {"labels": {"app": "x", "kulisse.dev/probe": "true"}},
            "spec": {"restartPolicy": "OnFailure", "containers": [{"name": "a", "image": "b"}]},
        },
    }}));
    let Work::Job(job) = task.work else { unreachable!() };
    assert_eq!(
        job.get("/spec"),
        Some(&json!({
            "backoffLimit": 0, "completions": 1, "parallelism": 1, "activeDeadlineSeconds": 90,
            "template": {
                "metadata": {"labels": {"app": "x", "kulisse.dev/task": "load"}},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": false,
                    "containers": [{"name": "a", "image": "b"}],
                },
            },
        }))
    );
}

#[test]
fn a_job_loses_what_a_clone_loses() {
    let job = json!({
        "template": {
            "metadata": {
                "labels": {"azure.workload.identity/use": "true", "app": "mine"},
                "annotations": {
                    "k8s.v1.cni.cncf.io/networks": "kube-system/production",
                    "iam.amazonaws.com/role": "production",
                },
            },
            "spec": {
                "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["10.0.0.53"]},
                "runtimeClassName": "unconfined",
                "containers": [{
                    "name": "c",
                    "image": "mine",
                    "lifecycle": {"postStart": {"httpGet": {"host": "10.0.0.9", "port": 80}}},
                }],
            },
        },
    });
    let Work::Job(job) = one(json!({"name": "load", "job": job})).work else {
        panic!("not a job");
    };
    assert_eq!(
        job.get("/spec/template/metadata"),
        Some(&json!({"labels": {"app": "mine", "kulisse.dev/task": "load"}}))
    );
    let pod = job.get("/spec/template/spec").unwrap();
    for field in ["dnsPolicy", "runtimeClassName"] {
        assert_eq!(pod.get(field), None, "{field}");
    }
    assert_eq!(pod.pointer("/dnsConfig/nameservers"), None);
    assert_eq!(pod.pointer("/containers/0/lifecycle"), None);
}

#[test]
fn a_job_with_an_account_of_the_clone_keeps_its_token() {
    let task = one(json!({"name": "load", "job": {"template": {"spec": {
        "serviceAccountName": "robot", "containers": [{"name": "a", "image": "b"}],
    }}}}));
    let Work::Job(job) = task.work else { unreachable!() };
    assert_eq!(job.get("/spec/template/spec/automountServiceAccountToken"), None);
}

#[test]
fn what_cannot_be_run_is_refused_by_the_name_of_its_field() {
    let pod = |pod: Value| json!({"name": "t", "job": {"template": {"spec": pod}}});
    let http = |http: Value| json!({"name": "t", "http": http});
    let with = |field: &str, value: Value| {
        let mut task = http(json!({"service": "web"}));
        task[field] = value;
        task
    };
    for (task, field, why) in [
        (with("timeout", json!("3d")), "timeout", "72h"),
        (with("timeout", json!("0s")), "timeout", "between 1s and 24h"),
        (with("timeout", json!("5000000h")), "timeout", "between"),
        (with("retries", json!(-1)), "retries", "0 or more"),
        (with("needs", json!(["db", "queue"])), "needs[1]", "there are db, web"),
        (http(json!({"service": "gone"})), "http.service", "there are db, web"),
        (http(json!({"service": "web", "port": 81})), "http.port", "it has 80"),
        (http(json!({"service": "web", "within": "1h"})), "http.within", "600s"),
        (http(json!({"service": "web", "url": "http://web"})), "http", "either url or service"),
        (http(json!({})), "http", "either url or service"),
        (json!({"name": "t"}), "http", "exactly one"),
        (json!({"name": "t", "http": {"service": "web"}, "fromJob": "x"}), "http", "exactly one"),
        (pod(json!({"containers": []})), "job.template.spec.containers", "container"),
        (
            pod(json!({"hostNetwork": true, "containers": [{"name": "a"}]})),
            "job.template.spec.hostNetwork",
            "no network policy holds",
        ),
        (
            pod(json!({"containers": [
                {"name": "a"}, {"name": "b", "ports": [{"containerPort": 1, "hostPort": 80}]},
            ]})),
            "job.template.spec.containers[1].ports",
            "a port of the node",
        ),
        (
            pod(json!({"serviceAccount": "admin", "containers": [{"name": "a"}]})),
            "job.template.spec.serviceAccount",
            "there are robot",
        ),
        (
            pod(json!({"serviceAccountName": "admin", "containers": [{"name": "a"}]})),
            "job.template.spec.serviceAccountName",
            "there are robot",
        ),
    ] {
        match planned(json!({"smoke": [task]}), json!({})) {
            Err(PlanError::InvalidSpec { field: got, why: said }) => {
                assert_eq!(got, format!("spec.smoke[0].{field}"));
                assert!(said.contains(why), "{said}");
            }
            other => panic!("{task}: {other:?}"),
        }
    }
}

#[test]
fn a_push_to_the_pull_request_changes_neither_a_task_nor_its_name() {
    let spec = |commit| json!({"seed": [run()], "pullRequest": {"number": 7, "commit": commit}});
    let before = planned(spec("aaa"), json!({})).unwrap();
    let after = planned(spec("bbb"), json!({})).unwrap();
    assert_eq!(before, after);

    let [before, after] =
        [(&before[0], "aaa"), (&after[0], "bbb")].map(|(it, commit)| made(it, spec(commit), "", 1));
    assert_eq!(before.name(), after.name());
    let env = after.get("/spec/template/spec/containers/0/env").unwrap();
    let names: Vec<_> =
        env.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "KULISSE_ENVIRONMENT",
            "KULISSE_NAMESPACE",
            "KULISSE_PR_NUMBER",
            "KULISSE_PR_COMMIT",
            "KULISSE_URL"
        ]
    );
    assert_eq!(env[3]["value"], "bbb");
    assert_eq!(env[4]["value"], "mine");
}

#[test]
fn a_branch_name_is_not_expanded() {
    let spec = json!({"pullRequest": {"branch": "$$(PASSWORD)"}});
    let job = made(&one(run()), spec, "", 1);
    let env = job.get("/spec/template/spec/containers/0/env").unwrap().as_array().unwrap();
    let branch = env.iter().find(|it| it["name"] == "KULISSE_PR_BRANCH").unwrap();
    assert_eq!(branch["value"], "$$$$(PASSWORD)");
}

#[test]
fn the_name_of_a_job_tells_runs_and_attempts_apart_and_fits() {
    let long = json!({"name": "a".repeat(30), "run": {"image": "x"}});
    let task = one(long);
    let names: std::collections::BTreeSet<String> =
        [("p1", 1), ("p1", 2), ("p2", 1), ("p1", 4_000_000_000)]
            .map(|(run, number)| made(&task, json!({}), run, number).name().to_owned())
            .into();
    assert_eq!(names.len(), 4);
    assert!(names.iter().all(|name| name.len() <= 63 && name.starts_with("smoke-a")));
    assert_eq!(made(&task, json!({}), "p1", 1).name(), made(&task, json!({}), "p1", 1).name());
}

#[test]
fn an_http_task_runs_our_image_with_nothing_but_its_arguments() {
    let task = one(json!({"name": "up", "http": {"service": "web"}}));
    let job = made(&task, json!({"pullRequest": {"commit": "aaa"}}), "", 1);
    let container = job.get("/spec/template/spec/containers/0").unwrap();
    assert_eq!(container["image"], "kulisse:1");
    assert_eq!(container["args"].as_array().unwrap()[..3], ["probe", "http", "--spec"]);
    let spec: HttpWork = serde_json::from_str(container["args"][3].as_str().unwrap()).unwrap();
    assert_eq!(Work::Http(spec), task.work);
    assert_eq!(container.get("env"), None);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
        let labels = job.get(labels).unwrap();
        assert_eq!(labels[names::TASK_LABEL], "up");
        assert_eq!(labels[names::ENVIRONMENT_UID_LABEL], "uid-7");
        assert_eq!(labels[names::MANAGED_BY_LABEL], names::MANAGED_BY);
    }
}

#[test]
fn a_time_is_whole_seconds_rounded_up_and_no_longer_than_a_day() {
    for (timeout, expected) in [
        ("1s", Some(1)),
        ("1ms", Some(1)),
        ("1500ms", Some(2)),
        ("2m", Some(120)),
        ("24h", Some(86_400)),
        ("86401s", None),
        ("0s", None),
    ] {
        let task = json!({"name": "up", "timeout": timeout, "http": {"service": "web"}});
        let planned = planned(json!({"smoke": [task]}), json!({}));
        assert_eq!(planned.ok().map(|it| it[0].timeout_seconds), expected, "{timeout}");
    }
}

#[test]
fn an_answer_may_take_as_long_as_the_task_and_is_asked_for_at_port_80() {
    for (http, url, within_seconds) in [
        (json!({"service": "web"}), "http://web.stg-pr-7-abcde.svc:80/", 90),
        (json!({"service": "web", "within": "90s"}), "http://web.stg-pr-7-abcde.svc:80/", 90),
        (json!({"service": "web", "within": "89s"}), "http://web.stg-pr-7-abcde.svc:80/", 89),
        (json!({"url": "https://api.acme.example/up"}), "https://api.acme.example/up", 90),
    ] {
        let Work::Http(work) = one(json!({"name": "up", "timeout": "90s", "http": http})).work
        else {
            panic!("{http}");
        };
        assert_eq!((work.url.as_str(), work.within_seconds), (url, within_seconds), "{http}");
    }
}

#[test]
fn a_run_has_no_more_rights_than_its_target_allows_and_pulls_as_the_clones_do() {
    let class = json!({"podSecurity": "Restricted", "imagePullSecrets": [{"name": "registry"}]});
    let task = planned(json!({"smoke": [run()]}), class).unwrap().remove(0);
    let Work::Job(job) = task.work else { unreachable!() };
    let pod = job.get("/spec/template/spec").unwrap();
    assert_eq!(
        pod["containers"][0]["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": true,
            "seccompProfile": {"type": "RuntimeDefault"},
        })
    );
    assert_eq!(pod["imagePullSecrets"], json!([{"name": names::pull_secret("registry")}]));
}

#[test]
fn a_job_may_run_as_the_account_that_every_namespace_has() {
    let job = json!({"template": {"spec": {
        "serviceAccountName": "default", "containers": [{"name": "a", "image": "b"}],
    }}});
    let smoke = json!({"smoke": [{"name": "load", "job": job}]});
    assert!(planned(smoke, json!({})).is_ok());
}
