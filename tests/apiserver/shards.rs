//! Two operators that share the work.

use std::{collections::BTreeSet, sync::Arc};

use kulisse_core::api::condition::ConditionType::Granted;
use serde_json::json;

use crate::{
    ends::nothing_is_left,
    support::{
        audit::{self, of_operator},
        environment::{Environment, namespace_gone},
        operator::Operator,
        wait::s,
    },
    world::{APPLICATION, World},
};

const ENVIRONMENT: &str = "kulisse.dev/v1alpha1 StagingEnvironment";

/// Who wrote in the target and in the status of an environment, by the names of their Pods.
async fn writers(world: &World, it: &Environment<'_>, from: u64) -> BTreeSet<String> {
    let target = it.target().await;
    let all = of_operator(world.audit_log(), from).into_iter();
    let mine = all.filter(|request| {
        request.wrote()
            && (request.within(&target)
                || request.namespace == it.namespace && request.name == it.name)
    });
    mine.map(|it| it.agent).collect()
}

pub async fn operators_that_share_the_work_keep_to_their_own_and_to_one_cap(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    world.operator.kill();
    let rest = world.source("shared-rest", APPLICATION).await;
    let payments = world.source("shared-payments", APPLICATION).await;
    world.class("shared", &json!({ "limits": { "maxEnvironments": 2 } })).await;
    let start = async |name: &'static str, key: &str| {
        let operator = Operator::prepare(&world.cluster, name);
        operator.start_with(&[(key, &payments.requests), ("KULISSE_POD_NAME", name)]).await;
        operator
    };
    let one = start("shard-rest", "KULISSE_LEAVE_NAMESPACES").await;
    let two = start("shard-payments", "KULISSE_WATCH_NAMESPACES").await;

    let from = audit::mark(world.audit_log());
    let class = json!({ "className": "shared" });
    let mine = rest.environment("pr-1", class.clone()).await;
    let theirs = payments.environment("pr-1", class.clone()).await;
    for (it, name) in [(&mine, "shard-rest"), (&theirs, "shard-payments")] {
        it.ready(s(60)).await;
        let writers = writers(world, it, from).await;
        let only = writers.len() == 1 && writers.iter().all(|it| it.contains(&format!("({name})")));
        assert!(only, "{} of {name} was written by {writers:?}", it.namespace);
    }

    // The other's environments count, and who waits there: a free place is for the namespace that has the
    // fewest, whoever works on it.
    let first = payments.environment("pr-2", class.clone()).await;
    first.until(Granted, "False", "Queued", s(30)).await;
    let second = rest.environment("pr-2", class).await;
    second.until(Granted, "False", "Queued", s(30)).await;
    mine.remove().await;
    second.ready(s(60)).await;
    first.until(Granted, "False", "Queued", s(10)).await;
    theirs.remove().await;
    first.ready(s(60)).await;

    // What the one that works on it left behind is cleared away by the other.
    let (uid, target) = (first.uid().await, first.target().await);
    two.kill();
    first.delete().await;
    let forced = json!({ "metadata": { "finalizers": null } });
    world.objects().merge(ENVIRONMENT, &first.namespace, &first.name, forced).await;
    namespace_gone(world.objects(), &target, s(60)).await;
    nothing_is_left(world, &uid, &target).await;
    second.remove().await;
    drop((one, two));
    world.operator.start().await;
}
