//! One tenant has, or hands in, what is too much or too tangled to be planned: each ends in a clone, or in
//! a sentence that says what is allowed; meanwhile another tenant's environments become ready, and the
//! operator neither ends nor grows. On the second cluster, where nobody else is meanwhile.

use std::{fmt::Write, sync::Arc, time::Instant};

use futures::{StreamExt, stream};
use kulisse_core::api::condition::ConditionType::{Planned, Ready};
use serde_json::{Value, json};

use crate::{
    customised::may_read,
    floods::{TAKEN, taken},
    support::{environment::Environment, extent::wanted, operator::Operator, suite::skip, wait::s},
    world::{APPLICATION, Place, World},
};

/// How much longer another one may take, at the median.
const RATIO: f64 = 8.0;
/// Most memory that the operator may ever have had, in MiB, unoptimised and with a log of everything: 498
/// were seen, of which the greatest part is what is read of one source and what a spec may add.
const MEMORY: u64 = 640;

/// A line of what the kernel says of the operator's process, in MiB.
fn memory(operator: &Operator, field: &str) -> u64 {
    let pid = operator.pid().expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|it| it.strip_prefix(field)).expect("a field");
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().expect("KiB") / 1024
}

#[expect(clippy::needless_pass_by_value, reason = "what is made in place is given away")]
fn config(namespace: &str, name: &str, data: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": { "name": name, "namespace": namespace, "labels": { "kulisse.dev/usable": "true" } } })
}

#[expect(clippy::needless_pass_by_value, reason = "what is made in place is given away")]
fn secret(namespace: &str, name: &str, data: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "stringData": data,
        "metadata": { "name": name, "namespace": namespace } })
}

/// Names that stand for nine times what the one before stands for.
fn laughs() -> String {
    let mut text = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for at in b'b'..=b'k' {
        let (this, before) = (char::from(at), char::from(at - 1));
        let all = vec![format!("*{before}"); 9].join(", ");
        writeln!(text, "{this}: &{this} [{all}]").expect("a text");
    }
    text
}

/// What no file should look like.
fn tangled() -> Vec<(&'static str, String)> {
    let deep = 100_000;
    vec![
        ("laughs.yaml", laughs()),
        ("lists.json", format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
        ("maps.json", format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep))),
        ("open.yaml", "[".repeat(deep)),
        ("deep.yaml", (0..400).fold(String::new(), |all, at| all + &" ".repeat(at) + "a:\n")),
        ("elements.xml", format!("{}{}", "<a>".repeat(deep), "</a>".repeat(deep))),
        ("tables.toml", format!("[{}a]\nb = 1\n", "a.".repeat(deep))),
        ("lines.properties", "a=b\n".repeat(deep)),
        ("names.conf", "http://api.{ns}.svc:80/ ".repeat(10_000)),
    ]
}

/// What one source holds that nobody needs.
async fn fill(place: &Place<'_>, objects: Vec<Value>) {
    let made = stream::iter(objects).map(|it| async move {
        place.world.objects().try_create(&it, false).await.expect("an object");
    });
    made.buffer_unordered(16).collect::<Vec<()>>().await;
}

/// How one environment ends: with a plan that holds, or with words.
async fn ends(it: &Environment<'_>, reason: &str, says: &str) -> f64 {
    let started = Instant::now();
    if reason.is_empty() {
        it.until(Ready, "True", "", s(300)).await;
    } else {
        let said = it.until(Planned, "False", reason, s(300)).await;
        assert!(said.contains(says) && said.len() < 2048, "{says}: {said}");
    }
    started.elapsed().as_secs_f64()
}

#[expect(clippy::too_many_lines, reason = "one flood, from its beginning to its end")]
pub async fn what_is_too_much_or_too_tangled_ends_in_words_and_costs_others_little(
    world: Arc<World>,
) {
    if !wanted("all") {
        skip("FAULTS=all tries sources of tens of megabytes; it takes minutes");
    }
    let (world, _turn) = world.alone().await;
    let quiet = world.source("calm", APPLICATION).await;
    let operator = &world.operator;
    let before = taken(&quiet, "before").await;
    let (pid, small) = (operator.pid(), memory(operator, "VmRSS:"));

    let (many, most) = if wanted("all") { (5000, 2000) } else { (1200, 1000) };
    world
        .class("crammed", &json!({ "limits": { "maxObjects": most }, "manifests": "Allow" }))
        .await;
    let text = |at: usize| json!({ "k": format!("http://api.svc/{at}") });

    let numerous = world.source("numerous", APPLICATION).await;
    let all = (0..many).map(|at| config(&numerous.source, &format!("c{at}"), text(at))).collect();
    fill(&numerous, all).await;

    let heavy = world.source("heavy", APPLICATION).await;
    let megabyte = "x y z ".repeat(166_000);
    let all = (0..70).map(|at| config(&heavy.source, &format!("c{at}"), json!({ "k": megabyte })));
    fill(&heavy, all.collect()).await;

    let stout = world.source("stout", APPLICATION).await;
    let all = (0..12).map(|at| config(&stout.source, &format!("c{at}"), json!({ "k": megabyte })));
    fill(&stout, all.collect()).await;

    let knotted = world.source("knotted", APPLICATION).await;
    let mut all = Vec::new();
    for (at, (name, text)) in tangled().into_iter().enumerate() {
        let data = json!({ name: text.replace("{ns}", &knotted.source) });
        all.push(config(&knotted.source, &format!("t{at}"), data.clone()));
        all.push(secret(&knotted.source, &format!("t{at}"), data));
    }
    fill(&knotted, all).await;

    let handed = world.source("handed", APPLICATION).await;
    let all = tangled().into_iter().enumerate();
    let given: Vec<Value> = all
        .map(|(at, (_, text))| {
            config(&handed.requests, &format!("t{at}"), json!({ "a.yaml": text }))
        })
        .collect();
    let count = given.len();
    may_read(&handed).await;
    fill(&handed, given).await;

    let class = |more: Value| {
        let mut spec = more;
        spec["className"] = json!("crammed");
        spec
    };
    let patch = json!({ "metadata": { "annotations": { "a": "x".repeat(60_000) } } }).to_string();
    let patch = json!({ "patches": [{ "target": { "kind": "ConfigMap" }, "patch": patch }] });
    let laid = |at: usize| json!({ "overlay": { "configMapRef": [{ "name": format!("t{at}") }] } });
    let instead = |at: usize| {
        let manifests = json!({ "configMapRef": [{ "name": format!("t{at}") }] });
        json!({ "source": { "namespace": handed.source, "manifests": manifests } })
    };
    let mut asked: Vec<(&str, Environment<'_>, &str, &str)> = vec![
        (
            "many objects",
            numerous.environment("pr-1", class(json!({}))).await,
            "TooLarge",
            "maxObjects",
        ),
        (
            "many megabytes",
            heavy.environment("pr-1", class(json!({}))).await,
            "TooLarge",
            "more than 32 MiB",
        ),
        ("some megabytes", stout.environment("pr-1", class(json!({}))).await, "", ""),
        ("tangled files", knotted.environment("pr-1", class(json!({}))).await, "", ""),
        (
            "a patch over many",
            numerous.environment("pr-2", class(patch)).await,
            "PatchFailed",
            "MiB",
        ),
    ];
    for at in 0..count {
        let it = handed.environment(&format!("laid-{at}"), class(laid(at))).await;
        asked.push(("tangled manifests, laid over", it, "InvalidManifest", "ConfigMap/t"));
        let it = handed.environment(&format!("instead-{at}"), class(instead(at))).await;
        asked.push(("tangled manifests, as a source", it, "InvalidManifest", "ConfigMap/t"));
    }
    let ended = async {
        for (what, it, reason, says) in &asked {
            let took = ends(it, reason, says).await;
            println!(
                "figure: {what}: {took:.1} s more until {}",
                if reason.is_empty() { "ready" } else { reason }
            );
        }
    };
    let ((), during) = futures::join!(ended, taken(&quiet, "during"));
    let (peak, large) = (memory(operator, "VmHWM:"), memory(operator, "VmRSS:"));
    assert_eq!(operator.pid(), pid, "it was started again");
    assert!(operator.runs(), "it has ended");
    let ratio = during[TAKEN / 2] / before[TAKEN / 2];
    println!(
        "figure: until ready for one tenant, beside one who has {many} objects in a source, 70 MB in another, and files that are bombs: {:.1} s (median), {:.1} s at most; before: {:.1} s, {:.1} s: {ratio:.1} times as long; the operator's memory: {small} MiB before, {peak} at most, {large} after; started again: 0 times",
        during[TAKEN / 2],
        during[TAKEN - 1],
        before[TAKEN / 2],
        before[TAKEN - 1],
    );
    for (_, it, ..) in &asked {
        it.delete().await;
    }
    for (_, it, ..) in &asked {
        it.gone(s(300)).await;
    }
    for place in [&numerous, &heavy, &stout, &knotted] {
        world.objects().delete("v1 Namespace", "", &place.source).await;
    }
    assert!(ratio < RATIO, "{ratio} times as long: {before:?} {during:?}");
    assert!(peak < MEMORY, "{peak} MiB");
}
