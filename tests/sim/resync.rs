//! An environment that follows production, when production answers badly.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    life::{ENVIRONMENTS, NAME, TEAM, begun, environment, targets, while_one_works},
    server::controllers::named,
};

/// An environment that follows production, for two minutes; then a Deployment `web` is patched, in the
/// target or in production, and three more minutes pass. The `refused`th list of Roles is refused.
fn followed(refused: u32, namespace: impl Fn(&Cluster) -> String, patch: &Value) -> Cluster {
    let refused = format!("list roles.rbac.authorization.k8s.io in shop #{refused}: status 403");
    let cluster = Cluster::new(begun(), refused.parse().expect("a plan"), 1);
    let mut wanted = environment();
    wanted["spec"]["drift"] = json!({ "action": "Resync", "interval": "30s" });
    while_one_works(&cluster, async {
        cluster.ask(http::Method::POST, ENVIRONMENTS, "application/json", &wanted);
        sleep(Duration::from_mins(2)).await;
        let web = format!("/apis/apps/v1/namespaces/{}/deployments/web", namespace(&cluster));
        let merge = "application/merge-patch+json";
        let (code, web) = cluster.ask(http::Method::PATCH, &web, merge, patch);
        assert_eq!(code, 200, "{web}");
        sleep(Duration::from_mins(3)).await;
    });
    assert!(cluster.struck(), "production was not read again");
    // It was one trouble of the server: production is read again.
    let it = cluster
        .store()
        .get(named("StagingEnvironment"), TEAM, NAME)
        .expect("an environment")
        .clone();
    assert_eq!(it["status"]["drift"]["heldBack"], json!(null), "{}", it["status"]["drift"]);
    cluster
}

#[test]
fn a_kind_that_cannot_be_read_any_more_is_not_taken_from_an_environment_that_follows_production() {
    // Read once for the first plan; the next one is made because somebody has changed the target.
    let cluster = followed(2, target, &json!({ "spec": { "replicas": 3 } }));
    let target = target(&cluster);
    let store = cluster.store();
    assert!(store.get(named("Role"), &target, "api").is_some(), "the clone of a Role is gone");
    let web = store.get(named("Deployment"), &target, "web").expect("a Deployment");
    assert_eq!(web["spec"]["replicas"], 1, "what was changed is put back");
}

#[test]
fn a_kind_that_cannot_be_read_for_a_moment_keeps_nobody_from_following_production_later() {
    // Production moves on once, among the first of these.
    let labels = json!({ "moved": "on" });
    let moved = json!({ "spec": { "template": { "metadata": { "labels": labels } } } });
    for refused in 1..=8 {
        let cluster = followed(refused, |_| "shop".to_owned(), &moved);
        let target = target(&cluster);
        let store = cluster.store();
        let web = store.get(named("Deployment"), &target, "web").expect("a Deployment");
        assert_eq!(
            web["spec"]["template"]["metadata"]["labels"]["moved"], "on",
            "list {refused}: {web}"
        );
        assert!(store.get(named("Role"), &target, "api").is_some(), "list {refused}: no Role");
    }
}

fn target(cluster: &Cluster) -> String {
    targets(cluster).pop().expect("a target")
}
