//! A second namespace is built beside the one that serves, and takes its place.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kulisse_core::api::{
    condition::{
        ConditionType::{InSync, Ready, Stalled},
        is_true,
    },
    identity::Incarnation,
    names,
    status::{StagingEnvironmentStatus, TargetRole, TaskState},
};
use serde_json::{Value, json};

use crate::{
    clones::{changed, settled},
    ends::nothing_is_left,
    support::{
        audit,
        environment::{Environment, namespace_gone, shown},
        pods,
        wait::{eventually, s},
    },
    world::{APPLICATION, Place, World, agent, one_agent},
};

const INGRESS: &str = "networking.k8s.io/v1 Ingress";

/// What leads to it from outside.
const ROUTE: &str = "
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop, namespace: '{ns}' }
spec:
  ingressClassName: production
  rules:
    - host: shop.example.com
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: api, port: { name: http } } } }] }
";

/// An environment that is rebuilt, with a seed, a smoke, and something to do at its end.
pub async fn rebuilt<'a>(place: &Place<'a>, name: &str) -> Environment<'a> {
    rebuilt_with(place, name, &json!({})).await
}

/// The same with the agent.
pub async fn rebuilt_with_agent<'a>(place: &Place<'a>, name: &str) -> Environment<'a> {
    let more =
        json!({ "overlay": { "inline": [agent()] }, "scale": { "overrides": [one_agent()] } });
    rebuilt_with(place, name, &more).await
}

async fn rebuilt_with<'a>(place: &Place<'a>, name: &str, more: &Value) -> Environment<'a> {
    let run =
        |name: &str| json!([{ "name": name, "run": { "image": "registry.example.com/t:1" } }]);
    let mut spec = json!({
        "className": "rebuilt",
        "drift": { "interval": "10s", "action": "Rebuild" },
        "seed": run("rows"), "smoke": run("checkout"), "preDelete": run("farewell"),
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let it = place.environment(name, spec).await;
    until(&it, "it is ready", "Succeeded", |status| is_true(&status.conditions, Ready)).await;
    it
}

pub async fn source<'a>(world: &'a World, name: &str) -> Place<'a> {
    let expose = json!({ "domain": "rebuilt.example.org", "ingressClassName": "previews" });
    world.class("rebuilt", &json!({ "expose": expose })).await;
    world.source(name, &format!("{APPLICATION}{ROUTE}")).await
}

/// Waits while all tasks of all of its namespaces end in that phase.
pub async fn until(
    it: &Environment<'_>,
    what: &str,
    phase: &str,
    test: impl Fn(&StagingEnvironmentStatus) -> bool,
) -> StagingEnvironmentStatus {
    eventually(what, s(90), || async {
        let status = it.status().await;
        if test(&status) {
            return Ok(status);
        }
        for target in status.namespaces.iter().filter(|_| !phase.is_empty()) {
            pods::end(it.objects, &target.name, phase).await;
        }
        let beside = status.rebuild.as_ref().map(|it| json!(it).to_string());
        Err(format!("{}\n{}", shown(&status), beside.unwrap_or_default()))
    })
    .await
}

pub async fn move_on(place: &Place<'_>, image: &str) {
    let (objects, kind) = (place.world.objects(), "apps/v1 Deployment");
    let mut spec = objects.get(kind, &place.source, "api").await.data["spec"].clone();
    spec["template"]["spec"]["containers"][0]["image"] = json!(image);
    objects.merge(kind, &place.source, "api", json!({ "spec": spec })).await;
}

pub async fn image(world: &World, target: &str) -> Value {
    let api = world.objects().get("apps/v1 Deployment", target, "api").await;
    api.data["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

/// The namespace with that role.
pub fn of(status: &StagingEnvironmentStatus, role: TargetRole) -> Option<String> {
    status.namespaces.iter().find(|it| it.role == role).map(|it| it.name.clone())
}

/// The namespace that is built, once it has a Job.
pub async fn built(it: &Environment<'_>) -> String {
    let building = |status: &StagingEnvironmentStatus| of(status, TargetRole::Building);
    let status = until(it, "another is built", "", |status| building(status).is_some()).await;
    let built = building(&status).expect("it is there");
    eventually("a task of it runs", s(30), || async {
        let jobs = it.objects.names("batch/v1 Job", &built).await;
        if jobs.is_empty() { Err(shown(&it.status().await)) } else { Ok(()) }
    })
    .await;
    built
}

pub async fn an_environment_is_rebuilt_beside_itself_and_the_old_one_goes(world: Arc<World>) {
    let place = source(&world, "rebuild").await;
    let objects = world.objects();
    let it = rebuilt(&place, "pr-1").await;
    it.annotate("kulisse.dev/extend", Some("2099-01-01T00:00:00Z")).await;
    let until_end = |status: &StagingEnvironmentStatus| status.requests.len() == 1;
    let first = until(&it, "it lives longer", "", until_end).await;
    let (uid, old) = (it.uid().await, first.namespaces[0].name.clone());
    let before = settled(objects, &old).await;
    let mark = audit::mark(world.audit_log());
    move_on(&place, "registry.example.com/api:2").await;

    // Nobody is led to what is built, and nothing moves in what serves.
    let new = built(&it).await;
    assert_ne!(old, new);
    let status = it.status().await;
    assert!(is_true(&status.conditions, Ready), "{}", shown(&status));
    assert_eq!(
        (status.serving().map(|it| &it.name), status.incarnation),
        (Some(&old), Some(Incarnation(1)))
    );
    let said = it.until(InSync, "False", "SourceChanged", s(5)).await;
    assert!(said.contains("a namespace that is to take its place is built"), "{said}");
    assert_eq!(image(&world, &new).await, "registry.example.com/api:2");
    assert_eq!(image(&world, &old).await, "registry.example.com/api:1");
    assert!(objects.names(INGRESS, &new).await.is_empty());
    assert!(changed(&before, &settled(objects, &old).await).is_empty());

    let serves =
        |status: &StagingEnvironmentStatus| status.serving().map(|it| &it.name) == Some(&new);
    let status = until(&it, "the new one serves", "Succeeded", serves).await;
    assert_eq!((status.incarnation, &status.urls), (Some(Incarnation(2)), &first.urls));
    assert_eq!((&status.started_at, &status.expires_at), (&first.started_at, &first.expires_at));
    assert_eq!(objects.names(INGRESS, &new).await, ["shop"]);
    assert!(objects.names(INGRESS, &old).await.is_empty());
    let gap = status.drift.and_then(|it| it.rebuilt).expect("it is told").gap_milliseconds;
    println!("figure: the routes moved within {gap} ms");
    assert!(objects.find("v1 Namespace", "", &old).await.is_some(), "it runs on for a moment");
    let alone = |status: &StagingEnvironmentStatus| status.rebuild.is_none();
    let status = until(&it, "the old one is gone", "Succeeded", alone).await;
    assert_eq!(status.namespaces.len(), 1, "{}", shown(&status));
    assert_eq!(status.seed[0].state, TaskState::Passed);
    namespace_gone(objects, &old, s(5)).await;
    it.until(InSync, "True", "InSync", s(30)).await;
    assert!(it.events().await.contains("Event Rebuilt"), "{}", it.events().await);
    world.operator.counts("kulisse_rebuild_gap_seconds_count").await;

    // Its routes came before the others went, and the task of the old one's end ran there.
    let requests = audit::of_operator(world.audit_log(), mark);
    let at = |verb: &str, namespace: &str, resource: &str| {
        let found = requests
            .iter()
            .find(|it| it.verb == verb && it.namespace == *namespace && it.resource == resource);
        found.map(|it| it.at)
    };
    let came = at("create", &new, "ingresses").expect("its routes came");
    let went = at("deletecollection", &old, "ingresses").expect("the others went");
    assert!(came <= went, "{came} {went}");
    assert!(at("create", &old, "jobs").is_some(), "preDelete");
    it.delete().await;
    until_gone(&it, &[&new]).await;
    nothing_is_left(&world, &uid, &new).await;
}

/// Waits until it is gone; its last tasks end meanwhile.
pub async fn until_gone(it: &Environment<'_>, targets: &[&str]) {
    eventually("it is gone", s(90), || async {
        for target in targets {
            pods::end(it.objects, target, "Succeeded").await;
        }
        match it.find().await {
            None => Ok(()),
            Some(found) => Err(shown(&found.status.unwrap_or_default())),
        }
    })
    .await;
}

pub async fn a_rebuild_that_fails_leaves_what_serves_untouched_and_says_so(world: Arc<World>) {
    let place = source(&world, "rebuild-fails").await;
    let objects = world.objects();
    let it = rebuilt(&place, "pr-1").await;
    let old = it.target().await;
    let before = settled(objects, &old).await;
    move_on(&place, "registry.example.com/api:2").await;
    let new = built(&it).await;
    pods::end(objects, &new, "Succeeded").await;
    let stuck = |status: &StagingEnvironmentStatus| is_true(&status.conditions, Stalled);
    let status = until(&it, "its seed or smoke fails", "Failed", stuck).await;
    assert!(is_true(&status.conditions, Ready), "{}", shown(&status));
    let said = it.until(Stalled, "True", "Failed", s(5)).await;
    assert!(said.contains("serves as before") && said.contains("kulisse retry"), "{said}");
    assert!(said.contains("rows") || said.contains("checkout"), "{said}");
    assert!(it.until(InSync, "False", "SourceChanged", s(5)).await.contains(&said));
    let moved = changed(&before, &settled(objects, &old).await);
    assert!(moved.is_empty(), "{moved:?}");
    assert_eq!(objects.names(INGRESS, &old).await, ["shop"]);
    assert!(objects.find("v1 Namespace", "", &new).await.is_some(), "it stays to be looked at");

    // Production moves on further: that one makes way for another, which fails as well.
    move_on(&place, "registry.example.com/api:3").await;
    let gone = |status: &StagingEnvironmentStatus| {
        !status.rebuild.as_ref().is_some_and(|it| it.role == TargetRole::Building)
    };
    until(&it, "it goes", "", gone).await;
    eventually("another is built", s(90), || async {
        for target in [&new] {
            if it.status().await.rebuild.is_some_and(|it| it.role == TargetRole::Leaving) {
                pods::end(objects, target, "Succeeded").await;
            }
        }
        let status = it.status().await;
        let building = of(&status, TargetRole::Building);
        if building.is_some() { Ok(()) } else { Err(shown(&status)) }
    })
    .await;
    let new = built(&it).await;
    assert_eq!(image(&world, &new).await, "registry.example.com/api:3");
    until(&it, "it fails, too", "Failed", stuck).await;

    // What failed runs again when asked.
    it.annotate("kulisse.dev/retry", Some("1")).await;
    let serves =
        |status: &StagingEnvironmentStatus| status.serving().map(|it| &it.name) == Some(&new);
    until(&it, "it serves", "Succeeded", serves).await;
    assert_eq!(objects.names(INGRESS, &new).await, ["shop"]);
    let all = it.status().await.namespaces;
    let all: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
    it.delete().await;
    until_gone(&it, &all).await;
}

pub async fn routes_that_are_refused_leave_the_url_where_it_was(world: Arc<World>) {
    let place = source(&world, "rebuild-refused").await;
    let objects = world.objects();
    // As an Ingress controller would that knows of no second one for a host.
    let name = "second-route";
    let spec = json!({
        "matchConstraints": {
            "namespaceSelector": { "matchLabels": { names::REQUEST_NAMESPACE_LABEL: place.requests } },
            "resourceRules": [{ "apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["ingresses"] }],
        },
        "validations": [{ "message": "denied by a test",
            "expression": format!("namespaceObject.metadata.annotations['{}'] == '1'", names::INCARNATION_ANNOTATION) }],
    });
    let bound = json!({ "policyName": name, "validationActions": ["Deny"] });
    for (kind, spec) in
        [("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", bound)]
    {
        let object = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": { "name": name }, "spec": spec });
        objects.try_apply(&object, false).await.expect("a policy");
    }
    let it = rebuilt(&place, "pr-1").await;
    let old = it.target().await;
    move_on(&place, "registry.example.com/api:2").await;
    let refused = |status: &StagingEnvironmentStatus| {
        status.rebuild.as_ref().is_some_and(|it| !it.refused.is_empty())
    };
    let status = until(&it, "its routes are refused", "Succeeded", refused).await;
    assert_eq!(objects.names(INGRESS, &old).await, ["shop"], "it is back");
    assert!(is_true(&status.conditions, Ready), "{}", shown(&status));
    let said = it.until(Stalled, "True", "Refused", s(5)).await;
    assert!(said.contains("denied by a test") && said.contains("kulisse retry"), "{said}");
    let new = of(&status, TargetRole::Building).expect("it is there");
    world.allow(name).await;
    eventually("the server takes it", s(30), || async {
        let route = objects.get(INGRESS, &old, "shop").await;
        let mut copy = json!({ "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": route.data["spec"] });
        copy["metadata"] = json!({ "name": "shop", "namespace": new });
        objects.try_create(&copy, true).await.map(|_| ()).map_err(|it| it.to_string())
    })
    .await;
    it.annotate("kulisse.dev/retry", Some("1")).await;
    let serves =
        |status: &StagingEnvironmentStatus| status.serving().map(|it| &it.name) == Some(&new);
    until(&it, "it serves", "Succeeded", serves).await;
    assert_eq!(objects.names(INGRESS, &new).await, ["shop"]);
    it.delete().await;
    until_gone(&it, &[&old, &new]).await;
}

pub async fn an_environment_deleted_during_a_rebuild_leaves_nothing(world: Arc<World>) {
    let place = source(&world, "rebuild-ends").await;
    let objects = world.objects();
    let all = [
        rebuilt(&place, "early").await,
        rebuilt(&place, "late").await,
        rebuilt(&place, "given-up").await,
    ];
    let [early, late, given_up] = &all;
    move_on(&place, "registry.example.com/api:2").await;
    let mut targets: BTreeSet<String> = BTreeSet::new();
    for it in &all {
        built(it).await;
        targets.extend(it.status().await.namespaces.into_iter().map(|it| it.name));
    }
    assert_eq!(targets.len(), 6);
    let names: Vec<&str> = targets.iter().map(String::as_str).collect();
    let mut uids = Vec::new();
    for it in &all {
        uids.push(it.uid().await);
    }
    // While it is built, right after it has taken over, and after nobody wanted it any more.
    early.delete().await;
    let replaced = |status: &StagingEnvironmentStatus| of(status, TargetRole::Leaving).is_some();
    until(late, "it serves, and the other is there", "Succeeded", replaced).await;
    late.delete().await;
    let old = given_up.status().await.serving().expect("it serves").name.clone();
    given_up.patch(json!({ "drift": { "action": "Report" } })).await;
    let alone = |status: &StagingEnvironmentStatus| status.rebuild.is_none();
    let status = until(given_up, "what is built is given up", "Succeeded", alone).await;
    assert_eq!(status.serving().expect("it serves").name, old);
    assert!(is_true(&status.conditions, Ready), "{}", shown(&status));
    given_up.delete().await;
    for it in &all {
        until_gone(it, &names).await;
    }
    for name in &names {
        namespace_gone(objects, name, s(30)).await;
        for uid in &uids {
            nothing_is_left(&world, uid, name).await;
        }
    }
}

pub async fn an_operator_killed_during_a_rebuild_goes_on_with_it(world: Arc<World>) {
    let (world, _turn) = world.alone().await;
    let place = source(world, "rebuild-killed").await;
    let objects = world.objects();
    let it = rebuilt(&place, "pr-1").await;
    let old = it.target().await;
    move_on(&place, "registry.example.com/api:2").await;
    let again = || async {
        world.operator.kill();
        world.operator.start().await;
    };
    let new = built(&it).await;
    again().await;
    assert_eq!(of(&it.status().await, TargetRole::Building), Some(new.clone()));
    // From the moment on when its routes come, several times.
    eventually("its routes come", s(90), || async {
        pods::end(objects, &new, "Succeeded").await;
        let routes = objects.names(INGRESS, &new).await;
        if routes.is_empty() { Err(shown(&it.status().await)) } else { Ok(()) }
    })
    .await;
    for _ in 0..3 {
        again().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let alone = |status: &StagingEnvironmentStatus| {
        status.rebuild.is_none() && status.serving().map(|it| &it.name) == Some(&new)
    };
    let status = until(&it, "it serves alone", "Succeeded", alone).await;
    assert_eq!((status.namespaces.len(), status.incarnation), (1, Some(Incarnation(2))));
    assert_eq!(objects.names(INGRESS, &new).await, ["shop"]);
    namespace_gone(objects, &old, s(30)).await;
    let uid = it.uid().await;
    it.delete().await;
    until_gone(&it, &[&new]).await;
    nothing_is_left(world, &uid, &new).await;
}
