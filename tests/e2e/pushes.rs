//! Environments that change, beside others that do not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::ResourceExt;
use serde_json::json;

use crate::{
    support::wait::{eventually, s},
    world::World,
};

/// Pods that are not of tasks, by UID.
async fn pods(world: &World, target: &str) -> BTreeMap<String, String> {
    let all = world.objects().list("v1 Pod", target).await.into_iter();
    let mine = all.filter(|it| {
        it.metadata.deletion_timestamp.is_none()
            && !it.labels().contains_key("batch.kubernetes.io/job-name")
    });
    mine.map(|it| (it.uid().unwrap_or_default(), it.name_any())).collect()
}

pub async fn a_push_restarts_what_it_names_and_nothing_else(world: Arc<World>) {
    let place = world.small("push").await;
    let run = json!({ "image": "docker.io/library/busybox:1.36", "command": ["true"] });
    let seed = json!([{ "name": "rows", "run": run }]);
    let pull = |commit: &str| json!({ "number": 7, "commit": commit });
    let it = place.environment("pr-7", json!({ "seed": seed, "pullRequest": pull("aaa") })).await;
    it.ready(s(120)).await;
    let target = it.target().await;
    let (before, jobs) =
        (pods(&world, &target).await, world.objects().names("batch/v1 Job", &target).await);
    assert_eq!(before.len(), 2, "{before:?}");
    let images = json!([{ "name": "docker.io/library/nginx", "newTag": "1.27" }]);
    it.patch(json!({ "images": images, "pullRequest": pull("bbb") })).await;
    eventually("the workload that was pushed restarts", s(60), || async {
        let now = pods(&world, &target).await;
        let kept: BTreeSet<&String> = before.keys().filter(|uid| now.contains_key(*uid)).collect();
        let fine = kept.len() == 1 && now.len() == 2;
        if fine { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    it.ready(s(60)).await;
    let now = pods(&world, &target).await;
    let kept: Vec<&String> =
        before.iter().filter(|(uid, _)| now.contains_key(*uid)).map(|(_, name)| name).collect();
    assert_eq!(kept, ["store-0"], "the store goes on undisturbed");
    // A moved tag: the same image, another commit.
    it.patch(json!({ "pullRequest": pull("ccc") })).await;
    eventually("a new commit restarts it, too", s(60), || async {
        let again = pods(&world, &target).await;
        let web = again.iter().any(|(uid, name)| name.starts_with("web") && !now.contains_key(uid));
        if web { Ok(()) } else { Err(format!("{again:?}")) }
    })
    .await;
    it.ready(s(60)).await;
    assert_eq!(world.objects().names("batch/v1 Job", &target).await, jobs, "no seed ran again");
    assert_eq!(it.status().await.seed[0].attempts, 1);
    it.remove().await;
}

pub async fn three_environments_at_once_do_not_disturb_each_other(world: Arc<World>) {
    let place = world.small("three").await;
    let mut all = Vec::new();
    for name in ["pr-1", "pr-2", "pr-3"] {
        let smoke = json!([{ "name": "front", "http": { "service": "web" } }]);
        all.push(
            place
                .environment(name, json!({ "smoke": smoke, "expose": [{ "service": "web" }] }))
                .await,
        );
    }
    let mut before = BTreeMap::new();
    let mut hosts = BTreeSet::new();
    for it in &all {
        let status = it.ready(s(180)).await;
        hosts.insert(status.url);
        before.insert(it.target().await, pods(&world, &it.target().await).await);
    }
    assert_eq!((before.len(), hosts.len()), (3, 3), "{hosts:?}");
    // Into each store goes its own mark.
    for target in before.keys() {
        let write = format!("echo {target} >/data/mark");
        world.exec(target, "store-0", &["sh", "-c", &write]).await.ok("a mark");
    }
    all[0].remove().await;
    for it in &all[1..] {
        let target = it.target().await;
        it.ready(s(10)).await;
        assert_eq!(pods(&world, &target).await, before[&target], "{target}");
        let mark = world.exec(&target, "store-0", &["cat", "/data/mark"]).await.ok("its mark");
        assert_eq!(mark.trim(), target);
    }
    for it in &all[1..] {
        it.delete().await;
    }
    for it in &all[1..] {
        it.gone(s(90)).await;
    }
}
