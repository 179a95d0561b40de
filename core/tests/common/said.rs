//! What holds whatever stands in a request, a schedule, a name, or in an environment that another
//! version or a person has written: nothing panics, and what was read is written back as it was.

#![allow(dead_code, reason = "each fuzzer uses one of them")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use k8s_openapi::jiff::Timestamp;
use kulisse_core::{
    api::{
        class::Limits,
        condition::is_true,
        duration::Duration,
        environment::{StagingEnvironment, StagingEnvironmentSpec},
        identity::{NamespaceName, ObjectName},
        lifecycle::{Lifecycle, SleepWindow},
        names,
        request::Verb,
        status::StagingEnvironmentStatus,
    },
    lifecycle::{expiry, rebuild, request, sleep},
    plan::artifact::Reference,
    secrets::redact,
};

/// Lines that people type: each is tried as everything that is read from a text.
pub fn words(text: &str) {
    let now: Timestamp = "2026-03-29T00:59:59Z".parse().unwrap();
    let lines: Vec<&str> = text.lines().take(32).collect();
    for line in &lines {
        if let Ok(span) = Duration::new(line).span() {
            let lifecycle = Lifecycle {
                ttl: Some(Duration::new(line)),
                warn_before: Some(Duration::new(line)),
                ..Lifecycle::default()
            };
            let term =
                expiry::term(now, &lifecycle, &Limits::default(), line.parse().ok()).unwrap();
            assert!(term.warns_at <= term.ends_at.max(now), "{span:?}: warned after the end");
        }
        if let Ok(name) = NamespaceName::parse(line) {
            assert_eq!(name.as_str(), *line);
        }
        if let Ok(name) = ObjectName::parse(line) {
            assert_eq!(name.as_str(), *line);
        }
        if let Ok(artifact) = Reference::parse(line) {
            assert_eq!(Reference::parse(&artifact.to_string()).as_ref(), Ok(&artifact));
        }
        if let Some((Some(life), serial, part)) = names::stored_plan_of("u", line) {
            let name = names::stored_plan("u", life, serial, part);
            assert_eq!(names::stored_plan_of("u", &name), Some((Some(life), serial, part)));
        }
        let once = redact(line);
        assert_eq!(redact(&once), once, "what is masked is masked once more");
    }
    for window in lines.windows(3) {
        let [from, to, zone] = [window[0], window[1], window[2]].map(str::to_owned);
        let window = SleepWindow { weekdays: Vec::new(), from, to, time_zone: Some(zone) };
        if let Ok(rhythm) = sleep::rhythm(&[window], [], now) {
            assert!(rhythm.changes_at.is_none_or(|at| at > now), "a change that was");
        }
    }
    ask(&lines, &mut StagingEnvironmentStatus::default(), now);
}

/// Takes up what the lines ask for, one verb each; the same once more asks for nothing.
fn ask(lines: &[&str], record: &mut StagingEnvironmentStatus, now: Timestamp) {
    let spec: StagingEnvironmentSpec =
        serde_json::from_str(r#"{"source": {"namespace": "shop"}}"#).unwrap();
    let asked = |verb: Verb| {
        let at = Verb::ALL.iter().position(|it| *it == verb)?;
        lines.get(at).copied()
    };
    request::take_up(asked, &spec, true, record, now);
    let once = record.clone();
    request::take_up(asked, &spec, true, record, now);
    // What waits for a plan may ask again.
    assert_eq!(once.requests, record.requests, "the same asks twice");
    let _ = (request::extended(record), request::approved(record), request::repeated_at(record));
    let windows: Vec<SleepWindow> = Vec::new();
    let _ = sleep::rhythm(&windows, request::taken(record), now);
}

/// An environment as JSON, maybe of another version.
pub fn environment(text: &str) {
    let Ok(environment) = serde_json::from_str::<StagingEnvironment>(text) else { return };
    let written = serde_json::to_string(&environment).unwrap();
    let again: StagingEnvironment = serde_json::from_str(&written).unwrap();
    assert_eq!(again.status, environment.status, "what was read is written otherwise");
    let Some(status) = environment.status else { return };
    let mut own = status.clone();
    if let Some(beside) = rebuild::split(&mut own) {
        rebuild::merge(&mut own, &beside);
        let mut twice = own.clone();
        if let Some(beside) = rebuild::split(&mut twice) {
            rebuild::merge(&mut twice, &beside);
        }
        assert_eq!(twice, own, "taken apart and put together, it is another one");
    }
    let now: Timestamp = "2026-03-29T00:59:59Z".parse().unwrap();
    let annotations = environment.metadata.annotations.unwrap_or_default();
    let lines: Vec<&str> = Verb::ALL
        .iter()
        .map(|it| annotations.get(it.annotation()).map_or("now", String::as_str))
        .collect();
    let mut record = status;
    ask(&lines, &mut record, now);
    let _ = is_true(&record.conditions, kulisse_core::api::condition::ConditionType::Ready);
}
