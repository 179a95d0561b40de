//! What of a Pod holds only in production: it would wait here for ever, or end slowly.

use serde_json::{Value, json};

use super::super::{
    kinds,
    log::{Log, Rule},
    object::Object,
};
use crate::api::staging_plan::Severity;

/// Seconds that a Pod has to end. A target is torn down as fast as its slowest Pod.
const GRACE: i64 = 60;

const EPHEMERAL: Rule =
    Rule { name: "ephemeral-container", why: "Kubernetes takes it only for a Pod that runs" };
const GATES: Rule = Rule {
    name: "scheduling-gate",
    why: "a controller of production's would have to lift it: the Pod would never start",
};
const RESOLVER: Rule = Rule {
    name: "nameserver",
    why: "the node's own name server is out of reach: names are resolved by the cluster's DNS, which the fence allows",
};
const ENDING: Rule =
    Rule { name: "grace-period", why: "the target is torn down as fast as its slowest Pod ends" };

/// Takes it, or names it.
pub(super) fn settle(object: &mut Object, spec: &str, log: &mut Log) {
    log.remove(object, &format!("{spec}/ephemeralContainers"), &EPHEMERAL);
    log.remove(object, &format!("{spec}/schedulingGates"), &GATES);
    let policy = format!("{spec}/dnsPolicy");
    if ["Default", "ClusterFirstWithHostNet"].contains(&object.text(&policy)) {
        log.remove(object, &policy, &RESOLVER);
    }
    let grace = format!("{spec}/terminationGracePeriodSeconds");
    if object.get(&grace).and_then(Value::as_i64).is_some_and(|it| it > GRACE) {
        log.set(object, &grace, json!(GRACE), &ENDING);
    }
    profiles(object, spec, log);
}

/// Profiles that lie on production's nodes.
fn profiles(object: &Object, spec: &str, log: &mut Log) {
    let places = std::iter::once(spec.to_owned()).chain(kinds::containers(object));
    for place in places {
        for profile in ["seccompProfile", "appArmorProfile"] {
            let path = format!("{place}/securityContext/{profile}/localhostProfile");
            let name = object.text(&path);
            if !name.is_empty() {
                log.find(
                    Severity::Informs,
                    &object.key(),
                    &path,
                    "local-profile",
                    format!("the profile {name} lies on nodes: where it is missing, the Pod does not start"),
                    "put it on the nodes of the class as well",
                );
            }
        }
    }
}
