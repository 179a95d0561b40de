//! The clone of the example application.

use std::{collections::BTreeMap, sync::Arc};

use kube::ResourceExt;
use kulisse_core::api::condition::ConditionType::{
    BoundaryClean, Ready, Reconciling, Seeded, SmokePassed,
};
use serde_json::Value;

use crate::{
    support::wait::{eventually, s},
    world::{World, is, record, secrets},
};

pub async fn the_clone_of_the_shop_becomes_ready_for_kubectl_wait(world: Arc<World>) {
    let shop = world.shop();
    let (making, waiting) = tokio::join!(world.clone_of_the_shop(), async {
        let there =
            || async { if shop.find().await.is_some() { Ok(()) } else { Err("no".into()) } };
        eventually("the environment is there", s(60), there).await;
        let early = async {
            let claimed = shop.until_that("it is worked on", s(60), |it| {
                let going = |it: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
                    it.type_ == "Reconciling" && it.status == "True"
                };
                it.status.as_ref()?.conditions.iter().any(going).then_some(())
            });
            claimed.await;
            record(&shop, "progressing", |it| is(it, Reconciling, "True")).await;
        };
        let wait = [
            "-n",
            "previews",
            "wait",
            "--for=condition=Ready",
            "--timeout=480s",
            "stagingenvironment/pr-1234",
        ];
        let (answer, ()) = tokio::join!(world.kubectl(&wait), early);
        answer
    });
    waiting.ok("kubectl wait");
    let (_, status) = making;
    assert!(status.url.unwrap_or_default().starts_with("http://web-pr-1234-"));
    shop.until(BoundaryClean, "True", "Probed", s(5)).await;
    shop.until(Seeded, "True", "", s(5)).await;
    shop.until(SmokePassed, "True", "", s(5)).await;
    let workloads = status.workloads.expect("workloads");
    assert_eq!(workloads.ready, workloads.total);
    record(&shop, "ready", |it| is(it, Ready, "True")).await;
}

pub async fn the_databases_hold_what_was_seeded_and_nothing_of_production(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let rows = world.psql(&target, "SELECT customer FROM orders ORDER BY id").await;
    assert_eq!(rows, "Ada Lovelace\nAlan Turing\nGrace Hopper");
    eventually("production has its own rows", s(60), || async {
        let count = world
            .psql("shop", "SELECT count(*) FROM orders WHERE customer LIKE 'Production%'")
            .await;
        if count == "200" { Ok(()) } else { Err(count) }
    })
    .await;
    let seeded = world
        .psql("shop", "SELECT count(*) FROM orders WHERE customer NOT LIKE 'Production%'")
        .await;
    assert_eq!(seeded, "0", "seeds do not reach production");
    let products = [
        "sh",
        "-c",
        r#"exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -Atc 'SELECT count(*) FROM products'"#,
    ];
    let answer = world.exec(&target, "deployment/catalog-db", &products).await;
    assert_eq!(answer.ok("the catalogue").trim(), "2");
}

pub async fn the_preview_host_shows_the_clone_and_productions_host_production(world: Arc<World>) {
    let (_, status) = world.clone_of_the_shop().await;
    let url = status.url.expect("a URL");
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let host = host.split(['/', ':']).next().unwrap_or_default();
    assert!(host.ends_with(".preview.localhost"), "{url}");
    assert!(world.page(host, "/").await.contains("<h1>Shop</h1>"));
    let orders = world.page(host, "/api/orders").await;
    assert!(orders.contains("Ada Lovelace") && !orders.contains("Production"), "{orders}");
    let production = world.page("shop.example.com", "/api/orders").await;
    assert!(!production.contains("Ada Lovelace"), "{production}");
}

pub async fn the_clone_is_small_and_nothing_scales_it_back(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let objects = world.objects();
    for deployment in objects.list("apps/v1 Deployment", &target).await {
        assert_eq!(deployment.data["spec"]["replicas"], 1, "{}", deployment.name_any());
    }
    let production = objects.get("apps/v1 Deployment", "shop", "web").await;
    assert!(production.data["spec"]["replicas"].as_i64() > Some(1));
    for kind in ["autoscaling/v2 HorizontalPodAutoscaler", "policy/v1 PodDisruptionBudget"] {
        assert!(!objects.list(kind, "shop").await.is_empty());
        assert!(objects.list(kind, &target).await.is_empty(), "{kind}");
    }
}

pub async fn the_job_that_charges_customers_sleeps(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let job = world.objects().get("batch/v1 CronJob", &target, "charge-customers").await;
    assert_eq!(job.data["spec"]["suspend"], true);
    let jobs = world.objects().names("batch/v1 Job", &target).await;
    assert!(!jobs.iter().any(|it| it.starts_with("charge-customers")), "{jobs:?}");
    assert_eq!(world.psql(&target, "SELECT count(*) FROM charges").await, "0");
}

pub async fn no_credential_is_productions(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let (before, now) = (secrets(&world, "shop").await, secrets(&world, &target).await);
    let of = |all: &BTreeMap<_, String>, name: &str, key: &str| {
        all.get(&(name.to_owned(), key.to_owned())).cloned().unwrap_or_default()
    };
    for (name, key) in [
        ("postgres", "POSTGRES_PASSWORD"),
        ("redis", "password"),
        ("catalog-db", "POSTGRES_PASSWORD"),
    ] {
        let (old, new) = (of(&before, name, key), of(&now, name, key));
        // Values are not shown, not even of a test.
        assert!(!new.is_empty() && old != new, "{name}/{key} is production's");
    }
    for (name, key) in [
        ("postgres", "POSTGRES_USER"),
        ("postgres", "POSTGRES_DB"),
        ("catalog-db", "POSTGRES_USER"),
    ] {
        assert!(
            of(&before, name, key) == of(&now, name, key),
            "{name}/{key} is no secret and stays"
        );
    }
    let password = of(&now, "postgres", "POSTGRES_PASSWORD");
    let url = format!("postgres://shop:{password}@postgres.{target}.svc.cluster.local:5432/shop");
    assert!(
        of(&now, "api-database", "DATABASE_URL") == url,
        "one password in two places stays one"
    );
    let password = of(&now, "redis", "password");
    let url = format!("redis://:{password}@redis.{target}.svc.cluster.local:6379/0");
    assert!(of(&now, "redis", "url") == url, "one password in two keys stays one");
    // That everything still connects is what the smokes have shown.
}

pub async fn the_report_says_what_stayed_behind_and_why(world: Arc<World>) {
    world.clone_of_the_shop().await;
    let plan = world.objects().get("kulisse.dev/v1alpha1 StagingPlan", "previews", "pr-1234").await;
    let left = plan.data["spec"]["leftBehind"].as_array().cloned().unwrap_or_default();
    for kind in ["HorizontalPodAutoscaler", "PodDisruptionBudget"] {
        let it =
            left.iter().find(|it| it["object"].as_str().is_some_and(|it| it.starts_with(kind)));
        let why = it.and_then(|it| it["why"].as_str()).unwrap_or_default();
        assert!(!why.is_empty(), "{kind}: no reason is given");
    }
    let text = Value::to_string(&plan.data);
    for password in ["Gr8-and-Secret-1977", "7hQ2mXv9LpR4"] {
        assert!(!text.contains(password), "the plan holds a password");
    }
}

pub async fn the_workload_that_uses_the_api_uses_its_own_namespace(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    eventually("ops reads its own namespace", s(120), || async {
        let log = world.kubectl(&["-n", &target, "logs", "deployment/ops", "--tail=1"]).await;
        let line = format!("Pods in {target}");
        if log.out.contains(&line) { Ok(()) } else { Err(log.out + &log.err) }
    })
    .await;
}
