use serde_json::{Value, json};

use super::*;
use crate::lifecycle::{
    facts::{Problem, Task, Workload},
    table::up,
};

fn pod(containers: &Value) -> Pod {
    serde_json::from_value(json!({ "metadata": { "name": "web-5f-x" }, "status": {
        "conditions": [{ "type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T10:00:00Z" }],
        "containerStatuses": containers } }))
    .unwrap()
}

fn crashing() -> Pod {
    pod(&json!([
        { "name": "proxy", "image": "p", "imageID": "", "ready": true, "restartCount": 0, "state": { "running": {} } },
        { "name": "web", "image": "w", "imageID": "", "ready": false, "restartCount": 3,
          "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 40s" } },
          "lastState": { "terminated": { "exitCode": 3, "reason": "Error" } } }
    ]))
}

fn event(name: &str, reason: &str, minute: u8) -> Event {
    serde_json::from_value(
        json!({ "metadata": {}, "involvedObject": { "name": name }, "reason": reason,
        "message": format!("{reason} of {name}"), "count": 2,
        "lastTimestamp": format!("2026-01-01T10:{minute:02}:00Z") }),
    )
    .unwrap()
}

fn failure() -> Failure {
    let key = Key { group: "apps".into(), kind: "Deployment".into(), name: "web".into() };
    let name = key.to_string();
    let message = "it keeps ending".to_owned();
    Failure { subject: Subject::Workload(key), name, reason: Reason::CrashLooping, message }
}

#[test]
fn a_crashing_container_is_told_with_its_exit_code_and_its_last_lines() {
    let pod = crashing();
    let mut evidence = of(&failure(), Some(&pod), &["web"], &[]);
    let (container, previous) = speaker(&pod).unwrap();
    assert_eq!((container.as_str(), previous), ("web", false));
    quote(&mut evidence, &container, "one\n\ntwo\n");
    let web = &evidence.containers[1];
    assert_eq!((web.state, web.exit_code, web.restarts), (ContainerState::Waiting, Some(3), 3));
    assert_eq!(web.reason.as_deref(), Some("CrashLoopBackOff"));
    assert_eq!(web.last_lines, ["one", "two"]);
    assert!(evidence.containers[0].last_lines.is_empty());
    assert_eq!(evidence.since.unwrap().0.to_string(), "2026-01-01T10:00:00Z");
}

#[test]
fn a_container_that_had_done_its_part_is_not_when_a_pod_failed() {
    let mut pod = pod(&json!([{ "name": "web", "image": "w", "imageID": "", "ready": false,
        "restartCount": 3, "state": { "waiting": { "reason": "CrashLoopBackOff" } } }]));
    let of = |pod: &Pod| since(pod).map(|it| it.to_string());
    for (code, expected) in [(0, "2026-01-01T10:00:00Z"), (1, "2026-01-01T09:00:00Z")] {
        let init = json!([{ "name": "init", "image": "i", "imageID": "", "ready": false,
            "restartCount": 0, "state": { "terminated": { "exitCode": code,
                "finishedAt": "2026-01-01T09:00:00Z" } } }]);
        pod.status.as_mut().unwrap().init_container_statuses =
            serde_json::from_value(init).unwrap();
        assert_eq!(of(&pod).as_deref(), Some(expected), "{code}");
    }
}

#[test]
fn between_two_crashes_the_log_is_of_the_one_before() {
    let pod = pod(
        &json!([{ "name": "web", "image": "w", "imageID": "", "ready": false, "restartCount": 1,
        "state": { "running": {} }, "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } } }]),
    );
    assert_eq!(speaker(&pod), Some(("web".to_owned(), true)));
    let it = &containers(&pod)[0];
    assert_eq!(
        (it.state, it.reason.as_deref(), it.exit_code),
        (ContainerState::Running, Some("OOMKilled"), Some(137))
    );
}

#[test]
fn only_the_last_events_of_the_pod_and_its_workload_are_told() {
    let mut events: Vec<Event> = (0..10).map(|at| event("web-5f-x", "BackOff", at)).collect();
    events.insert(0, event("web", "Stuck", 59));
    events.push(event("web-5f-other", "BackOff", 58));
    events.push(event("db", "BackOff", 58));
    let told = of(&failure(), Some(&crashing()), &["web"], &events).events;
    let minutes: Vec<String> =
        told.iter().map(|it| it.at.as_ref().unwrap().0.to_string()).collect();
    assert_eq!(told.len(), 8);
    assert!(minutes[0].contains("10:03") && told[7].reason == "Stuck" && told[7].count == 2);
}

#[test]
fn without_a_pod_the_words_of_those_who_should_have_made_it_are_told() {
    let events = [event("web-5f", "FailedCreate", 1), event("website", "FailedCreate", 2)];
    let told = of(&failure(), None, &["web"], &events).events;
    assert_eq!(
        told.iter().map(|it| it.message.as_str()).collect::<Vec<_>>(),
        ["FailedCreate of web-5f"]
    );
}

#[test]
fn what_a_container_says_is_masked_and_without_a_mask_not_told() {
    let mut evidence = of(&failure(), Some(&crashing()), &["web"], &[event("web", "BackOff", 1)]);
    quote(&mut evidence, "web", &format!("hunter2 {}", "x".repeat(2000)));
    evidence.events[0].message = "hunter2 was wrong".into();
    let mask = |text: &str| text.replace("hunter2", "•••");
    let told = masked(evidence.clone(), Some(&mask));
    assert!(!serde_json::to_string(&told).unwrap().contains("hunter2"));
    assert!(told.containers[1].last_lines[0].starts_with("•••"));
    assert_eq!(told.containers[1].last_lines[0].chars().count(), 512);
    let told = masked(evidence, None);
    assert!(told.containers.iter().all(|it| it.last_lines.is_empty() && it.message.is_none()));
    assert!(!serde_json::to_string(&told).unwrap().contains("hunter2"), "Events quote them, too");
}

#[test]
fn a_failure_is_new_when_its_words_are() {
    let mut other = failure();
    assert_eq!(mark(&[failure()]), mark(&[failure()]));
    other.message.push_str(", 4 restarts");
    assert_ne!(mark(&[failure()]), mark(&[other]));
}

#[test]
fn what_failed_is_forgotten_when_all_of_it_works_and_not_before() {
    let problem = Problem::new(Reason::CrashLooping, "it keeps ending");
    let key = Key { group: "apps".into(), kind: "Deployment".into(), name: "web".into() };
    let with = |state| Facts {
        workloads: vec![Workload { key: key.clone(), store: false, state }],
        ..up()
    };
    let stuck = with(WorkloadState::Stuck(problem));
    assert_eq!(failures(&stuck), [failure()]);
    assert!(!is_over(&stuck));
    let going = with(WorkloadState::Progressing);
    assert!(failures(&going).is_empty() && !is_over(&going));
    assert!(is_over(&with(WorkloadState::Up)));
    let task = |role, state| Task {
        name: "up".into(),
        role,
        needs: vec![],
        patience_ends: None,
        state,
        message: "exit code 1".into(),
    };
    let failed = |role| Facts { tasks: vec![task(role, TaskState::Failed)], ..up() };
    assert_eq!(failures(&failed(TaskRole::Smoke))[0].name, "smoke up");
    assert!(!is_over(&failed(TaskRole::Smoke)) && is_over(&failed(TaskRole::PreDelete)));
}

#[test]
fn the_container_that_speaks_is_the_first_that_failed() {
    let container = |name: &str, ready: bool, restarts: i32, now: &Value, before: &Value| {
        json!({ "name": name, "image": "i", "imageID": "", "ready": ready,
            "restartCount": restarts, "state": now, "lastState": before })
    };
    let none = json!({});
    let (runs, waits) = (json!({ "running": {} }), json!({ "waiting": {} }));
    let ended = |code: i32| json!({ "terminated": { "exitCode": code } });
    let said = |all: &[Value]| speaker(&pod(&json!(all)));
    let web = |previous| Some(("web".to_owned(), previous));

    let fine = container("proxy", true, 0, &runs, &none);
    assert_eq!(said(std::slice::from_ref(&fine)), None);
    let failed = container("web", false, 0, &ended(1), &none);
    assert_eq!(said(&[fine.clone(), failed]), web(false));
    // What is ready again has nothing to say, nor has what ended well or was never started.
    let again = container("again", true, 2, &runs, &ended(1));
    let done = container("done", false, 0, &ended(0), &none);
    let new = container("new", false, 0, &waits, &none);
    let crashed = container("web", false, 1, &waits, &ended(1));
    let restarted = container("web", false, 1, &runs, &none);
    let others = [again, done, new];
    assert_eq!(said(&others), None);
    assert_eq!(said(&[&others[..], &[crashed]].concat()), web(false));
    assert_eq!(said(&[&others[..], &[restarted]].concat()), web(true));
}

#[test]
fn what_a_container_says_of_its_state_is_told_if_it_says_anything() {
    let of = |state: &Value| {
        let pod = pod(&json!([{ "name": "web", "image": "w", "imageID": "", "ready": false,
            "restartCount": 0, "state": state }]));
        let it = containers(&pod).remove(0);
        (it.state, it.reason, it.message)
    };
    let text = |it: &str| Some(it.to_owned());
    let pulls = json!({ "waiting": { "reason": "ErrImagePull", "message": "not found" } });
    assert_eq!(of(&pulls), (ContainerState::Waiting, text("ErrImagePull"), text("not found")));
    let ended = json!({ "terminated": { "exitCode": 1, "reason": "Error", "message": "" } });
    assert_eq!(of(&ended), (ContainerState::Terminated, text("Error"), None));
    assert_eq!(of(&json!({})), (ContainerState::Waiting, None, None));
}

#[test]
fn it_failed_when_its_pod_ended_or_else_when_that_was_not_ready_any_more() {
    let since = |restarts: i32, state: &Value| {
        let pod: Pod = serde_json::from_value(json!({ "metadata": {}, "status": {
            "conditions": [
                { "type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T09:00:00Z" },
                { "type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T10:00:00Z" },
                { "type": "ContainersReady", "status": "False", "lastTransitionTime": "2026-01-01T11:00:00Z" },
                { "type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T12:00:00Z" },
            ],
            "containerStatuses": [{ "name": "web", "image": "w", "imageID": "", "ready": false,
                "restartCount": restarts, "state": state }] } }))
        .unwrap();
        since(&pod).map(|it| it.to_string())
    };
    let time = |it: &str| Some(it.to_owned());
    let ended = json!({ "terminated": { "exitCode": 1, "finishedAt": "2026-01-01T10:30:00Z" } });
    assert_eq!(since(0, &ended), time("2026-01-01T10:30:00Z"));
    assert_eq!(since(1, &ended), time("2026-01-01T10:00:00Z"), "it is started again");
    assert_eq!(since(0, &json!({ "running": {} })), time("2026-01-01T10:00:00Z"));
}
