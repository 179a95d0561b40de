//! The accounts at the end: what the operator did, by the API server's log, and what it left.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

use kube::ResourceExt;
use kulisse_core::api::names;

use crate::{
    support::{
        audit::{Request, of_operator, strange_writes, unlisted_rights},
        canary::sings,
        environment::Environment,
    },
    world::World,
};

/// What every operator of this run has written, those that were killed and replaced included.
fn logs(world: &World) -> Vec<(String, String)> {
    let folder = world.operator.log.parent().expect("a folder");
    let found = fs::read_dir(folder).expect("logs").map(|it| it.expect("a log").path());
    let ours = |it: &PathBuf| {
        let written = fs::metadata(it).and_then(|it| it.modified());
        it.to_string_lossy().ends_with("-operator.log") && written.is_ok_and(|it| it >= world.began)
    };
    let logs: Vec<(String, String)> = found
        .filter(ours)
        .map(|it| (it.display().to_string(), fs::read_to_string(&it).expect("a log")))
        .collect();
    assert!(!logs.is_empty());
    logs
}

pub async fn nothing_was_written_outside_what_is_the_operators_own(world: Arc<World>) {
    for world in world.everywhere() {
        let wrong = strange_writes(&of_operator(world.audit_log(), 0));
        let some = &wrong[..wrong.len().min(20)];
        assert!(wrong.is_empty(), "{} requests: {some:#?}", wrong.len());
    }
}

pub async fn no_source_was_written_to(world: Arc<World>) {
    for world in world.everywhere() {
        let sources = world.all_sources();
        let wrong: Vec<String> = of_operator(world.audit_log(), 0)
            .iter()
            .filter(|it| it.writes() && sources.contains(&it.namespace))
            .map(Request::line)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
    let requests = of_operator(world.audit_log(), 0).len();
    assert!(!world.all_sources().is_empty() && requests > 100, "the operator is in the log");
}

pub async fn every_right_that_was_used_is_in_the_chart(world: Arc<World>) {
    for world in world.everywhere() {
        let requests = of_operator(world.audit_log(), 0);
        let unlisted = unlisted_rights(&world.cluster, &requests).await;
        assert!(unlisted.is_empty(), "{unlisted:#?}");
    }
}

pub async fn no_secret_of_production_is_in_a_log_line_or_an_object_that_others_read(
    world: Arc<World>,
) {
    let main = std::fs::read_to_string(&world.operator.log).expect("the operator's log");
    assert!(
        main.contains("\"TRACE\"") || std::env::var_os("KULISSE_TEST_LOG").is_some(),
        "the log is at trace level"
    );
    for (of, log) in logs(&world) {
        let lines = log.lines().filter(|it| sings(it)).count();
        assert!(lines == 0, "{of}: {lines} lines hold a secret value");
    }
    for kind in [
        "events.k8s.io/v1 Event",
        "kulisse.dev/v1alpha1 StagingPlan",
        "kulisse.dev/v1alpha1 StagingEnvironment",
        "v1 ConfigMap",
    ] {
        for object in world.objects().list(kind, "").await {
            let text = object.data.to_string();
            assert!(!sings(&text), "{kind} {} holds a secret value", object.name_any());
        }
    }
    let metrics = world.operator.ask("/metrics").await.expect("metrics");
    assert!(!sings(&metrics));
}

pub async fn no_environment_left_a_namespace_or_a_stored_plan_behind(world: Arc<World>) {
    let objects = world.objects();
    let living: BTreeMap<String, String> = {
        let all = objects.list("kulisse.dev/v1alpha1 StagingEnvironment", "").await;
        all.iter().map(|it| (it.uid().unwrap_or_default(), it.name_any())).collect()
    };
    let mut orphans = BTreeSet::new();
    for kind in ["v1 Namespace", "v1 Secret"] {
        for object in objects.list(kind, "").await {
            if let Some(uid) = object.labels().get(names::ENVIRONMENT_UID_LABEL)
                && !living.contains_key(uid)
            {
                orphans.insert(format!("{kind} {}", object.name_any()));
            }
        }
    }
    assert!(orphans.is_empty(), "{orphans:#?}");
    for environment in objects.list("kulisse.dev/v1alpha1 StagingEnvironment", "").await {
        let namespace = environment.namespace().unwrap_or_default();
        let it = Environment::of(objects, &namespace, &environment.name_any());
        println!("still there, of a scenario that failed: {}/{}", it.namespace, it.name);
    }
    let now: BTreeSet<String> = objects.everything(None).await.into_keys().collect();
    let known = [
        "Namespace.",
        "StagingClass.",
        "APIService.",
        "PriorityLevel",
        "FlowSchema",
        "IPAddress.",
        "ClusterTrustBundle.",
    ];
    let new: Vec<_> = now
        .difference(&world.before)
        .filter(|it| !known.iter().any(|kind| it.starts_with(kind)))
        .collect();
    assert!(new.is_empty(), "cluster-scoped objects that were not there before: {new:#?}");
}

pub async fn the_operator_did_not_panic(world: Arc<World>) {
    for (of, log) in logs(&world) {
        let lines: Vec<&str> = log.lines().filter(|it| it.contains("panicked at")).collect();
        assert!(lines.is_empty(), "{of}: {lines:#?}");
    }
}
