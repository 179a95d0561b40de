//! Attempts to get beyond what one was given: by an account of a clone whose Role in production was
//! generous, by a person with `Edit`, by an administrator, and by the operator's own account if
//! somebody stole it. Each row says what is tried and what must stop it. What environments try by
//! their spec is in `overstepped.rs`.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use crate::{
    asking::{ask, may, stopped, told},
    attempts::{
        EDITOR, GENEROUS, Row, TARGET, by_the_node, fine, of_an_account, of_an_administrator,
        of_an_editor, of_the_operator, unasked,
    },
    bodies::volume,
    claims,
    support::{
        audit::OPERATOR,
        objects::Objects,
        wait::{eventually, s},
    },
    world::{APPLICATION, World},
};

pub async fn nobody_gets_beyond_what_they_were_given_in_a_clone(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("generous", &format!("{APPLICATION}{GENEROUS}")).await;
    world.class("lets-edit", &json!({ "access": { "maxRole": "Edit" } })).await;
    let access = json!([{ "subject": { "kind": "User", "name": EDITOR }, "role": "Edit" }]);
    let spec = json!({ "className": "lets-edit", "access": access });
    let it = place.environment("pr-1", spec).await;
    it.ready(s(90)).await;
    let target = it.target().await;
    let robot = format!("system:serviceaccount:{target}:robot");
    // The aggregated role and the fresh bindings hold by now, or nothing below would mean anything.
    for row in fine() {
        let by = eventually("the account has its harmless rights", s(20), || async {
            let by = tried(objects, &robot, &target, &row).await;
            if by == "nothing" { Ok(by) } else { Err(format!("{}: {by}", row.0)) }
        });
        by.await;
    }
    objects.try_create(&claims::unbound(&target), false).await.expect("a claim");
    let source = place.source.as_str();
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (who, name, rows) in [
        ("an account of the clone", robot.as_str(), of_an_account(source)),
        ("an account of the clone", robot.as_str(), claims::rows()),
        ("a person with Edit", EDITOR, of_an_editor()),
        ("an administrator", "", of_an_administrator()),
        ("the operator's account", OPERATOR, of_the_operator(source)),
    ] {
        for row in rows {
            let by = tried(objects, name, &target, &row).await;
            told(who, row.0, &by);
            if by != row.4 {
                wrong.push(format!("{who} {}: stopped by {by}, not by {}", row.0, row.4));
            }
            *counted.entry(by).or_default() += 1;
        }
    }
    for (what, mut asked) in unasked() {
        if asked["namespace"] == TARGET {
            asked["namespace"] = json!(target);
        }
        let allowed = may(objects, &robot, asked).await;
        told("an account of the clone", what, if allowed { "nothing" } else { "RBAC" });
        if allowed {
            wrong.push(format!("an account of the clone {what}: allowed"));
        }
        *counted.entry("RBAC".to_owned()).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Not by way of a controller either.
    let hidden = json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": { "name": "hidden", "namespace": target },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "hidden" } }, "template": {
            "metadata": { "labels": { "app": "hidden" } },
            "spec": volume("nfs", json!({ "server": "10.2.0.9", "path": "/" }))["spec"] } } });
    objects.try_create(&hidden, false).await.expect("a ReplicaSet");
    eventually("its Pods are refused", s(30), || async {
        let status =
            objects.get("apps/v1 ReplicaSet", &target, "hidden").await.data["status"].to_string();
        if status.contains("past every network policy") { Ok(()) } else { Err(status) }
    })
    .await;
    // Kubernetes itself binds claims as ever.
    objects.try_create(&claims::volume(&target), false).await.expect("a volume");
    eventually("the claim gets its volume", s(60), || async {
        let it = objects.get("v1 PersistentVolumeClaim", &target, claims::UNBOUND).await.data;
        if it["status"]["phase"] == "Bound" { Ok(()) } else { Err(it.to_string()) }
    })
    .await;
    objects.delete("v1 PersistentVolume", "", &target).await;
    let all: usize = counted.values().sum();
    println!(
        "figure: {all} attempts to get beyond one's rights in a clone, 0 succeeded: {counted:?}"
    );
    it.remove().await;
}

async fn tried(objects: &Objects, who: &str, target: &str, row: &Row) -> String {
    let (_, method, path, body, _) = row;
    let (code, said) = ask(objects, who, method, &path.replace(TARGET, target), body).await;
    stopped(code, &said)
}

pub async fn no_node_asks_another_host_for_a_pod_of_a_clone(world: Arc<World>) {
    let objects = world.objects();
    let place = world.source("asked-by-nodes", APPLICATION).await;
    world.class("privileged", &json!({ "podSecurity": "Privileged" })).await;
    let it = place.environment("pr-1", json!({ "className": "privileged" })).await;
    it.ready(s(90)).await;
    let target = it.target().await;
    for row in by_the_node() {
        let by = tried(objects, "", &target, &row).await;
        told("an administrator", row.0, &by);
        assert_eq!(by, row.4, "{}", row.0);
    }
    it.remove().await;
}

pub async fn the_policies_of_the_chart_are_what_the_server_takes_and_understands(
    world: Arc<World>,
) {
    let objects = world.objects();
    let kind = "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy";
    let mut seen = Vec::new();
    for policy in objects.list(kind, "").await {
        let name = policy.metadata.name.clone().unwrap_or_default();
        if !name.starts_with("kulisse-fence-") {
            continue;
        }
        // The server types every expression against the kinds that it is for.
        let warned = &policy.data["status"]["typeChecking"]["expressionWarnings"];
        assert!(warned.as_array().is_none_or(Vec::is_empty), "{name}: {warned:#}");
        seen.push(name);
    }
    seen.sort();
    let expected = ["contents", "namespaces", "networkpolicies", "rolebindings"];
    assert_eq!(seen, expected.map(|it| format!("kulisse-fence-{it}")));
}
