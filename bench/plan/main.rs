//! How long the planner takes, and that it takes twice as long for twice as much. `make bench` prints it.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

mod source;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use kulisse_core::{
    api::{
        class::StagingClassSpec,
        environment::StagingEnvironmentSpec,
        identity::{Incarnation, NamespaceName},
    },
    plan::{
        capture::{Reading, assemble},
        plan,
        request::{Cluster, Identity, Request},
    },
    secrets::OperatorKey,
};
use mimalloc::MiMalloc;
use serde_json::json;

/// That of the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Objects of the sources that are planned. The bar is for the first.
const SIZES: [usize; 4] = [1000, 2000, 4000, 8000];
/// What a thousand objects may take.
const BAR: Duration = Duration::from_millis(100);
/// How much longer than the first an object of the others may take.
const LINEAR: f64 = 1.25;
/// Times that each is planned; the fastest counts, since all else is other work of the machine.
const TIMES: usize = 9;

fn main() -> ExitCode {
    let mut failed = false;
    let mut first = None;
    let (request, key) = (request(), OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap());
    println!("Planning, the fastest of {TIMES}\n");
    println!("objects  clones  changes  sealing    planning   per object");
    for size in SIZES {
        let reading = || Reading {
            namespace: NamespaceName::parse(source::NAMESPACE).unwrap(),
            captured_at: "2026-11-01T08:00:00Z".parse().unwrap(),
            objects: source::objects(size),
            secrets: Some(source::secrets(size)),
            unreadable: Vec::new(),
        };
        let (sealed, capture) = fastest(reading, |reading| assemble(reading, &key));
        let (planned, made) = fastest(|| (), |()| plan(&request, &capture).unwrap());
        let each = planned.as_secs_f64() * 1e6 / f64::from(u32::try_from(size).unwrap());
        let least = *first.get_or_insert(each);
        let verdict = if size == SIZES[0] && planned > BAR {
            "  SLOWER than the bar"
        } else if each > least * LINEAR {
            "  MORE than in proportion"
        } else {
            ""
        };
        failed |= !verdict.is_empty();
        println!(
            "{size:>7} {:>7} {:>8} {:>8.1} ms {:>8.1} ms {each:>8.1} µs{verdict}",
            made.clones.len(),
            made.changes.len(),
            sealed.as_secs_f64() * 1e3,
            planned.as_secs_f64() * 1e3,
        );
    }
    println!("\nBar: 1,000 objects within {} ms, more of them in proportion.\n", BAR.as_millis());
    let strict = std::env::var_os("STRICT").is_some();
    if failed && strict { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How long some work takes, without what it is given and what becomes of it; and what comes of it.
fn fastest<G, M>(given: impl Fn() -> G, work: impl Fn(G) -> M) -> (Duration, M) {
    let run = || {
        let given = given();
        let from = Instant::now();
        let made = work(given);
        (from.elapsed(), made)
    };
    (1..TIMES).map(|_| run()).fold(run(), |best, it| if it.0 < best.0 { it } else { best })
}

fn request() -> Request {
    let spec: StagingEnvironmentSpec =
        serde_json::from_value(json!({"source": {"namespace": source::NAMESPACE}})).unwrap();
    let class: StagingClassSpec = serde_json::from_value(json!({
        "limits": {"maxObjects": 100_000},
        "expose": {"domain": "preview.example.com", "ingressClassName": "nginx"},
    }))
    .unwrap();
    Request {
        environment: Identity {
            name: "pr-1".to_owned(),
            namespace: NamespaceName::parse("previews").unwrap(),
            uid: "0b7f6a3e-5a52-4c7e-9a8e-000000000001".to_owned(),
        },
        spec,
        class,
        granted_secrets: Vec::new(),
        overlay: Vec::new(),
        incarnation: Incarnation(1),
        target: NamespaceName::parse("stg-pr-1").unwrap(),
        cluster: Cluster::default(),
    }
}
