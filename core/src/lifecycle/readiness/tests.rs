use serde_json::{Value, json};

use super::*;

fn pod(status: &Value) -> Pod {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web-1" }, "status": status
    }))
    .unwrap()
}

fn waiting(reason: &str, restarts: i32) -> serde_json::Value {
    json!({ "containerStatuses": [{
        "name": "web", "image": "web:1", "imageID": "", "ready": false, "restartCount": restarts,
        "state": { "waiting": { "reason": reason, "message": "not found" } },
        "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } } }] })
}

#[test]
fn a_pod_on_its_way_is_no_trouble() {
    assert_eq!(trouble(&pod(&waiting("ContainerCreating", 0))), None);
}

#[test]
fn trouble_is_named_at_its_cause() {
    let cases = [
        ("ErrImagePull", Reason::ImagePullFailed),
        ("ImagePullBackOff", Reason::ImagePullFailed),
        ("CreateContainerConfigError", Reason::ConfigMissing),
        ("CrashLoopBackOff", Reason::CrashLooping),
    ];
    for (word, reason) in cases {
        let problem = trouble(&pod(&waiting(word, 3))).unwrap();
        assert_eq!(problem.reason, reason, "{word}");
        assert!(problem.message.contains("web"), "{}", problem.message);
    }
}

#[test]
fn a_pod_failed_at_its_first_container_that_ended_badly() {
    let ended = |name: &str, code: i32, reason: &str| {
        json!({ "name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "terminated": { "exitCode": code, "reason": reason } } })
    };
    let pod = pod(&json!({
        "initContainerStatuses": [ended("wait", 0, "Completed"), ended("migrate", 137, "OOMKilled")],
        "containerStatuses": [] }));
    let told = ending(&pod).unwrap().to_string();
    assert_eq!(told, "exit code 137 (OOMKilled) of init container migrate");
    let fine = super::tests::pod(&json!({
        "initContainerStatuses": [ended("wait", 0, "Completed")],
        "containerStatuses": [ended("main", 3, "Error")] }));
    assert_eq!(ending(&fine).unwrap().to_string(), "exit code 3");
}

#[test]
fn the_scheduler_is_quoted() {
    let problem = trouble(&pod(&json!({ "conditions": [
        { "type": "PodScheduled", "status": "False", "message": "0/1 nodes are available" }] })))
    .unwrap();
    assert_eq!(problem.reason, Reason::Unschedulable);
    assert!(problem.message.contains("0/1 nodes are available"));
}

#[test]
fn what_the_scheduler_tries_again_by_itself_is_no_trouble() {
    let pod = pod(&json!({ "conditions": [{ "type": "PodScheduled", "status": "False", "message":
        "running PreBind plugin \"VolumeBinding\": Operation cannot be fulfilled on persistentvolumeclaims" }] }));
    assert_eq!(trouble(&pod), None);
}

#[test]
fn a_deployment_is_up_when_the_new_pods_are_ready_and_seen() {
    let up = Rollout { seen: true, desired: 2, updated: 2, ready: 2, ..Rollout::default() };
    assert!(up.up());
    assert!(!Rollout { seen: false, ..up.clone() }.up());
    assert!(!Rollout { updated: 1, ..up }.up());
    assert!(Rollout { seen: true, ..Rollout::default() }.up(), "0 of 0");
}

#[test]
fn a_deployment_whose_former_pods_are_still_needed_is_not_up() {
    let status = json!({ "observedGeneration": 2, "replicas": 2, "updatedReplicas": 1,
        "readyReplicas": 1, "availableReplicas": 1 });
    let of = |status: Value| {
        let deployment: Deployment = serde_json::from_value(
            json!({ "metadata": { "generation": 2 }, "spec": { "replicas": 1,
                "selector": {}, "template": {} }, "status": status }),
        )
        .unwrap();
        Rollout::from(&deployment)
    };
    assert!(!of(status.clone()).up(), "what is available is the former one");
    let mut over = status;
    over["replicas"] = json!(1);
    assert!(of(over).up());
}

#[test]
fn pods_that_wait_for_their_quota_to_be_counted_are_not_refused() {
    let refused = |words: &str| {
        let deployment: Deployment = serde_json::from_value(json!({ "status": { "conditions": [
            { "type": "ReplicaFailure", "status": "True", "message": words }] } }))
        .unwrap();
        Rollout::from(&deployment).refused
    };
    let words =
        "pods \"web-1\" is forbidden: status unknown for quota: kulisse-quota, resources: pods";
    assert_eq!(refused(words), None);
    let words = "pods \"web-1\" is forbidden: exceeded quota: kulisse-quota";
    assert_eq!(refused(words).as_deref(), Some(words));
}

#[test]
fn only_pods_that_are_not_made_now_are_refused() {
    let of = |kind: &str, status: &str| {
        let deployment: Deployment = serde_json::from_value(json!({ "status": { "conditions": [
            { "type": kind, "status": status, "message": "no" }] } }))
        .unwrap();
        Rollout::from(&deployment).refused
    };
    assert_eq!(of("ReplicaFailure", "True").as_deref(), Some("no"));
    assert_eq!(of("ReplicaFailure", "False"), None);
    assert_eq!(of("Available", "True"), None);
}

#[test]
fn a_job_past_its_deadline_timed_out() {
    let job: Job = serde_json::from_value(json!({ "status": { "conditions": [
        { "type": "Failed", "status": "True", "reason": "DeadlineExceeded" }] } }))
    .unwrap();
    assert_eq!(Attempt::from(&job).state, TaskState::TimedOut);
}

#[test]
fn a_workload_is_up_when_its_controller_has_seen_it_and_all_its_pods_are_ready() {
    let stateful = |status: Value| {
        let it: StatefulSet = serde_json::from_value(json!({
            "metadata": { "generation": 2 }, "status": status,
            "spec": { "replicas": 2, "selector": {}, "template": {}, "serviceName": "db" } }))
        .unwrap();
        Rollout::from(&it).up()
    };
    let of = |seen: i64, updated: i32, ready: i32| {
        stateful(json!({ "replicas": 2, "observedGeneration": seen,
            "updatedReplicas": updated, "readyReplicas": ready }))
    };
    assert!(of(2, 2, 2) && of(3, 2, 2));
    assert!(!of(1, 2, 2) && !of(2, 1, 2) && !of(2, 2, 1));

    let daemons = |seen: i64, updated: i32, available: i32| {
        let it: DaemonSet = serde_json::from_value(json!({
            "metadata": { "generation": 2 },
            "status": { "observedGeneration": seen, "desiredNumberScheduled": 2,
                "updatedNumberScheduled": updated, "numberAvailable": available,
                "currentNumberScheduled": 2, "numberMisscheduled": 0, "numberReady": 2 } }))
        .unwrap();
        Rollout::from(&it).up()
    };
    assert!(daemons(2, 2, 2) && daemons(3, 2, 2));
    assert!(!daemons(1, 2, 2) && !daemons(2, 1, 2) && !daemons(2, 2, 1));
}

#[test]
fn a_state_of_an_object_is_told_apart_by_its_uid_and_its_generation() {
    let form = |uid: &str, generation: i64| {
        let metadata = json!({ "uid": uid, "generation": generation });
        let it: DaemonSet = serde_json::from_value(json!({ "metadata": metadata })).unwrap();
        Rollout::from(&it).form
    };
    assert_eq!(form("a", 3), Form { uid: "a".into(), generation: 3 });
    assert_ne!(form("a", 3), form("b", 3));
    assert_ne!(form("a", 3), form("a", 4));
}

#[test]
fn an_attempt_is_over_when_a_condition_of_its_job_says_so() {
    let of = |kind: &str, status: &str, reason: &str| {
        let job: Job = serde_json::from_value(json!({
            "metadata": { "labels": { (names::ATTEMPT_LABEL): "3" } },
            "status": { "conditions": [{ "type": kind, "status": status, "reason": reason,
                "lastTransitionTime": "2026-01-01T00:00:00Z" }] } }))
        .unwrap();
        let it = Attempt::from(&job);
        assert_eq!(it.number, 3);
        (it.state, it.ended.map(|at| at.to_string()))
    };
    let at = || Some("2026-01-01T00:00:00Z".to_owned());
    assert_eq!(of("Complete", "True", ""), (TaskState::Passed, at()));
    assert_eq!(of("Failed", "True", "BackoffLimitExceeded"), (TaskState::Failed, at()));
    assert_eq!(of("Failed", "True", "DeadlineExceeded"), (TaskState::TimedOut, at()));
    assert_eq!(of("Failed", "False", ""), (TaskState::Running, None));
    assert_eq!(of("FailureTarget", "True", ""), (TaskState::Running, None));
}

#[test]
fn where_nothing_ended_badly_the_ending_is_that_of_what_the_pod_is_for() {
    let ended = |name: &str| {
        json!({ "name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "terminated": { "exitCode": 0 } } })
    };
    let pod = pod(&json!({ "initContainerStatuses": [ended("wait")],
        "containerStatuses": [ended("main"), ended("other")] }));
    assert_eq!(ending(&pod).map(|it| it.container).as_deref(), Some("main"));
}

#[test]
fn only_what_was_not_scheduled_is_the_schedulers_trouble() {
    let of = |kind: &str, status: &str, words: &str| {
        let condition = json!({ "type": kind, "status": status, "message": words });
        trouble(&pod(&json!({ "conditions": [condition] }))).map(|it| it.reason)
    };
    assert_eq!(of("PodScheduled", "True", ""), None);
    assert_eq!(of("Ready", "False", ""), None);
    assert_eq!(of("PodScheduled", "False", "too few CPUs"), Some(Reason::Unschedulable));
    for words in [
        "pod has unbound immediate PersistentVolumeClaims",
        "persistentvolumeclaim \"data\" not found",
    ] {
        assert_eq!(of("PodScheduled", "False", words), Some(Reason::ClaimUnbound), "{words}");
    }
}

#[test]
fn what_crashed_once_gets_another_chance_and_what_is_ready_is_no_trouble() {
    let crashes = |ready: bool, restarts: i32| {
        let problem = trouble(&pod(&json!({ "containerStatuses": [{
            "name": "web", "image": "web:1", "imageID": "", "ready": ready,
            "restartCount": restarts, "state": { "running": {} },
            "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } } }] })));
        problem.map(|it| (it.reason, it.message))
    };
    assert_eq!(crashes(false, 1), None);
    assert_eq!(crashes(true, 5), None);
    let (reason, message) = crashes(false, 2).unwrap();
    assert_eq!(reason, Reason::CrashLooping);
    assert!(message.contains("with exit code 137 (OOMKilled), 2 restarts"), "{message}");
    let backs_off = trouble(&pod(&waiting("CrashLoopBackOff", 1))).unwrap();
    assert_eq!(backs_off.reason, Reason::CrashLooping, "Kubernetes says so itself");
}
