//! The operator comes and goes; environments stay what they are.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;
use kulisse_core::api::{
    condition::{
        ConditionType::{Expired, InSync, Ready},
        is_true,
    },
    identity::Incarnation,
    names,
};
use serde_json::json;

use crate::{
    asking::ask,
    clones::{changed, settled},
    ends::nothing_is_left,
    support::{
        audit::{self, OPERATOR},
        environment::namespace_gone,
        objects::gvk,
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, World},
};

async fn targets(world: &World, uid: &str) -> Vec<String> {
    let all = world.objects().list("v1 Namespace", "").await.into_iter();
    let mine = all.filter(|it| {
        it.labels().get(names::ENVIRONMENT_UID_LABEL).map(String::as_str) == Some(uid)
    });
    mine.map(|it| it.name_any()).collect()
}

pub async fn an_operator_killed_right_after_the_namespace_was_made_finds_it_again(
    world: Arc<World>,
) {
    let (world, _turn) = world.alone().await;
    let place = world.source("killed", APPLICATION).await;
    // Several times: each kill comes at another moment.
    let mut all = Vec::new();
    for round in 1..=3 {
        let it = place.environment(&format!("pr-{round}"), json!({})).await;
        let uid = it.uid().await;
        let target = names::target_namespace("stg", &it.name, &uid, Incarnation(1));
        let api = world.objects().api(&gvk("v1 Namespace"), "").await;
        let started = std::time::Instant::now();
        while api.get_opt(target.as_str()).await.expect("an answer").is_none() {
            assert!(started.elapsed() < s(120), "the namespace was not made");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.operator.kill();
        let recorded = it.status().await.namespaces.len();
        println!("round {round}: killed with {recorded} namespaces recorded");
        world.operator.start().await;
        it.ready(s(60)).await;
        assert_eq!(targets(world, &uid).await, [target.as_str()], "one namespace, found again");
        assert_eq!(it.status().await.incarnation, Some(Incarnation(1)));
        it.delete().await;
        all.push((it, uid, target));
    }
    for (it, uid, target) in all {
        it.gone(s(60)).await;
        nothing_is_left(world, &uid, target.as_str()).await;
    }
}

pub async fn a_namespace_of_somebody_else_is_neither_used_nor_deleted(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let place = world.source("foreign", APPLICATION).await;
    let objects = world.objects();
    world.operator.kill();
    let it = place.environment("pr-1", json!({})).await;
    let uid = it.uid().await;
    let target = names::target_namespace("stg", "pr-1", &uid, Incarnation(1));
    // With our labels and a proof that is none: whoever may make namespaces can write those.
    let foreign = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": target.as_str(),
            "labels": { names::ENVIRONMENT_UID_LABEL: uid, names::MANAGED_BY_LABEL: names::MANAGED_BY },
            "annotations": { names::PROOF_ANNOTATION: "0123", names::INCARNATION_ANNOTATION: "1" },
        }
    });
    objects.try_create(&foreign, false).await.expect("somebody's namespace");
    let before = objects.everything(Some(target.as_str())).await;
    world.operator.start().await;
    let told = it.until(Ready, "False", "Conflict", s(20)).await;
    assert!(told.contains(target.as_str()), "{told}");
    it.remove().await;
    steadily("the namespace stays as it is", s(2), || async {
        let now = objects.get("v1 Namespace", "", target.as_str()).await;
        if now.metadata.deletion_timestamp.is_some() {
            return Err("it is being deleted".to_owned());
        }
        let new: Vec<String> = objects
            .everything(Some(target.as_str()))
            .await
            .into_keys()
            .filter(|it| {
                !before.contains_key(it)
                    && !it.contains("kube-root-ca.crt")
                    && !it.ends_with(" default")
            })
            .collect();
        if new.is_empty() { Ok(()) } else { Err(format!("{new:?}")) }
    })
    .await;
    objects.delete("v1 Namespace", "", target.as_str()).await;
    namespace_gone(objects, target.as_str(), s(30)).await;
}

pub async fn what_ends_while_the_operator_is_away_ends_when_it_is_back(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let place = world.source("away", APPLICATION).await;
    let expires = place.environment("expires", json!({ "lifecycle": { "ttl": "60s" } })).await;
    let deleted = place.environment("deleted", json!({})).await;
    let mut ends = Vec::new();
    for it in [&expires, &deleted] {
        it.ready(s(55)).await;
        ends.push((it.uid().await, it.target().await));
    }
    let expiry = expires.status().await.expires_at.expect("an end").0;
    world.operator.kill();
    deleted.delete().await;
    // Waiting for a moment that is known: there is nothing to look at.
    #[expect(clippy::disallowed_methods, reason = "the test and the server share a machine")]
    let left = (expiry - jiff::Timestamp::now()).total(jiff::Unit::Second).unwrap_or_default();
    tokio::time::sleep(Duration::from_secs_f64(left.max(0.0) + 1.0)).await;
    assert!(world.objects().find("v1 Namespace", "", &ends[0].1).await.is_some());
    world.operator.start().await;
    expires.until(Expired, "True", "", s(60)).await;
    deleted.gone(s(60)).await;
    for (uid, target) in &ends {
        nothing_is_left(world, uid, target).await;
    }
    expires.remove().await;
}

pub async fn nothing_of_twenty_environments_is_written_by_a_restart_a_class_or_production(
    world: Arc<World>,
) {
    let (world, _turn) = world.alone().await;
    let place = world.source("twenty", APPLICATION).await;
    let objects = world.objects();
    world.class("twenty", &json!({})).await;
    let spec = json!({ "className": "twenty", "drift": { "interval": "10s" } });
    let mut all = Vec::new();
    for at in 1..=20 {
        all.push(place.environment(&format!("pr-{at}"), spec.clone()).await);
    }
    let mut before = Vec::new();
    for it in &all {
        it.ready(s(90)).await;
        let target = it.target().await;
        before.push((target.clone(), settled(objects, &target).await));
    }
    let mark = audit::mark(world.audit_log());

    world.operator.stop();
    world.operator.start().await;
    // A plan made now would have a quota, and its Pods would go elsewhere.
    let placement = json!({ "nodeSelector": { "pool": "staging" } });
    let edited = json!({ "quota": { "hard": { "pods": "50" } }, "placement": placement });
    world.class("twenty", &edited).await;
    let image = json!([{ "name": "api", "image": "registry.example.com/api:2" }]);
    let template = json!({ "spec": { "template": { "spec": { "containers": image } } } });
    objects.merge("apps/v1 Deployment", &place.source, "api", template).await;
    objects.delete("v1 Service", &place.source, "api").await;
    for it in &all {
        it.until(InSync, "False", "SourceChanged", s(90)).await;
    }
    for (it, (target, before)) in all.iter().zip(&before) {
        assert!(is_true(&it.status().await.conditions, Ready), "{}", it.name);
        let moved = changed(before, &settled(objects, target).await);
        assert!(moved.is_empty(), "{target}: {moved:?}");
    }
    let asked = audit::of_operator(world.audit_log(), mark);
    let inside = |it: &&audit::Request| before.iter().any(|(target, _)| it.within(target));
    let inside: Vec<String> = asked
        .iter()
        .filter(inside)
        .filter(|it| it.verb != "watch")
        .map(audit::Request::line)
        .collect();
    println!(
        "figure: {} requests in 20 targets over a restart, an edited class and a moved production",
        inside.len()
    );
    for it in &all {
        it.delete().await;
    }
    for it in &all {
        it.gone(s(120)).await;
    }
    assert!(inside.is_empty(), "{inside:#?}");
}

pub async fn an_operator_that_is_told_to_stop_stops_in_time(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let took = world.operator.stop();
    assert!(took < s(10), "it took {took:?}");
    world.operator.start().await;
}

/// Waits until a policy on the operator's account refuses what it must, or no longer does.
async fn refuses(world: &World, policy: &str, wanted: bool) {
    let (path, object) = match policy {
        "kulisse-fence-namespaces" => (
            "/api/v1/namespaces",
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "evil" } }),
        ),
        _ => (
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
            json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": "evil" },
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kulisse-clone-writer" } }),
        ),
    };
    eventually("a policy is in force or not, as it should be", s(30), || async {
        let (code, said) = ask(world.objects(), OPERATOR, "POST", path, &object).await;
        let refused = said.contains(policy);
        if refused == wanted { Ok(()) } else { Err(format!("{code} {said}")) }
    })
    .await;
}

pub async fn where_a_fence_policy_is_missing_or_unbound_nothing_is_created(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let place = world.source("unfenced", APPLICATION).await;
    let objects = world.objects();
    for (at, (kind, name)) in [
        ("ValidatingAdmissionPolicyBinding", "kulisse-fence-namespaces"),
        ("ValidatingAdmissionPolicy", "kulisse-fence-rolebindings"),
    ]
    .into_iter()
    .enumerate()
    {
        let kind = format!("admissionregistration.k8s.io/v1 {kind}");
        let mut object = serde_json::to_value(objects.get(&kind, "", name).await).expect("JSON");
        world.operator.kill();
        objects.delete(&kind, "", name).await;
        refuses(world, name, false).await;
        world.operator.start().await;
        let it = place.environment(&format!("pr-{at}"), json!({})).await;
        let uid = it.uid().await;
        let told = it.until(Ready, "False", "FencePolicyMissing", s(20)).await;
        assert!(told.contains("ValidatingAdmissionPolicy"), "{told}");
        steadily("nothing is created", s(2), || async {
            let made = targets(world, &uid).await;
            if made.is_empty() { Ok(()) } else { Err(format!("{made:?}")) }
        })
        .await;
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"]
        {
            object["metadata"].as_object_mut().expect("metadata").remove(field);
        }
        objects.try_create(&object, false).await.expect("what was taken away");
        refuses(world, name, true).await;
        it.ready(s(60)).await;
        it.remove().await;
    }
}
