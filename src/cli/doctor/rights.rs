//! What the operator must be allowed, as the chart gives it.

use k8s_openapi::api::authorization::v1::ResourceAttributes;

/// One right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// What is done.
    pub verb: &'static str,
    group: &'static str,
    /// With what.
    pub resource: &'static str,
    subresource: &'static str,
    /// Whether it is needed in the operator's own namespace only.
    own: bool,
}

const fn right(verb: &'static str, group: &'static str, resource: &'static str) -> Right {
    Right { verb, group, resource, subresource: "", own: false }
}

/// One for each thing that it does: it has them from a handful of rules, which are there or not.
pub const RIGHTS: [Right; 14] = [
    right("watch", "kulisse.dev", "stagingenvironments"),
    right("patch", "kulisse.dev", "stagingenvironments"),
    Right { subresource: "status", ..right("patch", "kulisse.dev", "stagingenvironments") },
    right("create", "kulisse.dev", "stagingplans"),
    right("watch", "kulisse.dev", "stagingclasses"),
    right("watch", "kulisse.dev", "staginggrants"),
    right("watch", "", "namespaces"),
    right("create", "", "namespaces"),
    right("delete", "", "namespaces"),
    right("create", "rbac.authorization.k8s.io", "rolebindings"),
    right("create", "events.k8s.io", "events"),
    right("watch", "apps", "deployments"),
    right("watch", "batch", "jobs"),
    Right { own: true, ..right("create", "", "secrets") },
];

impl Right {
    /// Whether an operator needs it that watches workloads, or does not.
    pub fn needed(self, watches_workloads: bool) -> bool {
        watches_workloads || !matches!(self.group, "apps" | "batch")
    }

    /// As the API server is asked for it.
    pub fn attributes(self, operator_namespace: &str) -> ResourceAttributes {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ResourceAttributes {
            verb: some(self.verb),
            group: some(self.group),
            resource: some(self.resource),
            subresource: some(self.subresource),
            namespace: self.own.then(|| operator_namespace.to_owned()),
            ..ResourceAttributes::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_that_does_not_watch_workloads_needs_no_right_to() {
        let needed = RIGHTS.iter().filter(|it| it.needed(false)).map(|it| it.resource);
        let lost: Vec<&str> = RIGHTS
            .iter()
            .map(|it| it.resource)
            .filter(|it| !needed.clone().any(|x| x == *it))
            .collect();
        assert_eq!(lost, ["deployments", "jobs"]);
        assert!(RIGHTS.iter().all(|it| it.needed(true)));
    }
}
