//! What else is in a cluster: controllers and kubelets, as far as somebody waits for them. They act by
//! what the store holds and when, which outlives every operator.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    end,
    kinds::{self, KINDS, Kind},
    namespaces,
    store::{Store, text},
};

/// From a change of a workload until its Pods are ready.
const ROLLOUT: SignedDuration = SignedDuration::from_secs(2);
/// How long a Job runs.
const RUN: SignedDuration = SignedDuration::from_secs(3);

/// One look at everything; when to look again, if nothing happens.
pub fn look(store: &mut Store) -> Option<Timestamp> {
    let mut next = Vec::new();
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        let kind = named(kind);
        for it in all(store, kind) {
            next.extend(roll_out(store, kind, it));
        }
    }
    for it in all(store, named("Job")) {
        next.extend(run(store, it));
    }
    collect(store);
    for it in all(store, named("Namespace")) {
        next.extend(namespaces::look(store, &it));
    }
    next.into_iter().min()
}

/// The kind of that name, of the first group that has one.
pub fn named(kind: &str) -> &'static Kind {
    KINDS.iter().find(|it| it.kind == kind).expect("a kind")
}

/// A copy of all objects of a kind.
pub fn all(store: &Store, kind: &'static Kind) -> Vec<Value> {
    store.of(kind, "").cloned().collect()
}

fn time(of: &Value) -> Option<Timestamp> {
    of.as_str()?.parse().ok()
}

/// A workload comes up a while after it was changed.
fn roll_out(store: &mut Store, kind: &'static Kind, mut it: Value) -> Option<Timestamp> {
    let generation = it["metadata"]["generation"].clone();
    let now = store.now();
    if it["status"]["observedGeneration"] != generation {
        it["status"]["observedGeneration"] = generation;
        store.due.insert(text(&it, "uid").to_owned(), now + ROLLOUT);
        store.put(kind, it);
        return Some(now + ROLLOUT);
    }
    let due = *store.due.get(text(&it, "uid"))?;
    if now < due {
        return Some(due);
    }
    store.due.remove(text(&it, "uid"));
    let wanted = if kind.kind == "DaemonSet" { json!(1) } else { it["spec"]["replicas"].clone() };
    let figures: &[&str] = match kind.kind {
        "DaemonSet" => {
            &["desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady"]
        }
        _ => &["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"],
    };
    for figure in figures {
        it["status"][*figure] = wanted.clone();
    }
    store.put(kind, it);
    None
}

/// A Job runs for a while in a Pod, and passes.
fn run(store: &mut Store, mut job: Value) -> Option<Timestamp> {
    let over = job["status"]["conditions"].as_array().is_some_and(|it| !it.is_empty());
    if over || job["spec"]["suspend"] == true || !text(&job, "deletionTimestamp").is_empty() {
        return None;
    }
    let now = store.now();
    let Some(started) = time(&job["status"]["startTime"]) else {
        job["status"] = json!({ "active": 1, "startTime": now.to_string() });
        let pod = pod(&job);
        store.put(named("Job"), job);
        store.plant(pod);
        return Some(now + RUN);
    };
    if now < started + RUN {
        return Some(started + RUN);
    }
    let stamp = store.stamp();
    for mut pod in all(store, named("Pod")).into_iter().filter(|it| is_owned(it, text(&job, "uid")))
    {
        pod["status"] = ended(&pod);
        store.put(named("Pod"), pod);
    }
    job["status"] = json!({ "succeeded": 1, "startTime": job["status"]["startTime"], "completionTime": stamp,
        "conditions": [{ "type": "Complete", "status": "True", "lastTransitionTime": stamp }] });
    store.put(named("Job"), job);
    None
}

fn pod(job: &Value) -> Value {
    let (name, uid) = (text(job, "name"), text(job, "uid"));
    let mut labels = job["spec"]["template"]["metadata"]["labels"].clone();
    for (key, value) in [
        ("job-name", name),
        ("batch.kubernetes.io/job-name", name),
        ("batch.kubernetes.io/controller-uid", uid),
    ] {
        labels[key] = json!(value);
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "spec": job["spec"]["template"]["spec"],
        "metadata": { "name": format!("{name}-x7k2p"), "namespace": text(job, "namespace"), "labels": labels,
            "ownerReferences": [{ "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid,
                "controller": true, "blockOwnerDeletion": true }] },
        "status": { "phase": "Running" } })
}

/// Every container ends well. One that probes the fence says that it holds.
fn ended(pod: &Value) -> Value {
    let probes = !pod["metadata"]["labels"]["kulisse.dev/probe"].is_null();
    let spec = pod["spec"]["containers"][0]["args"][3].as_str().unwrap_or_default();
    let spec: Value = serde_json::from_str(spec).unwrap_or_default();
    let says = json!({ "open": [], "tried": 3, "leftOut": 0, "control": "Silent",
        "controlAt": spec["control"], "dns": true, "api": false });
    let message = if probes { says.to_string() } else { String::new() };
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let statuses: Vec<Value> = containers
        .map(|it| {
            let state = json!({ "exitCode": 0, "reason": "Completed", "message": message });
            json!({ "name": it["name"], "image": it["image"], "imageID": "", "ready": false,
                "restartCount": 0, "state": { "terminated": state } })
        })
        .collect();
    json!({ "phase": "Succeeded", "containerStatuses": statuses })
}

fn is_owned(object: &Value, uid: &str) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.into_iter().any(|it| it["uid"] == uid)
}

/// What belonged to something that is gone goes, and what waits for its dependents goes after them.
fn collect(store: &mut Store) {
    let living: std::collections::BTreeSet<String> =
        store.all().map(|(_, it)| text(it, "uid").to_owned()).collect();
    let owned: Vec<Value> = store
        .all()
        .filter(|(_, it)| {
            it["metadata"]["ownerReferences"].as_array().is_some_and(|it| !it.is_empty())
        })
        .map(|(_, it)| it.clone())
        .collect();
    for it in &owned {
        let owners = it["metadata"]["ownerReferences"].as_array().expect("owners");
        let lives = |it: &Value| it["uid"].as_str().is_some_and(|uid| living.contains(uid));
        if !owners.iter().any(lives) && text(it, "deletionTimestamp").is_empty() {
            end::begin(store, kinds::of_object(it).expect("a kind"), it, "Background");
        }
    }
    let waits: Vec<Value> = store
        .all()
        .filter(|(_, it)| {
            it["metadata"]["finalizers"]
                .as_array()
                .is_some_and(|it| it.contains(&json!(end::FOREGROUND)))
        })
        .map(|(_, it)| it.clone())
        .collect();
    for mut it in waits {
        let mine: Vec<Value> =
            owned.iter().filter(|other| is_owned(other, text(&it, "uid"))).cloned().collect();
        for one in mine.iter().filter(|it| text(it, "deletionTimestamp").is_empty()) {
            end::begin(store, kinds::of_object(one).expect("a kind"), one, "Background");
        }
        if mine.is_empty() {
            let kind = kinds::of_object(&it).expect("a kind");
            let all = it["metadata"]["finalizers"].as_array_mut().expect("finalizers");
            all.retain(|it| it != end::FOREGROUND);
            end::put(store, kind, it);
        }
    }
}
