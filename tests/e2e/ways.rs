//! A Pod in a clone tries to reach production, in every way that we could think of.
//!
//! Each way is tried from production as well, by the same Pod with the same command: only what gets
//! through there shows anything by not getting through here.

mod list;

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use kube::{
    ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::json;

use self::list::{WAYS, WORDS, Way, Who};
use crate::{
    support::{
        environment::granted_source,
        objects::gvk,
        tools::yaml,
        wait::{eventually, s},
    },
    world::{Small, World},
};

/// Least number of ways: what we promise.
const PROMISED: usize = 40;

/// What commands and manifests say `{name}` for.
pub type Facts = BTreeMap<&'static str, String>;

/// Commands or manifests with these facts.
pub fn filled(text: &str, facts: &Facts) -> String {
    facts
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// What stands at a place of an object.
pub fn text(object: &DynamicObject, pointer: &str) -> String {
    let value = object.data.pointer(pointer).cloned().unwrap_or_default();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl World {
    /// A Service that is there.
    pub async fn service(&self, namespace: &str, name: &str) -> DynamicObject {
        self.objects().get("v1 Service", namespace, name).await
    }

    /// The first Pod whose name begins so.
    pub async fn pod(&self, namespace: &str, name: &str) -> DynamicObject {
        let all = self.objects().list("v1 Pod", namespace).await;
        let found = all.into_iter().find(|it| it.name_any().starts_with(name));
        found.unwrap_or_else(|| panic!("no Pod {name} in {namespace}"))
    }

    /// Waits until a workload is up.
    pub async fn is_up(&self, namespace: &str, what: &str) {
        let wait = ["-n", namespace, "rollout", "status", what, "--timeout=480s"];
        self.kubectl(&wait).await.ok(what);
    }

    /// Gives a Service an address of a load balancer, as that one's controller would.
    pub async fn balance(&self, namespace: &str, name: &str, address: &str) -> DynamicObject {
        let status = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": address }] } } });
        let services = self.objects().api(&gvk("v1 Service"), namespace).await;
        let (params, patch) = (PatchParams::default(), Patch::Merge(&status));
        services.patch_status(name, &params, &patch).await.expect("an address of a load balancer")
    }
}

/// Production, with a beacon and a spy.
async fn production(world: &World) -> (Small<'_>, Facts) {
    let (source, requests) = ("src-ways".to_owned(), "req-ways".to_owned());
    let objects = world.objects();
    granted_source(objects, &source, &requests).await;
    objects.apply(include_str!("ways/elsewhere.yaml")).await;
    // The spy's names are tied to an address that is known only once the Service is there.
    let mut facts = Facts::from([("ns", source.clone())]);
    let manifests = filled(include_str!("ways/production.yaml"), &facts);
    let (beacon, spy) = manifests.rsplit_once("---\n").expect("the spy comes last");
    objects.apply(beacon).await;
    facts.insert("service", text(&world.service(&source, "beacon").await, "/spec/clusterIP"));
    objects.apply(&filled(spy, &facts)).await;
    let outside = world.balance(&source, "beacon-outside", "198.51.100.8").await;
    world.is_up(&source, "statefulset/beacon").await;
    world.is_up(&source, "deployment/spy").await;

    let api = world.service("default", "kubernetes").await;
    let slice = objects.list("discovery.k8s.io/v1 EndpointSlice", "default").await.remove(0);
    let (address, port) = (text(&slice, "/endpoints/0/addresses/0"), text(&slice, "/ports/0/port"));
    let ingress = world.service("ingress", "ingress").await;
    let pod_ip = async |namespace, name| text(&world.pod(namespace, name).await, "/status/podIP");
    let beacon = world.pod(&source, "beacon-0").await;
    facts.extend([
        ("pod", text(&beacon, "/status/podIP")),
        ("node", text(&beacon, "/status/hostIP")),
        ("nodePort", text(&outside, "/spec/ports/0/nodePort")),
        ("api", text(&api, "/spec/clusterIP")),
        ("apiEndpoint", format!("{address}:{port}")),
        ("ingress", text(&ingress, "/spec/clusterIP")),
        ("ingressPort", text(&ingress, "/spec/ports/0/nodePort")),
        ("ingressPod", pod_ip("ingress", "ingress").await),
        ("dnsPod", pod_ip("kube-system", "coredns").await),
        ("operatorPod", pod_ip("kulisse", "kulisse").await),
        ("operatorPort", text(&world.service("kulisse", "kulisse").await, "/spec/ports/0/port")),
        ("elsewhere", text(&world.service("elsewhere", "web").await, "/spec/clusterIP")),
    ]);
    (Small { world, source, requests }, facts)
}

/// Which ways get through from a namespace: all are tried at once.
async fn tried(world: &World, here: &str, facts: &Facts) -> BTreeMap<&'static str, bool> {
    let mut facts = facts.clone();
    facts.insert("here", here.to_owned());
    let mut seen = BTreeMap::new();
    for (who, pod) in [(Who::Spy, "deployment/spy"), (Who::Stranger, "stranger")] {
        let mine: Vec<&Way> = WAYS.iter().filter(|it| it.1 == who).collect();
        let mut script = WORDS.to_owned();
        for (at, (_, _, command)) in mine.iter().enumerate() {
            let _ = writeln!(
                script,
                "( if ( {command} ) >/dev/null 2>&1; then echo {at} through; else echo {at} kept; fi ) &"
            );
        }
        script += "wait\n";
        let answer = world.exec(here, pod, &["sh", "-c", &filled(&script, &facts)]).await;
        for line in answer.ok(pod).lines() {
            let (at, how) = line.split_once(' ').expect("a number and how it went");
            seen.insert(mine[at.parse::<usize>().expect("a number")].0, how == "through");
        }
    }
    assert_eq!(seen.len(), WAYS.len(), "every way is tried, under a name of its own");
    seen
}

pub async fn of_forty_ways_to_production_none_gets_through(world: Arc<World>) {
    let (place, mut facts) = production(&world).await;
    let it = place.environment("pr-1", json!({})).await;
    it.ready(s(150)).await;
    let target = it.target().await;
    for here in [&place.source, &target] {
        facts.insert("here", here.clone());
        for object in yaml(&filled(include_str!("ways/by-hand.yaml"), &facts)) {
            if *here == target && object["spec"]["type"] == "ExternalName" {
                world.alias(&object);
            } else {
                world.objects().try_apply(&object, false).await.expect("an object");
            }
        }
        let wait = ["-n", here, "wait", "--for=condition=Ready", "pod/stranger", "--timeout=480s"];
        world.kubectl(&wait).await.ok("the stranger runs");
    }

    let outside = eventually("every way is open in production", s(90), || async {
        let seen = tried(&world, &place.source, &facts).await;
        let shut: Vec<_> = seen.iter().filter(|(_, through)| !**through).collect();
        if shut.is_empty() { Ok(seen) } else { Err(format!("{shut:?}")) }
    });
    let outside = outside.await;
    let inside = tried(&world, &target, &facts).await;

    println!("figure: {:44}  {:10}  clone", "way to production", "production");
    for (way, who, _) in WAYS {
        let shown = |seen: &BTreeMap<_, bool>| if seen[way] { "through" } else { "kept" };
        println!("figure: {way:44}  {:10}  {} ({who:?})", shown(&outside), shown(&inside));
    }
    let open: Vec<_> = inside.iter().filter(|(_, through)| **through).collect();
    println!("figure: {} of {} ways to production get through", open.len(), inside.len());
    assert!(open.is_empty(), "{open:#?}");
    assert!(inside.len() >= PROMISED);
    // The spy is cut off from production and not from the world: its own beacon answers.
    let own = format!("curl -s --max-time 5 http://beacon/ | grep 'beacon of {target}'");
    world.exec(&target, "deployment/spy", &["sh", "-c", &own]).await.ok("the clone's own beacon");
    it.remove().await;
}
