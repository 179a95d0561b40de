//! The chart uninstalled under living environments, and installed again: on a cluster of its own.

use std::{process::Command, sync::Arc};

use kulisse_core::api::condition::{ConditionType, is_true};
use serde_json::json;

use crate::{
    ends::nothing_is_left,
    support::{
        cluster::Cluster,
        environment::{namespace_gone, roles_filled},
        operator::Operator,
        suite::skip,
        tools::{helm, root, run},
        wait::s,
    },
    world::{APPLICATION, World, fenced},
};

/// Runs Helm.
fn helmed(cluster: &Cluster, arguments: &[&str]) -> String {
    let helm = helm().unwrap_or_else(|why| skip(&why));
    let mut command = Command::new(helm);
    command.env("KUBECONFIG", &cluster.kubeconfig).current_dir(root());
    let what = format!("helm {}", arguments.join(" "));
    tokio::task::block_in_place(|| run(command.args(arguments), None)).ok(&what)
}

const INSTALL: [&str; 6] =
    ["install", "kulisse", "charts/kulisse", "--namespace", "kulisse", "--create-namespace"];

const OPENS_THE_FENCE: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: open, namespace: '{target}' }
spec: { podSelector: {}, egress: [{}], policyTypes: [Egress] }
";

pub async fn what_lives_outlasts_an_uninstallation_behind_its_fence_and_is_taken_up_again(
    _: Arc<World>,
) {
    if let Err(why) = helm() {
        skip(&why);
    }
    let arguments = ["--mode", "control-plane"];
    let cluster = tokio::task::block_in_place(|| Cluster::start("uninstalled", &arguments));
    let cluster = cluster.unwrap_or_else(|why| skip(&why));
    helmed(&cluster, &INSTALL);
    roles_filled(&cluster).await;
    let world = World::on(cluster, "uninstalled").await;
    let objects = world.objects();
    let place = world.source("uninstalled", APPLICATION).await;
    let (it, other) =
        (place.environment("pr-1", json!({})).await, place.environment("pr-2", json!({})).await);
    let target = it.ready(s(60)).await.namespaces[0].clone();
    other.ready(s(60)).await;
    let (uid, uid_of_other) = (it.uid().await, other.uid().await);
    let target_of_other = other.target().await;

    // With the Deployment goes the operator.
    world.operator.kill();
    let before = objects.everything(Some(&target.name)).await;
    let said = helmed(&world.cluster, &["uninstall", "kulisse", "--namespace", "kulisse"]);
    for kept in ["stagingenvironments.kulisse.dev", "kulisse-fence-networkpolicies"] {
        assert!(said.contains(kept), "{kept} is not among what Helm says it keeps: {said}");
    }
    assert!(objects.find("v1 ServiceAccount", "kulisse", "kulisse").await.is_none());
    assert!(is_true(&it.status().await.conditions, ConditionType::Ready));
    assert_eq!(objects.everything(Some(&target.name)).await, before, "the clone is touched");
    let opening = crate::support::tools::yaml(&OPENS_THE_FENCE.replace("{target}", &target.name));
    let refused = objects.try_apply(&opening[0], false).await.expect_err("the fence is open");
    assert!(refused.to_string().contains("only Kulisse writes them"), "{refused}");
    // A deletion waits for the operator, and nothing of it is lost.
    other.delete().await;

    helmed(&world.cluster, &INSTALL);
    roles_filled(&world.cluster).await;
    fenced(&world.cluster, true).await;
    let operator = Operator::prepare(&world.cluster, "installed-again");
    operator.start().await;
    other.gone(s(60)).await;
    namespace_gone(objects, &target_of_other, s(20)).await;
    assert_eq!(it.ready(s(30)).await.namespaces[0].uid, target.uid, "it has another target");
    assert_eq!(objects.everything(Some(&target.name)).await, before, "the clone is written anew");
    it.patch(json!({ "lifecycle": { "ttl": "31s" } })).await;
    it.until(ConditionType::Expired, "True", "", s(90)).await;
    it.remove().await;
    nothing_is_left(&world, &uid, &target.name).await;
    nothing_is_left(&world, &uid_of_other, &target_of_other).await;
    operator.kill();
    world.finish();
}
