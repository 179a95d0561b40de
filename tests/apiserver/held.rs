//! Deletions that something holds up: what it is stands in the status, with what to type.

use std::sync::Arc;

use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use kulisse_core::api::condition::{
    ConditionType::{Ready, Reconciling, Stalled, TeardownBlocked},
    is_true,
};
use serde_json::json;

use crate::{
    ends::nothing_is_left,
    support::{
        environment::{Environment, namespace_gone},
        objects::gvk,
        tools::root,
        wait::{eventually, s, steadily},
    },
    world::{APPLICATION, Place, World},
};

const DEFINITION: &str = "apiextensions.k8s.io/v1 CustomResourceDefinition";
const WEB: &str = "apps/v1 Deployment";

/// A source with an object of a custom kind, and a class that lets it come along.
async fn with_custom<'a>(world: &'a World, name: &str, kind: &str) -> Place<'a> {
    let plural = format!("{}s", kind.to_lowercase());
    let definition = format!(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{ name: {plural}.acme.example }}
spec:
  group: acme.example
  scope: Namespaced
  names: {{ kind: {kind}, plural: {plural} }}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema: {{ type: object, properties: {{ spec: {{ type: object, x-kubernetes-preserve-unknown-fields: true }} }} }}
"
    );
    world.objects().apply(&definition).await;
    let object = format!(
        "{APPLICATION}---
apiVersion: acme.example/v1
kind: {kind}
metadata: {{ name: one, namespace: '{{ns}}' }}
spec: {{ size: 1 }}
"
    );
    let kinds = json!([{ "group": "acme.example", "kind": kind, "action": "Clone" }]);
    world.class(&plural, &json!({ "kinds": kinds })).await;
    world.source(name, &object).await
}

/// Runs the command of kubectl's with that verb that a message tells people to type.
fn type_what_is_told(world: &World, message: &str, verb: &str) {
    let mut told =
        message.split('«').filter_map(|it| it.split('»').next()?.strip_prefix("kubectl "));
    let command = told.find(|it| it.split(' ').any(|word| word == verb)).expect("a command");
    let words: Vec<&str> = command.split_whitespace().map(|it| it.trim_matches('\'')).collect();
    world.cluster.kubectl(&words).ok(command);
}

/// Deletes an environment and waits until something is said to hold it up.
async fn held(it: &Environment<'_>) -> String {
    it.delete().await;
    let message = it.until(TeardownBlocked, "True", "TeardownBlocked", s(110)).await;
    let status = it.status().await;
    assert!(is_true(&status.conditions, Reconciling) && !is_true(&status.conditions, Stalled));
    let named = status.teardown.expect("a teardown").blocked_by;
    assert_eq!(named.join("; "), message);
    message
}

pub async fn a_finalizer_of_somebody_else_is_named_with_what_takes_it_off(world: Arc<World>) {
    let place = world.source("held", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let held_up = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "hold", "namespace": target, "finalizers": ["example.com/hold"] } });
    world.objects().try_create(&held_up, false).await.expect("a ConfigMap");
    let message = held(&it).await;
    assert!(
        message.contains("ConfigMap hold waits for its finalizer example.com/hold"),
        "{message}"
    );
    let events = it.events().await;
    assert!(events.contains("TeardownBlocked") && events.contains("example.com/hold"), "{events}");
    let there = world.objects().get("v1 ConfigMap", &target, "hold").await;
    assert_eq!(there.metadata.finalizers.as_deref(), Some(&["example.com/hold".to_owned()][..]));
    type_what_is_told(&world, &message, "patch");
    it.gone(s(60)).await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn a_finalizer_of_the_namespace_itself_is_named(world: Arc<World>) {
    let place = world.source("held-itself", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let finalizers = json!({ "metadata": { "finalizers": ["example.com/hold"] } });
    world.objects().merge("v1 Namespace", "", &target, finalizers).await;
    let message = held(&it).await;
    assert!(message.contains(&format!("Namespace {target} waits for its finalizer")), "{message}");
    type_what_is_told(&world, &message, "patch");
    it.gone(s(60)).await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn an_api_that_does_not_answer_is_named(world: Arc<World>) {
    // It holds up every namespace of its cluster.
    let (world, _turn) = world.alone().await;
    let objects = world.objects();
    let service = json!({ "namespace": "default", "name": "nowhere" });
    let dead = json!({ "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": { "name": "v1.dead.example.com" },
        "spec": { "group": "dead.example.com", "version": "v1", "service": service,
            "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true } });
    objects.try_apply(&dead, false).await.expect("an APIService");
    // That it is there keeps nobody from cloning.
    let place = world.source("dead-api", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(60)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let message = held(&it).await;
    assert!(message.contains("the API dead.example.com/v1 does not answer"), "{message}");
    type_what_is_told(world, &message, "delete");
    // The namespace controller looks again in its own time.
    it.gone(s(150)).await;
    nothing_is_left(world, &uid, &target).await;
    eventually("the APIService is gone", s(20), || async {
        let kind = "apiregistration.k8s.io/v1 APIService";
        match objects.find(kind, "", "v1.dead.example.com").await {
            None => Ok(()),
            Some(_) => Err("it is there".to_owned()),
        }
    })
    .await;
}

pub async fn custom_resources_are_cleaned_up_after_before_what_runs_goes(world: Arc<World>) {
    const WIDGET: &str = "acme.example/v1 Widget";
    let place = with_custom(&world, "widgets", "Widget").await;
    let objects = world.objects();
    let mut all = Vec::new();
    for name in ["clean", "left"] {
        let it = place.environment(name, json!({ "className": "widgets" })).await;
        it.ready(s(60)).await;
        let (uid, target) = (it.uid().await, it.target().await);
        // As its controller does, which here is nobody's.
        let finalizer = json!({ "metadata": { "finalizers": ["acme.example/cleanup"] } });
        objects.merge(WIDGET, &target, "one", finalizer).await;
        it.delete().await;
        eventually("the custom resource is being deleted", s(30), || async {
            match objects.get(WIDGET, &target, "one").await.metadata.deletion_timestamp {
                Some(_) => Ok(()),
                None => Err("not yet".to_owned()),
            }
        })
        .await;
        all.push((it, uid, target));
    }
    steadily("what runs is there", s(3), || async {
        for (it, _, target) in &all {
            let namespace = objects.get("v1 Namespace", "", target).await;
            let web = objects.find(WEB, target, "web").await;
            if namespace.metadata.deletion_timestamp.is_some()
                || web.is_none_or(|it| it.metadata.deletion_timestamp.is_some())
            {
                return Err(format!("{} is being deleted", it.name));
            }
        }
        Ok(())
    })
    .await;
    let message = all[0].0.until(Reconciling, "True", "", s(5)).await;
    assert!(message.contains("Widget one"), "{message}");
    let finalizer = json!({ "metadata": { "finalizers": null } });
    objects.merge(WIDGET, &all[0].2, "one", finalizer).await;
    all[0].0.gone(s(40)).await;
    // Nobody cleans up after the other one: it is not waited for, and what holds is named.
    let (it, _, target) = &all[1];
    let message = it.until(TeardownBlocked, "True", "", s(170)).await;
    assert!(
        message.contains("Widget one waits for its finalizer acme.example/cleanup"),
        "{message}"
    );
    assert!(objects.find(WEB, target, "web").await.is_none(), "the rest is gone");
    type_what_is_told(&world, &message, "patch");
    it.gone(s(60)).await;
    for (_, uid, target) in &all {
        nothing_is_left(&world, uid, target).await;
    }
    objects.delete(DEFINITION, "", "widgets.acme.example").await;
}

pub async fn a_kind_that_is_removed_from_the_cluster_holds_nobody_up(world: Arc<World>) {
    let place = with_custom(&world, "gadgets", "Gadget").await;
    let objects = world.objects();
    let it = place.environment("pr-1", json!({ "className": "gadgets" })).await;
    it.ready(s(60)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    assert_eq!(objects.names("acme.example/v1 Gadget", &target).await, ["one"]);
    objects.delete(DEFINITION, "", "gadgets.acme.example").await;
    eventually("the definition is gone", s(30), || async {
        let left = objects.find(DEFINITION, "", "gadgets.acme.example").await;
        left.map_or(Ok(()), |it| Err(format!("{} is there", it.name_any())))
    })
    .await;
    // Another plan is applied, and one in which the kind is left behind.
    it.patch(json!({ "images": [{ "name": "registry.example.com/web", "newTag": "2" }] })).await;
    it.ready(s(45)).await;
    it.patch(json!({ "source": { "exclude": [{ "kind": "Gadget" }] } })).await;
    it.ready(s(45)).await;
    it.remove().await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn what_an_environment_stands_on_may_go_in_any_order(world: Arc<World>) {
    let place = world.source("stands-on", APPLICATION).await;
    let objects = world.objects();
    world.class("goes", &json!({})).await;
    let it = place.environment("pr-1", json!({ "className": "goes" })).await;
    it.ready(s(45)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    // Without its class it stays what it is, and a change says what is missing.
    objects.delete("kulisse.dev/v1alpha1 StagingClass", "", "goes").await;
    it.patch(json!({ "pullRequest": { "number": 2 } })).await;
    it.until(Ready, "False", "ClassNotFound", s(30)).await;
    let namespace = objects.get("v1 Namespace", "", &target).await;
    assert!(namespace.metadata.deletion_timestamp.is_none());
    // A request namespace takes its environments along, and these their targets.
    objects.delete("v1 Namespace", "", &place.requests).await;
    namespace_gone(objects, &place.requests, s(90)).await;
    nothing_is_left(&world, &uid, &target).await;
}

pub async fn a_definition_that_is_deleted_takes_its_environments_along(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let objects = world.objects();
    let place = world.source("defined", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(60)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let name = "stagingenvironments.kulisse.dev";
    objects.delete(DEFINITION, "", name).await;
    eventually("the definition is gone", s(90), || async {
        let left = objects.find(DEFINITION, "", name).await;
        left.map_or(Ok(()), |it| Err(format!("{:?}", it.data["status"]["conditions"])))
    })
    .await;
    nothing_is_left(world, &uid, &target).await;
    // Installed again, it works again. The rights stay as other scenarios have them here.
    let definitions = root().join("deploy/crds.yaml").display().to_string();
    let words = ["apply", "--server-side", "--force-conflicts", "-f", &definitions];
    world.cluster.kubectl(&words).ok("kubectl apply -f deploy/crds.yaml");
    eventually("environments are served", s(30), || async {
        let said = world.cluster.kubectl(&["get", "stagingenvironments", "--all-namespaces"]);
        if said.code == 0 { Ok(()) } else { Err(said.err) }
    })
    .await;
    let it = place.environment("pr-2", json!({})).await;
    it.ready(s(120)).await;
    it.remove().await;
}

pub async fn a_pod_whose_node_is_away_is_named(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let objects = world.objects();
    // Nobody is on this node who could say that a Pod has ended.
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "away" },
        "spec": { "unschedulable": true } });
    objects.try_create(&node, false).await.expect("a node");
    let place = world.source("away-node", APPLICATION).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(60)).await;
    let (uid, target) = (it.uid().await, it.target().await);
    let pod = json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "stays", "namespace": target },
        "spec": { "nodeName": "away", "terminationGracePeriodSeconds": 5,
            "containers": [{ "name": "c", "image": "registry.example.com/c:1" }] } });
    objects.try_create(&pod, false).await.expect("a Pod");
    let started = json!({ "status": { "phase": "Running" } });
    let api = objects.api(&gvk("v1 Pod"), &target).await;
    let patch = Patch::Merge(&started);
    api.patch_status("stays", &PatchParams::default(), &patch).await.expect("a Pod that runs");
    let message = held(&it).await;
    assert!(message.contains("Pod stays was to be gone at"), "{message}");
    assert!(message.contains("get pod stays -o wide"), "{message}");
    type_what_is_told(world, &message, "delete");
    it.gone(s(90)).await;
    nothing_is_left(world, &uid, &target).await;
    objects.delete("v1 Node", "", "away").await;
}
