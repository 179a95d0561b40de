//! Rights that were cut from Pods that run with them.

use std::collections::BTreeSet;

use super::{Looked, Target};
use crate::{
    api::staging_plan::Severity,
    plan::{
        isolate::rights::lost,
        kinds::{self, Shape},
        log::Log,
        object::Object,
        places::listed,
    },
};

/// Says of a Role that was cut which workloads run with it, and what they lack.
pub(super) fn look(looked: &Looked, target: &Target, log: &mut Log) {
    if kinds::shape(looked.object) != Shape::Role {
        return;
    }
    let lost = target.context.by_key.get(&looked.key).map(|it| lost(it)).unwrap_or_default();
    let users = users(looked.object, target);
    if lost.is_empty() || users.is_empty() {
        return;
    }
    let lacking: Vec<String> = lost
        .into_iter()
        .map(|(resource, verbs)| {
            let verbs: Vec<String> = verbs.into_iter().collect();
            format!("{} {resource}", verbs.join("/"))
        })
        .collect();
    looked.find(
        log,
        Severity::Warns,
        "/rules",
        "role-cut",
        format!("{} runs with it and may no longer {}", listed(&users), lacking.join(", ")),
        "nothing, if it gets along without; else have it do so in another way in the clone, by what spec.env sets, say: no clone has rights that reach its fence".to_owned(),
    );
}

/// Workloads that in production might write one of some kinds, and in the clone may not.
pub(super) fn writers(target: &Target, kinds: &[&str]) -> Vec<String> {
    let roles = target.objects.iter().filter(|(_, it)| kinds::shape(it) == Shape::Role);
    let cut = roles.filter(|(key, _)| {
        let lost = target.context.by_key.get(*key).map(|it| lost(it)).unwrap_or_default();
        kinds.iter().any(|kind| lost.contains_key(*kind))
    });
    let users: BTreeSet<String> = cut.flat_map(|(_, role)| users(role, target)).collect();
    users.into_iter().collect()
}

/// Workloads that run as an account to which a Role is bound.
fn users(role: &Object, target: &Target) -> Vec<String> {
    let bound = target.objects.values().filter(|it| {
        kinds::shape(it) == Shape::RoleBinding
            && it.text("/roleRef/kind") == "Role"
            && it.text("/roleRef/name") == role.name()
    });
    let accounts: BTreeSet<&str> = bound
        .flat_map(|it| {
            let subjects = it.expand("/subjects/*").into_iter();
            let own = subjects.filter(move |at| it.text(&format!("{at}/kind")) == "ServiceAccount");
            own.map(move |at| it.text(&format!("{at}/name")))
        })
        .collect();
    let runs = |it: &&Object| {
        kinds::pod_spec(it).is_some_and(|spec| {
            let account = it.text(&format!("{spec}/serviceAccountName"));
            accounts.contains(if account.is_empty() { "default" } else { account })
        })
    };
    target.objects.values().copied().filter(runs).map(|it| it.key().to_string()).collect()
}
