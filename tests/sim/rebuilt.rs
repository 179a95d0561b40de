//! A namespace that is built beside the one that serves, and does not come to take its place.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    life::{Life, Stage},
    server::controllers::named,
};

#[test]
fn what_serves_has_its_routes_again_where_a_switch_is_cut_short_and_given_up() {
    // Its routes are gone, and those of the other one have not come.
    let faults = "deletecollection ingresses.networking.k8s.io #1: kill-after";
    let mut life = Life::begin(faults.parse().expect("a plan"), 1);
    life.with_operators(async |life| {
        if life.operators > 1 {
            life.change(&json!({ "spec": { "drift": { "action": "Report" } } }));
            sleep(Duration::from_mins(2)).await;
            life.stage = Stage::Done;
            return;
        }
        life.ask_for(&json!({ "drift": { "action": "Rebuild", "interval": "30s" } }));
        life.wrong.extend(life.until_up("it is ready", |it| it.is("Ready", "True")).await.err());
        let settings = "/api/v1/namespaces/shop/configmaps/settings";
        let other = json!({ "data": { "WORD": "another" } });
        life.cluster.ask(Method::PATCH, settings, "application/merge-patch+json", &other);
        sleep(Duration::from_mins(8)).await;
    });
    assert!(life.cluster.struck(), "nothing was switched");
    assert!(life.wrong.is_empty() && life.is("Ready", "True"), "{:?}", life.wrong);
    let [serves] = <[String; 1]>::try_from(life.targets()).expect("one target");
    let store = life.cluster.store();
    assert!(store.get(named("Ingress"), &serves, "web").is_some(), "it has no route");
}
