//! Services answer inside the target only.

use serde_json::json;

use super::super::{
    log::{Log, Rule},
    object::Object,
};

const ADDRESS: Rule =
    Rule { name: "cluster-ip", why: "production uses this address; the clone is given its own" };
const FAMILY: Rule = Rule { name: "ip-family", why: "it is chosen with the address" };
const NODE_PORT: Rule = Rule { name: "node-port", why: "production uses this port on every node" };
const OUTSIDE: Rule = Rule {
    name: "service-inside",
    why: "it would be reachable from outside, at a cost, beside production; previews go through routes",
};
const EXTERNAL_IPS: Rule =
    Rule { name: "external-ips", why: "it would capture production's traffic to these addresses" };

const SAME_NODE: Rule = Rule {
    name: "node-local",
    why: "with fewer Pods than production there may be none on the caller's node, and it would reach nobody",
};

/// Fields that the API server takes only from Services that are reachable from outside.
const OUTSIDE_ONLY: &[&str] = &[
    "loadBalancerIP",
    "loadBalancerClass",
    "loadBalancerSourceRanges",
    "allocateLoadBalancerNodePorts",
    "externalTrafficPolicy",
];

pub(super) fn inside(object: &mut Object, log: &mut Log) {
    if object.text("/spec/clusterIP") != "None" {
        log.remove(object, "/spec/clusterIP", &ADDRESS);
        object.remove("/spec/clusterIPs");
        log.remove(object, "/spec/ipFamilies", &FAMILY);
    }
    for path in object.expand("/spec/ports/*/nodePort") {
        log.remove(object, &path, &NODE_PORT);
    }
    log.remove(object, "/spec/healthCheckNodePort", &NODE_PORT);
    log.remove(object, "/spec/externalIPs", &EXTERNAL_IPS);
    for field in OUTSIDE_ONLY {
        log.remove(object, &format!("/spec/{field}"), &OUTSIDE);
    }
    if object.text("/spec/internalTrafficPolicy") == "Local" {
        log.remove(object, "/spec/internalTrafficPolicy", &SAME_NODE);
    }
    // `audit` says where an ExternalName leads, `preflight` what has no addresses.
    if ["LoadBalancer", "NodePort"].contains(&object.text("/spec/type")) {
        log.set(object, "/spec/type", json!("ClusterIP"), &OUTSIDE);
    }
}
