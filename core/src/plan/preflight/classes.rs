//! Classes that the cluster has not, volumes that stay when their claims go, and volumes that are
//! production's own.
//!
//! Where it is not known which classes there are (offline, or without the right to look), nothing is
//! said. No clone has a RuntimeClass: the planner drops production's and takes no other.

use serde_json::json;

use super::{Looked, Target};
use crate::{
    api::staging_plan::Severity,
    plan::{
        kinds::{self, Shape},
        log::Log,
        places::{Place, Places},
        request::Classes,
        settle,
    },
};

/// What a finding about volumes that stay is called.
pub(in crate::plan) const RETAINED: &str = "volume-retained";

/// What is told once of a StorageClass, whatever claims name it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Volumes {
    /// They stay when the target goes: the class.
    Retained(String),
    /// Claims of one name share one: the class and the parameter that says so.
    Shared(String, String),
}

/// A sort of class, and what of a plan names one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Storage,
    Priority,
    Ingress,
}

impl Sort {
    fn kind(self) -> &'static str {
        match self {
            Self::Storage => "StorageClass",
            Self::Priority => "PriorityClass",
            Self::Ingress => "IngressClass",
        }
    }

    fn what_follows(self) -> &'static str {
        match self {
            Self::Storage => "no volume will be made for it",
            Self::Priority => "the API server refuses its Pods",
            Self::Ingress => "nobody will serve it",
        }
    }

    /// The names of the classes that there are, if that is known.
    fn known(self, classes: &Classes) -> Option<Vec<&str>> {
        let names = match self {
            Self::Storage => {
                return Some(classes.storage.as_ref()?.keys().map(String::as_str).collect());
            }
            Self::Priority => &classes.priority,
            Self::Ingress => &classes.ingress,
        };
        Some(names.as_ref()?.iter().map(String::as_str).collect())
    }

    /// What names another one.
    fn settled(self, known: &[&str]) -> String {
        // Kubernetes' own are for what keeps a cluster alive.
        let fit = known.iter().filter(|it| !it.starts_with("system-")).take(8);
        let fit: Vec<&str> = fit.copied().collect();
        let one = if fit.is_empty() {
            format!("<a {}>", self.kind())
        } else {
            format!("<one of {}>", fit.join(", "))
        };
        match self {
            Self::Storage => settle::class(&json!({ "storage": { "className": one } })),
            Self::Priority => settle::class(&json!({ "placement": { "priorityClassName": one } })),
            Self::Ingress => settle::class(&json!({ "expose": { "ingressClassName": one } })),
        }
    }
}

pub(super) fn look(
    looked: &Looked,
    target: &Target,
    volumes: &mut Vec<(Volumes, Place)>,
    log: &mut Log,
) {
    let (object, classes) = (looked.object, &target.context.request.cluster.classes);
    if let Some(spec) = kinds::pod_spec(object) {
        one(Sort::Priority, &format!("{spec}/priorityClassName"), looked, classes, log);
    }
    if object.kind() == "Ingress" && kinds::shape(object) == Shape::Route {
        one(Sort::Ingress, "/spec/ingressClassName", looked, classes, log);
    }
    let own = (kinds::shape(object) == Shape::Claim).then(String::new);
    for claim in own.into_iter().chain(kinds::claim_templates(object)) {
        let path = format!("{claim}/spec/storageClassName");
        one(Sort::Storage, &path, looked, classes, log);
        let Some(known) = &classes.storage else { continue };
        let name = match object.get(&path).and_then(|it| it.as_str()) {
            Some(name) => known.get_key_value(name),
            None => known.iter().find(|(_, it)| it.default),
        };
        if let Some((name, facts)) = name {
            let place = || (looked.key.clone(), format!("{}{path}", looked.base));
            if facts.retains {
                volumes.push((Volumes::Retained(name.clone()), place()));
            }
            if let Some(shares) = &facts.shares {
                volumes.push((Volumes::Shared(name.clone(), shares.clone()), place()));
            }
        }
        if object.get(&path).is_none() && !known.values().any(|it| it.default) {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            looked.find(
                log,
                Severity::Warns,
                &path,
                "missing-class",
                "it names no StorageClass, and the cluster has no default: no volume will be made for it"
                    .to_owned(),
                Sort::Storage.settled(&names),
            );
        }
    }
}

fn one(sort: Sort, path: &str, looked: &Looked, classes: &Classes, log: &mut Log) {
    let name = looked.object.text(path);
    let Some(known) = sort.known(classes).filter(|_| !name.is_empty()) else { return };
    if known.contains(&name) {
        return;
    }
    let why = format!("the cluster has no {} {name:?}: {}", sort.kind(), sort.what_follows());
    let settle = sort.settled(&known);
    looked.find(log, Severity::Warns, path, "missing-class", why, settle);
}

/// Says once for each class what becomes of its volumes.
pub(super) fn report(volumes: &Places<Volumes>, log: &mut Log) {
    for (what, places) in volumes.whole() {
        let Some(((first, path), others)) = places.split_first() else { continue };
        let also = match others.len() {
            0 => String::new(),
            count => format!(" (and of {count} more claims)"),
        };
        let (severity, kind, why, wanted) = match what {
            Volumes::Retained(class) => (
                Severity::Informs,
                RETAINED,
                format!(
                    "StorageClass {class} keeps the volume of this claim{also} when the target goes: the status then names what is left"
                ),
                "<a StorageClass with reclaimPolicy Delete>",
            ),
            Volumes::Shared(class, parameter) => (
                Severity::Blocks,
                "volume-shared",
                format!(
                    "StorageClass {class} gives claims of one name the same directory in every namespace ({parameter}): the volume of this claim{also} would be production's"
                ),
                "<a StorageClass whose directories are named by the namespace, too>",
            ),
        };
        let settle = settle::class(&json!({ "storage": { "className": wanted } }));
        log.find(severity, first, path, kind, why, settle);
    }
}
