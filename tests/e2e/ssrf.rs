//! Server-side request forgery: HTTP tasks are given URLs that lead to production, in whatever spelling.
//!
//! Production's beacon writes down every request. Each URL is asked for from where it is open as well, by
//! another program: only what answers there shows anything by not being reached from a target.

mod list;

use std::{collections::BTreeMap, fmt::Write, net::Ipv4Addr, sync::Arc};

use futures::future::join_all;
use kulisse_core::api::{
    condition::ConditionType::{Planned, Seeded, SmokePassed, Stalled},
    status::{TaskState, TaskSummary},
};
use serde_json::{Value, json};

use self::list::{
    AT_THE_END, BLOCKED, BY_HAND, Control, ENDPOINTS, PASSED, REFUSED, SEEDS, SMOKES, Task,
};
use crate::{
    support::{
        environment::{Environment, granted_source},
        tools::yaml,
        wait::{eventually, s},
    },
    ways::{Facts, filled, text},
    world::{Small, World},
};

/// Most smokes of one environment.
const MOST: usize = 16;

/// The URL that a task is given.
fn url(task: &Task, facts: &Facts) -> String {
    filled(&task.1.replace("{it}", task.0), facts)
}

/// What is to pass has its time. What is to fail fails with its first request to an address, which takes
/// longer than this where the fence swallows it, and with a later one to a name: on a busy machine
/// look-ups fail for tens of seconds now and then, and show nothing.
fn asking(tasks: &[&Task], facts: &Facts) -> Value {
    let asking = tasks.iter().map(|it| {
        let url = url(it, facts);
        let named = url.split("://").nth(1).is_some_and(|it| it.starts_with(char::is_alphabetic));
        let within = match (it.3, named) {
            (PASSED, _) => "60s",
            (_, true) => "40s",
            (_, false) => "5s",
        };
        json!({ "name": it.0, "timeout": "60s", "http": { "url": url, "within": within } })
    });
    asking.collect()
}

/// A Service of this name with production's Pod as its endpoints.
fn endpoints(name: &str, here: &str, facts: &Facts) -> Vec<Value> {
    let mut facts = facts.clone();
    facts.extend([("name", name.to_owned()), ("here", here.to_owned())]);
    yaml(&filled(ENDPOINTS, &facts))
}

/// Production, and its addresses in as many spellings as they have.
async fn production(world: &World) -> (Small<'_>, Facts) {
    let (source, requests) = ("src-ssrf".to_owned(), "req-ssrf".to_owned());
    let objects = world.objects();
    granted_source(objects, &source, &requests).await;
    objects.apply(include_str!("ways/elsewhere.yaml")).await;
    let mut facts = Facts::from([("ns", source.clone()), ("NS", source.to_uppercase())]);
    objects.apply(&filled(include_str!("ssrf/production.yaml"), &facts)).await;
    let outside = world.balance(&source, "beacon-outside", "198.51.100.18").await;
    world.is_up(&source, "statefulset/beacon").await;
    world.is_up(&source, "deployment/asker").await;

    let beacon = world.pod(&source, "beacon-0").await;
    let pod = text(&beacon, "/status/podIP");
    let ip: Ipv4Addr = pod.parse().expect("an address");
    let ([a, b, c, d], words) = (ip.octets(), ip.to_ipv6_mapped().segments());
    let slice = objects.list("discovery.k8s.io/v1 EndpointSlice", "default").await.remove(0);
    let (address, port) = (text(&slice, "/endpoints/0/addresses/0"), text(&slice, "/ports/0/port"));
    let operator = world.service("kulisse", "kulisse").await;
    let cluster_ip =
        async |namespace, name| text(&world.service(namespace, name).await, "/spec/clusterIP");
    facts.extend([
        ("pod", pod),
        ("dashed", format!("{a}-{b}-{c}-{d}")),
        ("decimal", ip.to_bits().to_string()),
        ("hex", format!("{:#010x}", ip.to_bits())),
        ("octal", format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}")),
        ("three", format!("{a}.{b}.{}", u16::from_be_bytes([c, d]))),
        ("mapped", format!("{:x}:{:x}", words[6], words[7])),
        ("service", cluster_ip(&source, "beacon").await),
        ("node", text(&beacon, "/status/hostIP")),
        ("nodePort", text(&outside, "/spec/ports/0/nodePort")),
        ("ingress", cluster_ip("ingress", "ingress").await),
        ("api", cluster_ip("default", "kubernetes").await),
        ("apiEndpoint", format!("{address}:{port}")),
        ("operatorPod", text(&world.pod("kulisse", "kulisse").await, "/status/podIP")),
        ("operatorPort", text(&operator, "/spec/ports/0/port")),
    ]);
    for object in endpoints("captured", &source, &facts) {
        objects.try_apply(&object, false).await.expect("endpoints");
    }
    (Small { world, source, requests }, facts)
}

/// Waits until every URL answers from where nothing is fenced.
async fn open(world: &World, source: &str, facts: &Facts) {
    let places = [
        (source, "deployment/asker", [Control::Beacon, Control::Answered].as_slice()),
        ("elsewhere", "metadata", &[Control::OnNode]),
    ];
    for (namespace, pod, controls) in places {
        let mut script = String::new();
        for task in SMOKES.iter().chain(BY_HAND).filter(|it| controls.contains(&it.2)) {
            let wanted = if task.2 == Control::Beacon { "beacon of {ns}$" } else { "" };
            let wanted = filled(wanted, facts);
            let (name, url) = (task.0, url(task, facts));
            let ask = format!("curl -gskL --max-time 5 '{url}' | grep -q '{wanted}'");
            let _ = writeln!(script, "( {ask} || echo {name} ) &");
        }
        script += "wait\n";
        eventually(&format!("all of it answers {pod}"), s(60), || async {
            let silent = world.exec(namespace, pod, &["sh", "-c", &script]).await.ok(pod);
            if silent.is_empty() { Ok(()) } else { Err(silent) }
        })
        .await;
    }
}

/// What the beacon of a namespace has written down.
async fn record(world: &World, namespace: &str) -> Vec<String> {
    let log = world.kubectl(&["-n", namespace, "logs", "beacon-0"]).await.ok("a beacon's log");
    log.lines().map(str::to_owned).collect()
}

/// Has production's beacon write down a request from production. Answers all that came before it.
async fn marked(place: &Small<'_>, mark: &str) -> Vec<String> {
    let url = format!("http://beacon/{mark}");
    // Whatever else the machine does: the mark has to be there.
    let ask = ["curl", "-s", "--max-time", "20", "--retry", "9", "--retry-all-errors", &url];
    place.world.exec(&place.source, "deployment/asker", &ask).await.ok(mark);
    eventually(&format!("production's beacon has written {mark} down"), s(20), || async {
        let mut record = record(place.world, &place.source).await;
        let found = record.iter().position(|it| it.starts_with(&format!("GET /{mark} ")));
        let Some(at) = found else { return Err(format!("{record:#?}")) };
        record.truncate(at);
        Ok(record)
    })
    .await
}

/// Waits until these tasks have had their say. Answers what of it is not as listed.
async fn judged(
    world: &World,
    it: &Environment<'_>,
    tasks: &[&Task],
    facts: &Facts,
) -> Vec<String> {
    let over = |it: &TaskSummary| !matches!(it.state, TaskState::Pending | TaskState::Running);
    let what = format!("the tasks of {} are over", it.name);
    let said = it.until_that(&what, s(150), |it| {
        let status = it.status.clone()?;
        let current = Some(status.observed_generation) == it.metadata.generation;
        let all = status.seed.into_iter().chain(status.smoke).filter(over);
        let said: BTreeMap<_, _> = all.map(|it| (it.name.clone(), it)).collect();
        (current && tasks.iter().all(|it| said.contains_key(it.0))).then_some(said)
    });
    let (said, target) = (said.await, it.target().await);
    let own = record(world, &target).await;
    let mut wrong = Vec::new();
    for task in tasks {
        let (name, cause, said) = (task.0, task.3, &said[task.0]);
        let took = said.took_seconds.unwrap_or_default();
        let state = format!("{:?}", said.state);
        println!("figure: {name:22} {state:7} {took:3} s  {}", said.message.escape_debug());
        let fits = if cause == PASSED {
            said.state == TaskState::Passed
        } else {
            // The URL is the planned one, so that whoever reads it sees where the task really went.
            let url = url(task, facts);
            let named = [url.clone(), url.replace(&facts["ns"], &target)];
            said.state == TaskState::Failed
                && named.iter().any(|it| said.message.starts_with(it))
                && said.message.contains(cause)
        };
        // What was answered at all was answered in the target.
        let path = url(task, facts).splitn(4, '/').last().unwrap_or_default().to_owned();
        let asked = own.iter().any(|it| it.starts_with(&format!("GET /{path} ")));
        if !fits || asked != (cause == PASSED || cause.starts_with("status")) {
            wrong.push(format!(
                "{name}: {state}, asked of its own beacon: {asked}; {}",
                said.message
            ));
        }
    }
    wrong
}

/// What the API server, or the planner, does not take.
async fn refused(place: &Small<'_>, facts: &Facts) {
    for (http, told) in REFUSED {
        let http: Value = serde_json::from_str(&filled(http, facts)).expect("JSON");
        let object = json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": { "name": "refused", "namespace": place.requests },
            "spec": { "source": { "namespace": place.source },
                "smoke": [{ "name": "refused", "http": http }] },
        });
        let answer = place.world.objects().try_apply(&object, true).await;
        let words = answer.err().unwrap_or_else(|| panic!("{http} is taken")).to_string();
        assert!(words.contains(told), "{http}: {words}");
    }
    let blocked = BLOCKED.iter().enumerate().map(|(at, service)| async move {
        let service = filled(service, facts);
        let smoke = json!([{ "name": "blocked", "http": { "service": service } }]);
        let it = place.environment(&format!("blocked-{at}"), json!({ "smoke": smoke })).await;
        let told = it.until(Planned, "False", "InvalidSpec", s(60)).await;
        assert!(told.contains(&service) && told.contains("beacon-pods"), "{told}");
        it.remove().await;
    });
    join_all(blocked).await;
}

/// An administrator's endpoints of production's Pod, and another name for production that nobody but
/// the operator could make in a target.
fn by_hand(here: &str, facts: &Facts) -> Vec<Value> {
    let mut all = endpoints("by-hand", here, facts);
    let name = filled("beacon.{ns}.svc.cluster.local", facts);
    all.push(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "detour", "namespace": here },
        "spec": { "type": "ExternalName", "externalName": name }
    }));
    all
}

pub async fn what_http_tasks_ask_for_never_reaches_production(world: Arc<World>) {
    let (place, facts) = production(&world).await;
    let objects = world.objects();
    // There while it is shown that all is open, and gone before anything of it is cloned.
    for object in by_hand(&place.source, &facts) {
        objects.try_apply(&object, false).await.expect("an object");
    }
    open(&world, &place.source, &facts).await;
    for name in ["by-hand", "detour"] {
        objects.delete("v1 Service", &place.source, name).await;
        objects.delete("discovery.k8s.io/v1 EndpointSlice", &place.source, name).await;
    }
    let before = marked(&place, "before").await.len() + 1;
    refused(&place, &facts).await;

    let overlay = json!({ "inline": endpoints("laid-over", &place.source, &facts) });
    let many = SMOKES.len().div_ceil(MOST);
    let mut asked: Vec<(Environment, Vec<&Task>)> = Vec::new();
    for at in 0..many {
        let mine: Vec<&Task> = SMOKES.iter().skip(at).step_by(many).collect();
        let spec = json!({ "overlay": overlay, "smoke": asking(&mine, &facts) });
        asked.push((place.environment(&format!("smokes-{at}"), spec).await, mine));
    }
    let seeds: Vec<&Task> = SEEDS.iter().collect();
    let end = asking(&[AT_THE_END], &facts);
    let spec = json!({ "seed": asking(&seeds, &facts), "preDelete": end });
    asked.push((place.environment("seeds", spec).await, seeds));
    let said = asked.iter().map(|(it, tasks)| judged(&world, it, tasks, &facts));
    let mut wrong: Vec<String> = join_all(said).await.into_iter().flatten().collect();
    for (it, _) in &asked {
        let kind = if it.name == "seeds" { Seeded } else { SmokePassed };
        let told = it.until(kind, "False", "Failed", s(10)).await;
        it.until(Stalled, "True", "Failed", s(30)).await;
        println!("figure: {}: {told}", it.name);
    }

    let (first, _) = &asked[0];
    for object in by_hand(&first.target().await, &facts) {
        if object["spec"]["type"] == "ExternalName" {
            world.alias(&object);
        } else {
            objects.try_apply(&object, false).await.expect("an object");
        }
    }
    let late: Vec<&Task> = BY_HAND.iter().collect();
    first.patch(json!({ "smoke": asking(&late, &facts) })).await;
    wrong.extend(judged(&world, first, &late, &facts).await);

    join_all(asked.iter().map(|(it, _)| it.remove())).await;
    let (last, _) = asked.last().expect("the seeds");
    let told = last.events().await;
    assert!(told.contains(AT_THE_END.0) && told.contains(AT_THE_END.3), "{told}");
    let seen = marked(&place, "after").await.split_off(before);
    let tried = SMOKES.len() + SEEDS.len() + BY_HAND.len() + 1;
    println!("figure: of {tried} URLs, {} requests came to production", seen.len());
    assert!(seen.is_empty(), "{seen:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
