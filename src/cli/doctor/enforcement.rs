//! Does this cluster enforce network policy? As far as it shows without trying. Pure.

use kulisse_core::api::{
    condition::{ConditionType, Reason, find},
    environment::StagingEnvironment,
};

use kube::ResourceExt;

use super::Check;

const NAME: &str = "fence";

/// What networks are known by the name of a DaemonSet, and whether they enforce network policy.
const NETWORKS: [(&str, &str, Option<bool>); 14] = [
    ("calico-node", "Calico", Some(true)),
    ("canal", "Canal", Some(true)),
    ("rke2-canal", "Canal", Some(true)),
    ("cilium", "Cilium", Some(true)),
    ("anetd", "GKE Dataplane V2", Some(true)),
    ("antrea-agent", "Antrea", Some(true)),
    ("kube-router", "kube-router", Some(true)),
    ("ovnkube-node", "OVN-Kubernetes", Some(true)),
    ("weave-net", "Weave Net", Some(true)),
    ("azure-npm", "Azure Network Policy Manager", Some(true)),
    ("kube-flannel-ds", "Flannel", Some(false)),
    ("kube-flannel", "Flannel", Some(false)),
    // Both do if they are told to, or are young enough.
    ("aws-node", "the Amazon VPC CNI", None),
    ("kindnet", "kindnet", None),
];

/// Judges from what probes have shown in living environments, else from what network there is.
pub fn enforcement(
    environments: &[StagingEnvironment],
    daemon_sets: &[String],
    version: &str,
) -> Check {
    let boundary = |reason: Reason| {
        environments.iter().find(|it| {
            let conditions = it.status.as_ref().map_or(&[][..], |it| &it.conditions);
            find(conditions, ConditionType::BoundaryClean)
                .is_some_and(|it| it.reason == reason.as_str())
        })
    };
    let name = |it: &StagingEnvironment| {
        format!("{}/{}", it.namespace().unwrap_or_default(), it.name_any())
    };
    if let Some(open) = boundary(Reason::EgressNotEnforced) {
        return Check::wrong(
            NAME,
            format!(
                "network policy is not enforced: production could be reached from {}",
                name(open)
            ),
            "install a network that enforces NetworkPolicy, such as Cilium or Calico",
        );
    }
    if let Some(probed) = boundary(Reason::Probed) {
        return Check::fine(
            NAME,
            format!("network policy is enforced, as the probe of {} has shown", name(probed)),
        );
    }
    let network = NETWORKS.iter().find(|it| daemon_sets.iter().any(|name| name == it.0));
    match network {
        // An enforcing one beside Flannel counts: they stand first in the table.
        Some((_, network, Some(true))) => {
            Check::fine(NAME, format!("{network} enforces network policy; each target is probed"))
        }
        Some((_, network, Some(false))) => Check::wrong(
            NAME,
            format!("{network} does not enforce network policy"),
            "install a network that does, such as Cilium or Calico: until then the probe keeps every environment from starting",
        ),
        Some((_, network, None)) => Check::doubt(
            NAME,
            format!("{network} enforces network policy only if it is set up so"),
            "the probe of the first environment shows it; until then nothing runs there",
        ),
        // It is built into the one binary.
        None if version.contains("+k3s") => Check::fine(
            NAME,
            "k3s enforces network policy, unless told otherwise; each target is probed",
        ),
        None => Check::doubt(
            NAME,
            "it is not known whether network policy is enforced",
            "the probe of the first environment shows it; until then nothing runs there",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Mark, *};

    fn environment(reason: &str) -> StagingEnvironment {
        serde_json::from_value(json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": { "name": "pr-1", "namespace": "previews" },
            "spec": { "source": { "namespace": "shop" } },
            "status": { "conditions": [{
                "type": "BoundaryClean", "status": "True", "reason": reason, "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"
            }] }
        }))
        .unwrap()
    }

    #[test]
    fn what_a_probe_has_shown_counts_more_than_what_is_installed() {
        let sets = ["kube-flannel-ds".to_owned()];
        let probed = enforcement(&[environment("Probed")], &sets, "v1.33.1");
        assert_eq!(probed.mark, Mark::Fine);
        assert!(probed.said.contains("previews/pr-1"));
        let open = [environment("Probed"), environment("EgressNotEnforced")];
        assert_eq!(enforcement(&open, &["cilium".to_owned()], "v1.33.1").mark, Mark::Wrong);
        assert_eq!(enforcement(&[environment("ProbeSkipped")], &sets, "v1.33.1").mark, Mark::Wrong);
    }

    #[test]
    fn networks_are_known_by_name_and_others_are_not_judged() {
        for (sets, version, mark) in [
            (&["cilium"][..], "v1.33.1", Mark::Fine),
            (&["kube-flannel-ds", "calico-node"], "v1.33.1", Mark::Fine),
            (&["kube-flannel-ds"], "v1.33.1", Mark::Wrong),
            (&["kindnet"], "v1.33.1", Mark::Doubt),
            (&[], "v1.33.1+k3s1", Mark::Fine),
            (&["something"], "v1.33.1", Mark::Doubt),
        ] {
            let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
            assert_eq!(enforcement(&[], &sets, version).mark, mark, "{sets:?}");
        }
    }
}
