//! A workload without Pods: while seeds wait for their turn, while the environment sleeps, and while it
//! is frozen.

use serde_json::json;

use super::{
    kinds::{self, Shape},
    object::{Object, escape},
};
use crate::api::names;

/// Whether a schedule starts nothing.
const SUSPENDED: &str = "/spec/suspend";

/// Whether something makes Pods that it can be kept without. What never starts needs no keeping.
pub fn pausable(object: &Object) -> bool {
    kinds::profile(object).is_some_and(|it| match it.shape {
        Shape::NodeWorkload => true,
        Shape::Schedule => object.get(SUSPENDED) != Some(&json!(true)),
        _ => it.replicas.is_some(),
    })
}

/// Takes a workload's Pods away, and nothing else: claims, Services and routes stay.
pub fn pause(object: &mut Object) {
    let Some(profile) = kinds::profile(object) else { return };
    if profile.shape == Shape::Schedule {
        object.set(SUSPENDED, json!(true));
    } else if let Some(path) = profile.replicas {
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
    fn a_schedule_that_was_let_loose_starts_nothing_meanwhile() {
        let cron = |suspend: bool| {
            Object::made("batch/v1", "CronJob", "it", json!({"spec": {"suspend": suspend}}))
        };
        let mut loose = cron(false);
        assert!(pausable(&loose) && !pausable(&cron(true)));
        pause(&mut loose);
        assert_eq!(loose, cron(true));
    }

    #[test]
    fn only_what_runs_pods_all_the_time_can_be_paused() {
        for (version, kind, expected) in [
            ("apps/v1", "Deployment", true),
            ("apps/v1", "StatefulSet", true),
            ("apps/v1", "DaemonSet", true),
            ("v1", "Service", false),
            ("v1", "PersistentVolumeClaim", false),
            ("networking.k8s.io/v1", "Ingress", false),
            ("example.com/v1", "Unknown", false),
        ] {
            let object = Object::made(version, kind, "it", json!({}));
            assert_eq!(pausable(&object), expected, "{kind}");
        }
    }
}
