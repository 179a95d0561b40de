//! An environment that does not outlive its target: the operator asks for its deletion.

use kube_faults::plan::Plan;
use serde_json::json;

use crate::{
    life::{Life, NAME, Stage, TEAM, environment},
    server::controllers::named,
};

#[test]
fn it_goes_with_its_target_although_nobody_takes_its_deletion_at_first() {
    for faults in [
        "delete stagingenvironments.kulisse.dev #1: status 500",
        "delete stagingenvironments.kulisse.dev #1-4: status 503",
        "delete stagingenvironments.kulisse.dev #1: kill-before",
        "delete stagingenvironments.kulisse.dev #1: kill-after",
    ] {
        let faults: Plan = faults.parse().expect("a plan");
        let mut life = Life::begin(faults.clone(), 1);
        life.with_operators(async |life| {
            if life.operators == 1 {
                let mut it = environment();
                it["spec"]["lifecycle"]["onExpiry"] = json!("Delete");
                let uri =
                    format!("/apis/kulisse.dev/v1alpha1/namespaces/{TEAM}/stagingenvironments");
                life.cluster.ask(http::Method::POST, &uri, "application/json", &it);
                let up = life.until_up("it is ready", |it| it.is("Ready", "True")).await;
                life.wrong.extend(up.err());
            }
            let gone = |it: &Life| it.environment().is_none() && it.targets().is_empty();
            life.wrong.extend(life.until_over("it is gone", gone).await.err());
            life.stage = Stage::Done;
        });
        assert!(life.wrong.is_empty(), "{faults}: {:?}", life.wrong);
        assert!(life.cluster.struck(), "{faults}");
        let store = life.cluster.store();
        assert!(store.get(named("StagingEnvironment"), TEAM, NAME).is_none());
    }
}
