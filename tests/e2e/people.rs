//! What people may do in a clone.

use std::sync::Arc;

use crate::{support::wait::s, world::World};

/// The developer to whom the quick start gives `role: Edit`.
const EDITOR: &str = "--as=dev@example.com";

async fn may(world: &World, who: &str, target: &str, arguments: &[&str]) -> Result<String, String> {
    let mut all = vec![who, "-n", target];
    all.extend(arguments);
    let answer = world.kubectl(&all).await;
    if answer.code == 0 { Ok(answer.out) } else { Err(answer.err) }
}

pub async fn an_editor_reads_logs_and_gets_into_pods(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let editor = |arguments: &'static [&'static str]| {
        let (world, target) = (Arc::clone(&world), target.clone());
        async move { may(&world, EDITOR, &target, arguments).await }
    };
    for fine in [
        &["get", "pods,services,configmaps,deployments,networkpolicies,ingresses,events"][..],
        &["logs", "deployment/api", "--tail=1"],
        &["exec", "deployment/api", "--", "true"],
    ] {
        let answer = editor(fine).await;
        assert!(answer.is_ok(), "{fine:?}: {answer:?}");
    }
}

pub async fn an_editor_restarts_a_pod(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let restart = ["delete", "pod", "-l", "app=catalog", "--wait=false"];
    let answer = may(&world, EDITOR, &target, &restart).await;
    assert!(answer.is_ok_and(|it| it.contains("deleted")), "a Pod was deleted");
    // It comes back, and the environment with it.
    let down = ["-n", &target, "rollout", "status", "deployment/catalog", "--timeout=480s"];
    world.kubectl(&down).await.ok("the workload came back");
    world.shop().ready(s(60)).await;
}

pub async fn an_editor_can_not_open_the_fence_or_read_secrets(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let open = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: open }
spec: { podSelector: {}, egress: [{}], policyTypes: [Egress] }
";
    let apply = |text: &'static str| {
        let target = target.clone();
        let world = Arc::clone(&world);
        async move {
            tokio::task::block_in_place(|| {
                world.cluster.kubectl_with(&[EDITOR, "-n", &target, "create", "-f", "-"], text)
            })
        }
    };
    let pod = "
apiVersion: v1
kind: Pod
metadata: { name: spy }
spec: { containers: [{ name: spy, image: 'docker.io/library/busybox:1.36' }] }
";
    for text in [open, pod] {
        let answer = apply(text).await;
        assert!(answer.code != 0 && answer.err.contains("forbidden"), "{text}: {}", answer.err);
    }
    for refused in [
        &["get", "secrets"][..],
        &["get", "secret", "postgres", "-o", "yaml"],
        &["patch", "deployment", "web", "-p", r#"{"spec":{"replicas":2}}"#],
        &["scale", "deployment", "web", "--replicas=2"],
        &["label", "pod", "postgres-0", "a=b"],
        &["patch", "networkpolicy", "kulisse-default-deny", "-p", r#"{"spec":{"egress":[{}]}}"#],
        &["delete", "networkpolicy", "--all"],
        &["create", "token", "ops"],
        &["create", "configmap", "x"],
        &["create", "rolebinding", "x", "--clusterrole=admin", "--user=dev@example.com"],
        &["debug", "postgres-0", "--image=docker.io/library/busybox:1.36"],
        &["patch", "service", "web", "-p", r#"{"spec":{"type":"ExternalName"}}"#],
        &["delete", "resourcequota", "kulisse-quota"],
    ] {
        let Err(words) = may(&world, EDITOR, &target, refused).await else {
            panic!("{refused:?} was allowed");
        };
        assert!(
            words.to_lowercase().contains("forbidden") || words.contains("cannot"),
            "{refused:?}: {words}"
        );
    }
    // In production, nothing at all.
    assert!(may(&world, EDITOR, "shop", &["get", "pods"]).await.is_err());
}

pub async fn nobody_else_can_look_inside(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    for who in ["--as=somebody@example.com", "--as=system:serviceaccount:previews:default"] {
        for what in [&["get", "pods"][..], &["logs", "deployment/api"], &["get", "secrets"]] {
            assert!(may(&world, who, &target, what).await.is_err(), "{who} {what:?}");
        }
    }
}

pub async fn not_even_an_administrator_adds_a_network_policy(world: Arc<World>) {
    let (target, _) = world.clone_of_the_shop().await;
    let open = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: open }
spec: { podSelector: {}, egress: [{}], policyTypes: [Egress] }
";
    let answer = tokio::task::block_in_place(|| {
        world.cluster.kubectl_with(&["-n", &target, "create", "-f", "-"], open)
    });
    assert!(answer.code != 0 && answer.err.contains("staging environment"), "{}", answer.err);
    let all = ["-n", &target, "delete", "networkpolicy", "--all"];
    let answer = world.kubectl(&all).await;
    assert!(answer.code != 0, "the fence was deleted");
}
