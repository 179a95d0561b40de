//! A namespace that is built beside the one that serves, and does not come to take its place.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
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

#[test]
fn a_namespace_that_cannot_be_built_holds_up_nothing_that_is_due() {
    // Each of the second one's is refused, again and again.
    let refused = (2..200).map(|it| format!("create serviceaccounts named api #{it}: status 422"));
    let refused = refused.collect::<Vec<_>>().join("; ");
    let mut life = Life::begin(refused.parse().expect("a plan"), 1);
    life.with_operators(async |life| {
        life.ask_for(&json!({
            "drift": { "action": "Rebuild", "interval": "30s" },
            "lifecycle": { "ttl": "3h", "sleep": [{ "from": "09:12", "to": "20:00" }] },
        }));
        life.wrong.extend(life.until_up("it is ready", |it| it.is("Ready", "True")).await.err());
        let settings = "/api/v1/namespaces/shop/configmaps/settings";
        let other = json!({ "data": { "WORD": "another" } });
        life.cluster.ask(Method::PATCH, settings, "application/merge-patch+json", &other);
        let night = "2026-03-01T09:12:00Z".parse::<Timestamp>().expect("a time");
        let rest = night.duration_since(life.cluster.store().now());
        sleep(Duration::try_from(rest).expect("a while")).await;
        assert!(life.is("InSync", "False") && life.is("Ready", "True"));
        sleep(Duration::from_secs(15)).await;
        life.stage = Stage::Done;
    });
    let tried = life.cluster.heard().iter().filter(|it| it.name.as_deref() == Some("api")).count();
    assert!(tried > 8, "it was not tried again: {tried}");
    assert!(life.is("Asleep", "True"), "{:?}", life.environment().map(|it| it["status"].clone()));
}
