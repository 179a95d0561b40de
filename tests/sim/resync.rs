//! An environment that follows production, when production answers badly.

use std::time::Duration;

use kulisse::run::operate;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    life::{NAME, TEAM, begun, environment, operator, within},
    server::{controllers::named, store::text},
};

#[test]
fn a_kind_that_cannot_be_read_any_more_is_not_taken_from_an_environment_that_follows_production() {
    // Read once for the first plan; the next one is made because somebody has changed the target.
    let refused = "list roles.rbac.authorization.k8s.io in shop #2: status 403";
    let cluster = Cluster::new(begun(), refused.parse().expect("a plan"), 1);
    let uri = format!("/apis/kulisse.dev/v1alpha1/namespaces/{TEAM}/stagingenvironments");
    let mut wanted = environment();
    wanted["spec"]["drift"] = json!({ "action": "Resync", "interval": "30s" });
    within(&cluster, async {
        tokio::spawn(cluster.clone().control());
        cluster.ask(http::Method::POST, &uri, "application/json", &wanted);
        let (_going, stopped) = tokio::sync::watch::channel(false);
        let edited = async {
            sleep(Duration::from_mins(2)).await;
            let target = target(&cluster);
            let web = format!("/apis/apps/v1/namespaces/{target}/deployments/web");
            let replicas = json!({ "spec": { "replicas": 3 } });
            let (code, web) =
                cluster.ask(http::Method::PATCH, &web, "application/merge-patch+json", &replicas);
            assert_eq!(code, 200, "{web}");
            sleep(Duration::from_mins(3)).await;
        };
        tokio::select! {
            result = operate(operator(&cluster), stopped) => panic!("{result:?}"),
            () = edited => {}
        }
    });
    assert!(cluster.struck(), "production was not read again");
    let target = target(&cluster);
    let store = cluster.store();
    assert!(store.get(named("Role"), &target, "api").is_some(), "the clone of a Role is gone");
    // It was one trouble of the server: production is read again, and what was changed is put back.
    let it = store.get(named("StagingEnvironment"), TEAM, NAME).expect("an environment");
    assert_eq!(it["status"]["drift"]["heldBack"], json!(null), "{}", it["status"]["drift"]);
    let web = store.get(named("Deployment"), &target, "web").expect("a Deployment");
    assert_eq!(web["spec"]["replicas"], 1);
}

fn target(cluster: &Cluster) -> String {
    let store = cluster.store();
    let mut all = store.of(named("Namespace"), "");
    let it = all.find(|it| !it["metadata"]["labels"]["kulisse.dev/environment-uid"].is_null());
    it.map(|it| text(it, "name").to_owned()).expect("a target")
}
