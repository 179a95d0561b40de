//! A workload without Pods: while seeds wait for their turn, and while the environment sleeps.

use serde_json::json;

use super::{
    kinds::{self, Shape},
    object::{Object, escape},
};
use crate::api::names;

/// Whether a workload can be kept without Pods.
pub fn pausable(object: &Object) -> bool {
    kinds::profile(object)
        .is_some_and(|it| it.replicas.is_some() || it.shape == Shape::NodeWorkload)
}

/// Takes a workload's Pods away, and nothing else: claims, Services and routes stay.
pub fn pause(object: &mut Object) {
    let Some(profile) = kinds::profile(object) else { return };
    if let Some(path) = profile.replicas {
        object.set(path, json!(0));
    } else if profile.shape == Shape::NodeWorkload {
        // There is no number of Pods to set: no node is chosen instead.
        let label = escape(names::ASLEEP_LABEL);
        object.set(&format!("/spec/template/spec/nodeSelector/{label}"), json!("true"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_workload_has_no_pods_and_is_otherwise_as_planned() {
        let mut web = Object::made(
            "apps/v1",
            "Deployment",
            "web",
            json!({"spec": {"replicas": 3, "paused": false}}),
        );
        pause(&mut web);
        assert_eq!(web.get("/spec"), Some(&json!({"replicas": 0, "paused": false})));
        let mut agent = Object::made(
            "apps/v1",
            "DaemonSet",
            "agent",
            json!({"spec": {"template": {"spec": {}}}}),
        );
        pause(&mut agent);
        assert_eq!(
            agent.get("/spec/template/spec/nodeSelector"),
            Some(&json!({"kulisse.dev/asleep": "true"}))
        );
    }

    #[test]
    fn only_what_runs_pods_all_the_time_can_be_paused() {
        for (version, kind) in [
            ("v1", "Service"),
            ("v1", "PersistentVolumeClaim"),
            ("networking.k8s.io/v1", "Ingress"),
        ] {
            assert!(!pausable(&Object::made(version, kind, "it", json!({}))), "{kind}");
        }
    }
}
