//! What a Pod in a clone can reach.

use std::{collections::BTreeMap, sync::Arc};

use kube::ResourceExt;
use serde_json::json;

use crate::{
    support::wait::{eventually, s},
    world::World,
};

/// Dials all at once, as the program of that Pod would: the image of `api` has Perl.
const DIAL: &str = r#"
use IO::Socket::INET;
for my $at (@ARGV) {
    next if fork;
    my $socket = IO::Socket::INET->new(PeerAddr => $at, Timeout => 3);
    print "$at ", ($socket ? "open" : "closed"), "\n";
    exit 0;
}
1 while wait != -1;
"#;

async fn dial(
    world: &World,
    namespace: &str,
    pod: &str,
    places: &[String],
) -> BTreeMap<String, bool> {
    let mut command = vec!["perl", "-e", DIAL];
    command.extend(places.iter().map(String::as_str));
    let answer = world.exec(namespace, pod, &command).await.ok("dialling");
    let lines = answer.lines().filter_map(|line| line.split_once(' '));
    let seen: BTreeMap<String, bool> =
        lines.map(|(at, how)| (at.to_owned(), how == "open")).collect();
    assert_eq!(seen.len(), places.len(), "{answer}");
    seen
}

/// Production's Services and Pods, each with a port that answers.
async fn production(world: &World) -> Vec<String> {
    let mut places = Vec::new();
    let ports = [
        ("web", 80, 80),
        ("api", 8080, 8080),
        ("postgres", 5432, 5432),
        ("redis", 6379, 6379),
        ("catalog-db", 5432, 5432),
    ];
    for (name, port, _) in ports {
        places.push(format!("{name}.shop.svc.cluster.local:{port}"));
        let service = world.objects().get("v1 Service", "shop", name).await;
        if let Some(address) = service.data["spec"]["clusterIP"].as_str().filter(|it| *it != "None")
        {
            places.push(format!("{address}:{port}"));
        }
    }
    for pod in world.objects().list("v1 Pod", "shop").await {
        let labels = pod.labels();
        let app = labels.get("app").or_else(|| labels.get("app.kubernetes.io/name"));
        let port = ports.iter().find(|(name, ..)| Some(*name) == app.map(String::as_str));
        if let (Some((.., port)), Some(address)) = (port, pod.data["status"]["podIP"].as_str()) {
            places.push(format!("{address}:{port}"));
        }
    }
    places
}

pub async fn nothing_of_production_can_be_reached(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let objects = world.objects();
    // A detour by a name of its own.
    let detour = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "detour", "namespace": target },
        "spec": { "type": "ExternalName", "externalName": "web.shop.svc.cluster.local" }
    });
    world.alias(&detour);
    let mut places = production(&world).await;
    assert!(places.len() >= 12, "{places:?}");
    // The same is open within production: what follows shows the fence and not a dead address.
    let outside = dial(&world, "shop", "deployment/api", &places).await;
    let alive: Vec<_> = outside.iter().filter(|(_, open)| **open).map(|(at, _)| at).collect();
    assert!(alive.len() >= 6, "{outside:?}");
    places.extend([
        format!("detour.{target}.svc.cluster.local:80"),
        "169.254.169.254:80".to_owned(),
        "10.96.0.1:443".to_owned(),
        "kubernetes.default.svc.cluster.local:443".to_owned(),
    ]);
    for pod in objects.list("v1 Pod", "kulisse").await {
        places.extend(pod.data["status"]["podIP"].as_str().map(|it| format!("{it}:8080")));
    }
    for pod in ["deployment/api", "deployment/catalog", "postgres-0"] {
        let inside = dial(&world, &target, pod, &places).await;
        let open: Vec<_> = inside.iter().filter(|(_, open)| **open).collect();
        assert!(open.is_empty(), "{pod} reaches {open:?}");
    }
    objects.delete("v1 Service", &target, "detour").await;
}

/// Waits until all of these can be reached: Pods may just be starting, or have no time.
async fn reaches(world: &World, namespace: &str, pod: &str, places: &[&str]) {
    let places: Vec<String> = places.iter().map(|it| (*it).to_owned()).collect();
    eventually(&format!("{pod} in {namespace} reaches {places:?}"), s(90), || async {
        let seen = dial(world, namespace, pod, &places).await;
        if seen.values().all(|open| *open) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

/// Fails if any of these can be reached.
async fn is_kept_from(world: &World, namespace: &str, pod: &str, places: &[&str]) {
    let places: Vec<String> = places.iter().map(|it| (*it).to_owned()).collect();
    let seen = dial(world, namespace, pod, &places).await;
    assert!(!seen.values().any(|open| *open), "{pod} in {namespace} reaches {seen:?}");
}

pub async fn neighbours_and_names_can_be_reached(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let postgres = format!("postgres.{target}.svc.cluster.local:5432");
    reaches(&world, &target, "deployment/api", &[&postgres, "redis:6379", "web:80"]).await;
}

pub async fn what_production_keeps_apart_is_kept_apart(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    // A Pod with the labels of the web server, since its image has nothing to dial with.
    for namespace in ["shop", &target] {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "as-web", "namespace": namespace,
                "labels": { "app.kubernetes.io/name": "web", "app.kubernetes.io/instance": "shop" } },
            "spec": { "terminationGracePeriodSeconds": 0, "containers": [{
                "name": "dial", "image": "docker.io/library/postgres:16", "command": ["sleep", "1000"] }] }
        });
        world.objects().try_apply(&pod, false).await.expect("a Pod");
        let wait =
            ["-n", namespace, "wait", "--for=condition=Ready", "pod/as-web", "--timeout=480s"];
        world.kubectl(&wait).await.ok("the Pod runs");
        reaches(&world, namespace, "as-web", &["api:8080"]).await;
        is_kept_from(&world, namespace, "as-web", &["postgres:5432"]).await;
        reaches(&world, namespace, "deployment/catalog", &["catalog-db:5432"]).await;
        is_kept_from(&world, namespace, "deployment/catalog", &["postgres:5432", "api:8080"]).await;
        world.objects().delete("v1 Pod", namespace, "as-web").await;
    }
}
