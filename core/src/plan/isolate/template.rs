//! What of a Pod holds only in production: it would wait here for ever, or end slowly.

use serde_json::{Value, json};

use super::super::{
    log::{Log, Rule},
    object::Object,
};

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
}
