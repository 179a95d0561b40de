//! What must hold of a life, whatever went wrong in it: judged by what happened in the cluster, and not
//! by what the operator says.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    canary::{sings, sings_packed},
    life::{Life, NAME, Stage, TEAM, TTL},
    normal,
    server::{
        controllers::named,
        store::{By, Event, text},
    },
};

/// So long what somebody says may be on its way: a watch that is not answered is begun anew by then.
const UNNOTICED: SignedDuration = SignedDuration::from_secs(75);

/// What is wrong about a life.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// It did not come to its end, or was another one on the way.
    pub astray: Vec<String>,
    /// Left over when it was gone.
    pub leaked: Vec<String>,
    /// Written by the operator, and not its own.
    pub foreign: Vec<String>,
    /// Seeds that ran more than once.
    pub twice: Vec<String>,
    /// Deleted before its time.
    pub early: Vec<String>,
    /// Said to be ready while it was not.
    pub dishonest: Vec<String>,
    /// Objects and lines of the log that hold a secret value of production.
    pub told: Vec<String>,
}

impl Verdict {
    /// All that is wrong, in words.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        let Self { astray, leaked, foreign, twice, early, dishonest, told } = self;
        [astray, leaked, foreign, twice, early, dishonest, told].into_iter().flatten()
    }
}

/// Judges a life by the one to which nothing happened, if that is known.
pub fn judge(life: &Life, well: Option<&Life>) -> Verdict {
    let mut verdict = Verdict { astray: life.wrong.clone(), ..Verdict::default() };
    let store = life.cluster.store();
    if life.stage == Stage::Done {
        verdict.leaked = left_over(life, store.all().map(|(_, it)| it));
    }
    if let Some(well) = well.filter(|_| life.stage > Stage::Quiet)
        && let Some(difference) = normal::difference(&well.ready, &life.ready)
    {
        verdict.astray.push(difference);
    }
    verdict.foreign = foreign(store.events.iter());
    verdict.twice = twice(store.events.iter());
    verdict.early = early(store.events.iter());
    verdict.dishonest = dishonest(store.events.iter());
    verdict.told = told(store.events.iter());
    verdict.told.extend(life.log.found().iter().map(|it| format!("in the log: {it}")));
    verdict
}

fn id(it: &Value) -> String {
    let kind = it["kind"].as_str().unwrap_or_default();
    format!("{kind} {}/{}", text(it, "namespace"), text(it, "name"))
}

/// What was there before is there as it was; besides it there are Events and nothing else.
fn left_over<'a>(life: &Life, now: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let before: BTreeMap<&str, &Value> =
        life.before.iter().map(|it| (text(it, "uid"), it)).collect();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for it in now.filter(|it| it["kind"] != "Event") {
        match before.get(text(it, "uid")) {
            Some(was) if *was == it => drop(seen.insert(text(it, "uid"))),
            Some(_) => wrong.push(format!("{} is not what it was", id(it))),
            None => wrong.push(format!("{} is left", id(it))),
        }
    }
    let lost = before.iter().filter(|(uid, _)| !seen.contains(*uid));
    wrong.extend(lost.map(|(_, it)| format!("{} is gone or changed", id(it))));
    wrong
}

/// Writes of the operator besides its targets, its plans, its reports and what it says of environments.
fn foreign<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<String> {
    let mut targets = BTreeSet::new();
    let mut wrong = Vec::new();
    for it in events.filter(|it| it.by == By::Operator) {
        let (namespace, name) = (text(&it.after, "namespace"), text(&it.after, "name"));
        let ours = match (it.kind.kind, namespace) {
            ("Namespace", _) => {
                let new = it.before.is_none();
                if new {
                    targets.insert(name.to_owned());
                }
                targets.contains(name)
            }
            ("Secret", "kulisse") => name.starts_with("plan-") || name == "kulisse-operator-key",
            ("StagingEnvironment" | "StagingPlan", TEAM) => name == NAME,
            ("Event", _) => namespace == TEAM,
            (_, namespace) => targets.contains(namespace),
        };
        if !ours {
            wrong.push(format!("{} was written", id(&it.after)));
        }
    }
    wrong
}

/// Jobs of seeds that were made more than once, also in another namespace; each environment and each
/// life of it may have its own.
fn twice<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<String> {
    let mut made: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut lives: BTreeMap<String, String> = BTreeMap::new();
    for it in events.filter(|it| it.before.is_none()) {
        let (namespace, name) = (text(&it.after, "namespace"), text(&it.after, "name"));
        let annotation = |key: &str| it.after["metadata"]["annotations"][key].as_str();
        let label = |key: &str| it.after["metadata"]["labels"][key].as_str();
        if it.kind.kind == "Namespace"
            && let Some(uid) = label("kulisse.dev/environment-uid")
        {
            let life = annotation("kulisse.dev/incarnation").unwrap_or_default();
            lives.insert(name.to_owned(), format!("{uid} {life}"));
        }
        // Nothing fails here: another attempt is another run.
        if it.kind.kind == "Job" && name.starts_with("seed-") {
            let life = lives.get(namespace).cloned().unwrap_or_default();
            let seed = label("kulisse.dev/task").unwrap_or_default().to_owned();
            *made.entry((life, seed)).or_default() += 1;
        }
    }
    made.into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|((life, seed), times)| format!("seed {seed} of {life}: {times} times"))
        .collect()
}

/// Targets that were deleted before they were as old as they may get, while nobody wanted it.
fn early<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<String> {
    let mut unwanted: BTreeSet<String> = BTreeSet::new();
    // When each environment is to end, as somebody has said, and since when that is said no more.
    let mut ends: Vec<(String, Option<Timestamp>, Option<Timestamp>)> = Vec::new();
    let mut wrong = Vec::new();
    let time = |of: &Value| of.as_str().and_then(|it| it.parse::<Timestamp>().ok());
    let ttl = SignedDuration::try_from(TTL).expect("a duration");
    for it in events {
        let leaving = time(&it.after["metadata"]["deletionTimestamp"]).is_some();
        let began = it.before.as_ref().is_none_or(|it| text(it, "deletionTimestamp").is_empty());
        match it.kind.kind {
            "StagingEnvironment" => {
                let uid = text(&it.after, "uid").to_owned();
                // Of those that are rebuilt, one takes the place of another.
                if leaving || it.gone || it.after["spec"]["drift"]["action"] == "Rebuild" {
                    unwanted.insert(uid.clone());
                }
                let end = time(&it.after["metadata"]["annotations"]["kulisse.dev/extend"]);
                let last = ends.iter_mut().rev().find(|it| it.0 == uid);
                if last.as_ref().is_none_or(|last| last.1 != end) {
                    if let Some(last) = last {
                        last.2 = Some(it.at);
                    }
                    ends.push((uid, end, None));
                }
            }
            "Namespace" if leaving && began => {
                let uid = it.after["metadata"]["labels"]["kulisse.dev/environment-uid"].as_str();
                let uid = uid.unwrap_or_default();
                let made = time(&it.after["metadata"]["creationTimestamp"]).expect("a time");
                let said = ends.iter().filter(|end| {
                    end.0 == uid && end.2.is_none_or(|until| until + UNNOTICED > it.at)
                });
                let is_over = said.map(|end| end.1.unwrap_or(made + ttl)).any(|end| end <= it.at);
                if it.by == By::Operator && !unwanted.contains(uid) && !is_over {
                    wrong.push(format!("{} after {}", id(&it.after), it.at.duration_since(made)));
                }
            }
            _ => {}
        }
    }
    wrong
}

/// Moments at which an environment was said to be ready and something that it consists of was not.
fn dishonest<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<String> {
    let mut there: BTreeMap<String, &Value> = BTreeMap::new();
    let mut wrong = BTreeSet::new();
    let mut seeded: BTreeSet<&str> = BTreeSet::new();
    let environment = named("StagingEnvironment");
    for it in events {
        if it.kind.kind == "Job" && text(&it.after, "name").starts_with("seed-") {
            seeded.insert(text(&it.after, "namespace"));
        }
        if it.gone {
            there.remove(text(&it.after, "uid"));
        } else {
            there.insert(text(&it.after, "uid").to_owned(), &it.after);
        }
        let conditions = it.after["status"]["conditions"].as_array().into_iter().flatten();
        let ready =
            conditions.filter(|it| it["type"] == "Ready" && it["status"] == "True").count() > 0;
        if std::ptr::eq(it.kind, environment) && ready && it.by == By::Operator {
            let serves = it.after["status"]["namespaces"][0]["name"].as_str().unwrap_or_default();
            let target = |it: &&&Value| text(it, "namespace") == serves;
            wrong.extend(there.values().filter(target).filter_map(|it| unready(it)));
            let fence =
                |it: &&Value| it["kind"] == "NetworkPolicy" && text(it, "namespace") == serves;
            if !seeded.contains(serves) || !there.values().any(fence) {
                wrong.insert(format!("{serves} has no seeds, or no fence"));
            }
        }
    }
    wrong.into_iter().collect()
}

/// Objects that hold a secret value of production, plans as they are stored among them.
fn told<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<String> {
    let written = events.filter(|it| it.by == By::Operator).map(|it| &it.after);
    let telling = written.filter(|it| {
        sings(&it.to_string()) || (text(it, "namespace") == "kulisse" && sings_packed(it))
    });
    telling.map(|it| format!("{} holds a secret value", id(it))).collect()
}

/// What keeps an object from being ready.
fn unready(it: &Value) -> Option<String> {
    let not = || Some(format!("{} is not ready", id(it)));
    match it["kind"].as_str().unwrap_or_default() {
        "Deployment" | "StatefulSet" => {
            let up = it["status"]["readyReplicas"] == it["spec"]["replicas"]
                && it["status"]["observedGeneration"] == it["metadata"]["generation"];
            if up { None } else { not() }
        }
        "Job" => {
            if it["status"]["succeeded"] == 1 {
                None
            } else {
                not()
            }
        }
        _ => None,
    }
}

#[test]
fn a_secret_value_is_found_in_whatever_the_operator_wrote_packed_or_not() {
    use std::io::Write;

    use crate::{canary::CANARY, server::store::Store};
    use k8s_openapi::ByteString;
    use serde_json::json;

    let packed = |text: &str| {
        let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packing.write_all(text.as_bytes()).expect("room");
        json!(ByteString(packing.finish().expect("room")))
    };
    let object = |kind: &str, name: &str, data: Value| {
        json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": "kulisse" },
            "data": { "it": data } })
    };
    let secret = format!("{CANARY}-1");
    let mut store = Store::new(Timestamp::UNIX_EPOCH);
    store.plant(object("ConfigMap", "of somebody else", json!(secret)));
    store.by = By::Operator;
    store.plant(object("ConfigMap", "plain", json!(secret)));
    store.plant(object("Secret", "encoded", json!(ByteString(secret.clone().into_bytes()))));
    store.plant(object("Secret", "plan-packed", packed(&secret)));
    store.plant(object("Secret", "plan-masked", packed("nothing of that kind")));
    let told = told(store.events.iter());
    assert_eq!(told.len(), 3, "{told:?}");
}
