//! Tasks of the end.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    life::{ENVIRONMENTS, NAME, TEAM, begun, environment, targets, while_one_works},
    server::controllers::named,
};

/// Those of the probe, the seeds and the smoke are answered.
const UNANSWERED: &str = "create jobs.batch #5-99: hang";

#[test]
fn a_task_whose_job_is_never_answered_holds_no_end_up_for_longer_than_it_may_take() {
    // As behind a webhook that takes longer than anybody waits.
    let mut wanted = environment();
    wanted["spec"]["preDelete"][0]["timeout"] = json!("1m");
    let cluster = Cluster::new(begun(), UNANSWERED.parse().expect("a plan"), 1);
    while_one_works(&cluster, async {
        cluster.ask(Method::POST, ENVIRONMENTS, "application/json", &wanted);
        sleep(Duration::from_mins(1)).await;
        let it = format!("{ENVIRONMENTS}/{NAME}");
        cluster.ask(Method::DELETE, &it, "application/json", &Value::Null);
        sleep(Duration::from_secs(45)).await;
        assert_eq!(targets(&cluster).len(), 1, "it was not tried for as long as it may take");
        sleep(Duration::from_mins(4)).await;
    });
    assert!(cluster.store().get(named("StagingEnvironment"), TEAM, NAME).is_none());
    assert_eq!(targets(&cluster), [""; 0]);
}
