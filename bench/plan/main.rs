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
use serde_json::json;

/// Objects of the sources that are planned. The bar is for the second.
const SIZES: [usize; 4] = [500, 1000, 2000, 4000];
/// What a thousand objects may take.
const BAR: Duration = Duration::from_millis(100);
/// Times that each is planned; the median counts.
const TIMES: usize = 9;

fn main() -> ExitCode {
    let mut slow = false;
    println!("Planning, median of {TIMES}\n");
    println!("objects  clones  changes  sealing    planning   per object");
    for size in SIZES {
        let (request, key) =
            (request(), OperatorKey::from_bytes(&[7; OperatorKey::LENGTH]).unwrap());
        let reading = || Reading {
            namespace: NamespaceName::parse(source::NAMESPACE).unwrap(),
            captured_at: "2026-11-01T08:00:00Z".parse().unwrap(),
            objects: source::objects(size),
            secrets: Some(source::secrets(size)),
            unreadable: Vec::new(),
        };
        let readings: Vec<Reading> = (0..TIMES).map(|_| reading()).collect();
        let capture = assemble(reading(), &key);
        let mut readings = readings.into_iter();
        let sealed = median(|| {
            if let Some(reading) = readings.next() {
                std::hint::black_box(assemble(reading, &key));
            }
        });
        let planned = median(|| {
            std::hint::black_box(plan(&request, &capture).unwrap());
        });
        let made = plan(&request, &capture).unwrap();
        let over = size == 1000 && planned > BAR;
        slow |= over;
        println!(
            "{size:>7} {:>7} {:>8} {:>8.1} ms {:>8.1} ms {:>8.1} µs{}",
            made.clones.len(),
            made.changes.len(),
            sealed.as_secs_f64() * 1e3,
            planned.as_secs_f64() * 1e3,
            planned.as_secs_f64() * 1e6 / f64::from(u32::try_from(size).unwrap()),
            if over { "  SLOWER than 100 ms" } else { "" },
        );
    }
    println!("\nBar: 1,000 objects within {} ms.\n", BAR.as_millis());
    let strict = std::env::var_os("STRICT").is_some();
    if slow && strict { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut took: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let from = Instant::now();
            work();
            from.elapsed()
        })
        .collect();
    took.sort();
    took[TIMES / 2]
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
