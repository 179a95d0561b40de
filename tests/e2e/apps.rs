//! Whole applications with databases, each as its own production and as a clone whose Pods run and
//! talk to each other. That clients and servers agree on credentials that nobody chose is shown by
//! their seeds and smokes: they go through the database.

use std::sync::Arc;

use kube::ResourceExt;
use serde_json::Value;

use crate::{
    support::{
        environment::{Environment, granted_source},
        leaks::leaks,
        tools::{root, yaml_file},
        wait::s,
    },
    world::{Small, World, secrets},
};

/// Applies one as production, and waits until it runs there.
async fn production<'a>(world: &'a World, name: &str) -> Small<'a> {
    let (source, requests) = (format!("src-{name}"), format!("req-{name}"));
    granted_source(world.objects(), &source, &requests).await;
    for file in ["server.yaml", &format!("{name}/production.yaml")] {
        let path = root().join("tests/e2e/apps").join(file);
        let text = std::fs::read_to_string(path).expect("a file").replace("{ns}", &source);
        world.objects().apply(&text).await;
    }
    let wait = [
        "-n",
        &source,
        "wait",
        "--for=condition=Available",
        "deployment",
        "--all",
        "--timeout=480s",
    ];
    world.kubectl(&wait).await.ok("production runs");
    Small { world, source, requests }
}

/// Its clone, ready: seeded, every Pod up, every smoke passed.
async fn clone<'a>(place: &Small<'a>, name: &str) -> (Environment<'a>, String) {
    let path = root().join("tests/e2e/apps").join(name).join("spec.yaml");
    let it = place.environment("pr-1", yaml_file(&path).remove(0)).await;
    let status = it.ready(s(300)).await;
    let workloads = status.workloads.expect("workloads");
    assert_eq!(workloads.ready, workloads.total);
    let target = it.target().await;
    for pod in place.world.objects().list("v1 Pod", &target).await {
        // Of an attempt, maybe not the one that passed.
        if !pod.labels().contains_key("batch.kubernetes.io/job-name") {
            assert_eq!(pod.data["status"]["phase"], "Running", "{}", pod.name_any());
        }
    }
    let leaks = leaks(place.world.objects(), &[&place.requests, &target]).await;
    assert!(leaks.is_empty(), "a secret value of production is in {leaks:?}");
    (it, target)
}

/// Checks keys of Secrets, `name/key`: those that must have become others, and those that must not.
async fn changed_and_kept(place: &Small<'_>, target: &str, changed: &[&str], kept: &[&str]) {
    let before = secrets(place.world, &place.source).await;
    let now = secrets(place.world, target).await;
    let value = |all: &std::collections::BTreeMap<(String, String), String>, at: &str| {
        let (name, key) = at.split_once('/').expect("name/key");
        all.get(&(name.to_owned(), key.to_owned())).cloned().unwrap_or_default()
    };
    // Values are not shown, not even of a test.
    for at in changed {
        let new = value(&now, at);
        assert!(!new.is_empty() && new != value(&before, at), "{at} is production's");
    }
    for at in kept {
        assert!(value(&now, at) == value(&before, at), "{at} is no credential");
    }
}

pub async fn an_application_whose_user_password_and_database_are_one_word_runs(world: Arc<World>) {
    let place = production(&world, "votes").await;
    let (it, target) = clone(&place, "votes").await;
    changed_and_kept(&place, &target, &["db/password", "db/url"], &["db/username", "db/database"])
        .await;
    it.remove().await;
}

pub async fn an_application_that_waits_for_a_migration_job_runs(world: Arc<World>) {
    let place = production(&world, "tickets").await;
    let (it, target) = clone(&place, "tickets").await;
    let changed = ["mariadb/root-password", "mariadb/password", "client/my.cnf"];
    changed_and_kept(&place, &target, &changed, &[]).await;
    // Under its own name, by which the web server's Pods have waited for it.
    let job = world.objects().get("batch/v1 Job", &target, "migrate").await;
    assert_eq!(job.data["status"]["succeeded"], 1);
    let settings = &secrets(&world, &target).await[&("client".to_owned(), "my.cnf".to_owned())];
    assert!(settings.contains(&format!("host     = mariadb.{target}.svc.cluster.local\n")));
    assert!(settings.contains("user     = tickets\n"));
    it.remove().await;
}

pub async fn an_application_with_certificates_of_its_own_runs(world: Arc<World>) {
    let place = production(&world, "letters").await;
    let (it, target) = clone(&place, "letters").await;
    let changed = ["web-tls/tls.crt", "web-tls/tls.key", "web-tls/ca.crt"];
    changed_and_kept(&place, &target, &changed, &[]).await;
    // Nobody who trusts production's authority takes the clone for production.
    let trust = world.objects().get("v1 ConfigMap", &place.source, "trust").await;
    let authority = trust.data["data"]["bundle.pem"].as_str().expect("a certificate").to_owned();
    let script = r#"printf '%s' "$1" >/tmp/ca; curl -s --cacert /tmp/ca https://web/"#;
    let ask = ["sh", "-c", script, "sh", &authority];
    let refused = world.exec(&target, "deployment/reader", &ask).await;
    // curl's word for a certificate that it cannot verify.
    assert!(refused.err.contains("exit code 60"), "{} {}", refused.out, refused.err);
    world.exec(&place.source, "deployment/reader", &ask).await.ok("production's own client");
    it.remove().await;
}

pub async fn an_application_with_a_replicated_redis_runs(world: Arc<World>) {
    let place = production(&world, "wall").await;
    let (it, target) = clone(&place, "wall").await;
    changed_and_kept(&place, &target, &["redis/password", "wall/.env"], &[]).await;
    it.remove().await;
}

pub async fn an_application_configured_by_a_file_in_a_secret_runs(world: Arc<World>) {
    let place = production(&world, "ledger").await;
    let (it, target) = clone(&place, "ledger").await;
    changed_and_kept(&place, &target, &["postgres/postgres-password", "ledger/ledger.yaml"], &[])
        .await;
    let job = world.objects().get("batch/v1 CronJob", &target, "charge").await;
    assert_eq!(job.data["spec"]["suspend"], Value::Bool(true));
    it.remove().await;
}
